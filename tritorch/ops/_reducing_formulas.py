"""Formulas that reductions and scans combine by on a GPU."""

from ..runtime.jit import tl, triton

__all__ = ["add_exponentials", "logarithm", "one_exponential"]


@triton.jit
def _weight(x, top):
    return tl.where(x == top, 1.0, tl.exp(x - top))  # infinities too weigh 1 beside themselves


@triton.jit
def one_exponential(value, index):
    return value, tl.full(value.shape, 1, value.dtype)


@triton.jit
def add_exponentials(a, total_a, b, total_b):
    top = tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
    return top, total_a * _weight(a, top) + total_b * _weight(b, top)


@triton.jit
def logarithm(top, total, count):
    return top + tl.log(total)
