"""Signs, absolute values, and rounding to whole numbers."""

import builtins
import math

import numpy as np

from .._C import ufuncs
from ..dtypes import from_numpy as dtype_of
from ..errors import not_implemented
from ..runtime.jit import libdevice, tl, triton
from ._formulas import next_after, sign_of
from ._kinds import Elementwise
from ._op import conj, ops


def refuse_complex(input, text):
    """Raises ``text`` for a complex array."""
    if input.dtype.kind == "c":
        raise NotImplementedError(text)


class abs(
    Elementwise, operator="abs", inplace=True, alias="absolute", result="real", only="uifc", ufunc=np.absolute,
    kinds="iufV",
):  # fmt: skip
    """The absolute value of each element; real for complex ones.

    Example:
        >>> import tritorch
        >>> tritorch.abs(tritorch.tensor([-1, 2]))
        tensor([1, 2])
    """

    def cpu(input):
        return np.absolute(input)

    @triton.jit
    def cuda(input):
        return tl.abs(input)

    def d_input(grad, input):
        return grad * input.sgn()


class sign(Elementwise, inplace=True, ufunc=ufuncs.sign, kinds="f"):
    """-1, 0 or 1, by the sign of each element; 0 for NaN.

    Example:
        >>> import tritorch
        >>> tritorch.sign(tritorch.tensor([-3.0, 0.0, 5.0]))
        tensor([-1.,  0.,  1.])
    """

    def check(input):
        refuse_complex(
            input,
            "Unlike NumPy, tritorch.sign is not intended to support complex numbers. Please use tritorch.sgn instead.",
        )

    def cpu(input):
        if input.dtype.kind == "f":
            return ufuncs.sign(input)
        return input.copy() if input.dtype.kind == "b" else np.sign(input)

    @triton.jit
    def cuda(input):
        return sign_of(input)

    def d_input(grad):
        return ops.zeros_like(grad)


class sgn(Elementwise, inplace=True, ufunc=ufuncs.sign, kinds="f"):
    """Each element over its absolute value; zero for zero. For real elements :func:`sign`.

    Example:
        >>> import tritorch
        >>> tritorch.sgn(tritorch.tensor([3 + 4j]))
        tensor([0.6000+0.8000j])
    """

    def cpu(input):
        if input.dtype.kind != "c":
            return sign.cpu(input)
        size = np.absolute(input)
        return np.divide(input, size, out=np.zeros_like(input), where=size != 0)

    @triton.jit
    def cuda(input):
        return sign_of(input)

    def d_input(grad, input, out):
        if not input.is_complex():
            return ops.zeros_like(grad)
        size = input.abs()
        across = grad - out * (conj(out) * grad).real
        return (across / size).masked_fill(size == 0, 0)


class signbit(Elementwise, result="bool"):
    """Whether the sign bit is set: negative numbers, and -0.0.

    Example:
        >>> import tritorch
        >>> tritorch.signbit(tritorch.tensor([-0.0, 1.0]))
        tensor([ True, False])
    """

    def check(input):
        refuse_complex(input, "signbit is not implemented for complex tensors.")

    def cpu(input):
        return np.signbit(input) if input.dtype.kind == "f" else input < 0

    @triton.jit
    def cuda(input):
        if input.dtype.is_floating():
            return libdevice.signbit(input) != 0
        else:
            return input < 0


class copysign(
    Elementwise, inplace=True, numbers="other", result="float", only="buif", ufunc=ufuncs.copysign, kinds="f"
):
    """The size of :attr:`input` with the sign of :attr:`other`.

    Example:
        >>> import tritorch
        >>> tritorch.copysign(tritorch.tensor([1.0, -2.0]), -0.0)
        tensor([-1., -2.])
    """

    def cpu(input, other):
        return ufuncs.copysign(input, other)

    @triton.jit
    def cuda(input, other):
        return libdevice.copysign(input, other)

    def d_input(grad, input, out):
        return grad * (out / input).masked_fill(input == 0, 0)

    def d_other(grad):
        return ops.zeros_like(grad)


class nextafter(Elementwise, inplace=True, only="f", opmath=False):
    """The number next to :attr:`input` in the direction of :attr:`other`.

    Example:
        >>> import tritorch
        >>> one = tritorch.ones(1)
        >>> tritorch.nextafter(one, one * 2) - one == tritorch.finfo(tritorch.float32).eps
        tensor([True])
    """

    def cpu(input, other):
        return np.nextafter(input, other)

    @triton.jit
    def cuda(input, other):
        return next_after(input, other)

    def d_input(grad, input, other):
        return grad.masked_fill(input == other, 0)

    def d_other(grad):
        return ops.zeros_like(grad)


class heaviside(Elementwise, inplace=True):
    """0 where :attr:`input` is negative, :attr:`values` where it is zero, 1 where it is positive.

    Raises:
        RuntimeError: for complex tensors, or two dtypes.

    Example:
        >>> import tritorch
        >>> tritorch.heaviside(tritorch.tensor([-1.0, 0.0, 1.0]), tritorch.tensor(0.5))
        tensor([0.0000, 0.5000, 1.0000])
    """

    def check(input, values):
        if input.dtype.kind == "c" or values.dtype.kind == "c":
            raise RuntimeError("heaviside is not yet implemented for complex tensors.")
        if input.dtype != values.dtype:
            raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")

    def cpu(input, values):
        return np.where(input == 0, values, input > 0)

    @triton.jit
    def cuda(input, values):
        return tl.where(input == 0, values, (input > 0).to(values.dtype))

    def d_input(grad):
        raise RuntimeError("derivative for aten::heaviside is not implemented")

    def d_values(grad):
        raise RuntimeError("derivative for aten::heaviside is not implemented")


class floor(Elementwise, inplace=True, only="uif", kernel="floor_vml_cpu", ufunc=np.floor, kinds="f"):
    """The largest whole number not above each element.

    Example:
        >>> import tritorch
        >>> tritorch.floor(tritorch.tensor([1.5, -1.5]))
        tensor([ 1., -2.])
    """

    def check(input):
        refuse_complex(input, "floor is not supported for complex inputs")

    def cpu(input):
        return np.floor(input) if input.dtype.kind == "f" else input.copy()

    @triton.jit
    def cuda(input):
        if input.dtype.is_floating():
            return libdevice.floor(input)
        else:
            return input

    def d_input(grad):
        return ops.zeros_like(grad)


class ceil(Elementwise, inplace=True, only="uif", kernel="ceil_vml_cpu", ufunc=np.ceil, kinds="f"):
    """The smallest whole number not below each element.

    Example:
        >>> import tritorch
        >>> tritorch.ceil(tritorch.tensor([1.5, -1.5]))
        tensor([ 2., -1.])
    """

    def check(input):
        refuse_complex(input, "ceil is not supported for complex inputs")

    def cpu(input):
        return np.ceil(input) if input.dtype.kind == "f" else input.copy()

    @triton.jit
    def cuda(input):
        if input.dtype.is_floating():
            return libdevice.ceil(input)
        else:
            return input

    def d_input(grad):
        return ops.zeros_like(grad)


class trunc(Elementwise, inplace=True, alias="fix", only="uif", kernel="trunc_vml_cpu", ufunc=np.trunc, kinds="f"):
    """The whole part of each element.

    Example:
        >>> import tritorch
        >>> tritorch.trunc(tritorch.tensor([1.5, -1.5]))
        tensor([ 1., -1.])
    """

    def check(input):
        refuse_complex(input, "trunc is not supported for complex inputs")

    def cpu(input):
        return np.trunc(input) if input.dtype.kind == "f" else input.copy()

    @triton.jit
    def cuda(input):
        if input.dtype.is_floating():
            return libdevice.trunc(input)
        else:
            return input

    def d_input(grad):
        return ops.zeros_like(grad)


class frac(Elementwise, inplace=True, only="f"):
    """What :func:`trunc` takes away; it has the sign of the element.

    Example:
        >>> import tritorch
        >>> tritorch.frac(tritorch.tensor([1.5, -1.25]))
        tensor([ 0.5000, -0.2500])
    """

    def cpu(input):
        return np.subtract(input, np.trunc(input))

    @triton.jit
    def cuda(input):
        return input - libdevice.trunc(input)

    def d_input(grad):
        return grad


class round(Elementwise, inplace=True, only="uif", ufunc=np.rint, kinds="f", also="special.round"):
    """The nearest number with ``decimals`` digits after the point; halves go to the even one.

    Negative ``decimals`` round to tens, hundreds...

    Example:
        >>> import tritorch
        >>> tritorch.round(tritorch.tensor([0.5, 1.5, 2.34]), decimals=1)
        tensor([0.5000, 1.5000, 2.3000])
    """

    def check(input, decimals):
        refuse_complex(input, "round is not supported for complex inputs")
        if decimals and input.dtype.kind in "ui":
            raise not_implemented("round", dtype_of(input.dtype))

    def cpu(input, *, decimals: int = 0):
        if input.dtype.kind != "f":
            return input.copy()
        if not decimals:
            return np.rint(input)
        scale = input.dtype.type(10.0 ** builtins.abs(decimals))
        return np.rint(input * scale) / scale if decimals > 0 else np.rint(input / scale) * scale

    @classmethod
    def device_loop(cls):
        inner = super().device_loop()

        def loop(input, decimals, into=None):  # the formula is handed a power of ten, negative for negative decimals
            scale = math.copysign(10.0 ** builtins.abs(decimals), decimals) if decimals else None
            return inner(input, scale, into=into)

        loop.takes_into = True
        return loop

    @triton.jit
    def cuda(input, decimals):
        if not input.dtype.is_floating():
            return input
        elif decimals is None:
            return libdevice.rint(input)
        else:
            scale = tl.abs(decimals)
            up, down = input * scale, libdevice.div_rn(input, scale)
            return tl.where(decimals > 0, libdevice.div_rn(libdevice.rint(up), scale), libdevice.rint(down) * scale)

    def d_input(grad):
        return ops.zeros_like(grad)
