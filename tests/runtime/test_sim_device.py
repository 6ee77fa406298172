"""The simulated device through the extension: memory, copies, streams, events, launches, faults."""

import ctypes
import gc
import os
import struct
import threading

import numpy as np
import pytest

from tritorch import _C, device
from tritorch.errors import OutOfMemoryError

with pytest.MonkeyPatch.context() as environment:  # the device of a process is chosen when it is first asked for
    environment.setenv("TRITORCH_SIM", os.environ.get("TRITORCH_SIM", "1"))
    pytestmark = pytest.mark.skipif(_C.device_kind() != "simulated", reason="asks for the simulated device")


class Array(np.ndarray):
    """What stands for the runtime's own class here: an array on a device address."""

    __slots__ = ()


@pytest.fixture(autouse=True)
def fresh():
    """Every test starts with nothing pending, and leaves the settings as they were."""
    before = _C.set_device_array(Array)
    _C.set_cuda_devices([device("cuda", i) for i in range(_C.device_count())])
    _C.sim_drain()
    _C.memory_empty_cache()
    yield
    _C.sim_drain()
    _C.memory_empty_cache()
    _C.sim_seed(0)
    _C.sim_card(8 << 30)
    _C.stream_set(0, 0)
    if before is not None:
        _C.set_device_array(before)


def empty(shape, dtype=np.float32) -> np.ndarray:
    return _C.device_empty(shape, np.dtype(dtype), 0)


def to_device(host: np.ndarray, stream: int | None = None, non_blocking: bool = False) -> np.ndarray:
    made = empty(host.shape, host.dtype)
    _C.copy_to_device(made, np.ascontiguousarray(host), stream, non_blocking)
    return made


def to_host(array: np.ndarray, stream: int | None = None) -> np.ndarray:
    host = np.empty(array.shape, array.dtype)
    _C.copy_to_host(host, array, stream, False)
    return host


def bytes_behind(pointer: int, count: int, dtype) -> np.ndarray:
    """What a kernel sees: the memory behind a device address."""
    size = count * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(pointer + _C.sim_delta()), dtype)


def pointer(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def kernel(callable) -> int:
    image = b"tritorch-sim:%d" % _C.sim_register(callable)
    return _C.module_function(_C.module_load(image, 0), "kernel")


def launch(function: int, parameters: bytes = b"", grid=(1, 1, 1), stream: int | None = None) -> None:
    _C.launch(function, grid, (32, 1, 1), 0, 0, stream, parameters)


@pytest.fixture(scope="module")
def add_one() -> int:
    """A kernel (float32*, n) that adds one."""

    def run(grid, parameters):
        where, count = struct.unpack("QQ", parameters)
        values = bytes_behind(where, count, np.float32)
        values += 1

    return kernel(run)


def add_one_to(function: int, array: np.ndarray, stream: int | None = None) -> None:
    launch(function, struct.pack("QQ", pointer(array), array.size), stream=stream)


# --- what there is ---------------------------------------------------------------------------------------------


def test_the_device_says_that_it_is_simulated():
    assert _C.device_explain() is None
    properties = _C.device_properties(0)
    assert "simulated" in properties["name"] and (properties["major"], properties["minor"]) == (9, 0)
    assert properties["total_memory"] == 8 << 30
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        _C.device_properties(99)
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        _C.set_current_device(-1)


# --- memory and arrays -----------------------------------------------------------------------------------------


def taken() -> int:
    return _C.memory_stats(0)["allocated_bytes"]["all"]["current"]


def test_memory_is_given_back_when_its_owner_dies():
    before, held = _C.mem_get_info(0), taken()  # other tests' modules may hold tensors
    a = empty((3 << 20,))
    memory = _C.memory_of(a)
    assert memory.ptr % 512 == 0 and memory.nbytes == 12 << 20 and memory.device == 0 and memory.stream == 0
    assert _C.mem_get_info(0)[0] < before[0]
    view = a[10:]
    del a, memory
    assert taken() == held + (12 << 20)
    del view
    assert taken() == held
    assert _C.mem_get_info(0)[0] < before[0]  # kept for the next request
    _C.memory_empty_cache()
    assert _C.mem_get_info(0) == before


def test_views_are_numpys_and_keep_the_memory():
    a = empty((4, 6), np.int16)
    for view in (a[1:3], a.T, a[:, ::2], a.reshape(24)[3:], a[::-1]):
        assert type(view) is Array
        assert _C.memory_of(view).ptr == pointer(a)
    assert a[1:3].strides == (12, 2) and pointer(a[1:]) == pointer(a) + 12
    with pytest.raises(TypeError, match="expected an array on a device"):
        _C.memory_of(np.zeros(3))


def test_strides_are_kept_and_decide_how_much_memory_it_takes():
    a = _C.device_empty((2, 3), np.dtype(np.float32), 0, (4, 8))
    assert a.strides == (4, 8) and _C.memory_of(a).nbytes == 4 + 4 + 2 * 8
    expanded = _C.device_empty((5, 3), np.dtype(np.float32), 0, (0, 4))
    assert _C.memory_of(expanded).nbytes == 12
    with pytest.raises(ValueError, match="one stride a dim"):
        _C.device_empty((2,), np.dtype(np.float32), 0, (4, 4))
    with pytest.raises(ValueError, match="too large"):
        _C.device_empty((1 << 40, 1 << 40), np.dtype(np.float32), 0)


def test_no_bytes_take_no_memory():
    before = _C.mem_get_info(0)
    a = empty((0, 3))
    assert _C.memory_of(a).ptr == 0 and _C.mem_get_info(0) == before
    assert to_host(a).shape == (0, 3)
    assert to_device(np.empty((2, 0), np.float32)).shape == (2, 0)


def test_a_tensor_knows_its_device():
    tensor = _C.wrap_as(_C.TensorBase, empty((3,)))
    assert tensor.device is device("cuda", 0) and tensor.is_cuda
    assert not _C.wrap(np.zeros(3)).is_cuda


def test_a_view_of_memory_stays_inside_it():
    memory = _C.memory_of(empty((8,)))
    a = _C.device_view(memory, 8, (2, 2), np.dtype(np.int16), (4, 2))
    assert pointer(a) == memory.ptr + 8 and a.shape == (2, 2) and _C.memory_of(a) is memory
    for offset, shape, strides in ((0, (9,), (4,)), (-4, (1,), (4,)), (0, (2,), (-4,)), (30, (1,), (4,))):
        with pytest.raises(ValueError, match="outside the memory"):
            _C.device_view(memory, offset, shape, np.dtype(np.float32), strides)


def test_a_card_of_any_size_runs_out():
    gc.collect()
    _C.memory_empty_cache()
    free, total = _C.mem_get_info(0)  # what tests before this one in the process still hold is not this test's
    card = total - free + (24 << 20)
    _C.sim_card(card)
    assert _C.mem_get_info(0) == (24 << 20, card)
    kept = empty((4_000_000,))
    with pytest.raises(
        OutOfMemoryError, match=r"CUDA out of memory\. Tried to allocate 12\.00 MiB\. GPU 0 has a total"
    ):
        empty((3_000_000,))
    del kept
    assert empty((5_000_000,)).shape == (5_000_000,)


def test_one_failed_allocation_is_tried_again():
    kept = empty((5_000_000,))
    del kept
    before = _C.memory_stats(0)["num_alloc_retries"]
    _C.sim_fail("malloc", 1)
    assert empty((6_000_000,)).shape == (6_000_000,)
    assert _C.memory_stats(0)["num_alloc_retries"] == before + 1


# --- copies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.complex128, np.bool_])
@pytest.mark.parametrize("non_blocking", [False, True])
def test_copies_there_and_back(dtype, non_blocking):
    host = np.random.default_rng(0).integers(0, 2, (5, 7)).astype(dtype)
    assert np.array_equal(to_host(to_device(host, non_blocking=non_blocking)), host)


def test_pageable_memory_may_change_as_soon_as_the_call_returns():
    host = np.arange(1000, dtype=np.float32)
    wanted = host.copy()
    a = to_device(host, non_blocking=True)
    host[:] = -1
    assert np.array_equal(to_host(a), wanted)


def test_copies_on_the_device_and_fills():
    a = to_device(np.arange(10, dtype=np.int32))
    b = empty((10,), np.int32)
    _C.copy_on_device(b, a, 40)
    assert np.array_equal(to_host(b), np.arange(10))
    _C.memset_device(b, np.int32(-7).tobytes())
    assert (to_host(b) == -7).all()
    halves = empty((3,), np.float16)
    _C.memset_device(halves, np.float16(1.5).tobytes())
    assert (to_host(halves) == 1.5).all()
    _C.memset_device(a, b"\xff")
    assert (to_host(a) == -1).all()
    with pytest.raises(ValueError, match="fills it"):
        _C.memset_device(halves, b"abcd")


def test_copies_ask_for_contiguous_arrays_of_one_size():
    a = empty((4, 4))
    with pytest.raises(ValueError, match="as many bytes"):
        _C.copy_to_device(a, np.zeros(3, np.float32), None, False)
    with pytest.raises(ValueError, match="as many bytes"):
        _C.copy_to_device(a[:, ::2], np.zeros((4, 2), np.float32), None, False)
    with pytest.raises(TypeError, match="copy_to_host"):
        _C.copy_to_host(a, np.zeros((4, 4), np.float32), None, False)


# --- launches --------------------------------------------------------------------------------------------------


def test_nothing_runs_before_somebody_waits(add_one):
    a = to_device(np.zeros(5, np.float32))
    add_one_to(add_one, a)
    add_one_to(add_one, a)
    assert _C.sim_pending() == 2
    assert np.array_equal(to_host(a), np.full(5, 2))
    assert _C.sim_pending() == 0


def test_a_kernel_sees_its_grid_and_parameters():
    seen = []
    function = kernel(lambda grid, parameters: seen.append((grid, parameters)))
    launch(function, b"0123456789", (3, 2, 1))
    _C.device_synchronize(0)
    assert seen == [((3, 2, 1), b"0123456789")]


def test_a_kernel_that_raises_is_an_error_for_who_waits_and_the_next_works(add_one):
    def broken(grid, parameters):
        raise IndexError("lane 3 is out of bounds")

    a = to_device(np.zeros(5, np.float32))
    launch(kernel(broken))
    with pytest.raises(RuntimeError, match="CUDA error: unspecified launch failure") as caught:
        _C.device_synchronize(0)
    assert isinstance(caught.value.__cause__, IndexError) and "lane 3" in str(caught.value.__cause__)
    add_one_to(add_one, a)
    assert np.array_equal(to_host(a), np.ones(5))


@pytest.mark.parametrize(
    "grid", [(0, 1, 1), (1, 65536, 1), (1, 1, 65536)], ids=["empty", "too many in y", "too many in z"]
)
def test_launches_that_no_device_takes(add_one, grid):
    with pytest.raises(RuntimeError, match="invalid argument"):
        launch(add_one, grid=grid)
    with pytest.raises(RuntimeError, match="device kernel image is invalid"):
        _C.module_load(b"tritorch-sim:999999", 0)
    with pytest.raises(RuntimeError, match="device kernel image is invalid"):
        _C.module_load(b"\x7fELF", 0)


def test_a_long_queue_is_bounded():
    runs = []
    function = kernel(lambda grid, parameters: runs.append(1))
    for _ in range(3000):
        launch(function)
    assert _C.sim_pending() <= 1024
    _C.device_synchronize(0)
    assert len(runs) == 3000


# --- streams and events ----------------------------------------------------------------------------------------


def test_a_stream_is_in_order_and_an_event_orders_two(add_one):
    for seed in range(30):
        _C.sim_seed(seed)
        first, second = _C.stream_new(0), _C.stream_new(0)
        order = []
        mark = [kernel(lambda grid, parameters, i=i, order=order: order.append(i)) for i in range(6)]
        event = _C.event_new(0, 2)
        for i in (0, 1):
            launch(mark[i], stream=first)
        _C.event_record(0, event, first)
        launch(mark[2], stream=second)
        _C.stream_wait_event(0, second, event)
        for i in (3, 4):
            launch(mark[i], stream=second)
        launch(mark[5], stream=first)
        _C.device_synchronize(0)
        at = order.index
        assert at(0) < at(1) < at(3) < at(4) and at(2) < at(3) and at(1) < at(5)
        _C.event_destroy(event)


def test_every_legal_order_comes_up_and_a_seed_replays():
    orders: dict[tuple, list[int]] = {}
    streams = [_C.stream_new(0) for _ in range(2)]
    order: list[str] = []
    mark = {name: kernel(lambda grid, parameters, name=name: order.append(name)) for name in ("a1", "a2", "b1", "b2")}

    def run(seed: int) -> tuple:
        _C.sim_seed(seed)
        order.clear()
        for name in mark:
            launch(mark[name], stream=streams[name[0] == "b"])
        _C.device_synchronize(0)
        return tuple(order)

    for seed in range(200):
        orders.setdefault(run(seed), []).append(seed)
    assert len(orders) == 6  # all the ways of merging two pairs
    for found, seeds in orders.items():
        assert run(seeds[0]) == found
    assert run(0) == ("a1", "a2", "b1", "b2")


def test_polling_makes_progress(add_one):
    for seed in range(10):
        _C.sim_seed(seed)
        a = to_device(np.zeros(4, np.float32))
        stream, event = _C.stream_new(0), _C.event_new(0, 0)
        add_one_to(add_one, a, stream)
        _C.event_record(0, event, stream)
        polls = 0
        while not _C.event_query(event):
            polls += 1
            assert polls < 10_000
        while not _C.stream_query(0, stream):
            polls += 1
        _C.event_destroy(event)


def test_times_are_those_of_the_device(add_one):
    a = to_device(np.zeros(4, np.float32))
    start, end = _C.event_new(0, 0), _C.event_new(0, 0)
    _C.event_record(0, start, 0)
    for _ in range(10):
        add_one_to(add_one, a, 0)
    _C.event_record(0, end, 0)
    with pytest.raises(RuntimeError, match="device not ready"):
        _C.event_elapsed(start, end)
    _C.event_synchronize(end)
    assert _C.event_elapsed(start, end) == pytest.approx(0.021)  # ten kernels of 2.1 virtual microseconds
    silent = _C.event_new(0, 2)
    _C.event_record(0, silent, 0)
    _C.event_synchronize(silent)
    with pytest.raises(RuntimeError, match="invalid resource handle"):
        _C.event_elapsed(start, silent)
    for event in (start, end, silent):
        _C.event_destroy(event)


def test_streams_come_from_a_pool_of_32_a_priority():
    ordinary = [_C.stream_new(0) for _ in range(64)]
    assert ordinary[:32] == ordinary[32:] and len(set(ordinary)) == 32
    urgent = [_C.stream_new(0, -1) for _ in range(32)]
    assert len(set(urgent)) == 32 and not set(urgent) & set(ordinary)
    assert {_C.stream_priority(0, s) for s in urgent} == {-1} and _C.stream_priority(0, ordinary[0]) == 0


def test_the_current_stream_is_the_threads_own():
    stream = _C.stream_new(0)
    _C.stream_set(0, stream)
    assert _C.stream_current(0) == stream and _C.memory_of(empty((1,))).stream == stream
    seen = []
    thread = threading.Thread(target=lambda: seen.append(_C.stream_current(0)))
    thread.start()
    thread.join()
    assert seen == [0]


def test_unknown_handles_are_errors():
    with pytest.raises(RuntimeError, match="invalid resource handle"):
        _C.stream_synchronize(0, 12345 << 4)
    with pytest.raises(RuntimeError, match="invalid resource handle"):
        _C.event_query(1 << 20)


def test_threads_wait_for_the_device_together(add_one):
    errors = []

    def work():
        try:
            stream = _C.stream_new(0)
            for i in range(30):
                a = to_device(np.full(16, i, np.float32), stream)
                add_one_to(add_one, a, stream)
                assert (to_host(a, stream) == i + 1).all()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads) and not errors


# --- faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("copy", "unknown error"),
        ("launch", "too many resources requested for launch"),
        ("kernel", "unspecified launch failure"),
        ("event", "out of memory"),
        ("module", "out of memory"),
    ],
)
def test_the_nth_call_fails_and_nothing_is_lost(add_one, kind, text):
    def program():
        a = to_device(np.zeros(4, np.float32))
        add_one_to(add_one, a)
        _C.event_destroy(_C.event_new(0, 0))
        _C.module_unload(_C.module_load(b"tritorch-sim:0", 0))
        return to_host(a)

    before = taken()
    _C.sim_fail(kind, 1)
    with pytest.raises(RuntimeError, match=text):
        program()
    assert taken() == before
    assert (program() == 1).all()
    assert taken() == before


# --- graphs ----------------------------------------------------------------------------------------------------


def test_a_graph_is_captured_once_and_launched_many_times(add_one):
    a, stream = to_device(np.zeros(8, np.float32)), _C.stream_new(0)
    _C.device_synchronize(0)
    _C.capture_begin(0, stream, 0)
    assert _C.capture_status(0, stream) == 1
    for _ in range(3):
        add_one_to(add_one, a, stream)
    graph = _C.capture_end(0, stream)
    assert _C.capture_status(0, stream) == 0 and _C.graph_nodes(graph) == 3
    executable = _C.graph_instantiate(graph)
    _C.graph_destroy(graph)
    assert (to_host(a) == 0).all()
    for launches in (1, 2, 3):
        _C.graph_launch(0, executable, stream)
        assert (to_host(a, stream) == 3 * launches).all()
    _C.graph_exec_destroy(executable)
    with pytest.raises(RuntimeError, match="invalid resource handle"):
        _C.graph_launch(0, executable, stream)


def test_waiting_for_a_stream_that_is_captured_is_an_error_and_spoils_the_graph():
    stream = _C.stream_new(0)
    _C.capture_begin(0, stream, 0)
    with pytest.raises(RuntimeError, match="operation not permitted when stream is capturing"):
        _C.stream_synchronize(0, stream)
    with pytest.raises(RuntimeError, match="operation failed due to a previous error during capture"):
        _C.capture_end(0, stream)
    _C.stream_synchronize(0, stream)
