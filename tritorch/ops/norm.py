"""Normalisations: layer, batch, group, instance, RMS, all from one primitive; and scaling to unit length."""

import numpy as np

from .. import _C
from ..runtime.array import empty
from ..runtime.blocks import get_num_threads
from ..shape import wrap_dim
from ._norm_kernels import Layout, backward, forward
from ._op import Op, ops
from ._schema import Dims, Number


def _standardized(input, weight, bias, dim, eps):
    """(out, mean, rstd): two passes for the moments, then one multiply-add."""
    n = 1
    for d in dim:
        n *= input.shape[d]
    mean = np.add.reduce(input, axis=dim, keepdims=True) / input.dtype.type(n)
    out = input - mean
    var = np.add.reduce(np.square(out), axis=dim, keepdims=True) / input.dtype.type(n)
    rstd = 1 / np.sqrt(var + input.dtype.type(eps))
    out *= rstd
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out, mean, rstd


def _by_rows(input, weight, bias, dim):
    """Whether the loops of C do it: floats, the last dims, an affine of their shape."""
    shape = input.shape[input.ndim - len(dim) :]
    return (
        input.dtype in (np.float32, np.float64)
        and input.size > 0
        and dim == tuple(range(input.ndim - len(dim), input.ndim))
        and all(x is None or (x.shape == shape and x.dtype == input.dtype) for x in (weight, bias))
    )


def _by_channels(input, weight, bias, dim):
    """Whether the loops of C do it: floats in C order, all dims but the second, an affine of one element a channel."""
    column = (1, *input.shape[1:2], *(1,) * (input.ndim - 2))
    return (
        input.dtype in (np.float32, np.float64)
        and input.size > 0
        and dim == (0, *range(2, input.ndim))
        and input.flags.c_contiguous
        and all(x is None or (x.shape == column and x.dtype == input.dtype) for x in (weight, bias))
    )


class standardize(Op, function=False, method=False, returns=("out", "mean", "rstd"), materialize=False):
    """``(input - mean) / sqrt(variance + eps) * weight + bias`` over dims, with the moments.

    :attr:`weight` and :attr:`bias` broadcast against :attr:`input`.
    """

    def cpu(input, weight, bias, dim: Dims, eps: Number):
        if _by_rows(input, weight, bias, dim):
            return _C.standardize(input, weight, bias, len(dim), eps, get_num_threads())
        if _by_channels(input, weight, bias, dim):
            return _C.standardize_channels(input, weight, bias, eps, get_num_threads())
        return _standardized(input, weight, bias, dim, eps)

    def cuda(input, weight, bias, dim, eps):
        return forward(input, weight, bias, dim, eps)

    def d_input__weight__bias(
        grad, grad_mean, grad_rstd, input, weight, mean, rstd, dim, weight_shape, bias_shape, needs
    ):
        alone = grad is not None and grad_mean is None and grad_rstd is None
        if alone and not _C.needs_grad(grad, input, weight) and _is_one_pass(input, dim, weight_shape, bias_shape):
            shapes, affine = (tuple(weight_shape), tuple(bias_shape)), needs[1] or needs[2]
            out = ops.standardize_back(grad, input, weight, mean, rstd, dim, *shapes, affine)
            return (out[0], *[x.reshape(s) if n else None for x, s, n in zip(out[1:], shapes, needs[1:], strict=True)])
        unit = (input - mean) * rstd
        return (
            _input_gradient(grad, grad_mean, grad_rstd, input, unit, weight, rstd, dim) if needs[0] else None,
            (grad * unit).to(input.dtype) if needs[1] and grad is not None else None,
            grad if needs[2] else None,
        )


def _is_one_pass(input, dim, *affine):
    """Whether a loop makes all gradients at once: on the CPU for rows and channels, on a device for every layout."""
    layout = Layout.of(tuple(input.shape), dim, affine)
    return layout is not None and (input.is_cuda or layout.each)


class standardize_back(Op, function=False, method=False, has_out=False, returns=("of_input", "of_weight", "of_bias")):
    """The gradients of :class:`standardize` over dims, whose moments these are, in one pass; those of weight and bias
    are flat. Without ``affine`` only the first; the others are empty. It records nothing."""

    def cpu(grad, input, weight, mean, rstd, dim: Dims, weight_shape: tuple, bias_shape: tuple, affine: bool):
        rows = dim == tuple(range(input.ndim - len(dim), input.ndim))
        back = _C.standardize_back if rows else _C.standardize_channels_back
        found = back(grad, input, weight, mean, rstd, (True, affine, affine), get_num_threads())
        return [np.empty(0, input.dtype) if x is None else x for x in found]

    def cuda(grad, input, weight, mean, rstd, dim, weight_shape, bias_shape, affine):
        found = backward(grad, input, weight, mean, rstd, dim, [weight_shape, bias_shape] if affine else None)
        return [empty((0,), input.dtype) if x is None else x for x in found]


class rms_standardize(Op, function=False, method=False, returns=("out", "rstd"), materialize=False):
    """``input / sqrt(mean of squares + eps) * weight`` over the last dims, those of ``dim``, with what it multiplies by."""

    def cpu(input, weight, dim: Dims, eps: Number):
        rstd = 1 / np.sqrt(np.square(input).mean(dim, keepdims=True) + input.dtype.type(eps))
        out = input * rstd
        return out if weight is None else out * weight, rstd

    def cuda(input, weight, dim, eps):
        out, _, rstd = forward(input, weight, None, dim, eps, rms=True)
        return out, rstd

    def d_input__weight(grad, grad_rstd, input, weight, rstd, dim, needs):
        if grad is not None and grad_rstd is None and input.is_cuda and not _C.needs_grad(grad, input, weight):
            out = ops.rms_back(grad, input, weight, rstd, dim, needs[1])
            return out[0], out[1].reshape(weight.shape) if needs[1] else None
        unit = input * rstd
        return (
            _input_gradient(grad, None, grad_rstd, input, unit, weight, rstd, dim, rms=True) if needs[0] else None,
            (grad * unit).to(input.dtype) if needs[1] and grad is not None else None,
        )


class rms_back(Op, function=False, method=False, has_out=False, returns=("of_input", "of_weight")):
    """The gradients of :class:`rms_standardize`, that of weight flat and empty without ``affine``. It records nothing."""

    def cpu(grad, input, weight, rstd, dim: Dims, affine: bool):
        unit, rows = input * rstd, tuple(range(input.ndim - len(dim)))
        scaled = grad if weight is None else grad * weight
        out = rstd * (scaled - unit * (scaled * unit).mean(dim, keepdims=True))
        return out, (grad * unit).sum(rows).reshape(-1) if affine else np.empty(0, input.dtype)

    def cuda(grad, input, weight, rstd, dim, affine):
        out, of_weight, _ = backward(grad, input, weight, None, rstd, dim, [weight.shape] if affine else None)
        return out, of_weight if affine else empty((0,), input.dtype)


def _input_gradient(grad, grad_mean, grad_rstd, input, unit, weight, rstd, dim, rms=False):
    count = 1
    for d in dim:
        count *= input.shape[d]
    total = None
    if grad is not None:
        scaled = grad if weight is None else grad * weight
        level = scaled - unit * (scaled * unit).mean(dim, True)
        total = rstd * (level if rms else level - scaled.mean(dim, True))
    if grad_rstd is not None:
        part = grad_rstd * rstd * rstd * unit * (-1.0 / max(1, count))
        total = part if total is None else total + part
    if grad_mean is not None:
        part = (grad_mean / max(1, count)).expand(input.shape)
        total = part if total is None else total + part
    return None if total is None else total.to(input.dtype)


def _same_kind(name, input, *others):
    for x in others:
        if x is not None and x.dtype is not input.dtype and not (input.dtype.itemsize == 2 and x.dtype.itemsize == 4):
            raise RuntimeError(f"expected scalar type {input.dtype.type_name} but found {x.dtype.type_name}")


def _check_normalized(name, input, normalized_shape, weight, bias=None):
    shape = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for what, x in (("weight", weight), ("bias", bias)):
        if x is not None and tuple(x.shape) != shape:
            raise RuntimeError(
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape {list(x.shape)} and "
                f"normalized_shape = {list(shape)}"
            )
    if input.ndim < len(shape) or tuple(input.shape[input.ndim - len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*{''.join(f', {n}' for n in shape)}], but "
            f"got input of size{list(input.shape)}"
        )
    return shape


def _last(n):
    return tuple(range(-n, 0))


class layer_norm(Op, home="nn.functional", also="layer_norm", has_out=False):
    """Standardises the last dims, those of :attr:`normalized_shape`, then scales and shifts element by element.

    Source: Ba, Kiros and Hinton, "Layer normalization" (2016).
    """

    def eager(input, normalized_shape: object, weight=None, bias=None, eps: Number = 1e-5, cudnn_enable: bool = True):
        shape = _check_normalized("layer_norm", input, normalized_shape, weight, bias)
        _same_kind("layer_norm", input, weight, bias)
        return ops.standardize(input, weight, bias, _last(len(shape)), eps)[0]

    def samples(make):
        yield make(3, 4), (4,), make(4), make(4)
        yield make(2, 3, 4), (3, 4)


class rms_norm(Op, home="nn.functional", also="rms_norm", has_out=False):
    """Divides by the root mean square over the last dims, those of :attr:`normalized_shape`, then scales.

    ``eps`` defaults to the dtype's own. Source: Zhang and Sennrich, "Root mean square layer normalization" (2019).
    """

    def eager(input, normalized_shape: object, weight=None, eps: object = None):
        shape = _check_normalized("rms_norm", input, normalized_shape, weight)
        if eps is None:
            eps = float(np.finfo(np.float32 if input.dtype.itemsize <= 4 else np.float64).eps)
        if input.is_floating_point() and input.numel() and (weight is None or weight.dtype is input.dtype):
            return ops.rms_standardize(input, weight, _last(len(shape)), eps)[0]
        wide = input.float() if input.dtype.itemsize == 2 else input
        out = wide * (wide.square().mean(_last(len(shape)), True) + eps).rsqrt()  # of complex numbers too, as in torch
        out = out.to(input.dtype)
        return out if weight is None else out * weight

    def samples(make):
        yield make(3, 4), (4,), make(4)
        yield make(2, 3, 4), (3, 4)


class group_norm(Op, home="nn.functional", also="group_norm", has_out=False):
    """Standardises groups of channels of (N, C, *), then scales and shifts channel by channel.

    Source: Wu and He, "Group normalization" (2018).
    """

    def eager(input, num_groups: int, weight=None, bias=None, eps: Number = 1e-5, cudnn_enabled: bool = True):
        if input.ndim < 2:
            raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
        n, channels = input.shape[:2]
        if num_groups <= 0:
            raise RuntimeError("Expected num groups to be greater than 0, got " + str(num_groups))
        if channels % num_groups:
            raise RuntimeError(
                "Expected number of channels in input to be divisible by num_groups, but got input of shape "
                f"{list(input.shape)} and num_groups={num_groups}"
            )
        for what, x in (("weight", weight), ("bias", bias)):
            if x is not None and (x.ndim != 1 or x.shape[0] != channels):
                raise RuntimeError(
                    f"Expected {what} to be a vector of size equal to the number of channels in input, but got {what} of "
                    f"shape {list(x.shape)} and input of shape {list(input.shape)}"
                )
        if not input.numel():
            return input.clone()
        grouped = (1, num_groups, channels // num_groups, 1)
        out = ops.standardize(
            input.reshape(n, num_groups, channels // num_groups, -1),
            None if weight is None else weight.reshape(grouped),
            None if bias is None else bias.reshape(grouped),
            (2, 3),
            eps,
        )[0]
        return out.reshape(input.shape)

    def samples(make):
        yield make(2, 4, 3), 2, make(4), make(4)
        yield make(2, 4), 1


def _blend(running, fresh, momentum):
    """``running = (1 - momentum) * running + momentum * fresh``, outside the graph."""
    running.copy_(running.detach() * (1 - momentum) + fresh.detach().to(running.dtype) * momentum)


def _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps):
    """(out, mean, rstd) of :class:`batch_norm`; the moments are empty outside training."""
    if input.ndim < 2:
        if not input.numel():
            return input.clone(), input.new_empty(0), input.new_empty(0)
        wrap_dim(1, input.ndim)  # raises
    channels = input.shape[1]
    for what, x in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if x is not None and x.numel() != channels:
            raise RuntimeError(f"{what} should contain {channels} elements not {x.numel()}")
    if not training and (running_mean is None or running_var is None):
        missing = "running_mean" if running_mean is None else "running_var"
        raise RuntimeError(f"{missing} must be defined in evaluation mode")
    column = (1, channels, *(1,) * (input.ndim - 2))
    weight = None if weight is None else weight.reshape(column)
    bias = None if bias is None else bias.reshape(column)
    if not training:
        scale = (running_var.reshape(column) + eps).rsqrt()
        scale = scale if weight is None else scale * weight
        shift = -running_mean.reshape(column) * scale
        shift = shift if bias is None else shift + bias
        out = ops.addcmul(shift, input, scale) if input.is_cuda else input * scale + shift  # there one kernel
        return out.to(input.dtype), input.new_empty(0), input.new_empty(0)
    count = input.numel() // max(1, channels)
    dims = (0, *range(2, input.ndim))
    out, mean, rstd = ops.standardize(input, weight, bias, dims, eps)
    if running_mean is not None and count:  # an empty batch says nothing
        _blend(running_mean, mean.reshape(channels), momentum)
    if running_var is not None and count:
        variance = rstd.detach().reshape(channels) ** -2 - eps
        _blend(running_var, variance * (count / max(1, count - 1)), momentum)
    return out, mean.reshape(channels), rstd.reshape(channels)


class batch_norm(Op, home="nn.functional", also="", has_out=False):
    """Standardises channels of (N, C, *) over the batch in training, with the running moments otherwise; then scales
    and shifts channel by channel. The running moments are updated in place.

    Source: Ioffe and Szegedy, "Batch normalization" (2015).
    """

    def eager(
        input, running_mean=None, running_var=None, weight=None, bias=None, training: bool = False,
        momentum: Number = 0.1, eps: Number = 1e-5,
    ):  # fmt: skip
        if training and input.ndim > 1 and input.numel() and input.numel() == input.shape[1]:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape!r}".replace(
                "tritorch.Size", "torch.Size"))  # fmt: skip
        return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)[0]

    def samples(make):
        yield make(4, 3), make.plain([0] * 3), make.plain([1] * 3), make(3), make(3), True
        yield make(2, 3, 4), make.plain([0] * 3), make.plain([1] * 3)
        yield make(3, 2), {"training": True}


class torch_batch_norm(Op, name="batch_norm", method=False, has_out=False):
    """:func:`tritorch.nn.functional.batch_norm` with all arguments spelled out."""

    def eager(
        input, weight: object, bias: object, running_mean: object, running_var: object, training: bool, momentum: Number,
        eps: Number, cudnn_enabled: bool = True,
    ):  # fmt: skip
        return ops.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)

    def samples(make):
        yield make(4, 3), make(3), make(3), make.plain([0] * 3), make.plain([1] * 3), True, 0.1, 1e-5, True


class native_layer_norm(Op, method=False, has_out=False):
    """(out, mean, 1 / deviation) of :func:`tritorch.nn.functional.layer_norm`; in the moments the normalized dims are 1.

    Example:
        >>> import tritorch
        >>> tritorch.native_layer_norm(tritorch.tensor([[1.0, 3.0]]), (2,), None, None, 0.0)[1]
        tensor([[2.]])
    """

    def eager(input, normalized_shape: object, weight: object, bias: object, eps: Number):
        shape = _check_normalized("layer_norm", input, normalized_shape, weight, bias)
        _same_kind("layer_norm", input, weight, bias)
        return tuple(x.to(input.dtype) for x in ops.standardize(input, weight, bias, _last(len(shape)), eps))

    def samples(make):
        yield make(3, 4), (4,), make(4), make(4), 1e-5


class native_group_norm(Op, method=False, has_out=False):
    """(out, mean, 1 / deviation) of :func:`tritorch.nn.functional.group_norm`, for ``N`` images of ``C`` channels of
    ``HxW`` points; the moments are (N, group).

    Example:
        >>> import tritorch
        >>> tritorch.native_group_norm(tritorch.tensor([[1.0, 3.0]]), None, None, 1, 2, 1, 1, 0.0)[1]
        tensor([[2.]])
    """

    def eager(input, weight: object, bias: object, N: int, C: int, HxW: int, group: int, eps: Number):
        column = (1, group, C // group, 1)
        weight = None if weight is None else weight.reshape(column)
        bias = None if bias is None else bias.reshape(column)
        out, mean, rstd = ops.standardize(input.reshape(N, group, C // group, HxW), weight, bias, (2, 3), eps)
        moments = (x.reshape(N, group).to(input.dtype) for x in (mean, rstd))
        return out.reshape(input.shape), *moments

    def samples(make):
        yield make(2, 4, 3), make(4), make(4), 2, 4, 3, 2, 1e-5


class native_batch_norm(Op, method=False, has_out=False):
    """(out, mean, 1 / deviation) of :func:`tritorch.nn.functional.batch_norm`; the moments are empty outside training.

    Example:
        >>> import tritorch
        >>> tritorch.native_batch_norm(tritorch.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 0.0)[1]
        tensor([2.])
    """

    def eager(
        input, weight: object, bias: object, running_mean: object, running_var: object, training: bool, momentum: Number,
        eps: Number,
    ):  # fmt: skip
        made = _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
        return tuple(x.to(input.dtype) for x in made)

    def samples(make):
        yield make(4, 3), make(3), make(3), make.plain([0] * 3), make.plain([1] * 3), True, 0.1, 1e-5


class instance_norm(Op, home="nn.functional", method=False, has_out=False):
    """Standardises each channel of each image of (N, C, *) by itself, or with running moments.

    Source: Ulyanov, Vedaldi and Lempitsky, "Instance normalization" (2016).
    """

    def eager(
        input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats: bool = True,
        momentum: Number = 0.1, eps: Number = 1e-5,
    ):  # fmt: skip
        if not use_input_stats:
            return ops.batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
        n, channels = input.shape[:2]
        count = input.numel() // max(1, n * channels)
        if count <= 1:
            raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape!r}".replace(
                "tritorch.Size", "torch.Size"))  # fmt: skip
        column = (1, channels, *(1,) * (input.ndim - 2))
        out, mean, rstd = ops.standardize(
            input,
            None if weight is None else weight.reshape(column),
            None if bias is None else bias.reshape(column),
            tuple(range(2, input.ndim)),
            eps,
        )
        if running_mean is not None:
            _blend(running_mean, mean.detach().reshape(n, channels).mean(0), momentum)
        if running_var is not None:
            variance = rstd.detach().reshape(n, channels) ** -2 - eps
            _blend(running_var, variance.mean(0) * (count / max(1, count - 1)), momentum)
        return out

    def samples(make):
        yield make(2, 3, 4), {"weight": make(3), "bias": make(3)}


class normalize(Op, home="nn.functional", method=False, has_out=False):
    """Divides by the ``p``-norm along ``dim``, at least ``eps``."""

    def eager(input, p: Number = 2.0, dim: object = 1, eps: Number = 1e-12, out: object = None):
        length = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
        return input / length if out is None else ops.div(input, length, out=out)


class local_response_norm(Op, home="nn.functional", method=False, has_out=False):
    """Divides by a power of the mean square over ``size`` neighbouring channels (Krizhevsky et al., 2012)."""

    def eager(input, size: int, alpha: Number = 1e-4, beta: Number = 0.75, k: Number = 1.0):
        if input.ndim < 3:
            raise ValueError(
                f"Expected 3D or higher dimensionality                          input (got {input.ndim} dimensions)"
            )
        if not input.numel():
            return input
        squares = (input * input).unsqueeze(1).flatten(3) if input.ndim > 3 else (input * input).unsqueeze(1)
        padded = ops.pad(squares, (0, 0, size // 2, (size - 1) // 2))
        mean = ops.avg_pool2d(padded, (size, 1), stride=1).squeeze(1).reshape(input.shape)
        return input / (mean * alpha + k) ** beta

    def samples(make):
        yield make(2, 5, 4), 3
