"""The binomial distribution."""

from typing import Any

from .. import _api as tt
from ..autograd import no_grad
from ..nn import functional as F
from . import constraints
from ._families import Binary

__all__ = ["Binomial"]


class Binomial(Binary):
    """The number of successes in a number of trials.

    Args:
        total_count: how many trials.
        probs: the probability of success; or
        logits: its log-odds.
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(validate_args, probs, logits, total_count=total_count)
        self.total_count = self.total_count.to(self._param.dtype)

    mean = property(lambda self: self.total_count * self.probs)
    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))

    @property
    def mode(self) -> Any:
        return tt.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            trials = tt.rand((*shape, int(self.total_count.max())), dtype=self._param.dtype, device=self._param.device)
            counted = tt.arange(trials.shape[-1], device=trials.device) < self.total_count.unsqueeze(-1)
            return ((trials < self.probs.unsqueeze(-1)) & counted).sum(-1).to(self._param.dtype)

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        n = self.total_count
        ways = tt.lgamma(n + 1) - tt.lgamma(value + 1) - tt.lgamma(n - value + 1)
        return ways + value * F.logsigmoid(self.logits) + (n - value) * F.logsigmoid(-self.logits)

    def _one_count(self, name: str) -> int:
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{name}`.")
        return count

    def entropy(self) -> Any:
        self._one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(tt.exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Any:
        count = self._one_count("enumerate_support")
        values = tt.arange(1 + count, dtype=self._param.dtype, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
