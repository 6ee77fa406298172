"""The larger and the smaller of two elements, and limits."""

import numpy as np

from ..dtypes import finfo
from ..dtypes import from_numpy as dtype_of
from ..runtime.jit import tl, triton
from ._formulas import larger, smaller
from ._kinds import Elementwise
from ._op import ops


def refuse_complex(name, input, other):
    """torch's error for complex operands."""
    if input.dtype.kind == "c" or other.dtype.kind == "c":
        raise RuntimeError(f"{name} not implemented for complex tensors.")


def share(grad, equal, beaten):
    """``grad``, half of it where both are equal, and nothing for what was beaten."""
    return ops.where(equal, grad / 2, grad).masked_fill(beaten, 0)


class maximum(Elementwise, ufunc=np.maximum, kinds="biufV"):
    """The larger of two elements; NaN if one is. Equals share the gradient.

    Example:
        >>> import tritorch
        >>> tritorch.maximum(tritorch.tensor([1, 5]), tritorch.tensor([3, 2]))
        tensor([3, 5])
    """

    def check(input, other):
        refuse_complex("maximum", input, other)

    def cpu(input, other):
        return np.maximum(input, other)

    @triton.jit
    def cuda(input, other):
        return larger(input, other)

    def d_input(grad, input, other):
        return share(grad, input == other, input < other)

    def d_other(grad, input, other):
        return share(grad, input == other, other < input)


class minimum(Elementwise, ufunc=np.minimum, kinds="biufV"):
    """The smaller of two elements; NaN if one is. Equals share the gradient.

    Example:
        >>> import tritorch
        >>> tritorch.minimum(tritorch.tensor([1, 5]), tritorch.tensor([3, 2]))
        tensor([1, 2])
    """

    def check(input, other):
        refuse_complex("minimum", input, other)

    def cpu(input, other):
        return np.minimum(input, other)

    @triton.jit
    def cuda(input, other):
        return smaller(input, other)

    def d_input(grad, input, other):
        return share(grad, input == other, input > other)

    def d_other(grad, input, other):
        return share(grad, input == other, other > input)


class fmax(Elementwise, ufunc=np.fmax, kinds="biuf"):
    """The larger of two elements; of a number and NaN the number.

    Example:
        >>> import tritorch
        >>> tritorch.fmax(tritorch.tensor([1.0, float("nan")]), tritorch.tensor([3.0, 2.0]))
        tensor([3., 2.])
    """

    def check(input, other):
        refuse_complex("fmax", input, other)

    def cpu(input, other):
        return np.fmax(input, other)

    @triton.jit
    def cuda(input, other):
        return tl.where((input >= other) | (other != other), input, other)

    def d_input(grad, input, other):
        return grad.masked_fill(~((input >= other) | other.isnan()), 0)

    def d_other(grad, input, other):
        return grad.masked_fill((input >= other) | other.isnan(), 0)


class fmin(Elementwise, ufunc=np.fmin, kinds="biuf"):
    """The smaller of two elements; of a number and NaN the number.

    Example:
        >>> import tritorch
        >>> tritorch.fmin(tritorch.tensor([1.0, float("nan")]), tritorch.tensor([3.0, 2.0]))
        tensor([1., 2.])
    """

    def check(input, other):
        refuse_complex("fmin", input, other)

    def cpu(input, other):
        return np.fmin(input, other)

    @triton.jit
    def cuda(input, other):
        return tl.where((input <= other) | (other != other), input, other)

    def d_input(grad, input, other):
        return grad.masked_fill(~((input <= other) | other.isnan()), 0)

    def d_other(grad, input, other):
        return grad.masked_fill((input <= other) | other.isnan(), 0)


class clamp(Elementwise, inplace=True, alias="clip", numbers="min max"):
    """Each element, or the limit that it is beyond. Limits are two numbers or two tensors; either may be None.

    NaN stays, and a limit that is NaN makes everything NaN. Where ``min`` is above ``max``, the result is ``max``.

    Raises:
        RuntimeError: without a limit.
        NotImplementedError: for complex tensors.

    Example:
        >>> import tritorch
        >>> tritorch.clamp(tritorch.tensor([-2.0, 0.5, 3.0]), min=0, max=1)
        tensor([0.0000, 0.5000, 1.0000])
    """

    @classmethod
    def head_lines(cls):  # one limit has a fast path
        return ["    if (min is None) is not (max is None) and out is None: return OP.one_limit(input, min, max)"]

    def one_limit(input, min, max):
        return ops.clamp_max(input, max) if min is None else ops.clamp_min(input, min)

    def check(input, min, max):
        if min is None and max is None:
            raise RuntimeError("tritorch.clamp: At least one of 'min' or 'max' must not be None")
        if input.dtype.kind == "c" or isinstance(min, complex) or isinstance(max, complex):
            raise NotImplementedError("clamp is not supported for complex types")

    def cpu(input, min=None, max=None):
        if max is None:
            return np.maximum(input, min)
        if min is None:
            return np.minimum(input, max)
        out = np.maximum(input, min)
        fits = out.ndim and (not max.ndim or max.shape == out.shape)
        return np.minimum(out, max, out=out) if fits else np.minimum(out, max)

    @triton.jit
    def cuda(input, min, max):
        if min is not None:
            input = larger(input, min)
        if max is not None:
            input = smaller(input, max)
        return input

    def d_input(grad, input, min, max):
        if max is None:
            inside = input >= min
        else:
            inside = input <= max if min is None else (input >= min) & (input <= max)
        return ops.where(inside, grad, 0)

    def d_min(grad, input, min, max):
        return ops.where(input < min if max is None else (min < max) & (input < min), grad, 0)

    def d_max(grad, input, min, max):
        return ops.where(input > max if min is None else (max < min) | (input > max), grad, 0)

    def samples(make):
        yield make(3, 4), -1, 1
        yield make(3, 4), make(4, low=-1, high=0), make(3, 1, low=0, high=1)
        yield make(3, 4), {"min": 0}


class clamp_min(Elementwise, inplace=True, numbers="min", only="buif", ufunc=np.maximum, kinds="biufV"):
    """:func:`clamp` with ``min`` alone.

    Example:
        >>> import tritorch
        >>> tritorch.clamp_min(tritorch.tensor([-2.0, 3.0]), 0)
        tensor([0., 3.])
    """

    def cpu(input, min):
        return np.maximum(input, min)

    @triton.jit
    def cuda(input, min):
        return larger(input, min)

    def d_input(grad, input, min):
        return ops.where(input >= min, grad, 0)

    def d_min(grad, input, min):
        return ops.where(input < min, grad, 0)

    def samples(make):
        yield make(3, 4), 0
        yield make(3, 4), make(4)


class clamp_max(Elementwise, inplace=True, numbers="max", only="buif", ufunc=np.minimum, kinds="biufV"):
    """:func:`clamp` with ``max`` alone.

    Example:
        >>> import tritorch
        >>> tritorch.clamp_max(tritorch.tensor([-2.0, 3.0]), 0)
        tensor([-2.,  0.])
    """

    def cpu(input, max):
        return np.minimum(input, max)

    @triton.jit
    def cuda(input, max):
        return smaller(input, max)

    def d_input(grad, input, max):
        return ops.where(input <= max, grad, 0)

    def d_max(grad, input, max):
        return ops.where(input > max, grad, 0)

    def samples(make):
        yield make(3, 4), 0
        yield make(3, 4), make(4)


class nan_to_num(Elementwise, inplace=True):
    """Numbers in place of NaN (0 without ``nan``) and the infinities (the largest finite ones of the dtype).

    Example:
        >>> import tritorch
        >>> tritorch.nan_to_num(tritorch.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
        tensor([1., 0., 9.])
    """

    @classmethod
    def loop(cls):
        inner = super().loop()

        return lambda input, *given: inner(input, *cls.replacements(input, *given))

    def replacements(input, nan, posinf, neginf):
        limits = finfo(dtype_of(input.dtype).to_real()) if dtype_of(input.dtype).category > 1 else None
        high = limits.max if posinf is None and limits else posinf
        low = limits.min if neginf is None and limits else neginf
        return nan or 0.0, high, low

    def cpu(input, nan: object = None, posinf: object = None, neginf: object = None):
        if input.dtype.kind in "biu":
            return input.copy()
        out = input.copy()
        for part in (out.real, out.imag) if input.dtype.kind == "c" else (out,):
            np.copyto(part, nan, where=np.isnan(part))
            np.copyto(part, posinf, where=part == np.inf)
            np.copyto(part, neginf, where=part == -np.inf)
        return out

    @classmethod
    def device_loop(cls):
        inner = super().device_loop()

        def loop(input, nan, posinf, neginf, into=None):
            return inner(input, *cls.replacements(input, nan, posinf, neginf), into=into)

        loop.takes_into = True
        return loop

    @triton.jit
    def cuda(input, nan, posinf, neginf):
        if input.dtype.is_floating():
            finite = tl.where(input == float("inf"), posinf, tl.where(input == -float("inf"), neginf, input))
            return tl.where(input != input, nan, finite)
        else:
            return input

    def d_input(grad, input):
        return ops.where(input.isfinite(), grad, 0)


class where(Elementwise, numbers="input other", keep="condition", opmath=False):
    """Elements of :attr:`input` where :attr:`condition`, a bool tensor, is true, else of :attr:`other`.

    ``where(condition)`` is :func:`nonzero` with ``as_tuple=True``.

    Raises:
        RuntimeError: for another dtype of :attr:`condition`.

    Example:
        >>> import tritorch
        >>> tritorch.where(tritorch.tensor([True, False]), tritorch.tensor([1, 2]), 0)
        tensor([1, 0])
    """

    @classmethod
    def head_lines(cls):
        return ["    if input is None and other is None: return OP.places(condition)"]

    def places(condition):
        return ops.nonzero(condition, as_tuple=True)

    def check(condition, input, other):
        if condition.dtype != np.bool_ and condition.dtype != np.uint8:
            kind = dtype_of(condition.dtype).type_name
            raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {kind}")
        if input is None or other is None:
            raise TypeError("where(): expected (condition) or (condition, input, other), but got one of the two alone")

    def cpu(condition, input=None, other=None):
        return np.where(condition, input, other)

    @triton.jit
    def cuda(condition, input, other):
        return tl.where(condition != 0, input, other)

    def method(input, condition, other):
        return ops.where(condition, input, other)

    def d_input(grad, condition):
        return ops.where(condition, grad, 0)

    def d_other(grad, condition):
        return ops.where(condition, 0, grad)

    def samples(make):
        yield make.mask(3, 4), make(3, 4), make(4)
        yield make.mask(3), make(2, 3), 1
