"""Elements written where a mask is true: masked_fill, masked_scatter."""

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ..errors import cpp_name, output_shape
from ..runtime.array import DeviceArray, empty, result_like
from ..runtime.jit import tl, triton
from ..runtime.pointwise import copy, pointwise
from ..shape import broadcast, expand_shape
from ._device import refuse_host
from ._index_kernels import put_where_true
from ._layout import empty_as, number_array
from ._op import Op, ops


def _value(value, kind):
    if not isinstance(value, np.ndarray):
        return number_array(value, kind)
    if value.dtype.kind == "c" and kind.kind != "c":
        return number_array(value.item(), kind)
    return value.astype(kind)


@triton.jit
def chosen(condition, value, other):
    return tl.where(condition, value, other)


def _choose(out, mask, value, input):
    if value.__class__ is not DeviceArray:
        value = _value(value, input.dtype).item()
    value = int(value) if value.__class__ is bool else value
    pointwise(chosen, [out], [mask, value, input], [None, input.dtype, None])


class masked_fill(Op, inplace=True, opmath=False, numbers="value"):
    """``value``, a number or a 0-dim tensor, where ``mask``, a bool tensor that broadcasts, is true.

    Raises:
        RuntimeError: for a mask that is not bool, or a value that the dtype cannot hold.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 2]).masked_fill(tritorch.tensor([True, False]), 0)
        tensor([0, 2])
    """

    def check(mask, value):
        if mask.dtype != np.bool_:
            raise RuntimeError(
                f"masked_fill_ only supports boolean masks, but got mask with dtype {cpp_name(dtype_of(mask.dtype))}"
            )
        if isinstance(value, np.ndarray) and value.ndim:
            raise RuntimeError(
                f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
                "dimension(s)."
            )

    def cpu(input, mask, value):
        shape = input.shape if mask.shape == input.shape else broadcast(input.shape, mask.shape)
        if shape == input.shape and input.flags.c_contiguous:
            out = input.copy()
        else:
            out = empty_as(input, input.dtype) if shape == input.shape else np.empty(shape, input.dtype)
            out[...] = input
        np.copyto(out, _value(value, out.dtype), where=mask)
        return out

    def cpu_(input, mask, value):
        shape = input.shape if mask.shape == input.shape else broadcast(input.shape, mask.shape)
        if shape != input.shape:
            raise output_shape(input.shape, shape)
        np.copyto(input, _value(value, input.dtype), where=mask)

    def cuda(input, mask, value):
        out = result_like([input], broadcast(input.shape, mask.shape), input.dtype)
        _choose(out, mask, value, input)
        return out

    def cuda_(input, mask, value):
        shape = broadcast(input.shape, mask.shape)
        if shape != input.shape:
            raise output_shape(input.shape, shape)
        _choose(input, mask, value, input)

    def d_input(grad, mask):
        return grad.masked_fill(mask, 0)

    def d_value(grad, mask):
        return grad.masked_fill(ops.logical_not(mask), 0).sum()

    def samples(make):
        yield make(3, 4), make.mask(4), 2
        yield make(3, 4), make.mask(3, 1), make()


def _check_scatter(out, mask, source):
    if mask.dtype != np.bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {dtype_of(mask.dtype).type_name}"
        )
    if out.dtype != source.dtype:
        names = [dtype_of(x.dtype).type_name for x in (out, source)]
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got{names[0]} and {names[1]}"
        )


def _scatter_there(out, mask, source):
    _check_scatter(out, mask, source)
    if not put_where_true(out, np.broadcast_to(mask, out.shape, subok=True), source):
        raise RuntimeError("Number of elements of source < number of ones in mask")


def _scatter(out, mask, source):
    _check_scatter(out, mask, source)
    mask = np.broadcast_to(mask, out.shape)
    count = np.count_nonzero(mask)
    if source.size < count:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    out[mask] = source.reshape(-1)[:count]


class masked_scatter(Op, inplace=True, opmath=False):
    """The elements of ``source``, in their order, where ``mask``, a bool tensor that broadcasts, is true.

    Raises:
        RuntimeError: for a mask that is not bool, another dtype, or too few elements.

    Example:
        >>> import tritorch
        >>> mask = tritorch.tensor([False, True, True])
        >>> tritorch.zeros(3).masked_scatter(mask, tritorch.tensor([1.0, 2.0]))
        tensor([0., 1., 2.])
    """

    def cpu(input, mask, source):
        out = np.array(np.broadcast_to(input, broadcast(input.shape, mask.shape)), order="C")
        _scatter(out, mask, source)
        return out

    def cpu_(input, mask, source):
        if mask.shape != input.shape:
            expand_shape(mask.shape, input.shape, "CPUBoolType")
        _scatter(input, mask, source)

    def cuda(input, mask, source):
        out = empty(broadcast(input.shape, mask.shape), input.dtype)
        copy(out, input)
        _scatter_there(out, mask, source)
        return out

    def cuda_(input, mask, source):
        refuse_host((input, mask, source))
        if mask.shape != input.shape:
            expand_shape(mask.shape, input.shape, "CUDABoolType")
        _scatter_there(input, mask, source)

    def d_input(grad, mask):
        return grad.masked_fill(mask, 0)

    def d_source(grad, mask, source_shape):
        taken = ops.masked_select(grad, mask)
        missing = int(np.prod(source_shape, dtype=np.int64)) - taken.numel()
        return ops.cat([taken, taken.new_zeros(missing)]).reshape(source_shape)

    def samples(make):
        yield make(3, 4), make.mask(4), make(12)
