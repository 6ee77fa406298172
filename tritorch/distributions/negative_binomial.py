"""The negative binomial distribution."""

from typing import Any

from .. import _api as tt
from ..autograd import no_grad
from ..nn import functional as F
from . import constraints
from ._families import Binary
from .gamma import Gamma

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Binary):
    """The number of successes before a number of failures.

    Args:
        total_count: how many failures.
        probs: the probability of success, below 1; or
        logits: its log-odds.
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(validate_args, probs, logits, total_count=total_count)
        self.total_count = self.total_count.to(self._param.dtype)

    mean = property(lambda self: self.total_count * tt.exp(self.logits))
    mode = property(lambda self: ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0))
    variance = property(lambda self: self.mean / tt.sigmoid(-self.logits))

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            rate = Gamma(self.total_count, tt.exp(-self.logits), validate_args=False).sample(sample_shape)
            return tt.poisson(rate)

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        n = self.total_count
        norm = tt.lgamma(1.0 + value) + tt.lgamma(n) - tt.lgamma(n + value)
        norm = norm.masked_fill(n + value == 0.0, 0.0)
        return n * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits) - norm
