"""The geometric distribution."""

from typing import Any

from .. import _api as tt
from ..autograd import no_grad
from ..dtypes import finfo
from ..nn import functional as F
from . import constraints
from ._families import Binary
from .utils import broadcast_all

__all__ = ["Geometric"]


class Geometric(Binary):
    """The number of failures before the first success.

    Args:
        probs: the probability of success, above 0; or
        logits: its log-odds.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, probs, logits)
        if self._validate_args and probs is not None and not (self.probs > 0).all():
            raise ValueError(
                f"Expected parameter probs ({type(self.probs).__name__} of shape {tuple(self.probs.shape)}) of "
                f"distribution {self!r} to be positive but found invalid values:\n{self.probs[self.probs <= 0]}"
            )

    mean = property(lambda self: 1.0 / self.probs - 1.0)
    mode = property(lambda self: tt.zeros_like(self.probs))
    variance = property(lambda self: (1.0 / self.probs - 1.0) / self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            u = tt.empty(tuple(shape), dtype=self.probs.dtype, device=self.probs.device)
            u.uniform_(finfo(u.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        value, probs = broadcast_all(value, self.probs)
        failures = probs.masked_fill((probs == 1) & (value == 0), 0.0)
        return value * (-failures).log1p() + self.probs.log()

    def entropy(self) -> Any:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs
