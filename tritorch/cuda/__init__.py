"""GPUs: devices, streams, events, memory. With ``TRITORCH_SIM=1`` a simulated one takes their place."""

from ..errors import OutOfMemoryError
from ..runtime.generator import default_generators as generators_of_gpus
from . import amp, memory
from .devices import (
    current_device,
    device,
    device_count,
    device_of,
    explain,
    get_arch_list,
    get_device_capability,
    get_device_name,
    get_device_properties,
    init,
    is_available,
    is_bf16_supported,
    is_initialized,
    mem_get_info,
    set_device,
    synchronize,
)
from .graphed import make_graphed_callables
from .graphs import CUDAGraph, graph, graph_pool_handle, is_current_stream_capturing
from .memory import (
    caching_allocator_alloc,
    caching_allocator_delete,
    empty_cache,
    get_allocator_backend,
    get_per_process_memory_fraction,
    max_memory_allocated,
    max_memory_reserved,
    memory_allocated,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import Event, Stream, StreamContext, current_stream, default_stream, set_stream, stream


def __getattr__(name):
    if name == "default_generators":  # made when first asked for: that looks for GPUs
        return generators_of_gpus()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
