"""What the simulated device watches: each planted fault is found and reported with its lines, and nothing else is."""

import ctypes
import inspect
import struct

import numpy as np
import pytest

import tritorch
from tritorch import _C
from tritorch.runtime import array

pytestmark = pytest.mark.skipif(_C.device_kind() != "simulated", reason="asks for the simulated device")


@pytest.fixture(autouse=True)
def fresh():
    """Every test starts with nothing pending and nothing reported."""
    _C.sim_drain()
    _C.sim_report()
    yield
    _C.sim_drain()
    _C.sim_report()
    _C.sim_seed(0)
    _C.stream_set(0, 0)


def here(back: int = 0) -> str:
    """The caller's line, some lines ago, as reports have it."""
    frame = inspect.currentframe().f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno - back}"


def findings() -> list[tuple[str, str]]:
    _C.device_synchronize(0)
    return _C.sim_report()


def address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]


def touch(reads=(), writes=()) -> tuple:
    """What launches, on the current stream, a kernel of a few accesses, each (address, count) of float32."""
    LAUNCHES.append((reads, writes))
    return touching(), (1, 1, 1), (32, 1, 1), 0, 0, None, struct.pack("Q", len(LAUNCHES) - 1)


LAUNCHES: list = []
FUNCTION: list[int] = []


def touching() -> int:
    def touch_kernel(grid, parameters):
        reads, writes = LAUNCHES[struct.unpack("Q", parameters)[0]]
        for start, count in reads:
            _C.sim_check(start + 4 * np.arange(count, dtype=np.uint64), 4, None, False)
        for start, count in writes:
            where = _C.sim_check(start + 4 * np.arange(count, dtype=np.uint64), 4, None, True)
            ctypes.memset(int(where[0]), 1, 4 * count)

    if not FUNCTION:
        FUNCTION.append(_C.module_function(_C.module_load(b"tritorch-sim:%d" % _C.sim_register(touch_kernel), 0), "k"))
    return FUNCTION[0]


def filled(x: np.ndarray) -> np.ndarray:
    _C.memset_device(x, b"\0")
    return x


def all_of(x: np.ndarray) -> list[tuple[int, int]]:
    return [(address(x), x.size)]


def use_stream(stream: int) -> None:
    _C.stream_set(0, stream)


def order(before: int, after: int) -> None:
    event = _C.event_new(0, 2)
    _C.event_record(0, event, before)
    _C.stream_wait_event(0, after, event)
    _C.event_destroy(event)


# --- order -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ordered", [True, False])
def test_a_missing_event_wait_is_found_with_both_lines_in_any_order_of_running(seed, ordered):
    _C.sim_seed(seed)
    x, side = filled(array.empty((256,), np.float32)), _C.stream_new(0)
    _C.device_synchronize(0)
    _C.launch(*touch(writes=all_of(x)))
    wrote = here(1)
    if ordered:
        order(0, side)
    use_stream(side)
    _C.launch(*touch(reads=all_of(x)))
    read = here(1)
    found = findings()
    if ordered:
        assert found == []
        return
    [(kind, text)] = found
    assert kind == "race" and "no event orders the two" in text and "kernel touch_kernel" in text
    assert wrote in text and read in text and "byte 0 of a block of 1024 bytes" in text


def test_waiting_on_the_host_orders_too():
    x, side = filled(array.empty((256,), np.float32)), _C.stream_new(0)
    event = _C.event_new(0, 2)
    for wait in (
        lambda: _C.device_synchronize(0),
        lambda: _C.stream_synchronize(0, 0),
        lambda: (_C.event_record(0, event, 0), _C.event_synchronize(event)),
    ):
        use_stream(0)
        order(side, 0)
        _C.launch(*touch(writes=all_of(x)))
        wait()
        use_stream(side)
        _C.launch(*touch(reads=all_of(x)))
    _C.event_destroy(event)
    assert findings() == []


def test_order_goes_through_a_third_stream_and_through_what_an_event_was_recorded_after():
    x, a, b = filled(array.empty((256,), np.float32)), _C.stream_new(0), _C.stream_new(0)
    _C.launch(*touch(writes=all_of(x)))
    order(0, a)
    order(a, b)
    use_stream(b)
    _C.launch(*touch(reads=all_of(x)))
    assert findings() == []
    event = _C.event_new(0, 2)
    _C.event_record(0, event, 0)  # too early: it was recorded before the write
    order(b, 0)
    use_stream(0)
    _C.launch(*touch(writes=all_of(x)))
    _C.stream_wait_event(0, a, event)
    use_stream(a)
    _C.launch(*touch(reads=all_of(x)))
    _C.event_destroy(event)
    assert [kind for kind, _ in findings()] == ["race"]


def test_readers_together_are_no_race_and_a_writer_after_one_of_them_is():
    x, streams = filled(array.empty((256,), np.float32)), [_C.stream_new(0) for _ in range(3)]
    for stream in streams:
        order(0, stream)
        use_stream(stream)
        _C.launch(*touch(reads=all_of(x)))
    assert findings() == []
    for stream in streams[:2]:
        order(stream, 0)
    use_stream(0)
    x2 = filled(array.empty((256,), np.float32))
    for stream in streams:
        use_stream(stream)
        order(0, stream)
        _C.launch(*touch(reads=all_of(x2)))
    use_stream(0)
    for stream in streams[:2]:
        order(stream, 0)
    _C.launch(*touch(writes=all_of(x2)))  # the third still reads
    [(kind, text)] = findings()
    assert kind == "race" and "writes what" in text and "reads, and no event" in text


def test_two_streams_may_write_two_halves():
    x, side = filled(array.empty((128,), np.float32)), _C.stream_new(0)
    order(0, side)
    _C.launch(*touch(writes=[(address(x), 64)]))
    use_stream(side)
    _C.launch(*touch(writes=[(address(x) + 256, 64)]))
    assert findings() == []
    _C.launch(*touch(writes=[(address(x) + 252, 1)]))
    assert [kind for kind, _ in findings()] == []  # the host waited above
    use_stream(0)
    _C.launch(*touch(writes=[(address(x), 64)]))
    use_stream(side)
    _C.launch(*touch(writes=[(address(x) + 252, 64)]))
    assert [kind for kind, _ in findings()] == ["race"]


def test_copies_are_uses():
    x, side = filled(array.empty((256,), np.float32)), _C.stream_new(0)
    order(0, side)
    _C.copy_to_device(x, np.ones(256, np.float32), side, True)
    host = np.empty(256, np.float32)
    _C.copy_to_host(host, x, 0, False)
    [(kind, text)] = findings()
    assert kind == "race" and "copy to host" in text and "copy from host" in text


# --- blocks ----------------------------------------------------------------------------------------------------


def test_memory_that_was_never_written_is_told_once_and_copies_carry_it():
    x = array.empty((64,), np.float32)
    made = here(1)
    _C.launch(*touch(writes=[(address(x), 32)]))
    _C.launch(*touch(reads=[(address(x), 32)]))
    assert findings() == []
    _C.launch(*touch(reads=all_of(x)))
    read = here(1)
    [(kind, text)] = findings()
    assert kind == "uninitialized" and "lane 32 loads 4 bytes that were never written" in text
    assert read in text and made in text and "byte 128 of a block of 256 bytes" in text
    y = filled(array.empty((64,), np.float32))
    _C.copy_on_device(y, x, 256)
    _C.launch(*touch(reads=[(address(y), 32)]))
    assert findings() == []
    _C.launch(*touch(reads=all_of(y)))
    assert [kind for kind, _ in findings()] == ["uninitialized"]


def test_fresh_memory_holds_what_hurts():
    x = array.empty((4,), np.float32)
    assert np.isnan(array.download(x)).all()
    assert findings() == []  # a copy to the host says nothing: that is how one looks at an empty tensor


@pytest.mark.parametrize("offset", [-4, 40, 12 << 30])
@pytest.mark.parametrize("write", [False, True], ids=["load", "store"])
def test_a_use_out_of_bounds_fails_the_kernel(offset, write):
    x = filled(array.empty((10,), np.float32))
    made = here(1)
    uses = [(address(x) + offset, 1)]
    _C.launch(*touch(**{"writes" if write else "reads": uses}))
    used = here(1)
    with pytest.raises(RuntimeError, match="CUDA error: unspecified launch failure") as caught:
        _C.device_synchronize(0)
    assert isinstance(caught.value.__cause__, IndexError)
    [(kind, text)] = _C.sim_report()
    assert kind == "bounds" and used in text and ("stores" if write else "loads") in text
    if offset == 40:
        assert "0 bytes past the end of a block of 40 bytes allocated at" in text and made in text
    assert (array.download(x) == 0).all()
    assert findings() == []


def test_a_use_after_free_fails_and_one_enqueued_before_it_does_not():
    x = filled(array.empty((64,), np.float32))
    where = all_of(x)
    _C.launch(*touch(reads=where))
    del x
    assert findings() == []
    _C.launch(*touch(reads=where))
    with pytest.raises(RuntimeError, match="unspecified launch failure"):
        _C.device_synchronize(0)
    assert [kind for kind, _ in _C.sim_report()] == ["bounds"]


def test_a_write_into_the_slack_is_found_when_the_block_dies():
    x = filled(array.empty((100,), np.float32))  # 400 bytes: 112 of slack
    made = here(1)

    end = address(x) + 400

    def wild(grid, parameters):
        ctypes.memset(end + 7 + _C.sim_delta(), 0, 1)  # past the interpreter's eyes

    function = _C.module_function(_C.module_load(b"tritorch-sim:%d" % _C.sim_register(wild), 0), "wild")
    _C.launch(function, (1, 1, 1), (1, 1, 1), 0, 0, None, b"")
    _C.device_synchronize(0)
    del x
    freed = here(1)
    [(kind, text)] = findings()
    assert kind == "guard" and text.startswith("byte 7 past the end of a block of 400 bytes was written")
    assert freed in text and made in text


# --- kernels of Triton, through tensors ------------------------------------------------------------------------


def test_an_operator_on_a_stream_that_did_not_wait_is_found():
    pytest.importorskip("triton")
    x = tritorch.ones(100, device="cuda")
    y = x + x
    side = tritorch.cuda.Stream()
    with tritorch.cuda.stream(side):
        z = y + y
    assert (z.cpu() == 4).all()
    text = "\n".join(text for kind, text in findings() if kind == "race")
    assert "no event orders the two" in text
    with tritorch.cuda.stream(side):
        side.wait_stream(tritorch.cuda.default_stream())
        z = y + y
    tritorch.cuda.current_stream().wait_stream(side)
    assert (z.cpu() == 4).all() and findings() == []


def test_an_operator_on_an_empty_tensor_reads_what_was_never_written():
    pytest.importorskip("triton")
    x = _C.wrap(array.empty((100,), np.float32))
    y = x + 1
    [(kind, text)] = findings()
    assert kind == "uninitialized" and "byte 0 of a block of 400 bytes" in text and y.is_cuda
