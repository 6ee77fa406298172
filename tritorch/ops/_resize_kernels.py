"""Resizing on a GPU: the taps of a dim as tables made on the device, then one pass over the image.

See Note [Separable resizing]. The gradient of a pixel is gathered: taps rise with the position, so those who read a
pixel are neighbours, between two bounds that a binary search finds.
"""

import numpy as np

from ..runtime.array import empty
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import block_of
from ..runtime.transfer import packed
from ._pool_kernels import computing, elements, numbers

__all__ = ["backward", "resize"]


@triton.jit
def cubic(x, a):
    """The weight of a point at distance ``x`` (Keys, 1981)."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return tl.where(x < 1, near, tl.where(x < 2, far, 0.0))


@triton.jit
def filter_of(x, MODE: tl.constexpr):
    """The weight of a pixel at distance ``x`` in an antialiased resize (as PIL has it)."""
    x = tl.abs(x)
    if MODE == "linear":
        return tl.maximum(1 - x, 0.0)
    else:
        return cubic(x, -0.5)


@triton.jit
def make_taps(
    index, weight, n, count, taps, factor, support,
    MODE: tl.constexpr, ALIGN: tl.constexpr, WIDEN: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """What each of ``count`` positions reads, ``taps`` elements each, and with what weights; in float64."""
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = o < count
    place = o * taps
    if ALIGN:
        centre = o.to(tl.float64) * factor
    else:
        centre = (o.to(tl.float64) + 0.5) * factor - 0.5
    if WIDEN:
        centre = (o.to(tl.float64) + 0.5) * factor
        first = tl.maximum((centre - support + 0.5).to(tl.int64), 0)
        last = tl.minimum((centre + support + 0.5).to(tl.int64), n)
        scale = tl.maximum(factor, 1.0)
        whole = tl.zeros([BLOCK], tl.float64)
        for t in range(taps):
            value = filter_of(((first + t).to(tl.float64) - centre + 0.5) / scale, MODE)
            whole += tl.where(first + t < last, value, 0.0)
        for t in range(taps):
            value = filter_of(((first + t).to(tl.float64) - centre + 0.5) / scale, MODE)
            value = tl.where(first + t < last, value, 0.0) / whole
            tl.store(index + place + t, tl.minimum(first + t, n - 1), live)
            tl.store(weight + place + t, value.to(weight.dtype.element_ty), live)
    elif MODE == "linear":
        if not ALIGN:
            centre = tl.maximum(centre, 0.0)
        low = tl.minimum(tl.floor(centre).to(tl.int64), n - 1)
        part = tl.minimum(tl.maximum(centre - low.to(tl.float64), 0.0), 1.0)
        tl.store(index + place, low, live)
        tl.store(index + place + 1, tl.minimum(low + 1, n - 1), live)
        tl.store(weight + place, (1 - part).to(weight.dtype.element_ty), live)
        tl.store(weight + place + 1, part.to(weight.dtype.element_ty), live)
    else:
        low = tl.floor(centre)
        part = centre - low
        for t in range(taps):
            at = low.to(tl.int64) + (t - 1)
            tl.store(index + place + t, tl.minimum(tl.maximum(at, 0), n - 1), live)
            value = cubic(tl.abs(part - (t - 1)), -0.75)
            tl.store(weight + place + t, value.to(weight.dtype.element_ty), live)


@triton.jit
def make_nearest(index, n, count, factor, shift, BLOCK: tl.constexpr):
    """What each position reads, in float32 as torch has it."""
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = tl.floor((o.to(tl.float32) + shift) * factor).to(tl.int64)
    tl.store(index + o, tl.minimum(at, n - 1), o < count)


@triton.jit
def make_bounds(start, stop, index, n, count, taps, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    """The first position that reads pixel i or a later one, and the first whose taps all lie behind it."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    low, high = i * 0, i * 0 + count
    begin, end = i * 0, i * 0 + count
    for _ in range(STEPS):
        middle = (low + high) >> 1
        searching = (i < n) & (low < high)
        before = tl.load(index + middle * taps + taps - 1, searching, other=0) < i
        low, high = tl.where(searching & before, middle + 1, low), tl.where(before, high, middle)
        middle = (begin + end) >> 1
        searching = (i < n) & (begin < end)
        before = tl.load(index + middle * taps, searching, other=0) <= i
        begin, end = tl.where(searching & before, middle + 1, begin), tl.where(before, end, middle)
    tl.store(start + i, low, i < n)
    tl.store(stop + i, begin, i < n)


@triton.jit
def resized(
    out, x, index, weight, total, n, count, inner, taps,
    PLAIN: tl.constexpr, NUMBER: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = elements(BLOCK, WIDE)
    live = i < total
    o, base = i // inner % count, i // inner // count * n
    if PLAIN:
        at = tl.load(index + o, live, other=0).to(i.dtype)
        tl.store(out + i, tl.load(x + (base + at) * inner + i % inner, live, other=0), live)
    else:
        acc = computing(tl.zeros([BLOCK], tl.float32), NUMBER)
        for t in range(taps):
            at = tl.load(index + o * taps + t, live, other=0).to(i.dtype)
            value = computing(tl.load(x + (base + at) * inner + i % inner, live, other=0), NUMBER)
            acc += value * tl.load(weight + o * taps + t, live, other=0)
        tl.store(out + i, acc.to(out.dtype.element_ty), live)


@triton.jit
def gradient_of_resized(
    out, grad, index, weight, start, stop, total, n, count, inner, taps,
    PLAIN: tl.constexpr, NUMBER: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = elements(BLOCK, WIDE)
    own, base = i // inner % n, i // inner // n * count
    o = tl.load(start + own, i < total, other=0).to(i.dtype)
    end = tl.load(stop + own, i < total, other=0).to(i.dtype)
    acc = computing(tl.zeros([BLOCK], tl.float32), NUMBER)
    active = (i < total) & (o < end)
    while tl.max(active.to(tl.int32), 0) > 0:
        value = computing(tl.load(grad + (base + o) * inner + i % inner, active, other=0), NUMBER)
        if PLAIN:
            acc += value
        else:
            for t in range(taps):
                hit = active & (tl.load(index + o * taps + t, active, other=-1) == own)
                acc += tl.where(hit, value * tl.load(weight + o * taps + t, hit, other=0), 0)
        o += 1
        active = (i < total) & (o < end)
    tl.store(out + i, acc.to(out.dtype.element_ty), i < total)


# -- launches -------------------------------------------------------------------------------------------------------


def _tables(rule, dtype):
    """(indices, weights, taps a position) of a dim; see ``taps`` in ``interpolate``."""
    n, count = rule.size, rule.count
    block = block_of(count)
    grid = (triton.cdiv(count, block),)
    if rule.mode in ("nearest", "nearest-exact"):
        index = empty((count,), np.dtype(np.int64))
        factor = np.float32(1 / rule.scale) if rule.scale else np.float32(n / count)
        shift = np.float32(rule.mode == "nearest-exact") / np.float32(2)
        launch(make_nearest, grid, index, n, count, factor, shift, BLOCK=block, enable_fp_fusion=False)
        return index, index, 1
    factor = rule.factor()
    support = (1 if rule.mode == "linear" else 2) * max(factor, 1.0)
    taps = int(2 * support) + 2 if rule.antialias else 2 if rule.mode == "linear" else 4
    index, weight = empty((count, taps), np.dtype(np.int64)), empty((count, taps), np.dtype(numbers(dtype, "float32")))
    launch(
        make_taps, grid, index, weight, n, count, taps, np.float64(factor), np.float64(support), MODE=rule.mode,
        ALIGN=rule.align_corners, WIDEN=rule.antialias, BLOCK=block, enable_fp_fusion=False,
    )  # fmt: skip
    return index, weight, taps


def _pass(kernel, out, x, tables, sizes, taps):
    block = block_of(out.size)
    wide = max(out.size, x.size) >= 2**31 - block
    launch(
        kernel, (triton.cdiv(out.size, block),), out, x, *tables, out.size, *sizes, taps, PLAIN=taps == 1,
        NUMBER=numbers(x.dtype, "float32"), WIDE=wide, BLOCK=block,
    )  # fmt: skip


def _inner(shape, dim):
    return int(np.prod(shape[dim + 1 :]))


def resize(input, dim, rule):
    """One dim resized."""
    out = empty((*input.shape[:dim], rule.count, *input.shape[dim + 1 :]), input.dtype)
    if out.size:
        index, weight, taps = _tables(rule, input.dtype)
        _pass(
            resized, out, packed(input), [index, weight], (rule.size, rule.count, _inner(input.shape, dim)), taps
        )  # fmt: skip
    return out


def backward(grad, dim, rule):
    """The transpose of :func:`resize`."""
    out = empty((*grad.shape[:dim], rule.size, *grad.shape[dim + 1 :]), grad.dtype)
    if out.size:
        index, weight, taps = _tables(rule, grad.dtype)
        start, stop = (empty((rule.size,), np.dtype(np.int32)) for _ in range(2))
        block = block_of(rule.size)
        launch(
            make_bounds, (triton.cdiv(rule.size, block),), start, stop, index, rule.size, rule.count, taps,
            STEPS=rule.count.bit_length(), BLOCK=block,
        )  # fmt: skip
        sizes = (rule.size, rule.count, _inner(grad.shape, dim))
        _pass(gradient_of_resized, out, packed(grad), [index, weight, start, stop], sizes, taps)
    return out
