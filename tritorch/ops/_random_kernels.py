"""Random numbers made on a device: those that the CPU makes of the same seed and offset (Note [Philox stream]).

Note [The same bits]: in float32 the formulas are those of ``csrc/random``, its own logarithm, sine and cosine among
them, and the compiler may not contract products and sums: host and device give the same bits. In float64, where the
CPU takes the C library's functions and the device CUDA's, exponential, normal and Cauchy numbers agree to within the
rounding of those. Seed and offset are given as numbers of a fixed type, so that no value asks for a kernel of its own.
"""

from functools import cache

import numpy as np

from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import Kernel, libdevice, tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import copy, pointwise, written
from ..runtime.transfer import packed
from ._sort_kernels import order_of_rows, search_rows

__all__ = [
    "cauchy", "choose", "exponential", "exponential64", "fill", "geometric", "integers", "integers64", "mask", "normal",
    "normal64", "uniform", "uniform64", "winners",
]  # fmt: skip

UNIT32, UNIT64 = tl.constexpr(2.0**-24), tl.constexpr(2.0**-53)
HALF_UNIT32, HALF_UNIT64 = tl.constexpr(2.0**-25), tl.constexpr(2.0**-54)
HIGH_HALF, LOW_HALF, HALF_WORD = tl.constexpr(2.0**-16), tl.constexpr(2.0**-32), tl.constexpr(2.0**-33)


@triton.jit
def words_of(seed, block):
    """The four words of blocks of the stream."""
    low = block.to(tl.uint32)
    return tl.philox(seed, low, (block >> 32).to(tl.uint32), low * 0, low * 0)


@triton.jit
def draw_of(high, low):
    return (high.to(tl.uint64) << 32) | low.to(tl.uint64)


@triton.jit
def in_order(a, b, c, d):
    """Four values a block, as elements that follow each other."""
    return tl.interleave(tl.interleave(a, c), tl.interleave(b, d))


@triton.jit
def log_of(x):
    """The logarithm of a normal float32 above 0: Cephes' logf, as in csrc/random/vector_math.h."""
    bits = x.to(tl.int32, bitcast=True)
    exponent = ((bits >> 23) - 126).to(tl.float32)
    m = ((bits & 0x007FFFFF) | 0x3F000000).to(tl.float32, bitcast=True)
    low = m < 0.707106781186547524
    exponent = tl.where(low, exponent - 1.0, exponent)
    m = tl.where(low, m + m - 1.0, m - 1.0)
    z = m * m
    y = 7.0376836292e-2 * m - 1.1514610310e-1
    y = y * m + 1.1676998740e-1
    y = y * m - 1.2420140846e-1
    y = y * m + 1.4249322787e-1
    y = y * m - 1.6668057665e-1
    y = y * m + 2.0000714765e-1
    y = y * m - 2.4999993993e-1
    y = y * m + 3.3333331174e-1
    y = y * m * z
    y = y - 2.12194440e-4 * exponent - 0.5 * z
    return m + y + 0.693359375 * exponent


@triton.jit
def sincos_of_turn(turn):
    """Sine and cosine of 2 pi (turn + 1/2) / 2^32, as in csrc/random/vector_math.h."""
    quarter = (turn + 0x20000000) >> 30
    rest = (turn - (quarter << 30)).to(tl.int32, bitcast=True)
    x = (rest.to(tl.float32) + 0.5) * 1.4629180792671596e-9
    z = x * x
    s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * x + x
    c = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0
    swapped = (quarter & 1) != 0
    sine = tl.where(swapped, c, s).to(tl.uint32, bitcast=True) ^ ((quarter & 2) << 30)
    cosine = tl.where(swapped, s, c).to(tl.uint32, bitcast=True) ^ (((quarter + 1) & 2) << 30)
    return sine.to(tl.float32, bitcast=True), cosine.to(tl.float32, bitcast=True)


# -- what a word, a draw of 64 bits, or a block of words becomes ---------------------------------------


@triton.jit
def uniform(word, low, width, high, BITS: tl.constexpr, UNIT: tl.constexpr):
    value = (word >> (32 - BITS)).to(tl.int32).to(tl.float32) * UNIT * width + low
    return tl.where(value < high, value, low)  # the product may round up to the bound


@triton.jit
def unit64(draw):
    return (draw >> 11).to(tl.int64).to(tl.float64) * UNIT64


@triton.jit
def uniform64(draw, low, width, high):
    value = unit64(draw) * width + low
    return tl.where(value < high, value, low)


@triton.jit
def box_muller(first, second, mean, deviation):
    high = (first >> 16).to(tl.int32).to(tl.float32) * HIGH_HALF
    low = (first & 0xFFFF).to(tl.int32).to(tl.float32) * LOW_HALF
    radius = tl.sqrt_rn(-2.0 * log_of(high + (low + HALF_WORD))) * deviation
    sine, cosine = sincos_of_turn(second)
    return radius * sine + mean, radius * cosine + mean


@triton.jit
def normal(w0, w1, w2, w3, mean, deviation):
    a, b = box_muller(w0, w1, mean, deviation)
    c, d = box_muller(w2, w3, mean, deviation)
    return a, b, c, d


@triton.jit
def normal64(w0, w1, w2, w3, mean, deviation):
    radius = tl.sqrt(-2.0 * libdevice.log(unit64(draw_of(w0, w1)) + HALF_UNIT64)) * deviation
    turns = 2.0 * (unit64(draw_of(w2, w3)) + HALF_UNIT64)  # sinpi needs no stack, as sin does for large angles
    return radius * libdevice.sinpi(turns) + mean, radius * libdevice.cospi(turns) + mean


@triton.jit
def exponential(word, scale):
    rest = 1.0 - (word >> 8).to(tl.int32).to(tl.float32) * UNIT32
    return tl.maximum(-log_of(rest), HALF_UNIT32 * 2) * scale


@triton.jit
def exponential64(draw, rate):
    return tl.maximum(-libdevice.log1p(-unit64(draw)), UNIT64) / rate


@triton.jit
def mask(word, bound):
    return ((word >> 8).to(tl.int32) < bound).to(tl.int32)


@triton.jit
def integers(word, low, count):
    return ((word.to(tl.uint64) * count) >> 32).to(tl.int64) + low


@triton.jit
def integers64(draw, low, count, ALL: tl.constexpr):
    if ALL:
        index = draw
    else:
        index = tl.umulhi(draw, count)
    return index.to(tl.int64) + low


@triton.jit
def geometric(draw, scale):
    return tl.maximum(tl.ceil(libdevice.log1p(-unit64(draw)) / scale), 1.0)


@triton.jit
def cauchy(draw, median, sigma):
    u = unit64(draw)
    near = tl.maximum(tl.minimum(u, 1.0 - u), HALF_UNIT64)  # the distance to the pole, which is exact
    value = libdevice.cospi(near) / libdevice.sinpi(near)
    return median + sigma * tl.where(u < 0.5, -value, value)


# -- choices by weight ------------------------------------------------------------------------------------


@triton.jit
def running_weights(out, last, weights, n, BLOCK: tl.constexpr):
    """The running sums of a row of weights, and the last place whose weight is not zero; a program a row."""
    row = tl.program_id(0).to(tl.int64)
    total = tl.full([], 0.0, tl.float64)
    most = tl.full([], 0, tl.int64)
    for first in range(0, n, BLOCK):
        i = first + tl.arange(0, BLOCK)
        w = tl.load(weights + row * n + i, i < n, other=0)
        tl.store(out + row * n + i, total + tl.cumsum(w, 0), i < n)
        total += tl.sum(w, 0)
        most = tl.maximum(most, tl.max(tl.where(w > 0, i, 0).to(tl.int64), 0))
    tl.store(last + row, most)


@triton.jit
def scaled_to(u, total):
    return u * total


@triton.jit
def at_most(place, last):
    return tl.minimum(place, last)


@triton.jit
def race(weight, finish):
    """Those that win when each runs for an exponential time: one sort samples without replacement."""
    return tl.where(weight > 0, weight / finish, -1.0)


def choose(weights, uniform):
    """For each row of float64 weights the places that the numbers of a row of ``uniform``, in [0, 1), fall to."""
    rows, n = weights.shape
    totals, last = empty((rows, n), weights.dtype), empty((rows, 1), np.dtype(np.int64))
    launch(running_weights, (rows,), totals, last, weights, n, BLOCK=min(triton.next_power_of_2(n), 1024))
    scaled = empty(uniform.shape, uniform.dtype)
    pointwise(scaled_to, [scaled], [uniform, totals[:, n - 1 :]], [uniform.dtype] * 2)
    places = search_rows(totals, scaled, True, last.dtype)
    pointwise(at_most, [places], [places, last], [last.dtype] * 2)
    return places


def winners(weights, finish, count):
    """The ``count`` winners of a race of each row, in their order."""
    scores = empty(weights.shape, weights.dtype)
    pointwise(race, [scores], [weights, finish], [weights.dtype] * 2)
    return packed(order_of_rows(scores, True)[:, :count])


# -- the loop around them -------------------------------------------------------------------------------

_FORMS = {  # the parameter that a formula begins with, and how many it has -> elements a block, and their making
    ("word", 1): (4, "formula(in_order(w0, w1, w2, w3){rest})"),
    ("draw", 1): (2, "formula(tl.interleave(draw_of(w0, w1), draw_of(w2, w3)){rest})"),
    ("blocks", 4): (4, "in_order(*formula(w0, w1, w2, w3{rest}))"),
    ("blocks", 2): (2, "tl.interleave(*formula(w0, w1, w2, w3{rest}))"),
}


@cache
def _loop(formula, held):
    """The kernel that fills with what ``formula`` makes, and the elements it makes of a block of the stream. Where the
    stream is ``held`` by a graph, the seed is a pointer to seed and offset, and the offset comes on top of that."""
    title = formula.__name__
    lead = 4 if formula.params[0] == "w0" else 1
    form = (formula.params[0], 1) if lead == 1 else ("blocks", 2 if formula is normal64 else 4)
    each, text = _FORMS[form]
    names = formula.params[lead:]
    heads = [f"{n}: tl.constexpr" if n in formula.constants else n for n in names]
    lines = [
        f"def {title}({', '.join(['out', 'seed', 'offset', 'n', *heads])}, BLOCK: tl.constexpr):",
        "    program = tl.program_id(0).to(tl.int64)",
        *(["    offset += tl.load(seed + 1)", "    seed = tl.load(seed)"] if held else []),
        "    block = (program * BLOCK + tl.arange(0, BLOCK)).to(tl.uint64) + offset",
        "    w0, w1, w2, w3 = words_of(seed, block)",
        f"    values = {text.format(rest=''.join(f', {n}' for n in names))}",
        f"    i = program * (BLOCK * {each}) + tl.arange(0, BLOCK * {each})",
        "    tl.store(out + i, values.to(out.dtype.element_ty), i < n)",
    ]
    scope = {"formula": formula, "words_of": words_of, "draw_of": draw_of, "in_order": in_order}
    return Kernel(written(f"{formula.__module__}.{title}", title, lines, scope)), each


def fill(generator, out, formula, *numbers, **constants):
    """Fills ``out``, in the order of its elements, with what ``formula`` makes of the stream of ``generator``.

    Args:
        formula: one of this module's.
        numbers: its parameters, NumPy scalars; ``constants`` those that are compile-time constants.
    """
    held = generator.held
    kernel, each = _loop(formula, held is not None)
    blocks = -(-out.size // each)
    seed, offset = generator.take(blocks) if held is None else held.take(blocks)
    target = out if out.flags.c_contiguous else empty(out.shape, out.dtype)
    block = 1024 // each if is_real() else min(max(triton.next_power_of_2(blocks), 4), 1 << 16)
    launch(
        kernel, (-(-blocks // block),), target, np.uint64(seed) if held is None else seed, np.uint64(offset), np.int64(out.size), *numbers,
        BLOCK=block, enable_fp_fusion=False, **constants,
    )  # fmt: skip
    if target is not out:
        copy(out, target)
    return out
