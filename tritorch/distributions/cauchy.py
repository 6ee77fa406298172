"""The Cauchy distribution."""

import math
from typing import Any

from .. import _api as tt
from . import constraints
from ._families import Scalar, filled

__all__ = ["Cauchy"]


class Cauchy(Scalar):
    """The Cauchy (Lorentz) distribution; it has no mean.

    Args:
        loc: the median.
        scale: half the width at half the height.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, loc=loc, scale=scale)

    mean = property(lambda self: filled(self.loc, self._extended_shape(), math.nan))
    mode = property(lambda self: self.loc)
    variance = property(lambda self: filled(self.loc, self._extended_shape(), math.inf))

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        return self.loc + tt.empty(tuple(shape), dtype=self.loc.dtype, device=self.loc.device).cauchy_() * self.scale

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        return -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()

    def cdf(self, value: Any) -> Any:
        self._check_value(value)
        return tt.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Any) -> Any:
        return tt.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Any:
        return math.log(4 * math.pi) + self.scale.log()
