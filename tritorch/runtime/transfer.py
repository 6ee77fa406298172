"""Copies between the host and a device, and between layouts on a device."""

import numpy as np

from .. import _C
from . import array, pointwise
from .array import DeviceArray

__all__ = ["copy_across", "packed", "to_device", "to_host"]


def packed(source):
    """The elements of a device array in C order: itself, or a copy."""
    if source.flags.c_contiguous:
        return source
    out = array.empty(source.shape, source.dtype)
    pointwise.copy(out, source)
    return out


def to_device(source, non_blocking=False):
    """A copy of a host array on a device, laid out as it is where it is dense, else in C order."""
    if source.flags.c_contiguous or source.size == 0:
        return array.upload(source, non_blocking)
    order = np.argsort([-s for s in source.strides], kind="stable")
    turned = source.transpose(order)
    back = np.argsort(order)
    if turned.flags.c_contiguous:
        return array.upload(turned, non_blocking).transpose(back)
    return array.upload(np.ascontiguousarray(turned)).transpose(back)


def to_host(source, non_blocking=False):
    """The elements of a device array in a host array with the same order of dims. Waits for the device, or with
    ``non_blocking`` returns pinned memory that is filled later."""
    if source.__class__ is not DeviceArray:
        return source
    if source.flags.c_contiguous or source.size == 0:
        return array.download(packed(source), non_blocking)
    order = np.argsort([-s for s in source.strides], kind="stable")
    return array.download(packed(source.transpose(order)), non_blocking).transpose(np.argsort(order))


def copy_across(target, source, non_blocking=False):
    """``target[...] = source`` between the host and a device. It waits, unless ``non_blocking`` is asked for and the
    host memory is pinned; or is pageable and read, whose bytes are taken at once."""
    into_host = target.__class__ is not DeviceArray
    direct = target.flags.c_contiguous and target.size > 0
    if into_host:
        if direct and (source.dtype != target.dtype or source.shape != target.shape):
            staged = array.empty(target.shape, target.dtype)  # cast where the source is: less to carry
            pointwise.copy(staged, source)
            source = staged
        if direct:
            _C.copy_to_host(target, packed(source), None, bool(non_blocking) and _C.is_pinned(target))
        else:
            _C.copy_into(target, to_host(source))
    elif direct and source.dtype == target.dtype and source.shape == target.shape and source.flags.c_contiguous:
        _C.copy_to_device(target, source, None, bool(non_blocking))
    else:
        pointwise.copy(target, to_device(source, bool(non_blocking)))
