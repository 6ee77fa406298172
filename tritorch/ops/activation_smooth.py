"""Smooth activations: gelu, silu, softplus, elu and their like."""

import math

import numpy as np

from .._C import ufuncs
from ..runtime.jit import libdevice, tl, triton
from ._formulas import normal_density, sigmoid_of, softplus_of
from ._kinds import Activation, Elementwise
from ._op import Op, ops
from ._schema import Dim, Number

GELU_SCALE = tl.constexpr(2 * math.sqrt(2 / math.pi))  # 0.5 (1 + tanh(u)) is sigmoid(2 u)


class Derivative(Elementwise, kind=True):
    """The derivative of an activation at :attr:`input`, times :attr:`scale`."""

    function = method = False
    kinds = "f"


class gelu(
    Elementwise, home="nn.functional", method=False, only="f", kernel="GeluKernelImpl", ufunc=ufuncs.gelu, kinds="f"
):
    """``x * ndtr(x)``; with ``approximate="tanh"`` by ``ndtr(x) = (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3))) / 2``.

    Source: Hendrycks and Gimpel, arXiv:1606.08415.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.gelu(tritorch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.1587,  0.0000,  0.8413])
    """

    def check(approximate):
        if approximate not in ("none", "tanh"):
            raise RuntimeError("approximate argument must be either none or tanh.")

    def cpu(input, *, approximate: str = "none"):
        return ufuncs.gelu(input) if approximate == "none" else ufuncs.gelu_tanh(input)

    @triton.jit
    def cuda(input, approximate):
        if approximate == "none":
            return input * libdevice.normcdf(input)
        else:
            return input * sigmoid_of((input + 0.044715 * input * input * input) * GELU_SCALE)

    def d_input(grad, input, approximate):
        return (ops.gelu_backward if approximate == "none" else ops.gelu_tanh_backward)(grad, input)


class gelu_backward(Derivative, ufunc=ufuncs.gelu_backward):
    """The derivative of gelu."""

    def cpu(scale, input):
        return ufuncs.gelu_backward(scale, input)

    @triton.jit
    def cuda(scale, input):
        return scale * (libdevice.normcdf(input) + input * normal_density(input))

    def d_scale(grad, input):
        return ops.gelu_backward(grad, input)

    def d_input(grad, scale, input):
        square = input * input
        return grad * scale * ((2 - square) * ops.exp(square * -0.5) * (1 / math.sqrt(2 * math.pi)))


class gelu_tanh_backward(Derivative, ufunc=ufuncs.gelu_tanh_backward):
    """The derivative of gelu's approximation with tanh."""

    def cpu(scale, input):
        return ufuncs.gelu_tanh_backward(scale, input)

    @triton.jit
    def cuda(scale, input):
        square = input * input
        s = sigmoid_of((input + 0.044715 * input * square) * GELU_SCALE)
        return scale * (s + input * s * (1 - s) * GELU_SCALE * (1 + 3 * 0.044715 * square))

    def d_scale(grad, input):
        return ops.gelu_tanh_backward(grad, input)

    def d_input(grad, scale, input):
        k, c = math.sqrt(2 / math.pi), 0.044715
        square = input * input
        t = ops.tanh(input * (square * c + 1) * k)
        slope, bend = (square * (3 * c) + 1) * k, input * (6 * c * k)
        return grad * scale * ((1 - t * t) * (slope + input * (bend * 0.5 - t * slope * slope)))


class silu(Activation, only="fc", ufunc=ufuncs.silu, kinds="f"):
    """``x * sigmoid(x)``, which is also called swish.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.silu(tritorch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.2689,  0.0000,  0.7311])
    """

    def cpu(input, inplace: bool = False):
        return ufuncs.silu(input) if input.dtype.kind == "f" else input / (1 + np.exp(-input))

    @triton.jit
    def cuda(input, inplace):
        return libdevice.div_rn(input, 1 + libdevice.exp(-input))

    def d_input(grad, input):
        return ops.silu_backward(grad, input)


class silu_backward(Derivative, ufunc=ufuncs.silu_backward):
    """The derivative of silu."""

    def cpu(scale, input):
        if input.dtype.kind == "f":
            return ufuncs.silu_backward(scale, input)
        s = 1 / (1 + np.exp(-input))
        return scale * np.conj(s * (1 + input * (1 - s)))

    @triton.jit
    def cuda(scale, input):
        s = sigmoid_of(input)
        return scale * s * (1 + input * (1 - s))

    def d_scale(grad, input):
        return ops.silu_backward(grad, input.conj())

    def d_input(grad, scale, input):
        s = ops.sigmoid(input)
        bend = s * (1 - s) * (input * (1 - s * 2) + 2)
        return grad.conj() * scale * bend.conj() if input.is_complex() else grad * scale * bend


class mish(Activation, ufunc=ufuncs.mish, kinds="f"):
    """``x * tanh(softplus(x))``.

    Source: Misra, arXiv:1908.08681.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.mish(tritorch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.3034,  0.0000,  0.8651])
    """

    def cpu(input, inplace: bool = False):
        return ufuncs.mish(input)

    @triton.jit
    def cuda(input, inplace):
        w = libdevice.exp(tl.where(input > 20, 20.0, input))
        u = w * (w + 2)
        return input * libdevice.div_rn(u, u + 2)

    def d_input(grad, input):
        return ops.mish_backward(grad, input)


class mish_backward(Derivative, ufunc=ufuncs.mish_backward):
    """The derivative of mish."""

    def cpu(scale, input):
        return ufuncs.mish_backward(scale, input)

    @triton.jit
    def cuda(scale, input):
        w = libdevice.exp(tl.where(input > 20, 20.0, input))
        u = w * (w + 2)
        t = libdevice.div_rn(u, u + 2)
        return scale * (t + input * (1 - t * t) * libdevice.div_rn(w, 1 + w))

    def d_scale(grad, input):
        return ops.mish_backward(grad, input)

    def d_input(grad, scale, input):
        s, t = ops.sigmoid(input), ops.tanh(ops.softplus(input))
        return grad * scale * ((1 - t * t) * s * (input * (1 - s - t * s * 2) + 2))


class logsigmoid(
    Elementwise, home="nn.functional", method=False, only="f", kernel="log_sigmoid_cpu", ufunc=ufuncs.log_sigmoid,
    kinds="f",
):  # fmt: skip
    """The logarithm of sigmoid, without overflow.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.logsigmoid(tritorch.tensor([-200.0, 0.0]))
        tensor([-200.0000,   -0.6931])
    """

    def cpu(input):
        return ufuncs.log_sigmoid(input)

    @triton.jit
    def cuda(input):
        return -softplus_of(-input)

    def d_input(grad, input):
        return ops.log_sigmoid_backward(grad, input)


class log_sigmoid_backward(Derivative, ufunc=ufuncs.log_sigmoid_backward):
    """The derivative of logsigmoid."""

    def cpu(scale, input):
        return ufuncs.log_sigmoid_backward(scale, input)

    @triton.jit
    def cuda(scale, input):
        return scale * sigmoid_of(-input)

    def d_scale(grad, input):
        return ops.log_sigmoid_backward(grad, input)

    def d_input(grad, scale, input):
        return ops.sigmoid_backward(-grad * scale, ops.sigmoid(input))


class softplus(Elementwise, home="nn.functional", method=False, only="f", ufunc=ufuncs.softplus, kinds="f"):
    """``log(1 + exp(beta x)) / beta``, and x itself where ``beta x`` is above ``threshold``.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.softplus(tritorch.tensor([-1.0, 0.0, 30.0]))
        tensor([ 0.3133,  0.6931, 30.0000])
    """

    def cpu(input, beta: Number = 1, threshold: Number = 20):
        if beta == 1 and threshold == 20:
            return ufuncs.softplus(input)
        scaled = input * input.dtype.type(beta)
        return np.where(scaled > threshold, input, ufuncs.log_sigmoid(-scaled) * input.dtype.type(-1 / beta))

    @triton.jit
    def cuda(input, beta, threshold):
        scaled = input * beta
        return tl.where(scaled > threshold, input, libdevice.div_rn(softplus_of(scaled), beta))

    def d_input(grad, input, beta, threshold):
        scaled = input if beta == 1 else input * beta
        return ops.where(scaled > threshold, grad, grad * ops.sigmoid(scaled))


def elu_slope(grad, input, alpha, scale=1.0, rate=1.0):
    """The derivative of ``scale x`` above zero, ``scale alpha (exp(rate x) - 1)`` below, times ``grad``."""
    below = ops.exp(input.clamp(max=0) * rate) * (alpha * scale * rate)
    return ops.where(input <= 0, grad * below, grad * scale)


class elu(Activation, numbers="alpha", ufunc=ufuncs.elu, kinds="f"):
    """The element where it is positive, else ``alpha * (exp(x) - 1)``.

    Source: Clevert, Unterthiner and Hochreiter, arXiv:1511.07289.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.elu(tritorch.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """

    def cpu(input, alpha=1.0, inplace: bool = False):
        return ufuncs.elu(input, alpha)

    @triton.jit
    def cuda(input, alpha, inplace):
        return tl.where(input > 0, input, alpha * libdevice.expm1(input))

    def d_input(grad, input, alpha):
        return elu_slope(grad, input, alpha)


class celu(Activation, also="celu", numbers="alpha", kernel="elu_cpu"):
    """The element where it is positive, else ``alpha * (exp(x / alpha) - 1)``.

    Raises:
        RuntimeError: for ``alpha`` = 0.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.celu(tritorch.tensor([-1.0, 2.0]), 2.0)
        tensor([-0.7869,  2.0000])
    """

    def check(alpha):
        if alpha == 0:
            raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")

    def cpu(input, alpha=1.0, inplace: bool = False):
        return ufuncs.celu(input, alpha)

    @triton.jit
    def cuda(input, alpha, inplace):
        return tl.where(input > 0, input, alpha * libdevice.expm1(libdevice.div_rn(input, alpha)))

    def d_input(grad, input, alpha):
        return elu_slope(grad, input, alpha, rate=1 / alpha)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
ALPHA, SCALE = tl.constexpr(SELU_ALPHA), tl.constexpr(SELU_SCALE)


class selu(Activation, also="selu", kernel="elu_cpu", ufunc=ufuncs.selu, kinds="f"):
    """:func:`elu` scaled so that means and variances keep to 0 and 1 through many layers.

    Source: Klambauer et al., arXiv:1706.02515.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.selu(tritorch.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """

    def cpu(input, inplace: bool = False):
        return ufuncs.selu(input)

    @triton.jit
    def cuda(input, inplace):
        return tl.where(input > 0, input, libdevice.expm1(input) * ALPHA) * SCALE

    def d_input(grad, input):
        return elu_slope(grad, input, SELU_ALPHA, SELU_SCALE)


class softsign(Op, home="nn.functional", method=False, has_out=False):
    """``x / (1 + |x|)``.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.softsign(tritorch.tensor([-1.0, 3.0]))
        tensor([-0.5000,  0.7500])
    """

    def eager(input):
        return input / (input.abs() + 1)


class tanhshrink(Op, home="nn.functional", method=False, has_out=False):
    """``x - tanh(x)``.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.tanhshrink(tritorch.tensor([-1.0, 3.0]))
        tensor([-0.2384,  2.0049])
    """

    def eager(input):
        return input - input.tanh()


class glu(Op, home="nn.functional", method=False, has_out=False):
    """The first half of :attr:`input` along ``dim`` times the sigmoid of the second.

    Raises:
        RuntimeError: for an odd length.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.glu(tritorch.tensor([1.0, 2.0, 0.0, 0.0]))
        tensor([0.5000, 1.0000])
    """

    def eager(input, dim: Dim = -1):
        if input.ndim == 0:
            raise RuntimeError("glu does not support scalars because halving size must be even")
        length = input.shape[dim]
        if length % 2:
            raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {length}")
        return input.narrow(dim, 0, length // 2) * input.narrow(dim, length // 2, length // 2).sigmoid()
