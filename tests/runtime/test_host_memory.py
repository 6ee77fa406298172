"""The caching host allocator (Note [Host memory]): contents, bounds, threads, forks, page faults."""

import os
import random
import resource
import threading
import time

import numpy as np
import pytest

from tritorch import _C

KIB = 1 << 10


@pytest.fixture(autouse=True)
def clean_cache():
    limit = _C.host_memory_stats()["limit_bytes"]
    _C.host_empty_cache()
    yield
    _C.host_cache_limit(limit)
    _C.host_empty_cache()


def change(before: dict) -> dict:
    return {k: v - before[k] for k, v in _C.host_memory_stats().items()}


def make(size: int, zeros: bool = False) -> np.ndarray:
    return _C.run(np.zeros if zeros else np.empty, size, np.uint8)


def test_a_dropped_block_is_the_next_one():
    a = make(100 * KIB)
    address, before = a.ctypes.data, _C.host_memory_stats()
    del a
    b = make(100 * KIB)
    assert b.ctypes.data == address
    assert {k: v for k, v in change(before).items() if v} == {"allocations": 1, "hits": 1}


def test_small_arrays_and_other_peoples_arrays_stay_out():
    before = _C.host_memory_stats()
    kept = make(64 * KIB - 1), np.empty(1 << 20, np.uint8)
    assert not any(change(before).values()) and len(kept) == 2


@pytest.mark.parametrize("size", [64 * KIB, 64 * KIB + 1, 100_000, 1 << 20, (2 << 20) - 1, 2 << 20, 5_000_001])
def test_alignment_and_waste(size):
    before = _C.host_memory_stats()
    a = make(size)
    assert a.ctypes.data % (2 << 20 if size >= 2 << 20 else 4096) == 0
    assert size <= change(before)["live_bytes"] <= 1.25 * size
    a[:] = 7
    assert a[0] == a[-1] == 7


def test_zeros_are_zero_in_a_used_block():
    a = make(300 * KIB)
    a[:] = 255
    del a
    before = _C.host_memory_stats()
    assert not make(300 * KIB, zeros=True).any()
    assert change(before)["hits"] == 1


def test_what_lies_idle_is_bounded_and_the_oldest_goes_first():
    _C.host_cache_limit(600 * KIB)
    first, second, third = make(256 * KIB), make(256 * KIB), make(256 * KIB)
    addresses = [x.ctypes.data for x in (first, second, third)]
    del first
    del second
    del third
    assert _C.host_memory_stats()["cached_bytes"] == 512 * KIB
    again = make(256 * KIB), make(256 * KIB)
    assert [x.ctypes.data for x in again] == [addresses[2], addresses[1]]
    _C.host_cache_limit(0)
    del again
    assert _C.host_memory_stats()["cached_bytes"] == 0


def test_peak():
    _C.host_reset_peak()
    base = _C.host_memory_stats()["peak_bytes"]
    a, b = make(1 << 20), make(1 << 20)
    del a, b
    assert _C.host_memory_stats()["peak_bytes"] - base == 2 << 20
    _C.host_reset_peak()
    assert _C.host_memory_stats()["peak_bytes"] == base


def test_too_large_is_a_memory_error():
    with pytest.raises(MemoryError):
        make(1 << 62)
    with pytest.raises(MemoryError):
        make(1 << 62, zeros=True)
    assert make(1 << 20).size == 1 << 20


def churn(seed: int, rounds: int = 1500) -> None:
    """Arrays of all sizes made, resized and dropped, each filled with a number that must still be there."""
    rng, kept = random.Random(seed), []

    def size():
        return rng.randrange(1, 1 << rng.randrange(1, 21))

    for _ in range(rounds):
        action = rng.randrange(4) if kept else 0
        if action < 2:
            a = make(size(), zeros=action == 1)
            assert action == 0 or not a.any()
        elif action == 2:
            a, mark = kept.pop(rng.randrange(len(kept)))
            assert (a == mark).all()
            continue
        else:
            a, mark = kept.pop(rng.randrange(len(kept)))
            old = a.size
            a.resize(size(), refcheck=False)
            assert (a[:old] == mark).all() and not a[old:].any()
        mark = rng.randrange(1, 256)
        a[:] = mark
        kept.append((a, mark))
        if len(kept) > 60:
            del kept[:30]


def test_contents_survive_churn_in_threads():
    errors = []

    def work(seed):
        try:
            churn(seed)
        except BaseException as e:
            errors.append(e)

    live = _C.host_memory_stats()["live_bytes"]
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert _C.host_memory_stats()["live_bytes"] == live


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12: forking with threads, which is the point
def test_a_child_forked_amid_allocations_can_allocate():
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            make(100 * KIB)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for t in threads:
        t.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                ok = make(100 * KIB, zeros=True).any() == 0
                os._exit(0 if ok else 1)
            deadline = time.monotonic() + 20
            while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
                time.sleep(0.001)
            if done == (0, 0):
                os.kill(child, 9)
                os.waitpid(child, 0)
            assert done == (child, 0)
    finally:
        stop.set()
        for t in threads:
            t.join()


def test_a_result_of_an_operator_faults_no_pages(capsys):
    a = np.ones(4 << 20, np.float32)

    def faults(call) -> int:
        call()
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        for _ in range(5):
            call()
        return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before

    ours, theirs = faults(lambda: _C.run(np.add, a, a)), faults(lambda: np.add(a, a))
    with capsys.disabled():
        print(f"\npage faults of five additions of 16 MiB: {ours}, plain NumPy {theirs}")
    assert ours <= 50 < 5 * (16 << 20) // 4096
