"""Constants on a device."""

from ..runtime import pointwise
from ..runtime.array import DeviceArray, empty
from ..runtime.jit import triton
from ._layout import number_array

__all__ = ["fill_with", "filled"]


@triton.jit
def constant(value):
    return value


def fill_with(out, value):
    """Writes a number, or a 0-dim array on the host or the device, everywhere in ``out``.

    Raises:
        RuntimeError: if the type cannot hold the number.
    """
    if value.__class__ is not DeviceArray:
        value = number_array(value.item() if hasattr(value, "item") else value, out.dtype).item()
    pointwise.pointwise(constant, [out], [value], [out.dtype])


def filled(shape, dtype, value):
    """A new array on the current device with ``value`` everywhere."""
    out = empty(shape, dtype)
    fill_with(out, value)
    return out
