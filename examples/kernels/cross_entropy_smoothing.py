"""Cross-entropy with label smoothing: the loss of each row of logits in one pass, its gradient in one more.

    tritorch check examples/kernels/cross_entropy_smoothing.py
    tritorch bench examples/kernels/cross_entropy_smoothing.py

Eager lines write the log-probabilities, as large as the logits, and read them again; here a row's maximum and sum are
kept while it streams by (Milakov and Gimelshein, 2018, https://arxiv.org/abs/1805.02867), so that vocabularies of any size
are read once.
"""

import numpy as np

import tritorch
from tritorch.op import Op, empty, launch, ops, packed, tl, triton

BLOCK = 4096  # elements of a row that a program holds at once


def checked(logits, target, smoothing):
    if logits.ndim != 2 or target.shape != logits.shape[:1]:
        raise RuntimeError(
            "cross_entropy_smoothing: expected logits of (rows, classes) and a target of (rows,), got "
            f"{list(logits.shape)} and {list(target.shape)}"
        )
    if logits.dtype.kind in "biu" or not logits.shape[1]:
        raise RuntimeError(f"cross_entropy_smoothing: expected floating logits of a class or more, got {logits.dtype}")


def of_rows(logits, smoothing):
    """What suits rows of this length; the smoothing in the dtype that is computed in."""
    block = min(BLOCK, triton.next_power_of_2(logits.shape[1]))
    double = logits.dtype.itemsize == 8
    smoothing = np.float64(smoothing) if double else smoothing
    return smoothing, {"BLOCK": block, "DOUBLE": double, "num_warps": min(max(block // 512, 1), 8)}


@triton.jit
def forward_kernel(logits, target, loss, lse, classes, smoothing, BLOCK: tl.constexpr, DOUBLE: tl.constexpr):
    kind: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    row = tl.program_id(0).to(tl.int64)
    start = logits + row * classes
    i = tl.arange(0, BLOCK)
    most = tl.full((BLOCK,), float("-inf"), kind)  # of what each lane has seen, and the sum of powers below it
    powers = tl.zeros((BLOCK,), kind)
    total = tl.zeros((BLOCK,), kind)
    for first in range(0, classes, BLOCK):
        live = first + i < classes
        x = tl.load(start + first + i, mask=live, other=float("-inf")).to(kind)
        above = tl.maximum(most, x, propagate_nan=tl.PropagateNan.ALL)
        base = tl.where(above == float("-inf"), 0.0, above)
        powers = powers * tl.exp(most - base) + tl.exp(x - base)
        total += tl.where(live, x, 0.0)
        most = above
    top = tl.max(most, 0)
    base = tl.where(top == float("-inf"), 0.0, top)
    whole = tl.log(tl.sum(powers * tl.exp(most - base), 0)) + base
    chosen = tl.load(start + tl.load(target + row)).to(kind)
    tl.store(lse + row, whole)
    tl.store(loss + row, whole - (1 - smoothing) * chosen - smoothing * (tl.sum(total, 0) / classes))


class cross_entropy_smoothing(Op, method=False, has_out=False, returns=("loss", "lse"), materialize=False):
    """Of each row of :attr:`logits` the cross-entropy with ``(1 - smoothing) * onehot(target) + smoothing / classes``,
    and the logarithm of the sum of its exponentials.

    :attr:`logits` are of ``(rows, classes)``, :attr:`target` holds ``rows`` indices (int64), each below ``classes``.
    """

    check = checked

    def cpu(logits, target, smoothing: float = 0.1):
        top = logits.max(1, keepdims=True)
        lse = np.log(np.exp(logits - top).sum(1)) + top[:, 0]
        chosen = np.take_along_axis(logits, target[:, None], 1)[:, 0]
        share = np.asarray(smoothing, logits.dtype)
        return lse - (1 - share) * chosen - share * logits.mean(1), lse

    def cuda(logits, target, smoothing):
        logits, target = packed(logits), packed(target)
        rows, classes = logits.shape
        outs = empty((rows,), logits.dtype), empty((rows,), logits.dtype)
        smoothing, options = of_rows(logits, smoothing)
        launch(forward_kernel, (rows,), logits, target, *outs, classes, smoothing, **options)
        return outs

    def d_logits(grad_loss, grad_lse, logits, target, lse, smoothing):
        if grad_loss is None:
            grad_loss = tritorch.zeros_like(grad_lse)
        if grad_lse is None and not tritorch.is_grad_enabled():
            return ops.cross_entropy_smoothing_backward(grad_loss, logits, target, lse, smoothing)
        grad_lse = tritorch.zeros_like(grad_loss) if grad_lse is None else grad_lse
        hot = tritorch.zeros_like(logits).scatter(1, target.unsqueeze(1), 1.0)
        share = (1 - smoothing) * hot + smoothing / logits.shape[1]
        return (grad_loss + grad_lse).unsqueeze(1) * logits.softmax(1) - grad_loss.unsqueeze(1) * share

    def reference(logits, target, smoothing=0.1):
        lse = logits.logsumexp(1)
        chosen = logits.gather(1, target.unsqueeze(1)).squeeze(1)
        return lse - (1 - smoothing) * chosen - smoothing * logits.mean(1), lse

    def samples(make):
        yield make(3, 5), make.indices(3, below=5)
        yield make(4, 37), make.indices(4, below=37), 0.3

    def bench(make):
        yield make(256, 4096), make.indices(256, below=4096)


@triton.jit
def backward_kernel(grad, logits, target, lse, out, classes, smoothing, BLOCK: tl.constexpr, DOUBLE: tl.constexpr):
    kind: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    row, first = tl.program_id(0).to(tl.int64), tl.program_id(1) * BLOCK
    i = first + tl.arange(0, BLOCK)
    live = i < classes
    x = tl.load(logits + row * classes + i, mask=live, other=float("-inf")).to(kind)
    g = tl.load(grad + row).to(kind)
    share = tl.where(i == tl.load(target + row), 1 - smoothing, 0.0) + smoothing / classes
    value = g * (tl.exp(x - tl.load(lse + row).to(kind)) - share)
    tl.store(out + row * classes + i, value, mask=live)


class cross_entropy_smoothing_backward(Op, function=False, method=False, has_out=False):
    """The gradient of the loss: ``grad * (softmax(logits) - smoothed target)``."""

    def check(grad, logits, target, lse, smoothing):
        checked(logits, target, smoothing)

    def cpu(grad, logits, target, lse, smoothing: float):
        out = np.exp(logits - lse[:, None]) - np.asarray(smoothing / logits.shape[1], logits.dtype)
        out[np.arange(len(target)), target] -= np.asarray(1 - smoothing, logits.dtype)
        return grad[:, None] * out

    def cuda(grad, logits, target, lse, smoothing):
        grad, logits, target, lse = packed(grad), packed(logits), packed(target), packed(lse)
        out = empty(logits.shape, logits.dtype)
        rows, classes = logits.shape
        smoothing, options = of_rows(logits, smoothing)
        grid = (rows, triton.cdiv(classes, options["BLOCK"]))
        launch(backward_kernel, grid, grad, logits, target, lse, out, classes, smoothing, **options)
        return out

    def samples(make):
        logits = make(4, 37)
        yield make(4), logits, make.indices(4, below=37), logits.detach().logsumexp(1), 0.1

    def bench(make):
        logits = make(256, 4096)
        yield make(256), logits, make.indices(256, below=4096), logits.detach().logsumexp(1), 0.1
