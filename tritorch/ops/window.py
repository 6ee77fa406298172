"""Windows that show a part: slices, selections, diagonals, sliding windows, any strides."""

import operator

import numpy as np

from .._C import TensorBase, basic_index, window, wrap
from ..dtypes import from_numpy
from ..runtime import pointwise
from ..runtime.jit import triton
from ..runtime.transfer import packed, to_device
from ..shape import size_args
from ._device_fill import filled
from ._device_kinds import computed
from ._index import ALL, check_strided, diagonal_window
from ._index_kernels import accumulate, pick
from ._kinds import View
from ._op import REGISTRY, Op, ops
from ._schema import Dim


class window_backward(Op, function=False, method=False, has_out=False):
    """Zeros of ``shape`` with ``grad`` in the window that a basic ``index`` names."""

    def cpu(grad, shape: tuple, index: object):
        out = np.zeros(shape, grad.dtype)
        basic_index(out, index)[...] = grad
        return out

    def cuda(grad, shape, index):
        out = filled(shape, grad.dtype, 0)
        pointwise.copy(basic_index(out, index), grad)
        return out

    def d_grad(grad, index):
        return grad[index]


class select(View):
    """The part at ``index`` of ``dim``, without that dim.

    Raises:
        IndexError: if there is no such index.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([[1, 2], [3, 4]]).select(1, 0)
        tensor([1, 3])
    """

    def cpu(input, dim: Dim, index: int):
        if not input.ndim:
            raise IndexError("select() cannot be applied to a 0-dim tensor.")
        if not -input.shape[dim] <= index < input.shape[dim]:
            raise IndexError(
                f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
            )
        return basic_index(input, (*(ALL,) * dim, operator.index(index)))

    def d_input(grad, input_shape, dim, index):
        return ops.window_backward(grad, input_shape, (*(ALL,) * dim, operator.index(index)))

    def samples(make):
        yield make(3, 4), 1, 2


def _start(start):
    if isinstance(start, TensorBase):
        if start.ndim or start.dtype.category != 1:
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        return start.item()
    return operator.index(start)


class narrow(View):
    """The ``length`` elements of ``dim`` from ``start`` on. ``start`` may be a 0-dim integer tensor.

    Raises:
        IndexError, RuntimeError: if they are not all there.

    Example:
        >>> import tritorch
        >>> tritorch.arange(6).narrow(0, 2, 3)
        tensor([2, 3, 4])
    """

    def cpu(input, dim: Dim, start: object, length: int):
        if not input.ndim:
            raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
        if length < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        start, size = _start(start), input.shape[dim]
        if not -size <= start <= size:
            raise IndexError(f"start out of range (expected to be in range of [-{size}, {size}], but got {start})")
        start = start + size if start < 0 else start
        if start + length > size:
            raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
        return basic_index(input, (*(ALL,) * dim, slice(start, start + length)))

    def d_input(grad, input_shape, dim, start, length):
        start = _start(start) % max(input_shape[dim], 1)
        return ops.window_backward(grad, input_shape, (*(ALL,) * dim, slice(start, start + length)))

    def samples(make):
        yield make(3, 4), 1, 1, 2


class diagonal(View):
    """The diagonal of the matrices in ``dim1`` and ``dim2``, as the last dim. ``offset`` > 0 is above the main one.

    Raises:
        RuntimeError: ``diagonal dimensions cannot be identical 0, 0``.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([[1, 2], [3, 4]]).diagonal()
        tensor([1, 4])
    """

    def cpu(input, offset: int = 0, dim1: Dim = 0, dim2: Dim = 1):
        if dim1 == dim2:
            raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
        return diagonal_window(input, offset, dim1, dim2)

    def d_input(grad, input_shape, offset, dim1, dim2):
        return ops.diagonal_backward(grad, input_shape, offset, dim1, dim2)

    def samples(make):
        yield make(3, 4)
        yield make(2, 3, 3), 1, 1, 2


class diagonal_backward(Op, function=False, method=False, has_out=False):
    """Zeros of ``shape`` with ``grad`` on a diagonal."""

    def cpu(grad, shape: tuple, offset: int, dim1: int, dim2: int):
        out = np.zeros(shape, grad.dtype)
        diagonal_window(out, offset, dim1, dim2)[...] = grad
        return out

    def cuda(grad, shape, offset, dim1, dim2):
        out = filled(shape, grad.dtype, 0)
        pointwise.copy(diagonal_window(out, offset, dim1, dim2), grad)
        return out

    def d_grad(grad, offset, dim1, dim2):
        return grad.diagonal(offset, dim1, dim2)


class unfold(View, function=False):
    """All windows of ``size`` along ``dimension``, each ``step`` behind the one before. The window is the last dim.

    Raises:
        RuntimeError: if ``size`` is more than there is, or ``step`` is not positive.

    Example:
        >>> import tritorch
        >>> tritorch.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """

    def cpu(input, dimension: Dim, size: int, step: int):
        dim, length = dimension, input.shape[dimension] if input.ndim else 1
        if size < 0:
            raise RuntimeError(f"size is {size} but must be >= 0")
        if size > length:
            raise RuntimeError(f"maximum size for tensor at dimension {dim} is {length} but size is {size}")
        if step <= 0:
            raise RuntimeError(f"step is {step} but must be > 0")
        if not input.ndim:
            return window(input, (size,), (input.itemsize,))
        stride = input.strides[dim]
        shape = (*input.shape[:dim], (length - size) // step + 1, *input.shape[dim + 1 :], size)
        return window(input, shape, (*input.strides[:dim], stride * step, *input.strides[dim + 1 :], stride))

    def d_input(grad, input_shape, dimension, size, step):
        return ops.unfold_backward(grad, input_shape, dimension, size, step)

    def samples(make):
        yield make(3, 6), 1, 3, 2


@triton.jit
def plus(a, b):
    return a + b


class unfold_backward(Op, function=False, method=False, has_out=False):
    """The elements of windows added where they came from: the derivative of :meth:`Tensor.unfold`."""

    def cpu(grad, shape: tuple, dim: int, size: int, step: int):
        if not shape:
            return grad.sum(dtype=grad.dtype)
        out = np.zeros(shape, grad.dtype)
        moved = np.moveaxis(out, dim, -1)
        parts = np.moveaxis(grad, dim, -2)
        last = step * (parts.shape[-2] - 1) + 1
        for k in range(size):
            moved[..., k : k + last : step] += parts[..., k]
        return out

    def cuda(grad, shape, dim, size, step):
        out = filled(shape, grad.dtype, 0)
        if not shape:
            if grad.size:
                pointwise.copy(out, grad.reshape(()))
            return out
        moved, parts = np.moveaxis(out, dim, -1), np.moveaxis(grad, dim, -2)
        last = step * (parts.shape[-2] - 1) + 1
        for k in range(size):
            window = moved[..., k : k + last : step]
            pointwise.pointwise(plus, [window], [window, parts[..., k]], [computed(grad.dtype)] * 2)
        return out

    def d_grad(grad, dim, size, step):
        return grad.unfold(dim, size, step)


# -- any strides ------------------------------------------------------------------------------------


class as_strided(Op, has_out=False):
    """The window on the tensor's storage with that ``size``, ``stride`` and ``storage_offset`` (its own if None),
    counted in elements. Elements may come several times, or not at all.

    Raises:
        RuntimeError: if the window does not lie within the storage.

    Example:
        >>> import tritorch
        >>> tritorch.arange(4).as_strided((2, 2), (1, 1))
        tensor([[0, 1],
                [1, 2]])
    """

    def eager(input, size: object, stride: object, storage_offset: object = None):
        size, stride = size_args((size,), "as_strided", "size"), size_args((stride,), "as_strided", "stride")
        own = input.storage_offset()
        start = own if storage_offset is None else storage_offset
        return ops.strided_window(input, size, stride, start, (input.stride(), own))

    def samples(make):
        yield make(3, 4), (2, 2), (1, 2), 1


class as_strided_(Op, has_out=False):
    """The tensor becomes another window on its storage: see :func:`as_strided`."""

    def eager(input, size: object, stride: object, storage_offset: object = None):
        own = input.storage_offset()
        start = own if storage_offset is None else storage_offset
        turn = REGISTRY["strided_window"].call_
        return turn(input, tuple(size), tuple(stride), start, (input.stride(), own))

    def samples(make):
        yield make(3, 4), (2, 2), (1, 2), 1


class strided_window(View, function=False, method=False, inplace=True):
    """:func:`as_strided`, told the geometry ``(stride, storage_offset)`` of its input."""

    def cpu(input, size: tuple, stride: tuple, offset: int, origin: tuple):
        check_strided(input, size, stride, offset)
        step = input.itemsize
        return window(input, size, tuple([s * step for s in stride]), (offset - origin[1]) * step)

    def d_input(grad, input_shape, size, stride, offset, origin):
        return ops.strided_backward(grad, (size, stride, offset), (input_shape, *origin))

    def samples(make):
        yield make(3, 4), (2, 2), (1, 2), 1, ((4, 1), 0)


def _places(size, stride, offset):
    """The places in the storage of a window's elements, flat."""
    out = np.full((1,) * len(size), offset, np.int64)
    for dim, (n, s) in enumerate(zip(size, stride, strict=True)):
        out = out + (np.arange(n) * s).reshape([n if d == dim else 1 for d in range(len(size))])
    return out.reshape(-1)


def _shared(values, places):
    """``values`` on a device divided by how many of them lie at the same place."""
    count = np.bincount(places, minlength=1)
    if count.max() <= 1:
        return values
    kind = from_numpy(values.dtype)
    return (wrap(values) / wrap(to_device(count[places])).to(kind))._array


class strided_backward(Op, function=False, method=False, has_out=False):
    """``grad`` of the window with geometry ``to``, added up on the storage and shown through the geometry
    ``origin``; what that shows several times is shared out."""

    def cpu(grad, to: tuple, origin: tuple):
        read, written = _places(*to), _places(*origin)
        room = int(max(read.max(initial=0), written.max(initial=0))) + 1
        storage = np.zeros(room, grad.dtype)
        np.add.at(storage, read, grad.reshape(-1))
        count = np.bincount(written, minlength=1)
        if count.max() > 1:
            storage[: count.size] /= np.maximum(count, 1).astype(grad.dtype)
        return storage[written].reshape(origin[0])

    def cuda(grad, to, origin):
        read, written = _places(*to), _places(*origin)
        room = int(max(read.max(initial=0), written.max(initial=0))) + 1
        storage = filled((room,), grad.dtype, 0)
        accumulate(storage, [to_device(read)], packed(grad).reshape(-1))
        return _shared(pick(storage, [to_device(written)]), written).reshape(origin[0])

    def d_grad(grad, to, origin):
        return ops.strided_regather(grad, to, origin)


class strided_regather(Op, function=False, method=False, has_out=False):
    """The adjoint of :class:`strided_backward`: elements put on a storage by one geometry, read by another."""

    def cpu(input, to: tuple, origin: tuple):
        read, written = _places(*to), _places(*origin)
        storage = np.zeros(int(max(read.max(initial=0), written.max(initial=0))) + 1, input.dtype)
        count = np.bincount(written, minlength=1)
        share = input.reshape(-1)
        if count.max() > 1:
            share = share / np.maximum(count, 1)[written].astype(input.dtype)
        np.add.at(storage, written, share)
        return storage[read].reshape(to[0])

    def cuda(input, to, origin):
        read, written = _places(*to), _places(*origin)
        room = int(max(read.max(initial=0), written.max(initial=0))) + 1
        storage = filled((room,), input.dtype, 0)
        accumulate(storage, [to_device(written)], _shared(packed(input).reshape(-1), written))
        return pick(storage, [to_device(read)]).reshape(to[0])

    def d_input(grad, to, origin):
        return ops.strided_backward(grad, to, origin)
