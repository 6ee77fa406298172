"""Student's t distribution."""

import math
from typing import Any

from .. import _api as tt
from . import constraints
from ._families import Scalar
from .chi2 import Chi2
from .utils import _standard_normal

__all__ = ["StudentT"]


class StudentT(Scalar):
    """Student's t distribution.

    Args:
        df: degrees of freedom.
        loc: the median.
        scale: the width.
    """

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, df=df, loc=loc, scale=scale)

    mode = property(lambda self: self.loc)

    @property
    def mean(self) -> Any:
        return tt.where(self.df > 1, self.loc, math.nan)

    @property
    def variance(self) -> Any:
        finite = self.scale.pow(2) * self.df / (self.df - 2)
        return tt.where(self.df > 2, finite, tt.where(self.df > 1, math.inf, math.nan).to(finite.dtype))

    def rsample(self, sample_shape: Any = ()) -> Any:
        x = _standard_normal(self._extended_shape(sample_shape), self.df.dtype, self.df.device)
        z = Chi2(self.df).rsample(sample_shape)
        return self.loc + self.scale * x * tt.rsqrt(z / self.df)

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        df = self.df
        y = (value - self.loc) / self.scale
        norm = self.scale.log() + 0.5 * (df * math.pi).log() + tt.lgamma(0.5 * df) - tt.lgamma(0.5 * (df + 1.0))
        return -0.5 * (df + 1.0) * tt.log1p(y**2.0 / df) - norm

    def entropy(self) -> Any:
        half, up = 0.5 * self.df, 0.5 * (self.df + 1)
        lbeta = tt.lgamma(half) + math.lgamma(0.5) - tt.lgamma(up)
        return self.scale.log() + up * (tt.digamma(up) - tt.digamma(half)) + 0.5 * self.df.log() + lbeta
