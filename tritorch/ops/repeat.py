"""The elements again, or in another order: repeat, tile, roll, flip, rotate."""

import numpy as np

from .. import _C
from .._C import TensorBase
from ..dtypes import int64
from ..errors import not_implemented
from ..runtime import pointwise
from ..runtime.array import DeviceArray, empty
from ..runtime.transfer import packed, to_host
from ..shape import wrap_dim
from ._device_fill import joined
from ._op import REGISTRY, Op
from ._schema import Dim, Shape


def _repeats(make):
    yield make(2, 3), (2, 1, 2)
    yield make(), (3,)


def _repeated(input, repeats):
    """(the old shape in the new rank, the new shape, the new one with each dim as repeats by elements)"""
    lead = len(repeats) - input.ndim
    if lead < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    old = (1,) * lead + input.shape
    shape = [r * n for r, n in zip(repeats, old, strict=True)]
    if any(r < 0 for r in repeats):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {shape}")
    return old, shape, [n for pair in zip(repeats, old, strict=True) for n in pair]


class repeat(Op, function=False, has_out=False, opmath=False):
    """The tensor ``repeats[d]`` times along each dim; new dims come in front.

    Raises:
        RuntimeError: for fewer repeats than dims.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """

    def cpu(input, repeats: Shape):
        old, shape, parts = _repeated(input, repeats)
        out = np.empty(shape, input.dtype)
        out.reshape(parts)[...] = input.reshape([m for n in old for m in (1, n)])
        return out

    def cuda(input, repeats):
        old, shape, parts = _repeated(input, repeats)
        out = empty(shape, input.dtype)
        pointwise.copy(out.reshape(parts), packed(input).reshape([m for n in old for m in (1, n)]))
        return out

    def d_input(grad, input_shape, repeats):
        if 0 in repeats:
            return grad.new_zeros(input_shape)
        old = (1,) * (len(repeats) - len(input_shape)) + tuple(input_shape)
        parts = grad.reshape([n for pair in zip(repeats, old, strict=True) for n in pair])
        dims = [2 * d for d, r in enumerate(repeats) if r != 1]
        return (parts.sum(dims) if dims else parts).reshape(input_shape)

    samples = _repeats


class tile(Op, has_out=False):
    """The tensor ``dims[d]`` times along each dim; fewer numbers than dims are those of the last ones.

    Example:
        >>> import tritorch
        >>> tritorch.tile(tritorch.tensor([[1], [2]]), (2,))
        tensor([[1, 1],
                [2, 2]])
    """

    def eager(input, dims: Shape):
        return input.repeat((1,) * (input.ndim - len(dims)) + dims)

    samples = _repeats


def _counts(repeats, length, output_size):
    if repeats.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if repeats.dtype.name not in ("int64", "int32"):
        raise not_implemented("repeat_interleave", repeats.dtype)
    counts = to_host(repeats._array)
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")
    if length is not None and counts.size not in (1, length):
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got "
            f"repeats.size(0) = {counts.size} and input.size(0) = {length}"
        )
    index = np.repeat(np.arange(counts.size if length is None else length), counts)
    if output_size is not None and output_size != index.size:
        raise RuntimeError("allocated size does not match required size")
    index = _C.wrap(index)
    return index.to(repeats.device) if repeats.is_cuda else index


class repeat_interleave(Op, has_out=False):
    """Each element of ``dim`` (of the flat tensor, if None) ``repeats`` times, a number or a tensor of them.

    ``repeat_interleave(repeats)`` alone gives each index as many times as the tensor says.

    Raises:
        RuntimeError: for negative or unfitting ``repeats``.

    Example:
        >>> import tritorch
        >>> tritorch.repeat_interleave(tritorch.tensor([1, 2]), 2)
        tensor([1, 1, 2, 2])
        >>> tritorch.tensor([[1], [2]]).repeat_interleave(tritorch.tensor([1, 2]), dim=0)
        tensor([[1],
                [2],
                [2]])
    """

    def eager(input, repeats: object = None, dim: Dim = None, *, output_size: object = None):
        if repeats is None:
            return _counts(input, None, output_size)
        if dim is None:
            input, dim = input.flatten(), 0
        elif not input.ndim:
            input = input.reshape(1)
        if isinstance(repeats, TensorBase):
            return input.index_select(dim, _counts(repeats, input.shape[dim], output_size))
        if not isinstance(repeats, int):
            raise TypeError(
                "repeat_interleave() received an invalid combination of arguments - got "
                f"({type(repeats).__name__}, dim=int), but expected one of:\n"
                " * (Tensor repeats, int dim = None, *, int output_size = None)\n"
                " * (int repeats, int dim = None, *, int output_size = None)\n"
            )
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        shape = input.shape
        if output_size is not None and output_size != shape[dim] * repeats:
            raise RuntimeError("allocated size does not match required size")
        wide = input.unsqueeze(dim + 1).expand((*shape[: dim + 1], repeats, *shape[dim + 1 :]))
        return wide.clone().reshape((*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :]))

    def samples(make):
        yield make(3, 4), 2
        yield make(3, 4), make.plain([1, 0, 2], int64), 0


class roll(Op, has_out=False, opmath=False):
    """The elements moved by ``shifts`` along ``dims`` (along the flat tensor, if there are none); those that fall off
    the end come in at the front.

    Raises:
        RuntimeError: ``shifts and dimensions must align. shifts: 2, dims:1``.

    Example:
        >>> import tritorch
        >>> tritorch.roll(tritorch.tensor([1, 2, 3]), 1)
        tensor([3, 1, 2])
    """

    def cuda(input, shifts, dims=()):
        return REGISTRY["roll"].cpu(input, shifts, dims)

    def cpu(input, shifts: object, dims: object = ()):
        shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
        dims = (dims,) if isinstance(dims, int) else tuple(dims)
        if not shifts:
            raise RuntimeError("`shifts` required")
        if len(dims) != len(shifts):
            if dims or len(shifts) != 1:
                raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
            return _rolled(_flat(input), shifts[0], 0).reshape(input.shape)
        if not input.ndim:
            raise IndexError("Dimension specified as 0 but tensor has no dimensions")
        out = input
        for shift, dim in zip(shifts, dims, strict=True):
            out = _rolled(out, shift, wrap_dim(dim, input.ndim))
        return out

    def d_input(grad, shifts, dims):
        return grad.roll(-shifts if isinstance(shifts, int) else [-s for s in shifts], dims)

    def samples(make):
        yield make(3, 4), 2
        yield make(3, 4), (1, -1), (0, 1)


def _rolled(array, shift, dim):
    length = array.shape[dim]
    cut = (length - shift) % length if length else 0
    lead = (slice(None),) * dim
    parts = [array[(*lead, slice(cut, None))], array[(*lead, slice(None, cut))]]
    return joined(parts, dim, array.dtype) if array.__class__ is DeviceArray else np.concatenate(parts, dim)


def _flat(array):
    return (packed(array) if array.__class__ is DeviceArray else array).reshape(-1)


def _flipped(input, dims):
    """The window with ``dims`` in reverse order."""
    found = [wrap_dim(d, input.ndim) for d in dims]
    if len(set(found)) != len(found):
        twice = next(d for i, d in enumerate(found) if d in found[:i])
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return input[tuple([slice(None, None, -1 if d in found else None) for d in range(input.ndim)])]


class flip(Op, has_out=False, opmath=False):
    """The elements in reverse order along ``dims``: a copy.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([[1, 2], [3, 4]]).flip(1)
        tensor([[2, 1],
                [4, 3]])
    """

    def cpu(input, dims: Shape):
        return _flipped(input, dims).copy()

    def cuda(input, dims):
        window = _flipped(input, dims)
        out = empty(input.shape, input.dtype)
        pointwise.copy(out, window)
        return out

    def d_input(grad, dims):
        return grad.flip(dims)

    def samples(make):
        yield make(3, 4), (0, 1)
        yield make(3, 4), (-1,)


class fliplr(Op, has_out=False):
    """The columns in reverse order.

    Raises:
        RuntimeError: ``Input must be >= 2-d.``

    Example:
        >>> import tritorch
        >>> tritorch.fliplr(tritorch.tensor([[1, 2], [3, 4]]))
        tensor([[2, 1],
                [4, 3]])
    """

    def eager(input):
        if input.ndim < 2:
            raise RuntimeError("Input must be >= 2-d.")
        return input.flip(1)


class flipud(Op, has_out=False):
    """The rows in reverse order.

    Raises:
        RuntimeError: ``Input must be >= 1-d.``

    Example:
        >>> import tritorch
        >>> tritorch.flipud(tritorch.tensor([[1, 2], [3, 4]]))
        tensor([[3, 4],
                [1, 2]])
    """

    def eager(input):
        if input.ndim < 1:
            raise RuntimeError("Input must be >= 1-d.")
        return input.flip(0)


class rot90(Op, has_out=False):
    """Rotated ``k`` times by 90 degrees in the plane of ``dims``, from the first towards the second.

    Raises:
        RuntimeError: if ``dims`` are not two different ones.

    Example:
        >>> import tritorch
        >>> tritorch.rot90(tritorch.tensor([[1, 2], [3, 4]]))
        tensor([[2, 4],
                [1, 3]])
    """

    def eager(input, k: object = 1, dims: object = (0, 1)):
        if len(dims) != 2:
            raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
        if input.ndim < 2:
            raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
        first, second = dims
        if first == second or abs(first - second) == input.ndim:
            raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {first} and dim1 = {second}")
        wrap_dim(first, input.ndim)
        wrap_dim(second, input.ndim)
        if k % 4 == 1:
            return input.flip(second).transpose(first, second)
        if k % 4 == 2:
            return input.flip(first, second)
        return input.flip(first).transpose(first, second) if k % 4 == 3 else input.clone()
