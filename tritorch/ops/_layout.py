"""New arrays laid out as torch lays them out."""

import numpy as np

from .._factory import number_array
from ..shape import contiguous_format, contiguous_strides, preserve_format

__all__ = ["dims_by_stride", "empty_as", "empty_in", "number_array"]


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
        order = dims_by_stride(array.shape, array.strides)
        inverse = np.argsort(order)
        return np.empty([array.shape[d] for d in order], kind).transpose(inverse)
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
