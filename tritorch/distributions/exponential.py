"""The exponential distribution."""

from typing import Any

from .. import _api as tt
from . import constraints
from ._families import Scalar

__all__ = ["Exponential"]


class Exponential(Scalar):
    """The exponential distribution: the time until something that happens at a constant rate.

    Args:
        rate: 1 / mean.
    """

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, rate=rate)

    mean = property(lambda self: self.rate.reciprocal())
    mode = property(lambda self: tt.zeros_like(self.rate))
    stddev = property(lambda self: self.rate.reciprocal())
    variance = property(lambda self: self.rate.pow(-2))

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        return tt.empty(tuple(shape), dtype=self.rate.dtype, device=self.rate.device).exponential_() / self.rate

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Any) -> Any:
        self._check_value(value)
        return 1 - tt.exp(-self.rate * value)

    def icdf(self, value: Any) -> Any:
        return -tt.log1p(-value) / self.rate

    def entropy(self) -> Any:
        return 1.0 - tt.log(self.rate)
