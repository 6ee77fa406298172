"""Trigonometric and hyperbolic functions, and angles. Integers give the default dtype."""

import math

import numpy as np

from .._C import ufuncs
from ..runtime.jit import libdevice, tl, triton
from ._kinds import Elementwise
from ._op import conj, ops

PI = tl.constexpr(math.pi)


class sin(Elementwise, inplace=True, result="float", ufunc=np.sin, kinds="fc"):
    """The sine of each element.

    Example:
        >>> import tritorch
        >>> tritorch.sin(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8415])
    """

    def cpu(input):
        return np.sin(input)

    @triton.jit
    def cuda(input):
        return libdevice.sin(input)

    def d_input(grad, input):
        return grad * conj(input.cos())


class cos(Elementwise, inplace=True, result="float", ufunc=np.cos, kinds="fc"):
    """The cosine of each element.

    Example:
        >>> import tritorch
        >>> tritorch.cos(tritorch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.5403])
    """

    def cpu(input):
        return np.cos(input)

    @triton.jit
    def cuda(input):
        return libdevice.cos(input)

    def d_input(grad, input):
        return -grad * conj(input.sin())


class tan(Elementwise, inplace=True, result="float", ufunc=np.tan, kinds="fc"):
    """The tangent of each element.

    Example:
        >>> import tritorch
        >>> tritorch.tan(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5574])
    """

    def cpu(input):
        return np.tan(input)

    @triton.jit
    def cuda(input):
        return libdevice.tan(input)

    def d_input(grad, out):
        return grad * conj(out * out + 1)


class asin(Elementwise, inplace=True, result="float", ufunc=np.arcsin, kinds="fc", alias="arcsin", domain=(-0.9, 0.9)):
    """The inverse of sine.

    Example:
        >>> import tritorch
        >>> tritorch.asin(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5708])
    """

    def cpu(input):
        return np.arcsin(input)

    @triton.jit
    def cuda(input):
        return libdevice.asin(input)

    def d_input(grad, input):
        return grad * conj((1 - input * input).rsqrt())


class acos(Elementwise, inplace=True, result="float", ufunc=np.arccos, kinds="fc", alias="arccos", domain=(-0.9, 0.9)):
    """The inverse of cosine.

    Example:
        >>> import tritorch
        >>> tritorch.acos(tritorch.tensor([0.0, 1.0]))
        tensor([1.5708, 0.0000])
    """

    def cpu(input):
        return np.arccos(input)

    @triton.jit
    def cuda(input):
        return libdevice.acos(input)

    def d_input(grad, input):
        return -grad * conj((1 - input * input).rsqrt())


class atan(Elementwise, inplace=True, result="float", ufunc=np.arctan, kinds="fc", alias="arctan"):
    """The inverse of tangent.

    Example:
        >>> import tritorch
        >>> tritorch.atan(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7854])
    """

    def cpu(input):
        return np.arctan(input)

    @triton.jit
    def cuda(input):
        return libdevice.atan(input)

    def d_input(grad, input):
        return grad / conj(input * input + 1)


class atan2(Elementwise, inplace=True, result="float", only="buif", ufunc=np.arctan2, kinds="f", alias="arctan2"):
    """The angle of the point (:attr:`other`, :attr:`input`), in (-pi, pi].

    Example:
        >>> import tritorch
        >>> tritorch.atan2(tritorch.tensor([1.0, -1.0]), tritorch.tensor([1.0, -1.0]))
        tensor([ 0.7854, -2.3562])
    """

    def cpu(input, other):
        return np.arctan2(input, other)

    @triton.jit
    def cuda(input, other):
        return libdevice.atan2(input, other)

    def d_input(grad, input, other):
        square = input * input + other * other
        return grad * (other / square).masked_fill(square == 0, 0)

    def d_other(grad, input, other):
        square = input * input + other * other
        return grad * (-input / square).masked_fill(square == 0, 0)


class sinh(Elementwise, inplace=True, result="float", ufunc=np.sinh, kinds="fc"):
    """The hyperbolic sine of each element.

    Example:
        >>> import tritorch
        >>> tritorch.sinh(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 1.1752])
    """

    def cpu(input):
        return np.sinh(input)

    @triton.jit
    def cuda(input):
        return libdevice.sinh(input)

    def d_input(grad, input):
        return grad * conj(input.cosh())


class cosh(Elementwise, inplace=True, result="float", ufunc=np.cosh, kinds="fc"):
    """The hyperbolic cosine of each element.

    Example:
        >>> import tritorch
        >>> tritorch.cosh(tritorch.tensor([0.0, 1.0]))
        tensor([1.0000, 1.5431])
    """

    def cpu(input):
        return np.cosh(input)

    @triton.jit
    def cuda(input):
        return libdevice.cosh(input)

    def d_input(grad, input):
        return grad * conj(input.sinh())


class tanh(Elementwise, inplace=True, result="float", ufunc=np.tanh, kinds="fc", also="nn.functional.tanh"):
    """The hyperbolic tangent of each element.

    Example:
        >>> import tritorch
        >>> tritorch.tanh(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """

    def cpu(input):
        return np.tanh(input)

    @triton.jit
    def cuda(input):
        return libdevice.tanh(input)

    def d_input(grad, out):
        return ops.tanh_backward(grad, out)


class tanh_backward(Elementwise, function=False, method=False, ufunc=ufuncs.tanh_backward, kinds="f"):
    """The derivative of tanh, from its output, times :attr:`scale`."""

    def cpu(scale, output):
        return ufuncs.tanh_backward(scale, output) if scale.dtype.kind == "f" else scale * np.conj(1 - output * output)

    @triton.jit
    def cuda(scale, output):
        return scale * (1 - output * output)

    def d_scale(grad, output):
        return ops.tanh_backward(grad, conj(output))

    def d_output(grad, scale, output):
        return conj(grad) * scale * conj(output * -2)


class asinh(Elementwise, inplace=True, result="float", ufunc=np.arcsinh, kinds="fc", alias="arcsinh"):
    """The inverse of sinh.

    Example:
        >>> import tritorch
        >>> tritorch.asinh(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8814])
    """

    def cpu(input):
        return np.arcsinh(input)

    @triton.jit
    def cuda(input):
        return libdevice.asinh(input)

    def d_input(grad, input):
        return grad * conj((input * input + 1).rsqrt())


class acosh(Elementwise, inplace=True, result="float", ufunc=np.arccosh, kinds="fc", alias="arccosh", domain=(1.1, 3)):
    """The inverse of cosh.

    Example:
        >>> import tritorch
        >>> tritorch.acosh(tritorch.tensor([1.0, 2.0]))
        tensor([0.0000, 1.3170])
    """

    def cpu(input):
        return np.arccosh(input)

    @triton.jit
    def cuda(input):
        return libdevice.acosh(input)

    def d_input(grad, input):
        if input.is_complex():
            return grad * conj((input + 1).rsqrt() * (input - 1).rsqrt())
        return grad * (input * input - 1).rsqrt()


class atanh(
    Elementwise, inplace=True, result="float", ufunc=np.arctanh, kinds="fc", alias="arctanh", domain=(-0.9, 0.9)
):
    """The inverse of tanh.

    Example:
        >>> import tritorch
        >>> tritorch.atanh(tritorch.tensor([0.0, 0.5]))
        tensor([0.0000, 0.5493])
    """

    def cpu(input):
        return np.arctanh(input)

    @triton.jit
    def cuda(input):
        return libdevice.atanh(input)

    def d_input(grad, input):
        return grad / conj(1 - input * input)


class sinc(Elementwise, inplace=True, result="float", ufunc=ufuncs.sinc, kinds="f", also="special.sinc"):
    """``sin(pi x) / (pi x)``, and 1 at zero.

    Example:
        >>> import tritorch
        >>> tritorch.sinc(tritorch.tensor([0.0, 0.5]))
        tensor([1.0000, 0.6366])
    """

    def cpu(input):
        return ufuncs.sinc(input) if input.dtype.kind == "f" else np.sinc(input)

    @triton.jit
    def cuda(input):
        return tl.where(input == 0, 1.0, libdevice.div_rn(libdevice.sinpi(input), input * PI))

    def d_input(grad, input):
        turn = input * math.pi
        slope = (turn * turn.cos() - turn.sin()) / (turn * input)
        return grad * conj(slope.masked_fill(turn * input == 0, 0))


class angle(Elementwise, result="float real"):
    """The angle of each complex element; of a real one 0, or pi where it is negative.

    Example:
        >>> import tritorch
        >>> tritorch.angle(tritorch.tensor([1j, -1.0]))
        tensor([1.5708, 3.1416])
    """

    def cpu(input):
        if input.dtype.kind == "c":
            return np.angle(input)
        return np.where(np.isnan(input), input, np.where(input < 0, input.dtype.type(math.pi), input.dtype.type(0)))

    @triton.jit
    def cuda(input):
        zero = tl.zeros_like(input)
        return tl.where(input != input, input, tl.where(input < 0, zero + PI, zero))

    def d_input(grad, input):
        if not input.is_complex():
            return ops.zeros_like(grad)
        square = input.real * input.real + input.imag * input.imag
        at_zero = square == 0
        real = (-grad * input.imag / square).masked_fill(at_zero, 0)
        imag = (grad * input.real / square).masked_fill(at_zero, 0)
        return ops.complex(real, imag)


class deg2rad(Elementwise, inplace=True, result="float"):
    """Degrees to radians.

    Example:
        >>> import tritorch
        >>> tritorch.deg2rad(tritorch.tensor([180.0, 90.0]))
        tensor([3.1416, 1.5708])
    """

    def check(input):
        if input.dtype.kind == "c":
            raise RuntimeError("deg2rad is not supported for complex tensors.")

    def cpu(input):
        return np.multiply(input, input.dtype.type(math.pi / 180))

    @triton.jit
    def cuda(input):
        return input * (PI / 180)

    def d_input(grad):
        return grad * (math.pi / 180)


class rad2deg(Elementwise, inplace=True, result="float"):
    """Radians to degrees.

    Example:
        >>> import tritorch
        >>> tritorch.rad2deg(tritorch.tensor([tritorch.pi / 2]))
        tensor([90.])
    """

    def check(input):
        if input.dtype.kind == "c":
            raise RuntimeError("rad2deg is not supported for complex tensors.")

    def cpu(input):
        return np.multiply(input, input.dtype.type(180 / math.pi))

    @triton.jit
    def cuda(input):
        return input * (180 / PI)

    def d_input(grad):
        return grad * (180 / math.pi)
