"""New arrays laid out as torch lays them out, and the arguments they are made from."""

import numpy as np

from .._C import TensorBase, window
from .._factory import number_array
from ..errors import argument_type
from ..runtime.array import DeviceArray
from ..runtime.array import empty as device_empty
from ..shape import contiguous_format, contiguous_strides, preserve_format
from ._call import number

__all__ = [
    "checked_sizes", "dims_by_stride", "empty_as", "empty_in", "empty_of", "number_argument", "number_array", "strided_of",
]  # fmt: skip


def empty_in(shape, kind, memory_format, new=np.empty):
    """An uninitialised array of that shape and NumPy dtype in that memory format, made by ``new``."""
    if memory_format is contiguous_format:
        return new(shape, kind)
    strides = contiguous_strides(shape, 1, memory_format)
    order = sorted(range(len(shape)), key=lambda d: -strides[d])
    inverse = np.argsort(order)
    return new([shape[d] for d in order], kind).transpose(inverse)


def empty_as(array, kind, memory_format=preserve_format, new=None):
    """An uninitialised array of the shape of ``array``. Preserving keeps the strides of a dense array, and of any other
    the order of the dims."""
    if new is None:
        new = device_empty if array.__class__ is DeviceArray else np.empty
    if memory_format is not preserve_format:
        return empty_in(array.shape, kind, memory_format, new)
    if array.flags.c_contiguous:
        return new(array.shape, kind)
    if 0 in array.strides or new is device_empty:
        order = dims_by_stride(array.shape, array.strides)
        inverse = np.argsort(order)
        return new([array.shape[d] for d in order], kind).transpose(inverse)
    return np.empty_like(array, kind, order="K", subok=False)


def dims_by_stride(shape, strides):
    """The dims from the outermost in memory inwards; a dim of stride 0 stays beside its neighbours."""
    order = list(range(len(shape) - 1, -1, -1))
    for i in range(1, len(order)):
        place = i
        for below in range(i - 1, -1, -1):
            a, b = order[below], order[place]
            if 0 in (strides[a], strides[b]) or (strides[a] == strides[b] and shape[a] <= shape[b]):
                continue
            if strides[a] < strides[b]:
                break
            order[below], order[place], place = b, a, below
    return order[::-1]


def checked_sizes(name, size):
    """``size`` if no dim is negative, else torch's error."""
    for n in size:
        if n < 0:
            raise RuntimeError(f"{name}: Dimension size must be non-negative.")
    return size


def empty_of(size, dtype, memory_format=contiguous_format):
    """An uninitialised array, with torch's errors."""
    if memory_format is not contiguous_format:
        if memory_format is preserve_format:
            raise RuntimeError("unsupported memory format Preserve")
        return empty_in(size, dtype, memory_format)
    try:
        return np.empty(size, dtype)
    except ValueError:
        low = min(size, default=0)
        if low >= 0:
            raise
        raise RuntimeError(f"Trying to create tensor with negative dimension {low}: {list(size)}") from None


def number_argument(function, name, position, value):
    """A Python number out of a number or a 0-dim tensor, or torch's TypeError."""
    if value.__class__ is float or value.__class__ is int:
        return value
    if isinstance(value, TensorBase) and value.ndim:
        raise argument_type(function, name, position, "Number", value)
    value = number(value)
    if not isinstance(value, (int, float, complex)):
        raise argument_type(function, name, position, "Number", value)
    return value


def strided_of(size, stride, dtype, new=np.empty):
    """An uninitialised array with those strides, counted in elements, in memory that ``new`` makes."""
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})"
        )
    if min(size, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    if min(stride, default=0) < 0:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    if size and stride == contiguous_strides(size):
        return new(size, dtype)
    room = 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    step = np.dtype(dtype).itemsize
    return window(new((room,), dtype), size, tuple([s * step for s in stride]), 0)
