"""Activations made of straight pieces: relu and its like."""

import numpy as np

from .._C import ufuncs
from ..dtypes import from_numpy as dtype_of
from ..runtime.jit import tl, triton
from ._formulas import within
from ._kinds import Activation, Elementwise
from ._op import Op, ops
from ._schema import Number


def check_relu(input):
    """torch's errors of relu."""
    if input.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    if input.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")


class relu(Elementwise, inplace=True, ufunc=ufuncs.relu, kinds="f"):
    """The positive part of each element.

    Raises:
        RuntimeError: for bools.

    Example:
        >>> import tritorch
        >>> tritorch.relu(tritorch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def check(input):
        check_relu(input)

    def cpu(input):
        return ufuncs.relu(input) if input.dtype.kind == "f" else np.maximum(input, 0)

    @triton.jit
    def cuda(input):
        return tl.where(input <= 0, 0, input)

    def d_input(grad, out):
        return ops.relu_backward(grad, out)


class nn_functional_relu(Activation, only="uif", ufunc=ufuncs.relu, kinds="f"):
    """The positive part of each element.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.relu(tritorch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def check(input):
        check_relu(input)

    def cpu(input, inplace: bool = False):
        return ufuncs.relu(input) if input.dtype.kind == "f" else np.maximum(input, 0)

    @triton.jit
    def cuda(input, inplace):
        return tl.where(input <= 0, 0, input)

    def d_input(grad, out):
        return ops.relu_backward(grad, out)


class relu_backward(Elementwise, function=False, method=False, ufunc=ufuncs.relu_backward, kinds="f"):
    """``scale`` where the output of relu is positive."""

    def cpu(scale, output):
        return ufuncs.relu_backward(scale, output)

    @triton.jit
    def cuda(scale, output):
        return tl.where(output <= 0, 0, scale)

    def d_scale(grad, output):
        return ops.relu_backward(grad, output)


class leaky_relu(Activation, numbers="negative_slope", ufunc=ufuncs.leaky_relu, kinds="f"):
    """The element where it is positive, else ``negative_slope`` times it.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.leaky_relu(tritorch.tensor([-1.0, 2.0]), 0.1)
        tensor([-0.1000,  2.0000])
    """

    def cpu(input, negative_slope=0.01, inplace: bool = False):
        return ufuncs.leaky_relu(input, negative_slope)

    @triton.jit
    def cuda(input, negative_slope, inplace):
        return tl.where(input > 0, input, input * negative_slope)

    def d_input(grad, input, negative_slope):
        return ops.where(input > 0, grad, grad * negative_slope)


class rrelu(Op, home="nn.functional", also="rrelu", has_out=False):
    """:func:`leaky_relu` whose slope, in training, is drawn for each element from [lower, upper), else their mean.

    Raises:
        RuntimeError: if ``lower`` is above ``upper``.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.rrelu(tritorch.tensor([-6.0, 2.0]), 0.0, 1.0)
        tensor([-3.,  2.])
    """

    def eager(input, lower: object = 1 / 8, upper: object = 1 / 3, training: bool = False, inplace: bool = False):
        if lower > upper:
            raise RuntimeError("Lower bound should be less than or equal to the upper bound")
        slope = ops.rand_like(input) * (upper - lower) + lower if training else (lower + upper) / 2
        out = ops.where(input >= 0, input, input * slope)
        return input.copy_(out) if inplace else out

    def samples(make):
        yield make(3, 4), 0.1, 0.3, False
        yield make(3, 4), 0.1, 0.3, True


class rrelu_(Op, home="nn.functional", also="rrelu_", has_out=False):
    """:func:`rrelu` in place.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.rrelu_(tritorch.tensor([-6.0, 2.0]), 0.0, 1.0)
        tensor([-3.,  2.])
    """

    def eager(input, lower: object = 1 / 8, upper: object = 1 / 3, training: bool = False):
        return ops.rrelu(input, lower, upper, training, True)

    def samples(make):
        yield make(3, 4), 0.1, 0.3


class prelu(Op, also="nn.functional.prelu", has_out=False):
    """The element where it is positive, else ``weight`` times it: one weight, or one for each channel (dim 1).

    Raises:
        RuntimeError: for another number of weights, or of dims of ``weight``.

    Example:
        >>> import tritorch
        >>> tritorch.prelu(tritorch.tensor([[-1.0, -1.0]]), tritorch.tensor([0.5, 0.25]))
        tensor([[-0.5000, -0.2500]])
    """

    def eager(input, weight):
        if input.dtype is not weight.dtype:
            raise RuntimeError(
                f"prelu: Type promoting not supported. Got {input.dtype.type_name} and {weight.dtype.type_name}"
            )
        if weight.numel() != 1:
            if input.ndim == 0:
                raise RuntimeError("Not allow zero-dim input tensor.")
            channels = input.shape[1] if input.ndim > 1 else 1
            if channels != weight.numel():
                raise RuntimeError(
                    "Mismatch of parameter numbers and input channel size. "
                    f"Found parameter numbers = {weight.numel()} and channel size = {channels}."
                )
        if weight.ndim > 1:
            raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
        shape = [weight.numel() if d == 1 else 1 for d in range(input.ndim)] if input.ndim > 1 else [1] * input.ndim
        return ops.prelu_kernel(input, weight.reshape(shape))

    def samples(make):
        yield make(2, 3, 4), make(3)
        yield make(4), make(1)


class prelu_kernel(Elementwise, function=False, method=False, only="f"):
    """:func:`prelu` of a weight that broadcasts."""

    def cpu(input, weight):
        return ufuncs.leaky_relu(input, weight)

    @triton.jit
    def cuda(input, weight):
        return tl.where(input > 0, input, input * weight)

    def d_input(grad, input, weight):
        return ops.where(input > 0, grad, grad * weight)

    def d_weight(grad, input):
        return ops.where(input > 0, 0, grad * input)


class threshold(Activation, also="threshold", only="uif"):
    """``value`` in place of the elements that are not above ``threshold``.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.threshold(tritorch.tensor([0.5, 2.0]), 1, 20)
        tensor([20.,  2.])
    """

    def cpu(input, threshold: Number, value: Number, inplace: bool = False):
        return np.where(input <= threshold, np.asarray(value).astype(input.dtype), input)

    @triton.jit
    def cuda(input, threshold, value, inplace):
        return tl.where(input <= threshold, value.to(input.dtype), input)

    def d_input(grad, input, threshold):
        return grad.masked_fill(input <= threshold, 0)

    def samples(make):
        yield make(3, 4), 0.5, -1.0


class hardtanh(Activation, only="uif"):
    """Each element limited to [min_val, max_val].

    Raises:
        ValueError: if ``min_val`` is above ``max_val``.
        RuntimeError: for bools, and for a negative limit of an unsigned dtype.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.hardtanh(tritorch.tensor([-3.0, 0.5, 3.0]))
        tensor([-1.0000,  0.5000,  1.0000])
    """

    def check(input, min_val, max_val):
        if min_val > max_val:
            raise ValueError("min_val cannot be greater than max_val")
        if input.dtype.kind == "b":
            raise RuntimeError("Bool inputs not supported for hardtanh")
        if input.dtype.kind == "u" and (min_val < 0 or max_val < 0):
            raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")

    def cpu(input, min_val: Number = -1.0, max_val: Number = 1.0, inplace: bool = False):
        out = np.maximum(input, input.dtype.type(min_val))
        return np.minimum(out, out.dtype.type(max_val), out=out if out.ndim else None)

    @triton.jit
    def cuda(input, min_val, max_val, inplace):
        return within(input, min_val.to(input.dtype), max_val.to(input.dtype))

    def d_input(grad, input, min_val, max_val):
        return grad.masked_fill((input <= min_val) | (input >= max_val), 0)


class relu6(Activation, only="uif", ufunc=ufuncs.relu6, kinds="f"):
    """Each element limited to [0, 6].

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.relu6(tritorch.tensor([-3.0, 0.5, 30.0]))
        tensor([0.0000, 0.5000, 6.0000])
    """

    def cpu(input, inplace: bool = False):
        return ufuncs.relu6(input) if input.dtype.kind == "f" else np.minimum(np.maximum(input, 0), 6)

    @triton.jit
    def cuda(input, inplace):
        return within(input, 0, 6)

    def d_input(grad, input):
        return grad.masked_fill((input <= 0) | (input >= 6), 0)


class hardsigmoid(Activation, ufunc=ufuncs.hardsigmoid, kinds="f"):
    """``relu6(x + 3) / 6``.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.hardsigmoid(tritorch.tensor([-4.0, 0.0, 4.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """

    def cpu(input, inplace: bool = False):
        return ufuncs.hardsigmoid(input)

    @triton.jit
    def cuda(input, inplace):
        return within(input + 3, 0, 6) / 6

    def d_input(grad, input):
        return ops.where((input > -3) & (input < 3), grad / 6, 0)


class hardswish(Activation, ufunc=ufuncs.hardswish, kinds="f"):
    """``x * relu6(x + 3) / 6``.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.hardswish(tritorch.tensor([-4.0, 1.0, 4.0]))
        tensor([-0.0000, 0.6667, 4.0000])
    """

    def cpu(input, inplace: bool = False):
        return ufuncs.hardswish(input)

    @triton.jit
    def cuda(input, inplace):
        return input * within(input + 3, 0, 6) / 6

    def d_input(grad, input):
        return ops.where(input < 3, grad * (input / 3 + 0.5), grad).masked_fill(input <= -3, 0)


class hardshrink(Elementwise, also="nn.functional.hardshrink", only="f"):
    """Zero in place of the elements in [-lambd, lambd].

    Example:
        >>> import tritorch
        >>> tritorch.hardshrink(tritorch.tensor([-1.0, 0.2, 1.0]))
        tensor([-1.,  0.,  1.])
    """

    def cpu(input, lambd: Number = 0.5):
        return np.where(np.abs(input) <= lambd, input.dtype.type(0), input)

    @triton.jit
    def cuda(input, lambd):
        return tl.where(tl.abs(input) <= lambd, 0, input)

    def d_input(grad, input, lambd):
        return grad.masked_fill(input.abs() <= lambd, 0)


class softshrink(Elementwise, home="nn.functional", method=False, only="f", kernel="softshrink_check"):
    """Each element moved by ``lambd`` towards zero, and not beyond.

    Raises:
        RuntimeError: for a negative ``lambd``.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.softshrink(tritorch.tensor([-1.0, 0.2, 1.0]))
        tensor([-0.5000,  0.0000,  0.5000])
    """

    def check(input, lambd):
        if not lambd >= 0:
            raise RuntimeError(
                f"lambda must be in range [0, 3.40282e+38] for input dtype {dtype_of(input.dtype).type_name}, "
                f"but found {lambd}"
            )

    def cpu(input, lambd: Number = 0.5):
        limit = input.dtype.type(lambd)
        return np.subtract(input, np.clip(input, -limit, limit))

    @triton.jit
    def cuda(input, lambd):
        return input - within(input, -lambd, lambd)

    def d_input(grad, input, lambd):
        return grad.masked_fill(input.abs() <= lambd, 0)
