"""Orthogonal polynomials of degree :attr:`n` at :attr:`input`. They have no derivative, as in torch."""

from .._C import ufuncs
from ..runtime.jit import tl, triton
from ._formulas_polynomial import chebyshev, hermite, laguerre, legendre
from ._kinds import Function


class Polynomial(Function, kind=True):
    """A polynomial in ``input`` of degree ``n``, the whole part of which counts; zero for a negative degree."""

    home = "special"
    method = False
    numbers = "input n"

    def cpu(input, n):
        """The schema; what runs is the ufunc."""


class special_chebyshev_polynomial_t(Polynomial, ufunc=ufuncs.chebyshev_t):
    """Chebyshev's polynomial of the first kind.

    Example:
        >>> import tritorch
        >>> tritorch.special.chebyshev_polynomial_t(tritorch.tensor([0.5]), 2)
        tensor([-0.5000])
    """

    @triton.jit
    def cuda(input, degree):
        return chebyshev("t", input, degree)


class special_chebyshev_polynomial_u(Polynomial, ufunc=ufuncs.chebyshev_u):
    """Chebyshev's polynomial of the second kind.

    Example:
        >>> import tritorch
        >>> tritorch.special.chebyshev_polynomial_u(tritorch.tensor([0.5]), 2)
        tensor([0.])
    """

    @triton.jit
    def cuda(input, degree):
        return chebyshev("u", input, degree)


class special_chebyshev_polynomial_v(Polynomial, ufunc=ufuncs.chebyshev_v):
    """Chebyshev's polynomial of the third kind.

    Example:
        >>> import tritorch
        >>> tritorch.special.chebyshev_polynomial_v(tritorch.tensor([0.5]), 2)
        tensor([-1.])
    """

    @triton.jit
    def cuda(input, degree):
        return chebyshev("v", input, degree)


class special_chebyshev_polynomial_w(Polynomial, ufunc=ufuncs.chebyshev_w):
    """Chebyshev's polynomial of the fourth kind.

    Example:
        >>> import tritorch
        >>> tritorch.special.chebyshev_polynomial_w(tritorch.tensor([0.5]), 2)
        tensor([1.])
    """

    @triton.jit
    def cuda(input, degree):
        return chebyshev("w", input, degree)


class special_shifted_chebyshev_polynomial_t(Polynomial, ufunc=ufuncs.shifted_chebyshev_t):
    """Chebyshev's polynomial of the first kind at ``2 * input - 1``.

    Example:
        >>> import tritorch
        >>> tritorch.special.shifted_chebyshev_polynomial_t(tritorch.tensor([0.5]), 2)
        tensor([-1.])
    """

    @triton.jit
    def cuda(input, degree):
        return chebyshev("t", input.to(tl.float64) * 2 - 1, degree)


class special_shifted_chebyshev_polynomial_u(Polynomial, ufunc=ufuncs.shifted_chebyshev_u):
    """Chebyshev's polynomial of the second kind at ``2 * input - 1``.

    Example:
        >>> import tritorch
        >>> tritorch.special.shifted_chebyshev_polynomial_u(tritorch.tensor([0.5]), 2)
        tensor([-1.])
    """

    @triton.jit
    def cuda(input, degree):
        return chebyshev("u", input.to(tl.float64) * 2 - 1, degree)


class special_shifted_chebyshev_polynomial_v(Polynomial, ufunc=ufuncs.shifted_chebyshev_v):
    """Chebyshev's polynomial of the third kind at ``2 * input - 1``.

    Example:
        >>> import tritorch
        >>> tritorch.special.shifted_chebyshev_polynomial_v(tritorch.tensor([0.5]), 2)
        tensor([-1.])
    """

    @triton.jit
    def cuda(input, degree):
        return chebyshev("v", input.to(tl.float64) * 2 - 1, degree)


class special_shifted_chebyshev_polynomial_w(Polynomial, ufunc=ufuncs.shifted_chebyshev_w):
    """Chebyshev's polynomial of the fourth kind at ``2 * input - 1``.

    Example:
        >>> import tritorch
        >>> tritorch.special.shifted_chebyshev_polynomial_w(tritorch.tensor([0.5]), 2)
        tensor([-1.])
    """

    @triton.jit
    def cuda(input, degree):
        return chebyshev("w", input.to(tl.float64) * 2 - 1, degree)


class special_hermite_polynomial_h(Polynomial, ufunc=ufuncs.hermite_h):
    """The physicists' Hermite polynomial.

    Example:
        >>> import tritorch
        >>> tritorch.special.hermite_polynomial_h(tritorch.tensor([0.5]), 2)
        tensor([-1.])
    """

    @triton.jit
    def cuda(input, degree):
        return hermite("h", input, degree)


class special_hermite_polynomial_he(Polynomial, ufunc=ufuncs.hermite_he):
    """The probabilists' Hermite polynomial.

    Example:
        >>> import tritorch
        >>> tritorch.special.hermite_polynomial_he(tritorch.tensor([0.5]), 2)
        tensor([-0.7500])
    """

    @triton.jit
    def cuda(input, degree):
        return hermite("he", input, degree)


class special_laguerre_polynomial_l(Polynomial, ufunc=ufuncs.laguerre_l):
    """Laguerre's polynomial.

    Example:
        >>> import tritorch
        >>> tritorch.special.laguerre_polynomial_l(tritorch.tensor([0.5]), 2)
        tensor([0.1250])
    """

    @triton.jit
    def cuda(input, degree):
        return laguerre(input, degree)


class special_legendre_polynomial_p(Polynomial, ufunc=ufuncs.legendre_p):
    """Legendre's polynomial.

    Example:
        >>> import tritorch
        >>> tritorch.special.legendre_polynomial_p(tritorch.tensor([0.5]), 2)
        tensor([-0.1250])
    """

    @triton.jit
    def cuda(input, degree):
        return legendre(input, degree)
