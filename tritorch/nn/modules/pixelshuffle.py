"""Channels to pixels, and back."""

from ...tensor import Tensor
from .. import functional as F
from ._declared import declared
from .module import Module

__all__ = ["PixelShuffle", "PixelUnshuffle"]


@declared("upscale_factor={upscale_factor}")
class PixelShuffle(Module):
    """``(*, C r^2, H, W)`` to ``(*, C, H r, W r)``.

    Source: Shi et al., Real-Time Single Image and Video Super-Resolution (2016).

    Args:
        upscale_factor (int): ``r``.

    Example::

        >>> import tritorch
        >>> tritorch.nn.PixelShuffle(3)(tritorch.randn(1, 9, 4, 4)).shape
        tritorch.Size([1, 1, 12, 12])
    """

    upscale_factor: int

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)


@declared("downscale_factor={downscale_factor}")
class PixelUnshuffle(Module):
    """``(*, C, H r, W r)`` to ``(*, C r^2, H, W)``, which :class:`PixelShuffle` takes back.

    Args:
        downscale_factor (int): ``r``.
    """

    downscale_factor: int

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)
