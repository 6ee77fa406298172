"""Mixtures of distributions of one family."""

from typing import Any

from .. import _api as tt
from ..autograd import no_grad
from ..nn import functional as F
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A component, drawn by weight, and then a value of it.

    Args:
        mixture_distribution: a :class:`Categorical` of K, the weights.
        component_distribution: its last batch dimension are the K components.

    >>> import tritorch
    >>> from tritorch.distributions import Categorical, MixtureSameFamily, Normal
    >>> weights = Categorical(tritorch.tensor([0.5, 0.5]))
    >>> MixtureSameFamily(weights, Normal(tritorch.tensor([-1.0, 3.0]), 1.0)).mean
    tensor(1.)
    """

    arg_constraints: Any = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(" The Mixture distribution needs to be an  instance of tritorch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of tritorch.distributions.Distribution"
            )
        weights, components = mixture_distribution.batch_shape, component_distribution.batch_shape
        if any(
            i != 1 and j != 1 and i != j for i, j in zip(reversed(weights), reversed(components[:-1]), strict=False)
        ):
            raise ValueError(
                f"`mixture_distribution.batch_shape` ({weights}) is not compatible with "
                f"`component_distribution.batch_shape`({components[:-1]})"
            )
        count = mixture_distribution.param_shape[-1]
        if count != components[-1]:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal `component_distribution.batch_shape[-1]` "
                f"({components[-1]})"
            )
        self.mixture_distribution = mixture_distribution
        self.component_distribution = component_distribution
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(components[:-1], component_distribution.event_shape, validate_args=validate_args)

    def _expand_rest(self, new: Any, batch_shape: Any) -> None:
        new.component_distribution = self.component_distribution.expand(
            (*batch_shape, self.component_distribution.batch_shape[-1])
        )
        new.mixture_distribution = self.mixture_distribution.expand(batch_shape)
        new._event_ndims = self._event_ndims

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self.component_distribution.support)

    def _weights(self) -> Any:
        """The weights, with dimensions of size 1 for the event's."""
        probs = self.mixture_distribution.probs
        return probs.reshape(probs.shape + (1,) * self._event_ndims)

    def _pad(self, x: Any) -> Any:
        return x.unsqueeze(-1 - self._event_ndims)

    def _averaged(self, x: Any) -> Any:
        return (self._weights() * x).sum(-1 - self._event_ndims)

    @property
    def mean(self) -> Any:
        return self._averaged(self.component_distribution.mean)

    @property
    def variance(self) -> Any:
        between = (self.component_distribution.mean - self._pad(self.mean)).pow(2.0)
        return self._averaged(self.component_distribution.variance + between)

    def cdf(self, value: Any) -> Any:
        return (self.component_distribution.cdf(self._pad(value)) * self.mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        of_components = self.component_distribution.log_prob(self._pad(value))
        return tt.logsumexp(of_components + F.log_softmax(self.mixture_distribution.logits, dim=-1), dim=-1)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            which = self.mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            values = self.component_distribution.sample(sample_shape)
            dim = which.dim()
            index = which.reshape(which.shape + (1,) * (self._event_ndims + 1))
            return values.gather(dim, index.expand(which.shape + (1, *self._event_shape))).squeeze(dim)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n  {self.mixture_distribution},\n  {self.component_distribution})"
