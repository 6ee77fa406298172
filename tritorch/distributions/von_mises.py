"""The von Mises distribution."""

import math
from typing import Any

from .. import _api as tt
from ..autograd import no_grad
from . import constraints
from ._families import Scalar

__all__ = ["VonMises"]


def _log_bessel(x: Any, order: int) -> Any:
    """log I_order(x), through the exponentially scaled Bessel functions."""
    scaled = tt.namespace("special")["i0e" if order == 0 else "i1e"]
    return scaled(x).log() + x


class VonMises(Scalar):
    """The normal distribution's like on a circle.

    Args:
        loc: the mean angle.
        concentration: 1 / the variance, when it is large.
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, loc=loc, concentration=concentration)

    mean = property(lambda self: self.loc)
    mode = property(lambda self: self.loc)

    @property
    def variance(self) -> Any:
        return 1 - (_log_bessel(self.concentration, 1) - _log_bessel(self.concentration, 0)).exp()

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        kappa = self.concentration
        return kappa * tt.cos(value - self.loc) - math.log(2 * math.pi) - _log_bessel(kappa, 0)

    def sample(self, sample_shape: Any = ()) -> Any:
        """By rejection from a wrapped Cauchy distribution (Best and Fisher, 1979)."""
        with no_grad():
            shape = tuple(self._extended_shape(sample_shape))
            kappa = self.concentration.double().expand(shape)
            tau = 1 + (1 + 4 * kappa**2).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
            r = tt.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))
            angle = tt.zeros_like(kappa)
            waiting = tt.ones_like(kappa, dtype=tt.bool)
            while bool(waiting.any()):
                u1, u2, u3 = tt.rand((3, *shape), dtype=tt.float64, device=kappa.device).unbind()
                z = tt.cos(math.pi * u1)
                f = ((1 + r * z) / (r + z)).clamp(-1, 1)
                c = kappa * (r - f)
                accepted = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
                angle = tt.where(waiting & accepted, (u3 - 0.5).sign() * f.acos(), angle)
                waiting = waiting & ~accepted
            wrapped = (angle + math.pi + self.loc.double()) % (2 * math.pi) - math.pi
            return wrapped.to(self.loc.dtype)
