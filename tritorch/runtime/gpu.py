"""Whether there is a GPU, or a simulated one, and why not."""

import os

from .device import device

__all__ = ["available", "count", "explain", "is_available"]


def explain():
    """Why no GPU can be used, in one line; None if one can."""
    if os.environ.get("TRITORCH_SIM") == "1":
        return None
    return "no GPU is supported yet: TRITORCH_SIM=1 gives a simulated one"


def is_available():
    """Whether there is a GPU to use."""
    return explain() is None


def count():
    """How many GPUs can be used."""
    return int(is_available())


def available(place, name):
    """The device ``place``, with its index.

    Raises:
        RuntimeError: if it is not there.
    """
    if place.type == "cpu":
        return place
    why = explain() if place.type == "cuda" else "tritorch runs on cpu and cuda"
    if why is not None:
        raise RuntimeError(f"{name}: expected a device that is available, got {place}: {why}")
    if place.index is not None and place.index >= count():
        raise RuntimeError(f"{name}: expected a device that is available, got {place}: there are {count()}")
    return device("cuda", 0) if place.index is None else place
