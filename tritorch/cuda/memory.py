"""Memory of a GPU: how much is taken and how much is kept, by whom, and since when.

Memory comes from a caching allocator with torch's rules: what is freed is kept for the next request of the same
stream. The environment variable ``TRITORCH_CUDA_ALLOC_CONF`` sets it as ``PYTORCH_CUDA_ALLOC_CONF`` does torch's:
``max_split_size_mb``, ``roundup_power2_divisions``, ``garbage_collection_threshold``... separated by commas.
"""

import sys
from collections import OrderedDict

from .. import _C
from ..runtime import gpu
from ._picture import page
from .devices import mem_get_info

__all__ = [
    "caching_allocator_alloc", "caching_allocator_delete", "empty_cache", "get_allocator_backend",
    "get_per_process_memory_fraction", "max_memory_allocated", "max_memory_reserved", "mem_get_info",
    "memory_allocated", "memory_reserved", "memory_snapshot", "memory_stats", "memory_stats_as_nested_dict",
    "memory_summary", "reset_accumulated_memory_stats", "reset_max_memory_allocated", "reset_peak_memory_stats",
    "save_picture", "set_per_process_memory_fraction",
]  # fmt: skip

_raw = {}  # what caching_allocator_alloc() has given out, by address


def caching_allocator_alloc(size, device=None, stream=None):
    """Memory for other libraries: the address of ``size`` bytes, to be given to :func:`caching_allocator_delete`.

    Args:
        size (int): in bytes.
        device: None is the current one.
        stream: the stream, or its handle, that will use it first; None is the current one.

    Raises:
        OutOfMemoryError: if there is no room.
    """
    handle = getattr(stream, "cuda_stream", stream)
    memory = _C.memory_new(size, gpu.ordinal(device, "caching_allocator_alloc"), handle)
    if memory.ptr:
        _raw[memory.ptr] = memory
    return memory.ptr


def caching_allocator_delete(mem_ptr):
    """Gives back what :func:`caching_allocator_alloc` gave out.

    Raises:
        RuntimeError: if it did not.
    """
    if mem_ptr and _raw.pop(mem_ptr, None) is None:
        raise RuntimeError(f"invalid device pointer: {mem_ptr:#x}")


def get_allocator_backend():
    """The allocator's name among torch's: ``"native"``."""
    return "native"


def set_per_process_memory_fraction(fraction, device=None):
    """Limits what this process may reserve to a part of the GPU's memory; more is out of memory.

    Args:
        fraction (float): from 0 to 1.
        device: None is the current one.

    Raises:
        TypeError: if ``fraction`` is not a float.
        ValueError: if it is not from 0 to 1.
    """
    index = gpu.ordinal(device, "set_per_process_memory_fraction")
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if fraction < 0 or fraction > 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    _C.memory_set_fraction(fraction, index)


def get_per_process_memory_fraction(device=None):
    """The part of the GPU's memory that this process may reserve: 1 if nobody has limited it."""
    return _C.memory_get_fraction(gpu.ordinal(device, "get_per_process_memory_fraction"))


def empty_cache():
    """Gives memory that is kept but not used back to the GPU, for other programs: whole segments of it.

    Tensors do not get more room by it: what is kept is there for them anyway.
    """
    if gpu.is_used():
        _C.memory_empty_cache()


def memory_stats_as_nested_dict(device=None):
    """:func:`memory_stats` as dicts in dicts; an empty one before a GPU was used."""
    return _C.memory_stats(gpu.ordinal(device, "memory_stats")) if gpu.is_used() else {}


def memory_stats(device=None):
    """Counts of the allocator, under torch's names: ``"allocated_bytes.all.current"``...

    Each of ``allocation``, ``segment``, ``active``, ``inactive_split`` and their ``..._bytes`` (``reserved_bytes`` for
    segments), and ``requested_bytes``, for ``all``, ``large_pool`` and ``small_pool``: ``current``, ``peak``,
    ``allocated``, ``freed``. Besides ``oversize_...``, ``max_split_size`` and ``num_...``. Empty before a GPU was used.

    Example:
        >>> import tritorch
        >>> tritorch.cuda.memory_stats().get("num_ooms", 0) >= 0
        True
    """
    flat = {}

    def add(prefix, value):
        if not isinstance(value, dict):
            flat[prefix] = value
            return
        for key, inner in value.items():
            name = "_".join(map(str, key)) if isinstance(key, tuple) else key
            add(f"{prefix}.{name}" if prefix else name, inner)

    add("", memory_stats_as_nested_dict(device))
    return OrderedDict(sorted(flat.items()))


def _bytes(device, count, value):
    return _C.memory_stats(gpu.ordinal(device, "memory_stats"))[count]["all"][value] if gpu.is_used() else 0


def memory_allocated(device=None):
    """Bytes of GPU memory that tensors take; 0 before a GPU was used.

    Example:
        >>> import tritorch
        >>> tritorch.cuda.memory_allocated() <= tritorch.cuda.memory_reserved()
        True
    """
    return _bytes(device, "allocated_bytes", "current")


def max_memory_allocated(device=None):
    """The most that :func:`memory_allocated` has been, since :func:`reset_peak_memory_stats`."""
    return _bytes(device, "allocated_bytes", "peak")


def memory_reserved(device=None):
    """Bytes of GPU memory that the allocator holds, for tensors or in its cache; 0 before a GPU was used."""
    return _bytes(device, "reserved_bytes", "current")


def max_memory_reserved(device=None):
    """The most that :func:`memory_reserved` has been, since :func:`reset_peak_memory_stats`."""
    return _bytes(device, "reserved_bytes", "peak")


def reset_peak_memory_stats(device=None):
    """Restarts the ``peak`` counts of :func:`memory_stats` from what they now are."""
    if gpu.is_used():
        _C.memory_reset_peak(gpu.ordinal(device, "reset_peak_memory_stats"))


def reset_max_memory_allocated(device=None):
    """:func:`reset_peak_memory_stats`, under the name it once had."""
    reset_peak_memory_stats(device)


def reset_accumulated_memory_stats(device=None):
    """Restarts the counts of :func:`memory_stats` that only grow: ``allocated``, ``freed``, ``num_...``."""
    if gpu.is_used():
        _C.memory_reset_accumulated(gpu.ordinal(device, "reset_accumulated_memory_stats"))


def memory_snapshot(mempool_id=None, include_traces=True):
    """The allocator's segments by address, each a dict with its blocks, in torch's form.

    Args:
        mempool_id: only the segments of this private pool.
        include_traces: taken for torch's sake; the segments hold no traces.
    """
    segments = _C.memory_snapshot(False)["segments"]
    return [s for s in segments if mempool_id is None or s["segment_pool_id"] == tuple(mempool_id)]


def _snapshot(device=None, augment_with_fx_traces=False):
    """Segments, the history of every device, and the settings, as ``torch.cuda.memory._snapshot`` gives them."""
    return _C.memory_snapshot(True)


def _record_memory_history(
    enabled="all",
    context="all",
    stacks="all",
    max_entries=sys.maxsize,
    device=None,
    clear_history=False,
    compile_context=False,
    global_record_annotations=False,
    skip_actions=None,
):
    """Keeps what the allocator does from now on, and from which lines of the program.

    Args:
        enabled: None ends it; ``"state"`` keeps the lines of what is allocated; ``"all"`` also every request and free.
        context: whose lines are kept: None, ``"state"``, ``"alloc"`` or ``"all"``.
        max_entries: the number of the last entries that are kept.
        clear_history: forget what was kept before.
        skip_actions: names of actions to leave out.

    Raises:
        ValueError: for other values.
    """
    if enabled not in (None, "state", "all"):
        raise ValueError(f"expected enabled to be None, 'state' or 'all', got {enabled!r}")
    if context not in (None, "state", "alloc", "all"):
        raise ValueError(f"expected context to be None, 'state', 'alloc' or 'all', got {context!r}")
    entries = max_entries if enabled == "all" else 1
    _C.memory_record_history(enabled is not None, context or "never", entries, clear_history, skip_actions or [])


def save_picture(path, device=None):
    """Writes one HTML page of the memory of a GPU: its segments and blocks, and what was taken over time.

    The page needs no server and loads nothing. What it shows over time is what was recorded since
    ``tritorch.cuda.memory._record_memory_history()``.

    Args:
        path: the file to write.
        device: None is the current one.
    """
    index = gpu.ordinal(device, "save_picture")
    with open(path, "w", encoding="utf-8") as file:
        file.write(page(_snapshot(), index))


_METRICS = (
    ("allocated_bytes", "Allocated memory"), ("active_bytes", "Active memory"),
    ("requested_bytes", "Requested memory"), ("reserved_bytes", "GPU reserved memory"),
    ("inactive_split_bytes", "Non-releasable memory"), ("allocation", "Allocations"), ("active", "Active allocs"),
    ("segment", "GPU reserved segments"), ("inactive_split", "Non-releasable allocs"),
)  # fmt: skip
_PARTS = (("all", None), ("large_pool", "      from large pool"), ("small_pool", "      from small pool"))
_COLUMNS = ("current", "peak", "allocated", "freed")


def _scaled(value, scale, units, step, limit, form):
    """`value` in the unit that keeps `scale` short: all rows of a metric are in the unit of its first."""
    unit = units[0]
    for larger in units[1:]:
        if scale < limit:
            break
        unit, value, scale = larger, value // step, scale / step
    return form.format(value, unit)


def _size(value, scale):
    return _scaled(value, scale, ("B  ", "KiB", "MiB", "GiB", "TiB", "PiB"), 1024, 768 * 1024, "{:6d} {}")


def _count(value, scale):
    return _scaled(value, scale, (" ", "K", "M"), 1000, 750 * 1000, "{:7d} {} ")


def memory_summary(device=None, abbreviated=False):
    """The statistics as a table to read.

    Args:
        device: None is the current one.
        abbreviated: without a line for each of the two pools.
    """
    index = gpu.ordinal(device, "memory_summary")
    stats = _C.memory_stats(index)
    thick, thin = "=" * 75, "-" * 75
    lines = [
        thick,
        f" {'':16} tritorch CUDA memory summary, device ID {index:<16d} ",
        thin,
        f"  {'':9} CUDA OOMs: {stats['num_ooms']:<12d} | {'':6} cudaMalloc retries: {stats['num_alloc_retries']:<8d}  ",
        thick,
        "        Metric         | Cur Usage  | Peak Usage | Tot Alloc  | Tot Freed  ",
    ]

    def row(title, values, scales, form):
        cells = " | ".join(form(values[column], scales[column]) for column in _COLUMNS)
        return f" {title:<21} | {cells} "

    for metric, title in _METRICS:
        lines.append(thin)
        form = _size if metric.endswith("_bytes") else _count
        for part, name in _PARTS[:1] if abbreviated else _PARTS:
            lines.append(row(name or title, stats[metric][part], stats[metric]["all"], form))
    for metric, title in (
        ("oversize_allocations", "Oversize allocations"),
        ("oversize_segments", "Oversize GPU segments"),
    ):
        lines += [thin, row(title, stats[metric], stats[metric], _count)]
    return "|" + "|\n|".join([*lines, thick]) + "|\n"
