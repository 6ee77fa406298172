"""Pointwise arithmetic: add, sub, mul, div and their like."""

import numpy as np

from ._kinds import Elementwise
from ._op import conj
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
