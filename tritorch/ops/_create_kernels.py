"""New arrays on a device whose elements are formulas of their places: ranges, triangles' indices, windows.

The formulas are those of the host, floating ones in float64 with one rounding at the end, so that both give the same
numbers (logspace and the windows to within the rounding of the powers and cosines of the two libraries).
"""

from functools import cache

import numpy as np

from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import Kernel, libdevice, tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import written
from ._formulas_bessel import scaled_i0

__all__ = [
    "between", "between_whole", "bell", "cosines", "decay", "diagonal", "half_sine", "kaiser", "made", "power_between",
    "ramp", "ramp_whole", "tent", "triangle_place", "triangle_size",
]  # fmt: skip


@triton.jit
def ramp(i, start, step):
    return i.to(tl.float64) * step + start


@triton.jit
def ramp_whole(i, start, step):
    return i * step + start


@triton.jit
def between(i, start, end, step, last):
    return tl.where(i == last, end, i.to(tl.float64) * step + start)


@triton.jit
def between_whole(i, start, end, step, last):
    """From both ends, so that rounding down is symmetric."""
    x = i.to(tl.float64)
    return tl.where(i < (last + 1) // 2, start + step * x, end - step * (last.to(tl.float64) - x))


@triton.jit
def power_between(i, start, end, step, last, base, WHOLE: tl.constexpr):
    if WHOLE:
        power = between_whole(i, start, end, step, last)
    else:
        power = between(i, start, end, step, last)
    return libdevice.pow(tl.zeros_like(power) + base, power)


@triton.jit
def diagonal(i, columns):
    return (i // columns == i % columns).to(tl.int32)


# -- the places of a triangle ------------------------------------------------------------------------


@triton.jit
def before(row, columns, offset):
    """How many elements the lower triangle, ``offset`` places above the diagonal, has in the rows before ``row``."""
    first = tl.maximum(-offset, 0)
    full = tl.maximum(columns - 1 - offset, first)  # the first row that it takes up entirely
    n = tl.maximum(tl.minimum(row, full) - first, 0)
    return n * (first + 1 + offset) + n * (n - 1) // 2 + tl.maximum(row - full, 0) * columns


def triangle_size(rows, columns, offset, lower):
    """How many elements a triangle has: :func:`before` in Python's numbers, or what that leaves."""
    below = offset if lower else offset - 1
    first = max(-below, 0)
    full = max(columns - 1 - below, first)
    n = max(min(rows, full) - first, 0)
    count = n * (first + 1 + below) + n * (n - 1) // 2 + max(rows - full, 0) * columns
    return count if lower else rows * columns - count


@triton.jit
def triangle_place(i, size, rows, columns, offset, LOWER: tl.constexpr, STEPS: tl.constexpr):
    """The rows of a triangle's elements, then their columns: the row is found by halving."""
    place = i % size
    low = place * 0
    high = low + rows  # the row is in [low, high)
    for _ in range(STEPS):
        middle = (low + high) // 2
        if LOWER:
            start = before(middle, columns, offset)
        else:
            start = middle * columns - before(middle, columns, offset - 1)
        low, high = tl.where(start <= place, middle, low), tl.where(start <= place, high, middle)
    if LOWER:
        column = place - before(low, columns, offset)
    else:
        skipped = tl.minimum(tl.maximum(low + offset, 0), columns)
        column = place - (low * columns - before(low, columns, offset - 1)) + skipped
    return tl.where(i < size, low, column)


# -- windows -----------------------------------------------------------------------------------------


@triton.jit
def cosines(i, period, a, b, c, d):
    turn = 2.0 * i.to(tl.float64) / period
    value = a - b * libdevice.cospi(turn)
    value += c * libdevice.cospi(2.0 * turn)
    return value - d * libdevice.cospi(3.0 * turn)


@triton.jit
def tent(i, period):
    return 1.0 - tl.abs(2.0 * (i.to(tl.float64) / period) - 1.0)


@triton.jit
def kaiser(i, period, beta):
    across = 2.0 * (i.to(tl.float64) / period) - 1.0
    x = beta * tl.sqrt(tl.maximum(1.0 - across * across, 0.0))
    whole = beta + x * 0.0
    return scaled_i0(x) / scaled_i0(whole) * libdevice.exp(x - whole)


@triton.jit
def half_sine(i, period):
    return libdevice.sinpi((i.to(tl.float64) + 0.5) / period)


@triton.jit
def decay(i, center, tau):
    return libdevice.exp(-tl.abs(i.to(tl.float64) - center) / tau)


@triton.jit
def bell(i, center, std):
    x = (i.to(tl.float64) - center) / std
    return libdevice.exp(-(x * x) / 2.0)


# -- the loop around them ----------------------------------------------------------------------------


@cache
def _loop(formula):
    title, names = formula.__name__, formula.params[1:]
    heads = [f"{n}: tl.constexpr" if n in formula.constants else n for n in names]
    lines = [
        f"def {title}({', '.join(['out', 'n', *heads])}, BLOCK: tl.constexpr):",
        "    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)",
        f"    values = formula({', '.join(['i', *names])})",
        "    tl.store(out + i, values.to(out.dtype.element_ty), i < n)",
    ]
    return Kernel(written(f"{formula.__module__}.{title}", title, lines, {"formula": formula}))


def made(formula, shape, dtype, *numbers, **constants):
    """A new array on the current device: ``formula`` of each element's place and of ``numbers``.

    Numbers go as int64 or float64, so that no value of theirs asks for a kernel of its own.
    """
    out = empty(shape, dtype)
    block = 1024 if is_real() else max(min(triton.next_power_of_2(out.size), 1 << 16), 16)
    fixed = [np.float64(x) if isinstance(x, float) else np.int64(x) for x in numbers]
    if out.size:
        launch(
            _loop(formula), (triton.cdiv(out.size, block),), out, np.int64(out.size), *fixed, BLOCK=block,
            enable_fp_fusion=False, **constants,
        )  # fmt: skip
    return out
