"""Memory that other libraries share: DLPack, and the interface of CUDA arrays.

Note [Handing over]: both protocols name a stream, the consumer's: from there on the memory may be used at once. The
producer makes that stream wait for what its own current stream has been given. Where the consumer names no stream, it
is the legacy default stream; -1 asks for no waiting. The memory lives as long as either side holds it; a consumer that
lets go must have ordered its own work, as the protocols say.
"""

import math
from typing import Any

import numpy as np

from .. import _C
from .array import DeviceArray

__all__ = ["CPU", "CUDA", "HOST", "cuda_array", "cuda_interface", "export", "imported", "place_of"]

CPU, CUDA, HOST = 1, 2, 3  # DLPack's device types; HOST is pinned memory
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
_NAMED = {"bfloat16": 4, "float8_e4m3fn": 10, "float8_e5m2": 12}


def place_of(array):
    """(device type, index) as DLPack names them."""
    if array.__class__ is DeviceArray:
        return CUDA, _C.memory_of(array).device
    return HOST if _C.is_pinned(array) else CPU, 0


def _type_of(dtype):
    code = _NAMED.get(dtype.name)
    return (_CODES[dtype.kind] if code is None else code), dtype.itemsize * 8


def _order(index, before, after):
    """Makes the stream ``after``, a handle, wait for what ``before`` has been given."""
    if before != after:
        event = _C.event_new(index, 2)  # without times
        try:
            _C.event_record(index, event, before)
            _C.stream_wait_event(index, after, event)
        finally:
            _C.event_destroy(event)


def _handle(stream):
    """The handle of the stream that the other side names.

    Raises:
        BufferError: for the default stream of a thread.
        AssertionError: for 0, which could be either default stream.
    """
    if stream is None or stream == 1:
        return 0
    if stream == 2:
        raise BufferError("per-thread default stream is not supported.")
    if stream == 0:
        raise AssertionError(f"unsupported stream on CUDA: {stream}.")
    return stream


def export(array, stream, versioned):
    """A capsule of DLPack over the array's memory.

    Args:
        stream: the consumer's, as DLPack numbers it.
        versioned: whether the consumer knows DLPack 1.0.
    """
    if stream is not None and type(stream) is not int:
        raise TypeError("stream must be ``int`` or ``none``")
    kind, index = place_of(array)
    if kind == CUDA:
        if index != _C.current_device():
            raise BufferError(
                "Can't export tensors on a different CUDA device index. "
                f"Expected: {index}. Current device: {_C.current_device()}."
            )
        if stream != -1:
            handle = _handle(stream)
            _order(index, _C.stream_current(index), handle)
            if handle == 0:  # a stream that never ends may be asked when the memory goes back; of others nobody knows
                _C.memory_of(array).record_stream(0)
    elif stream is not None and stream != -1:
        raise AssertionError("stream should be None on cpu.")
    return _C.dlpack_export(array, kind, index, *_type_of(array.dtype), versioned)


def _ask(source, kind, stream, copy):
    options: dict[str, Any] = {} if copy is None else {"copy": copy}
    if kind == CUDA:
        options["stream"] = stream
    try:
        return source.__dlpack__(max_version=(1, 0), **options)
    except TypeError:  # a producer from before 1.0
        return source.__dlpack__(**options)


def imported(source, dtypes, copy=None):
    """An array on the memory of an object with ``__dlpack__``.

    Args:
        dtypes: NumPy's dtypes that tensors have.

    Raises:
        BufferError: for types and devices that tritorch has not.
    """
    kind, index = source.__dlpack_device__()
    if kind not in (CPU, CUDA, HOST):
        raise BufferError(f"from_dlpack: expected memory of the CPU or of CUDA, got device type {int(kind)}")
    current = _C.stream_current(index) if kind == CUDA else None
    capsule = _ask(source, kind, 1 if current == 0 else current, copy)
    owner, address, kind, index, code, bits, shape, strides, writable = _C.dlpack_import(capsule)
    found = [d for d in dtypes if _type_of(d) == (code, bits)]
    if not found:
        raise BufferError(f"from_dlpack: expected a type that tritorch has, got code {code} of {bits} bits")
    dtype = found[0]
    steps = None if strides is None else tuple(s * dtype.itemsize for s in strides)
    if kind == CUDA:
        return _foreign(owner, address, index, shape, steps, dtype)
    return _on_host(owner, address, shape, steps, dtype, writable)


class _Held:
    """Host memory as NumPy asks for it; it keeps the owner."""

    def __init__(self, owner, interface):
        self.owner, self.__array_interface__ = owner, interface


def _on_host(owner, address, shape, strides, dtype, writable):
    if 0 in shape:
        return np.empty(shape, dtype)
    interface = {
        "version": 3, "data": (address, not writable), "shape": shape, "strides": strides,
        "typestr": f"|V{dtype.itemsize}",
    }  # fmt: skip
    return np.asarray(_Held(owner, interface)).view(dtype)


def _foreign(owner, address, index, shape, strides, dtype):
    if strides is None:
        strides = tuple(math.prod(shape[i + 1 :]) * dtype.itemsize for i in range(len(shape)))
    reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    if 0 in shape:
        return _C.device_empty(shape, dtype, index)
    if any(r < 0 for r in reach):
        raise BufferError("expected memory with strides that are not negative")
    memory = _C.memory_foreign(address, sum(reach) + dtype.itemsize, index, owner)
    return _C.device_view(memory, 0, shape, dtype, strides)


def cuda_interface(array):
    """The dict of ``__cuda_array_interface__``, version 3, for work on this thread's current stream."""
    index = _C.memory_of(array).device
    return {
        "shape": array.shape,
        "typestr": array.dtype.str if array.dtype.kind in _CODES else f"<f{array.dtype.itemsize}",
        "strides": None if array.flags.c_contiguous else array.strides,
        "data": (array.__array_interface__["data"][0] if array.size else 0, False),
        "version": 3,
        "stream": _C.stream_current(index) or 1,
    }


def cuda_array(source):
    """An array on the memory of an object with ``__cuda_array_interface__``, for work on the current stream.

    Raises:
        RuntimeError: where there is no GPU.
    """
    told = source.__cuda_array_interface__
    dtype, shape = np.dtype(told["typestr"]), tuple(told["shape"])
    index, stream = _C.current_device(), told.get("stream")
    if stream is not None:
        _order(index, _handle(stream), _C.stream_current(index))
    return _foreign(source, told["data"][0], index, shape, told.get("strides"), dtype)
