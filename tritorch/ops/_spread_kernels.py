"""Variances and norms on a GPU: one reduction each, in a fixed order."""

import math

from ..runtime.jit import libdevice, tl, triton
from ..runtime.reduce import reduce
from ._device_kinds import bound, computed, maximum, minimum
from ._norm_kernels import merged_moments, moments_of
from ._reducing import count_of

__all__ = ["norm", "spread"]


@triton.jit
def variance(mean, squares, held, count, free):
    return squares / free.to(squares.dtype)


@triton.jit
def deviation(mean, squares, held, count, free):
    return tl.sqrt(squares / free.to(squares.dtype))


def spread(input, dim, correction, keepdim, root):
    """The variance, or its root, over dims (Welford's update, merged in pairs)."""
    compute = computed(input.dtype)
    free = max(count_of(input.shape, dim) - correction, 0)
    return reduce(
        "std" if root else "var", input, dim, keepdim, [input.dtype], merged_moments, ["0", "0", "0"], [compute] * 3,
        compute, map=moments_of, finish=deviation if root else variance, numbers=[free],
    )[0]  # fmt: skip


@triton.jit
def added(a, b):
    return a + b


@triton.jit
def size_of(value, index):
    return tl.abs(value)


@triton.jit
def square_of(value, index):
    return value * value


@triton.jit
def one_of(value, index):
    return value != 0


@triton.jit
def power_of(value, index, power):
    return libdevice.pow(tl.abs(value), tl.full(value.shape, power, value.dtype))


@triton.jit
def given(total, count):
    return total


@triton.jit
def root_of(total, count):
    return tl.sqrt(total)


@triton.jit
def power_root_of(total, count, power):
    return libdevice.pow(total, 1 / power.to(total.dtype))


def norm(input, p, dim, keepdim):
    """The ``p``-norm over dims."""
    compute = computed(input.dtype)
    combine, identity, finish, numbers = added, "0", given, []
    if math.isinf(p):
        combine, map, identity = (maximum if p > 0 else minimum), size_of, "0" if p > 0 else bound(compute, False)
    elif p == 0:
        map = one_of
    elif p == 1:
        map = size_of
    elif p == 2:
        map, finish = square_of, root_of
    else:
        map, finish, numbers = power_of, power_root_of, [p]
    return reduce(
        "norm", input, dim, keepdim, [input.dtype], combine, [identity], [compute],
        compute, map=map, finish=finish, numbers=numbers,
    )[0]  # fmt: skip
