"""GPUs. This version of tritorch has none: everything here answers as torch's does on a machine without a GPU."""

from .. import _api
from ..errors import OutOfMemoryError
from ..runtime import gpu
from . import amp

__all__ = [
    "OutOfMemoryError",
    "amp",
    "current_device",
    "device_count",
    "empty_cache",
    "explain",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "synchronize",
]


def explain():
    """Why no GPU can be used, in one line; None if one can, or a simulated one (``TRITORCH_SIM=1``)."""
    return gpu.explain()


def _refuse(what):
    raise RuntimeError(f"cuda.{what}: expected a GPU, found none: {explain()}")


def is_available():
    """Whether there is a GPU to use; :func:`explain` says why not.

    Example:
        >>> import tritorch
        >>> tritorch.cuda.is_available() == (tritorch.cuda.explain() is None)
        True
    """
    return gpu.is_available()


def is_initialized():
    """Whether the GPU's state has been set up: False."""
    return False


def device_count():
    """The number of GPUs that can be used."""
    return gpu.count()


def is_bf16_supported(including_emulation=True):
    """Whether a GPU computes in bfloat16: False."""
    return False


def manual_seed(seed):
    """Seeds the GPU's generator: with no GPU there is nothing to seed, as in torch."""
    int(seed)


def manual_seed_all(seed):
    """Seeds the generators of all GPUs: with no GPU there is nothing to seed, as in torch."""
    int(seed)


def empty_cache():
    """Gives cached memory of the GPU back: there is none."""


def memory_allocated(device=None):
    """Bytes of GPU memory that tensors take: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device=None):
    """Restarts the peaks of the memory statistics."""


def current_device():
    """The index of the current GPU.

    Raises:
        RuntimeError: always: there is none.
    """
    _refuse("current_device")


def set_device(device):
    """Makes a GPU the current one.

    Raises:
        RuntimeError: always (but for a negative index, which torch ignores): there is none.
    """
    if not (isinstance(device, int) and device < 0):
        _refuse("set_device")


def synchronize(device=None):
    """Waits for a GPU.

    Raises:
        RuntimeError: always: there is none.
    """
    _refuse("synchronize")


def get_device_name(device=None):
    """The name of a GPU.

    Raises:
        RuntimeError: always: there is none.
    """
    _refuse("get_device_name")


def get_device_capability(device=None):
    """The (major, minor) capability of a GPU.

    Raises:
        RuntimeError: always: there is none.
    """
    _refuse("get_device_capability")


def get_device_properties(device=None):
    """The properties of a GPU.

    Raises:
        RuntimeError: always: there is none.
    """
    _refuse("get_device_properties")


default_generators = ()
device = _api.device
