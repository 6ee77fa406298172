"""The error function's family and other special functions of one and two elements."""

import math

from .._C import ufuncs
from ..runtime.jit import libdevice, tl, triton
from ._formulas_gamma import (
    digamma_of,
    lower_gamma,
    polygamma_of,
    trigamma_of,
    upper_gamma,
    zeta_of,
)
from ._kinds import Elementwise, Function, Function2
from ._op import Op, ops

ROOT_PI, ROOT_2PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)
ROOT_HALF, LOG_PI = tl.constexpr(math.sqrt(0.5)), tl.constexpr(math.log(math.pi))


class erf(Function, inplace=True, kernel="erf_vml_cpu", ufunc=ufuncs.erf, also="special.erf"):
    """The error function of each element.

    Example:
        >>> import tritorch
        >>> tritorch.erf(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8427])
    """

    @triton.jit
    def cuda(input):
        return libdevice.erf(input)

    def d_input(grad, input):
        return grad * (ops.exp(-(input * input)) * (2 / ROOT_PI))


class erfc(Function, inplace=True, kernel="erfc_vml_cpu", ufunc=ufuncs.erfc, also="special.erfc"):
    """``1 - erf(x)``, accurate where that is small.

    Example:
        >>> import tritorch
        >>> tritorch.erfc(tritorch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.1573])
    """

    @triton.jit
    def cuda(input):
        return libdevice.erfc(input)

    def d_input(grad, input):
        return grad * (ops.exp(-(input * input)) * (-2 / ROOT_PI))


class erfinv(
    Function, inplace=True, kernel="erfinv_vml_cpu", ufunc=ufuncs.erfinv, also="special.erfinv", domain=(-0.9, 0.9)
):
    """The inverse of :func:`erf` on (-1, 1).

    Example:
        >>> import tritorch
        >>> tritorch.erfinv(tritorch.tensor([0.0, 0.5]))
        tensor([0.0000, 0.4769])
    """

    @triton.jit
    def cuda(input):
        return libdevice.erfinv(input)

    def d_input(grad, out):
        return grad * (ops.exp(out * out) * (ROOT_PI / 2))


class special_erfcx(Function, home="special", method=False, ufunc=ufuncs.erfcx):
    """``exp(x**2) * erfc(x)``, without overflow.

    Example:
        >>> import tritorch
        >>> tritorch.special.erfcx(tritorch.tensor([0.0, 10.0]))
        tensor([1.0000, 0.0561])
    """

    @triton.jit
    def cuda(input):
        return libdevice.erfcx(input)

    def d_input(grad, input, out):
        return grad * (input * out * 2 - 2 / ROOT_PI)


class special_ndtr(Function, home="special", method=False, ufunc=ufuncs.ndtr):
    """The normal distribution function.

    Example:
        >>> import tritorch
        >>> tritorch.special.ndtr(tritorch.tensor([-2.0, 0.0]))
        tensor([0.0228, 0.5000])
    """

    @triton.jit
    def cuda(input):
        return libdevice.normcdf(input)

    def d_input(grad, input):
        return grad * (ops.exp(input * input * -0.5) * (1 / ROOT_2PI))


class special_ndtri(Function, home="special", method=False, ufunc=ufuncs.ndtri, domain=(0.1, 0.9)):
    """The inverse of :func:`tritorch.special.ndtr` on (0, 1).

    Example:
        >>> import tritorch
        >>> tritorch.special.ndtri(tritorch.tensor([0.5, 0.975]))
        tensor([0.0000, 1.9600])
    """

    @triton.jit
    def cuda(input):
        return libdevice.normcdfinv(input)

    def d_input(grad, out):
        return grad * (ops.exp(out * out * 0.5) * ROOT_2PI)


class special_log_ndtr(Function, home="special", method=False, ufunc=ufuncs.log_ndtr):
    """The logarithm of the normal distribution function, without underflow.

    Example:
        >>> import tritorch
        >>> tritorch.special.log_ndtr(tritorch.tensor([-10.0, 0.0]))
        tensor([-53.2313,  -0.6931])
    """

    @triton.jit
    def cuda(input):
        t = input * ROOT_HALF
        left = libdevice.log(libdevice.erfcx(-t) * 0.5) - t * t
        return tl.where(input < -1, left, libdevice.log1p(libdevice.erfc(t) * -0.5))

    def d_input(grad, input):
        return grad / ops.special_erfcx(input * -math.sqrt(0.5)) * math.sqrt(2 / math.pi)


class special_entr(Function, home="special", method=False, ufunc=ufuncs.entr, domain=(0.1, 3)):
    """``-x * log(x)``, 0 at zero and minus infinity below.

    Example:
        >>> import tritorch
        >>> tritorch.special.entr(tritorch.tensor([0.0, 0.5]))
        tensor([0.0000, 0.3466])
    """

    @triton.jit
    def cuda(input):
        inside = -input * libdevice.log(input)
        return tl.where(input == 0, 0.0, tl.where(input < 0, -float("inf"), inside))

    def d_input(grad, input):
        return grad * (-input.log() - 1)


# -- the gamma function's family -----------------------------------------------------------------------------------


class lgamma(
    Function, inplace=True, kernel="lgamma_vml_cpu", ufunc=ufuncs.lgamma, also="special.gammaln", domain=(0.1, 3)
):
    """The logarithm of the absolute value of the gamma function.

    Example:
        >>> import tritorch
        >>> tritorch.lgamma(tritorch.tensor([1.0, 5.0]))
        tensor([0.0000, 3.1781])
    """

    @triton.jit
    def cuda(input):
        return libdevice.lgamma(input)

    def d_input(grad, input):
        return grad * ops.digamma(input)


class digamma(Function, inplace=True, ufunc=ufuncs.digamma, also="special.digamma special.psi", domain=(0.1, 3)):
    """The derivative of :func:`lgamma`.

    Example:
        >>> import tritorch
        >>> tritorch.digamma(tritorch.tensor([1.0, 2.0]))
        tensor([-0.5772,  0.4228])
    """

    @triton.jit
    def cuda(input):
        return digamma_of(input.to(tl.float64))

    def d_input(grad, input):
        return grad * ops.polygamma(1, input)


class derivative_of_digamma(
    Elementwise, name="polygamma", function=False, inplace=True, result="float", only="buif", domain=(0.1, 3)
):
    """:func:`polygamma`, the tensor first."""

    def check(n):
        if n < 0:
            raise RuntimeError("polygamma(n, x) does not support negative n.")

    def cpu(input, n: int):
        return ufuncs.polygamma(input.dtype.type(n), input)

    @triton.jit
    def cuda(input, order):
        x = input.to(tl.float64)
        if order == 0:
            value = digamma_of(x)
        elif order == 1:
            value = trigamma_of(x)
        else:
            value = polygamma_of(x * 0 + order, x)
        return value

    def d_input(grad, input, n):
        return grad * ops.polygamma(n + 1, input)


class polygamma(Op, method=False, also="special.polygamma"):
    """The ``n``-th derivative of :func:`digamma`.

    Raises:
        RuntimeError: for a negative ``n``.

    Example:
        >>> import tritorch
        >>> tritorch.polygamma(1, tritorch.tensor([1.0, 0.5]))
        tensor([1.6449, 4.9348])
    """

    def eager(n: int, input):
        return ops.derivative_of_digamma(input, n)

    def samples(make):
        yield 1, make(3, 4, low=0.5)
        yield 0, make(3, low=0.5)


class mvlgamma(Elementwise, inplace=True, result="float", only="buif", also="special.multigammaln"):
    """The logarithm of the multivariate gamma function of dimension ``p``.

    Raises:
        RuntimeError: for ``p`` < 1.

    Example:
        >>> import tritorch
        >>> tritorch.mvlgamma(tritorch.tensor([2.0, 3.0]), 2)
        tensor([0.4516, 1.5502])
    """

    def check(p):
        if p < 1:
            raise RuntimeError("p has to be greater than or equal to 1")

    def cpu(input, p: int):
        total = input.dtype.type(p * (p - 1) / 4 * math.log(math.pi))
        for j in range(p):
            total = total + ufuncs.lgamma(input - input.dtype.type(j / 2))
        return total

    @triton.jit
    def cuda(input, p):
        total = libdevice.lgamma(input) + (p * (p - 1) * (LOG_PI / 4))
        j = 1
        while j < p:
            total += libdevice.lgamma(input - j * 0.5)
            j += 1
        return total

    def d_input(grad, input, p):
        return grad * sum([ops.digamma(input - j / 2) for j in range(1, p)], ops.digamma(input))

    def samples(make):
        yield make(3, 4, low=1, high=3), 2


class special_zeta(Function2, home="special", method=False, kernel="zeta_cpu", ufunc=ufuncs.zeta):
    """Hurwitz' zeta function: the sum of ``(k + other)**-input`` over k = 0, 1, ...

    Example:
        >>> import tritorch
        >>> tritorch.special.zeta(tritorch.tensor([2.0]), 1)
        tensor([1.6449])
    """

    @triton.jit
    def cuda(input, other):
        return zeta_of(input.to(tl.float64), other.to(tl.float64))

    def d_input(grad):
        raise NotImplementedError("the derivative for 'zeta' is not implemented.")

    def d_other(grad, input, other):
        return grad * (-input * ops.special_zeta(input + 1, other))

    def samples(make):
        yield make(3, 4, low=1.5, high=3), make(4, low=1, high=3)
        yield 2, make(3, low=1, high=3)


class igamma(
    Elementwise, inplace=True, only="f", ufunc=ufuncs.igamma, kinds="f", also="special.gammainc", domain=(0.5, 3)
):
    """The lower incomplete gamma function of :attr:`input` at :attr:`other`, over the complete one.

    Example:
        >>> import tritorch
        >>> tritorch.igamma(tritorch.tensor([4.0]), tritorch.tensor([3.0]))
        tensor([0.3528])
    """

    def cpu(input, other):
        return ufuncs.igamma(input, other)

    @triton.jit
    def cuda(input, other):
        return lower_gamma(input.to(tl.float64), other.to(tl.float64))

    def d_input(grad):
        raise NotImplementedError("the derivative for 'igamma: input' is not implemented.")

    def d_other(grad, input, other):
        return grad * ops.exp((input - 1) * other.log() - other - ops.lgamma(input))


class igammac(
    Elementwise, inplace=True, only="f", ufunc=ufuncs.igammac, kinds="f", also="special.gammaincc", domain=(0.5, 3)
):
    """The upper incomplete gamma function of :attr:`input` at :attr:`other`, over the complete one.

    Example:
        >>> import tritorch
        >>> tritorch.igammac(tritorch.tensor([4.0]), tritorch.tensor([3.0]))
        tensor([0.6472])
    """

    def cpu(input, other):
        return ufuncs.igammac(input, other)

    @triton.jit
    def cuda(input, other):
        return upper_gamma(input.to(tl.float64), other.to(tl.float64))

    def d_input(grad):
        raise NotImplementedError("the derivative for 'igammac: input' is not implemented.")

    def d_other(grad, input, other):
        return -grad * ops.exp((input - 1) * other.log() - other - ops.lgamma(input))
