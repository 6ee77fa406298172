"""GPUs: devices, streams, events, memory. With ``TRITORCH_SIM=1`` a simulated one takes their place."""

from ..errors import OutOfMemoryError
from . import amp
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
from .memory import (
    empty_cache,
    max_memory_allocated,
    max_memory_reserved,
    memory_allocated,
    memory_reserved,
    reset_peak_memory_stats,
)
from .random import manual_seed, manual_seed_all
from .streams import Event, Stream, StreamContext, current_stream, default_stream, set_stream, stream

default_generators = ()
