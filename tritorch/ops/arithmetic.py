"""Pointwise arithmetic: add, sub, mul, div and their like."""

import math

import numpy as np

from ._kinds import Elementwise
from ._op import Op, conj, ops
from ._schema import Number


class add(Elementwise, operator="+", inplace=True, numbers="input other", ufunc=np.add, kinds="biufcV"):
    """Adds :attr:`other`, scaled by :attr:`alpha`, to :attr:`input`, with broadcasting.

    Example:
        >>> import tritorch
        >>> tritorch.add(tritorch.tensor([1.0, 2.0]), tritorch.tensor([3.0, 4.0]), alpha=2)
        tensor([ 7., 10.])
    """

    def cpu(input, other, *, alpha: Number = 1):
        return np.add(input, other) if alpha == 1 else np.add(input, np.multiply(other, np.asarray(alpha, other.dtype)))

    def d_input(grad):
        return grad

    def d_other(grad, alpha):
        return grad if alpha == 1 else grad * alpha


class mul(Elementwise, operator="*", inplace=True, numbers="input other", alias="multiply", ufunc=np.multiply, kinds="biufcV"):
    """Multiplies :attr:`input` by :attr:`other`, with broadcasting.

    Example:
        >>> import tritorch
        >>> tritorch.mul(tritorch.tensor([1, 2, 3]), 10)
        tensor([10, 20, 30])
    """

    def cpu(input, other):
        return np.multiply(input, other)

    def d_input(grad, other):
        return grad * conj(other)

    def d_other(grad, input):
        return grad * conj(input)


class sub(Elementwise, operator="-", inplace=True, numbers="input other", alias="subtract", ufunc=np.subtract, kinds="iufcV"):
    """Subtracts :attr:`other`, scaled by :attr:`alpha`, from :attr:`input`, with broadcasting. Not for bools."""

    def check(input, other):
        kinds = [x.dtype.kind == "b" if isinstance(x, np.ndarray) else isinstance(x, bool) for x in (input, other)]
        if kinds[0] and kinds[1]:
            raise RuntimeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported. "
                "Use the `^` or `logical_xor()` operator instead."
            )
        if kinds[0] or kinds[1]:
            raise RuntimeError(
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
                "use the `~` or `logical_not()` operator instead."
            )

    def cpu(input, other, *, alpha: Number = 1):
        return np.subtract(input, other) if alpha == 1 else np.subtract(input, np.multiply(other, np.asarray(alpha, other.dtype)))

    def d_input(grad):
        return grad

    def d_other(grad, alpha):
        return -grad if alpha == 1 else grad * -alpha


class rsub(Op, numbers="other", has_out=False):
    """:attr:`other` minus :attr:`alpha` times :attr:`input`."""

    def eager(input, other, *, alpha: Number = 1):
        return ops.sub(other, input, alpha=alpha)


class div(
    Elementwise, operator="/", inplace=True, result="float", numbers="input other",
    alias="divide", ufunc=np.true_divide, kinds="fc",
):  # fmt: skip
    """Divides :attr:`input` by :attr:`other`. Integers give the default dtype, unless ``rounding_mode`` is "trunc" or
    "floor", which round the quotient and keep the dtype."""

    def check(rounding_mode):
        if rounding_mode not in (None, "trunc", "floor"):
            raise RuntimeError(
                f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
            )

    def cpu(input, other, *, rounding_mode: object = None):
        return np.true_divide(input, other)

    def d_input(grad, other, rounding_mode):
        return grad / conj(other)

    def d_other(grad, input, other, rounding_mode):
        return -grad * conj(input / other / other)


class true_divide(Op, inplace=True, numbers="other"):
    """:func:`div` without rounding."""

    def eager(input, other):
        return ops.div(input, other)


class neg(Elementwise, operator="unary -", inplace=True, alias="negative", ufunc=np.negative, kinds="iufcV"):
    """Minus each element. Not for bools."""

    def check(input):
        if input.dtype.kind == "b":
            raise RuntimeError(
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, "
                "use the `~` or `logical_not()` operator instead."
            )

    def cpu(input):
        return np.negative(input)

    def d_input(grad):
        return -grad


class abs(Elementwise, operator="abs", inplace=True, alias="absolute", result="real", ufunc=np.absolute, kinds="iuf"):
    """The absolute value of each element; real for complex ones."""

    def cpu(input):
        return np.absolute(input)

    def d_input(grad, input):
        return grad * input.sgn()


class square(Elementwise, inplace=True, ufunc=np.square, kinds="iufc"):
    """The square of each element."""

    def cpu(input):
        return np.square(input)

    def d_input(grad, input):
        return grad * (conj(input) * 2)


class reciprocal(Elementwise, inplace=True, result="float", ufunc=np.reciprocal, kinds="fc"):
    """One over each element."""

    def cpu(input):
        return np.reciprocal(input)

    def d_input(grad, out):
        return -grad * conj(out * out)


class rsqrt(Elementwise, inplace=True, result="float"):
    """One over the square root of each element."""

    def cpu(input):
        return np.reciprocal(np.sqrt(input))

    def d_input(grad, out):
        return grad * conj(out * out * out) * -0.5


class sign(Elementwise, inplace=True, ufunc=np.sign, kinds="iuf"):
    """-1, 0 or 1, by the sign of each element."""

    def check(input):
        if input.dtype.kind == "c":
            raise RuntimeError("Unlike NumPy, tritorch.sign doesn't allow complex input. Use tritorch.sgn instead.")

    def cpu(input):
        if input.dtype.kind == "b":
            return input
        return np.where(np.isnan(input), input.dtype.type(0), np.sign(input)) if input.dtype.kind == "f" else np.sign(input)

    def d_input(grad):
        return grad * 0


class sgn(Elementwise, inplace=True):
    """Each element over its absolute value; zero for zero."""

    def cpu(input):
        return input if input.dtype.kind == "b" else np.sign(input)

    def d_input(grad, input, out):
        if not input.is_complex():
            return grad * 0
        size = input.abs()
        turned = (grad - (out * (out.conj() * grad).real)) / size
        return turned.masked_fill(size == 0, 0)


class pow(Elementwise, operator="**", inplace=True, numbers="input exponent"):
    """Each element of :attr:`input` to the power of that of :attr:`exponent`."""

    def check(input, exponent):
        arrays = [x for x in (input, exponent) if isinstance(x, np.ndarray)]
        negative = not isinstance(exponent, np.ndarray) and isinstance(exponent, int) and exponent < 0
        if negative and all(a.dtype.kind in "iu" for a in arrays):
            raise RuntimeError("Integers to negative integer powers are not allowed.")

    def cpu(input, exponent):
        if exponent.ndim == 0 and exponent.dtype.kind == "f":
            if exponent == 2:
                return np.square(input)
            if exponent == 0.5:
                return np.sqrt(input)
        return np.power(input, exponent)

    def d_input(grad, input, exponent):
        if isinstance(exponent, (int, float, complex)):
            return grad * 0 if exponent == 0 else grad * conj(input ** (exponent - 1) * exponent)
        return (grad * conj(input ** (exponent - 1) * exponent)).masked_fill(exponent == 0, 0)

    def d_exponent(grad, input, exponent, out):
        if isinstance(input, (int, float, complex)):
            return grad * conj(out) * (math.log(input) if input > 0 else 0 if input == 0 else math.nan)
        zero = (input == 0) & (exponent >= 0) if not exponent.is_complex() else input == 0
        return grad * conj((out * input.log()).masked_fill(zero, 0))


class maximum(Elementwise, ufunc=np.maximum, kinds="biuf"):
    """The larger of two elements; NaN if one is. Equals share the gradient."""

    def cpu(input, other):
        return np.maximum(input, other)

    def d_input(grad, input, other):
        return grad.masked_fill(input <= other, 0) + (grad / 2).masked_fill(input != other, 0)

    def d_other(grad, input, other):
        return grad.masked_fill(other <= input, 0) + (grad / 2).masked_fill(input != other, 0)


class minimum(Elementwise, ufunc=np.minimum, kinds="biuf"):
    """The smaller of two elements; NaN if one is. Equals share the gradient."""

    def cpu(input, other):
        return np.minimum(input, other)

    def d_input(grad, input, other):
        return grad.masked_fill(input >= other, 0) + (grad / 2).masked_fill(input != other, 0)

    def d_other(grad, input, other):
        return grad.masked_fill(other >= input, 0) + (grad / 2).masked_fill(input != other, 0)
