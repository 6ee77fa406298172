"""The host's share of device calls, against a driver that does nothing: ``TRITORCH_SIM=stub python -m perf.device_cost``.

Each line is the median of interleaved rounds, with its share of ``np.empty`` in the same rounds: the machine's load
cancels out of the share.
"""

import os
import statistics
import time

os.environ.setdefault("TRITORCH_SIM", "stub")

import numpy as np

from tritorch import _C
from tritorch.runtime import array

CALLS, ROUNDS = 5000, 15


def cases():
    """The calls that are timed, by name."""
    float32, host = np.dtype(np.float32), np.zeros(1024, np.float32)
    out = array.empty((1024,), float32)
    function = _C.module_function(_C.module_load(b"", 0), "nothing")
    side, event, parameters = _C.stream_new(0), _C.event_new(0, 2), bytes(32)
    return {
        "np.empty((1024,))": lambda: np.empty((1024,), float32),
        "memory_new(4096): allocate and free": lambda: _C.memory_new(4096, 0),
        "device_empty((1024,))": lambda: _C.device_empty((1024,), float32, 0),
        "launch, 32 bytes of parameters": lambda: _C.launch(function, (8, 1, 1), (128, 1, 1), 0, 0, None, parameters),
        "copy_to_device, 4 KiB": lambda: _C.copy_to_device(out, host, None, True),
        "event_record": lambda: _C.event_record(0, event, side),
        "stream_wait_event": lambda: _C.stream_wait_event(0, 0, event),
    }


def measure():
    """Median seconds a call, by name."""
    timed = cases()
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(ROUNDS):
        for name, call in timed.items():
            start = time.perf_counter()
            for _ in range(CALLS):
                call()
            taken[name].append((time.perf_counter() - start) / CALLS)
    return {name: statistics.median(times) for name, times in taken.items()}


def main():
    """Prints the table."""
    if _C.device_kind() != "stub":
        raise SystemExit("the driver of this process is no stub: run it with TRITORCH_SIM=stub")
    medians = measure()
    yardstick = medians["np.empty((1024,))"]
    for name, seconds in medians.items():
        print(f"{name:40}{seconds * 1e9:9.0f} ns{seconds / yardstick:8.2f} of np.empty")


if __name__ == "__main__":
    main()
