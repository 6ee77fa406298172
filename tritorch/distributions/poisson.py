"""The Poisson distribution."""

from typing import Any

from .. import _api as tt
from ..autograd import no_grad
from . import constraints
from ._families import Scalar
from .utils import broadcast_all

__all__ = ["Poisson"]


class Poisson(Scalar):
    """The number of things that happen at a constant rate.

    Args:
        rate: the mean.
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, rate=rate)

    mean = property(lambda self: self.rate)
    mode = property(lambda self: self.rate.floor())
    variance = property(lambda self: self.rate)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return tt.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        rate, value = broadcast_all(self.rate, value)
        return tt.xlogy(value, rate) - rate - tt.lgamma(value + 1)
