"""Which GPUs there are, or why there is none."""

from .. import _C
from .device import device

__all__ = ["available", "count", "current", "explain", "index_of", "is_available", "is_real", "is_used", "ordinal"]

_cuda = [device("cuda", i) for i in range(64)]
_C.set_cuda_devices(_cuda)
_used = False


def explain():
    """Why no GPU can be used, in one line; None if one can, or a simulated one."""
    return _C.device_explain()


def is_available():
    """Whether there is a GPU to use."""
    return _C.device_explain() is None


def is_real():
    """Whether kernels run on a GPU; False on the simulated device."""
    return _C.device_kind() != "simulated"


def is_used():
    """Whether a GPU has been used by this process."""
    return _used


def count():
    """How many GPUs can be used."""
    return _C.device_count()


def current(name):
    """The current device of this thread, for what ``name`` does.

    Raises:
        RuntimeError: if there is none.
    """
    return available(device("cuda"), name)


def index_of(place):
    """The device that an index, a name or a device names; an index is one of cuda."""
    return device("cuda", place) if place.__class__ is int else device(place)


def available(place, name):
    """The device ``place``, with its index.

    Raises:
        RuntimeError: if it is not there, saying why.
    """
    global _used
    if place.type == "cpu":
        return place
    why = explain() if place.type == "cuda" else "tritorch runs on cpu and cuda"
    if why is not None:
        raise RuntimeError(f"{name}: expected a device that is available, got {place}: {why}")
    if place.index is not None and place.index >= count():
        raise RuntimeError(f"{name}: expected a device that is available, got {place}: there are {count()}")
    _used = True
    return _cuda[_C.current_device()] if place.index is None else place


def ordinal(place, name) -> int:
    """The index of the GPU that an index, a name or a device names; None is the current one.

    Raises:
        RuntimeError: if it is not there, saying why.
        ValueError: for a device that is no GPU.
    """
    index = (current(name) if place is None else available(index_of(place), name)).index
    if index is None:
        raise ValueError(f"Expected a cuda device, but got: {place}")
    return index
