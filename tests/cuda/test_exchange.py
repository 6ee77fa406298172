"""Memory shared with other libraries on a device: DLPack and the interface of CUDA arrays, and who waits for whom."""

import gc

import numpy as np
import pytest

import tritorch
from tritorch import _C
from tritorch.cuda import Stream, current_stream, stream

simulated = pytest.mark.skipif(_C.device_kind() != "simulated", reason="asks for the simulated device")
TYPES = ("float16", "float32", "float64", "bfloat16", "int8", "int64", "uint8", "bool", "complex64")


@pytest.fixture(autouse=True)
def fresh():
    tritorch.cuda.synchronize()
    if _C.device_kind() == "simulated":
        _C.sim_report()
    yield
    gc.collect()
    tritorch.cuda.synchronize()
    if _C.device_kind() == "simulated":
        assert _C.sim_report() == []


class Other:
    """Another library's array on the device: its memory, its stream, and both protocols."""

    def __init__(self, values, versioned=True, own=None):
        self.values, self.stream, self.versioned = np.ascontiguousarray(values), own or Stream(), versioned
        with stream(self.stream):
            self.array = _C.device_empty(self.values.shape, self.values.dtype, 0)
            _C.copy_to_device(self.array, self.values, self.stream.cuda_stream, True)
        self.asked = "nobody"

    def __dlpack_device__(self):
        return 2, 0

    def __dlpack__(self, *, stream=None, **options):
        if not self.versioned and options:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        self.asked = stream
        event = tritorch.cuda.Event()
        event.record(self.stream)
        event.wait(Stream(0, stream_ptr=0 if stream == 1 else stream))
        return _C.dlpack_export(self.array, 2, 0, 2, 32, self.versioned)

    @property
    def __cuda_array_interface__(self):
        pointer = self.array.__array_interface__["data"][0]
        return {
            "shape": self.values.shape, "typestr": self.values.dtype.str, "data": (pointer, False), "version": 3,
            "strides": None, "stream": self.stream.cuda_stream,
        }  # fmt: skip


def read(capsule, on):
    """What a consumer sees of a capsule on its stream; the capsule is used up."""
    owner, address, kind, index, _, bits, shape, strides, _ = _C.dlpack_import(capsule)
    assert (kind, index) == (2, 0)
    reach = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1
    memory = _C.memory_foreign(address, reach * bits // 8, 0, owner)
    bytes_ = _C.device_view(memory, 0, (reach * bits // 8,), np.dtype(np.uint8), (1,))
    host = np.empty(bytes_.shape, np.uint8)
    with stream(on):
        _C.copy_to_host(host, bytes_, on.cuda_stream, False)
    return host


@pytest.mark.parametrize("versioned", [True, False])
def test_a_tensor_on_anothers_memory(versioned):
    other = Other(np.arange(6, dtype=np.float32).reshape(2, 3), versioned)
    x = tritorch.from_dlpack(other)
    assert x.is_cuda and other.asked == 1 and x.data_ptr() == other.array.__array_interface__["data"][0]
    assert ((x * 2).cpu().numpy() == other.values * 2).all()
    side = Stream()
    with stream(side):
        tritorch.from_dlpack(other).add_(1)
        assert other.asked == side.cuda_stream
    side.synchronize()
    assert (x.cpu().numpy() == other.values + 1).all()
    (x.t()[1:] * 1.0).record_stream(side)
    x.record_stream(side)  # its memory is another's affair


def test_the_owner_lives_as_long_as_the_tensor_and_no_longer():
    other = Other(np.ones(100, np.float32))
    held = tritorch.cuda.memory_allocated()
    x = tritorch.from_dlpack(other)[10:]
    del other
    gc.collect()
    assert tritorch.cuda.memory_allocated() == held and (x.cpu().numpy() == 1).all()
    del x
    assert tritorch.cuda.memory_allocated() < held


@pytest.mark.parametrize("name", TYPES)
def test_round_trip_of_types(name):
    dtype = getattr(tritorch, name)
    for host in (tritorch.arange(6).reshape(2, 3).to(dtype), tritorch.ones(3, 4).to(dtype).t()):
        x = host.cuda()

        class Plain:  # hides that it is a tensor of ours
            __dlpack__, __dlpack_device__ = x.__dlpack__, x.__dlpack_device__

        y = tritorch.from_dlpack(Plain)
        assert y.dtype is dtype and y.stride() == x.stride() and y.data_ptr() == x.data_ptr()
        assert tritorch.equal(y.cpu(), host)
        z = tritorch.from_dlpack(Plain, device="cpu")
        assert z.device.type == "cpu" and tritorch.equal(z, host)
        if name != "bfloat16":
            assert x.__cuda_array_interface__["typestr"] == np.dtype(name).str


def test_host_memory_goes_through_numpy_and_back_pinned_or_not():
    for host in (tritorch.arange(6.0).reshape(2, 3), tritorch.arange(6.0).pin_memory().reshape(2, 3).t()):
        assert host.__dlpack_device__() == ((3 if host.is_pinned() else 1), 0)
        a = np.from_dlpack(host)
        assert a.ctypes.data == host.data_ptr() and a.strides == tuple(4 * np.array(host.stride()))
        back = tritorch.from_dlpack(a)
        assert back.data_ptr() == host.data_ptr() and back.is_pinned() == host.is_pinned()
        assert tritorch.from_dlpack(host, copy=True).data_ptr() != host.data_ptr()
        with pytest.raises(AssertionError, match="stream should be None on cpu"):
            host.__dlpack__(stream=3)
    there = np.from_dlpack(tritorch.ones(3, device="cuda"), device="cpu")
    assert (there == 1).all()
    with pytest.raises(ValueError, match="without a copy"):
        tritorch.ones(3, device="cuda").__dlpack__(dl_device=(1, 0), copy=False)


def test_the_consumers_stream_waits_for_ours():
    consumer = Stream()
    for _ in range(3):
        x = tritorch.full((5000,), 2.0, device="cuda") * 3
        seen = read(x.__dlpack__(stream=consumer.cuda_stream, max_version=(1, 0)), consumer).view(np.float32)
        assert (seen == 6).all()
    with stream(Stream()):
        y = tritorch.ones(10, device="cuda") + 1
        for name in (None, 1):  # the default stream
            seen = read(y.__dlpack__(stream=name), tritorch.cuda.default_stream())
            assert (seen.view(np.float32) == 2).all()


@simulated
def test_a_consumer_that_asks_not_to_wait_and_does_not_wait_is_found():
    consumer = Stream()
    x = tritorch.full((5000,), 2.0, device="cuda") * 3
    read(x.__dlpack__(stream=-1), consumer)
    assert [kind for kind, _ in _C.sim_report()] == ["race"]
    tritorch.cuda.synchronize()


@simulated
def test_a_producer_that_forgets_its_event_is_found():
    other = Other(np.ones(5000, np.float32))
    _C.sim_fail("wait", 1)
    x = tritorch.from_dlpack(other)
    assert float(x.sum()) == 5000
    assert [kind for kind, _ in _C.sim_report()] == ["race"]


def test_texts():
    x = tritorch.ones(3, device="cuda")
    with pytest.raises(BufferError, match="per-thread default stream is not supported"):
        x.__dlpack__(stream=2)
    with pytest.raises(AssertionError, match="unsupported stream on CUDA: 0"):
        x.__dlpack__(stream=0)
    with pytest.raises(TypeError, match="stream must be"):
        x.__dlpack__(stream="1")
    with pytest.raises(BufferError, match="require gradient"):
        x.clone().requires_grad_().__dlpack__()
    capsule = x.__dlpack__(stream=-1)
    read(capsule, current_stream())
    with pytest.raises(BufferError, match="only once"):
        _C.dlpack_import(capsule)
    assert not hasattr(tritorch.ones(3), "__cuda_array_interface__")
    with pytest.raises(RuntimeError, match="on Variable that requires grad"):
        _ = x.clone().requires_grad_().__cuda_array_interface__


def test_the_interface_of_cuda_arrays():
    x = tritorch.arange(6.0, device="cuda").reshape(2, 3)
    told = x.__cuda_array_interface__
    assert told == {
        "shape": (2, 3), "typestr": "<f4", "strides": None, "data": (x.data_ptr(), False), "version": 3, "stream": 1,
    }  # fmt: skip
    with stream(Stream()) as _:
        told = x.t().__cuda_array_interface__
        assert told["strides"] == (4, 12) and told["stream"] == current_stream().cuda_stream
    other = Other(np.arange(8, dtype=np.int64))
    y = tritorch.as_tensor(other, device="cuda")
    assert y.data_ptr() == other.array.__array_interface__["data"][0] and (y.cpu().numpy() == other.values).all()
    assert tritorch.tensor(other).data_ptr() != y.data_ptr()
    assert tritorch.as_tensor(other, dtype=tritorch.float32, device="cpu").tolist() == other.values.tolist()


def test_dropped_and_failed_exports_free_what_they_hold(figure):
    held = tritorch.cuda.memory_allocated()
    rounds = 3000
    for i in range(rounds):
        x = tritorch.empty(100, device="cuda")
        capsule = x.__dlpack__(stream=-1, max_version=(1, 0) if i % 2 else None)
        if i % 3 == 0:
            owner = _C.dlpack_import(capsule)[0]
            del x, capsule, owner
    x = capsule = None
    figure("DLPack cycles on a device, nothing left", rounds)
    assert tritorch.cuda.memory_allocated() == held
