"""Softmax on a GPU: a program takes a tile of whole rows and reads it once, or walks twice along rows that do not fit.

A row lies along any dim of a contiguous array: its elements are ``inner`` apart, and rows are numbered through the dims
outside and inside of it.
"""

import math

from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.transfer import packed

__all__ = ["backward", "forward"]


@triton.jit
def _place(rows, row_count, length, inner, column):
    start = (rows // inner) * length * inner + rows % inner
    live = (rows < row_count)[:, None] & (column < length)[None, :]
    return start[:, None] + column[None, :] * inner, live


@triton.jit
def _larger(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def whole_forward(out, x, row_count, length, inner, LOG: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr):
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    place, live = _place(rows, row_count, length, inner, tl.arange(0, COLS))
    value = tl.load(x + place, live, other=float("-inf"))
    value = value if x.dtype.element_ty == tl.float64 else value.to(tl.float32)
    value -= tl.reduce(value, 1, _larger, keep_dims=True)
    total = tl.sum(tl.exp(value), 1, keep_dims=True)
    result = value - tl.log(total) if LOG else tl.exp(value) / total
    tl.store(out + place, result.to(out.dtype.element_ty), live)


@triton.jit
def whole_backward(out, grad, y, row_count, length, inner, LOG: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr):
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    place, live = _place(rows, row_count, length, inner, tl.arange(0, COLS))
    kind: tl.constexpr = tl.float64 if y.dtype.element_ty == tl.float64 else tl.float32
    g = tl.load(grad + place, live, other=0).to(kind)
    soft = tl.load(y + place, live, other=0).to(kind)
    total = tl.sum(g if LOG else g * soft, 1, keep_dims=True)
    result = g - tl.exp(soft) * total if LOG else soft * (g - total)
    tl.store(out + place, result.to(out.dtype.element_ty), live)


@triton.jit
def walk_forward(out, x, row_count, length, inner, LOG: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr):
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    top = tl.full([ROWS, 1], float("-inf"), tl.float32)
    total = tl.zeros([ROWS, 1], tl.float32)
    if x.dtype.element_ty == tl.float64:
        top = top.to(tl.float64)
        total = total.to(tl.float64)
    for first in range(0, length, COLS):
        place, live = _place(rows, row_count, length, inner, first + tl.arange(0, COLS))
        value = tl.load(x + place, live, other=float("-inf")).to(top.dtype)
        new = tl.maximum(top, tl.max(value, 1, keep_dims=True), propagate_nan=tl.PropagateNan.ALL)
        shift = tl.where(new == float("-inf"), 0.0, new)
        total = total * tl.exp(top - shift) + tl.sum(tl.exp(value - shift), 1, keep_dims=True)
        top = new
    for first in range(0, length, COLS):
        place, live = _place(rows, row_count, length, inner, first + tl.arange(0, COLS))
        value = tl.load(x + place, live, other=float("-inf")).to(top.dtype) - top
        result = value - tl.log(total) if LOG else tl.exp(value) / total
        tl.store(out + place, result.to(out.dtype.element_ty), live)


@triton.jit
def walk_backward(out, grad, y, row_count, length, inner, LOG: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr):
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    total = tl.zeros([ROWS, 1], tl.float64 if y.dtype.element_ty == tl.float64 else tl.float32)
    for first in range(0, length, COLS):
        place, live = _place(rows, row_count, length, inner, first + tl.arange(0, COLS))
        g = tl.load(grad + place, live, other=0).to(total.dtype)
        if not LOG:
            g = g * tl.load(y + place, live, other=0).to(total.dtype)
        total += tl.sum(g, 1, keep_dims=True)
    for first in range(0, length, COLS):
        place, live = _place(rows, row_count, length, inner, first + tl.arange(0, COLS))
        g = tl.load(grad + place, live, other=0).to(total.dtype)
        soft = tl.load(y + place, live, other=0).to(total.dtype)
        result = g - tl.exp(soft) * total if LOG else soft * (g - total)
        tl.store(out + place, result.to(out.dtype.element_ty), live)


def _run(kernels, out, arrays, dim, log):
    shape = out.shape
    length, inner = (shape[dim], math.prod(shape[dim + 1 :])) if out.ndim else (1, 1)
    count = out.size // max(length, 1)
    if not out.size:
        return out
    columns = min(max(triton.next_power_of_2(length), 1), 8192 if is_real() else 1 << 16)
    room = 4096 if is_real() else 1 << 16
    rows = max(1, min(triton.next_power_of_2(count), room // columns))
    whole, walk = kernels
    launch(whole if columns >= length else walk, (triton.cdiv(count, rows),), out, *arrays, count, length, inner, LOG=log,
           ROWS=rows, COLS=columns, num_warps=8 if columns >= 4096 else 4)  # fmt: skip
    return out


def forward(input, dim, dtype, log):
    """softmax, or its logarithm, of an array on a device along a dim."""
    out = empty(input.shape, input.dtype if dtype is None else dtype.np)
    return _run((whole_forward, walk_forward), out, [packed(input)], dim, log)


def backward(grad, out, dim, log):
    """The gradient of softmax, or of its logarithm, from its result."""
    arrays = [packed(grad), packed(out)]
    return _run((whole_backward, walk_backward), empty(out.shape, out.dtype), arrays, dim, log)
