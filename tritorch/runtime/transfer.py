"""Copies between the host and a device, and between layouts on a device."""

import numpy as np

from . import array, pointwise
from .array import DeviceArray

__all__ = ["packed", "to_device", "to_host"]


def packed(source):
    """The elements of a device array in C order: itself, or a copy."""
    if source.flags.c_contiguous:
        return source
    out = array.empty(source.shape, source.dtype)
    pointwise.copy(out, source)
    return out


def to_device(source, index=None):
    """A copy of a host array on a device, laid out as it is where it is dense, else in C order."""
    if source.flags.c_contiguous or source.size == 0:
        return array.upload(source)
    order = np.argsort([-s for s in source.strides], kind="stable")
    return array.upload(np.ascontiguousarray(source.transpose(order))).transpose(np.argsort(order))


def to_host(source):
    """The elements of a device array in a host array with the same order of dims. Waits for the device."""
    if source.__class__ is not DeviceArray:
        return source
    if source.flags.c_contiguous or source.size == 0:
        return array.download(packed(source))
    order = np.argsort([-s for s in source.strides], kind="stable")
    return array.download(packed(source.transpose(order))).transpose(np.argsort(order))
