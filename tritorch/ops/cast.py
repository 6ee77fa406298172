"""Other dtypes: ``to`` and its short forms."""

import warnings

import numpy as np

from .._C import TensorBase
from ..dtypes import ALL, as_dtype, float64, int64
from ..dtypes import dtype as dtype_type
from ..errors import tensor_type
from ..runtime import pointwise
from ..runtime.device import device as Device
from ..runtime.gpu import available
from ..runtime.transfer import to_device, to_host
from ..shape import preserve_format
from ._layout import empty_as
from ._op import Op, OpMeta, ops


def convert(input, dtype=None, copy=False, memory_format=preserve_format):
    """``input`` in that dtype and memory format: itself, if it is so already and no ``copy`` is asked for."""
    if dtype is None or dtype is input.dtype:
        if memory_format is not preserve_format and not input.is_contiguous(memory_format=memory_format):
            return input.clone(memory_format=memory_format)
        return input.clone(memory_format=memory_format) if copy else input
    return ops.to(input, dtype, memory_format)


def _refuse(args, kwargs):
    got = [a.__class__.__name__ for a in args] + [f"{k}={v.__class__.__name__}" for k, v in kwargs.items()]
    return TypeError(
        f"to() received an invalid combination of arguments - got ({', '.join(got)}), but expected one of:\n"
        " * (tritorch.device device = None, tritorch.dtype dtype = None, bool non_blocking = False, bool copy = False, "
        "*, tritorch.memory_format memory_format = None)\n"
        " * (tritorch.dtype dtype, bool non_blocking = False, bool copy = False, *, tritorch.memory_format "
        "memory_format = None)\n"
        " * (Tensor other, bool non_blocking = False, bool copy = False, *, tritorch.memory_format memory_format = "
        "None)\n"
    )


def _target(args, kwargs):
    """(dtype, device, non_blocking, copy) that the arguments of ``to`` name."""
    args = list(args)
    dtype, device, copy = kwargs.pop("dtype", None), kwargs.pop("device", None), kwargs.pop("copy", False)
    other = kwargs.pop("other", None)
    non_blocking = kwargs.pop("non_blocking", False)
    if args and not isinstance(args[0], bool):
        first = args.pop(0)
        if isinstance(first, TensorBase):
            other = first
        elif isinstance(first, dtype_type) or first in (float, int, complex):
            dtype = first
        elif first is None or isinstance(first, (str, int, Device)):
            device = first
            if args and (args[0] is None or isinstance(args[0], dtype_type) or args[0] in (float, int, complex)):
                dtype = args.pop(0)
        else:
            raise _refuse([first, *args], kwargs)
    if args:
        non_blocking = args.pop(0)
    if args:
        copy = args.pop(0)
    if args or kwargs:
        raise _refuse(args, kwargs)
    if other is not None:
        dtype, device = other.dtype, other.device
    return None if dtype is None else as_dtype(dtype, "to"), device, bool(non_blocking), copy


class to(Op, function=False, has_out=False, opmath=False):
    """The tensor as another dtype or on another device: ``to(dtype)``, ``to(device, dtype)``, ``to(other)``, each with
    ``non_blocking`` and ``copy``; itself, if nothing changes and no copy is asked for.

    Raises:
        TypeError: for other combinations of arguments.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1.7]).to(tritorch.int64)
        tensor([1])
    """

    def cpu(input, dtype: object, memory_format: object = preserve_format):
        kind = dtype.np
        if input.dtype.kind == "c" and kind.kind != "c":
            if kind.kind != "b":
                warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=5)
                input = input.real
        if memory_format is preserve_format and input.flags.c_contiguous:
            return input.astype(kind)
        out = empty_as(input, kind, memory_format)
        np.copyto(out, input, casting="unsafe")
        return out

    def cuda(input, dtype, memory_format=preserve_format):
        out = empty_as(input, dtype.np, memory_format)
        pointwise.copy(out, input)
        return out

    def d_input(grad):
        return grad  # cast back by the edge

    def method(input, *args, memory_format=preserve_format, **kwargs):
        if len(args) == 1 and not kwargs and args[0].__class__ is dtype_type:
            if args[0] is input.dtype and memory_format is preserve_format:
                return input
            return ops.to(input, args[0], memory_format)
        dtype, device, non_blocking, copy = _target(args, kwargs)
        moved = input if device is None else on(input, device, "to", non_blocking)
        return convert(moved, dtype, copy and moved is input, memory_format or preserve_format)

    def samples(make):
        yield make(3, 4), {"dtype": float64}
        yield make(3, 4), {"dtype": int64}


class transfer(Op, function=False, method=False, has_out=False, opmath=False, arithmetic=False):
    """The tensor on another device: from ``source`` to ``device``."""

    def cpu(input, device: object, source: object, non_blocking: bool = False):
        return to_device(input, non_blocking)

    def cuda(input, device, source, non_blocking=False):
        return to_host(input, non_blocking) if device.type == "cpu" else input

    def d_input(grad, source):
        return on(grad, source, "to")


def on(input, device, name, non_blocking=False):
    """``input`` on ``device`` (or what names one): itself, if it is there. With ``non_blocking`` the host does not wait
    for a copy to or from pinned memory; to the host it makes the tensor in such."""
    device = available(Device(device), name)
    return input if input.device is device else ops.transfer(input, device, input.device, non_blocking)


class type_as(Op, function=False, has_out=False):
    """The tensor in the dtype of ``other``."""

    def eager(input, other):
        return convert(on(input, other.device, "type_as"), other.dtype)


_TYPES = {tensor_type(kind): kind for kind in ALL}


class type(Op, function=False, has_out=False):
    """The name of the tensor's type, or, given a dtype or such a name, the tensor in that type.

    Raises:
        ValueError: ``invalid type: 'foo'``.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1.0]).type()
        'tritorch.FloatTensor'
        >>> tritorch.tensor([1.7]).type(tritorch.int64)
        tensor([1])
    """

    def eager(input, dtype: object = None, non_blocking: object = False):
        if dtype is None:
            return input.type_name()
        if isinstance(dtype, str):
            name = dtype.replace("torch.", "tritorch.", 1) if dtype.startswith("torch.") else dtype
            plain = name.replace(".cuda.", ".")
            if plain not in _TYPES:
                raise ValueError(f"invalid type: {dtype!r}")
            return convert(on(input, "cpu" if plain == name else "cuda", "type", bool(non_blocking)), _TYPES[plain])
        kind = getattr(dtype, "dtype", dtype)  # tritorch.FloatTensor has one
        if not isinstance(kind, dtype_type):
            raise TypeError("dtype must be a type, str, or dtype object")
        return convert(input, kind)


def _define(name, kind):
    """One short form: ``x.float()``."""

    def eager(input, memory_format: object = preserve_format):
        if input.dtype is kind and memory_format is preserve_format:
            return input
        return convert(input, kind, False, memory_format)

    doc = f"The tensor as {kind!r}: :meth:`to` with that dtype."
    eager.__qualname__ = f"{name}.eager"
    OpMeta(name, (Op,), {"__doc__": doc, "__module__": __name__, "eager": eager}, function=False, has_out=False)


SHORT = {
    "bfloat16": "bfloat16", "bool": "bool", "byte": "uint8", "cdouble": "complex128", "cfloat": "complex64",
    "char": "int8", "double": "float64", "float": "float32", "half": "float16", "int": "int32", "long": "int64",
    "short": "int16",
}  # fmt: skip
for _name, _kind in SHORT.items():
    _define(_name, dtype_type(_kind))


class cpu(Op, function=False, has_out=False):
    """The tensor in host memory: itself, if it is there."""

    def eager(input, memory_format: object = preserve_format):
        return convert(on(input, "cpu", "cpu"), None, False, memory_format)


class cuda(Op, function=False, has_out=False):
    """The tensor on a GPU: itself, if it is there.

    Raises:
        RuntimeError: if there is no GPU, saying why.
    """

    def eager(input, device: object = None, non_blocking: object = False, memory_format: object = preserve_format):
        moved = on(input, "cuda" if device is None else device, "cuda", bool(non_blocking))
        return convert(moved, None, False, memory_format)

    def samples(make):
        return ()  # it asks for a GPU
