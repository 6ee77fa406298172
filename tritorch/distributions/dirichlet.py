"""The Dirichlet distribution."""

from typing import Any

from .. import _api as tt
from ..dtypes import finfo
from ..nn import functional as F
from . import constraints
from .distribution import Distribution
from .gamma import standard_gamma

__all__ = ["Dirichlet"]


class Dirichlet(Distribution):
    """The Dirichlet distribution on the simplex.

    Args:
        concentration: a vector (or a batch of them) of positive weights.

    >>> import tritorch
    >>> tritorch.distributions.Dirichlet(tritorch.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Any:
        weights = standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)))
        weights = weights.clamp(min=finfo(weights.dtype).tiny)
        return weights / weights.sum(-1, keepdim=True)

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        a = self.concentration
        return tt.xlogy(a - 1.0, value).sum(-1) + tt.lgamma(a.sum(-1)) - tt.lgamma(a).sum(-1)

    @property
    def mean(self) -> Any:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Any:
        excess = (self.concentration - 1).clamp(min=0.0)
        inner = excess / excess.sum(-1, keepdim=True)
        corner = F.one_hot(inner.argmax(dim=-1), excess.shape[-1]).to(inner.dtype)
        return tt.where((self.concentration < 1).all(-1).unsqueeze(-1), corner, inner)

    @property
    def variance(self) -> Any:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def entropy(self) -> Any:
        a, k = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        normalizer = tt.lgamma(a).sum(-1) - tt.lgamma(total)
        return normalizer - (k - total) * tt.digamma(total) - ((a - 1.0) * tt.digamma(a)).sum(-1)
