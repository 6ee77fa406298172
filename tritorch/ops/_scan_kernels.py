"""The formulas that scans combine by on a GPU."""

import numpy as np

from ..runtime.jit import tl, triton
from ..runtime.scan import scan
from ._device_kinds import bound, computed
from ._reducing_formulas import add_exponentials, logarithm, one_exponential

__all__ = ["extremes_so_far", "log_sums"]

INT64 = np.dtype(np.int64)


@triton.jit
def with_place(value, index):
    return value, tl.broadcast_to(index, value.shape).to(tl.int64)


@triton.jit
def later_largest(a, i, b, j):
    """The larger, of equals the later, and of a NaN and a number the NaN."""
    beaten = (b > a) | ((b != b) & (a == a))
    equal = (a == b) | ((a != a) & (b != b))
    return tl.where(beaten, b, a), tl.where(equal, tl.maximum(i, j), tl.where(beaten, j, i))


@triton.jit
def later_smallest(a, i, b, j):
    """The smaller, of equals the later, and of a NaN and a number the NaN."""
    beaten = (b < a) | ((b != b) & (a == a))
    equal = (a == b) | ((a != a) & (b != b))
    return tl.where(beaten, b, a), tl.where(equal, tl.maximum(i, j), tl.where(beaten, j, i))


def extremes_so_far(title, input, dim, largest):
    """(values, int64 indices) of the largest or smallest elements up to each along a dim."""
    line = input if input.ndim else input.reshape(1)
    compute = computed(input.dtype)
    combine = later_largest if largest else later_smallest
    found = scan(
        title, line, dim if input.ndim else 0, [input.dtype, INT64], combine, [bound(compute, largest), "0"],
        [compute, INT64], compute, map=with_place,
    )  # fmt: skip
    return tuple(x.reshape(input.shape) for x in found)


def log_sums(input, dim, reverse):
    """The logarithms of the sums of exponentials up to each element along a dim, or from each on."""
    line = input if input.ndim else input.reshape(1)
    compute = computed(input.dtype)
    return scan(
        "logcumsumexp", line, dim if input.ndim else 0, [input.dtype], add_exponentials, ['float("-inf")', "0"],
        [compute] * 2, compute, map=one_exponential, finish=logarithm, reverse=reverse,
    )[0].reshape(input.shape)  # fmt: skip
