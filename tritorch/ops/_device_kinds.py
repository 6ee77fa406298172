"""The loops that kinds of operators run on a GPU, around the formulas in their ``cuda`` slots."""

import numpy as np

from ..runtime.array import empty
from ..runtime.jit import Kernel, tl, triton
from ..runtime.pointwise import copy
from ..runtime.reduce import reduce
from ..runtime.scan import scan
from ._device import refuse_dtype, refuse_host
from ._op import FLOAT32, is_half

__all__ = [
    "arg_reduce",
    "bound",
    "computed",
    "largest",
    "maximum",
    "minimum",
    "reduction_loop",
    "scan_loop",
    "smallest",
]


def bound(dtype, lowest):
    """The text of the lowest (or highest) value of a NumPy dtype."""
    if dtype.kind == "f":
        return 'float("-inf")' if lowest else 'float("inf")'
    limits = np.iinfo(dtype)
    return str(limits.min if lowest else limits.max)


def computed(store):
    """The dtype in which values of a dtype are combined: half precision as float32, bools as small ints."""
    if store.kind == "b":
        return np.dtype(np.int8)
    return FLOAT32 if is_half(store) else store


def reduction_loop(cls):
    """Of ``(input, dim, keepdim, ...)``; None where the slot is no formula."""
    combine, lift, gives = cls.cuda, cls.lift, cls.gives
    if not isinstance(combine, Kernel):
        return None
    names = [a.name for a in cls.args]
    wanted = names.index("dtype") if "dtype" in names else None
    optional = {key: slot for key, slot in (("map", cls.cuda_map), ("finish", cls.cuda_finish)) if slot is not None}

    def loop(input, dim, keepdim=False, *rest):
        refuse_host((input,))
        refuse_dtype(cls, input.dtype)
        dtype = rest[wanted - 3] if wanted is not None else None
        store = input.dtype if dtype is None else dtype.np
        if dtype is None and lift and store.kind in "biu":
            store = np.dtype(np.int64)
        compute = computed(store)
        accumulator = np.dtype(np.int64) if gives else compute
        if gives:
            store = np.dtype(np.uint8 if gives == "bool" and input.dtype == np.uint8 else gives)
        identity = cls.identity if cls.identity[0] not in "lh" else bound(compute, cls.identity == "lowest")
        return reduce(cls.short, input, dim, keepdim, [store], combine, [identity], [accumulator], compute, **optional)[
            0
        ]

    return loop


def scan_loop(cls):
    """Of ``(input, dim, dtype)``; None where the slot is no formula."""
    combine, lift, identity, reverse = cls.cuda, cls.lift, cls.identity, cls.reverse
    if not isinstance(combine, Kernel):
        return None

    def loop(input, dim, dtype=None):
        refuse_host((input,))
        store = input.dtype if dtype is None else dtype.np
        if dtype is None and lift and store.kind in "biu":
            store = np.dtype(np.int64)
        if not input.ndim:
            out = empty((), store)
            copy(out, input)
            return out
        compute = computed(store)
        return scan(cls.short, input, dim, [store], combine, [identity], [compute], compute, reverse=reverse)[0]

    return loop


@triton.jit
def maximum(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def minimum(a, b):
    return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def with_index(value, index):
    return value, tl.broadcast_to(index, value.shape).to(tl.int64)


@triton.jit
def largest(a, i, b, j):
    first = (a > b) | ((a != a) & (b == b)) | (((a == b) | ((a != a) & (b != b))) & (i < j))
    return tl.where(first, a, b), tl.where(first, i, j)


@triton.jit
def smallest(a, i, b, j):
    first = (a < b) | ((a != a) & (b == b)) | (((a == b) | ((a != a) & (b != b))) & (i < j))
    return tl.where(first, a, b), tl.where(first, i, j)


@triton.jit
def both(value, index, count):
    return value, index


def arg_reduce(title, input, dim, keepdim, better):
    """(values, int64 indices) of the extremes along a dim (None: of all), by ``largest`` or ``smallest``. NaN wins."""
    refuse_host((input,))
    compute = computed(input.dtype)
    ends = [bound(compute, better is largest), "9223372036854775807"]
    dims = None if dim is None or not input.ndim else (dim,)
    types = [compute, np.dtype(np.int64)]
    outs = [input.dtype, types[1]]
    return reduce(title, input, dims, keepdim, outs, better, ends, types, compute, map=with_index, finish=both)
