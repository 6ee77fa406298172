"""Cross entropy with class indices on a GPU, from the logits: no logarithms of a softmax are written.

The logits are (N, C) or (N, C, S) and the targets (N) or (N, S). A program takes a tile of whole rows of C logits and reads it once, or
walks along rows that do not fit, which it reads once too: the maximum and the sum of exponentials are kept as it goes.
What a row needs backward is the logarithm of that sum alone.
"""

import math

import numpy as np

from ..runtime.array import download, empty
from ..runtime.gpu import is_real
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import copy, pointwise
from ..runtime.reduce import reduce
from ..runtime.transfer import packed
from ._device_kinds import computed

__all__ = ["backward", "forward", "quotient", "refuse_wrong", "total_of"]


@triton.jit
def _rows(target, row_count, classes, inner, ignored, ROWS: tl.constexpr):
    """Of a program's rows: where they begin, their targets, which there are, which count, which are out of bounds."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = row < row_count
    wanted = tl.load(target + row, there, other=0).to(tl.int64)
    kept = there & (wanted != ignored)
    sound = (wanted >= 0) & (wanted < classes)
    return row, row // inner * classes * inner + row % inner, wanted, there, kept & sound, kept & (sound == 0)


@triton.jit
def entropy_forward(
    losses, scales, logs, wrong, x, target, weight, row_count, classes, inner, ignored, smoothing,
    WEIGHTED: tl.constexpr, SMOOTH: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    row, start, wanted, there, kept, bad = _rows(target, row_count, classes, inner, ignored, ROWS)
    kind: tl.constexpr = logs.dtype.element_ty
    top = tl.full([ROWS], float("-inf"), kind)
    total = tl.zeros([ROWS], kind)
    spread = tl.zeros([ROWS], kind)
    heavy = tl.zeros([ROWS], kind)
    for first in range(0, classes, COLS):
        column = first + tl.arange(0, COLS)
        live = there[:, None] & (column < classes)[None, :]
        value = tl.load(x + start[:, None] + column[None, :] * inner, live, other=float("-inf")).to(kind)
        new = tl.maximum(top, tl.max(value, 1), propagate_nan=tl.PropagateNan.ALL)
        shift = tl.where(new == float("-inf"), 0, new)
        total = total * tl.exp(top - shift) + tl.sum(tl.exp(value - shift[:, None]), 1)
        top = new
        if SMOOTH:
            value = tl.where(live, value, 0)
            if WEIGHTED:
                each = tl.load(weight + column, column < classes, other=0).to(kind)
                heavy += tl.sum(each, 0)
                value *= each[None, :]
            spread += tl.sum(value, 1)
    log = top + tl.log(total)
    picked = tl.load(x + start + wanted * inner, kept, other=0).to(kind)
    scale = tl.load(weight + wanted, kept, other=0).to(kind) if WEIGHTED else kept.to(kind)
    loss = (log - picked) * scale
    if SMOOTH:
        spread = (heavy if WEIGHTED else classes.to(kind)) * log - spread
        loss = loss * (1 - smoothing) + spread * (smoothing / classes.to(kind))
    tl.store(losses + row, tl.where(kept, loss, 0), there)
    tl.store(scales + row, scale, there)
    tl.store(logs + row, log, there)
    tl.store(wrong + row, bad, there)


@triton.jit
def entropy_backward(
    out, grad, x, target, weight, logs, denominator, row_count, classes, inner, ignored, smoothing, step,
    WEIGHTED: tl.constexpr, SMOOTH: tl.constexpr, MEAN: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    row, start, wanted, there, kept, _ = _rows(target, row_count, classes, inner, ignored, ROWS)
    kind: tl.constexpr = logs.dtype.element_ty
    factor = tl.load(grad + row * step, kept, other=0).to(kind)
    if MEAN:
        factor = factor / tl.load(denominator).to(kind)
    log = tl.load(logs + row, there, other=0)
    heavy = tl.zeros([ROWS], kind) + classes.to(kind)
    if SMOOTH and WEIGHTED:
        heavy = tl.zeros([ROWS], kind)
        for first in range(0, classes, COLS):
            column = first + tl.arange(0, COLS)
            heavy += tl.sum(tl.load(weight + column, column < classes, other=0).to(kind), 0)
    scale = tl.load(weight + wanted, kept, other=0).to(kind) if WEIGHTED else kept.to(kind)
    if SMOOTH:
        scale = scale * (1 - smoothing)
        uniform = smoothing / classes.to(kind)
    for first in range(0, classes, COLS):
        column = first + tl.arange(0, COLS)
        live = there[:, None] & (column < classes)[None, :]
        place = start[:, None] + column[None, :] * inner
        share = tl.exp(tl.load(x + place, live, other=float("-inf")).to(kind) - log[:, None])
        value = (share - (column[None, :] == wanted[:, None]).to(kind)) * scale[:, None]
        if SMOOTH:
            level = tl.full([1, COLS], 1, kind)
            if WEIGHTED:
                level = tl.load(weight + column, column < classes, other=0).to(kind)[None, :]
            value += (heavy[:, None] * share - level) * uniform
        value = tl.where(kept[:, None], value * factor[:, None], 0)
        tl.store(out + place, value.to(out.dtype.element_ty), live)


@triton.jit
def added(a, b):
    return a + b


@triton.jit
def either(a, b):
    return a | b


@triton.jit
def quotient(a, b):
    return a / b


def _tile(classes, row_count, compute):
    columns = min(triton.next_power_of_2(classes), 16384 // compute.itemsize if is_real() else 1 << 17)
    rows = max(min((1024 if is_real() else 1 << 18) // columns, triton.next_power_of_2(row_count)), 1)
    return {"ROWS": rows, "COLS": columns, "num_warps": 8 if rows * columns >= 2048 else 4}


def total_of(x):
    """The sum of all elements."""
    return reduce("sum", x, None, False, [x.dtype], added, ["0"], [x.dtype], x.dtype)[0]


def refuse_wrong(wrong, target):
    """Raises IndexError where a target is out of bounds. Waits for the device.

    Args:
        wrong: a bool for each target.
    """
    flag = np.dtype(np.int32)
    if wrong.size and download(reduce("wrong", wrong, None, False, [flag], either, ["0"], [flag], flag)[0]):
        bad = download(target)[download(wrong)]
        raise IndexError(f"Target {int(bad.flat[0])} is out of bounds.")


def _number(x, compute):
    return np.float64(x) if compute.itemsize == 8 else float(x)


def forward(input, target, weight, reduction, ignore_index, smoothing):
    """(loss, total weight, logarithms of the sums of exponentials, which is for :func:`backward`).

    Raises:
        IndexError: ``Target 7 is out of bounds.``
    """
    input, target, compute = packed(input), packed(target), computed(input.dtype)
    losses, scales, logs = (empty(target.shape, compute) for _ in range(3))
    wrong, tile = empty(target.shape, np.dtype(bool)), _tile(input.shape[1], target.size, compute)
    launch(entropy_forward, (triton.cdiv(target.size, tile["ROWS"]),), losses, scales, logs, wrong, input, target,
           logs if weight is None else packed(weight), target.size, input.shape[1], math.prod(input.shape[2:]), ignore_index,
           _number(smoothing, compute), WEIGHTED=weight is not None, SMOOTH=smoothing != 0, **tile)  # fmt: skip
    refuse_wrong(wrong, target)
    total = total_of(scales)
    if reduction != "none":
        losses = total_of(losses)
    if reduction == "mean":
        pointwise(quotient, [losses], [losses, total], [None, None])
    if input.dtype != compute:
        narrow = empty(losses.shape, input.dtype)
        copy(narrow, losses)
        losses = narrow
    return losses, total, logs


def backward(grad, input, target, weight, total, logs, reduction, ignore_index, smoothing):
    """The gradient of :func:`forward`'s loss with respect to the logits."""
    input, target, compute = packed(input), packed(target), logs.dtype
    out, tile = empty(input.shape, input.dtype), _tile(input.shape[1], target.size, compute)
    launch(entropy_backward, (triton.cdiv(target.size, tile["ROWS"]),), out, packed(grad), input, target,
           logs if weight is None else packed(weight), logs, total, target.size, input.shape[1], math.prod(input.shape[2:]), ignore_index,
           _number(smoothing, compute), int(grad.ndim > 0), WEIGHTED=weight is not None, SMOOTH=smoothing != 0,
           MEAN=reduction == "mean", **tile)  # fmt: skip
    return out
