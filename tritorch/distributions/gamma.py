"""The gamma distribution, and samples of it that can be differentiated."""

from typing import Any

from .. import _api as tt
from ..autograd import Function
from ..autograd.function import once_differentiable
from ..dtypes import finfo
from . import constraints
from ._families import Scalar

__all__ = ["Gamma", "standard_gamma"]


def _draw(concentration: Any) -> Any:
    """Standard gamma numbers in float64, by Marsaglia and Tsang's method (2000), those below 1 by their boost."""
    small = concentration < 1
    d = tt.where(small, concentration + 1, concentration) - 1.0 / 3.0
    c = 1.0 / (3.0 * d.sqrt())
    result = tt.zeros_like(d)
    waiting = tt.ones_like(d, dtype=tt.bool)
    while bool(waiting.any()):
        x, u = tt.randn_like(d), tt.rand_like(d)
        v = (1.0 + c * x) ** 3
        accepted = (v > 0) & ((1 - u).log() < 0.5 * x * x + d - d * v + d * v.clamp(min=1e-300).log())
        result = tt.where(waiting & accepted, d * v, result)
        waiting = waiting & ~accepted
    boost = (1 - tt.rand_like(d)).log() / concentration
    return tt.where(small, result * boost.exp(), result)


class _StandardGamma(Function):
    """Implicit differentiation (Figurnov et al., 2018): at a fixed quantile, dx/da = -(dF/da) / (dF/dx)."""

    @staticmethod
    def forward(ctx: Any, concentration: Any) -> Any:
        a = concentration.to(tt.float64)
        x = _draw(a)
        ctx.save_for_backward(a, x)
        return x.to(concentration.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Any) -> Any:
        a, x = ctx.saved_tensors
        x = x.clamp(min=1e-300)
        gammainc = tt.namespace("special")["gammainc"]
        step = 1e-5 * tt.where(a < 1, a, a.sqrt())
        by_a = (gammainc(a + step, x) - gammainc(a - step, x)) / (2 * step)
        density = ((a - 1) * x.log() - x - tt.lgamma(a)).exp()
        exact = -by_a / density
        # far below the mean F(x) is a power of x, and far above it x hardly depends on a
        low = x * (x.log() - tt.digamma(a + 1)) / -a
        usable = (density > 1e-290) & exact.isfinite() & (x > 1e-8 * a)
        return grad * tt.where(usable, exact, tt.where(x < a, low, tt.ones_like(x))).to(grad.dtype)


def standard_gamma(concentration: Any) -> Any:
    """Draws from the gamma distribution of rate 1; differentiable by :attr:`concentration`."""
    return _StandardGamma.apply(concentration)


class Gamma(Scalar):
    """The gamma distribution.

    Args:
        concentration: its shape.
        rate: 1 / scale.

    >>> import tritorch
    >>> tritorch.distributions.Gamma(2.0, 4.0).mean
    tensor(0.5000)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support: Any = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, concentration=concentration, rate=rate)

    mean = property(lambda self: self.concentration / self.rate)
    mode = property(lambda self: ((self.concentration - 1) / self.rate).clamp(min=0))
    variance = property(lambda self: self.concentration / self.rate.pow(2))

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        return value.clamp(min=finfo(value.dtype).tiny)

    def log_prob(self, value: Any) -> Any:
        value = tt.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        self._check_value(value)
        a = self.concentration
        return tt.xlogy(a, self.rate) + tt.xlogy(a - 1, value) - self.rate * value - tt.lgamma(a)

    def cdf(self, value: Any) -> Any:
        self._check_value(value)
        return tt.namespace("special")["gammainc"](self.concentration, self.rate * value)

    def entropy(self) -> Any:
        a = self.concentration
        return a - tt.log(self.rate) + tt.lgamma(a) + (1.0 - a) * tt.digamma(a)
