"""tritorch: torch's eager API without torch.

``import tritorch as torch`` and a program that was written for torch runs: tensors, autograd, models, optimizers, data
loaders. See README.md for what works today.

Note [Rooms open when they are entered]: the packages above the operators (``nn``, ``optim``, ``distributions``...) are
imported when a program first names them, so that ``import tritorch`` costs little more than NumPy.
"""

import importlib

from . import _api, autograd, op, random, version
from . import _setup as _settings
from ._api import *
from ._setup import *
from .autograd import functional as _functional  # autograd.functional stands above the operators
from .autograd import is_anomaly_check_nan_enabled, is_anomaly_enabled, is_inference_mode_enabled
from .random import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .runtime import hooked as _hooked  # Triton finds its driver
from .shape import *
from .typed import *
from .version import __version__

_ROOMS = (
    "amp", "backends", "cuda", "distributed", "distributions", "fft", "func", "fuse", "jit", "linalg", "masked",
    "multiprocessing", "nn", "optim", "serialization", "signal", "special", "testing", "utils",
)  # fmt: skip
_FROM_ROOMS = {  # names of the window that live in a room
    "load": "serialization", "save": "serialization", "autocast": "amp", "get_autocast_dtype": "amp",
    "is_autocast_cache_enabled": "amp", "is_autocast_enabled": "amp", "set_autocast_cache_enabled": "amp",
    "set_autocast_dtype": "amp", "set_autocast_enabled": "amp", "vmap": "func",
}  # fmt: skip


def __getattr__(name):
    """See Note [Rooms open when they are entered]."""
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")  # which also makes it an attribute: this runs once
    if name in _FROM_ROOMS:
        return globals().setdefault(name, getattr(__getattr__(_FROM_ROOMS[name]), name))
    if name == "__all__":
        return [name for name in __dir__() if not name.startswith("_") and name not in _ROOMS]
    try:
        value = getattr(_api, name)  # a function of a family that is closed, or of a user
    except AttributeError:
        raise AttributeError(f"module 'tritorch' has no attribute {name!r}") from None
    return globals().setdefault(name, value)


def __dir__():
    return sorted({*globals(), *_api._public_names(), *_ROOMS, *_FROM_ROOMS})
