"""Copies and constant fillings: clone, copy_, fill_, zero_."""

import numpy as np

from .._C import TensorBase, copy_into, window
from ..dtypes import float64
from ..runtime import pointwise
from ..runtime.array import DeviceArray
from ..runtime.transfer import copy_across
from ..shape import broadcast, contiguous_format, preserve_format
from ._device_fill import fill_with, filled
from ._layout import empty_as, number_array
from ._op import Op, ops


class clone(Op, has_out=False, opmath=False):
    """A copy with memory of its own, through which gradients flow.

    Example:
        >>> import tritorch
        >>> x = tritorch.tensor([1.0])
        >>> y = x.clone().add_(1)
        >>> x, y
        (tensor([1.]), tensor([2.]))
    """

    def cpu(input, *, memory_format: object = preserve_format):
        if memory_format is preserve_format and input.flags.c_contiguous:
            return input.copy()
        out = empty_as(input, input.dtype, memory_format)
        copy_into(out, input)
        return out

    def cuda(input, memory_format=preserve_format):
        out = empty_as(input, input.dtype, memory_format)
        pointwise.copy(out, input)
        return out

    def d_input(grad):
        return grad


def check_broadcast(target, source):
    """torch's error where ``source`` is not broadcast to ``target``."""
    if source.shape != target.shape:
        shape = broadcast(target.shape, source.shape)
        if shape != target.shape:
            raise RuntimeError(
                f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(shape)}"
            )


class copy(Op, function=False, method=False, inplace=True, opmath=False):
    """``input`` with the elements of ``src``, which is broadcast and cast."""

    def both_lines():  # across devices the gradient goes back to where it came from
        return [
            "    if getattr(src, 'requires_grad', False) and src.is_cuda is not input.is_cuda: src = src.to(input.device)"
        ]

    def cpu(input, src, non_blocking: bool = False):
        out = np.empty(input.shape, input.dtype)
        out[...] = src
        return out

    def cpu_(input, src, non_blocking):
        check_broadcast(input, src)
        copy_into(input, src)

    def cuda(input, src, non_blocking=False):
        out = empty_as(input, input.dtype, contiguous_format)
        pointwise.copy(out, src)
        return out

    def cuda_(input, src, non_blocking=False):
        check_broadcast(input, src)
        if input.__class__ is DeviceArray and src.__class__ is DeviceArray:
            pointwise.copy(input, src)
        else:
            copy_across(input, src, non_blocking)

    def d_input(grad):
        return ops.zeros_like(grad)

    def d_src(grad):
        return grad

    def samples(make):
        yield make(3, 4), make(4)
        yield make(3, 4), make(3, 1, dtype=float64)


class fill(Op, inplace=True, method=False, opmath=False, overlaps=True, numbers="value"):
    """A tensor like ``input`` with ``value``, a number or a 0-dim tensor, everywhere.

    Raises:
        RuntimeError: if the type cannot hold the number.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(2).fill_(3)
        tensor([3., 3.])
    """

    def check(value):
        if isinstance(value, np.ndarray) and value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
            )

    def cpu(input, value):
        out = empty_as(input, input.dtype)
        out.fill(value if isinstance(value, np.ndarray) else number_array(value, input.dtype))
        return out

    def cpu_(input, value):
        input.fill(value if isinstance(value, np.ndarray) else number_array(value, input.dtype))

    def cuda(input, value):
        out = empty_as(input, input.dtype)
        fill_with(out, value)
        return out

    def cuda_(input, value):
        fill_with(input, value)

    def d_input(grad):
        return ops.zeros_like(grad)

    def d_value(grad):
        return grad.sum()

    def samples(make):
        yield make(3, 4), 2
        yield make(3, 4), make()


class zero(Op, method=False, function=False, inplace=True, opmath=False, overlaps=True):
    """A tensor like ``input`` of zeros."""

    def cpu(input):
        return np.zeros(input.shape, input.dtype)

    def cpu_(input):
        input.fill(0)

    def cuda(input):
        return filled(input.shape, input.dtype, 0)

    def cuda_(input):
        fill_with(input, 0)

    def d_input(grad):
        return ops.zeros_like(grad)


class fill_diagonal(Op, method=False, function=False, inplace=True, opmath=False):
    """``input`` with ``fill_value`` on its main diagonal; with ``wrap``, a tall matrix again below each square.

    Raises:
        RuntimeError: for a vector, or three or more dims of unequal lengths.
    """

    def check(input):
        if input.ndim < 2:
            raise RuntimeError("dimensions must larger than 1")
        if input.ndim > 2 and len(set(input.shape)) > 1:
            raise RuntimeError("all dimensions of input must be of equal length")

    def cpu(input, fill_value: object, wrap: bool = False):
        out = input.copy()
        np.fill_diagonal(out, _scalar(fill_value, out.dtype), wrap)
        return out

    def cpu_(input, fill_value, wrap):
        np.fill_diagonal(input, _scalar(fill_value, input.dtype), wrap)

    def cuda_(input, fill_value, wrap):
        value = fill_value._array if isinstance(fill_value, TensorBase) else fill_value
        rows, columns = input.shape[:2]
        for top in range(0, rows if wrap and input.ndim == 2 else min(rows, 1), columns + 1):
            below = input[top:]
            fill_with(window(below, (min(below.shape),), (sum(input.strides),), 0), value)

    def d_input(grad, wrap):
        return grad.clone().fill_diagonal_(0, wrap)

    def samples(make):
        yield make(3, 4), 2
        yield make(7, 2), 2, True


def _scalar(value, kind):
    return value._array if isinstance(value, TensorBase) else number_array(value, kind)


class detach(Op, method=False, has_out=False):
    """:meth:`Tensor.detach` as a function: the same memory outside the graph."""

    def eager(input):
        return input.detach()
