"""Powers and roots, and lerp, hypot, ldexp, frexp."""

import cmath
import math

import numpy as np

from .._C import ufuncs
from ..dtypes import complex128, float64
from ..dtypes import from_numpy as dtype_of
from ..errors import cpp_name
from ..runtime.array import empty, result_like
from ..runtime.jit import libdevice, tl, triton
from ..runtime.pointwise import copy, pointwise
from ._formulas import integer_power_of, mantissa_and_exponent
from ._kinds import Elementwise
from ._op import FLOAT32, Op, conj, is_half, ops


def integer_power(input, exponent):
    """Powers of integers; a negative exponent gives 1, -1 or 0, which is the power rounded towards zero."""
    negative = exponent < 0
    if not np.any(negative):
        return np.power(input, exponent)
    odd = np.where(np.bitwise_and(exponent, 1), input, 1)
    unit = np.where(input == 1, 1, np.where(input == -1, odd, 0))
    return np.where(negative, unit, np.power(input, np.where(negative, 0, exponent))).astype(input.dtype)


class pow(Elementwise, operator="**", inplace=True, numbers="input exponent", ufunc=ufuncs.power, kinds="f"):
    """Each element of :attr:`input` to the power of that of :attr:`exponent`; either may be a number.

    Raises:
        RuntimeError: for integers to the power of a negative number.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 2, 3]) ** 2
        tensor([1, 4, 9])
    """

    def check(input, exponent):
        whole = isinstance(input, np.ndarray) and input.dtype.kind in "biu"
        if whole and isinstance(exponent, int) and exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if (
            whole
            and input.dtype.kind == "b"
            and (exponent.dtype.kind == "b" if isinstance(exponent, np.ndarray) else isinstance(exponent, bool))
        ):
            raise NotImplementedError("\"pow\" not implemented for 'Bool'")

    def cpu(input, exponent):
        if input.dtype.kind == "f":
            return ufuncs.power(input, exponent)
        if input.dtype.kind != "c":
            return integer_power(input, exponent)
        if exponent.ndim == 0 and exponent == 2:
            return np.square(input)
        return np.where(exponent == 0, 1, np.power(input, exponent)).astype(input.dtype, copy=False)

    @triton.jit
    def cuda(input, exponent):
        if input.dtype.is_floating():
            return libdevice.pow(input, exponent)
        else:
            return integer_power_of(input, exponent)

    def d_input(grad, input, exponent):
        if isinstance(exponent, (int, float, complex)):
            if exponent == 0:
                return ops.zeros_like(grad)
            return grad * conj(input * 2 if exponent == 2 else input ** (exponent - 1) * exponent)
        return (grad * conj(input ** (exponent - 1) * exponent)).masked_fill(exponent == 0, 0)

    def d_exponent(grad, input, exponent, out):
        if isinstance(input, (int, float, complex)):
            if input == 0:
                return (grad * out * -math.inf).masked_fill(exponent.real >= 0, 0)
            log = cmath.log(input)
            return grad * conj(out * (log if log.imag and out.is_complex() else log.real if not log.imag else math.nan))
        zero = (input == 0) & (exponent.real >= 0)
        return grad * conj((out * input.log()).masked_fill(zero, 0))

    def samples(make):
        yield make(3, 4, low=0.1), make(4)
        yield make(3, 4), 2
        yield make(), make(3, low=0)
        yield 2, make(3, 4)


class float_power(Op, inplace=True, numbers="input exponent"):
    """:func:`pow` in double precision, whatever the dtypes.

    Example:
        >>> import tritorch
        >>> tritorch.float_power(tritorch.tensor([2, 3]), -1)
        tensor([0.5000, 0.3333], dtype=tritorch.float64)
    """

    def eager(input, exponent):
        def is_complex(x):
            return isinstance(x, complex) or getattr(x, "dtype", float64).is_complex

        kind = complex128 if is_complex(input) or is_complex(exponent) else float64
        return ops.pow(*[x if isinstance(x, (int, float, complex)) else x.to(kind) for x in (input, exponent)])

    def samples(make):
        yield make(3, 4, low=0.1), make(4)
        yield make(3, 4), 2


class sqrt(Elementwise, inplace=True, result="float", ufunc=np.sqrt, kinds="fcV", domain=(0.1, 3)):
    """The square root of each element.

    Example:
        >>> import tritorch
        >>> tritorch.sqrt(tritorch.tensor([4.0, 9.0]))
        tensor([2., 3.])
    """

    def cpu(input):
        return np.sqrt(input)

    @triton.jit
    def cuda(input):
        return libdevice.sqrt_rn(input)

    def d_input(grad, out):
        return grad / conj(out * 2)


class rsqrt(Elementwise, inplace=True, result="float", ufunc=ufuncs.rsqrt, kinds="f", domain=(0.1, 3)):
    """One over the square root of each element.

    Example:
        >>> import tritorch
        >>> tritorch.rsqrt(tritorch.tensor([4.0, 16.0]))
        tensor([0.5000, 0.2500])
    """

    def cpu(input):
        return 1 / np.sqrt(input) if input.dtype.kind == "c" else ufuncs.rsqrt(input)

    @triton.jit
    def cuda(input):
        return libdevice.rsqrt(input)

    def d_input(grad, out):
        return grad * conj(out * out * out * -0.5)


class square(Elementwise, inplace=True, ufunc=np.square, kinds="iufcV"):
    """The square of each element. Bools are squared as int64.

    Example:
        >>> import tritorch
        >>> tritorch.square(tritorch.tensor([1, -3]))
        tensor([1, 9])
    """

    @classmethod
    def loop(cls):
        inner = super().loop()
        return lambda input: inner(input.astype(np.int64) if input.dtype.kind == "b" else input)

    @classmethod
    def device_loop(cls):
        inner = super().device_loop()

        def loop(input, into=None):
            if input.dtype.kind == "b":
                into = empty(input.shape, np.int64)
                copy(into, input)
                return into
            return inner(input, into=into)

        loop.takes_into = True
        return loop

    def cpu(input):
        return np.square(input)

    @triton.jit
    def cuda(input):
        return input * input

    def d_input(grad, input):
        return grad * conj(input * 2)


class reciprocal(Elementwise, inplace=True, result="float", ufunc=np.reciprocal, kinds="fc", domain=(0.5, 3)):
    """One over each element.

    Example:
        >>> import tritorch
        >>> tritorch.reciprocal(tritorch.tensor([2, 4]))
        tensor([0.5000, 0.2500])
    """

    def cpu(input):
        return np.reciprocal(input)

    @triton.jit
    def cuda(input):
        return libdevice.rcp_rn(input)

    def d_input(grad, out):
        return -grad * conj(out * out)


class hypot(Elementwise, inplace=True, only="f", ufunc=ufuncs.hypot, kinds="f"):
    """``sqrt(input**2 + other**2)``, without overflow.

    Example:
        >>> import tritorch
        >>> tritorch.hypot(tritorch.tensor([3.0]), tritorch.tensor([4.0]))
        tensor([5.])
    """

    def cpu(input, other):
        return ufuncs.hypot(input, other)

    @triton.jit
    def cuda(input, other):
        return libdevice.hypot(input, other)

    def d_input(grad, input, out):
        return grad * (input / out)

    def d_other(grad, other, out):
        return grad * (other / out)


class ldexp(Op, inplace=True):
    """``input * 2**other``.

    Example:
        >>> import tritorch
        >>> tritorch.ldexp(tritorch.tensor([1.0]), tritorch.tensor([3]))
        tensor([8.])
    """

    def eager(input, other):
        return input * ops.pow(2.0, other)


class frexp(Op, returns=("mantissa", "exponent")):
    """Mantissas in [0.5, 1) and int32 exponents whose ``mantissa * 2**exponent`` is the element.

    Raises:
        RuntimeError: for a dtype that is not floating.

    Example:
        >>> import tritorch
        >>> tritorch.frexp(tritorch.tensor([8.0])).exponent
        tensor([4], dtype=tritorch.int32)
    """

    def check(input):
        if dtype_of(input.dtype).kind != "f":
            raise RuntimeError("tritorch.frexp() only supports floating-point dtypes")

    def cpu(input):
        mantissa, exponent = np.frexp(input)
        return mantissa, np.where(np.isfinite(input), exponent, 0).astype(np.int32)

    def cuda(input):
        outs = result_like([input], input.shape, input.dtype), result_like([input], input.shape, np.int32)
        pointwise(mantissa_and_exponent, outs, [input], [FLOAT32 if is_half(input.dtype) else input.dtype])
        return outs

    def d_input(grad_mantissa, exponent):
        return grad_mantissa / ops.pow(2.0, exponent)


class lerp(Elementwise, inplace=True, numbers="weight"):
    """``input + weight * (end - input)``: from :attr:`input` at weight 0 to :attr:`end` at weight 1.

    Raises:
        RuntimeError: for tensors of different dtypes.

    Example:
        >>> import tritorch
        >>> tritorch.lerp(tritorch.zeros(2), tritorch.tensor([1.0, 2.0]), 0.25)
        tensor([0.2500, 0.5000])
    """

    def check(input, end, weight):
        tensor = isinstance(weight, np.ndarray)
        if end.dtype != input.dtype or (tensor and weight.dtype != input.dtype):
            name, other = ("end", end) if end.dtype != input.dtype else ("weight", weight)
            mine, theirs = cpp_name(dtype_of(input.dtype)), cpp_name(dtype_of(other.dtype))
            raise RuntimeError(f"expected dtype {mine} for `{name}` but got dtype {theirs}")
        if input.dtype.kind in "biu":
            kernel = "lerp_kernel_tensor" if tensor else "lerp_kernel_scalar"
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtype_of(input.dtype).type_name}'")

    def cpu(input, end, weight):
        step = np.asarray(np.subtract(end, input))
        if weight.ndim == 0 and step.ndim:
            if abs(weight.item()) < 0.5:
                return np.add(input, np.multiply(step, weight, out=step), out=step)
            return np.subtract(end, np.multiply(step, 1 - weight, out=step), out=step)
        return np.where(np.abs(weight) < 0.5, input + weight * step, end - step * (1 - weight))

    @triton.jit
    def cuda(input, end, weight):
        step = end - input
        return tl.where(tl.abs(weight) < 0.5, input + weight * step, end - step * (1 - weight))

    def d_input(grad, weight):
        return grad * (1 - conj(weight))

    def d_end(grad, weight):
        return grad * conj(weight)

    def d_weight(grad, input, end):
        return grad * conj(end - input)
