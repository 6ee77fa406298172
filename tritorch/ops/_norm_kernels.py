"""Standardising on a GPU.

Note [Norm kernels]: a row is what one pair of moments is of: ``channels`` runs of ``inner`` neighbours. In layer norm it
is one run, with a weight an element; in group and instance norm the weights are those of its channels. A program
takes a tile [ROWS, CHANNELS, INNER] that holds whole rows, reads it once and keeps it in registers; rows that do not fit
are walked along in blocks, again for what is written. The gradients of weight and bias are sums over rows: each program adds up
those of its own in order, and a reduction adds up what the programs have, so that there are no atomics.
"""

import math

import numpy as np

from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import copy, pointwise
from ..runtime.reduce import reduce
from ..runtime.transfer import packed
from ._device_kinds import computed

__all__ = ["Layout", "backward", "forward", "merged_moments", "moments_of"]

PROGRAMS = 264  # that walk along rows for sums over them: two on each multiprocessor of a large GPU


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
def added(a, b):
    return a + b


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


@triton.jit
def input_gradient(grad, input, mean, rstd, weight, of_weight, of_bias, share):
    unit = (input - mean) * rstd
    out = grad - (of_bias + unit * of_weight) * share
    if weight is not None:
        out = out * weight
    return out * rstd


@triton.jit
def _tile(row, channel, inside, row_count, channels, inner):
    place = (row * channels + channel) * inner + inside
    return place, (row < row_count) & (channel < channels) & (inside < inner)


@triton.jit
def _affine(row, channel, inside, period, channels, inner, EACH: tl.constexpr):
    """Where the weights of a tile stand, and which are there: one an element, or one a channel."""
    if EACH:
        place, live = inside, inside < inner
    else:
        place, live = row % period * channels + channel, channel < channels
    return place, live


@triton.jit
def _total(value):
    return tl.sum(tl.sum(value, 2, keep_dims=True), 1, keep_dims=True)


@triton.jit
def whole_norm(
    out, means, rstds, x, weight, bias, row_count, channels, inner, period, eps, RMS: tl.constexpr, EACH: tl.constexpr,
    WEIGHTED: tl.constexpr, BIASED: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None, None]
    channel = tl.arange(0, CHANNELS)[None, :, None]
    inside = tl.arange(0, INNER)[None, None, :]
    place, live = _tile(row, channel, inside, row_count, channels, inner)
    kind: tl.constexpr = rstds.dtype.element_ty
    value = tl.load(x + place, live, other=0).to(kind)
    count = (channels * inner).to(kind)
    if not RMS:
        mean = _total(value) / count
        value = tl.where(live, value - mean, 0)
        tl.store(means + row, mean, row < row_count)
    rstd = 1 / tl.sqrt(_total(value * value) / count + eps)
    tl.store(rstds + row, rstd, row < row_count)
    value *= rstd
    at, there = _affine(row, channel, inside, period, channels, inner, EACH)
    if WEIGHTED:
        value *= tl.load(weight + at, there, other=0).to(kind)
    if BIASED:
        value += tl.load(bias + at, there, other=0).to(kind)
    tl.store(out + place, value.to(out.dtype.element_ty), live)


@triton.jit
def walk_norm(
    out, means, rstds, x, weight, bias, row_count, channels, inner, period, eps, RMS: tl.constexpr, EACH: tl.constexpr,
    WEIGHTED: tl.constexpr, BIASED: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None, None]
    kind: tl.constexpr = rstds.dtype.element_ty
    mean = tl.zeros([ROWS, 1, 1], kind)
    squares = tl.zeros([ROWS, 1, 1], kind)
    count = tl.zeros([1, 1, 1], kind)
    for c in range(0, channels, CHANNELS):
        channel = c + tl.arange(0, CHANNELS)[None, :, None]
        for first in range(0, inner, INNER):
            inside = first + tl.arange(0, INNER)[None, None, :]
            place, live = _tile(row, channel, inside, row_count, channels, inner)
            value = tl.load(x + place, live, other=0).to(kind)
            if RMS:
                squares += _total(value * value)
            else:
                here = (tl.minimum(CHANNELS, channels - c) * tl.minimum(INNER, inner - first)).to(kind)
                middle = _total(value) / here
                value = tl.where(live, value - middle, 0)
                mean, squares, count = merged_moments(mean, squares, count, middle, _total(value * value), here)
    rstd = 1 / tl.sqrt(squares / (channels * inner).to(kind) + eps)
    tl.store(rstds + row, rstd, row < row_count)
    if not RMS:
        tl.store(means + row, mean, row < row_count)
    for c in range(0, channels, CHANNELS):
        channel = c + tl.arange(0, CHANNELS)[None, :, None]
        for first in range(0, inner, INNER):
            inside = first + tl.arange(0, INNER)[None, None, :]
            place, live = _tile(row, channel, inside, row_count, channels, inner)
            value = (tl.load(x + place, live, other=0).to(kind) - mean) * rstd
            at, there = _affine(row, channel, inside, period, channels, inner, EACH)
            if WEIGHTED:
                value *= tl.load(weight + at, there, other=0).to(kind)
            if BIASED:
                value += tl.load(bias + at, there, other=0).to(kind)
            tl.store(out + place, value.to(out.dtype.element_ty), live)


@triton.jit
def whole_norm_back(
    out, sums, grad, x, means, rstds, weight, row_count, channels, inner, period, steps, part, RMS: tl.constexpr,
    EACH: tl.constexpr, WEIGHTED: tl.constexpr, AFFINE: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
    INNER: tl.constexpr,
):  # fmt: skip
    kind: tl.constexpr = rstds.dtype.element_ty
    channel = tl.arange(0, CHANNELS)[None, :, None]
    inside = tl.arange(0, INNER)[None, None, :]
    count = (channels * inner).to(kind)
    of_weight = tl.zeros([1, CHANNELS, INNER], kind)
    of_bias = tl.zeros([1, CHANNELS, INNER], kind)
    program = tl.program_id(0).to(tl.int64)
    for step in range(steps):
        row = ((program * steps + step) * ROWS + tl.arange(0, ROWS))[:, None, None]
        place, live = _tile(row, channel, inside, row_count, channels, inner)
        unit = tl.load(x + place, live, other=0).to(kind)
        if not RMS:
            unit -= tl.load(means + row, row < row_count, other=0)
        rstd = tl.load(rstds + row, row < row_count, other=0)
        unit = tl.where(live, unit * rstd, 0)
        g = tl.load(grad + place, live, other=0).to(kind)
        if AFFINE:
            if EACH:
                of_weight += tl.sum(g * unit, 0, keep_dims=True)
                of_bias += tl.sum(g, 0, keep_dims=True)
            else:
                there = (row < row_count) & (channel < channels)
                tl.store(sums + row * channels + channel, tl.sum(g * unit, 2, keep_dims=True), there)
                tl.store(sums + part + row * channels + channel, tl.sum(g, 2, keep_dims=True), there)
        if WEIGHTED:
            at, there = _affine(row, channel, inside, period, channels, inner, EACH)
            g *= tl.load(weight + at, there, other=0).to(kind)
        shift = _total(g * unit) / count * unit
        if not RMS:
            shift += _total(g) / count
        tl.store(out + place, ((g - shift) * rstd).to(out.dtype.element_ty), live)
    if AFFINE and EACH:
        tl.store(sums + program * inner + inside, tl.sum(of_weight, 1, keep_dims=True), inside < inner)
        tl.store(sums + part + program * inner + inside, tl.sum(of_bias, 1, keep_dims=True), inside < inner)


@triton.jit
def walk_norm_back(
    out, sums, grad, x, means, rstds, weight, row_count, channels, inner, period, steps, part, RMS: tl.constexpr,
    EACH: tl.constexpr, WEIGHTED: tl.constexpr, AFFINE: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
    INNER: tl.constexpr,
):  # fmt: skip
    kind: tl.constexpr = rstds.dtype.element_ty
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None, None]
    mean = tl.zeros([ROWS, 1, 1], kind)
    if not RMS:
        mean = tl.load(means + row, row < row_count, other=0)
    rstd = tl.load(rstds + row, row < row_count, other=0)
    along = tl.zeros([ROWS, 1, 1], kind)
    level = tl.zeros([ROWS, 1, 1], kind)
    for c in range(0, channels, CHANNELS):
        channel = c + tl.arange(0, CHANNELS)[None, :, None]
        of_weight = tl.zeros([ROWS, CHANNELS, 1], kind)
        of_bias = tl.zeros([ROWS, CHANNELS, 1], kind)
        for first in range(0, inner, INNER):
            inside = first + tl.arange(0, INNER)[None, None, :]
            place, live = _tile(row, channel, inside, row_count, channels, inner)
            unit = tl.where(live, (tl.load(x + place, live, other=0).to(kind) - mean) * rstd, 0)
            g = tl.load(grad + place, live, other=0).to(kind)
            if AFFINE and not EACH:
                of_weight += tl.sum(g * unit, 2, keep_dims=True)
                of_bias += tl.sum(g, 2, keep_dims=True)
            if WEIGHTED:
                at, there = _affine(row, channel, inside, period, channels, inner, EACH)
                g *= tl.load(weight + at, there, other=0).to(kind)
            along += _total(g * unit)
            level += _total(g)
        if AFFINE and not EACH:
            there = (row < row_count) & (channel < channels)
            tl.store(sums + row * channels + channel, of_weight, there)
            tl.store(sums + part + row * channels + channel, of_bias, there)
    count = (channels * inner).to(kind)
    for c in range(0, channels, CHANNELS):
        channel = c + tl.arange(0, CHANNELS)[None, :, None]
        for first in range(0, inner, INNER):
            inside = first + tl.arange(0, INNER)[None, None, :]
            place, live = _tile(row, channel, inside, row_count, channels, inner)
            unit = (tl.load(x + place, live, other=0).to(kind) - mean) * rstd
            g = tl.load(grad + place, live, other=0).to(kind)
            if WEIGHTED:
                at, there = _affine(row, channel, inside, period, channels, inner, EACH)
                g *= tl.load(weight + at, there, other=0).to(kind)
            shift = along / count * unit
            if not RMS:
                shift += level / count
            tl.store(out + place, ((g - shift) * rstd).to(out.dtype.element_ty), live)


@triton.jit
def column_sums(
    sums, grad, x, means, rstds, row_count, channels, inner, steps, part, RMS: tl.constexpr, BY_ROW: tl.constexpr,
    COLS: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Sums of ``grad * unit`` and of ``grad`` for each channel of (rows, channels, inner)."""
    kind: tl.constexpr = rstds.dtype.element_ty
    channel = (tl.program_id(0) * COLS + tl.arange(0, COLS))[None, :]
    program = tl.program_id(1).to(tl.int64)
    of_weight = tl.zeros([ROWS, COLS], kind)
    of_bias = tl.zeros([ROWS, COLS], kind)
    for step in range(steps):
        row = ((program * steps + step) * ROWS + tl.arange(0, ROWS))[:, None]
        live = (row < row_count * inner) & (channel < channels)
        place = (row // inner * channels + channel) * inner + row % inner
        stat = row if BY_ROW else channel
        here = (row < row_count * inner) if BY_ROW else (channel < channels)
        unit = tl.load(x + place, live, other=0).to(kind)
        if not RMS:
            unit -= tl.load(means + stat, here, other=0)
        unit *= tl.load(rstds + stat, here, other=0)
        g = tl.load(grad + place, live, other=0).to(kind)
        of_weight += tl.where(live, g * unit, 0)
        of_bias += g
    here = channel < channels
    tl.store(sums + program * channels + channel, tl.sum(of_weight, 0, keep_dims=True), here)
    tl.store(sums + part + program * channels + channel, tl.sum(of_bias, 0, keep_dims=True), here)


class Layout:
    """How an array lies as rows of Note [Norm kernels].

    Attributes:
        rows, channels, inner: its shape in the kernels.
        period: the number of rows after which the weights begin anew.
        each: whether there is a weight an element of a row, or one a channel.
        batch: whether the moments are those of dim 1 over all others, (rows, channels, inner) being the dims before it, it
            and those after it.
    """

    def __init__(self, rows, channels, inner, period=1, each=True, batch=False):
        self.rows, self.channels, self.inner = rows, channels, inner
        self.period, self.each, self.batch = period, each, batch

    @staticmethod
    def of(shape, dim, affine):
        """That of an array of ``shape`` with moments over ``dim`` and weights of the shapes ``affine``; None for another."""
        rank, first = len(shape), len(shape) - len(dim)
        affine = {a for a in affine if a}
        if 0 in shape:
            return None
        if rank > 1 and dim == (0, *range(2, rank)) and affine <= {(1, shape[1], *(1,) * (rank - 2))}:
            return Layout(shape[0], shape[1], math.prod(shape[2:]), batch=True)
        if dim != tuple(range(first, rank)):
            return None
        rows = math.prod(shape[:first])
        if affine <= {tuple(shape[first:])}:
            return Layout(rows, 1, math.prod(shape[first:]))
        if first == 2 and affine <= {(1, shape[1], *(1,) * len(dim))}:
            return Layout(rows, 1, math.prod(shape[2:]), shape[1], False)
        if first == 2 and rank == 4 and affine <= {(1, *shape[1:3], 1)}:
            return Layout(rows, shape[2], shape[3], shape[1], False)
        return None

    def tile(self, compute, room):
        """(whether rows fit, the sizes of a tile and its warps)."""
        room = room // (compute.itemsize // 4) if is_real() else 1 << 18
        channels, inner = triton.next_power_of_2(self.channels), triton.next_power_of_2(self.inner)
        whole = channels * inner <= room
        inner = min(inner, room)
        channels = min(channels, room // inner)
        many = (1024 if is_real() else room) // (channels * inner)
        rows = max(min(many, triton.next_power_of_2(self.rows)), 1)
        warps = min(max(rows * channels * inner * compute.itemsize // 2048, 4), 16)
        return whole, {"ROWS": rows, "CHANNELS": channels, "INNER": inner, "num_warps": warps}


def forward(input, weight, bias, dim, eps, rms=False):
    """(out, mean, 1 / deviation) of an array on a device over dims; with ``rms`` (out, None, 1 / root mean square).

    The moments, of size 1 in dims, are in single precision at least.
    """
    compute = computed(input.dtype)
    layout = Layout.of(input.shape, dim, [x.shape for x in (weight, bias) if x is not None])
    if layout is None or layout.batch:
        return _by_reductions(input, weight, bias, dim, eps, compute)
    kept = [1 if d in dim else n for d, n in enumerate(input.shape)]
    out, rstd = empty(input.shape, input.dtype), empty(kept, compute)
    mean = None if rms else empty(kept, compute)
    whole, tile = layout.tile(compute, 16384)
    launch(
        whole_norm if whole else walk_norm, (triton.cdiv(layout.rows, tile["ROWS"]),), out, rstd if rms else mean, rstd,
        packed(input), *[rstd if x is None else packed(x) for x in (weight, bias)], layout.rows, layout.channels,
        layout.inner, layout.period, _number(eps, compute), RMS=rms, EACH=layout.each, WEIGHTED=weight is not None,
        BIASED=bias is not None, **tile,
    )  # fmt: skip
    return out, mean, rstd


def _number(x, compute):
    return np.float64(x) if compute.itemsize == 8 else float(x)


def _by_reductions(input, weight, bias, dim, eps, compute):
    """Over any dims: the moments by a reduction (Welford's update, merged in pairs), then one pass that scales and shifts."""
    mean, variance = reduce(
        "moments", input, dim, True, [compute, compute], merged_moments, ["0", "0", "0"], [compute] * 3, compute,
        map=moments_of, finish=mean_and_variance,
    )  # fmt: skip
    rstd, out = empty(mean.shape, compute), empty(input.shape, input.dtype)
    pointwise(reciprocal_deviation, [rstd], [variance, eps], [compute] * 2)
    pointwise(scaled, [out], [input, mean, rstd, weight, bias], [compute] * 5)
    return out, mean, rstd


def backward(grad, input, weight, mean, rstd, dim, affine):
    """(the gradient of input, those of weight and bias), from the moments; ``mean`` is None for a root mean square.

    Args:
        affine: the shapes of weight and bias if their gradients are asked for, which come flat, and else None.
    """
    compute = rstd.dtype
    layout = Layout.of(input.shape, dim, affine or ([] if weight is None else [weight.shape]))
    grad, input = packed(grad), packed(input)
    moments = [rstd if mean is None else packed(mean), packed(rstd)]
    if layout.batch:
        return _batch_back(grad, input, weight, moments, layout, affine)
    out, rms = empty(input.shape, input.dtype), mean is None
    whole, tile = layout.tile(compute, 8192)
    tiles, steps = triton.cdiv(layout.rows, tile["ROWS"]), 1
    walked = affine is not None and layout.each and not whole  # the sums are made by a pass of their own
    sums = rstd
    if affine is not None and not walked:
        if layout.each:
            steps = triton.cdiv(tiles, PROGRAMS if is_real() else 4)
            tiles = triton.cdiv(tiles, steps)
        sums = empty(
            (2, tiles if layout.each else layout.rows, layout.inner if layout.each else layout.channels), compute
        )
    launch(
        whole_norm_back if whole else walk_norm_back, (tiles,), out, sums, grad, input, *moments,
        rstd if weight is None else packed(weight), layout.rows, layout.channels, layout.inner, layout.period, steps,
        sums.size // 2, RMS=rms, EACH=layout.each, WEIGHTED=weight is not None,
        AFFINE=affine is not None and not walked, **tile,
    )  # fmt: skip
    if affine is None:
        return out, None, None
    if walked:
        sums = _column_sums(grad, input, moments, Layout(layout.rows, layout.inner, 1), rms, True)
    elif not layout.each:
        sums = sums.reshape(2, layout.rows // layout.period, layout.period * layout.channels)
    return out, *_folded(sums, input.dtype)


def _folded(sums, dtype):
    """The sums along dim 1, one after the other."""
    compute = sums.dtype
    return reduce("sum", sums, (1,), False, [dtype], added, ["0"], [compute], compute)[0]


def _column_sums(grad, input, moments, layout, rms, by_row):
    """(2, parts, channels): the sums of ``grad * unit`` and of ``grad`` over parts of the rows."""
    count, channels = layout.rows * layout.inner, layout.channels
    room = 2048 if is_real() else 1 << 18
    columns = min(triton.next_power_of_2(channels), 64) if layout.inner == 1 or not is_real() else 1
    rows = min(triton.next_power_of_2(count), room // columns)
    columns = columns if is_real() else min(triton.next_power_of_2(channels), room // rows)
    across, tiles = triton.cdiv(channels, columns), triton.cdiv(count, rows)
    steps = triton.cdiv(tiles, max(2 * PROGRAMS // across, 1) if is_real() else 1)
    parts = triton.cdiv(tiles, steps)
    sums = empty((2, parts, channels), moments[1].dtype)
    launch(column_sums, (across, parts), sums, grad, input, *moments, layout.rows, channels, layout.inner, steps,
           parts * channels, RMS=rms, BY_ROW=by_row, COLS=columns, ROWS=rows)  # fmt: skip
    return sums


def _batch_back(grad, input, weight, moments, layout, affine):
    sums = _folded(_column_sums(grad, input, moments, layout, False, False), moments[1].dtype)
    out, shape = empty(input.shape, input.dtype), moments[1].shape
    compute, share = sums.dtype, 1 / (layout.rows * layout.inner)
    of_weight, of_bias = (x.reshape(shape) for x in sums)
    operands = [grad, input, *moments, weight, of_weight, of_bias, _number(share, compute)]
    pointwise(input_gradient, [out], operands, [compute] * 8)
    if affine is None:
        return out, None, None
    if compute == input.dtype:
        return out, *sums
    narrow = empty(sums.shape, input.dtype)
    copy(narrow, sums)
    return out, *narrow
