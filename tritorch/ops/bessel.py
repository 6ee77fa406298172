"""Bessel functions and Airy's. Those of ``special`` alone have no derivative, as in torch."""

from .._C import ufuncs
from ..runtime.jit import libdevice, tl, triton
from ._formulas_bessel import (
    airy,
    of_positive,
    scaled_i0,
    scaled_i1,
    scaled_k0_of,
    scaled_k1_of,
    unscaled,
    without_inf,
)
from ._kinds import Function
from ._op import ops


class i0(Function, inplace=True, ufunc=ufuncs.i0, also="special.i0"):
    """The modified Bessel function of the first kind of order 0.

    Example:
        >>> import tritorch
        >>> tritorch.i0(tritorch.tensor([0.0, 1.0]))
        tensor([1.0000, 1.2661])
    """

    @triton.jit
    def cuda(input):
        return libdevice.cyl_bessel_i0(input)

    def d_input(grad, input):
        return grad * ops.special_i1(input)


class special_i0e(Function, home="special", method=False, ufunc=ufuncs.i0e):
    """``exp(-|x|) * i0(x)``.

    Example:
        >>> import tritorch
        >>> tritorch.special.i0e(tritorch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.4658])
    """

    @triton.jit
    def cuda(input):
        return scaled_i0(input.to(tl.float64))

    def d_input(grad, input, out):
        return grad * (ops.special_i1e(input) - input.sgn() * out)


class special_i1(Function, home="special", method=False, ufunc=ufuncs.i1):
    """The modified Bessel function of the first kind of order 1.

    Example:
        >>> import tritorch
        >>> tritorch.special.i1(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.5652])
    """

    @triton.jit
    def cuda(input):
        return libdevice.cyl_bessel_i1(input)

    def d_input(grad, input, out):
        slope = ops.i0(input) - out / input.masked_fill(input == 0, 1)
        return grad * slope.masked_fill(input == 0, 0.5)


class special_i1e(Function, home="special", method=False, ufunc=ufuncs.i1e):
    """``exp(-|x|) * i1(x)``.

    Example:
        >>> import tritorch
        >>> tritorch.special.i1e(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2079])
    """

    @triton.jit
    def cuda(input):
        return scaled_i1(input.to(tl.float64))

    def d_input(grad, input, out):
        slope = ops.special_i0e(input) - out * (input.sgn() + input.masked_fill(input == 0, 1).reciprocal())
        return grad * slope.masked_fill(input == 0, 0.5)


class special_bessel_j0(Function, home="special", method=False, ufunc=ufuncs.bessel_j0):
    """The Bessel function of the first kind of order 0.

    Example:
        >>> import tritorch
        >>> tritorch.special.bessel_j0(tritorch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.7652])
    """

    @triton.jit
    def cuda(input):
        return without_inf(input, libdevice.j0(input.to(tl.float64)))


class special_bessel_j1(Function, home="special", method=False, ufunc=ufuncs.bessel_j1):
    """The Bessel function of the first kind of order 1.

    Example:
        >>> import tritorch
        >>> tritorch.special.bessel_j1(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.4401])
    """

    @triton.jit
    def cuda(input):
        return without_inf(input, libdevice.j1(input.to(tl.float64)))


class special_bessel_y0(Function, home="special", method=False, ufunc=ufuncs.bessel_y0, domain=(0.1, 3)):
    """The Bessel function of the second kind of order 0; NaN below zero.

    Example:
        >>> import tritorch
        >>> tritorch.special.bessel_y0(tritorch.tensor([1.0, 2.0]))
        tensor([0.0883, 0.5104])
    """

    @triton.jit
    def cuda(input):
        return without_inf(input, of_positive(input, libdevice.y0(input.to(tl.float64)), -float("inf")))


class special_bessel_y1(Function, home="special", method=False, ufunc=ufuncs.bessel_y1, domain=(0.1, 3)):
    """The Bessel function of the second kind of order 1; NaN below zero.

    Example:
        >>> import tritorch
        >>> tritorch.special.bessel_y1(tritorch.tensor([1.0, 2.0]))
        tensor([-0.7812, -0.1070])
    """

    @triton.jit
    def cuda(input):
        return without_inf(input, of_positive(input, libdevice.y1(input.to(tl.float64)), -float("inf")))


class special_modified_bessel_i0(Function, home="special", method=False, ufunc=ufuncs.i0):
    """The modified Bessel function of the first kind of order 0.

    Example:
        >>> import tritorch
        >>> tritorch.special.modified_bessel_i0(tritorch.tensor([0.0, 1.0]))
        tensor([1.0000, 1.2661])
    """

    @triton.jit
    def cuda(input):
        return libdevice.cyl_bessel_i0(input)


class special_modified_bessel_i1(Function, home="special", method=False, ufunc=ufuncs.i1):
    """The modified Bessel function of the first kind of order 1.

    Example:
        >>> import tritorch
        >>> tritorch.special.modified_bessel_i1(tritorch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.5652])
    """

    @triton.jit
    def cuda(input):
        return libdevice.cyl_bessel_i1(input)


class special_modified_bessel_k0(Function, home="special", method=False, ufunc=ufuncs.modified_k0, domain=(0.1, 3)):
    """The modified Bessel function of the second kind of order 0; NaN below zero.

    Example:
        >>> import tritorch
        >>> tritorch.special.modified_bessel_k0(tritorch.tensor([1.0, 2.0]))
        tensor([0.4210, 0.1139])
    """

    @triton.jit
    def cuda(input):
        return unscaled(input.to(tl.float64), scaled_k0_of(input.to(tl.float64)))


class special_modified_bessel_k1(Function, home="special", method=False, ufunc=ufuncs.modified_k1, domain=(0.1, 3)):
    """The modified Bessel function of the second kind of order 1; NaN below zero.

    Example:
        >>> import tritorch
        >>> tritorch.special.modified_bessel_k1(tritorch.tensor([1.0, 2.0]))
        tensor([0.6019, 0.1399])
    """

    @triton.jit
    def cuda(input):
        return unscaled(input.to(tl.float64), scaled_k1_of(input.to(tl.float64)))


class special_scaled_modified_bessel_k0(
    Function, home="special", method=False, ufunc=ufuncs.scaled_k0, domain=(0.1, 3)
):
    """``exp(x)`` times :func:`tritorch.special.modified_bessel_k0`.

    Example:
        >>> import tritorch
        >>> tritorch.special.scaled_modified_bessel_k0(tritorch.tensor([1.0, 2.0]))
        tensor([1.1445, 0.8416])
    """

    @triton.jit
    def cuda(input):
        return scaled_k0_of(input.to(tl.float64))


class special_scaled_modified_bessel_k1(
    Function, home="special", method=False, ufunc=ufuncs.scaled_k1, domain=(0.1, 3)
):
    """``exp(x)`` times :func:`tritorch.special.modified_bessel_k1`.

    Example:
        >>> import tritorch
        >>> tritorch.special.scaled_modified_bessel_k1(tritorch.tensor([1.0, 2.0]))
        tensor([1.6362, 1.0335])
    """

    @triton.jit
    def cuda(input):
        return scaled_k1_of(input.to(tl.float64))


class special_spherical_bessel_j0(Function, home="special", method=False, ufunc=ufuncs.spherical_bessel_j0):
    """The spherical Bessel function of order 0: ``sin(x) / x``, 1 at zero.

    Example:
        >>> import tritorch
        >>> tritorch.special.spherical_bessel_j0(tritorch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.8415])
    """

    @triton.jit
    def cuda(input):
        x = input.to(tl.float64)
        wave = libdevice.sin(x) / x
        near = 1 - x * x / 6
        return tl.where(tl.abs(x) == float("inf"), 0, tl.where(tl.abs(x) < 1e-4, near, wave))


class special_airy_ai(Function, home="special", method=False, ufunc=ufuncs.airy_ai):
    """Airy's function Ai.

    Example:
        >>> import tritorch
        >>> tritorch.special.airy_ai(tritorch.tensor([0.0, 1.0]))
        tensor([0.3550, 0.1353])
    """

    @triton.jit
    def cuda(input):
        return airy(input.to(tl.float64))
