"""Convolutions in one, two and three dims, and transposed ones: see Note [Three convolutions] in ``_conv``."""

from . import _conv, _conv_kernels
from ._op import Op, conj, ops


def each(value, n, name):
    """``value`` for each of ``n`` dims: one int, or as many as there are."""
    if isinstance(value, int):
        return (value,) * n
    value = tuple(int(v) for v in value)
    if len(value) == 1:
        return value * n
    if len(value) != n:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {n} values to match the convolution dimensions, "
            f"but got {name}={list(value)}"
        )
    return value


class convolution(Op, function=False, method=False, has_out=False):
    """A convolution over all spatial dims of :attr:`input`, with the geometry spelled out; no bias, no batch of none.

    :attr:`input` (N, C, *size) by :attr:`weight` (M, C / groups, *kernel) gives (N, M, *out).
    """

    def cpu(input, weight, stride: tuple, padding: tuple, dilation: tuple, groups: int):
        return _conv.forward(input, weight, stride, padding, dilation, groups)

    cuda = _conv_kernels.forward

    def d_input(grad, input_shape, weight, stride, padding, dilation, groups):
        return ops.convolution_input(grad, conj(weight), tuple(input_shape[2:]), stride, padding, dilation, groups)

    def d_weight(grad, input, weight_shape, stride, padding, dilation, groups):
        return ops.convolution_weight(grad, conj(input), tuple(weight_shape[2:]), stride, padding, dilation, groups)


class convolution_input(Op, function=False, method=False, has_out=False):
    """The gradient of a convolution's input; also the transposed convolution."""

    def cpu(output, weight, size: tuple, stride: tuple, padding: tuple, dilation: tuple, groups: int):
        return _conv.input_gradient(output, weight, size, stride, padding, dilation, groups)

    cuda = _conv_kernels.input_gradient

    def d_output(grad, output_shape, weight, stride, padding, dilation, groups):
        return _fitted(ops.convolution(grad, conj(weight), stride, padding, dilation, groups), output_shape)

    def d_weight(grad, output, weight_shape, stride, padding, dilation, groups):
        return ops.convolution_weight(conj(output), grad, tuple(weight_shape[2:]), stride, padding, dilation, groups)


class convolution_weight(Op, function=False, method=False, has_out=False):
    """The gradient of a convolution's weight."""

    def cpu(output, input, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, groups: int):
        return _conv.weight_gradient(output, input, kernel, stride, padding, dilation, groups)

    cuda = _conv_kernels.weight_gradient

    def d_output(grad, output_shape, input, stride, padding, dilation, groups):
        return _fitted(ops.convolution(conj(input), grad, stride, padding, dilation, groups), output_shape)

    def d_input(grad, output, input_shape, stride, padding, dilation, groups):
        return ops.convolution_input(conj(output), grad, tuple(input_shape[2:]), stride, padding, dilation, groups)


def _fitted(out, shape):
    """``out`` without the positions beyond ``shape``: an input with output padding has room for one more."""
    for dim in range(2, out.ndim):
        if out.shape[dim] != shape[dim]:
            out = out.narrow(dim, 0, shape[dim])
    return out


# -- torch's checks ------------------------------------------------------------------------------------


def _check_ranks(name, n, input, weight):
    if weight.ndim != n + 2:
        raise RuntimeError(f"weight should have at least three dimensions, expected {n + 2}, got {weight.ndim}" if n == 1 else
                           f"Expected {n + 2}D weight for {name}, but got weight of size: {list(weight.shape)}")  # fmt: skip
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}"
        )


def _check(name, n, input, weight, bias, stride, padding, dilation, groups, transposed=False):
    _check_ranks(name, n, input, weight)
    if input.dtype is not weight.dtype:
        raise RuntimeError(
            f"Input type ({input.dtype.type_name.lower()}) and weight type ({weight.dtype.type_name.lower()}) "
            "should be the same"
        )
    if bias is not None and bias.dtype is not input.dtype:
        raise RuntimeError(
            f"Input type ({input.dtype.type_name.lower()}) and bias type ({bias.dtype.type_name.lower()}) "
            "should be the same"
        )
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    channels = input.shape[-n - 1]
    if not transposed:
        if weight.shape[0] < groups or weight.shape[0] % groups:
            raise RuntimeError(
                f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, and divisible by "
                f"{groups}, but got weight of size {list(weight.shape)} instead"
            )
        wanted = weight.shape[1] * groups
    else:
        wanted = weight.shape[0]
    if channels != wanted:
        raise RuntimeError(
            f"Given {f'groups={groups}, ' if not transposed else 'transposed=1, '}weight of size {list(weight.shape)}, "
            f"expected input{list(input.shape)} to have {wanted} channels, but got {channels} channels instead"
        )
    outs = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != outs):
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {list(weight.shape)}, expected bias to be "
            f"1-dimensional with {outs} elements, but got bias of size {list(bias.shape)} instead"
        )
    if not transposed:
        padded = [s + 2 * p for s, p in zip(input.shape[-n:], padding, strict=True)]
        kernel = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
        if any(k > s for k, s in zip(kernel, padded, strict=True)):
            raise RuntimeError(
                f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel size: "
                f"({' x '.join(map(str, kernel))}). Kernel size can't be greater than actual input size"
            )


def _with_bias(out, bias, n, batched):
    if bias is not None:
        out = out.add_(bias.reshape(-1, *(1,) * n))
    return out if batched else out.squeeze(0)


def _convolve(name, n, input, weight, bias, stride, padding, dilation, groups):
    stride, dilation = each(stride, n, "stride"), each(dilation, n, "dilation")
    batched = input.ndim == n + 2
    _check_ranks(name, n, input, weight)
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if padding == "same":
            if any(s != 1 for s in stride):
                raise RuntimeError("padding='same' is not supported for strided convolutions")
            total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
            padding = tuple(t // 2 for t in total)
            if any(t % 2 for t in total):  # one more on the far side
                extra = [x for t in reversed(total) for x in (0, t % 2)]
                input = ops.pad(input, extra)
        else:
            padding = (0,) * n
    padding = each(padding, n, "padding")
    _check(name, n, input, weight, bias, stride, padding, dilation, groups)
    out = ops.convolution(input if batched else input.unsqueeze(0), weight, stride, padding, dilation, groups)
    return _with_bias(out, bias, n, batched)


def _conv_transpose(name, n, input, weight, bias, stride, padding, output_padding, groups, dilation):
    stride, padding = each(stride, n, "stride"), each(padding, n, "padding")
    output_padding, dilation = each(output_padding, n, "output_padding"), each(dilation, n, "dilation")
    _check(name, n, input, weight, bias, stride, padding, dilation, groups, transposed=True)
    if any(o >= s and o >= d for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got output_padding: "
            f"{list(output_padding)}, stride: {list(stride)}, dilation: {list(dilation)}"
        )
    batched = input.ndim == n + 2
    size = tuple(
        (i - 1) * s - 2 * p + d * (k - 1) + o + 1
        for i, s, p, d, k, o in zip(
            input.shape[-n:], stride, padding, dilation, weight.shape[2:], output_padding, strict=True
        )
    )
    if any(s <= 0 for s in size):
        raise RuntimeError(
            f"Given input size per channel: {list(input.shape[-n:])}. Calculated output size per channel: {list(size)}. "
            "Output size is too small"
        )
    input = input if batched else input.unsqueeze(0)
    out = ops.convolution_input(input, weight, size, stride, padding, dilation, groups)
    return _with_bias(out, bias, n, batched)


# -- the public six -------------------------------------------------------------------------------------


class conv1d(Op, home="nn.functional", also="conv1d", has_out=False):
    """Convolves (N, C, L) or (C, L) with weights (M, C / groups, k) to (N, M, L').

    ``padding`` is a number or ``"valid"``/``"same"``. A :class:`RuntimeError` names sizes that do not fit.
    """

    def eager(input, weight, bias=None, stride: object = 1, padding: object = 0, dilation: object = 1, groups: int = 1):
        return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)

    def samples(make):
        yield make(2, 4, 6), make(6, 2, 3), make(6), {"stride": 2, "padding": 1, "groups": 2}
        yield make(3, 5), make(2, 3, 2)


class conv2d(Op, home="nn.functional", also="conv2d", has_out=False):
    """Convolves (N, C, H, W) or (C, H, W) with weights (M, C / groups, kh, kw) to (N, M, H', W').

    Example:
        >>> import tritorch
        >>> image, weight = tritorch.ones(1, 1, 4, 4), tritorch.ones(1, 1, 3, 3)
        >>> tritorch.nn.functional.conv2d(image, weight).shape
        tritorch.Size([1, 1, 2, 2])
    """

    def eager(input, weight, bias=None, stride: object = 1, padding: object = 0, dilation: object = 1, groups: int = 1):
        return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)

    def samples(make):
        yield make(2, 4, 5, 4), make(2, 2, 3, 2), make(2), {"stride": (2, 1), "padding": 1, "groups": 2}
        yield make(1, 3, 3), make(2, 1, 2, 2), {"padding": "same"}
        yield make(1, 2, 5, 5), make(2, 2, 2, 2), {"dilation": 2}


class conv3d(Op, home="nn.functional", also="conv3d", has_out=False):
    """Convolves (N, C, D, H, W) or (C, D, H, W) with weights (M, C / groups, kd, kh, kw)."""

    def eager(input, weight, bias=None, stride: object = 1, padding: object = 0, dilation: object = 1, groups: int = 1):
        return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)

    def samples(make):
        yield make(1, 2, 3, 3, 3), make(2, 2, 2, 2, 2), make(2), {"padding": 1, "stride": 2}


class conv_transpose1d(Op, home="nn.functional", also="conv_transpose1d", has_out=False):
    """The transpose of :func:`conv1d` as a linear map: (N, C, L) with weights (C, M / groups, k) to (N, M, L')."""

    def eager(
        input, weight, bias=None, stride: object = 1, padding: object = 0, output_padding: object = 0, groups: int = 1,
        dilation: object = 1,
    ):  # fmt: skip
        return _conv_transpose(
            "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
        )

    def samples(make):
        yield make(2, 4, 4), make(4, 1, 3), make(2), {"stride": 2, "output_padding": 1, "groups": 2}
        yield make(2, 3), make(2, 3, 2)


class conv_transpose2d(Op, home="nn.functional", also="conv_transpose2d", has_out=False):
    """The transpose of :func:`conv2d` as a linear map: (N, C, H, W) with weights (C, M / groups, kh, kw)."""

    def eager(
        input, weight, bias=None, stride: object = 1, padding: object = 0, output_padding: object = 0, groups: int = 1,
        dilation: object = 1,
    ):  # fmt: skip
        return _conv_transpose(
            "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
        )

    def samples(make):
        yield make(1, 2, 3, 3), make(2, 2, 2, 3), make(2), {"stride": 2, "padding": 1}


class conv_transpose3d(Op, home="nn.functional", also="conv_transpose3d", has_out=False):
    """The transpose of :func:`conv3d` as a linear map: (N, C, D, H, W) with weights (C, M / groups, kd, kh, kw)."""

    def eager(
        input, weight, bias=None, stride: object = 1, padding: object = 0, output_padding: object = 0, groups: int = 1,
        dilation: object = 1,
    ):  # fmt: skip
        return _conv_transpose(
            "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation
        )

    def samples(make):
        yield make(1, 2, 2, 2, 2), make(2, 1, 2, 2, 2), {"stride": 2}
