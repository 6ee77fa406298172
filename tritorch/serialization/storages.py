"""Which memory to store for a set of arrays, so that those that share memory still do when they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .container import NAMES


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an array went: the entry's name, and the window on it if it is not the whole entry as it is.

    Attributes:
        window: None, or ``(dtype, offset in bytes, shape, strides in elements)``.
    """

    name: str
    window: tuple[str, int, list[int], list[int]] | None


@dataclass(slots=True)
class _Memory:
    """A stretch of memory, and the arrays that lie in it by their number."""

    start: int
    stop: int
    members: list[int]


class _Bytes:
    """Memory as NumPy's array interface."""

    def __init__(self, start: int, stop: int):
        self.__array_interface__ = {
            "version": 3, "typestr": "|u1", "shape": (stop - start,), "data": (start, True),
        }  # fmt: skip


def _bounds(array: np.ndarray) -> tuple[int, int]:
    return np.lib.array_utils.byte_bounds(array) if array.size else (0, 0)


def _window(array: np.ndarray, name: str, offset: int) -> Placement:
    strides = [stride // array.itemsize for stride in array.strides]
    return Placement(name, (array.dtype.name, offset, list(array.shape), strides))


def _group(arrays: list[np.ndarray]) -> list[_Memory]:
    """Arrays whose memory overlaps, together."""
    groups: list[_Memory] = []
    bounds = [_bounds(array) for array in arrays]
    for i in sorted(range(len(arrays)), key=bounds.__getitem__):
        start, stop = bounds[i]
        if groups and start < groups[-1].stop:
            groups[-1].stop = max(stop, groups[-1].stop)
            groups[-1].members.append(i)
        else:
            groups.append(_Memory(start, stop, [i]))
    return groups


def place(arrays: list[np.ndarray], names: list[str]) -> tuple[dict[str, np.ndarray], list[Placement]]:
    """The contiguous arrays to store, by name, and for each array that came in where it is found among them.

    An array alone is stored as it is; with a permuted order of its dimensions, its memory is stored. A thin view of
    a large memory (a column, an expanded tensor is none) is stored compactly. Arrays that overlap are stored as the
    memory that they cover.

    Args:
        arrays: of any strides, in native byte order.
        names: what to call an entry, for each array; all different.
    """
    stored: dict[str, np.ndarray] = {}
    placements: dict[int, Placement] = {}
    arrays = [np.ascontiguousarray(array) if min(array.strides, default=0) < 0 else array for array in arrays]
    for group in _group(arrays):
        group.members.sort()
        aligned = not any((_bounds(arrays[i])[0] - group.start) % arrays[i].itemsize for i in group.members)
        whole = next((i for i in group.members if aligned and _covers(arrays[i], group)), None)
        first = group.members[0] if whole is None else whole
        array, name, origin = arrays[first], names[first], group.start
        if whole is None and len(group.members) == 1 and group.stop - group.start > array.nbytes:
            whole = first  # thin: its elements alone
            array = arrays[first] = np.ascontiguousarray(array)
        if whole is None:
            stored[name], origin = _memory(group, {arrays[i].dtype for i in group.members})
        elif array.dtype in NAMES:
            stored[name] = array
        else:
            stored[name] = array.reshape(-1).view(np.float64).reshape(*array.shape, 2)  # complex128
        for i in group.members:
            if whole is not None and array.dtype in NAMES and _same(arrays[i], array):
                placements[i] = Placement(name, None)
            else:
                placements[i] = _window(arrays[i], name, 0 if i == whole else _bounds(arrays[i])[0] - origin)
    in_order = {name: stored[name] for name in names if name in stored}  # not by address, which differs each time
    return in_order, [placements[i] for i in range(len(arrays))]


def _covers(array: np.ndarray, group: _Memory) -> bool:
    return array.flags.c_contiguous and array.nbytes == group.stop - group.start


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or (
        a.__array_interface__["data"] == b.__array_interface__["data"]
        and (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
    )


def _memory(group: _Memory, dtypes: set[np.dtype]) -> tuple[np.ndarray, int]:
    """The memory of a group as an array, and the address of its first element."""
    raw = np.asarray(_Bytes(group.start, group.stop))
    if len(dtypes) > 1:  # with room before it, so that each element is aligned in the file as it is here
        room = group.start % 16
        return np.concatenate([np.zeros(room, np.uint8), raw]), group.start - room
    dtype = dtypes.pop()
    return raw.view(dtype if dtype in NAMES else np.float64), group.start


def view(array: np.ndarray, dtype: np.dtype, offset: int, shape: list[int], strides: list[int]) -> np.ndarray:
    """The window on a contiguous entry that a placement described.

    Raises:
        ValueError: if it reaches outside, or is none.
    """
    sizes: list[Any] = [offset, *shape, *strides]
    if len(shape) != len(strides) or len(shape) > 64 or not all(type(n) is int and 0 <= n < 1 << 62 for n in sizes):
        raise ValueError("not a window")
    item = dtype.itemsize
    reach = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True)) * item + item
    numel = 1
    for n in shape:
        numel *= n
    if not numel:
        return np.empty(shape, dtype)
    if numel >= 1 << 60 or offset % item or offset + reach > array.nbytes:
        raise ValueError("a window that reaches outside its memory")
    raw = array.reshape(-1).view(np.uint8)
    return np.ndarray(tuple(shape), dtype, raw, offset, tuple(stride * item for stride in strides))
