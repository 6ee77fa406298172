"""Elements picked by index tensors: gather, index_select, take, masked_select, nonzero."""

import operator

import numpy as np

from .. import _C
from .._C import gather_along, place_outside
from ..dtypes import from_numpy as dtype_of
from ..dtypes import int64
from ..runtime.array import DeviceArray, empty
from ..runtime.transfer import packed
from ..shape import broadcast
from ._index import along, check_along, is_index
from ._index_kernels import accumulate, cloned, flat_nonzero, on_host, pick, pick_along
from ._index_kernels import nonzero as device_nonzero
from ._index_kernels import put as device_put
from ._op import Op, ops
from ._schema import Dim


class gather(Op, opmath=False, strict_out=True):
    """``out[i][j] = input[index[i][j]][j]`` for ``dim`` 0, and so on: an element along ``dim`` for each in ``index``.

    Raises:
        RuntimeError: for an index out of range, or an ``index`` larger than ``input`` apart from ``dim``.

    Example:
        >>> import tritorch
        >>> tritorch.gather(tritorch.tensor([[1, 2], [3, 4]]), 1, tritorch.tensor([[0], [1]]))
        tensor([[1],
                [4]])
    """

    def cpu(input, dim: Dim, index, *, sparse_grad: bool = False):
        if not is_index(index.dtype) and index.size:
            raise RuntimeError("gather(): Expected dtype int32/int64 for index")
        if not index.size:
            return np.empty(index.shape, input.dtype)
        check_along("gather", input.shape, dim, index)
        out = gather_along(input if input.ndim else input.reshape(1), dim, along(index))
        return out if index.ndim else out.reshape(())

    def cuda(input, dim, index, sparse_grad):
        if not is_index(index.dtype) and index.size:
            raise RuntimeError("gather(): Expected dtype int32/int64 for index")
        if not index.size:
            return empty(index.shape, input.dtype)
        check_along("gather", input.shape, dim, index)
        rows, places = (x if x.ndim else x.reshape(1) for x in (input, index))
        out = pick_along(rows, dim, places)
        if out is None:
            on_host(gather.cpu, input, dim, index)
        return out.reshape(index.shape) if not index.ndim else out

    def d_input(grad, input_shape, dim, index):
        return grad.new_zeros(input_shape).scatter_add(dim, index, grad)

    def samples(make):
        yield make(3, 4), 1, make.indices(3, 2, below=4)
        yield make(), 0, make.indices(below=1)


class index_select(Op, opmath=False, strict_out=True):
    """The parts of ``dim`` that the vector ``index`` names, in its order.

    Raises:
        IndexError: ``index out of range in self``.

    Example:
        >>> import tritorch
        >>> tritorch.index_select(tritorch.tensor([[1, 2], [3, 4]]), 0, tritorch.tensor([1, 1]))
        tensor([[3, 4],
                [3, 4]])
    """

    def cpu(input, dim: Dim, index):
        if index.ndim > 1:
            raise IndexError("index_select(): Index is supposed to be a vector")
        if not is_index(index.dtype):
            raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
        if not input.ndim:
            if index.size != 1:
                raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)")
            if index.item():
                raise IndexError("index out of range in self")
            return input.copy()
        flat, size = index.reshape(-1), input.shape[dim]
        if flat.size and not size:
            raise RuntimeError("index_select(): self indexing axis dim should be positive")
        wrong = place_outside(np.asarray(flat, np.int64), 0, size)
        if wrong is not None:
            if dim == 0:
                raise IndexError("index out of range in self")
            raise RuntimeError(f"INDICES element is out of DATA bounds, id={wrong} axis_dim={size}")
        return input.take(flat, dim)

    def cuda(input, dim, index):
        if index.ndim > 1:
            raise IndexError("index_select(): Index is supposed to be a vector")
        if not is_index(index.dtype):
            raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
        if not input.ndim and index.size != 1:
            raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)")
        rows = input if input.ndim else input.reshape(1)
        if index.size and not rows.shape[dim]:
            raise RuntimeError("index_select(): self indexing axis dim should be positive")
        out = pick(rows, [*[slice(None)] * dim, index.reshape(-1)], 0)
        if out is None:
            on_host(index_select.cpu, input, dim, index)
        return out if input.ndim else out.reshape(())

    def d_input(grad, input_shape, dim, index):
        return grad.new_zeros(input_shape).index_add(dim, index, grad)

    def samples(make):
        yield make(3, 4), 1, make.indices(5, below=4)


class take(Op, opmath=False, strict_out=True):
    """The elements of the flat tensor at the places in ``index``, in the shape of ``index``. Negative places count
    from the end.

    Raises:
        IndexError: ``out of range: tried to access index 6 on a tensor of 6 elements.``

    Example:
        >>> import tritorch
        >>> tritorch.take(tritorch.tensor([[1, 2], [3, 4]]), tritorch.tensor([0, 3]))
        tensor([1, 4])
    """

    def cpu(input, index):
        if index.dtype != np.int64:
            raise RuntimeError(f"take(): Expected a long tensor for index, but got {dtype_of(index.dtype).type_name}")
        if not input.size and index.size:
            raise IndexError("take(): tried to take from an empty tensor")
        try:
            return input.reshape(-1).take(index)
        except IndexError:
            raise _out_of_range(index, input.size) from None

    def cuda(input, index):
        if index.dtype != np.int64:
            raise RuntimeError(f"take(): Expected a long tensor for index, but got {dtype_of(index.dtype).type_name}")
        if not input.size and index.size:
            raise IndexError("take(): tried to take from an empty tensor")
        out = pick(packed(input).reshape(-1), [index])
        if out is None:
            on_host(take.cpu, input, index)
        return out

    def d_input(grad, input_shape, index):
        return grad.new_zeros(input_shape).put(index, grad, True)

    def samples(make):
        yield make(3, 4), make.indices(2, 2, below=12)


def _out_of_range(index, size):
    wrong = next(i for i in index.reshape(-1).tolist() if not -size <= i < size)
    return IndexError(f"out of range: tried to access index {wrong} on a tensor of {size} elements.")


class put(Op, inplace=True, opmath=False):
    """``input`` with the elements of ``source`` at the places ``index`` of the flat tensor; with ``accumulate`` added.

    Raises:
        IndexError: for a place out of range, or unequal numbers of elements.

    Example:
        >>> import tritorch
        >>> tritorch.put(tritorch.zeros(2, 2), tritorch.tensor([0, 3]), tritorch.tensor([1.0, 2.0]))
        tensor([[1., 0.],
                [0., 2.]])
    """

    def check(input, index, source):
        if index.dtype != np.int64:
            raise RuntimeError(f"put_(): Expected a long tensor for index, but got {dtype_of(index.dtype).type_name}")
        if input.dtype != source.dtype:
            raise RuntimeError(
                "put_(): self and source expected to have the same dtype, but got self.dtype = "
                f"{dtype_of(input.dtype).type_name} and source.dtype = {dtype_of(source.dtype).type_name}"
            )
        if index.size != source.size:
            raise IndexError(
                "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
                f"{source.size}, index.numel() = {index.size}"
            )
        if not input.size and index.size:
            raise IndexError("put_(): Tried to put elements into an empty tensor")

    def cpu(input, index, source, accumulate: bool = False):
        return _put(np.array(input, order="C"), index, source, accumulate)

    def cpu_(input, index, source, accumulate):
        if input.flags.c_contiguous:
            _put(input, index, source, accumulate)
        else:
            input[...] = _put(np.array(input, order="C"), index, source, accumulate)

    def cuda(input, index, source, accumulate):
        out = cloned(input)
        flat, where, values = out.reshape(-1), [index], packed(source).reshape(index.shape)
        fits = _accumulate(flat, where, values) if accumulate else device_put(flat, where, values)
        if not fits:
            on_host(put.cpu, input, index, source, accumulate)
        return out

    def d_input(grad, index, source_shape, accumulate):
        return grad if accumulate else grad.put(index, grad.new_zeros(source_shape))

    def d_source(grad, index, source_shape):
        return grad.take(index).reshape(source_shape)

    def samples(make):
        yield make(3, 4), make.plain([0, 5, 11], int64), make(3)
        yield make(3, 4), make.plain([0, 5, 5], int64), make(3), True


_accumulate = accumulate  # which put has as a parameter


def _put(out, index, source, accumulate):
    flat, places, values = out.reshape(-1), index.reshape(-1), source.reshape(-1)
    if place_outside(places, -out.size, out.size) is not None:
        raise _out_of_range(index, out.size)
    if accumulate:
        np.add.at(flat, places, values)
    else:
        flat[places] = values
    return out


class take_along_dim(Op):
    """The elements along ``dim`` that ``indices`` name, as :func:`gather`, but the other dims broadcast; of the flat
    tensors, if ``dim`` is None. Fits the results of ``argmax`` and ``argsort``.

    Raises:
        RuntimeError: for indices that are not int64, or unequal numbers of dims.

    Example:
        >>> import tritorch
        >>> x = tritorch.tensor([[3, 1], [2, 4]])
        >>> tritorch.take_along_dim(x, tritorch.tensor([[1], [0]]), 1)
        tensor([[1],
                [2]])
    """

    def eager(input, indices, dim: Dim = None):
        if indices.dtype.name != "int64":
            raise RuntimeError(
                f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.type_name}"
            )
        if dim is None:
            input, indices, dim = input.reshape(-1), indices.reshape(-1), 0
        if input.ndim != indices.ndim:
            raise RuntimeError(
                "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
                f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
            )
        if not input.ndim:
            return input.gather(dim, indices)
        size = input.shape[dim]
        rest = broadcast(_with(input.shape, dim, 1), _with(indices.shape, dim, 1))
        places = ops.where(indices < 0, indices + size, indices).expand(_with(rest, dim, indices.shape[dim]))
        return input.expand(_with(rest, dim, size)).gather(dim, places)

    def samples(make):
        yield make(3, 4), make.indices(3, 2, below=4), 1
        yield make(3, 4), make.indices(5, below=12)


def _with(shape, dim, size):
    return (*shape[:dim], size, *shape[dim + 1 :])


class masked_select(Op, strict_out=True):
    """The elements where ``mask``, a bool tensor that broadcasts, is true: a vector.

    Example:
        >>> import tritorch
        >>> tritorch.masked_select(tritorch.tensor([1, 2, 3]), tritorch.tensor([True, False, True]))
        tensor([1, 3])
    """

    def eager(input, mask):
        if mask.dtype.name != "bool":
            raise RuntimeError("masked_select: expected BoolTensor for mask")
        if input.shape != mask.shape:
            input, mask = ops.broadcast_tensors(input, mask)
        return ops.index(input.reshape(1), [mask.reshape(1)]) if not input.ndim else ops.index(input, [mask])

    def samples(make):
        yield make(3, 4), make.mask(4)
        yield make(3, 4), make.mask(3, 4)


# -- where the elements are not zero ----------------------------------------------------------------


def _nonzero(array):
    """One vector of places a dim, and their number."""
    found = array.reshape(1).nonzero() if not array.ndim else array.nonzero()
    return (found if array.ndim else ()), len(found[0])


def _nonzero_on_device(array, as_tuple):
    found = [_C.wrap(x) for x in device_nonzero(array if array.ndim or not as_tuple else array.reshape(1))]
    if as_tuple:
        return tuple(found)
    return (
        ops.stack(found, 1) if found else _C.wrap(empty((flat_nonzero(array.reshape(1)).size, 0), np.dtype(np.int64)))
    )


class nonzero(Op):
    """The places of the elements that are not zero: a matrix of a row each, or with ``as_tuple`` a vector a dim.

    Example:
        >>> import tritorch
        >>> tritorch.nonzero(tritorch.tensor([[0, 5], [7, 0]]))
        tensor([[0, 1],
                [1, 0]])
    """

    def eager(input, *, as_tuple: object = False):
        array = input._array
        if array.__class__ is DeviceArray:
            return _nonzero_on_device(array, as_tuple)
        if as_tuple:
            found = (array if array.ndim else array.reshape(1)).nonzero()
            return tuple([_C.wrap(np.ascontiguousarray(x)) for x in found])
        found, count = _nonzero(array)
        return _C.wrap(np.array(found, np.int64).reshape(array.ndim, count).T)


class argwhere(Op, has_out=False):
    """:func:`nonzero` as a matrix.

    Example:
        >>> import tritorch
        >>> tritorch.argwhere(tritorch.tensor([0, 5]))
        tensor([[1]])
    """

    def eager(input):
        return input.nonzero()


class nonzero_static(Op):
    """:func:`nonzero` with ``size`` rows: the first of them, filled up with ``fill_value``.

    Example:
        >>> import tritorch
        >>> tritorch.nonzero_static(tritorch.tensor([0, 5]), size=2)
        tensor([[ 1],
                [-1]])
    """

    def eager(input, *, size: object, fill_value: object = -1):
        if size < 0:
            raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
        found = input.nonzero()[:size]
        out = ops.full((size, input.ndim), fill_value, dtype=int64, device=input.device)
        out[: len(found)] = found
        return out

    def samples(make):
        yield make(3, 4), {"size": 5}


class unravel_index(Op, method=False, has_out=False):
    """The places ``indices`` in a flat tensor as places in one of ``shape``: a tuple of a tensor a dim.

    Raises:
        TypeError: for indices that are not integers.
        ValueError: for a negative size.

    Example:
        >>> import tritorch
        >>> tritorch.unravel_index(tritorch.tensor([1, 5]), (2, 3))
        (tensor([0, 1]), tensor([1, 2]))
    """

    def eager(indices, shape: object):
        if indices.dtype.category != 1:
            raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
        shape = (shape,) if isinstance(shape, int) else shape
        if not isinstance(shape, (tuple, list)):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(shape)}")
        for n in shape:
            if not hasattr(n, "__index__"):
                raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(n)}")
        shape = tuple([operator.index(n) for n in shape])
        if any(n < 0 for n in shape):
            raise ValueError(f"'shape' cannot have negative values, but got {shape}")
        out, rest = [], indices.to(int64)
        for n in reversed(shape):
            out.append(rest % n)
            rest = rest // n
        return tuple(reversed(out))

    def samples(make):
        yield make.indices(4, below=12), (3, 4)
