"""Tensors out of Python's and NumPy's data."""

import functools
import math

import numpy as np

from . import _C, dtypes
from .dtypes import as_dtype, from_python
from .errors import cpp_name
from .runtime import exchange
from .runtime.array import DeviceArray
from .runtime.device import device as Device
from .runtime.device import get_default_device, moved
from .runtime.gpu import available
from .runtime.transfer import to_device, to_host
from .tensor import Tensor

__all__ = [
    "tensor",
    "as_tensor",
    "asarray",
    "from_numpy",
    "from_dlpack",
    "frombuffer",
    "is_tensor",
    "scalar_tensor",
    "typename",
]


def _leaf(data):
    """The first scalar of nested sequences: what decides the dtype along with NumPy's own rule."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _plain(data):
    """Nested sequences with tensors and arrays in them, as Python numbers."""
    if isinstance(data, (list, tuple)):
        return [_plain(x) for x in data]
    return data.tolist() if isinstance(data, (Tensor, np.ndarray)) else data


def _ragged(data, dim=0):
    lengths = [len(x) if isinstance(x, (list, tuple)) else None for x in data]
    for n in lengths:
        if n != lengths[0]:
            if n is None or lengths[0] is None:
                raise TypeError(f"expected a sequence of one kind at dim {dim + 1}, got numbers beside sequences")
            raise ValueError(f"expected sequence of length {lengths[0]} at dim {dim + 1} (got {n})")
    for x in data:
        if isinstance(x, (list, tuple)):
            _ragged(x, dim + 1)


def _has_tensor(data):
    return isinstance(data, (list, tuple)) and any(
        isinstance(x, (Tensor, np.ndarray)) or (isinstance(x, (list, tuple)) and _has_tensor(x)) for x in data
    )


def _numbers(data):
    """Nested sequences as an array, if they hold nothing but ints and floats, evenly; else None."""
    try:
        array = np.array(data)
    except (ValueError, RuntimeError, TypeError, OverflowError):  # the slow path finds out what is wrong
        return None
    return array if array.dtype == np.float64 or array.dtype == np.int64 else None


def _from_sequence(data, kind):
    leaf = _leaf(data)
    if leaf.__class__ is float or leaf.__class__ is int:
        array = _numbers(data)
        if array is not None:
            return _cast(array, kind or from_python(float if array.dtype.kind == "f" else int))
    source = None
    if isinstance(leaf, (Tensor, np.ndarray, np.generic)):
        source = leaf.dtype if isinstance(leaf, Tensor) else dtypes.from_numpy(leaf.dtype)
    if _has_tensor(data):
        data = _plain(data)
    try:
        array = np.array(data)
    except ValueError:
        _ragged(data)
        raise
    except OverflowError:
        raise ValueError("Overflow when unpacking long long") from None
    if kind is not None:
        if array.dtype.kind in "OSU" and array.size:
            _refuse(data, array)
        return _cast(array, kind)
    if array.dtype.kind in "OSU" and array.size:
        _refuse(data, array)
    if array.size == 0:
        return array.astype(dtypes.get_default_dtype().np)
    if source is not None and source.category >= dtypes.from_numpy(array.dtype).category:
        return _cast(array, source)
    return _cast(array, from_python({"b": bool, "i": int, "u": int, "f": float, "c": complex}[array.dtype.kind]))


def _cast(array, kind):
    if array.dtype.kind in "iu" and array.size and kind.category == dtypes.INTEGER and kind.np != array.dtype:
        least, most = _limits(kind.np)
        low, high = int(array.min()), int(array.max())
        if low < (least or -most) or high > most:
            raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow")
    return _C.run(array.astype, kind.np)


def _refuse(data, array):
    if array.dtype.kind == "O" and isinstance(array.reshape(-1)[0], int):
        raise ValueError("Overflow when unpacking long long")
    leaf = _leaf(data)
    if isinstance(data, (list, tuple)):
        raise TypeError(f"new(): invalid data type '{type(leaf).__name__}'")
    raise RuntimeError(f"Could not infer dtype of {type(leaf).__name__}")


def _array_of(data, kind, copy):
    if isinstance(data, Tensor):
        array = to_host(data._array)
    elif isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data)
        dtypes.from_numpy(array.dtype)
    elif isinstance(data, (bool, int, float, complex)):
        if isinstance(data, int) and not -(2**63) <= data < 2**64:
            raise ValueError("Overflow when unpacking long long")
        return number_array(data, (kind or from_python(type(data) if type(data) in _PY else _base(data))).np)
    elif not isinstance(data, (list, tuple)) and hasattr(data, "__array__"):
        array = np.asarray(data)
    elif isinstance(data, (list, tuple, range)):
        return _from_sequence(list(data) if isinstance(data, range) else data, kind)
    else:
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    if kind is not None and array.dtype != kind.np:
        return array.astype(kind.np)
    return array.copy() if copy else array


_HOST = (np.ndarray, np.generic, bool, int, float, complex, list, tuple, range, Tensor)


def _lies_on_cuda(data):
    """Whether it is an array of another library on a GPU."""
    return not isinstance(data, _HOST) and hasattr(data, "__cuda_array_interface__")


def number_array(value, kind):
    """A Python number as a 0-dim array of a NumPy dtype.

    Raises:
        RuntimeError: ``value cannot be converted to type int8_t without overflow``.
    """
    if kind.kind == "f" and value.__class__ is float and -1e4 < value < 1e4:
        return np.asarray(value, kind)  # the common case
    made = _converted(value, kind)
    if made is None:
        raise RuntimeError(f"value cannot be converted to type {_stored_name(kind)} without overflow")
    return np.asarray(made, kind)


def _stored_name(kind):
    fixed = {"int8": "int8_t", "uint8": "uint8_t", "int16": "short", "int64": "int64_t"}
    return fixed.get(kind.name) or cpp_name(dtypes.from_numpy(kind))


def _converted(value, kind):
    if kind.kind == "c":
        return value
    if isinstance(value, complex):
        if value.imag:
            return None
        value = value.real
    if kind.kind == "b":
        return bool(value)
    if kind.kind in "iu":
        if isinstance(value, float) and not math.isfinite(value):
            return None
        least, most = _limits(kind)
        if not (least or -most) <= value <= most:
            return None
        whole = int(value)
        return whole if whole >= least else whole + most + 1  # an unsigned type wraps
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**63:
        value = float(value)
    if isinstance(value, float) and math.isfinite(value) and abs(value) > _limits(kind)[1]:
        return None
    return value


@functools.cache
def _limits(kind):
    limits = (dtypes.iinfo if kind.kind in "iu" else dtypes.finfo)(dtypes.from_numpy(kind))
    return limits.min, limits.max


_PY = (bool, int, float, complex)


def _base(data):
    return next(t for t in _PY if isinstance(data, t))


def _place(array, device, name):
    """``array``, of the host or a device, where ``device`` (None: the default one) says."""
    device = available(get_default_device() if device is None else Device(device), name)
    if device.type == "cpu":
        return to_host(array)
    return array if array.__class__ is DeviceArray else to_device(array)


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor with a copy of ``data``: a number, nested sequences of them, a NumPy array, a tensor.

    Without ``dtype``: bool, int64, the default dtype or its complex partner for Python's numbers; an array's own.

    Raises:
        ValueError: ``expected sequence of length 2 at dim 1 (got 3)``.
        RuntimeError, TypeError: for what is no number.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
    """
    if device is None and isinstance(data, Tensor):
        device = data.device
    if _lies_on_cuda(data):
        made = as_tensor(data, dtype, device).clone()
        return made.requires_grad_() if requires_grad else made
    array = _array_of(data, None if dtype is None else as_dtype(dtype, "tensor"), copy=True)
    made = _C.wrap(array if device is None and not moved else _place(array, device, "tensor"))
    if pin_memory:
        made = made.pin_memory()
    if requires_grad:
        made.requires_grad = True
    return made


def as_tensor(data, dtype=None, device=None):
    """``data`` as a tensor, sharing memory (and for a tensor its graph) where no copy is needed.

    Example:
        >>> import numpy, tritorch
        >>> a = numpy.zeros(2)
        >>> tritorch.as_tensor(a)[0] = 7
        >>> float(a[0])
        7.0
    """
    kind = None if dtype is None else as_dtype(dtype, "as_tensor")
    if isinstance(data, Tensor):
        return data.to(device, kind) if device is not None else data if kind in (None, data.dtype) else data.to(kind)
    if _lies_on_cuda(data):
        made = _C.wrap(exchange.cuda_array(data))
        return made.to(made.device if device is None else device, made.dtype if kind is None else kind)
    array = _array_of(data, kind, copy=False)
    return _C.wrap(array if device is None and not moved else _place(array, device, "as_tensor"))


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """:func:`as_tensor` with NumPy's ``copy`` and a ``requires_grad`` flag."""
    made = as_tensor(obj, dtype, device)
    shares = isinstance(obj, (Tensor, np.ndarray)) and np.shares_memory(
        made._array, np.asarray(getattr(obj, "_array", obj))
    )
    if copy and shares:
        made = made.clone()
    if copy is False and not shares:
        raise ValueError("can't alias arbitrary sequence")
    return made.detach().requires_grad_() if requires_grad else made


def from_numpy(ndarray):
    """A tensor on the memory of a NumPy array: writes show on both sides.

    Raises:
        TypeError: for what is no array, or an array of a type that tensors can't hold.
        ValueError: for negative strides or a foreign byte order.

    Example:
        >>> import numpy, tritorch
        >>> tritorch.from_numpy(numpy.arange(3))
        tensor([0, 1, 2])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.from_numpy(ndarray.dtype)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array  with array.copy().) "
        )
    return _C.wrap(ndarray.view(np.ndarray))


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor on the memory of any object with ``__dlpack__``, without a copy: of the CPU or of CUDA, pinned or not.

    Work that the object's library has enqueued on CUDA comes before what this thread's current stream is given.

    Args:
        device: where the tensor shall be; elsewhere than the object it is a copy.
        copy: True for a copy, False for an error where one is needed.

    Raises:
        BufferError: for types and devices that tritorch has not, and tensors that require gradients.
    """
    if isinstance(ext_tensor, Tensor):
        if ext_tensor.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        made = ext_tensor.clone() if copy else _C.wrap(ext_tensor._array)
    else:
        made = _C.wrap(exchange.imported(ext_tensor, [kind.np for kind in dtypes.ALL], copy))
    if device is None or made.device == available(Device(device), "from_dlpack"):
        return made
    if copy is False:
        raise ValueError("from_dlpack: cannot move the tensor to another device without a copy")
    return made.to(device)


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A one-dimensional tensor on the memory of an object with the buffer protocol."""
    kind = as_dtype(dtype, "frombuffer")
    size = memoryview(buffer).nbytes
    if size == 0 or offset >= size:
        raise ValueError(
            f"both buffer length ({size}) and count ({count}) must not be 0, and offset ({offset}) below it"
        )
    if count < 0 and (size - offset) % kind.itemsize:
        raise ValueError(
            f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a multiple of "
            f"element size ({kind.itemsize})"
        )
    made = _C.wrap(np.frombuffer(buffer, np.uint8, -1 if count < 0 else count * kind.itemsize, offset).view(kind.np))
    return made.requires_grad_() if requires_grad else made


def is_tensor(obj):
    """Whether ``obj`` is a tensor."""
    return isinstance(obj, Tensor)


def scalar_tensor(s, *, dtype=None, device=None, layout=None, requires_grad=False, pin_memory=False):
    """A 0-dim tensor of one number, in the default dtype unless given."""
    kind = dtype or dtypes.get_default_dtype()
    return tensor(s, dtype=kind, device=device, requires_grad=requires_grad, pin_memory=pin_memory)


def typename(obj):
    """The name of an object's type as error messages give it: ``tritorch.FloatTensor``, ``int``, ``module.Class``.

    Example:
        >>> import tritorch
        >>> tritorch.typename(tritorch.ones(1)), tritorch.typename(3)
        ('tritorch.FloatTensor', 'int')
    """
    if isinstance(obj, Tensor):
        return obj.type_name()
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
