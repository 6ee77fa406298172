"""Connectionist temporal classification: sums over all alignments of labels with a longer input, by dynamic programming.

Note [Alignments]: a row of labels is spelt with a blank between any two, before and after: 2 S + 1 states. At each time
step a path stays, goes on by one state, or passes over a blank between different labels. ``alpha[t, n, s]`` is the
log-probability of all beginnings that end in state s at time t, ``beta`` of all ends that begin there.
"""

import numpy as np

from ..dtypes import int64
from ._losses import check_reduction
from ._op import Op, ops

WHERE = "(while checking arguments for ctc_loss_allocate_outputs)"


def _states(targets, target_lengths, blank):
    """The labels of all states, (N, 2 S + 1), and where a path may pass over a blank."""
    labels = np.full((len(targets), 2 * targets.shape[1] + 1), blank, np.int64)
    labels[:, 1::2] = targets
    skips = np.zeros(labels.shape, bool)
    skips[:, 2:] = labels[:, 2:] != labels[:, :-2]  # two blanks are equal
    used = np.arange(labels.shape[1]) < 2 * np.asarray(target_lengths)[:, None] + 1
    return labels, skips, used


def _step(before, skips):
    """The log-probabilities before the next emission: by staying, by one state, by two."""
    one = np.full_like(before, -np.inf)
    one[:, 1:] = before[:, :-1]
    two = np.full_like(before, -np.inf)
    two[:, 2:] = before[:, :-2]
    return np.logaddexp(np.logaddexp(before, one), np.where(skips, two, -np.inf))


class ctc_of(Op, function=False, method=False, has_out=False, returns=("loss", "alpha")):
    """The loss of each sample, (N,), of log-probabilities (T, N, C) and padded targets, (N, S) as an array."""

    def cpu(log_probs, targets: object, input_lengths: object, target_lengths: object, blank: int, zero_infinity: bool):
        labels, skips, used = _states(targets, target_lengths, blank)
        steps, batch = log_probs.shape[:2]
        emitted = np.where(used, np.take_along_axis(log_probs, labels[None], 2), -np.inf).astype(np.float64)
        alpha = np.full_like(emitted, -np.inf)
        alpha[0, :, :2] = emitted[0, :, :2]
        for t in range(1, steps):
            alpha[t] = _step(alpha[t - 1], skips) + emitted[t]
        rows, last = np.arange(batch), 2 * np.asarray(target_lengths)
        ends = alpha[np.maximum(np.asarray(input_lengths) - 1, 0), rows]
        before = np.where(last > 0, ends[rows, last - 1], -np.inf)
        loss = -np.logaddexp(ends[rows, last], before)
        empty = np.asarray(input_lengths) == 0
        loss[empty] = np.where(last[empty] > 0, np.inf, 0)
        return loss.astype(log_probs.dtype, copy=False), alpha

    def d_log_probs(grad_loss, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity, loss, alpha):
        return ops.ctc_backward(
            grad_loss, log_probs, loss, alpha, targets, input_lengths, target_lengths, blank, zero_infinity
        )


class ctc_backward(Op, function=False, method=False, has_out=False):
    """The gradient of :class:`ctc_of` for log-probabilities that come from log_softmax, as torch's: what was predicted
    minus the share of all paths that emit each label."""

    def cpu(
        grad, log_probs, loss, alpha, targets: object, input_lengths: object, target_lengths: object, blank: int,
        zero_infinity: bool,
    ):  # fmt: skip
        labels, skips, used = _states(targets, target_lengths, blank)
        steps, batch = log_probs.shape[:2]
        lengths, last = np.asarray(input_lengths), 2 * np.asarray(target_lengths)
        emitted = np.where(used, np.take_along_axis(log_probs, labels[None], 2), -np.inf).astype(np.float64)
        over = np.zeros(skips.shape, bool)  # seen from where a path comes
        over[:, :-2] = skips[:, 2:]
        finish = np.arange(labels.shape[1]) >= last[:, None] - 1
        finish = np.where(finish & used, 0.0, -np.inf)
        paths = np.zeros_like(log_probs)
        columns = np.arange(batch)[:, None], labels
        beta = np.full(labels.shape, -np.inf)
        for t in reversed(range(steps)):
            on = _step(beta[:, ::-1], over[:, ::-1])[:, ::-1]
            ends = (lengths == t + 1)[:, None]
            on = np.where(ends, finish, on)  # the log-probability of all ends after this emission
            np.add.at(paths[t], columns, np.exp(alpha[t] + on + loss[:, None]))
            beta = on + emitted[t]
        out = np.exp(log_probs) - paths
        out *= grad[:, None]
        out[:, np.isinf(loss)] = 0 if zero_infinity else np.nan
        out[np.arange(steps)[:, None] >= lengths] = 0
        return out

    def d_grad__log_probs(grad):
        raise NotImplementedError("the derivative for '_ctc_loss_backward' is not implemented.")


def _lengths(given, name):
    """Lengths as a list of ints."""
    if hasattr(given, "dtype"):
        if given.dtype.category != 1:
            raise RuntimeError(f"{name} must be integral")
        return given.reshape(-1).tolist()
    return [int(length) for length in given]


def _padded(targets, target_lengths, classes):
    """Targets, in rows or one after another, as an array (N, longest)."""
    longest, batch = max(target_lengths, default=0), len(target_lengths)
    values = targets.detach()._array.astype(np.int64)
    if values.ndim not in (1, 2):
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {values.ndim}-dimensional tensor for argument #2 'targets' {WHERE}"
        )
    out = np.zeros((batch, longest), np.int64)
    if values.ndim == 1:
        if len(values) != sum(target_lengths):
            raise RuntimeError(
                f"Expected tensor to have size {sum(target_lengths)} at dimension 0, but got size {len(values)} for "
                f"argument #2 'targets' {WHERE}"
            )
        rows = np.split(values, np.cumsum(target_lengths)[:-1])
    else:
        if len(values) != batch:
            raise RuntimeError(
                f"Expected tensor to have size {batch} at dimension 0, but got size {len(values)} for argument #2 "
                f"'targets' {WHERE}"
            )
        if values.shape[1] < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size {values.shape[1]} for "
                f"argument #2 'targets' {WHERE}"
            )
        rows = values
    for row, label, length in zip(out, rows, target_lengths, strict=True):
        row[:length] = label[:length]
    if out.size and (out.min() < 0 or out.max() >= classes):
        raise RuntimeError(f"ctc_loss: expected targets from 0 to {classes - 1}, got {out.min()} to {out.max()}")
    return out


def _check(log_probs, input_lengths, target_lengths, blank):
    steps, batch, classes = log_probs.shape
    if log_probs.dtype.category != 2 or log_probs.dtype.itemsize < 4:
        raise NotImplementedError(f"\"ctc_loss_cpu\" not implemented for '{log_probs.dtype.type_name}'")
    if steps == 0:
        raise RuntimeError("log_probs tensor must not be empty")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if len(lengths) != batch:
            raise RuntimeError(f"{name} must be of size batch_size")
        if any(length < 0 for length in lengths):
            raise RuntimeError(f"Expected {name} to have value at least 0, but got value {min(lengths)} {WHERE}")
    if max(input_lengths, default=0) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {max(input_lengths)} {WHERE}"
        )


class ctc_loss(Op, home="nn.functional", method=False, has_out=False):
    """Minus the log-probability of labels, summed over their alignments with the input: see :class:`~tritorch.nn.CTCLoss`.

    :attr:`log_probs` (T, N, C) or (T, C); :attr:`targets` (N, S), or all in one row; the lengths of both, (N,) each.

    Source: Graves et al., "Connectionist temporal classification" (2006).

    Example:
        >>> import tritorch
        >>> log_probs = tritorch.zeros(2, 1, 2).log_softmax(2)
        >>> tritorch.nn.functional.ctc_loss(log_probs, tritorch.tensor([[1]]), (2,), (1,)).exp()
        tensor(1.3333)
    """

    def eager(
        log_probs, targets, input_lengths: object, target_lengths: object, blank: int = 0, reduction: str = "mean",
        zero_infinity: bool = False,
    ):  # fmt: skip
        check_reduction(reduction)
        batched = log_probs.ndim == 3
        if log_probs.ndim not in (2, 3):
            raise RuntimeError(
                f"Expected 3-dimensional tensor, but got {log_probs.ndim}-dimensional tensor for argument #1 'log_probs' "
                f"{WHERE}"
            )
        if not batched:
            log_probs, targets = log_probs.unsqueeze(1), targets.reshape(-1)
        inputs, labels = _lengths(input_lengths, "input_lengths"), _lengths(target_lengths, "target_lengths")
        _check(log_probs, inputs, labels, blank)
        padded = _padded(targets, labels, log_probs.shape[2])
        loss = ops.ctc_of(log_probs, padded, inputs, labels, blank, zero_infinity)[0]
        if zero_infinity:
            loss = loss.masked_fill(loss.isinf(), 0)
        if reduction == "mean":
            return (loss / log_probs.new_tensor([max(1, length) for length in labels])).mean()
        if reduction == "sum":
            return loss.sum()
        return loss if batched else loss.squeeze(0)

    def samples(make):
        yield make(5, 2, 3, high=0), make.plain([[1, 2], [2, 2]], int64), (5, 4), (2, 1)
        yield make(4, 3, high=0), make.plain([1, 2], int64), (4,), (2,)
