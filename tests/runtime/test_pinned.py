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
    _C.sim_fail("host", 1)  # refused once: what is cached goes back, and the driver is asked again
    assert _C.pinned_empty((1 << 20,), np.float32).nbytes == 4 << 20
    _C.pinned_empty_cache()
    with pytest.raises(RuntimeError, match="out of memory"):
        _C.pinned_empty((1 << 60,), np.uint8)
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


# --- tensors ---------------------------------------------------------------------------------------------------


def test_a_copy_to_the_device_that_does_not_wait_reads_pinned_memory_when_it_runs():
    host = tritorch.ones(64).pin_memory()
    there = host.to("cuda", non_blocking=True)
    host.fill_(2)  # too early
    assert bool((there.cpu() == 2).all())
    there = host.cuda()  # waits
    host.fill_(3)
    assert bool((there.cpu() == 2).all())
    there = tritorch.ones(64).to("cuda", non_blocking=True)  # pageable: its bytes are taken at once
    assert bool((there.cpu() == 1).all())


def test_a_copy_to_the_host_that_does_not_wait_comes_into_pinned_memory_later():
    there = tritorch.ones(64, device="cuda")
    _C.device_synchronize(0)
    host = there.to("cpu", non_blocking=True)
    assert host.is_pinned()
    host.fill_(0)
    tritorch.cuda.synchronize()
    assert bool((host == 1).all()) and not there.cpu().is_pinned()
    turned = tritorch.arange(6.0, device="cuda").reshape(2, 3).t()
    again = turned.to("cpu", non_blocking=True)
    tritorch.cuda.synchronize()
    assert again.stride() == turned.stride() and bool((again == turned.cpu()).all())


@pytest.mark.parametrize("non_blocking", [False, True])
def test_copy_across(non_blocking):
    there = tritorch.arange(6.0, device="cuda").reshape(2, 3)
    expected = tritorch.arange(6.0).reshape(2, 3)
    for host in (
        tritorch.zeros(2, 3, pin_memory=True),
        tritorch.zeros(2, 3, dtype=tritorch.int64).pin_memory(),
        tritorch.zeros(4, 2, 3).pin_memory(),
        tritorch.zeros(3, 2).t(),
        tritorch.zeros(2, 3),
    ):
        pinned_before = host.is_pinned()
        host.copy_(there, non_blocking=non_blocking)
        tritorch.cuda.synchronize()
        assert host.is_pinned() == pinned_before and bool((host == expected).all())
        back = tritorch.zeros(host.shape, device="cuda").copy_(host, non_blocking=non_blocking)
        assert bool((back.cpu() == expected).all())
    for x in (tritorch.zeros(3, 2, device="cuda").t(), tritorch.zeros(2, 3, device="cuda", dtype=tritorch.int32)):
        assert bool((x.copy_(expected, non_blocking).cpu() == expected).all())


def test_pinned_memory_that_died_while_a_copy_of_another_stream_read_it_is_not_given_out():
    side = tritorch.cuda.Stream()
    host = tritorch.ones(64).pin_memory()
    address = host.data_ptr()
    with tritorch.cuda.stream(side):
        there = host.to("cuda", non_blocking=True)
    del host
    other = tritorch.full((64,), 5.0, pin_memory=True)
    assert other.data_ptr() != address
    side.synchronize()
    assert bool((there.cpu() == 1).all())
    del other
    addresses = [x.data_ptr() for x in [tritorch.empty(64, pin_memory=True) for _ in range(2)]]
    assert address in addresses


def test_creation_and_loaders_pin():
    for made in (
        tritorch.ones(3, pin_memory=True), tritorch.tensor([1.0], pin_memory=True), tritorch.randn(3, pin_memory=True),
        tritorch.randint(0, 5, (3,), pin_memory=True), tritorch.empty(2, pin_memory=True, requires_grad=True),
        tritorch.ones(3).new_zeros(2, pin_memory=True), tritorch.zeros_like(tritorch.ones(3), pin_memory=True),
    ):  # fmt: skip
        assert made.is_pinned() and made.is_leaf
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        tritorch.ones(3, device="cuda", pin_memory=True)
    data = [{"x": tritorch.ones(2), "name": str(i)} for i in range(4)]
    for batch in tritorch.utils.data.DataLoader(data, batch_size=2, pin_memory=True):
        assert batch["x"].is_pinned() and batch["name"] in (["0", "1"], ["2", "3"])
