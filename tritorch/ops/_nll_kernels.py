"""The negative log likelihood on a GPU. Input is (N, C, S), targets are (N, S)."""

import numpy as np

from ..runtime.array import empty
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import block_of, copy, pointwise
from ..runtime.transfer import packed
from ._cross_entropy_kernels import quotient, refuse_wrong, total_of
from ._device_fill import filled
from ._device_kinds import computed

__all__ = ["backward", "forward"]


@triton.jit
def nll_terms(
    loss,
    scale,
    wrong,
    input,
    target,
    weight,
    ignored,
    count,
    classes,
    inner,
    WEIGHTED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < count
    t = tl.load(target + i, live, other=0).to(tl.int64)
    kept = live & (t != ignored)
    bad = kept & ((t < 0) | (t >= classes))
    kept = kept & (t >= 0) & (t < classes)
    picked = tl.load(input + (i // inner * classes + t) * inner + i % inner, kept, other=0)
    w = tl.load(weight + t, kept, other=0) if WEIGHTED else kept
    tl.store(wrong + i, bad, live)
    tl.store(loss + i, -picked.to(loss.dtype.element_ty) * w.to(loss.dtype.element_ty), live)
    tl.store(scale + i, w.to(scale.dtype.element_ty), live)


@triton.jit
def nll_gradient(
    out, grad, target, weight, total, ignored, count, classes, inner, grad_step, WEIGHTED: tl.constexpr,
    MEAN: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < count
    t = tl.load(target + i, live, other=0).to(tl.int64)
    kept = live & (t != ignored) & (t >= 0) & (t < classes)
    value = -tl.load(grad + i * grad_step, kept, other=0).to(
        tl.float64 if out.dtype.element_ty == tl.float64 else tl.float32
    )
    if MEAN:
        value = value / tl.load(total).to(value.dtype)
    if WEIGHTED:
        value = value * tl.load(weight + t, kept, other=0).to(value.dtype)
    tl.store(out + (i // inner * classes + t) * inner + i % inner, value.to(out.dtype.element_ty), kept)


def forward(input, target, weight, reduction, ignore_index):
    """(loss, total weight). Waits for the device: a target out of bounds is an error.

    Raises:
        IndexError: ``Target 7 is out of bounds.``
    """
    input, target, weighted = packed(input), packed(target), weight is not None
    compute, count = computed(input.dtype), target.size
    loss, scale, wrong = empty(target.shape, compute), empty(target.shape, compute), empty(target.shape, np.dtype(bool))
    block = block_of(count)
    launch(nll_terms, (triton.cdiv(count, block),), loss, scale, wrong, input, target, packed(weight) if weighted else input,
           ignore_index, count, input.shape[1], input.shape[2], WEIGHTED=weighted, BLOCK=block)  # fmt: skip
    refuse_wrong(wrong, target)
    total = total_of(scale)
    if reduction != "none":
        loss = total_of(loss)
    if reduction == "mean":
        pointwise(quotient, [loss], [loss, total], [None, None])
    if input.dtype == compute:
        return loss, total
    narrow = [empty(x.shape, input.dtype) for x in (loss, total)]
    for half, full in zip(narrow, (loss, total), strict=True):
        copy(half, full)
    return tuple(narrow)


def backward(grad, target, weight, shape, reduction, ignore_index, total_weight):
    """The gradient of :func:`forward`: minus the weight of each target, at the target."""
    out, target, count = filled(shape, grad.dtype, 0), packed(target), target.size
    block, weighted = block_of(count), weight is not None
    launch(nll_gradient, (triton.cdiv(count, block),), out, packed(grad), target, packed(weight) if weighted else out,
           total_weight, ignore_index, count, shape[1], shape[2], int(grad.ndim > 0), WEIGHTED=weighted,
           MEAN=reduction == "mean", BLOCK=block)  # fmt: skip
    return out
