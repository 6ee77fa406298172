"""Exponentials and logarithms. Integers give the default dtype."""

import math

import numpy as np

from .._C import ufuncs
from ..runtime.jit import libdevice, tl, triton
from ._formulas import sigmoid_of
from ._kinds import Elementwise, Function2
from ._op import conj, ops

LOG_2, LOG2_E = tl.constexpr(math.log(2)), tl.constexpr(1 / math.log(2))


class exp(Elementwise, inplace=True, result="float", ufunc=np.exp, kinds="fc"):
    """The exponential of each element.

    Example:
        >>> import tritorch
        >>> tritorch.exp(tritorch.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """

    def cpu(input):
        return np.exp(input)

    @triton.jit
    def cuda(input):
        return libdevice.exp(input)

    def d_input(grad, out):
        return grad * conj(out)


class exp2(Elementwise, inplace=True, result="float", ufunc=np.exp2, kinds="f", also="special.exp2"):
    """Two to the power of each element.

    Example:
        >>> import tritorch
        >>> tritorch.exp2(tritorch.tensor([3.0, -1.0]))
        tensor([8.0000, 0.5000])
    """

    def cpu(input):
        return np.exp2(input)

    @triton.jit
    def cuda(input):
        return libdevice.exp2(input)

    def d_input(grad, out):
        return grad * conj(out * math.log(2))


class expm1(Elementwise, inplace=True, result="float", ufunc=np.expm1, kinds="fc", also="special.expm1"):
    """``exp(x) - 1``, accurate near zero.

    Example:
        >>> import tritorch
        >>> tritorch.expm1(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 1.7183])
    """

    def cpu(input):
        return np.expm1(input)

    @triton.jit
    def cuda(input):
        return libdevice.expm1(input)

    def d_input(grad, out):
        return grad * conj(out + 1)


class log(Elementwise, inplace=True, result="float", ufunc=np.log, kinds="fc", domain=(0.1, 3)):
    """The natural logarithm of each element.

    Example:
        >>> import tritorch
        >>> tritorch.log(tritorch.tensor([1.0, 10.0]))
        tensor([0.0000, 2.3026])
    """

    def cpu(input):
        return np.log(input)

    @triton.jit
    def cuda(input):
        return libdevice.log(input)

    def d_input(grad, input):
        return grad / conj(input)


class log2(Elementwise, inplace=True, result="float", ufunc=np.log2, kinds="f", domain=(0.1, 3)):
    """The logarithm to base 2.

    Example:
        >>> import tritorch
        >>> tritorch.log2(tritorch.tensor([1.0, 8.0]))
        tensor([0., 3.])
    """

    def cpu(input):
        return np.log2(input)

    @triton.jit
    def cuda(input):
        return libdevice.log2(input)

    def d_input(grad, input):
        return grad / conj(input * math.log(2))


class log10(Elementwise, inplace=True, result="float", ufunc=np.log10, kinds="f", domain=(0.1, 3)):
    """The logarithm to base 10.

    Example:
        >>> import tritorch
        >>> tritorch.log10(tritorch.tensor([1.0, 2.0]))
        tensor([0.0000, 0.3010])
    """

    def cpu(input):
        return np.log10(input)

    @triton.jit
    def cuda(input):
        return libdevice.log10(input)

    def d_input(grad, input):
        return grad / conj(input * math.log(10))


class log1p(
    Elementwise, inplace=True, result="float", ufunc=np.log1p, kinds="fc", also="special.log1p", domain=(-0.9, 3)
):
    """``log(1 + x)``, accurate near zero.

    Example:
        >>> import tritorch
        >>> tritorch.log1p(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6931])
    """

    def cpu(input):
        return np.log1p(input)

    @triton.jit
    def cuda(input):
        return libdevice.log1p(input)

    def d_input(grad, input):
        return grad / conj(input + 1)


class logaddexp(Elementwise, only="fc", ufunc=ufuncs.logaddexp, kinds="f"):
    """``log(exp(input) + exp(other))``, without overflow.

    Example:
        >>> import tritorch
        >>> tritorch.logaddexp(tritorch.tensor([-100.0]), tritorch.tensor([-101.0]))
        tensor([-99.6867])
    """

    def cpu(input, other):
        if input.dtype.kind == "f":
            return ufuncs.logaddexp(input, other)
        swap = input.real < other.real
        high, low = np.where(swap, other, input), np.where(swap, input, other)
        return high + np.log1p(np.exp(low - high))

    @triton.jit
    def cuda(input, other):
        high = tl.where(input > other, input, other)
        total = high + libdevice.log1p(libdevice.exp(-tl.abs(input - other)))
        return tl.where(input == other, input + LOG_2, total)  # infinities among them

    def d_input(grad, input, other):
        return grad / conj(ops.exp(other - input) + 1)

    def d_other(grad, input, other):
        return grad / conj(ops.exp(input - other) + 1)


class logaddexp2(Elementwise, only="f", ufunc=ufuncs.logaddexp2, kinds="f"):
    """``log2(2**input + 2**other)``, without overflow.

    Example:
        >>> import tritorch
        >>> tritorch.logaddexp2(tritorch.tensor([-100.0]), tritorch.tensor([-100.0]))
        tensor([-99.])
    """

    def cpu(input, other):
        return ufuncs.logaddexp2(input, other)

    @triton.jit
    def cuda(input, other):
        high = tl.where(input > other, input, other)
        total = high + libdevice.log1p(libdevice.exp2(-tl.abs(input - other))) * LOG2_E
        return tl.where(input == other, input + 1, total)

    def d_input(grad, input, other):
        return grad / (ops.exp2(other - input) + 1)

    def d_other(grad, input, other):
        return grad / (ops.exp2(input - other) + 1)


class xlogy(Function2, inplace=True, ufunc=ufuncs.xlogy, also="special.xlogy", domain=(0.1, 3)):
    """``input * log(other)``, zero where :attr:`input` is, and NaN where :attr:`other` is.

    Example:
        >>> import tritorch
        >>> tritorch.xlogy(tritorch.tensor([0.0, 2.0]), tritorch.tensor([0.0, 1.0]))
        tensor([0., 0.])
    """

    @triton.jit
    def cuda(input, other):
        return tl.where((input == 0) & (other == other), 0.0, input * libdevice.log(other))

    def d_input(grad, input, other):
        return ops.xlogy(grad, other).masked_fill((input == 0) & (other <= 0), 0)

    def d_other(grad, input, other):
        return grad * input / other


class special_xlog1py(
    Function2, home="special", method=False, kernel="xlog1py_cpu", ufunc=ufuncs.xlog1py, domain=(-0.9, 3)
):
    """``input * log(1 + other)``, zero where :attr:`input` is, and NaN where :attr:`other` is.

    Example:
        >>> import tritorch
        >>> tritorch.special.xlog1py(tritorch.tensor([0.0, 2.0]), tritorch.tensor([-1.0, 0.0]))
        tensor([0., 0.])
    """

    @triton.jit
    def cuda(input, other):
        return tl.where((input == 0) & (other == other), 0.0, input * libdevice.log1p(other))

    def d_input(grad, input, other):
        return ops.special_xlog1py(grad, other).masked_fill((input == 0) & (other <= -1), 0)

    def d_other(grad, input, other):
        return grad * input / (other + 1)


class sigmoid(
    Elementwise, inplace=True, result="float", also="nn.functional.sigmoid special.expit", ufunc=ufuncs.sigmoid,
    kinds="f",
):  # fmt: skip
    """``1 / (1 + exp(-x))``.

    Example:
        >>> import tritorch
        >>> tritorch.sigmoid(tritorch.tensor([-1.0, 0.0, 1.0]))
        tensor([0.2689, 0.5000, 0.7311])
    """

    def cpu(input):
        return ufuncs.sigmoid(input) if input.dtype.kind == "f" else 1 / (1 + np.exp(-input))

    @triton.jit
    def cuda(input):
        return sigmoid_of(input)

    def d_input(grad, out):
        return ops.sigmoid_backward(grad, out)


class sigmoid_backward(Elementwise, function=False, method=False, ufunc=ufuncs.sigmoid_backward, kinds="f"):
    """The derivative of sigmoid, from its output, times :attr:`scale`."""

    def cpu(scale, output):
        if scale.dtype.kind == "f":
            return ufuncs.sigmoid_backward(scale, output)
        return scale * np.conj((1 - output) * output)

    @triton.jit
    def cuda(scale, output):
        return scale * (1 - output) * output

    def d_scale(grad, output):
        return ops.sigmoid_backward(grad, conj(output))

    def d_output(grad, scale, output):
        return conj(grad) * scale * conj(1 - output * 2)


class logit(Elementwise, inplace=True, result="float", only="buif", also="special.logit", domain=(0.1, 0.9)):
    """``log(x / (1 - x))``, the inverse of sigmoid; with ``eps``, :attr:`input` is first limited to [eps, 1 - eps].

    Example:
        >>> import tritorch
        >>> tritorch.logit(tritorch.tensor([0.5, 0.0]), eps=0.1)
        tensor([ 0.0000, -2.1972])
    """

    def cpu(input, eps: object = None):
        if eps is not None:
            input = np.clip(input, eps, 1 - eps)
        return np.log(input / (1 - input))

    @triton.jit
    def cuda(input, eps):
        if eps is not None:
            input = tl.where(input < eps, eps, tl.where(input > 1 - eps, 1 - eps, input))
        return libdevice.log(libdevice.div_rn(input, 1 - input))

    def d_input(grad, input, eps):
        low, high, outside = (0, 1, math.nan) if eps is None else (eps, 1 - eps, 0)
        return (grad / (input * (1 - input))).masked_fill((input < low) | (input > high), outside)
