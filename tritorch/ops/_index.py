"""What the families of indexing share: windows by hand, what an index means, and rows added where it says."""

import operator
import warnings

import numpy as np

from .. import _factory
from .._C import TensorBase, combine_rows, place_outside, window
from ..runtime.storage import owner
from ..shape import MAX_DIMS, broadcast
from ._op import is_half

ALL = slice(None)
BOOL, BYTE, INT32, INT64 = (np.dtype(t) for t in (np.bool_, np.uint8, np.int32, np.int64))
NEW_DIM = [(*(ALL,) * dim, None) for dim in range(MAX_DIMS)]  # the index that puts in a dim


def diagonal_window(input, offset, dim1, dim2):
    """The NumPy view of a diagonal, as the last dim."""
    rows, columns = input.shape[dim1], input.shape[dim2]
    step1, step2 = input.strides[dim1], input.strides[dim2]
    count = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    start = (offset * step2 if offset >= 0 else -offset * step1) if count else 0
    kept = [d for d in range(input.ndim) if d not in (dim1, dim2)]
    shape = (*[input.shape[d] for d in kept], count)
    return window(input, shape, (*[input.strides[d] for d in kept], step1 + step2), start)


def check_strided(input, size, stride, offset):
    """Raises torch's errors for a window that does not lie within the storage of ``input``."""
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    room = owner(input).nbytes
    last = sum([(n - 1) * s for n, s in zip(size, stride, strict=True)])
    need = 0 if 0 in size else (offset + 1 + last) * input.itemsize
    if need > room:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{input.itemsize} requiring a storage size of {need} are out of bounds for storage of size {room}"
        )


# -- what an index means ----------------------------------------------------------------------------

# Note [Indexing]: an index is taken apart as torch does. Ints, slices, None and Ellipsis name a window, a view.
# Tensors (and lists, arrays, bools, which become tensors) gather from that window: `indices` has one entry a dim of
# it, a tensor or None, where a mask of k dims stands for k of them. Since no int is left beside the tensors, NumPy
# puts the gathered dims where torch does: in place where the tensors are neighbours, else in front.


_FIXED = (int, type(None), type(Ellipsis))


def frozen(index):
    """A basic index as plain ints and slices, which nobody can change later."""
    if index.__class__ in _FIXED:
        return index
    if isinstance(index, tuple):
        return tuple([frozen(i) for i in index])
    if isinstance(index, slice):
        if index.start.__class__ in _FIXED and index.stop.__class__ in _FIXED and index.step.__class__ in _FIXED:
            return index
        return slice(*[None if x is None else operator.index(x) for x in (index.start, index.stop, index.step)])
    return operator.index(index)


_NESTED = (list, tuple, range, slice, TensorBase, np.ndarray)


def _items(index):
    if isinstance(index, tuple):
        return index
    if not isinstance(index, list) or len(index) >= 32:
        return (index,)
    if not any(i is None or i is Ellipsis or isinstance(i, _NESTED) for i in index):
        return (index,)
    warnings.warn(
        "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; "
        "use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, "
        "x[torch.tensor(seq)], which will result either in an error or a different result",
        UserWarning,
        stacklevel=5,
    )
    return tuple(index)


def _as_index(item):
    """The index tensor that an item is, or None if it is an int, a slice, None or Ellipsis."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return None
    if isinstance(item, TensorBase):
        kind = item._array.dtype
        return None if item.ndim == 0 and kind.kind in "iu" and kind != BYTE else item
    if isinstance(item, (bool, np.bool_)):
        return _factory.tensor(bool(item))
    if isinstance(item, (list, tuple, range, np.ndarray)):
        tensor = _factory.tensor(item)
        return tensor if tensor.numel() or isinstance(item, np.ndarray) else _factory.tensor(item, dtype=int)
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str'")
    if hasattr(item, "__index__"):
        return None
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {type(item).__name__})"
    )


def is_mask(tensor):
    """Whether an index tensor is a mask: it names as many dims as it has."""
    kind = tensor._array.dtype
    return kind == BOOL or kind == BYTE


def resolve(input, index):
    """(basic, indices): the basic part of an index, and what gathers from that window. See Note [Indexing]."""
    items = [(item, _as_index(item)) for item in _items(index)]
    specified = sum(
        (i is not None and i is not Ellipsis) if t is None else (t.ndim if is_mask(t) else 1) for i, t in items
    )
    if specified > input.ndim:
        raise IndexError(f"too many indices for tensor of dimension {input.ndim}")
    basic, indices, elided = [], [], False
    for item, tensor in items:
        if tensor is None:
            if item is Ellipsis and elided:
                continue
            basic.append(item)
            if item is Ellipsis:
                elided = True
                indices += [None] * (input.ndim - specified)
            elif item is None or isinstance(item, slice):
                indices.append(None)
        elif tensor.ndim == 0:  # a bool: a new dim of length one or none
            basic.append(None)
            indices.append(_factory.tensor([0] if tensor.item() else [], dtype=int))
        else:
            basic += [ALL] * (tensor.ndim if is_mask(tensor) else 1)
            indices.append(tensor)
    return tuple(basic), indices


def is_trivial(basic):
    """Whether a basic index names the whole tensor."""
    return all(i is Ellipsis or i == ALL for i in basic)


def refuse_device(indices):
    """Raises torch's error for indices on a device, where what they index is on the host."""
    for tensor in indices:
        if tensor is not None and tensor.is_cuda:
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")


def numpy_index(shape, indices):
    """The tuple with which NumPy gathers from an array of ``shape``, after torch's checks."""
    out, dim = [], 0
    for place, tensor in enumerate(indices):
        if tensor is None:
            out.append(ALL)
            dim += 1
            continue
        array = tensor._array
        kind = array.dtype
        if kind == BYTE:
            warnings.warn(
                "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
                UserWarning,
                stacklevel=2,
            )
            array = tensor.bool()._array
        elif kind != INT64 and kind != INT32 and kind != BOOL:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if array.dtype == BOOL:
            for i, n in enumerate(array.shape):
                if dim + i >= len(shape) or n != shape[dim + i]:
                    raise IndexError(
                        f"The shape of the mask {list(array.shape)} at index {i} does not match the shape of the "
                        f"indexed tensor {list(shape)} at index {dim + i}"
                    )
            dim += array.ndim
        else:
            dim += 1
        out.append(array)
        if dim > len(shape):
            raise IndexError(f"too many indices for tensor of dimension {len(shape)} (got {place + 1})")
    return tuple(out)


def index_error(shape, index, error):
    """torch's error for an index that NumPy refused."""
    arrays = [i for i in index if i is not ALL]
    lists = [x for a in arrays for x in (a.nonzero() if a.dtype == np.bool_ else (a,))]
    try:
        broadcast(*[x.shape for x in lists])
    except RuntimeError:
        return IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            + ", ".join(str(list(x.shape)) for x in lists)
        )
    return IndexError(str(error).replace("axis", "dimension"))


def gather_from(array, index):
    """``array[index]`` with memory of its own."""
    tensors = [i for i in index if i is not ALL]
    if len(tensors) == 1 and tensors[0].dtype != BOOL:
        place = len(index) - 1 if index[-1] is not ALL else next(p for p, i in enumerate(index) if i is not ALL)
        return _take(array, tensors[0], place, index)
    try:
        out = array[index]
    except IndexError as error:
        raise index_error(array.shape, index, error) from None
    return out if out.base is None else out.copy()


def _take(array, index, dim, whole):
    try:
        return array.take(index, dim)
    except IndexError as error:
        if not array.shape[dim]:
            raise IndexError(f"index is out of bounds for dimension with size {array.shape[dim]}") from None
        raise index_error(array.shape, whole, error) from None


# -- writing where an index says --------------------------------------------------------------------


def combine_at(out, dim, index, values, name="add"):
    """``out[..., index[i], ...] = name(it, values[..., i, ...])`` along ``dim``, for each i in order; ``index`` is a
    vector of places within range. ``out`` is written."""
    if not out.size:
        return
    if is_half(out.dtype):
        wide = out.astype(np.float32)
        combine_at(wide, dim, index, values.astype(np.float32), name)
        out[...] = wide
        return
    front = out if dim == 0 else np.moveaxis(out, dim, 0)
    table = np.ascontiguousarray(front).reshape(front.shape[0], -1)
    source = values if dim == 0 else np.moveaxis(values, dim, 0)
    source = np.ascontiguousarray(source, out.dtype).reshape(len(index), table.shape[1])
    combine_rows(table, np.ascontiguousarray(index, np.int64), source, name)
    if not np.shares_memory(table, out):
        front[...] = table.reshape(front.shape)


def add_at(out, index, values):
    """``out[index] += values``, where the index may name an element several times. ``out`` is written."""
    tensors = [i for i in index if i is not ALL]
    if len(tensors) == 1 and tensors[0].dtype == np.bool_:
        out[index] += values
        return
    if is_half(out.dtype):
        wide = out.astype(np.float32)
        add_at(wide, index, values.astype(np.float32))
        out[...] = wide
        return
    places, axes, dim = [], [], 0  # of the gathered dims
    for i in index:
        if i is ALL:
            dim += 1
            continue
        for x in i.nonzero() if i.dtype == np.bool_ else (i,):
            places.append(x)
            axes.append(dim)
            dim += 1
    try:
        places = np.broadcast_arrays(*places)
    except ValueError as error:
        raise index_error(out.shape, index, error) from None
    shape = places[0].shape
    sizes = [out.shape[a] for a in axes]
    for x, n, a in zip(places, sizes, axes, strict=True):
        wrong = place_outside(np.asarray(x, np.int64), -n, n)
        if wrong is not None:
            raise IndexError(f"index {wrong} is out of bounds for dimension {a} with size {n}")
    if not out.size or not places[0].size:
        return
    flat = np.ravel_multi_index([np.where(x < 0, x + n, x) for x, n in zip(places, sizes, strict=True)], sizes)
    flat = np.asarray(flat, np.int64).reshape(-1)
    # The gathered dims of `values` stand in place where the tensors are neighbours, else in front.
    positions = [p for p, i in enumerate(index) if i is not ALL]
    first = axes[0] if positions == list(range(positions[0], positions[-1] + 1)) else 0
    rest = [d for d in range(out.ndim) if d not in axes]
    moved = np.moveaxis(values, range(first, first + len(shape)), range(len(shape)))
    front = out.transpose(*axes, *rest)
    width = int(np.prod([out.shape[d] for d in rest], dtype=np.int64))
    table = np.ascontiguousarray(front).reshape(-1, width)
    combine_rows(table, flat, np.ascontiguousarray(moved, out.dtype).reshape(flat.size, width), "add")
    if not np.shares_memory(table, out):
        front[...] = table.reshape(front.shape)


def identity_of(reduce, kind):
    """What leaves the other operand of a reduction as it is."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if kind.kind == "b":
        return reduce == "amin"
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return limits.min if reduce == "amax" else limits.max
    return -np.inf if reduce == "amax" else np.inf


def is_index(kind):
    """Whether a NumPy dtype is one of those that name places."""
    return kind == INT64 or kind == INT32


def along(index):
    """An index of gather or scatter as the C++ loops take it: int64, and of one dim at least."""
    return np.asarray(index if index.ndim else index.reshape(1), np.int64)


def check_along(name, shape, dim, index):
    """Raises torch's errors for an index that does not fit an array of ``shape`` apart from ``dim``."""
    if (index.ndim or 1) != (len(shape) or 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d, (n, m) in enumerate(zip(index.shape, shape, strict=False)):
        if n > m and d != dim:
            head = f"Size does not match at dimension {d} expected index" if name == "gather" else "Expected index"
            raise RuntimeError(
                f"{head} {list(index.shape)} to be no larger than self {list(shape)} apart from dimension {dim}"
            )
