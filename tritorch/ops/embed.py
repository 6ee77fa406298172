"""Copies of a tensor with one of its windows replaced."""

from .._C import basic_index, window
from ..runtime.pointwise import copy
from ..runtime.storage import owner
from ._index import ALL, check_strided, diagonal_window
from ._index_kernels import cloned
from ._op import Op, ops
from ._schema import Dim


def _check_slice(src, window):
    if src.shape != window.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. "
            f"src size = {list(src.shape)}, slice size = {list(window.shape)}"
        )


def _overwrite(window, src):
    _check_slice(src, window)
    copy(window, src)


class window_scatter(Op, function=False, method=False, has_out=False, opmath=False):
    """``input`` with ``src`` in the window that a basic ``index`` names."""

    def cpu(input, src, index: tuple):
        out = input.copy()
        window = basic_index(out, index)
        _check_slice(src, window)
        window[...] = src
        return out

    def cuda(input, src, index):
        out = cloned(input)
        _overwrite(basic_index(out, index), src)
        return out

    def d_input(grad, src_shape, index):
        return ops.window_scatter(grad, grad.new_zeros(src_shape), index)

    def d_src(grad, index):
        return grad[index]


class select_scatter(Op):
    """``input`` with ``src`` at ``index`` of ``dim``.

    Raises:
        RuntimeError: if ``src`` has not the shape of that part.

    Example:
        >>> import tritorch
        >>> tritorch.select_scatter(tritorch.zeros(2, 2), tritorch.ones(2), 0, 0)
        tensor([[1., 1.],
                [0., 0.]])
    """

    def eager(input, src, dim: Dim, index: int):
        if not input.ndim or not -input.shape[dim] <= index < input.shape[dim]:
            input.select(dim, index)
        return ops.window_scatter(input, src, (*(ALL,) * dim, index))

    def samples(make):
        yield make(3, 4), make(3), 1, 2


class slice_scatter(Op):
    """``input`` with ``src`` in the slice ``start:end:step`` of ``dim``.

    Raises:
        RuntimeError: if ``src`` has not the shape of that slice.

    Example:
        >>> import tritorch
        >>> tritorch.slice_scatter(tritorch.zeros(2, 2), tritorch.ones(1, 2), start=1)
        tensor([[0., 0.],
                [1., 1.]])
    """

    def eager(input, src, dim: Dim = 0, start: object = None, end: object = None, step: object = 1):
        if step <= 0:
            raise RuntimeError("slice step must be positive")
        return ops.window_scatter(input, src, (*(ALL,) * dim, slice(start, end, step)))

    def samples(make):
        yield make(3, 5), make(3, 2), 1, 1, 5, 2


class diagonal_scatter(Op, opmath=False):
    """``input`` with ``src`` on a diagonal: see :func:`diagonal`.

    Raises:
        RuntimeError: if ``src`` has not the shape of that diagonal.

    Example:
        >>> import tritorch
        >>> tritorch.diagonal_scatter(tritorch.zeros(2, 2), tritorch.ones(2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    def check(dim1, dim2):
        if dim1 == dim2:
            raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")

    def cuda(input, src, offset, dim1, dim2):
        out = cloned(input)
        _overwrite(diagonal_window(out, offset, dim1, dim2), src)
        return out

    def cpu(input, src, offset: int = 0, dim1: Dim = 0, dim2: Dim = 1):
        out = input.copy()
        window = diagonal_window(out, offset, dim1, dim2)
        _check_slice(src, window)
        window[...] = src
        return out

    def d_input(grad, src_shape, offset, dim1, dim2):
        return grad.diagonal_scatter(grad.new_zeros(src_shape), offset, dim1, dim2)

    def d_src(grad, offset, dim1, dim2):
        return grad.diagonal(offset, dim1, dim2)

    def samples(make):
        yield make(3, 4), make(3)
        yield make(3, 4), make(3), 1


class as_strided_scatter(Op):
    """``input``, contiguous, with ``src`` in the window of that geometry: see :func:`as_strided`.

    Raises:
        RuntimeError: if ``src`` has not the shape of that window.

    Example:
        >>> import tritorch
        >>> tritorch.as_strided_scatter(tritorch.zeros(3), tritorch.ones(2), (2,), (2,))
        tensor([1., 0., 1.])
    """

    def eager(input, src, size: object, stride: object, storage_offset: object = None):
        own = input.storage_offset()
        start = own if storage_offset is None else storage_offset
        return ops.strided_scatter(input, src, tuple(size), tuple(stride), start, own)

    def samples(make):
        yield make(3, 4), make(2, 2), (2, 2), (1, 2), 1


class strided_scatter(Op, function=False, method=False, has_out=False, opmath=False):
    """:func:`as_strided_scatter`, told the storage offset ``own`` of its input."""

    def cpu(input, src, size: tuple, stride: tuple, offset: int, own: int):
        check_strided(input, size, stride, offset)
        step, root = input.itemsize, owner(input)
        start = own * step
        flat = root.reshape(-1).view(input.dtype).copy() if root.flags.c_contiguous else input.copy().reshape(-1)
        part = window(flat, size, tuple([s * step for s in stride]), offset * step)
        _check_slice(src, part)
        part[...] = src
        return window(flat, input.shape, input.strides, start)

    def cuda(input, src, size, stride, offset, own):
        check_strided(input, size, stride, offset)
        step, root = input.itemsize, owner(input)
        start = own * step
        flat = cloned(root.reshape(-1).view(input.dtype) if root.flags.c_contiguous else input.reshape(-1))
        _overwrite(window(flat, size, tuple([s * step for s in stride]), offset * step), src)
        return window(flat, input.shape, input.strides, start)

    def d_input(grad, src_shape, size, stride, offset, own):
        return ops.strided_scatter(grad.contiguous(), grad.new_zeros(src_shape), size, stride, offset - own, 0)

    def d_src(grad, size, stride, offset, own):
        return grad.contiguous().as_strided(size, stride, offset - own)
