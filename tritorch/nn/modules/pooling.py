"""Pooling: a maximum, mean or norm over windows, or over as many windows as are asked for."""

from ...tensor import Tensor
from .. import functional as F
from ..common_types import _size_1_t, _size_2_t, _size_3_t, _size_any_opt_t, _size_any_t
from . import _max_unpooling
from ._declared import declared
from ._max_unpooling import *  # noqa: F403
from .module import Module
from .utils import _single

_KINDS = "MaxPool", "AvgPool", "LPPool", "AdaptiveMaxPool", "AdaptiveAvgPool"
__all__ = [f"{kind}{dims}d" for kind in _KINDS for dims in (1, 2, 3)] + _max_unpooling.__all__


@declared("kernel_size={kernel_size}, stride={stride}, padding={padding}, dilation={dilation}, ceil_mode={ceil_mode}")
class _MaxPoolNd(Module):
    kernel_size: _size_any_t
    stride: _size_any_t | None = None
    padding: _size_any_t = 0
    dilation: _size_any_t = 1
    return_indices: bool = False
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        if self.stride is None:
            self.stride = self.kernel_size

    def _pool(self, function, input: Tensor):
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )


class MaxPool1d(_MaxPoolNd):
    """The maximum over windows of ``(N, C, L)`` or ``(C, L)``.

    Args:
        kernel_size (int or tuple): size of the window.
        stride (int or tuple): how far the window moves. Default: ``kernel_size``
        padding (int or tuple): minus infinity added on both sides, at most half of ``kernel_size``. Default: 0
        dilation (int or tuple): distance of the window's points. Default: 1
        return_indices (bool): return the places of the maxima too, for unpooling. Default: ``False``
        ceil_mode (bool): allow a last window that reaches over the end. Default: ``False``

    Each size of the output is ``(size + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1``, rounded down, or up
    with ``ceil_mode``.

    Example::

        >>> import tritorch
        >>> tritorch.nn.MaxPool1d(2)(tritorch.tensor([[1.0, 3.0, 2.0, 0.0]]))
        tensor([[3., 2.]])
    """

    def forward(self, input: Tensor):
        return self._pool(F.max_pool1d, input)


class MaxPool2d(_MaxPoolNd):
    """The maximum over windows of ``(N, C, H, W)`` or ``(C, H, W)``. Arguments as for :class:`MaxPool1d`.

    Example::

        >>> import tritorch
        >>> tritorch.nn.MaxPool2d((3, 2), stride=(2, 1))(tritorch.randn(20, 16, 50, 32)).shape
        tritorch.Size([20, 16, 24, 31])
    """

    def forward(self, input: Tensor):
        return self._pool(F.max_pool2d, input)


class MaxPool3d(_MaxPoolNd):
    """The maximum over windows of ``(N, C, D, H, W)`` or ``(C, D, H, W)``. Arguments as for :class:`MaxPool1d`."""

    def forward(self, input: Tensor):
        return self._pool(F.max_pool3d, input)


class _AvgPoolNd(Module):
    _shows = "kernel_size={kernel_size}, stride={stride}, padding={padding}"

    def __post_init__(self) -> None:
        if self.stride is None:
            self.stride = self.kernel_size

    def extra_repr(self) -> str:
        return self._shows.format_map(self.__dict__)


@declared()
class AvgPool1d(_AvgPoolNd):
    """The mean over windows of ``(N, C, L)`` or ``(C, L)``.

    Args:
        kernel_size (int or tuple): size of the window.
        stride (int or tuple): how far the window moves. Default: ``kernel_size``
        padding (int or tuple): zeros added on both sides, at most half of ``kernel_size``. Default: 0
        ceil_mode (bool): allow a last window that reaches over the end. Default: ``False``
        count_include_pad (bool): divide by the padding's zeros too. Default: ``True``

    Each size of the output is ``(size + 2 padding - kernel_size) / stride + 1``, rounded down, or up with
    ``ceil_mode``.

    Example::

        >>> import tritorch
        >>> tritorch.nn.AvgPool1d(2)(tritorch.tensor([[1.0, 3.0, 2.0, 0.0]]))
        tensor([[2., 1.]])
    """

    kernel_size: _size_1_t
    stride: _size_1_t | None = None
    padding: _size_1_t = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kernel_size, self.stride = _single(self.kernel_size), _single(self.stride)
        self.padding = _single(self.padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPoolWithDivisor(_AvgPoolNd):
    def _pool(self, function, input: Tensor) -> Tensor:
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


@declared()
class AvgPool2d(_AvgPoolWithDivisor):
    """The mean over windows of ``(N, C, H, W)`` or ``(C, H, W)``. Arguments as for :class:`AvgPool1d`, and one more.

    Args:
        divisor_override (int, optional): what to divide by instead of the number of places.
    """

    kernel_size: _size_2_t
    stride: _size_2_t | None = None
    padding: _size_2_t = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None

    def forward(self, input: Tensor) -> Tensor:
        return self._pool(F.avg_pool2d, input)


@declared()
class AvgPool3d(_AvgPoolWithDivisor):
    """The mean over windows of ``(N, C, D, H, W)`` or ``(C, D, H, W)``. Arguments as for :class:`AvgPool2d`."""

    kernel_size: _size_3_t
    stride: _size_3_t | None = None
    padding: _size_3_t = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None

    def forward(self, input: Tensor) -> Tensor:
        return self._pool(F.avg_pool3d, input)


@declared("norm_type={norm_type}, kernel_size={kernel_size}, stride={stride}, ceil_mode={ceil_mode}")
class _LPPoolNd(Module):
    norm_type: float
    kernel_size: _size_any_t
    stride: _size_any_t | None = None
    ceil_mode: bool = False

    def _pool(self, function, input: Tensor) -> Tensor:
        return function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool1d(_LPPoolNd):
    """The norm ``(sum x^p)^(1/p)`` over windows of ``(N, C, L)`` or ``(C, L)``.

    Args:
        norm_type (float): ``p``: 1 gives the sum, infinity the maximum.
        kernel_size (int or tuple): size of the window.
        stride (int or tuple): how far the window moves. Default: ``kernel_size``
        ceil_mode (bool): allow a last window that reaches over the end. Default: ``False``
    """

    def forward(self, input: Tensor) -> Tensor:
        return self._pool(F.lp_pool1d, input)


class LPPool2d(_LPPoolNd):
    """The norm over windows of ``(N, C, H, W)`` or ``(C, H, W)``. Arguments as for :class:`LPPool1d`."""

    def forward(self, input: Tensor) -> Tensor:
        return self._pool(F.lp_pool2d, input)


class LPPool3d(_LPPoolNd):
    """The norm over windows of ``(N, C, D, H, W)`` or ``(C, D, H, W)``. Arguments as for :class:`LPPool1d`."""

    def forward(self, input: Tensor) -> Tensor:
        return self._pool(F.lp_pool3d, input)


@declared("output_size={output_size}")
class _AdaptiveMaxPoolNd(Module):
    output_size: _size_any_opt_t
    return_indices: bool = False


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The maximum over as many windows of ``(N, C, L)`` or ``(C, L)`` as are asked for.

    Args:
        output_size (int or tuple): the sizes of the output; None keeps the input's.
        return_indices (bool): return the places of the maxima too. Default: ``False``
    """

    def forward(self, input: Tensor):
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The maximum over ``(N, C, H, W)`` or ``(C, H, W)``. Arguments as for :class:`AdaptiveMaxPool1d`."""

    def forward(self, input: Tensor):
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The maximum over ``(N, C, D, H, W)`` or ``(C, D, H, W)``. Arguments as for :class:`AdaptiveMaxPool1d`."""

    def forward(self, input: Tensor):
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


@declared("output_size={output_size}")
class _AdaptiveAvgPoolNd(Module):
    output_size: _size_any_opt_t


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """The mean over as many windows of ``(N, C, L)`` or ``(C, L)`` as are asked for.

    Args:
        output_size (int or tuple): the sizes of the output; None keeps the input's.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The mean over ``(N, C, H, W)`` or ``(C, H, W)``. Arguments as for :class:`AdaptiveAvgPool1d`.

    Example::

        >>> import tritorch
        >>> tritorch.nn.AdaptiveAvgPool2d((5, None))(tritorch.randn(1, 64, 10, 9)).shape
        tritorch.Size([1, 64, 5, 9])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """The mean over ``(N, C, D, H, W)`` or ``(C, D, H, W)``. Arguments as for :class:`AdaptiveAvgPool1d`."""

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)
