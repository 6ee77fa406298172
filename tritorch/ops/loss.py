"""Losses of classification: negative log likelihood, cross entropy, and their relatives."""

import numpy as np

from ._op import Op, ops
from ._schema import Number

REDUCTIONS = ("none", "mean", "sum")


def reduced(loss, reduction):
    """``loss`` itself, its mean or its sum.

    Raises:
        ValueError: ``<reduction> is not a valid value for reduction``.
    """
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction} is not a valid value for reduction")


def legacy(size_average, reduce, reduction):
    """torch's old pair of flags as a reduction."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


class nll(Op, function=False, method=False, returns=("loss", "total_weight"), has_out=False):
    """Minus the log-probability of each target: :attr:`input` (N, C, S), :attr:`target` (N, S); the loss is (N, S),
    or a number with "mean" and "sum". Targets equal to ``ignore_index`` count nothing."""

    def check(target, input, ignore_index):
        bad = (target != ignore_index) & ((target < 0) | (target >= input.shape[1]))
        if bad.any():
            raise IndexError(f"Target {int(target[bad].flat[0])} is out of bounds.")

    def cpu(input, target, weight, reduction: str, ignore_index: int):
        kept = target != ignore_index
        safe = np.where(kept, target, 0)
        picked = np.take_along_axis(input, safe[:, None], 1)[:, 0] if input.shape[1] else np.zeros(target.shape, input.dtype)
        one = input.dtype.type
        scale = kept.astype(input.dtype) if weight is None else np.where(kept, weight[safe], one(0))
        loss = np.where(kept, -picked * scale, one(0))
        total = np.add.reduce(scale, axis=None)
        if reduction == "none":
            return loss, total
        loss = np.add.reduce(loss, axis=None)
        return (np.divide(loss, total) if reduction == "mean" else loss), total

    def d_input(grad, input_shape, target, weight, reduction, ignore_index, total_weight):
        return ops.nll_backward(grad, target, weight, tuple(input_shape), reduction, ignore_index, total_weight)


class nll_backward(Op, function=False, method=False, has_out=False):
    """The gradient of :class:`nll`: minus the weight of each target, at the target."""

    def cpu(grad, target, weight, shape: tuple, reduction: str, ignore_index: int, total_weight):
        kept = target != ignore_index
        safe = np.where(kept, target, 0)
        value = -(grad / total_weight if reduction == "mean" else grad)
        value = np.where(kept, value if weight is None else value * weight[safe], grad.dtype.type(0))
        out = np.zeros(shape, grad.dtype)
        if shape[1]:
            np.put_along_axis(out, safe[:, None], np.broadcast_to(value, target.shape)[:, None].astype(grad.dtype), 1)
        return out

    def d_grad(grad_out, target, weight, reduction, ignore_index):
        return ops.nll(grad_out, target, weight, reduction, ignore_index)[0]


def _nll_shapes(input, target):
    if input.ndim not in (1, 2) and input.ndim < 3:
        raise ValueError(f"Expected 2 or more dimensions (got {input.ndim})")
    if input.ndim == 1:
        if target.ndim != 0 and not (target.ndim == 1 and target.shape[0] == 1):
            raise ValueError(f"Expected input batch_size (1) to match target batch_size ({target.shape[0]}).")
        return (1, input.shape[0], 1), (1, 1)
    if target.ndim != input.ndim - 1:
        if target.ndim > 1 or input.ndim > 2:
            if input.ndim == 2:
                raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
            raise RuntimeError(
                f"Expected target size {[input.shape[0], *input.shape[2:]]}, got {list(target.shape)}"
            )
    if input.shape[0] != (target.shape[0] if target.ndim else 1):
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size "
            f"({target.shape[0] if target.ndim else 1})."
        )
    if tuple(target.shape[1:]) != tuple(input.shape[2:]):
        raise RuntimeError(f"Expected target size {[input.shape[0], *input.shape[2:]]}, got {list(target.shape)}")
    return (input.shape[0], input.shape[1], -1 if input.ndim > 2 else 1), (input.shape[0], -1 if input.ndim > 2 else 1)


def _nll_loss(input, target, weight, ignore_index, reduction):
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    table, column = _nll_shapes(input, target)
    if target.dtype.category != 1:
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.type_name}")
    if weight is not None and (weight.ndim != 1 or weight.shape[0] != table[1]):
        raise RuntimeError(
            f"weight tensor should be defined either for all {table[1]} classes or no classes but got weight tensor of "
            f"shape: {list(weight.shape)}"
        )
    if input.numel() == 0 and -1 in table:
        table, column = (table[0], table[1], 0), (table[0], 0)
    out = ops.nll(input.reshape(table), target.reshape(column).long(), weight, reduction, ignore_index)[0]
    return out.reshape(target.shape) if reduction == "none" else out


class nll_loss(Op, home="nn.functional", method=False, has_out=False):
    """The negative log likelihood of log-probabilities (N, C, *) or (C,) under class indices (N, *) or ()."""

    def eager(
        input, target, weight=None, size_average: object = None, ignore_index: int = -100, reduce: object = None,
        reduction: str = "mean",
    ):  # fmt: skip
        return _nll_loss(input, target, weight, ignore_index, legacy(size_average, reduce, reduction))


class cross_entropy(Op, home="nn.functional", method=False, has_out=False):
    """The cross entropy of logits (N, C, *) or (C,) with class indices (N, *), or with probabilities of their own shape.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.cross_entropy(tritorch.zeros(1, 4), tritorch.tensor([2]))
        tensor(1.3863)
    """

    def eager(
        input, target, weight=None, size_average: object = None, ignore_index: int = -100, reduce: object = None,
        reduction: str = "mean", label_smoothing: Number = 0.0,
    ):  # fmt: skip
        reduction = legacy(size_average, reduce, reduction)
        if not 0.0 <= label_smoothing <= 1.0:
            raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
        dim = 0 if input.ndim == 1 else 1
        if input.ndim == 0:
            raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
        log_p = ops.log_softmax(input, dim)
        if target.is_floating_point():
            return _with_probabilities(log_p, target, weight, reduction, label_smoothing, dim, input)
        loss = _nll_loss(log_p, target, weight, ignore_index, reduction)
        if label_smoothing == 0:
            return loss
        return _smoothed(loss, log_p, target, weight, reduction, label_smoothing, dim, ignore_index)


def _column(weight, log_p, dim):
    return weight.reshape([-1 if d == dim else 1 for d in range(log_p.ndim)])


def _with_probabilities(log_p, target, weight, reduction, smoothing, dim, input):
    if target.shape != input.shape:
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype.type_name}"
                           if not target.is_floating_point() else "Expected target to have the same shape as input with "
                           f"class probabilities, got {list(target.shape)} and {list(input.shape)}")  # fmt: skip
    classes = input.shape[dim]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    terms = log_p * target if weight is None else log_p * target * _column(weight, log_p, dim)
    loss = -terms.sum(dim)
    if reduction == "mean":
        return loss.sum() / (input.numel() // max(1, classes)) if classes else loss.mean()
    return reduced(loss, reduction)


def _smoothed(loss, log_p, target, weight, reduction, smoothing, dim, ignore_index):
    terms = log_p if weight is None else log_p * _column(weight, log_p, dim)
    kept = target != ignore_index
    smooth = -terms.sum(dim) * kept
    if reduction == "none":
        spread = smooth
    elif reduction == "sum":
        spread = smooth.sum()
    elif weight is None:
        spread = smooth.sum() / kept.sum()
    else:
        safe = target.masked_fill(kept.logical_not(), 0)
        spread = smooth.sum() / (weight[safe] * kept).sum()
    return loss * (1 - smoothing) + spread * (smoothing / log_p.shape[dim])


class mse_loss(Op, home="nn.functional", method=False, has_out=False):
    """The squared difference: its mean, its sum, or itself."""

    def eager(
        input, target, size_average: object = None, reduce: object = None, reduction: str = "mean", weight=None
    ):
        loss = (input - target).square()
        return reduced(loss if weight is None else loss * weight, legacy(size_average, reduce, reduction))


class l1_loss(Op, home="nn.functional", method=False, has_out=False):
    """The absolute difference: its mean, its sum, or itself."""

    def eager(
        input, target, size_average: object = None, reduce: object = None, reduction: str = "mean", weight=None
    ):
        loss = (input - target).abs()
        return reduced(loss if weight is None else loss * weight, legacy(size_average, reduce, reduction))


class binary_cross_entropy(Op, home="nn.functional", method=False, has_out=False):
    """The binary cross entropy of probabilities; logarithms are at least -100."""

    def eager(
        input, target, weight=None, size_average: object = None, reduce: object = None, reduction: str = "mean"
    ):
        if target.shape != input.shape:
            raise ValueError(
                f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
                "Please ensure they have the same size."
            )
        if input.numel() and not bool(((input >= 0) & (input <= 1)).all()):
            raise RuntimeError("all elements of input should be between 0 and 1")
        loss = -(target * input.log().clamp_min(-100) + (1 - target) * (-input).log1p().clamp_min(-100))
        return reduced(loss if weight is None else loss * weight, legacy(size_average, reduce, reduction))


class binary_cross_entropy_with_logits(Op, home="nn.functional", method=False, has_out=False):
    """The binary cross entropy of logits, without overflow; ``pos_weight`` scales the positive term."""

    def eager(
        input, target, weight=None, size_average: object = None, reduce: object = None, reduction: str = "mean",
        pos_weight=None,
    ):  # fmt: skip
        if target.shape != input.shape:
            raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
        log_sigmoid = ops.logsigmoid(input)
        scaled = log_sigmoid if pos_weight is None else log_sigmoid * ((pos_weight - 1) * target + 1)
        loss = (1 - target) * input - scaled
        return reduced(loss if weight is None else loss * weight, legacy(size_average, reduce, reduction))
