"""Convolutions on a GPU as matrix products whose operands are gathered from the image: nothing is unfolded in memory.

Note [Convolutions as products]: the output of a convolution is a product of rows (a position of an image of the batch)
by columns (an output channel), summed over (input channel, place in the window). The gradient of the input is the same
with channels exchanged and another rule for which position a place in the window reads. The gradient of the weight sums
over the positions instead; where that leaves few tiles, the sum is cut in parts, added up in order by a second kernel,
so that the result is the same every time. Groups are an axis of the grid. One, two and three dims are all three dims.
"""

import numpy as np

from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.transfer import packed
from ._conv import output_size
from ._matmul_kernels import precision

__all__ = ["forward", "input_gradient", "weight_gradient"]


@triton.jit
def _source(q, t, size, stride, padding, dilation, BACK: tl.constexpr):
    """The position along a dim that output ``q`` reads at place ``t`` of its window, and whether there is one."""
    if BACK:
        ahead = q + padding - t * dilation
        at = ahead // stride
        return at, (ahead >= 0) & (ahead % stride == 0) & (at < size)
    else:
        at = q * stride - padding + t * dilation
        return at, (at >= 0) & (at < size)


@triton.jit
def convolution_images(
    out, x, w, positions, outs, ins, Q0, Q1, Q2, n0, n1, n2, x_n, x_c, x_0, x_1, x_2, w_group, w_out, w_in,
    s0, s1, s2, p0, p1, p2, d0, d1, d2,
    K0: tl.constexpr, K1: tl.constexpr, K2: tl.constexpr, BACK: tl.constexpr, PRECISION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Images (positions = batch * Q0 * Q1 * Q2 rows) by weights: see Note [Convolutions as products]."""
    window: tl.constexpr = K0 * K1 * K2
    volume = Q0 * Q1 * Q2
    tiles = tl.cdiv(outs, BN)
    row = tl.program_id(0) // tiles * BM + tl.arange(0, BM)
    column = tl.program_id(0) % tiles * BN + tl.arange(0, BN)
    group = tl.program_id(1).to(tl.int64)
    image, q = row // volume, row % volume
    x += group * ins * x_c
    w += group * w_group
    total = tl.zeros([BM, BN], tl.float64 if PRECISION == "none" else tl.float32)
    for first in range(0, ins * window, BK):
        k = first + tl.arange(0, BK)
        channel, t = k // window, k % window
        live = (row < positions)[:, None] & (channel < ins)[None, :]
        base = image.to(tl.int64)[:, None] * x_n + channel.to(tl.int64)[None, :] * x_c
        i0, in0 = _source((q // (Q1 * Q2))[:, None], (t // (K1 * K2))[None, :], n0, s0, p0, d0, BACK)
        i1, in1 = _source((q // Q2 % Q1)[:, None], (t // K2 % K1)[None, :], n1, s1, p1, d1, BACK)
        i2, in2 = _source((q % Q2)[:, None], (t % K2)[None, :], n2, s2, p2, d2, BACK)
        a = tl.load(x + base + (i0 * x_0 + i1 * x_1 + i2 * x_2), live & in0 & in1 & in2, other=0)
        places = (channel * w_in + t)[:, None] + column[None, :] * w_out
        b = tl.load(w + places, (channel < ins)[:, None] & (column < outs)[None, :], other=0)
        if PRECISION == "none":
            total += a.to(tl.float64) * b.to(tl.float64)
        else:
            total = tl.dot(a, b, total, input_precision=PRECISION)
    plane = image.to(tl.int64)[:, None] * (tl.num_programs(1) * outs) + group * outs + column[None, :]
    stored = (row < positions)[:, None] & (column < outs)[None, :]
    tl.store(out + plane * volume + q[:, None], total.to(out.dtype.element_ty), stored)


@triton.jit
def convolution_weights(
    out, g, x, positions, outs, ins, part, Q0, Q1, Q2, n0, n1, n2, g_n, g_m, x_n, x_c, x_0, x_1, x_2,
    s0, s1, s2, p0, p1, p2, d0, d1, d2,
    K0: tl.constexpr, K1: tl.constexpr, K2: tl.constexpr, PRECISION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Gradients (packed along space) by images, summed over ``part`` of the positions: a part for each of grid's z."""
    window: tl.constexpr = K0 * K1 * K2
    volume = Q0 * Q1 * Q2
    tiles = tl.cdiv(ins * window, BN)
    row = tl.program_id(0) // tiles * BM + tl.arange(0, BM)
    column = tl.program_id(0) % tiles * BN + tl.arange(0, BN)
    group = tl.program_id(1).to(tl.int64)
    channel, t = column // window, column % window
    g += group * outs * g_m
    x += group * ins * x_c
    start = tl.program_id(2) * part
    end = tl.minimum(start + part, positions)
    total = tl.zeros([BM, BN], tl.float64 if PRECISION == "none" else tl.float32)
    for first in range(start, end, BK):
        k = first + tl.arange(0, BK)
        image, q = k // volume, k % volume
        far = image.to(tl.int64)
        a = tl.load(
            g + far[None, :] * g_n + q[None, :] + row.to(tl.int64)[:, None] * g_m,
            (row < outs)[:, None] & (k < end)[None, :], other=0,
        )  # fmt: skip
        base = far[:, None] * x_n + channel.to(tl.int64)[None, :] * x_c
        live = (k < end)[:, None] & (channel < ins)[None, :]
        i0, in0 = _source((q // (Q1 * Q2))[:, None], (t // (K1 * K2))[None, :], n0, s0, p0, d0, False)
        i1, in1 = _source((q // Q2 % Q1)[:, None], (t // K2 % K1)[None, :], n1, s1, p1, d1, False)
        i2, in2 = _source((q % Q2)[:, None], (t % K2)[None, :], n2, s2, p2, d2, False)
        b = tl.load(x + base + (i0 * x_0 + i1 * x_1 + i2 * x_2), live & in0 & in1 & in2, other=0)
        if PRECISION == "none":
            total += a.to(tl.float64) * b.to(tl.float64)
        else:
            total = tl.dot(a, b, total, input_precision=PRECISION)
    plane = (tl.program_id(2) * tl.num_programs(1) + group) * outs + row
    stored = (row < outs)[:, None] & (column < ins * window)[None, :]
    place = plane.to(tl.int64)[:, None] * (ins * window) + column[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty), stored)


@triton.jit
def add_parts(out, parts, n, count, BLOCK: tl.constexpr):
    """Adds up ``count`` arrays of ``n`` elements, in order."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], parts.dtype.element_ty)
    for part in range(count):
        total += tl.load(parts + part * n.to(tl.int64) + i, i < n, other=0)
    tl.store(out + i, total.to(out.dtype.element_ty), i < n)


def _three(values, fill):
    return (fill,) * (3 - len(values)) + tuple(values)


def _steps(x, skip=2):
    return _three([s // x.itemsize for s in x.strides[skip:]], 0)


def _ways(dtype, rows, columns, depth):
    """Tile sizes, and how products are summed: tensor cores for up to 32 bits of floats, plain arithmetic for the rest."""
    plain = (dtype.kind != "f" and dtype.name != "bfloat16") or dtype.itemsize > 4
    if is_real():
        BM, BN, BK = 64, (16 if columns <= 16 else 32 if plain or columns <= 32 else 64), 32
    else:
        BM, BN, BK = (min(max(triton.next_power_of_2(n), 16), 256) for n in (rows, columns, depth))
    if plain:  # integers are summed as float64, exact to 2**53, as on the CPU
        return {"PRECISION": "none", "BM": BM, "BN": BN, "BK": 1, "num_warps": 8}
    how = precision["float32"] if dtype.itemsize == 4 else "ieee"
    return {"PRECISION": how, "BM": BM, "BN": BN, "BK": BK, "num_warps": 8}  # with 4 the addresses do not fit registers


def _images(out, x, w, window, stride, padding, dilation, groups, back):
    """Launches :func:`convolution_images`; ``w`` is (outs, ins, window...) of one group after another."""
    outs, size = out.shape[1] // groups, _three(out.shape[2:], 1)
    ins, volume = x.shape[1] // groups, int(np.prod(size))
    taps = int(np.prod(window))
    positions = out.shape[0] * volume
    # the weight is (M, C / groups, *kernel): its rows are this product's outputs, or its inputs on the way back
    strides = (ins * outs * taps, taps, outs * taps) if back else (outs * ins * taps, ins * taps, taps)
    ways = _ways(out.dtype, positions, outs, ins * taps)
    k = _three(window, 1)
    grid = triton.cdiv(positions, ways["BM"]) * triton.cdiv(outs, ways["BN"]), groups
    steps = [s // x.itemsize for s in x.strides[:2]]
    launch(
        convolution_images, grid, out, x, w, positions, outs, ins, *size, *_three(x.shape[2:], 1), *steps, *_steps(x),
        *strides, *_three(stride, 1), *_three(padding, 0), *_three(dilation, 1), K0=k[0], K1=k[1], K2=k[2], BACK=back,
        **ways,
    )  # fmt: skip


def forward(x, w, stride, padding, dilation, groups):
    """(N, C, *size) by (M, C / groups, *kernel) gives (N, M, *out)."""
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    out = empty((x.shape[0], w.shape[0], *size), x.dtype)
    if out.size:
        _images(out, x, packed(w), w.shape[2:], stride, padding, dilation, groups, False)
    return out


def input_gradient(g, w, size, stride, padding, dilation, groups):
    """(N, M, *out) by (M, C / groups, *kernel) gives (N, C, *size)."""
    out = empty((g.shape[0], w.shape[1] * groups, *size), g.dtype)
    if out.size:
        _images(out, g, packed(w), w.shape[2:], stride, padding, dilation, groups, True)
    return out


def weight_gradient(g, x, kernel, stride, padding, dilation, groups):
    """(N, M, *out) by (N, C, *size) gives (M, C / groups, *kernel)."""
    outs, ins, taps = g.shape[1] // groups, x.shape[1] // groups, int(np.prod(kernel))
    out = empty((g.shape[1], ins, *kernel), g.dtype)
    if not out.size:
        return out
    g = packed(g)
    size, k = _three(g.shape[2:], 1), _three(kernel, 1)
    volume = int(np.prod(size))
    positions = g.shape[0] * volume
    ways = _ways(out.dtype, outs, ins * taps, positions)
    tiles = triton.cdiv(outs, ways["BM"]) * triton.cdiv(ins * taps, ways["BN"])
    count = _parts(tiles * groups, positions)
    part = triton.cdiv(triton.cdiv(positions, count), 64) * 64
    count = max(triton.cdiv(positions, max(part, 1)), 1)
    kind = np.dtype(np.float64 if ways["PRECISION"] == "none" else np.float32)
    target = out if count == 1 else empty((count, *out.shape), kind)
    steps = [s // x.itemsize for s in x.strides[:2]]
    launch(
        convolution_weights, (tiles, groups, count), target, g, x, positions, outs, ins, part, *size,
        *_three(x.shape[2:], 1), g.shape[1] * volume, volume, *steps, *_steps(x), *_three(stride, 1),
        *_three(padding, 0), *_three(dilation, 1), K0=k[0], K1=k[1], K2=k[2], **ways,
    )  # fmt: skip
    if count > 1:
        block = 256 if is_real() else max(triton.next_power_of_2(out.size), 16)
        launch(add_parts, (triton.cdiv(out.size, block),), out, target, out.size, count, BLOCK=block)
    return out


def _parts(tiles, positions):
    """In how many parts to sum, so that the programs fill a card (some 264 at once) with no part below 256 long."""
    return max(1, min(264 // tiles, positions // 256, 64))
