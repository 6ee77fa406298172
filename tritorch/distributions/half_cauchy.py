"""The half-Cauchy distribution."""

import math
from typing import Any

from ._families import filled
from .cauchy import Cauchy
from .half_normal import Half

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """The absolute value of a Cauchy variable of median 0.

    Args:
        scale: of that.
    """

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    mean = property(lambda self: filled(self.scale, self._extended_shape(), math.inf))
    variance = property(lambda self: self.base_dist.variance)
