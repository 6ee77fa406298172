"""Transcendental functions, element by element. Integers give the default dtype."""

import numpy as np

from ._kinds import Elementwise
from ._op import conj

LN2, LN10 = 0.6931471805599453, 2.302585092994046


class exp(Elementwise, inplace=True, result="float", ufunc=np.exp, kinds="fc"):
    """The exponential of each element."""

    def cpu(input):
        return np.exp(input)

    def d_input(grad, out):
        return grad * conj(out)


class exp2(Elementwise, inplace=True, result="float", ufunc=np.exp2, kinds="f", also="special.exp2"):
    """Two to the power of each element."""

    def cpu(input):
        return np.exp2(input)

    def d_input(grad, out):
        return grad * conj(out) * LN2


class expm1(Elementwise, inplace=True, result="float", ufunc=np.expm1, kinds="fc", also="special.expm1"):
    """``exp(x) - 1``, exact near zero."""

    def cpu(input):
        return np.expm1(input)

    def d_input(grad, out):
        return grad * conj(out + 1)


class log(Elementwise, inplace=True, result="float", ufunc=np.log, kinds="fc"):
    """The natural logarithm of each element."""

    def cpu(input):
        return np.log(input)

    def d_input(grad, input):
        return grad / conj(input)


class log2(Elementwise, inplace=True, result="float", ufunc=np.log2, kinds="fc"):
    """The logarithm to base 2."""

    def cpu(input):
        return np.log2(input)

    def d_input(grad, input):
        return grad / conj(input * LN2)


class log10(Elementwise, inplace=True, result="float", ufunc=np.log10, kinds="fc"):
    """The logarithm to base 10."""

    def cpu(input):
        return np.log10(input)

    def d_input(grad, input):
        return grad / conj(input * LN10)


class log1p(Elementwise, inplace=True, result="float", ufunc=np.log1p, kinds="fc", also="special.log1p"):
    """``log(1 + x)``, exact near zero."""

    def cpu(input):
        return np.log1p(input)

    def d_input(grad, input):
        return grad / conj(input + 1)


class sqrt(Elementwise, inplace=True, result="float", ufunc=np.sqrt, kinds="fc"):
    """The square root of each element."""

    def cpu(input):
        return np.sqrt(input)

    def d_input(grad, out):
        return grad / (2 * conj(out))


class sin(Elementwise, inplace=True, result="float", ufunc=np.sin, kinds="fc"):
    """The sine of each element, in radians."""

    def cpu(input):
        return np.sin(input)

    def d_input(grad, input):
        return grad * conj(input.cos())


class cos(Elementwise, inplace=True, result="float", ufunc=np.cos, kinds="fc"):
    """The cosine of each element, in radians."""

    def cpu(input):
        return np.cos(input)

    def d_input(grad, input):
        return -grad * conj(input.sin())


class tan(Elementwise, inplace=True, result="float", ufunc=np.tan, kinds="fc"):
    """The tangent of each element, in radians."""

    def cpu(input):
        return np.tan(input)

    def d_input(grad, out):
        return grad * conj(1 + out * out)


class asin(Elementwise, inplace=True, result="float", ufunc=np.arcsin, kinds="fc", alias="arcsin"):
    """The angle in [-pi/2, pi/2] whose sine each element is."""

    def cpu(input):
        return np.arcsin(input)

    def d_input(grad, input):
        return grad * conj((1 - input * input).rsqrt())


class acos(Elementwise, inplace=True, result="float", ufunc=np.arccos, kinds="fc", alias="arccos"):
    """The angle in [0, pi] whose cosine each element is."""

    def cpu(input):
        return np.arccos(input)

    def d_input(grad, input):
        return -grad * conj((1 - input * input).rsqrt())


class atan(Elementwise, inplace=True, result="float", ufunc=np.arctan, kinds="fc", alias="arctan"):
    """The angle in (-pi/2, pi/2) whose tangent each element is."""

    def cpu(input):
        return np.arctan(input)

    def d_input(grad, input):
        return grad / conj(input * input + 1)


class sinh(Elementwise, inplace=True, result="float", ufunc=np.sinh, kinds="fc"):
    """The hyperbolic sine of each element."""

    def cpu(input):
        return np.sinh(input)

    def d_input(grad, input):
        return grad * conj(input.cosh())


class cosh(Elementwise, inplace=True, result="float", ufunc=np.cosh, kinds="fc"):
    """The hyperbolic cosine of each element."""

    def cpu(input):
        return np.cosh(input)

    def d_input(grad, input):
        return grad * conj(input.sinh())


class tanh(Elementwise, inplace=True, result="float", ufunc=np.tanh, kinds="fc", also="nn.functional.tanh"):
    """The hyperbolic tangent of each element."""

    def cpu(input):
        return np.tanh(input)

    def d_input(grad, out):
        return grad * conj(1 - out * out)


class asinh(Elementwise, inplace=True, result="float", ufunc=np.arcsinh, kinds="fc", alias="arcsinh"):
    """The inverse hyperbolic sine."""

    def cpu(input):
        return np.arcsinh(input)

    def d_input(grad, input):
        return grad * conj((input * input + 1).rsqrt())


class acosh(Elementwise, inplace=True, result="float", ufunc=np.arccosh, kinds="fc", alias="arccosh"):
    """The inverse hyperbolic cosine."""

    def cpu(input):
        return np.arccosh(input)

    def d_input(grad, input):
        return grad * conj(((input - 1).rsqrt() * (input + 1).rsqrt()))


class atanh(Elementwise, inplace=True, result="float", ufunc=np.arctanh, kinds="fc", alias="arctanh"):
    """The inverse hyperbolic tangent."""

    def cpu(input):
        return np.arctanh(input)

    def d_input(grad, input):
        return grad / conj(1 - input * input)
