"""Losses of regression and of probabilities, element by element: squared and absolute errors, likelihoods, divergences."""

import math

import numpy as np

from ..errors import not_implemented
from ..runtime.jit import libdevice, tl, triton
from ._formulas import larger, softplus_of
from ._kinds import Elementwise
from ._losses import legacy, reduced, warn_of_broadcast, weighted
from ._op import Op, ops
from ._schema import Number


def _refuse_integers(name, input, target):
    if max(input.dtype.category, target.dtype.category) < 2:
        raise not_implemented(name, input.dtype)


def _check_weight(input, target, weight):
    """``weight`` must be of the common shape of the other two."""
    if weight is not None and weight.shape != (input + target).shape:
        raise ValueError("Weights and input must have the same size.")


class mse_loss(Op, home="nn.functional", method=False, has_out=False):
    """The squared difference: its mean, its sum, or itself.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.mse_loss(tritorch.tensor([1.0, 3.0]), tritorch.tensor([0.0, 0.0]))
        tensor(5.)
    """

    def eager(input, target, size_average: object = None, reduce: object = None, reduction: str = "mean", weight=None):
        warn_of_broadcast(input, target)
        reduction = legacy(size_average, reduce, reduction)
        _refuse_integers("mse", input, target)
        loss = (input - target).square()
        return reduced(loss, reduction) if weight is None else _weighted_mean(loss, weight, reduction)


def _weighted_mean(loss, weight, reduction):
    if weight.shape != loss.shape:
        raise ValueError("Weights and input must have the same size.")
    loss = loss * weight
    return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)


class l1_loss(Op, home="nn.functional", method=False, has_out=False):
    """The absolute difference: its mean, its sum, or itself."""

    def eager(input, target, size_average: object = None, reduce: object = None, reduction: str = "mean", weight=None):
        warn_of_broadcast(input, target)
        reduction = legacy(size_average, reduce, reduction)
        loss = (input - target).abs()
        return reduced(loss, reduction) if weight is None else _weighted_mean(loss, weight, reduction)


class huber_terms(Elementwise, function=False, method=False):
    """``d * d / 2`` where the difference ``d`` is at most ``delta``, and ``delta * (|d| - delta / 2)`` beyond."""

    def cpu(input, target, delta: Number):
        size = np.absolute(np.subtract(input, target))
        near = np.minimum(size, size.dtype.type(delta))
        return near * (size - size.dtype.type(0.5) * near)

    @triton.jit
    def cuda(input, target, delta):
        size = tl.abs(input - target)
        near = tl.where(size > delta, delta, size)
        return near * (size - 0.5 * near)

    def d_input(grad, input, target, delta):
        return grad * (input - target).clamp(-delta, delta)

    def d_target(grad, input, target, delta):
        return grad * (target - input).clamp(-delta, delta)


class huber_loss(Op, home="nn.functional", method=False, has_out=False):
    """Half the squared difference up to ``delta``, and linear beyond (Huber, 1964)."""

    def eager(input, target, reduction: str = "mean", delta: Number = 1.0, weight=None):
        warn_of_broadcast(input, target)
        _refuse_integers("huber", input, target)
        if delta <= 0:
            raise RuntimeError("huber_loss does not support non-positive values for delta.")
        loss = ops.huber_terms(input, target, delta)
        return reduced(loss, reduction) if weight is None else _weighted_mean(loss, weight, reduction)


class smooth_l1_loss(Op, home="nn.functional", method=False, has_out=False):
    """The absolute difference, less ``beta / 2``; below ``beta`` its square over ``2 beta`` (Girshick, 2015)."""

    def eager(
        input, target, size_average: object = None, reduce: object = None, reduction: str = "mean",
        beta: Number = 1.0,
    ):  # fmt: skip
        warn_of_broadcast(input, target)
        reduction = legacy(size_average, reduce, reduction)
        if beta < 0:
            raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
        if beta == 0:
            return reduced((input - target).abs(), reduction)
        _refuse_integers("smooth_l1", input, target)
        return reduced(ops.huber_terms(input, target, beta) / beta, reduction)


class kl_terms(Elementwise, function=False, method=False):
    """``target * (log(target) - input)``, zero where the target is."""

    def cpu(input, target):
        with_log = np.multiply(target, np.subtract(np.log(target), input))
        return np.where(target == 0, target.dtype.type(0), with_log)

    @triton.jit
    def cuda(input, target):
        return tl.where(target == 0, 0.0, target * (libdevice.log(target) - input))

    def d_input(grad, target):
        return -grad * target

    def d_target(grad, input, target):
        return (grad * (target.log() + 1 - input)).masked_fill(target == 0, 0)


class kl_div(Op, home="nn.functional", method=False, has_out=False):
    """The Kullback-Leibler divergence of ``input``, log-probabilities, from ``target``, probabilities (or their logarithms
    with ``log_target``). "batchmean" divides the sum by the length of the first dim.

    Example:
        >>> import tritorch
        >>> p = tritorch.tensor([0.5, 0.5])
        >>> tritorch.nn.functional.kl_div(p.log(), p, reduction="sum")
        tensor(0.)
    """

    def eager(
        input, target, size_average: object = None, reduce: object = None, reduction: str = "mean",
        log_target: bool = False,
    ):  # fmt: skip
        reduction = legacy(size_average, reduce, reduction)
        loss = target.exp() * (target - input) if log_target else ops.kl_terms(input, target)
        if reduction == "batchmean":
            return loss.sum() / (input.shape[0] if input.ndim else 1)
        return reduced(loss, reduction)

    def samples(make):
        yield make(3, 4), make(3, 4, low=0.1)
        yield make(3, 4), make(3, 4), {"log_target": True, "reduction": "batchmean"}


class poisson_nll_loss(Op, home="nn.functional", method=False, has_out=False):
    """Minus the log-likelihood of counts under Poisson distributions of rate ``exp(input)``, or ``input``; ``full`` adds
    Stirling's approximation of ``log(target!)`` where the target is above 1."""

    def eager(
        input, target, log_input: bool = True, full: bool = False, size_average: object = None, eps: Number = 1e-8,
        reduce: object = None, reduction: str = "mean",
    ):  # fmt: skip
        reduction = legacy(size_average, reduce, reduction)
        loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
        if full:
            stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
            loss = loss + stirling.masked_fill(target <= 1, 0)
        return reduced(loss, reduction)

    def samples(make):
        yield make(3, 4), make(3, 4, low=0)
        yield make(3, 4, low=0.1), make(3, 4, low=1.5, high=3), False, True


class gaussian_nll_loss(Op, home="nn.functional", method=False, has_out=False):
    """Minus the log-likelihood of ``target`` under normal distributions of mean ``input`` and variance ``var``, kept
    above ``eps``; ``full`` adds the constant term."""

    def eager(input, target, var: object, full: bool = False, eps: Number = 1e-6, reduction: str = "mean"):
        if isinstance(var, (int, float)):
            if var < 0:
                raise ValueError("var has negative entry/entries")
            var = ops.full_like(input, var)
        elif bool((var < 0).any()):
            raise ValueError("var has negative entry/entries")
        if var.shape != input.shape:
            if input.shape[:-1] == var.shape:
                var = var.unsqueeze(-1)
            elif not (input.shape[:-1] == var.shape[:-1] and var.shape[-1] == 1) and not _broadcasts(var, input):
                raise ValueError("var is of incorrect size")
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(reduction + " is not valid")
        var = var + (var.clamp(min=eps) - var).detach()
        loss = 0.5 * (var.log() + (input - target).square() / var)
        return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)

    def samples(make):
        yield make(3, 4), make(3, 4), make(3, 4, low=0.5)
        yield make(3, 4), make(3, 4), make(3, 1, low=0.5), True


def _broadcasts(var, input):
    """Whether ``var`` has the dims of ``input`` and differs from it by ones alone."""
    return var.ndim == input.ndim and all(v in (1, n) for v, n in zip(var.shape, input.shape, strict=True))


class bce_terms(Elementwise, function=False, method=False, only="f", kernel="binary_cross_entropy"):
    """The binary cross entropy of probabilities, with logarithms of at least -100."""

    def cpu(input, target):
        low = input.dtype.type(-100)
        yes = np.maximum(np.log(input), low)
        no = np.maximum(np.log1p(-input), low)
        return (target - 1) * no - target * yes

    @triton.jit
    def cuda(input, target):
        yes = larger(libdevice.log(input), -100.0)
        no = larger(libdevice.log1p(-input), -100.0)
        return (target - 1) * no - target * yes

    def d_input(grad, input, target):
        return grad * (input - target) / ((1 - input) * input).clamp(min=1e-12)

    def d_target(grad, input):
        return grad * ((-input).log1p().clamp(min=-100) - input.log().clamp(min=-100))


class binary_cross_entropy(Op, home="nn.functional", method=False, has_out=False):
    """The binary cross entropy of probabilities; logarithms are at least -100.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.binary_cross_entropy(tritorch.tensor([0.5]), tritorch.tensor([1.0]))
        tensor(0.6931)
    """

    def eager(input, target, weight=None, size_average: object = None, reduce: object = None, reduction: str = "mean"):
        reduction = legacy(size_average, reduce, reduction)
        if target.shape != input.shape:
            raise ValueError(
                f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
                "Please ensure they have the same size."
            )
        if target.dtype is not input.dtype:
            raise RuntimeError(f"Found dtype {target.dtype.type_name} but expected {input.dtype.type_name}")
        if input.numel() and not bool(((input >= 0) & (input <= 1)).all()):
            raise RuntimeError("all elements of input should be between 0 and 1")
        return reduced(weighted(ops.bce_terms(input, target), weight), reduction)

    def samples(make):
        yield make(3, 4, low=0.1, high=0.9), make(3, 4, low=0, high=1)
        yield make(3, 4, low=0.1, high=0.9), make(3, 4, low=0, high=1), make(4, low=0.5)


class bce_logits_terms(Elementwise, function=False, method=False, only="f", kernel="log_sigmoid_cpu"):
    """The binary cross entropy of logits: ``(1 - t) x + log(1 + exp(-x))`` without overflow."""

    def cpu(input, target):
        out = np.exp(np.negative(np.absolute(input)))
        out = np.log1p(out)
        out += np.maximum(input, 0)
        return out - input * target

    @triton.jit
    def cuda(input, target):
        return softplus_of(input) - input * target

    def d_input(grad, input, target):
        return grad * (input.sigmoid() - target)

    def d_target(grad, input):
        return -grad * input


class binary_cross_entropy_with_logits(Op, home="nn.functional", method=False, has_out=False):
    """The binary cross entropy of logits, without overflow; ``pos_weight`` scales the positive term."""

    def eager(
        input, target, weight=None, size_average: object = None, reduce: object = None, reduction: str = "mean",
        pos_weight=None,
    ):  # fmt: skip
        reduction = legacy(size_average, reduce, reduction)
        if target.shape != input.shape:
            raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
        if pos_weight is None:
            loss = ops.bce_logits_terms(input, target)
        else:
            loss = (1 - target) * input - ops.logsigmoid(input) * ((pos_weight - 1) * target + 1)
        return reduced(weighted(loss, weight), reduction)

    def samples(make):
        yield make(3, 4), make(3, 4, low=0, high=1)
        yield (
            make(3, 4),
            make(3, 4, low=0, high=1),
            make(4, low=0.5),
            {"pos_weight": make(4, low=0.5), "reduction": "none"},
        )


class soft_margin_loss(Op, home="nn.functional", method=False, has_out=False):
    """``log(1 + exp(-target * input))`` with targets 1 and -1."""

    def eager(input, target, size_average: object = None, reduce: object = None, reduction: str = "mean"):
        reduction = legacy(size_average, reduce, reduction)
        return reduced(-ops.logsigmoid(target * input), reduction)

    def samples(make):
        yield make(3, 4), make.plain([1, -1, 1, -1])
