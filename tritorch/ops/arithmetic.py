"""Pointwise arithmetic: add, sub, mul, div and their like."""

import numpy as np

from .._C import ufuncs
from ..dtypes import from_numpy as dtype_of
from ..dtypes import number_dtype
from ..errors import cpp_name
from ..runtime.jit import libdevice, triton
from ._elementwise import number_as
from ._formulas import floor_quotient, remainder_of, trunc_quotient
from ._kinds import Elementwise
from ._op import Op, conj, ops
from ._schema import Number


def is_bool(x):
    """Whether an array or a number is of bools."""
    return x.dtype.kind == "b" if isinstance(x, np.ndarray) else isinstance(x, bool)


def check_scale(name, scale, *operands):
    """torch's errors on the number that scales an operand."""
    if scale.__class__ is int:
        return
    kinds = [x.dtype.kind if isinstance(x, np.ndarray) else number_dtype(x).kind for x in operands]
    if isinstance(scale, bool):
        if any(k != "b" for k in kinds):
            raise RuntimeError(f"Boolean {name} only supported for Boolean results.")
    elif isinstance(scale, float) and all(k in "biu" for k in kinds):
        raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")
    elif isinstance(scale, complex) and all(k != "c" for k in kinds):
        raise RuntimeError(f"For non-complex input tensors, argument {name} must not be a complex number.")


def scaled(x, scale):
    """``x * scale`` in the dtype of ``x``."""
    if isinstance(scale, complex) and x.dtype.kind != "c":
        raise RuntimeError(f"value cannot be converted to type {cpp_name(dtype_of(x.dtype))} without overflow")
    return x if scale == 1 else np.multiply(x, number_as(scale, x.dtype, True))


def _divisions(make):
    yield make(3, 4), make(4, low=0.5)
    yield make(3, 4), 2
    yield make(), make(2, 3, low=0.5)


class add(Elementwise, operator="+", inplace=True, numbers="input other", ufunc=np.add, kinds="biufcV"):
    """Adds :attr:`other`, scaled by :attr:`alpha`, to :attr:`input`, with broadcasting.

    Raises:
        RuntimeError: for a fractional ``alpha`` with integers.

    Example:
        >>> import tritorch
        >>> tritorch.add(tritorch.tensor([1.0, 2.0]), tritorch.tensor([3.0, 4.0]), alpha=2)
        tensor([ 7., 10.])
    """

    def check(input, other, alpha):
        check_scale("alpha", alpha, input, other)

    def cpu(input, other, *, alpha: Number = 1):
        return np.add(input, scaled(other, alpha))

    @triton.jit
    def cuda(input, other, alpha):
        return input + alpha * other

    def d_input(grad):
        return grad

    def d_other(grad, alpha):
        return grad if alpha == 1 else grad * conj(alpha)

    def samples(make):
        yield make(3, 4), make(4), {"alpha": 2}
        yield make(3, 4), 2
        yield make(), make(2, 3)


class sub(
    Elementwise, operator="-", inplace=True, numbers="input other", alias="subtract", ufunc=np.subtract, kinds="iufcV"
):
    """Subtracts :attr:`other`, scaled by :attr:`alpha`, from :attr:`input`, with broadcasting.

    Raises:
        RuntimeError: for bools, and for a fractional ``alpha`` with integers.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([5, 7]) - 2
        tensor([3, 5])
    """

    def check(input, other, alpha):
        if is_bool(input) or is_bool(other):
            raise RuntimeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported. "
                "Use the `^` or `logical_xor()` operator instead."
                if is_bool(input) and is_bool(other)
                else "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert "
                "a mask, use the `~` or `logical_not()` operator instead."
            )
        check_scale("alpha", alpha, input, other)

    def cpu(input, other, *, alpha: Number = 1):
        return np.subtract(input, scaled(other, alpha))

    @triton.jit
    def cuda(input, other, alpha):
        return input - alpha * other

    def d_input(grad):
        return grad

    def d_other(grad, alpha):
        return -grad if alpha == 1 else grad * conj(-alpha)


class rsub(Op, method=False, numbers="other", has_out=False):
    """:attr:`other` minus ``alpha`` times :attr:`input`.

    Example:
        >>> import tritorch
        >>> tritorch.rsub(tritorch.tensor([1, 2]), 10)
        tensor([9, 8])
    """

    def eager(input, other, *, alpha: Number = 1):
        return ops.sub(other, input, alpha=alpha)


class mul(
    Elementwise, operator="*", inplace=True, numbers="input other", alias="multiply", ufunc=np.multiply, kinds="biufcV"
):
    """Multiplies :attr:`input` by :attr:`other`, with broadcasting.

    Example:
        >>> import tritorch
        >>> tritorch.mul(tritorch.tensor([1, 2, 3]), 10)
        tensor([10, 20, 30])
    """

    def cpu(input, other):
        return np.multiply(input, other)

    @triton.jit
    def cuda(input, other):
        return input * other

    def d_input(grad, other):
        return grad * conj(other)

    def d_other(grad, input):
        return grad * conj(input)


def refuse_zero(divisor):
    """torch's error for the division of integers by zero."""
    if divisor.dtype.kind in "biu" and not np.all(divisor):
        raise RuntimeError("ZeroDivisionError")


class floor_divide(
    Elementwise, operator="//", inplace=True, numbers="input other", only="uif", kernel="div_floor_cpu",
    ufunc=ufuncs.floor_divide, kinds="f",
):  # fmt: skip
    """The quotient rounded down to a whole number.

    Raises:
        RuntimeError: "ZeroDivisionError", for integers divided by zero.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([7, -7]) // 2
        tensor([ 3, -4])
    """

    def cpu(input, other):
        if input.dtype.kind == "f":
            return ufuncs.floor_divide(input, other)
        refuse_zero(other)
        return np.floor_divide(input, other)

    @triton.jit
    def cuda(input, other):
        return floor_quotient(input, other)

    def d_input(grad):
        raise RuntimeError("derivative for aten::floor_divide is not implemented")

    def d_other(grad):
        raise RuntimeError("derivative for aten::floor_divide is not implemented")

    samples = _divisions


class trunc_divide(
    Elementwise, name="div", function=False, method=False, numbers="input other", only="uif", kernel="div_trunc_cpu",
    opmath=False,
):  # fmt: skip
    """The quotient rounded towards zero; of half precision it is rounded to that first, as in torch."""

    def cpu(input, other):
        if input.dtype.kind not in "ui":
            quotient = np.true_divide(input, other)
            return np.trunc(quotient, out=quotient if quotient.ndim else None)
        refuse_zero(other)
        quotient = np.floor_divide(input, other)
        return quotient + ((quotient < 0) & (quotient * other != input))

    @triton.jit
    def cuda(input, other):
        return trunc_quotient(input, other)


class div(
    Elementwise, operator="/", inplace=True, numbers="input other", alias="divide", result="float",
    ufunc=np.true_divide, kinds="fcV",
):  # fmt: skip
    """Divides :attr:`input` by :attr:`other`.

    ``rounding_mode`` "trunc" rounds the quotient towards zero, "floor" down; both keep the dtype. Without it integers
    give the default dtype.

    Raises:
        RuntimeError: for another mode, and for integers divided by zero in these two.

    Example:
        >>> import tritorch
        >>> tritorch.div(tritorch.tensor([7, -7]), 2, rounding_mode="trunc")
        tensor([ 3, -3])
    """

    @classmethod
    def loop(cls):
        loops = {None: super().loop(), "trunc": trunc_divide.loop(), "floor": floor_divide.loop()}

        def loop(input, other, mode):
            return loops[None](input, other, None) if mode is None else loops[mode](input, other)

        return loop

    @classmethod
    def device_loop(cls):
        loops = {None: super().device_loop(), "trunc": trunc_divide.device_loop(), "floor": floor_divide.device_loop()}

        def loop(input, other, mode, into=None):
            operands = (input, other, None) if mode is None else (input, other)
            return loops[mode](*operands, into=into)

        loop.takes_into = True
        return loop

    def check(rounding_mode):
        if rounding_mode not in (None, "trunc", "floor"):
            raise RuntimeError(
                f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
            )

    def cpu(input, other, *, rounding_mode: object = None):
        return np.true_divide(input, other)

    @triton.jit
    def cuda(input, other, rounding_mode):
        return libdevice.div_rn(input, other)

    def d_input(grad, other, rounding_mode):
        return ops.zeros_like(grad) if rounding_mode else grad / conj(other)

    def d_other(grad, input, other, rounding_mode):
        return ops.zeros_like(grad) if rounding_mode else -grad * conj(input / other / other)

    def samples(make):
        yield make(3, 4), make(4, low=0.5)
        yield make(3, 4), 2
        yield make(3, 4), make(3, 1, low=1, high=3), {"rounding_mode": "floor"}
        yield make(), make(3, low=1, high=3), {"rounding_mode": "trunc"}


class true_divide(Op, inplace=True, numbers="input other"):
    """:func:`div` without rounding.

    Example:
        >>> import tritorch
        >>> tritorch.true_divide(tritorch.tensor([1, 2]), 2)
        tensor([0.5000, 1.0000])
    """

    def eager(input, other):
        return ops.div(input, other)

    samples = _divisions


class remainder(
    Elementwise, operator="%", inplace=True, numbers="input other", only="uif", ufunc=ufuncs.remainder, kinds="f"
):
    """What division rounded down leaves: it has the sign of :attr:`other`.

    Raises:
        RuntimeError: "ZeroDivisionError", for integers divided by zero.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([5, -5]) % 3
        tensor([2, 1])
    """

    def cpu(input, other):
        if input.dtype.kind == "f":
            return ufuncs.remainder(input, other)
        refuse_zero(other)
        return np.remainder(input, other)

    @triton.jit
    def cuda(input, other):
        return remainder_of(input, other)

    def d_input(grad):
        return grad

    def d_other(grad, input, other):
        return -grad * ops.div(input, other, rounding_mode="floor")

    samples = _divisions


class fmod(Elementwise, inplace=True, numbers="other", only="uif", ufunc=ufuncs.fmod, kinds="f"):
    """What division rounded towards zero leaves: it has the sign of :attr:`input`.

    Raises:
        RuntimeError: "ZeroDivisionError", for integers divided by zero.

    Example:
        >>> import tritorch
        >>> tritorch.fmod(tritorch.tensor([5, -5]), 3)
        tensor([ 2, -2])
    """

    def cpu(input, other):
        if input.dtype.kind == "f":
            return ufuncs.fmod(input, other)
        refuse_zero(other)
        return np.fmod(input, other)

    @triton.jit
    def cuda(input, other):
        if input.dtype.is_floating():
            return libdevice.fmod(input, other)
        else:
            return input % other

    def d_input(grad):
        return grad

    def d_other(grad, input, other):
        return -grad * ops.div(input, other, rounding_mode="trunc")

    samples = _divisions


class neg(Elementwise, operator="unary -", inplace=True, alias="negative", ufunc=np.negative, kinds="iufcV"):
    """Minus each element.

    Raises:
        RuntimeError: for bools.

    Example:
        >>> import tritorch
        >>> -tritorch.tensor([1, -2])
        tensor([-1,  2])
    """

    def check(input):
        if input.dtype.kind == "b":
            raise RuntimeError(
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, "
                "use the `~` or `logical_not()` operator instead."
            )

    def cpu(input):
        return np.negative(input)

    @triton.jit
    def cuda(input):
        return -input

    def d_input(grad):
        return -grad


class positive(Op, operator="unary +", has_out=False):
    """The tensor itself.

    Raises:
        RuntimeError: for bools.

    Example:
        >>> import tritorch
        >>> +tritorch.tensor([1, -2])
        tensor([ 1, -2])
    """

    def eager(input):
        if input.dtype.kind == "b":
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return input


class addcmul(Elementwise, inplace=True, only="uifc", kernel="addcmul_cpu_out"):
    """``input + value * tensor1 * tensor2``, with broadcasting.

    Example:
        >>> import tritorch
        >>> one = tritorch.ones(2)
        >>> tritorch.addcmul(one, one, one * 3, value=0.5)
        tensor([2.5000, 2.5000])
    """

    def cpu(input, tensor1, tensor2, *, value: Number = 1):
        return np.add(input, scaled(np.multiply(tensor1, tensor2), value))

    @triton.jit
    def cuda(input, tensor1, tensor2, value):
        return input + tensor1 * tensor2 * value

    def d_input(grad):
        return grad

    def d_tensor1(grad, tensor2, value):
        return grad * conj(tensor2 * value)

    def d_tensor2(grad, tensor1, value):
        return grad * conj(tensor1 * value)

    def samples(make):
        yield make(3, 4), make(3, 4), make(3, 4)
        yield make(3, 1), make(4), make(1), {"value": 2}


class addcdiv(Elementwise, inplace=True):
    """``input + value * tensor1 / tensor2``, with broadcasting.

    Raises:
        RuntimeError: for integers divided by integers.

    Example:
        >>> import tritorch
        >>> one = tritorch.ones(2)
        >>> tritorch.addcdiv(one, one, one * 4, value=2)
        tensor([1.5000, 1.5000])
    """

    def check(tensor1, tensor2):
        if tensor1.dtype.kind in "biu" and tensor2.dtype.kind in "biu":
            raise RuntimeError(
                "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a "
                "true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + "
                "value * tritorch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * "
                "tensor1 / tensor2) for float inputs."
            )

    def cpu(input, tensor1, tensor2, *, value: Number = 1):
        return np.add(input, np.true_divide(scaled(tensor1, value), tensor2))

    @triton.jit
    def cuda(input, tensor1, tensor2, value):
        return input + libdevice.div_rn(tensor1 * value, tensor2)

    def d_input(grad):
        return grad

    def d_tensor1(grad, tensor2, value):
        return grad * conj(value / tensor2)

    def d_tensor2(grad, tensor1, tensor2, value):
        return -grad * conj(value * tensor1 / (tensor2 * tensor2))

    def samples(make):
        yield make(3, 4), make(3, 4), make(4, low=0.5)
        yield make(3, 1), make(4), make(1, low=0.5), {"value": 2}
