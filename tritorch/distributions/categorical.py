"""The categorical distribution."""

import math
from typing import Any

from .. import _api as tt
from ..dtypes import finfo
from . import constraints
from ._families import filled, one_of
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Categorical"]


class Categorical(Distribution):
    """One of the integers below K, each with a probability of its own.

    Args:
        probs: along the last dim, the probabilities (they are normalised); or
        logits: their logarithms, up to a constant.

    >>> import tritorch
    >>> categorical = tritorch.distributions.Categorical(tritorch.tensor([1.0, 1.0, 2.0]))
    >>> categorical.log_prob(tritorch.tensor(2)).exp()
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of(probs, logits)
        name, given = ("logits", logits) if probs is None else ("probs", probs)
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is None:
            self.logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        else:
            self.probs = probs / probs.sum(-1, keepdim=True)
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @property
    def _param(self) -> Any:
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    @property
    def _num_events(self) -> int:
        return self._param.shape[-1]

    @lazy_property
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Any:
        """The probabilities."""
        return logits_to_probs(self.logits)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter: the batch's, and K."""
        return self._param.shape

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    mean = property(lambda self: filled(self._param, self._extended_shape(), math.nan))
    mode = property(lambda self: self.probs.argmax(dim=-1))
    variance = property(lambda self: filled(self._param, self._extended_shape(), math.nan))

    def sample(self, sample_shape: Any = ()) -> Any:
        count = tt.Size(sample_shape).numel()
        rows = self.probs.detach().reshape(-1, self._num_events)
        return tt.multinomial(rows, count, True).T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        value, logits = tt.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        values = tt.arange(self._num_events, dtype=tt.int64, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
