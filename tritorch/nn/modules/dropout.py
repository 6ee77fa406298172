"""Dropout: zeros at random, in training."""

from ...tensor import Tensor
from .. import functional as F
from ._declared import declared
from .module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


@declared("p={p}, inplace={inplace}")
class _DropoutNd(Module):
    p: float = 0.5
    inplace: bool = False

    def __post_init__(self) -> None:
        if self.p < 0 or self.p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {self.p}")


class Dropout(_DropoutNd):
    """In training, zeros each element with probability ``p`` and divides the others by ``1 - p``; any shape.

    Source: Hinton et al., Improving neural networks by preventing co-adaptation of feature detectors (2012).

    Args:
        p (float): the probability of a zero. Outside [0, 1] ValueError is raised. Default: 0.5
        inplace (bool): overwrite the input. Default: ``False``

    Example::

        >>> import tritorch
        >>> tritorch.nn.Dropout(0.2).eval()(tritorch.ones(2))
        tensor([1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """As :class:`Dropout`, but zeros whole channels of ``(N, C, L)`` or ``(C, L)``."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """As :class:`Dropout`, but zeros whole channels of ``(N, C, H, W)``."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """As :class:`Dropout`, but zeros whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout for networks of :class:`SELU`: keeps mean 0 and variance 1. Arguments as for :class:`Dropout`.

    Source: Klambauer et al., Self-Normalizing Neural Networks (2017).
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """As :class:`AlphaDropout`, but masks whole channels of ``(N, C, *)``."""

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
