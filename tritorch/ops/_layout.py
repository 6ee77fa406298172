"""New arrays laid out as torch lays them out, and numbers as elements of a dtype."""

import functools
import math

import numpy as np

from .. import dtypes
from ..dtypes import from_numpy as dtype_of
from ..errors import cpp_name
from ..shape import contiguous_format, contiguous_strides, preserve_format


def is_dense(array):
    """Whether the elements lie in memory without gaps or overlaps, in any order of dims."""
    step = array.itemsize
    for stride, size in sorted([(s, n) for s, n in zip(array.strides, array.shape, strict=True) if n != 1]):
        if stride != step:
            return False
        step *= size
    return True


def empty_in(shape, kind, memory_format):
    """An uninitialised array of that shape and NumPy dtype in that memory format."""
    if memory_format is contiguous_format:
        return np.empty(shape, kind)
    strides = contiguous_strides(shape, 1, memory_format)
    order = sorted(range(len(shape)), key=lambda d: -strides[d])
    inverse = np.argsort(order)
    return np.empty([shape[d] for d in order], kind).transpose(inverse)


def empty_as(array, kind, memory_format=preserve_format):
    """An uninitialised array of the shape of ``array``. Preserving keeps the strides of a dense array, and of any other
    the order of the dims."""
    if memory_format is not preserve_format:
        return empty_in(array.shape, kind, memory_format)
    if array.flags.c_contiguous:
        return np.empty(array.shape, kind)
    if 0 in array.strides:
        order = _order(array.shape, array.strides)
        inverse = np.argsort(order)
        return np.empty([array.shape[d] for d in order], kind).transpose(inverse)
    return np.empty_like(array, kind, order="K", subok=False)


def _order(shape, strides):
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


def number_array(value, kind):
    """A Python number as a 0-dim array of a NumPy dtype.

    Raises:
        RuntimeError: ``value cannot be converted to type int8_t without overflow``.
    """
    made = _converted(value, kind)
    if made is None:
        raise RuntimeError(f"value cannot be converted to type {_stored_name(kind)} without overflow")
    return np.asarray(made, kind)


def _stored_name(kind):
    fixed = {"int8": "int8_t", "uint8": "uint8_t", "int16": "short", "int64": "int64_t"}
    return fixed.get(kind.name) or cpp_name(dtype_of(kind))


def _converted(value, kind):
    if kind.kind == "c":
        return value
    if isinstance(value, complex):
        if value.imag:
            return None
        value = value.real
    if kind.kind == "b":
        return bool(value)
    if kind.kind in "iu":
        if isinstance(value, float) and not math.isfinite(value):
            return None
        limits = np.iinfo(kind)
        low, whole = (limits.min if kind.kind == "i" else -limits.max), int(value)
        if not low <= value <= limits.max:
            return None
        return whole if whole >= limits.min else whole + limits.max + 1  # an unsigned type wraps
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**63:
        value = float(value)
    if isinstance(value, float) and math.isfinite(value) and abs(value) > _largest(kind):
        return None
    return value


@functools.cache
def _largest(kind):
    return dtypes.finfo(dtype_of(kind)).max
