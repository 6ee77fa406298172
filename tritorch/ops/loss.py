"""Losses of classification: negative log likelihood, cross entropy, and their relatives."""

import math

import numpy as np

from .. import _C
from ..runtime.blocks import get_num_threads
from . import _cross_entropy_kernels
from ._losses import check_reduction, legacy, reduced
from ._nll_kernels import backward, forward
from ._op import Op, ops
from ._schema import Number


class nll(Op, function=False, method=False, returns=("loss", "total_weight"), has_out=False):
    """Minus the log-probability of each target: :attr:`input` (N, C, S), :attr:`target` (N, S); the loss is (N, S),
    or a number with "mean" and "sum". Targets equal to ``ignore_index`` count nothing."""

    def cpu(input, target, weight, reduction: str, ignore_index: int):
        return _C.nll(input, target, weight, reduction, ignore_index)

    def cuda(input, target, weight, reduction, ignore_index):
        return forward(input, target, weight, reduction, ignore_index)

    def d_input(grad, input_shape, target, weight, reduction, ignore_index, total_weight):
        return ops.nll_backward(grad, target, weight, tuple(input_shape), reduction, ignore_index, total_weight)


class nll_backward(Op, function=False, method=False, has_out=False):
    """The gradient of :class:`nll`: minus the weight of each target, at the target."""

    def cpu(grad, target, weight, shape: tuple, reduction: str, ignore_index: int, total_weight):
        return _C.nll_back(grad, target, weight, shape, reduction, ignore_index, total_weight)

    def cuda(grad, target, weight, shape, reduction, ignore_index, total_weight):
        return backward(grad, target, weight, shape, reduction, ignore_index, total_weight)

    def d_grad(grad_out, target, weight, reduction, ignore_index):
        return ops.nll(grad_out, target, weight, reduction, ignore_index)[0]


class entropy(Op, function=False, method=False, returns=("loss", "total_weight", "logs"), has_out=False):
    """:class:`cross_entropy` of logits (N, C) or (N, C, S) with class indices, and what its gradient needs: the sum of the
    targets' weights, and for each target the logarithm of the sum of exponentials of its logits."""

    def cpu(input, target, weight, reduction: str, ignore_index: int, smoothing: Number):
        log_p = np.moveaxis(_C.softmax(np.moveaxis(input, 1, -1), True, get_num_threads()), -1, 1)
        table = (*input.shape[:2], -1)
        loss, total = _C.nll(log_p.reshape(table), target.reshape(len(target), -1), weight, reduction, ignore_index)
        loss = loss.reshape(target.shape) if reduction == "none" else loss
        if smoothing:
            terms = log_p if weight is None else log_p * weight.reshape(-1, *(1,) * (input.ndim - 2))
            spread = np.where(target != ignore_index, -terms.sum(1), 0)
            if reduction != "none":
                spread = spread.sum() / (total if reduction == "mean" else 1)
            loss = loss * (1 - smoothing) + spread * (smoothing / input.shape[1])
        return np.asarray(loss, input.dtype), total, (input - log_p)[:, 0]

    def cuda(input, target, weight, reduction, ignore_index, smoothing):
        return _cross_entropy_kernels.forward(input, target, weight, reduction, ignore_index, smoothing)

    def d_input(grad, input, target, weight, total_weight, logs, reduction, ignore_index, smoothing):
        if not _C.needs_grad(grad, input):
            return ops.entropy_backward(
                grad, input, target, weight, total_weight, logs, reduction, ignore_index, smoothing
            )
        kept = target != ignore_index
        places = target.masked_fill(kept.logical_not(), 0)
        each = input.new_ones(input.shape[1]) if weight is None else weight
        share, column = ops.softmax(input, 1), each.reshape(1, -1, *(1,) * (input.ndim - 2))
        picked = ops.zeros_like(share).scatter(1, places.unsqueeze(1), 1.0)
        value = (share - picked) * (each[places] * (1 - smoothing)).unsqueeze(1)
        if smoothing:
            value = value + (share * each.sum() - column) * (smoothing / input.shape[1])
        factor = grad / total_weight.to(grad.dtype) if reduction == "mean" else grad
        return value * (factor * kept).unsqueeze(1)


class entropy_backward(Op, function=False, method=False, has_out=False):
    """The gradient of :class:`entropy` with respect to the logits. It records nothing."""

    def cpu(
        grad, input, target, weight, total_weight, logs, reduction: str, ignore_index: int, smoothing: Number
    ):  # fmt: skip
        share, kept = np.exp(input - logs[:, None]), target != ignore_index
        each = np.ones(input.shape[1], input.dtype) if weight is None else weight
        classes, each = (x.reshape(-1, *(1,) * (input.ndim - 2)) for x in (np.arange(input.shape[1]), each))
        places = np.where(kept, target, 0)
        value = (share - (classes == places[:, None])) * (each.reshape(-1)[places] * (1 - smoothing))[:, None]
        value += (share * each.sum() - each) * (smoothing / input.shape[1])
        factor = grad / total_weight if reduction == "mean" else grad
        return np.asarray(value * (factor * kept)[:, None], input.dtype)

    def cuda(grad, input, target, weight, total_weight, logs, reduction, ignore_index, smoothing):
        return _cross_entropy_kernels.backward(
            grad, input, target, weight, total_weight, logs, reduction, ignore_index, smoothing
        )


def _nll_shapes(input, target):
    """The shapes (N, C, S) and (N, S) in which the loss is computed."""
    if not input.ndim:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    given, wanted = list(target.shape), [input.shape[0], *input.shape[2:]]
    if input.ndim == 1:
        if target.ndim > 1 or target.numel() != 1:
            raise ValueError(f"Expected input batch_size (1) to match target batch_size ({target.numel()}).")
        return (1, input.shape[0], 1), (1, 1)
    if not target.ndim or target.shape[0] != input.shape[0]:
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({given[0] if given else 1})."
        )
    if input.ndim == 2 and target.ndim != 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input.ndim == 4 and target.ndim != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {target.ndim}"
        )
    if given != wanted:
        if input.ndim == 4:
            raise RuntimeError(f"size mismatch (got input: {list(input.shape)} , target: {given}")
        raise RuntimeError(f"Expected target size {wanted}, got {given}")
    count = math.prod(input.shape[2:])
    return (*input.shape[:2], count), (input.shape[0], count)


def _nll_checked(input, target, weight, reduction):
    """The shapes of :func:`_nll_shapes`, of arguments that are in order."""
    check_reduction(reduction)
    table, column = _nll_shapes(input, target)
    if target.dtype.name not in ("int64", "uint8"):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype.type_name}")
    if weight is not None:
        if weight.ndim != 1 or weight.shape[0] != table[1]:
            raise RuntimeError(
                f"weight tensor should be defined either for all {table[1]} classes or no classes but got weight tensor of "
                f"shape: {list(weight.shape)}"
            )
        if weight.dtype is not input.dtype:
            raise RuntimeError(f"expected scalar type {input.dtype.type_name} but found {weight.dtype.type_name}")
    return table, column


def _nll_loss(input, target, weight, ignore_index, reduction):
    table, column = _nll_checked(input, target, weight, reduction)
    if input.ndim != 2:
        input, flat = input.reshape(table), target.reshape(column)
        out = ops.nll(input, flat, weight, reduction, ignore_index)[0]
        return out.reshape(target.shape) if reduction == "none" else out
    out = ops.nll(input.unsqueeze(2), target.unsqueeze(1), weight, reduction, ignore_index)[0]
    return out.squeeze(1) if reduction == "none" else out


class nll_loss(Op, home="nn.functional", method=False, has_out=False):
    """The negative log likelihood of log-probabilities (N, C, *) or (C,) under class indices (N, *) or ().

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.nll_loss(tritorch.tensor([[-0.5, -1.0]]), tritorch.tensor([1]))
        tensor(1.)
    """

    def eager(
        input, target, weight=None, size_average: object = None, ignore_index: int = -100, reduce: object = None,
        reduction: str = "mean",
    ):  # fmt: skip
        return _nll_loss(input, target, weight, ignore_index, legacy(size_average, reduce, reduction))

    def samples(make):
        yield make(3, 4), make.indices(3, below=4)
        yield make(2, 3, 2), make.indices(2, 2, below=3), make.plain([1, 2, 4]), {"reduction": "none"}
        yield make(4), make.indices(below=4)


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
            raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
        dim = 0 if input.ndim == 1 else 1
        if input.is_cuda and input.is_floating_point() and target.shape != input.shape:
            return _in_one_pass(input, target, weight, ignore_index, reduction, label_smoothing)
        log_p = ops.log_softmax(input, dim)
        if target.shape == input.shape:
            return _with_probabilities(log_p, target, weight, reduction, label_smoothing, dim, ignore_index)
        loss = _nll_loss(log_p, target, weight, ignore_index, reduction)
        if not label_smoothing:
            return loss
        return _smoothed(loss, log_p, target, weight, reduction, label_smoothing, dim, ignore_index)

    def samples(make):
        yield make(3, 4), make.indices(3, below=4)
        yield make(3, 4), make(3, 4, low=0), {"label_smoothing": 0.1}
        yield make(2, 3, 2), make.indices(2, 2, below=3), make.plain([1, 2, 4]), {"reduction": "sum", "ignore_index": 1}


def _in_one_pass(input, target, weight, ignore_index, reduction, smoothing):
    table, column = _nll_checked(input, target, weight, reduction)
    flat = (input, target) if input.ndim == 2 else (input.reshape(table), target.reshape(column))
    out = ops.entropy(*flat, weight, reduction, ignore_index, smoothing)[0]
    return out.reshape(target.shape) if reduction == "none" else out


def _column(weight, log_p, dim):
    return weight.reshape([-1 if d == dim else 1 for d in range(log_p.ndim)])


def _with_probabilities(log_p, target, weight, reduction, smoothing, dim, ignore_index):
    check_reduction(reduction)
    if not target.is_floating_point():
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {target.dtype.type_name}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    classes = log_p.shape[dim]
    if weight is not None and (weight.ndim != 1 or weight.shape[0] != classes):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )
    if smoothing:
        target = target * (1 - smoothing) + smoothing / (classes or 1)
    terms = log_p * target if weight is None else log_p * target * _column(weight, log_p, dim)
    loss = -terms.sum(dim)
    if reduction == "mean":
        return loss.sum() / (log_p.numel() / classes) if classes else loss.mean()
    return reduced(loss, reduction)


def _smoothed(loss, log_p, target, weight, reduction, smoothing, dim, ignore_index):
    """``loss`` mixed with the mean over classes of what it would be for each of them."""
    kept = target != ignore_index
    terms = log_p if weight is None else log_p * _column(weight, log_p, dim)
    spread = (-terms.sum(dim)).masked_fill(kept.logical_not(), 0)
    if reduction == "sum":
        spread = spread.sum()
    elif reduction == "mean" and weight is None:
        spread = spread.sum() / kept.sum()
    elif reduction == "mean":
        spread = (
            spread.sum() / weight[target.masked_fill(kept.logical_not(), 0)].masked_fill(kept.logical_not(), 0).sum()
        )
    return loss * (1 - smoothing) + spread * (smoothing / log_p.shape[dim])


class linear_cross_entropy(Op, home="nn.functional", method=False, has_out=False):
    """:func:`cross_entropy` of the logits that :func:`linear` makes of :attr:`input`, a vector or a table of them. A
    ``linear_weight`` of shape (C, *, in) gives logits of shape (N, C, *)."""

    def eager(
        input, linear_weight, target, *, linear_bias=None, weight=None, reduction: str = "mean",
        ignore_index: object = None, label_smoothing: Number = 0.0, options: object = None,
    ):  # fmt: skip
        if input.ndim not in (1, 2):
            raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
        if input.ndim == 1 and linear_weight.ndim > 2:
            raise RuntimeError(
                f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, (N, "
                f"{linear_weight.shape[-1]}), got unbatched input with shape {tuple(input.shape)}"
            )
        if linear_bias is not None and linear_bias.shape != linear_weight.shape[:-1]:
            raise RuntimeError(
                f"expected linear_bias shape {tuple(linear_weight.shape[:-1])}, got {tuple(linear_bias.shape)}"
            )
        table = linear_weight.reshape(-1, linear_weight.shape[-1])
        bias = None if linear_bias is None else linear_bias.reshape(-1)
        logits = ops.linear(input, table, bias)
        if linear_weight.ndim > 2:
            logits = logits.reshape(-1, *linear_weight.shape[:-1])
        ignored = -100 if ignore_index is None else ignore_index
        return ops.cross_entropy(
            logits, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
        )

    def samples(make):
        yield make(3, 4), make(5, 4), make.indices(3, below=5), {"linear_bias": make(5)}
