"""The GPUs that there are, which is current, and waiting for them."""

from types import SimpleNamespace

from .. import _C
from ..runtime import gpu

__all__ = [
    "current_device", "device", "device_count", "device_of", "explain", "get_arch_list", "get_device_capability",
    "get_device_name", "get_device_properties", "init", "is_available", "is_bf16_supported", "is_initialized",
    "mem_get_info", "set_device", "synchronize",
]  # fmt: skip


def explain():
    """Why no GPU can be used, in one line; None if one can, or a simulated one (``TRITORCH_SIM=1``)."""
    return gpu.explain()


def is_available():
    """Whether there is a GPU to use; :func:`explain` says why not.

    Example:
        >>> import tritorch
        >>> tritorch.cuda.is_available() == (tritorch.cuda.explain() is None)
        True
    """
    return gpu.is_available()


def is_initialized():
    """Whether this process has used a GPU."""
    return gpu.is_used()


def init():
    """Makes the GPU ready. Nothing needs it: the first use does.

    Raises:
        RuntimeError: if there is none.
    """
    gpu.current("init")


def device_count():
    """The number of GPUs that can be used."""
    return gpu.count()


def current_device():
    """The index of this thread's current GPU.

    Raises:
        RuntimeError: if there is none.
    """
    return gpu.current("current_device").index


def set_device(device):
    """Makes a GPU this thread's current one. A negative index does nothing, as in torch.

    Raises:
        RuntimeError: if it is not there.
    """
    if not (isinstance(device, int) and device < 0):
        _C.set_current_device(gpu.ordinal(device, "set_device"))


class device:  # named as torch names it
    """``with tritorch.cuda.device(1):`` makes a GPU current for a block; None or a negative index changes nothing."""

    def __init__(self, device):
        self.idx = -1 if device is None or (isinstance(device, int) and device < 0) else gpu.ordinal(device, "device")
        self.prev_idx = -1

    def __enter__(self):
        if self.idx >= 0:
            self.prev_idx = _C.current_device()
            _C.set_current_device(self.idx)

    def __exit__(self, *exception):
        if self.idx >= 0:
            _C.set_current_device(self.prev_idx)


class device_of(device):
    """Makes the GPU of a tensor current for a block; a tensor on the CPU changes nothing."""

    def __init__(self, obj):
        super().__init__(obj.get_device() if obj.is_cuda else -1)


def synchronize(device=None):
    """Waits until a GPU (None: the current one) has done all its work.

    Raises:
        RuntimeError: if there is none.
    """
    _C.device_synchronize(gpu.ordinal(device, "synchronize"))


def get_device_properties(device=None):
    """What a GPU is: ``name``, ``major``, ``minor``, ``total_memory`` in bytes, ``multi_processor_count``...

    Raises:
        RuntimeError: if there is none.
    """
    return SimpleNamespace(**_C.device_properties(gpu.ordinal(device, "get_device_properties")))


def get_device_name(device=None):
    """The name of a GPU; that of the simulated one says so."""
    return get_device_properties(device).name


def get_device_capability(device=None):
    """The (major, minor) capability of a GPU."""
    properties = get_device_properties(device)
    return properties.major, properties.minor


def get_arch_list():
    """The architectures that kernels are compiled for: any from sm_80, when they are first used."""
    return ["sm_80", "sm_90"] if is_available() else []


def is_bf16_supported(including_emulation=True):
    """Whether a GPU computes in bfloat16: all that can be used do."""
    return is_available()


def mem_get_info(device=None):
    """(free, total) bytes of a GPU's memory."""
    return _C.mem_get_info(gpu.ordinal(device, "mem_get_info"))
