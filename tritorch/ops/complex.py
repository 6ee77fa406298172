"""Complex tensors: their parts as windows, conjugates, and how they are put together."""

import numpy as np

from .._C import window
from ..dtypes import from_numpy as dtype_of
from ..runtime.jit import triton
from ..runtime.storage import owner
from ..shape import broadcast
from ._kinds import Elementwise, View
from ._op import Op, ops


class real(Op, attribute="writable", has_out=False):
    """The real part, as a window on the tensor; of a real tensor itself.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1 + 2j]).real
        tensor([1.])
    """

    def eager(input):
        return ops.real_part(input) if input.dtype.is_complex else input


class real_part(View, function=False, method=False, replay=True):
    """The real part of a complex tensor."""

    def cpu(input):
        return input.real

    def d_input(grad):
        return grad


class imag(View, attribute="writable", replay=True):
    """The imaginary part, as a window on the tensor.

    Raises:
        RuntimeError: for a tensor that is not complex.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1 + 2j]).imag
        tensor([2.])
    """

    def cpu(input):
        if input.dtype.kind != "c":
            raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
        return input.imag

    def d_input(grad):
        return ops.complex(ops.zeros_like(grad), grad)

    def samples(make):
        yield make.complex(3, 4)


class view_as_real(View, method=False, replay=True):
    """A complex tensor as pairs of real numbers in a new last dim, without a copy.

    Raises:
        RuntimeError: for a tensor that is not complex.

    Example:
        >>> import tritorch
        >>> tritorch.view_as_real(tritorch.tensor([1 + 2j]))
        tensor([[1., 2.]])
    """

    def cpu(input):
        if input.dtype.kind != "c":
            raise RuntimeError("view_as_real is only supported for complex tensors")
        part = input.real
        return window(part, (*part.shape, 2), (*part.strides, part.itemsize))

    def d_input(grad):
        return ops.view_as_complex(grad.contiguous())

    def samples(make):
        yield make.complex(3, 4)


class view_as_complex(View, method=False, replay=True):
    """Pairs of real numbers in the last dim as complex ones, without a copy.

    Raises:
        RuntimeError: if the last dim is not two neighbours in memory.

    Example:
        >>> import tritorch
        >>> tritorch.view_as_complex(tritorch.tensor([[1.0, 2.0]]))
        tensor([1.+2.j])
    """

    def cpu(input):
        kind = dtype_of(input.dtype)
        if kind.np.kind != "f" or kind.itemsize < 4:
            raise RuntimeError(
                "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar "
                f"type: {kind.type_name}"
            )
        if not input.ndim:
            raise RuntimeError("Input tensor must have one or more dimensions")
        if input.shape[-1] != 2:
            raise RuntimeError("Tensor must have a last dimension of size 2")
        step = input.itemsize
        if input.strides[-1] != step:
            raise RuntimeError("Tensor must have a last dimension with stride 1")
        if any(s % (2 * step) for n, s in zip(input.shape[:-1], input.strides, strict=False) if n > 1):
            raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
        if (input.__array_interface__["data"][0] - owner(input).__array_interface__["data"][0]) % (2 * step):
            raise RuntimeError("Tensor must have a storage_offset divisible by 2")
        return input.view(kind.to_complex().np)[..., 0]

    def d_input(grad):
        return ops.view_as_real(grad.resolve_conj().contiguous())

    def samples(make):
        yield make(3, 4, 2)


class conj(Op, has_out=False):
    """The complex conjugate; a real tensor itself.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1 + 2j]).conj()
        tensor([1.-2.j])
    """

    def eager(input):
        return ops.conj_physical(input) if input.dtype.is_complex else input


class conj_physical(Elementwise, inplace=True, ufunc=np.conjugate, kinds="fciu"):
    """The complex conjugate as new elements.

    Example:
        >>> import tritorch
        >>> tritorch.conj_physical(tritorch.tensor([1 + 2j]))
        tensor([1.-2.j])
    """

    def cpu(input):
        return np.conjugate(input) if input.dtype.kind == "c" else input.copy()

    @triton.jit
    def cuda(input):
        return input

    def d_input(grad):
        return grad.conj()


class resolve_conj(Op, has_out=False):
    """The tensor itself: conjugation is never deferred here."""

    def eager(input):
        return input


class resolve_neg(Op, has_out=False):
    """The tensor itself: negation is never deferred here."""

    def eager(input):
        return input


def _parts(names, first, second):
    a, b = dtype_of(first.dtype), dtype_of(second.dtype)
    for kind in (a, b):
        if kind.np.kind != "f":
            raise RuntimeError(
                f"Expected both inputs to be Half, Float or Double tensors but got {a.type_name} and {b.type_name}"
            )
    if a is not b:
        raise RuntimeError(
            f"Expected object of scalar type {a.type_name} but got scalar type {b.type_name} for second argument"
        )


class complex(Op, method=False, strict_out=True):
    """Complex numbers from their ``real`` and ``imag`` parts, tensors of one floating dtype, with broadcasting.

    Raises:
        RuntimeError: if the dtypes are not floating or differ.

    Example:
        >>> import tritorch
        >>> tritorch.complex(tritorch.tensor([1.0]), tritorch.tensor([2.0]))
        tensor([1.+2.j])
    """

    def check(real, imag):
        _parts(("real", "imag"), real, imag)

    def cpu(real, imag):
        out = np.empty(broadcast(real.shape, imag.shape), np.result_type(real.dtype, np.complex64))
        out.real, out.imag = real, imag
        return out

    def d_real(grad):
        return grad.real

    def d_imag(grad):
        return grad.imag


class polar(Op, method=False, strict_out=True):
    """Complex numbers from absolute values and angles in radians, tensors of one floating dtype.

    Raises:
        RuntimeError: if the dtypes are not floating or differ.

    Example:
        >>> import tritorch
        >>> tritorch.polar(tritorch.tensor([2.0]), tritorch.tensor([0.0]))
        tensor([2.+0.j])
    """

    def check(abs, angle):
        _parts(("abs", "angle"), abs, angle)

    def cpu(abs, angle):
        out = np.empty(broadcast(abs.shape, angle.shape), np.result_type(abs.dtype, np.complex64))
        np.multiply(abs, np.cos(angle), out=out.real)
        np.multiply(abs, np.sin(angle), out=out.imag)
        return out

    def d_abs(grad, angle):
        unit = ops.polar(ops.ones_like(angle), angle)
        return (grad * unit.conj()).real

    def d_angle(grad, out):
        return (grad * (out * 1j).conj()).real

    def samples(make):
        yield make(3, 4, low=0.1), make(3, 4)
