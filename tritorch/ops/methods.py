"""Methods of tensors that are no formula: another class, another size, a Python function on each element."""

import numpy as np

from .. import _C
from .._C import bump, refuse_overlap
from ..runtime import gpu
from ..runtime.device import device as Device
from ._layout import dims_by_stride
from ._op import Op, ops
from ._schema import Shape


class as_subclass(Op, function=False, has_out=False):
    """The same tensor as an instance of ``cls``, a subclass of Tensor: memory, history and gradients are shared."""

    def eager(input, cls: object):
        made = ops.alias(input)
        made.__class__ = cls
        return made

    def samples(make):
        yield make(3, 4), type(make(3))


class resize(Op, function=False, has_out=False):
    """:meth:`reshape`, for as many elements as there are. Deprecated in torch."""

    def eager(input, size: Shape):
        return input.reshape(size)

    def samples(make):
        yield make(3, 4), (2, 6)


class resize_as(Op, function=False, has_out=False):
    """:meth:`reshape` to the shape of ``other``. Deprecated in torch."""

    def eager(input, other):
        return input.reshape(other.shape)

    def samples(make):
        yield make(3, 4), make(2, 6)


class to_dense(Op, function=False, has_out=False):
    """The tensor itself: none is sparse."""

    def eager(input, dtype: object = None, *, masked_grad: object = True):
        return input if dtype is None else input.to(dtype)


class pin_memory(Op, function=False, has_out=False):
    """The tensor in page-locked memory: itself, or a copy. Copies between there and a device need not wait for it.

    Raises:
        RuntimeError: where there is no GPU, and for a tensor that is not in host memory.
    """

    def eager(input, device: object = None):
        place = Device("cuda" if device is None else device)
        if not gpu.is_available():
            raise RuntimeError(f"Cannot access accelerator device when none is available: {place}")
        if input.is_cuda:
            raise RuntimeError(f"cannot pin '{input.type()}' only dense CPU tensors can be pinned")
        if input.is_pinned():
            return input
        out = _C.wrap(_C.pinned_empty(input.shape, input.dtype.np))
        return out.copy_(input)

    def samples(make):
        return ()  # without a GPU it raises


class record_stream(Op, function=False, has_out=False):
    """Marks the memory as used by ``stream``: after the tensor's death it is given out again only when what that
    stream was given until then is done. Nothing to do on the CPU."""

    def eager(input, stream: object):
        if input.is_cuda:
            _C.memory_of(input._array).record_stream(stream.cuda_stream)

    def samples(make):
        yield make(3, 4), None


class dim_order(Op, function=False, has_out=False):
    """The dims from the outermost in memory to the innermost."""

    def eager(input, *, ambiguity_check: object = False):
        return tuple(dims_by_stride(input.shape, input.stride()))


class detach_(Op, method=False, has_out=False):
    """:meth:`Tensor.detach_` as a function."""

    def eager(input):
        return input.detach_()


class zero_(Op, method=False, has_out=False):
    """:meth:`Tensor.zero_` as a function."""

    def eager(input):
        return input.zero_()


class resize_as_(Op, method=False, has_out=False):
    """:meth:`Tensor.resize_as_` as a function."""

    def eager(input, the_template: object):
        return input.resize_as_(the_template)

    def samples(make):
        yield make(3, 4), make(2, 6)


def _refuse_grad(name, input):
    if input.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")


def _refuse_device(name, *tensors):
    if any(not x.is_cpu for x in tensors):
        raise TypeError(f"{name} is only implemented on CPU tensors")


class apply_(Op, function=False, has_out=False):
    """Replaces each element by what ``callable`` gives for it. Slow: a Python call an element.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1.0, 2.0]).apply_(lambda x: x + 1)
        tensor([2., 3.])
    """

    def eager(input, callable: object):
        _refuse_grad("apply_", input)
        _refuse_device("apply_", input)
        return _fill_with(input, [callable(x) for x in input._array.reshape(-1).tolist()])

    def samples(make):
        yield make(3, 4), lambda x: x


class map_(Op, function=False, has_out=False):
    """Replaces each element by what ``callable`` gives for it and that of ``tensor``. Slow: a Python call an element.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1.0, 2.0]).map_(tritorch.tensor([3.0, 4.0]), lambda a, b: a * b)
        tensor([3., 8.])
    """

    def eager(input, tensor, callable: object):
        _refuse_grad("map_", input)
        _refuse_device("map_", input, tensor)
        pairs = zip(_elements(input, input), _elements(tensor, input), strict=True)
        return _fill_with(input, [callable(*pair) for pair in pairs])

    def samples(make):
        yield make(3, 4), make(4), lambda x, y: y


class map2_(Op, function=False, has_out=False):
    """:meth:`map_` with the elements of two more tensors."""

    def eager(input, x: object, y: object, callable: object):
        _refuse_grad("map2_", input)
        _refuse_device("map2_", input, x, y)
        triples = zip(_elements(input, input), _elements(x, input), _elements(y, input), strict=True)
        return _fill_with(input, [callable(*triple) for triple in triples])

    def samples(make):
        yield make(3, 4), make(4), make(4), lambda x, y, z: z


def _elements(tensor, like):
    return np.broadcast_to(tensor._array, like._array.shape).reshape(-1).tolist()


def _fill_with(input, values):
    refuse_overlap(input._array)
    input._array[...] = np.array(values, input._array.dtype).reshape(input._array.shape)
    bump(input)
    return input
