"""Constants on a device, and arrays side by side."""

from .. import _C
from ..runtime import pointwise
from ..runtime.array import DeviceArray, empty
from ..runtime.jit import triton
from ._layout import empty_as, number_array

__all__ = ["fill_with", "filled", "joined", "like"]


@triton.jit
def constant(value):
    return value


def fill_with(out, value):
    """Writes a number, or a 0-dim array on the host or the device, everywhere in ``out``.

    Raises:
        RuntimeError: if the type cannot hold the number.
    """
    if value.__class__ is not DeviceArray:
        if out.flags.c_contiguous and value.__class__ in (int, float) and value == 0 and str(value)[0] != "-":
            _C.memset_device(out, b"\0")
            return
        value = number_array(value.item() if hasattr(value, "item") else value, out.dtype).item()
    pointwise.pointwise(constant, [out], [value], [out.dtype])


def like(input, dtype, memory_format, value=None):
    """A new array on the current device after the model of ``input``: arbitrary, or with ``value`` everywhere."""
    out = empty_as(input, dtype, memory_format, empty)
    if value is not None:
        fill_with(out, value)
    return out


def filled(shape, dtype, value):
    """A new array on the current device with ``value`` everywhere."""
    out = empty(shape, dtype)
    fill_with(out, value)
    return out


def joined(parts, dim, dtype):
    """Arrays side by side along ``dim``, whose other sizes are equal: each is copied into its window."""
    shape = list(parts[0].shape)
    shape[dim] = sum(x.shape[dim] for x in parts)
    out, start, lead = empty(shape, dtype), 0, (slice(None),) * dim
    for x in parts:
        end = start + x.shape[dim]
        pointwise.copy(out[(*lead, slice(start, end))], x)
        start = end
    return out
