"""Square brackets: windows where the index is basic, gathered and written elements where it holds tensors.

See Note [Indexing] in ``_index``.
"""

import numpy as np

from .. import _C
from .._C import TensorBase, basic_index, bump, needs_grad, record, view
from ..dtypes import from_numpy as dtype_of
from ..dtypes import int64
from ..runtime.array import DeviceArray, empty
from ..runtime.pointwise import copy
from ..runtime.transfer import to_device, to_host
from ._call import refuse_overlap
from ._device import mixed
from ._device_fill import filled
from ._index import (
    ALL,
    BOOL,
    INT64,
    add_at,
    frozen,
    gather_from,
    index_error,
    is_mask,
    is_trivial,
    numpy_index,
    refuse_device,
    resolve,
)
from ._index_kernels import accumulate, cloned, nonzero, on_device, on_host, pick, put
from ._kinds import View
from ._layout import number_array
from ._op import Op, ops


class slice_(View, function=False, method=False):
    """What ints, slices, None and Ellipsis name: ``input[1:3, 0]``."""

    def cpu(input, index: object):
        return basic_index(input, index)

    def d_input(grad, input_shape, index):
        return ops.window_backward(grad, input_shape, index)


class getitem(Op, operator="[]", function=False, method=False, has_out=False):
    """The part that ``index`` names: ``input[0]``, ``input[1:3, ..., None]``, ``input[mask]``, ``input[[2, 0]]``.

    Ints, slices with a positive step, None and Ellipsis give a view; masks and integer tensors gather a copy.

    Raises:
        IndexError: if there is no such part.
    """

    def eager(input, index: object):
        window = basic_index(input._array, index)
        if window is None:
            return _gathered(input, index)
        if not needs_grad(input):
            return view(input, window)
        if slice_.node is None:  # written at the first call
            return ops.slice_(input, frozen(index))
        out = view(input, window)
        record(slice_.node, out, (input,), (input.shape, frozen(index)))
        return out

    def samples(make):
        yield make(3, 4), (slice(None), 1)
        yield make(3, 4), (Ellipsis, None, slice(0, 4, 2))
        yield make(3, 4), make.mask(3, 4)
        yield make(3, 4), (make.indices(2, below=3), slice(1, 3))


def _windowed(input, index):
    """(window, indices): the window that the basic part of an index names, and what gathers from it."""
    if isinstance(index, TensorBase):
        kind = index._array.dtype
        if (kind == INT64 and input.ndim) or (kind == BOOL and 0 < index.ndim <= input.ndim):
            return input, [index]
    basic, indices = resolve(input, index)
    return input if is_trivial(basic) else input[basic], indices


def _gathered(input, index):
    return ops.index(*_windowed(input, index))


def _device_index(shape, indices):
    """As :func:`numpy_index`, for a device: masks are the places where they are true."""
    where = []
    for i in numpy_index(shape, indices):
        if i is ALL:
            where.append(i)
        elif i.dtype == BOOL:
            where += nonzero(on_device(i))
        else:
            where.append(on_device(i))
    if all(i is ALL for i in where):
        return None
    try:
        np.broadcast_shapes(*[i.shape for i in where if i is not ALL])
    except ValueError as error:
        raise index_error(shape, where, error) from None
    return where


class index(Op, function=False, method=False, has_out=False, opmath=False):
    """The elements that ``indices`` name: for each dim None, an integer tensor, or a mask of some dims."""

    def cpu(input, indices: list):
        refuse_device(indices)
        if len(indices) == 1 and indices[0] is not None:  # x[i] and x[mask]
            index = indices[0]._array
            if index.dtype == BOOL and index.shape == input.shape:
                return input[index]
            if index.dtype == INT64:
                try:
                    return input.take(index, 0)
                except (IndexError, ValueError):  # the general path says what is wrong
                    pass
        return gather_from(input, numpy_index(input.shape, indices))

    def cuda(input, indices):
        where = _device_index(input.shape, indices)
        if where is None:
            return cloned(input)
        out = pick(input, where)
        if out is None:
            on_host(index.cpu, input, _downloaded(indices))
        return out

    def d_input(grad, input_shape, indices):
        return ops.index_backward(grad, input_shape, indices)


def _downloaded(indices):
    return [None if t is None else t.cpu() for t in indices]


class index_backward(Op, function=False, method=False, has_out=False):
    """Zeros of ``shape`` with ``grad`` added where it was gathered."""

    def cpu(grad, shape: tuple, indices: list):
        out = np.zeros(shape, grad.dtype)
        refuse_device(indices)
        add_at(out, numpy_index(shape, indices), grad)
        return out

    def cuda(grad, shape, indices):
        out = filled(shape, grad.dtype, 0)
        where = _device_index(shape, indices)
        if where is None:
            return cloned(grad)
        accumulate(out, where, grad)
        return out

    def d_grad(grad, indices):
        return ops.index(grad, indices)


# -- writing ----------------------------------------------------------------------------------------


class setitem(Op, operator="[]=", function=False, method=False, has_out=False):
    """Writes ``value``, a number or a tensor that broadcasts, into the part that ``index`` names."""

    def eager(input, index: object, value: object):
        value = _as_value(input, value)
        window = basic_index(input._array, index)
        if window is None:
            _put(input, index, value)
        elif window.__class__ is DeviceArray or needs_grad(input, value):
            value = value if isinstance(value, TensorBase) else _C.wrap(value)
            value = value.to(input.device) if value.requires_grad else value  # whose gradient goes back there
            ops.slice_(input, frozen(index)).copy_(_without_leading_ones(value, window.ndim))
        else:
            refuse_overlap(window)
            array = to_host(value._array) if isinstance(value, TensorBase) else value
            try:
                _C.run(np.copyto, window, array, casting="unsafe")
            except ValueError:
                array = to_host(_without_leading_ones(value, window.ndim).expand(window.shape)._array)
                _C.run(np.copyto, window, array, casting="unsafe")
            bump(input)

    def samples(make):
        yield make(3, 4), (slice(None), 1), 2.0
        yield make(3, 4), make.mask(3, 4), 1
        yield make(3, 4), make.indices(2, below=3), make(4)


def _as_value(input, value):
    """What may be written: a tensor, or a number as an array of the input's dtype."""
    if isinstance(value, TensorBase):
        return value
    kind = input._array.dtype
    if not isinstance(value, (int, float, complex, np.generic)):
        raise TypeError(f"can't assign a {type(value).__name__} to a {input.type_name()}")
    return number_array(value.item() if isinstance(value, np.generic) else value, kind)


def _without_leading_ones(value, ndim):
    shape = value.shape
    extra = 0
    while len(shape) - extra > ndim and shape[extra] == 1:
        extra += 1
    return value.reshape(shape[extra:]) if extra else value


def _put(input, index, value):
    window, indices = _windowed(input, index)
    value = value if isinstance(value, TensorBase) else _C.wrap(value)
    if not value.ndim:
        value = value if value.device == input.device else value.to(input.device)
        _put_into(window, indices, value)
        return
    tensors = [t for t in indices if t is not None]
    consumed = sum(t.ndim if is_mask(t) else 1 for t in tensors)
    gathered = max(1 if is_mask(t) else t.ndim for t in tensors)
    _put_into(window, indices, _without_leading_ones(value, window.ndim - consumed + gathered))


def _put_into(window, indices, value):
    if needs_grad(window, value):
        window.index_put_(indices, value)
        return
    check_same_dtype(window._array, value._array)
    refuse_overlap(window._array)
    if window.is_cuda:
        _write_on_device(window._array, indices, value._array, False)
    elif value.is_cuda:
        raise mixed()
    else:
        _C.run(_write, window._array, indices, value._array, False)
    bump(window)


def _write(out, indices, values, accumulate):
    refuse_device(indices)
    where = numpy_index(out.shape, indices)
    if accumulate:
        add_at(out, where, np.broadcast_to(values, _shape_of(out, where)))
        return
    try:
        out[where] = values
    except ValueError:
        raise IndexError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing result of "
            f"shape {list(_shape_of(out, where))}"
        ) from None
    except IndexError as error:
        raise index_error(out.shape, where, error) from None


def _write_on_device(out, indices, values, accumulated):
    if values.__class__ is not DeviceArray:
        if values.ndim:
            raise mixed()
        values = to_device(values)
    where = _device_index(out.shape, indices)
    if where is None:
        copy(out, values)
        return
    try:
        fits = accumulate(out, where, values) if accumulated else put(out, where, values)
    except ValueError:
        shape = pick(np.broadcast_to(empty((), BOOL), out.shape, subok=True), where).shape
        raise IndexError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing result of "
            f"shape {list(shape)}"
        ) from None
    if not fits:
        on_host(_write, out, _downloaded(indices), values, accumulated)


def _shape_of(array, where):
    """The shape of what an index gathers."""
    return gather_from(np.broadcast_to(np.zeros((), np.bool_), array.shape), where).shape


def check_same_dtype(input, values):
    """Raises torch's error for values of another dtype."""
    if input.dtype != values.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{dtype_of(input.dtype).type_name} for the destination and {dtype_of(values.dtype).type_name} for the "
            "source."
        )


class index_put(Op, inplace=True):
    """``input`` with ``values``, which broadcast, where ``indices`` say: for each dim None, an integer tensor, or a
    mask. With ``accumulate`` they are added, an element named several times as often.

    Raises:
        RuntimeError: if the dtypes differ.
        IndexError: for an index out of range, or values that do not broadcast.

    Example:
        >>> import tritorch
        >>> i = tritorch.tensor([0, 0, 2])
        >>> tritorch.zeros(3).index_put((i,), tritorch.tensor(1.0), accumulate=True)
        tensor([2., 0., 1.])
    """

    def check(input, values):
        check_same_dtype(input, values)

    def cpu(input, indices: object, values, accumulate: bool = False):
        out = input.copy()
        _write(out, indices, values, accumulate)
        return out

    def cpu_(input, indices, values, accumulate):
        _write(input, indices, values, accumulate)

    def cuda(input, indices, values, accumulate):
        out = cloned(input)
        _write_on_device(out, indices, values, accumulate)
        return out

    def cuda_(input, indices, values, accumulate):
        _write_on_device(input, indices, values, accumulate)

    def d_input(grad, indices, values_shape, accumulate):
        return grad if accumulate else grad.index_put(tuple(indices), grad.new_zeros(()))

    def d_values(grad, indices):
        return ops.index(grad, list(indices))

    def samples(make):
        yield make(3, 4), (make.plain([0, 2], int64),), make(2, 4)
        yield make(3, 4), (make.plain([0, 0], int64), make.plain([1, 1], int64)), make(2), True
        yield make(3, 4), (make.mask(3, 4),), make()
