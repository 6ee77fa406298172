"""Images to columns of windows, and back."""

from ...tensor import Tensor
from .. import functional as F
from ..common_types import _size_any_t
from ._declared import declared
from .module import Module

__all__ = ["Fold", "Unfold"]


@declared(
    "output_size={output_size}, kernel_size={kernel_size}, dilation={dilation}, padding={padding}, stride={stride}"
)
class Fold(Module):
    """Adds up windows, given as columns, into images.

    Args:
        output_size (int or tuple): the sizes of the images.
        kernel_size (int or tuple): the sizes of the windows.
        dilation (int or tuple): distance of a window's points. Default: 1
        padding (int or tuple): zeros around the images that were there. Default: 0
        stride (int or tuple): how far the windows are apart. Default: 1

    Shape:
        - Input: ``(N, C prod(kernel_size), L)`` or without ``N``, ``L`` windows
        - Output: ``(N, C, *output_size)`` or without ``N``

    Example::

        >>> import tritorch
        >>> tritorch.nn.Fold((4, 5), (2, 2))(tritorch.randn(1, 3 * 2 * 2, 12)).shape
        tritorch.Size([1, 3, 4, 5])
    """

    output_size: _size_any_t
    kernel_size: _size_any_t
    dilation: _size_any_t = 1
    padding: _size_any_t = 0
    stride: _size_any_t = 1

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)


@declared("kernel_size={kernel_size}, dilation={dilation}, padding={padding}, stride={stride}")
class Unfold(Module):
    """Takes all windows of images, as columns. Arguments as for :class:`Fold`.

    Shape:
        - Input: ``(N, C, *)``
        - Output: ``(N, C prod(kernel_size), L)``

    Example::

        >>> import tritorch
        >>> tritorch.nn.Unfold(kernel_size=(2, 3))(tritorch.randn(2, 5, 3, 4)).shape
        tritorch.Size([2, 30, 4])
    """

    kernel_size: _size_any_t
    dilation: _size_any_t = 1
    padding: _size_any_t = 0
    stride: _size_any_t = 1

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)
