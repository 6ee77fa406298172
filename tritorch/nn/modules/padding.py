"""Padding of the last one, two or three dimensions.

The amounts are ``(left, right)``, ``(left, right, top, bottom)`` or ``(left, right, top, bottom, front, back)``, or one
number for all sides. Inputs are ``(N, C, *)`` or ``(C, *)``.
"""

from ...tensor import Tensor
from .. import functional as F
from .module import Module
from .utils import _ntuple

_KINDS = "Circular", "Constant", "Reflection", "Replication", "Zero"
__all__ = [f"{kind}Pad{dims}d" for kind in _KINDS for dims in (1, 2, 3)]


class _PadNd(Module):
    """Pads in one of the modes of ``F.pad``."""

    _dims: int
    _mode: str
    padding: tuple[int, ...]

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._dims)(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    """Pads with a number."""

    def __init__(self, padding: int | tuple[int, ...], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _CircularPadNd(_PadNd):
    """Pads with what stands at the other end, and checks how many dimensions there are."""

    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        least, most = self._dims + 1, self._dims + 2
        if input.dim() not in (least, most):
            raise ValueError(f"expected {least}D or {most}D input (got {input.dim()}D input)")
        return super().forward(input)


class _ReflectionPadNd(_PadNd):
    _mode = "reflect"


class _ReplicationPadNd(_PadNd):
    _mode = "replicate"


class _ZeroPadNd(_ConstantPadNd):
    """A constant padding with 0."""

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPadNd):
    """Adds ``value`` at the ends of the last dimension.

    Args:
        padding (int or tuple): how many to add at each end; negative amounts cut off.
        value (float): what to add.

    Example::

        >>> import tritorch
        >>> tritorch.nn.ConstantPad1d((1, 2), 7.0)(tritorch.zeros(1, 2))
        tensor([[7., 0., 0., 7., 7.]])
    """

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Adds ``value`` around the last two dimensions. Arguments as for :class:`ConstantPad1d`."""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Adds ``value`` around the last three dimensions. Arguments as for :class:`ConstantPad1d`."""

    _dims = 3


class ZeroPad1d(_ZeroPadNd, ConstantPad1d):
    """Adds zeros at the ends of the last dimension. ``padding`` (int or tuple): how many."""


class ZeroPad2d(_ZeroPadNd, ConstantPad2d):
    """Adds zeros around the last two dimensions. ``padding`` (int or tuple): how many.

    Example::

        >>> import tritorch
        >>> tritorch.nn.ZeroPad2d((1, 1, 2, 0))(tritorch.ones(1, 1, 3, 3)).shape
        tritorch.Size([1, 1, 5, 5])
    """


class ZeroPad3d(_ZeroPadNd, ConstantPad3d):
    """Adds zeros around the last three dimensions. ``padding`` (int or tuple): how many."""


class ReflectionPad1d(_ReflectionPadNd):
    """Mirrors the last dimension at its ends, which are not repeated. ``padding`` (int or tuple): how many.

    Example::

        >>> import tritorch
        >>> tritorch.nn.ReflectionPad1d(2)(tritorch.arange(4.0).reshape(1, 4))
        tensor([[2., 1., 0., 1., 2., 3., 2., 1.]])
    """

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Mirrors the last two dimensions at their ends. ``padding`` (int or tuple): how many."""

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Mirrors the last three dimensions at their ends. ``padding`` (int or tuple): how many."""

    _dims = 3


class ReplicationPad1d(_ReplicationPadNd):
    """Repeats the ends of the last dimension. ``padding`` (int or tuple): how often.

    Example::

        >>> import tritorch
        >>> tritorch.nn.ReplicationPad1d((2, 1))(tritorch.arange(3.0).reshape(1, 3))
        tensor([[0., 0., 0., 1., 2., 2.]])
    """

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Repeats the ends of the last two dimensions. ``padding`` (int or tuple): how often."""

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Repeats the ends of the last three dimensions. ``padding`` (int or tuple): how often."""

    _dims = 3


class CircularPad1d(_CircularPadNd):
    """Goes on with the other end of the last dimension. ``padding`` (int or tuple): how far.

    Example::

        >>> import tritorch
        >>> tritorch.nn.CircularPad1d(1)(tritorch.arange(3.0).reshape(1, 3))
        tensor([[2., 0., 1., 2., 0.]])
    """

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """Goes on with the other ends of the last two dimensions. ``padding`` (int or tuple): how far."""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """Goes on with the other ends of the last three dimensions. ``padding`` (int or tuple): how far."""

    _dims = 3
