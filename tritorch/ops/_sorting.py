"""The order of elements: what sort, topk, median, mode and unique stand on.

Note [Order]: NaN is larger than all and -0.0 equals 0.0, as in torch; equals keep their order.

Note [Packed keys]: NumPy sorts words much faster than it sorts positions. An element of at most 32 bits and its
position fit one word of 64: the element's bits, turned so that unsigned comparison orders them, above the position.
Such words are all different, so that any sort of them is stable.
"""

import numpy as np

WORTH_PACKING = 1 << 10  # elements; below, a plain argsort costs less than the packing


def _bits(array):
    """uint32 keys of elements of at most four bytes, in their order."""
    kind = array.dtype.kind
    if kind in "bu":
        return array.astype(np.uint32)
    if kind == "i":
        return array.astype(np.int32).view(np.uint32) ^ np.uint32(1 << 31)
    values = np.add(array, 0, dtype=np.float32)  # -0.0 + 0 is 0.0
    bits = values.view(np.uint32)
    keys = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    keys[np.isnan(values)] = 0xFFFFFFFF
    return keys


def _packed_order(rows, descending):
    keys = _bits(rows)
    if descending:
        np.invert(keys, out=keys)
    words = keys.astype(np.uint64)
    words <<= np.uint64(32)
    words |= np.arange(rows.shape[-1], dtype=np.uint64)
    words.sort(axis=-1)
    words &= np.uint64(0xFFFFFFFF)
    return words.view(np.int64)


def comparable(array):
    """``array`` in a dtype that NumPy compares natively."""
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def order(array, dim, descending=False):
    """The indices that sort ``array`` along ``dim``, equals in their order: see Note [Order]."""
    if not array.ndim:
        return np.zeros((), np.int64)
    array = comparable(array)
    size = array.shape[dim]
    if array.dtype.itemsize <= 4 and WORTH_PACKING <= array.size and 0 < size < 1 << 32:
        rows = np.ascontiguousarray(np.moveaxis(array, dim, -1))
        return np.moveaxis(_packed_order(rows, descending), -1, dim)
    if not descending:
        return array.argsort(dim, kind="stable")
    backwards = np.flip(array, dim).argsort(dim, kind="stable")
    return size - 1 - np.flip(backwards, dim)


def at(array, indices, dim):
    """The elements at ``indices`` along ``dim``."""
    return np.take_along_axis(array, indices, dim) if array.ndim else array.copy()


def places(sequence, values, right):
    """For each value the place in the sorted ``sequence``, or in its own row of one, at which it may be put."""
    if sequence.ndim == 1 and (sequence[1:] >= sequence[:-1]).all():
        return sequence.searchsorted(values, "right" if right else "left")
    return _halving(sequence, values, right)


def _halving(sequence, values, right):
    """A binary search of all values at once; in a sequence that is not sorted it ends where torch's does."""
    low = np.zeros(values.shape, np.int64)
    size = left = sequence.shape[-1]
    high = np.full(values.shape, size)
    while left:
        middle = (low + high) >> 1
        reached = np.minimum(middle, size - 1)
        element = sequence[reached] if sequence.ndim == 1 else np.take_along_axis(sequence, reached, -1)
        before = np.logical_not(element > values if right else element >= values)  # true for a NaN
        searching = low < high
        np.copyto(low, middle + 1, where=before & searching)
        np.copyto(high, middle, where=~before & searching)
        left >>= 1
    return low
