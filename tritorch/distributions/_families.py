"""How parameters come in: broadcast against each other, or as probabilities or logits."""

from typing import Any

from .. import _api as tt
from .distribution import Distribution
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Binary", "Scalar", "filled", "one_of"]


def one_of(probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


def filled(like: Any, shape: Any, value: float) -> Any:
    """A tensor of one value, with the dtype and device of a parameter."""
    return tt.full(tuple(shape), value, dtype=like.dtype, device=like.device)


class Scalar(Distribution):
    """Distributions of numbers, whose parameters are numbers or tensors that broadcast."""

    def __init__(self, validate_args: bool | None, **parameters: Any) -> None:
        values = broadcast_all(*parameters.values())
        for name, value in zip(parameters, values, strict=True):
            setattr(self, name, value)
        super().__init__(values[0].shape, validate_args=validate_args)


class Binary(Scalar):
    """Distributions with a probability of success, given as such or as log-odds, besides other parameters."""

    def __init__(self, validate_args: bool | None, probs: Any, logits: Any, **parameters: Any) -> None:
        one_of(probs, logits)
        given = {"logits": logits} if probs is None else {"probs": probs}
        super().__init__(validate_args, **parameters, **given)

    @lazy_property
    def logits(self) -> Any:
        """The log-odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Any:
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def _param(self) -> Any:
        """Whichever was given."""
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._param.shape
