"""Copies of a tensor with one of its windows replaced."""

from .._C import basic_index
from ._index import ALL, diagonal_window
from ._op import Op, ops
from ._schema import Dim


def _check_slice(src, window):
    if src.shape != window.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. "
            f"src size = {list(src.shape)}, slice size = {list(window.shape)}"
        )


class window_scatter(Op, function=False, method=False, has_out=False, opmath=False):
    """``input`` with ``src`` in the window that a basic ``index`` names."""

    def cpu(input, src, index: tuple):
        out = input.copy()
        window = basic_index(out, index)
        _check_slice(src, window)
        window[...] = src
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

    def eager(input, src, dim: Dim = 0, start=None, end=None, step=1):
        if step <= 0:
            raise RuntimeError("slice step must be positive")
        return ops.window_scatter(input, src, (*(ALL,) * dim, slice(start, end, step)))


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

    def cpu(input, src, offset: int = 0, dim1: Dim = 0, dim2: Dim = 1):
        if dim1 == dim2:
            raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
        out = input.copy()
        window = diagonal_window(out, offset, dim1, dim2)
        _check_slice(src, window)
        window[...] = src
        return out

    def d_input(grad, src_shape, offset, dim1, dim2):
        return grad.diagonal_scatter(grad.new_zeros(src_shape), offset, dim1, dim2)

    def d_src(grad, offset, dim1, dim2):
        return grad.diagonal(offset, dim1, dim2)


class as_strided_scatter(Op):
    """``input``, contiguous, with ``src`` in the window of that geometry: see :func:`as_strided`.

    Raises:
        RuntimeError: if ``src`` has not the shape of that window.

    Example:
        >>> import tritorch
        >>> tritorch.as_strided_scatter(tritorch.zeros(3), tritorch.ones(2), (2,), (2,))
        tensor([1., 0., 1.])
    """

    def eager(input, src, size, stride, storage_offset=None):
        out = input.clone()
        window = out.as_strided(size, stride, storage_offset)
        if src.shape != window.shape:
            _check_slice(src, window)
        window.copy_(src)
        return out
