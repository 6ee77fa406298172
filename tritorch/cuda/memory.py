"""Memory of a GPU: how much there is and how much is taken."""

from ..runtime import gpu
from .devices import mem_get_info

__all__ = [
    "empty_cache", "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved",
    "reset_peak_memory_stats",
]  # fmt: skip


def empty_cache():
    """Gives cached memory of the GPU back: nothing is cached yet."""


def memory_allocated(device=None):
    """Bytes of GPU memory that are taken; 0 without a GPU."""
    if not gpu.is_used():
        return 0
    free, total = mem_get_info(device)
    return total - free


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device=None):
    """Restarts the peaks of the memory statistics."""
