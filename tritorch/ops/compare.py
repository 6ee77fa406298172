"""Comparisons, and questions about single elements."""

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ..runtime.jit import tl, triton
from ._formulas import is_finite
from ._kinds import Elementwise
from ._op import Op, ops


class eq(Elementwise, operator="==", inplace=True, result="bool", numbers="other", ufunc=np.equal, kinds="biufcV"):
    """Whether :attr:`input` equals :attr:`other`, element by element.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 2, 3]) == 2
        tensor([False,  True, False])
    """

    def cpu(input, other):
        return np.equal(input, other)

    @triton.jit
    def cuda(input, other):
        return input == other


class ne(
    Elementwise, operator="!=", inplace=True, result="bool", numbers="other", alias="not_equal", ufunc=np.not_equal,
    kinds="biufcV",
):  # fmt: skip
    """Whether :attr:`input` differs from :attr:`other`, element by element.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 2, 3]) != 2
        tensor([ True, False,  True])
    """

    def cpu(input, other):
        return np.not_equal(input, other)

    @triton.jit
    def cuda(input, other):
        return input != other


class lt(
    Elementwise, operator="<", inplace=True, result="bool", numbers="other", alias="less", only="buif", ufunc=np.less,
    kinds="biufV",
):  # fmt: skip
    """Whether :attr:`input` is below :attr:`other`, element by element.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 2, 3]) < 2
        tensor([ True, False, False])
    """

    def cpu(input, other):
        return np.less(input, other)

    @triton.jit
    def cuda(input, other):
        return input < other


class le(
    Elementwise, operator="<=", inplace=True, result="bool", numbers="other", alias="less_equal", only="buif",
    ufunc=np.less_equal, kinds="biufV",
):  # fmt: skip
    """Whether :attr:`input` is not above :attr:`other`, element by element.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 2, 3]) <= 2
        tensor([ True,  True, False])
    """

    def cpu(input, other):
        return np.less_equal(input, other)

    @triton.jit
    def cuda(input, other):
        return input <= other


class gt(
    Elementwise, operator=">", inplace=True, result="bool", numbers="other", alias="greater", only="buif",
    ufunc=np.greater, kinds="biufV",
):  # fmt: skip
    """Whether :attr:`input` is above :attr:`other`, element by element.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 2, 3]) > 2
        tensor([False, False,  True])
    """

    def cpu(input, other):
        return np.greater(input, other)

    @triton.jit
    def cuda(input, other):
        return input > other


class ge(
    Elementwise, operator=">=", inplace=True, result="bool", numbers="other", alias="greater_equal", only="buif",
    ufunc=np.greater_equal, kinds="biufV",
):  # fmt: skip
    """Whether :attr:`input` is not below :attr:`other`, element by element.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 2, 3]) >= 2
        tensor([False,  True,  True])
    """

    def cpu(input, other):
        return np.greater_equal(input, other)

    @triton.jit
    def cuda(input, other):
        return input >= other


class isnan(Elementwise, result="bool", ufunc=np.isnan, kinds="fc", has_out=False):
    """Whether each element is NaN; a complex one is if a part is.

    Example:
        >>> import tritorch
        >>> tritorch.isnan(tritorch.tensor([1.0, float("nan")]))
        tensor([False,  True])
    """

    def cpu(input):
        return np.isnan(input)

    @triton.jit
    def cuda(input):
        return input != input


class isinf(Elementwise, result="bool", ufunc=np.isinf, kinds="fc", has_out=False):
    """Whether each element is infinite; a complex one is if a part is.

    Example:
        >>> import tritorch
        >>> tritorch.isinf(tritorch.tensor([1.0, float("-inf")]))
        tensor([False,  True])
    """

    def cpu(input):
        return np.isinf(input)

    @triton.jit
    def cuda(input):
        if input.dtype.is_floating():
            return tl.abs(input) == float("inf")
        else:
            return input != input


class isfinite(Elementwise, result="bool", ufunc=np.isfinite, kinds="fc", has_out=False):
    """Whether each element is neither infinite nor NaN.

    Example:
        >>> import tritorch
        >>> tritorch.isfinite(tritorch.tensor([1.0, float("inf"), float("nan")]))
        tensor([ True, False, False])
    """

    def cpu(input):
        return np.isfinite(input)

    @triton.jit
    def cuda(input):
        return is_finite(input)


class isposinf(Elementwise, result="bool"):
    """Whether each element is infinite and positive.

    Raises:
        RuntimeError: for complex tensors.

    Example:
        >>> import tritorch
        >>> tritorch.isposinf(tritorch.tensor([float("inf"), float("-inf")]))
        tensor([ True, False])
    """

    def check(input):
        if input.dtype.kind == "c":
            raise RuntimeError("isposinf does not support complex inputs.")

    def cpu(input):
        return input == np.inf

    @triton.jit
    def cuda(input):
        if input.dtype.is_floating():
            return input == float("inf")
        else:
            return input != input


class isneginf(Elementwise, result="bool"):
    """Whether each element is infinite and negative.

    Raises:
        RuntimeError: for complex tensors.

    Example:
        >>> import tritorch
        >>> tritorch.isneginf(tritorch.tensor([float("inf"), float("-inf")]))
        tensor([False,  True])
    """

    def check(input):
        if input.dtype.kind == "c":
            raise RuntimeError("isneginf does not support complex inputs.")

    def cpu(input):
        return input == -np.inf

    @triton.jit
    def cuda(input):
        if input.dtype.is_floating():
            return input == -float("inf")
        else:
            return input != input


class isreal(Elementwise, result="bool", has_out=False):
    """Whether the imaginary part of each element is zero.

    Example:
        >>> import tritorch
        >>> tritorch.isreal(tritorch.tensor([1 + 1j, 2 + 0j]))
        tensor([False,  True])
    """

    def cpu(input):
        return input.imag == 0 if input.dtype.kind == "c" else np.ones(input.shape, bool)

    @triton.jit
    def cuda(input):
        return (input == input) | (input != input)


def check_closeness(input, other, rtol, atol):
    """torch's errors of isclose and allclose."""
    if input.dtype != other.dtype:
        mine, theirs = dtype_of(input.dtype).type_name, dtype_of(other.dtype).type_name
        raise RuntimeError(f"{mine} did not match {theirs}")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance}")


class isclose(Elementwise, result="bool", has_out=False):
    """Whether ``|input - other| <= atol + rtol * |other|``, element by element.

    Infinities are close to themselves alone; NaN to nothing, or to NaN with ``equal_nan``.

    Raises:
        RuntimeError: for two dtypes or a negative tolerance.

    Example:
        >>> import tritorch
        >>> tritorch.isclose(tritorch.tensor([1.0, 2.0]), tritorch.tensor([1.000001, 2.1]))
        tensor([ True, False])
    """

    def check(input, other, rtol, atol):
        check_closeness(input, other, rtol, atol)

    def cpu(input, other, rtol: object = 1e-05, atol: object = 1e-08, equal_nan: bool = False):
        close = input == other
        if equal_nan:
            close |= np.isnan(input) & np.isnan(other)
        if rtol or atol:
            if input.dtype.kind in "biu":
                input, other = input.astype(np.float64), other.astype(np.float64)
            error = np.abs(input - other)
            close |= np.isfinite(error) & (error <= atol + np.abs(rtol * other))
        return close

    @triton.jit
    def cuda(input, other, rtol, atol, equal_nan):
        close = input == other
        if equal_nan:
            close |= (input != input) & (other != other)
        if not input.dtype.is_floating():
            input, other = input.to(tl.float64), other.to(tl.float64)
        error = tl.abs(input - other)
        return close | (is_finite(error) & (error <= atol + tl.abs(rtol * other)))


class allclose(Op, has_out=False):
    """Whether all elements are close: see :func:`isclose`. A bool.

    Example:
        >>> import tritorch
        >>> tritorch.allclose(tritorch.ones(2), tritorch.ones(2) + 1e-7)
        True
    """

    def eager(input, other, rtol: object = 1e-05, atol: object = 1e-08, equal_nan: bool = False) -> bool:
        return bool(ops.isclose(input, other, rtol, atol, equal_nan).all())


class equal(Op, has_out=False):
    """Whether both have one shape and equal elements. A bool.

    Example:
        >>> import tritorch
        >>> tritorch.equal(tritorch.tensor([1, 2]), tritorch.tensor([1, 2]))
        True
    """

    def eager(input, other) -> bool:
        return input.shape == other.shape and bool((input == other).all())
