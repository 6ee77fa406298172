"""What generated call paths call: the uncommon turns of binding, placing and writing."""

import warnings
from collections import namedtuple

import numpy as np

from .. import _C
from .._C import TensorBase, refuse_overlap
from ..dtypes import as_dtype, can_cast
from ..dtypes import from_numpy as dtype_of
from ..dtypes import get_default_dtype as default_dtype
from ..errors import argument_type, cant_cast, cpp_name, expected_tensor, output_shape
from ..runtime import pointwise
from ..runtime.array import DeviceArray, root_of
from ..runtime.device import cpu as cpu_device
from ..runtime.device import device as Device
from ..runtime.device import get_default_device as default_device
from ..runtime.device import moved
from ..runtime.gpu import available
from ..shape import broadcast, size_args, wrap_dim, wrap_dims
from ._device import create_on, mixed

__all__ = [
    "TensorBase",
    "as_dtype",
    "assign",
    "assign_tensor",
    "cpu_device",
    "create_on",
    "default_dtype",
    "is_copy",
    "is_operand",
    "keep_dims",
    "metas",
    "number",
    "number_or_operand",
    "moved",
    "operand",
    "out_dtype",
    "place",
    "refuse_overlap",
    "shape_of",
    "shapes_of",
    "size_args",
    "tensor_list",
    "unwritten",
    "wrap_dim",
    "wrap_dims",
    "write_out",
    "write_out_tensor",
    "zeros_like_meta",
]

NUMBER_TYPES = (int, float, complex, np.generic)


def is_operand(x):
    """True for what the operators of Python take beside a tensor."""
    return isinstance(x, (TensorBase, int, float, complex, np.generic))


def _kind_name(x):
    return type(x).__name__


def operand(op, position, name, x):
    """The array of ``x``, or torch's TypeError."""
    if isinstance(x, TensorBase):
        return x._array
    if x is None and not op.function:  # an operator of ours alone, whose optional tensors have no default
        return None
    raise expected_tensor(op.short, name, position + 1, x)


def number_or_operand(op, position, name, x):
    """The array of ``x``, or the Python number that it is."""
    if isinstance(x, np.generic):
        return x.item()
    if isinstance(x, NUMBER_TYPES):
        return x
    return operand(op, position, name, x)


def number(x):
    """A Python number out of a number, a NumPy scalar or a 0-dim tensor; anything else as it is."""
    if isinstance(x, TensorBase):
        return x.item()
    return x.item() if isinstance(x, np.generic) else x


def tensor_list(op, position, name, xs):
    """``xs`` as a list, each checked to be a tensor."""
    if not isinstance(xs, (list, tuple)):
        raise argument_type(op.short, name, position + 1, "tuple of Tensors", xs)
    for i, x in enumerate(xs):
        if not isinstance(x, TensorBase):
            raise TypeError(
                f"{op.short}(): expected Tensor as element {i} in argument {position}, but got {_kind_name(x)}"
            )
    return list(xs)


def shape_of(x):
    """The shape of a tensor; a number has none."""
    return x.shape if isinstance(x, TensorBase) else ()


def shapes_of(xs):
    """The shapes of a list of tensors."""
    return [x.shape for x in xs]


def metas(outs):
    """(shape, dtype) of each output: enough to make a zero gradient of it."""
    return tuple((o.shape, o._array.dtype) for o in outs)


def zeros_like_meta(meta):
    """The gradient of an output that nothing used."""
    return _C.wrap(np.zeros(*meta))


def keep_dims(x, dim, shape):
    """``x`` with the reduced dims back as ones; None stays None."""
    return None if x is None else x.reshape([1 if dim is None or i in dim else n for i, n in enumerate(shape)])


def place(device, name, like=None):
    """Where a new tensor goes: None is where the array ``like`` is (the host, without one); else a device.

    Raises:
        RuntimeError: for a device that is not there, saying why.
    """
    device = default_device() if device is None else Device(device)
    if device.type == "cpu":
        return None if like is None or like.__class__ is not DeviceArray else device
    device = available(device, name)
    return None if like.__class__ is DeviceArray and like.device is device else device


def is_copy(array, source):
    """Whether ``array`` is memory of its own, on a device."""
    return array.__class__ is DeviceArray and root_of(array) is not root_of(source)


def out_dtype(op, out, dtype):
    """The dtype of what a creation function writes into ``out``: its own, and no other may be asked for."""
    if isinstance(out, TensorBase):
        if dtype is not None and dtype is not out.dtype:
            raise RuntimeError(f"dtype {dtype.type_name} does not match dtype of out parameter ({out.dtype.type_name})")
        return out.dtype
    raise argument_type(op.short, "out", None, "Tensor", out)


# Note [Writes]: every write into an existing tensor passes `assign`: it refuses overlapping targets and
# lossy categories with torch's texts, casts, and bumps the version that views and detach() share.


def assign(target, value, name):
    """Writes the array ``value`` into ``target``; bumps its version."""
    array = target._array
    if value is not array:
        given = value.shape
        if given != array.shape and broadcast(given, array.shape) != array.shape:
            raise output_shape(array.shape, broadcast(given, array.shape))
        if value.dtype is not array.dtype and value.dtype != array.dtype:
            source, goal = dtype_of(value.dtype), dtype_of(array.dtype)
            if not can_cast(source, goal):
                raise cant_cast(source, goal)
        refuse_overlap(array)
        if (array.__class__ is DeviceArray) is not (value.__class__ is DeviceArray):
            raise mixed()
        if array.__class__ is DeviceArray:
            pointwise.copy(array, value)
        else:
            array[...] = value
    _C.bump(target)
    return target


def unwritten(tensor, target):
    """What a node saves of an operand of an in-place form: a copy, if writing ``target`` writes it too."""
    return tensor.clone() if isinstance(tensor, TensorBase) and _C.shares_version(tensor, target) else tensor


def assign_tensor(target, value, name):
    """In-place form of a composite: ``target`` takes ``value`` through ``copy_``, which records."""
    if value.shape != target.shape:
        raise output_shape(target.shape, value.shape)
    if not can_cast(value.dtype, target.dtype):
        raise cant_cast(value.dtype, target.dtype)
    return target.copy_(value)


def _refuse_grad(op, out, inputs):
    flat = [x for i in inputs for x in (i if isinstance(i, list) else [i])]
    outs = out if isinstance(out, (tuple, list)) else (out,)
    if _C.needs_grad(*[x for x in (*flat, *outs) if isinstance(x, TensorBase)]):
        raise RuntimeError(
            f"{op.short}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )


def _write_one(op, out, value, inputs):
    if not isinstance(out, TensorBase):
        raise argument_type(op.short, "out", None, "Tensor", out)
    if (out._array.__class__ is DeviceArray) is not (value.__class__ is DeviceArray):
        raise mixed()
    if op.strict_out:
        _check_strict(out, value, inputs)
    refuse_overlap(out._array)
    if out._array.shape != np.shape(value):
        if out._array.size:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out._array.shape)}, which "
                f"does not match the required output shape {list(np.shape(value))}. This behavior is deprecated, and in a "
                "future PyTorch release outputs will not be resized unless they have zero elements. You can explicitly "
                "reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
                UserWarning,
                stacklevel=4,
            )
        if not can_cast(dtype_of(value.dtype), out.dtype):
            raise cant_cast(dtype_of(value.dtype), out.dtype)
        out.resize_(np.shape(value))
    return assign(out, value, op.short)


def _check_strict(out, result, inputs):
    if out._array.dtype != result.dtype:
        names = [cpp_name(dtype_of(x)) for x in (result.dtype, out._array.dtype)]
        raise RuntimeError(f"Expected out tensor to have dtype {names[0]}, but got {names[1]} instead")
    for x in inputs:
        if isinstance(x, TensorBase) and np.may_share_memory(x._array, out._array):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
                "memory location. Please clone() the tensor before performing the operation."
            )


def write_out(op, out, result, inputs):
    """``out=``: resized to the result (with torch's warning unless it is empty), written, returned."""
    _refuse_grad(op, out, inputs)
    if not op.returns:
        return _write_one(op, out, result, inputs)
    if len(out) != len(op.returns):
        raise TypeError(f"{op.short}(): argument 'out' must be tuple of {len(op.returns)} Tensors")
    return return_type(op.short, op.returns)(*[_write_one(op, o, r, inputs) for o, r in zip(out, result, strict=True)])


def write_out_tensor(op, out, result, inputs):
    """``out=`` of a composite."""
    _refuse_grad(op, out, inputs)
    if isinstance(result, tuple):
        return type(result)(*[_write_one(op, o, r._array, inputs) for o, r in zip(out, result, strict=True)])
    return _write_one(op, out, result._array, inputs)


_TYPES: dict = {}


def return_type(name, fields):
    """The named tuple of an operator with several outputs; prints as torch's ``return_types``."""
    key = (name, tuple(fields))
    if key not in _TYPES:
        base = namedtuple(name, fields)

        def __repr__(self):
            body = ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True))
            return f"tritorch.return_types.{name}(\n{body})"

        made = type(name, (base,), {"__repr__": __repr__, "__slots__": (), "__module__": "tritorch.return_types"})
        made.__reduce__ = lambda self: (tuple, (tuple(self),))
        _TYPES[key] = made
    return _TYPES[key]


RETURN_TYPES = _TYPES
__all__ += ["return_type"]
