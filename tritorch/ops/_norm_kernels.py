"""Standardising on a GPU: the moments by reductions in a fixed order, then one pass that scales and shifts."""

from ..runtime.array import empty
from ..runtime.jit import tl, triton
from ..runtime.pointwise import copy, pointwise
from ..runtime.reduce import reduce
from ._device_kinds import computed

__all__ = ["merged_moments", "moments_of", "standardized"]


@triton.jit
def moments_of(value, index):
    return value, tl.zeros(value.shape, value.dtype), tl.full(value.shape, 1, value.dtype)


@triton.jit
def merged_moments(mean, squares, count, other_mean, other_squares, other_count):
    total = count + other_count
    share = other_count / tl.maximum(total, 1)
    shift = other_mean - mean
    return mean + shift * share, squares + other_squares + shift * shift * count * share, total


@triton.jit
def mean_and_variance(mean, squares, held, count):
    return mean, squares / tl.maximum(held, 1)


@triton.jit
def reciprocal_deviation(variance, eps):
    return 1 / tl.sqrt(variance + eps)


@triton.jit
def scaled(input, mean, rstd, weight, bias):
    out = (input - mean) * rstd
    if weight is not None:
        out = out * weight
    if bias is not None:
        out = out + bias
    return out


def standardized(input, weight, bias, dim, eps):
    """(out, mean, rstd) of an array on a device over dims, which the moments keep (Welford's update, merged in pairs)."""
    compute = computed(input.dtype)
    mean, variance = reduce(
        "moments", input, dim, True, [compute, compute], merged_moments, ["0", "0", "0"], [compute] * 3, compute,
        map=moments_of, finish=mean_and_variance,
    )  # fmt: skip
    rstd, out = empty(mean.shape, compute), empty(input.shape, input.dtype)
    pointwise(reciprocal_deviation, [rstd], [variance, eps], [compute] * 2)
    pointwise(scaled, [out], [input, mean, rstd, weight, bias], [compute] * 5)
    if input.dtype == compute:
        return out, mean, rstd
    narrow = [empty(mean.shape, input.dtype) for _ in range(2)]
    for half, full in zip(narrow, (mean, rstd), strict=True):
        copy(half, full)
    return out, *narrow
