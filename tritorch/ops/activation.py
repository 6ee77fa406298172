"""Activations."""

import numpy as np

from ._kinds import Elementwise
from ._op import Op, ops
from ._schema import Number


class relu(Elementwise, inplace=True):
    """The positive part: zero for what is negative.

    Example:
        >>> import tritorch
        >>> tritorch.relu(tritorch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def check(input):
        if input.dtype.kind == "b":
            raise RuntimeError("Boolean inputs not supported for relu")

    def cpu(input):
        return np.maximum(input, input.dtype.type(0))

    def d_input(grad, out):
        return grad * (out > 0)


class nn_functional_relu(Op, home="nn.functional", method=False, has_out=False):
    """:func:`tritorch.relu`, in place on request."""

    def eager(input, inplace: bool = False):
        return input.relu_() if inplace else input.relu()


class logsigmoid(Elementwise, home="nn.functional", method=False):
    """The logarithm of the sigmoid, without overflow."""

    def cpu(input):
        return np.minimum(input, input.dtype.type(0)) - np.log1p(np.exp(-np.abs(input)))

    def d_input(grad, input):
        return grad * (-input).sigmoid()


class clamp(Op, inplace=True, alias="clip"):
    """Each element limited to [min, max]: numbers or tensors, one of them may be missing."""

    def eager(input, min: object = None, max: object = None):
        if min is None and max is None:
            raise RuntimeError("tritorch.clamp: At least one of 'min' or 'max' must not be None")
        return ops.clamp_between(input, min, max)


class clamp_between(Elementwise, function=False, method=False, numbers="min max"):
    """:class:`clamp` with both limits spelled out."""

    def cpu(input, min, max):
        out = input if min is None else np.maximum(input, min)
        return np.asarray(out if max is None else np.minimum(out, max))

    def d_input(grad, input, min, max):
        inside = None if min is None else input >= min
        if max is not None:
            inside = input <= max if inside is None else inside & (input <= max)
        return grad * inside


class leaky_relu(Elementwise, home="nn.functional", method=False):
    """The element if positive, else ``negative_slope`` times it."""

    def cpu(input, negative_slope: Number = 0.01, inplace: bool = False):
        return np.where(input > 0, input, input * input.dtype.type(negative_slope))

    def d_input(grad, input, negative_slope):
        return grad.where(input > 0, grad * negative_slope)


class where(Elementwise, numbers="input other", keep="condition"):
    """Elements of :attr:`input` where :attr:`condition` is true, else of :attr:`other`."""

    def cpu(condition, input, other):
        return np.where(condition, input, other)

    def method(input, condition, other):
        return where.call(condition, input, other)

    def d_input(grad, condition):
        return grad.masked_fill(condition.logical_not(), 0)

    def d_other(grad, condition):
        return grad.masked_fill(condition, 0)
