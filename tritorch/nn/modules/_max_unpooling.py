"""Maxima put back to their places, and maxima over windows of random size."""

from collections.abc import Sequence

from ...tensor import Tensor
from .. import functional as F
from ..common_types import _size_any_t
from .module import Module
from .utils import _ntuple

__all__ = ["FractionalMaxPool2d", "FractionalMaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]


class _MaxUnpoolNd(Module):
    _dims: int

    def __init__(self, kernel_size: _size_any_t, stride: _size_any_t | None = None, padding: _size_any_t = 0) -> None:
        super().__init__()
        as_tuple = _ntuple(self._dims)
        self.kernel_size = as_tuple(kernel_size)
        self.stride = as_tuple(kernel_size if stride is None else stride)
        self.padding = as_tuple(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        unpool = getattr(F, f"max_unpool{self._dims}d")
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Puts the maxima of :class:`MaxPool1d` back to where they were, and zeros elsewhere.

    Args:
        kernel_size, stride, padding: those of the pooling.

    ``forward(input, indices, output_size=None)`` takes the output and the indices of the pooling and, where several
    sizes are possible, the size of its input.

    Example::

        >>> import tritorch
        >>> pool, unpool = tritorch.nn.MaxPool1d(2, return_indices=True), tritorch.nn.MaxUnpool1d(2)
        >>> unpool(*pool(tritorch.tensor([[1.0, 3.0, 2.0, 0.0]])))
        tensor([[0., 3., 2., 0.]])
    """

    _dims = 1


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts the maxima of :class:`MaxPool2d` back. Arguments as for :class:`MaxUnpool1d`."""

    _dims = 2


class MaxUnpool3d(_MaxUnpoolNd):
    """Puts the maxima of :class:`MaxPool3d` back. Arguments as for :class:`MaxUnpool1d`."""

    _dims = 3


class _FractionalMaxPoolNd(Module):
    _dims: int

    def __init__(
        self,
        kernel_size: _size_any_t,
        output_size: _size_any_t | None = None,
        output_ratio: float | tuple[float, ...] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        as_tuple, name = _ntuple(self._dims), type(self).__name__
        self.kernel_size = as_tuple(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else as_tuple(output_size)
        self.output_ratio = None if output_ratio is None else as_tuple(output_ratio)
        if any(size <= 0 for size in self.kernel_size):
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Tensor):
        return getattr(F, f"fractional_max_pool{self._dims}d")(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The maximum over windows of ``(N, C, H, W)`` or ``(C, H, W)`` that are placed at random.

    Source: Graham, Fractional Max-Pooling (2014).

    Args:
        kernel_size (int or tuple): size of the window.
        output_size (int or tuple, optional): the sizes of the output; or
        output_ratio (float or tuple, optional): the sizes of the output over those of the input, between 0 and 1.
        return_indices (bool): return the places of the maxima too. Default: ``False``
    """

    _dims = 2


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The maximum over windows of ``(N, C, T, H, W)`` or ``(C, T, H, W)``. See :class:`FractionalMaxPool2d`."""

    _dims = 3
