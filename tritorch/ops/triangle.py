"""Triangles and diagonals of matrices."""

import builtins
import functools

import numpy as np

from ..dtypes import as_dtype
from ..dtypes import from_numpy as dtype_of
from ..runtime import pointwise
from ..runtime.array import empty, upload
from ..runtime.jit import tl, triton
from ..shape import wrap_dim
from ._create_kernels import made, triangle_place, triangle_size
from ._device_fill import filled
from ._index import diagonal_window
from ._kinds import Creation
from ._op import Op
from ._schema import DType


def _mask(shape, diagonal, lower):
    rows, columns = shape[-2:]
    return (
        _kept_mask(rows, columns, diagonal, lower)
        if rows * columns <= SMALL
        else _new_mask(rows, columns, diagonal, lower)
    )


def _new_mask(rows, columns, diagonal, lower):
    across = np.arange(columns) - np.arange(rows)[:, None]
    return across <= diagonal if lower else across >= diagonal


ZERO = np.zeros((), np.int8)
SMALL = 1 << 14  # elements of a mask worth keeping
_kept_mask = functools.lru_cache(64)(_new_mask)


def _cleared(array, mask):
    out = array.copy()
    np.copyto(out, ZERO, where=mask, casting="unsafe")
    return out


@triton.jit
def triangle(value, row, column, diagonal, lower):
    if lower:
        return tl.where(column - row <= diagonal, value, tl.zeros_like(value))
    else:
        return tl.where(column - row >= diagonal, value, tl.zeros_like(value))


def _on_device(out, input, diagonal, lower):
    rows, columns = (upload(np.arange(n)) for n in input.shape[-2:])
    pointwise.pointwise(triangle, [out], [input, rows.reshape(-1, 1), columns, diagonal, lower], [None] * 5)
    return out


class tril(Op, inplace=True, opmath=False):
    """The matrices in the last two dims with zeros above the diagonal, ``diagonal`` places above the main one.

    Raises:
        RuntimeError: ``tril: input tensor must have at least 2 dimensions``.

    Example:
        >>> import tritorch
        >>> tritorch.tril(tritorch.tensor([[1, 2], [3, 4]]))
        tensor([[1, 0],
                [3, 4]])
    """

    def check(input):
        if input.ndim < 2:
            raise RuntimeError("tril: input tensor must have at least 2 dimensions")

    def cpu(input, diagonal: int = 0):
        return _cleared(input, _mask(input.shape, diagonal + 1, False))

    def cuda(input, diagonal=0):
        return _on_device(empty(input.shape, input.dtype), input, diagonal, True)

    def d_input(grad, diagonal):
        return grad.tril(diagonal)


class triu(Op, inplace=True, opmath=False):
    """The matrices in the last two dims with zeros below the diagonal, ``diagonal`` places above the main one.

    Raises:
        RuntimeError: ``triu: input tensor must have at least 2 dimensions``.

    Example:
        >>> import tritorch
        >>> tritorch.triu(tritorch.tensor([[1, 2], [3, 4]]))
        tensor([[1, 2],
                [0, 4]])
    """

    def check(input):
        if input.ndim < 2:
            raise RuntimeError("triu: input tensor must have at least 2 dimensions")

    def cpu(input, diagonal: int = 0):
        return _cleared(input, _mask(input.shape, diagonal - 1, True))

    def cuda(input, diagonal=0):
        return _on_device(empty(input.shape, input.dtype), input, diagonal, False)

    def d_input(grad, diagonal):
        return grad.triu(diagonal)


def _check_indices(name, row, col, dtype):
    for side, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{side} must be non-negative, got{n}")
    if dtype.kind not in "iu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{dtype_of(dtype).type_name}'")


def _indices(name, row, col, offset, dtype, lower):
    _check_indices(name, row, col, dtype)
    return np.stack(np.nonzero(_mask((row, col), offset, lower))).astype(dtype)


def _indices_there(name, row, col, offset, dtype, lower):
    _check_indices(name, row, col, dtype)
    size, steps = triangle_size(row, col, offset, lower), 8 * triton.cdiv(row.bit_length(), 8)
    return made(triangle_place, (2, size), dtype, size, row, col, offset, LOWER=lower, STEPS=steps)


class tril_indices(Creation, has_out=False):
    """The indices of a lower triangle, row by row: a tensor of shape (2, n).

    Example:
        >>> import tritorch
        >>> tritorch.tril_indices(2, 2)
        tensor([[0, 1, 1],
                [0, 0, 1]])
    """

    def cpu(row: int, col: int, offset: int = 0, *, dtype: DType = None):
        return _indices("tril_indices", row, col, offset, dtype, True)

    def cuda(row, col, offset=0, dtype=None):
        return _indices_there("tril_indices", row, col, offset, dtype, True)

    def dtype_rule(row, col, offset):
        return as_dtype(int)

    def samples(make):
        yield 3, 4, 1


class triu_indices(Creation, has_out=False):
    """The indices of an upper triangle, row by row: a tensor of shape (2, n).

    Example:
        >>> import tritorch
        >>> tritorch.triu_indices(2, 2)
        tensor([[0, 0, 1],
                [0, 1, 1]])
    """

    def cpu(row: int, col: int, offset: int = 0, *, dtype: DType = None):
        return _indices("triu_indices", row, col, offset, dtype, False)

    def cuda(row, col, offset=0, dtype=None):
        return _indices_there("triu_indices", row, col, offset, dtype, False)

    def dtype_rule(row, col, offset):
        return as_dtype(int)

    def samples(make):
        yield 3, 4, 1


def _embedded(input, offset, dim1, dim2):
    """The shape with the diagonals' matrices, and the dims of those."""
    rank = input.ndim + 1
    dim1, dim2 = wrap_dim(dim1, rank), wrap_dim(dim2, rank)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    if not input.ndim:
        wrap_dim(-2, 0)
    side = input.shape[-1] + builtins.abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((dim1, dim2)):
        shape.insert(d, side)
    return shape, dim1, dim2


class diag_embed(Op, has_out=False, opmath=False):
    """The last dim as the diagonals of matrices of zeros, which lie in ``dim1`` and ``dim2`` of the result.

    Raises:
        RuntimeError: ``diagonal dimensions cannot be identical 0, 0``.

    Example:
        >>> import tritorch
        >>> tritorch.diag_embed(tritorch.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """

    def cpu(input, offset: int = 0, dim1: object = -2, dim2: object = -1):
        shape, dim1, dim2 = _embedded(input, offset, dim1, dim2)
        out = np.zeros(shape, input.dtype)
        diagonal_window(out, offset, dim1, dim2)[...] = input
        return out

    def cuda(input, offset=0, dim1=-2, dim2=-1):
        shape, dim1, dim2 = _embedded(input, offset, dim1, dim2)
        out = filled(shape, input.dtype, 0)
        pointwise.copy(diagonal_window(out, offset, dim1, dim2), input)
        return out

    def d_input(grad, offset, dim1, dim2):
        return grad.diagonal(offset, dim1, dim2)


class diag(Op):
    """The diagonal of a matrix, as a copy; or the matrix with a vector on its diagonal.

    Raises:
        RuntimeError: ``diag(): Supports 1D or 2D tensors. Got 3D``.

    Example:
        >>> import tritorch
        >>> tritorch.diag(tritorch.tensor([1, 2])), tritorch.diag(tritorch.tensor([[1, 2], [3, 4]]))
        (tensor([[1, 0],
                [0, 2]]), tensor([1, 4]))
    """

    def eager(input, diagonal: object = 0):
        if input.ndim not in (1, 2):
            raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
        return input.diag_embed(diagonal) if input.ndim == 1 else input.diagonal(diagonal).clone()

    def samples(make):
        yield make(3, 4)
        yield make(3), 1


class diagflat(Op, has_out=False):
    """The flat tensor on the diagonal of a matrix of zeros.

    Example:
        >>> import tritorch
        >>> tritorch.diagflat(tritorch.tensor([[1], [2]]))
        tensor([[1, 0],
                [0, 2]])
    """

    def eager(input, offset: object = 0):
        return input.reshape(-1).diag_embed(offset)

    def samples(make):
        yield make(3)
        yield make(2, 2), 1
