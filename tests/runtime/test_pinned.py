"""Page-locked host memory (Note [Pinned memory]): late copies, reuse after events, tensors in it."""

import gc

import numpy as np
import pytest

import tritorch
from tritorch import _C
from tritorch.runtime import array

pytestmark = pytest.mark.skipif(_C.device_kind() != "simulated", reason="asks for the simulated device")


@pytest.fixture(autouse=True)
def fresh():
    """Every test starts with nothing pending and no idle block."""
    _C.sim_drain()
    gc.collect()
    _C.pinned_empty_cache()
    yield
    _C.sim_drain()


def pinned(values) -> np.ndarray:
    values = np.asarray(values, np.float32)
    made = _C.pinned_empty(values.shape, np.dtype(np.float32))
    made[...] = values
    return made


def test_a_copy_into_pinned_memory_comes_when_somebody_waits():
    host, x = pinned(np.zeros(64)), array.upload(np.ones(64, np.float32))
    _C.copy_to_host(host, x, None, True)
    assert (host == 0).all()
    _C.device_synchronize(0)
    assert (host == 1).all()


def test_a_copy_out_of_pinned_memory_takes_the_bytes_when_it_runs():
    host, x = pinned(np.ones(64)), array.empty((64,), np.float32)
    _C.copy_to_device(x, host, None, True)
    host[:] = 2  # too early: the fault of a program that does not wait
    assert (array.download(x) == 2).all()
    _C.copy_to_device(x, host, None, False)
    host[:] = 3
    assert (array.download(x) == 2).all()


def test_a_block_in_use_is_not_given_out_again():
    host, x = pinned(np.ones(64)), array.empty((64,), np.float32)
    address = host.ctypes.data
    _C.copy_to_device(x, host, None, True)
    del host
    other = pinned(np.full(64, 5))
    assert other.ctypes.data != address
    assert (array.download(x) == 1).all()
    del other
    again = [pinned(np.zeros(64)), pinned(np.zeros(64))]
    assert address in [one.ctypes.data for one in again]


def test_the_driver_is_asked_once_for_a_size():
    before = _C.pinned_memory_stats()
    for size in (700, 1000, 1024, 800):
        _C.pinned_empty((size,), np.uint8)
    after = _C.pinned_memory_stats()
    assert after["allocations"] - before["allocations"] == 4 and after["driver_calls"] - before["driver_calls"] == 1
    assert after["live_bytes"] == before["live_bytes"] and after["cached_bytes"] == 1024
    _C.pinned_empty_cache()
    assert _C.pinned_memory_stats()["cached_bytes"] == 0


def test_sizes_that_are_none():
    assert _C.pinned_empty((0, 3), np.float32).shape == (0, 3)
    with pytest.raises(ValueError, match="negative"):
        _C.pinned_empty((-1,), np.float32)
    _C.sim_fail("host", 1)
    with pytest.raises(RuntimeError, match="out of memory"):
        _C.pinned_empty((1 << 20,), np.float32)
    assert _C.pinned_empty((1 << 20,), np.float32).nbytes == 4 << 20


def test_a_tensor_is_pinned_once():
    x = tritorch.arange(6.0).reshape(2, 3)
    y = x.pin_memory()
    assert not x.is_pinned() and y.is_pinned() and y[1:].is_pinned() and y.device.type == "cpu"
    assert y.pin_memory() is y and (y == x).all()
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        x.cuda().pin_memory()


def test_record_stream_names_the_stream_to_the_memory():
    side = tritorch.cuda.Stream()
    x = tritorch.ones(64, device="cuda")
    x.record_stream(side)
    assert x.is_cuda and tritorch.ones(3).record_stream(side) is None
