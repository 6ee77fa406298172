"""The Laplace distribution."""

from typing import Any

from .. import _api as tt
from ..dtypes import finfo
from . import constraints
from ._families import Scalar

__all__ = ["Laplace"]


class Laplace(Scalar):
    """The Laplace distribution: exponential to both sides.

    Args:
        loc: the mean.
        scale: the mean distance from it.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, loc=loc, scale=scale)

    mean = property(lambda self: self.loc)
    mode = property(lambda self: self.loc)
    stddev = property(lambda self: 2**0.5 * self.scale)
    variance = property(lambda self: 2 * self.scale.pow(2))

    def rsample(self, sample_shape: Any = ()) -> Any:
        u = tt.empty(tuple(self._extended_shape(sample_shape)), dtype=self.loc.dtype, device=self.loc.device)
        u.uniform_(finfo(u.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * tt.log1p(-u.abs())

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        return -tt.log(2 * self.scale) - tt.abs(value - self.loc) / self.scale

    def cdf(self, value: Any) -> Any:
        self._check_value(value)
        distance = value - self.loc
        return 0.5 - 0.5 * distance.sign() * tt.expm1(-distance.abs() / self.scale)

    def icdf(self, value: Any) -> Any:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * tt.log1p(-2 * term.abs())

    def entropy(self) -> Any:
        return 1 + tt.log(2 * self.scale)
