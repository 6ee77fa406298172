"""RMSNorm of a residual sum, as a block of a transformer begins: the sum and its norm in one pass over memory.

    tritorch check examples/kernels/rms_norm_residual.py
    tritorch bench examples/kernels/rms_norm_residual.py

Eager lines pass over the rows six times; the kernel reads its two inputs once and writes its two results once. A row
must fit the registers of a program: up to 16,384 elements.
"""

import math

import numpy as np

import tritorch
from tritorch.op import Op, empty, launch, ops, packed, tl, triton

MOST = 16384  # elements of a row
PROGRAMS = 256  # at most


def checked(input, residual, weight, eps):
    if input.shape != residual.shape or weight.shape != input.shape[-1:]:
        raise RuntimeError(
            "rms_norm_residual: expected input and residual of one shape and a weight of its last dim, got "
            f"{list(input.shape)}, {list(residual.shape)} and {list(weight.shape)}"
        )
    if input.shape[-1] > MOST:
        raise RuntimeError(f"rms_norm_residual: expected rows of at most {MOST} elements, got {input.shape[-1]}")


def of_rows(array, eps):
    """How the rows of an array are shared out among programs, and the launch that suits them.

    Each program takes several rows, so that the weight is read a few hundred times rather than once a row.
    """
    columns, rows = array.shape[-1], math.prod(array.shape[:-1])
    each = max(1, triton.cdiv(rows, PROGRAMS))
    block, double = triton.next_power_of_2(columns), array.dtype.itemsize == 8
    numbers = rows, columns, np.float64(eps) if double else eps
    options = {"EACH": each, "BLOCK": block, "DOUBLE": double, "num_warps": min(max(block // 512, 1), 16)}
    return triton.cdiv(rows, each), numbers, options


@triton.jit
def forward_kernel(
    input, residual, weight, normed, total, rows, columns, eps, EACH: tl.constexpr, BLOCK: tl.constexpr, DOUBLE: tl.constexpr
):  # fmt: skip
    first = tl.program_id(0) * EACH
    i = tl.arange(0, BLOCK)
    live = i < columns
    kind: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    w = tl.load(weight + i, mask=live, other=0.0).to(kind)
    for row in range(first, tl.minimum(first + EACH, rows)):
        at = tl.cast(row, tl.int64) * columns + i
        x = tl.load(input + at, mask=live, other=0.0).to(kind) + tl.load(residual + at, mask=live, other=0.0).to(kind)
        scale = 1 / tl.sqrt(tl.sum(x * x, 0) / columns + eps)
        tl.store(total + at, x, mask=live)
        tl.store(normed + at, x * scale * w, mask=live)


class rms_norm_residual(Op, method=False, has_out=False, returns=("normed", "total"), materialize=False):
    """``total = input + residual``, and ``total / sqrt(mean(total^2) + eps) * weight`` over its last dim.

    :attr:`input` and :attr:`residual` are of one shape ``(*, d)``, :attr:`weight` of ``(d,)``.
    """

    check = checked

    def cpu(input, residual, weight, eps: float = 1e-6):
        total = input + residual
        scale = 1 / np.sqrt(np.mean(np.square(total), -1, keepdims=True) + np.asarray(eps, total.dtype))
        return total * scale * weight, total

    def cuda(input, residual, weight, eps):
        input, residual, weight = packed(input), packed(residual), packed(weight)
        outs = empty(input.shape, input.dtype), empty(input.shape, input.dtype)
        programs, numbers, options = of_rows(input, eps)
        launch(forward_kernel, (programs,), input, residual, weight, *outs, *numbers, **options)
        return outs

    def d_input__residual__weight(grad_normed, grad_total, total, weight, eps):
        if grad_normed is None:
            return grad_total, grad_total, None
        if tritorch.is_grad_enabled():  # a derivative of the derivative: in eager lines
            scale = (total.square().mean(-1, True) + eps).rsqrt()
            unit, g = total * scale, grad_normed * weight
            of_total = scale * (g - unit * (g * unit).mean(-1, True))
            of_weight = (grad_normed * unit).sum_to_size(weight.shape)
        else:
            of_total, parts = ops.rms_norm_residual_backward(grad_normed, total, weight, eps)
            of_weight = parts.sum(0)
        if grad_total is not None:
            of_total = of_total + grad_total
        return of_total, of_total, of_weight

    def reference(input, residual, weight, eps=1e-6):
        total = input + residual
        return total * (total.square().mean(-1, True) + eps).rsqrt() * weight, total

    def samples(make):
        yield make(3, 5), make(3, 5), make(5)
        yield make(2, 3, 33), make(2, 3, 33), make(33), {"eps": 1e-3}

    def bench(make):
        yield make(2048, 1024), make(2048, 1024), make(1024)


@triton.jit
def backward_kernel(
    grad, total, weight, of_total, of_weight, rows, columns, eps, EACH: tl.constexpr, BLOCK: tl.constexpr, DOUBLE: tl.constexpr
):  # fmt: skip
    first = tl.program_id(0) * EACH
    i = tl.arange(0, BLOCK)
    live = i < columns
    kind: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    w = tl.load(weight + i, mask=live, other=0.0).to(kind)
    part = tl.zeros((BLOCK,), kind)
    for row in range(first, tl.minimum(first + EACH, rows)):
        at = tl.cast(row, tl.int64) * columns + i
        g = tl.load(grad + at, mask=live, other=0.0).to(kind)
        x = tl.load(total + at, mask=live, other=0.0).to(kind)
        scale = 1 / tl.sqrt(tl.sum(x * x, 0) / columns + eps)
        unit = x * scale
        part += g * unit
        g *= w
        tl.store(of_total + at, scale * (g - unit * (tl.sum(g * unit, 0) / columns)), mask=live)
    tl.store(of_weight + tl.program_id(0).to(tl.int64) * columns + i, part, mask=live)


class rms_norm_residual_backward(Op, function=False, method=False, has_out=False, returns=("of_total", "parts")):
    """The gradient of the norm, and sums of the weight's over groups of rows, which are added in a fixed order."""

    def cpu(grad, total, weight, eps: float):
        scale = 1 / np.sqrt(np.mean(np.square(total), -1, keepdims=True) + np.asarray(eps, total.dtype))
        unit, g = total * scale, grad * weight
        of_total = scale * (g - unit * np.mean(g * unit, -1, keepdims=True))
        rows = math.prod(total.shape[:-1])
        flat, each = (grad * unit).reshape(rows, total.shape[-1]), max(1, triton.cdiv(rows, PROGRAMS))
        parts = [flat[first : first + each].sum(0) for first in range(0, rows, each)]
        return of_total, np.stack(parts) if parts else flat

    def cuda(grad, total, weight, eps):
        grad, total, weight = packed(grad), packed(total), packed(weight)
        programs, numbers, options = of_rows(total, eps)
        outs = empty(total.shape, total.dtype), empty((programs, total.shape[-1]), weight.dtype)
        launch(backward_kernel, (programs,), grad, total, weight, *outs, *numbers, **options)
        return outs

    def samples(make):
        yield make(3, 5), make(3, 5), make(5), 1e-6

    def bench(make):
        yield make(2048, 1024), make(2048, 1024), make(1024), 1e-6
