"""New tensors after the model of another: ``zeros_like``, ``new_zeros`` and their like."""

import operator

import numpy as np

from .._C import TensorBase
from .._factory import tensor
from ..runtime.array import empty as device_empty
from ..shape import preserve_format
from ._device_fill import filled, like
from ._kinds import Like
from ._layout import checked_sizes, empty_as, empty_of, number_argument, number_array, strided_of
from ._op import Op
from ._schema import DType, Shape, Star


class empty_like(Like):
    """Arbitrary elements in the shape, dtype and layout in memory of ``input``.

    Example:
        >>> import tritorch
        >>> tritorch.empty_like(tritorch.zeros(2, 3)).shape
        tritorch.Size([2, 3])
    """

    def cpu(input, *, memory_format: object = preserve_format, dtype: DType = None):
        return empty_as(input, dtype, memory_format)

    def cuda(input, memory_format=preserve_format, dtype=None):
        return like(input, dtype, memory_format)


class zeros_like(Like):
    """Zeros in the shape, dtype and layout in memory of ``input``.

    Example:
        >>> import tritorch
        >>> tritorch.zeros_like(tritorch.tensor([1, 2]))
        tensor([0, 0])
    """

    def cpu(input, *, memory_format: object = preserve_format, dtype: DType = None):
        if input.flags.c_contiguous and memory_format is preserve_format:
            return np.zeros(input.shape, dtype)
        out = empty_as(input, dtype, memory_format)
        out.fill(0)
        return out

    def cuda(input, memory_format=preserve_format, dtype=None):
        return like(input, dtype, memory_format, 0)


class ones_like(Like):
    """Ones in the shape, dtype and layout in memory of ``input``.

    Example:
        >>> import tritorch
        >>> tritorch.ones_like(tritorch.tensor([0.5, 2]))
        tensor([1., 1.])
    """

    def cpu(input, *, memory_format: object = preserve_format, dtype: DType = None):
        out = empty_as(input, dtype, memory_format)
        out.fill(1)
        return out

    def cuda(input, memory_format=preserve_format, dtype=None):
        return like(input, dtype, memory_format, 1)


class full_like(Like):
    """``fill_value`` in the shape, dtype and layout in memory of ``input``.

    Example:
        >>> import tritorch
        >>> tritorch.full_like(tritorch.tensor([1, 2]), 7)
        tensor([7, 7])
    """

    def cpu(input, fill_value: object, *, memory_format: object = preserve_format, dtype: DType = None):
        out = empty_as(input, dtype, memory_format)
        out[...] = number_array(number_argument("full_like", "fill_value", 2, fill_value), dtype)
        return out

    def cuda(input, fill_value, memory_format=preserve_format, dtype=None):
        return like(input, dtype, memory_format, number_argument("full_like", "fill_value", 2, fill_value))

    def samples(make):
        yield make(3, 4), 2


class new_empty(Like, function=False, method=True):
    """Arbitrary elements in that size, in the dtype of the tensor unless given."""

    def cpu(input, size: Shape, *, dtype: DType = None):
        return empty_of(size, dtype)

    def cuda(input, size, dtype=None):
        return device_empty(checked_sizes("new_empty", size), dtype)


class new_zeros(Like, function=False, method=True):
    """Zeros in that size, in the dtype of the tensor unless given."""

    def cpu(input, size: Shape, *, dtype: DType = None):
        return np.zeros(checked_sizes("zeros", size), dtype)

    def cuda(input, size, dtype=None):
        return filled(checked_sizes("new_zeros", size), dtype, 0)


class new_ones(Like, function=False, method=True):
    """Ones in that size, in the dtype of the tensor unless given."""

    def cpu(input, size: Shape, *, dtype: DType = None):
        out = empty_of(size, dtype)
        out.fill(1)
        return out

    def cuda(input, size, dtype=None):
        return filled(checked_sizes("new_ones", size), dtype, 1)


class new_full(Like, function=False, method=True):
    """``fill_value`` in that size, in the dtype of the tensor unless given."""

    def cpu(input, size: tuple, fill_value: object, *, dtype: DType = None):
        out = empty_of(tuple([operator.index(n) for n in size]), dtype)
        out[...] = number_array(number_argument("new_full", "fill_value", 2, fill_value), dtype)
        return out

    def cuda(input, size, fill_value, dtype=None):
        size = checked_sizes("new_full", tuple(size))
        return filled(size, dtype, number_argument("new_full", "fill_value", 2, fill_value))

    def samples(make):
        yield make(3, 4), (2, 3), 2


class new_empty_strided(Like, function=False, method=True):
    """Arbitrary elements with that size and stride, in the dtype of the tensor unless given."""

    def cpu(input, size: tuple, stride: tuple, *, dtype: DType = None):
        return strided_of(size, stride, dtype)

    def cuda(input, size, stride, dtype=None):
        return strided_of(size, stride, dtype, device_empty)

    def samples(make):
        yield make(3, 4), (2, 3), (1, 2)


class new_tensor(Op, function=False, has_out=False):
    """A new tensor with a copy of ``data``, in the dtype of the tensor unless given."""

    def eager(
        input,
        data: object,
        *,
        dtype: object = None,
        device: object = None,
        requires_grad: object = False,
        layout: object = None,
        pin_memory: object = False,
    ):
        kind = input.dtype if dtype is None else dtype
        place = input.device if device is None else device
        return tensor(data, dtype=kind, device=place, requires_grad=requires_grad, pin_memory=pin_memory)

    def samples(make):
        yield make(3), [1, 2]
        yield make(3), 2.5


class new(Op, function=False, has_out=False):
    """An uninitialised tensor of that size, or one with that data, in the dtype of the tensor."""

    def eager(input, data: Star, *, device: object = None):
        if len(data) == 1 and isinstance(data[0], (TensorBase, list, np.ndarray)):
            return tensor(data[0], dtype=input.dtype, device=input.device if device is None else device)
        return input.new_empty(*(data or (0,)))

    def samples(make):
        yield make(3), 2, 3
        yield make(3), [1.0, 2.0]
