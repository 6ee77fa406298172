"""Rows of the reliability table that need a device, at the size of CI: driver calls that fail, threads, forks."""

import gc
import os
import subprocess
import sys

import pytest

import tritorch
from tritorch import _C
from tritorch.cuda import Stream, current_stream, stream

simulated = pytest.mark.skipif(_C.device_kind() != "simulated", reason="asks for the simulated device")


def trained():
    """A step of training on two streams, with copies both ways, events, pinned memory and launches."""
    weight = tritorch.ones(64, device="cuda", requires_grad=True)
    x, side = tritorch.ones(64).pin_memory().cuda(non_blocking=True), Stream()
    side.wait_stream(current_stream())
    with stream(side):
        y = weight * x
    for tensor, user in ((weight, side), (x, side), (y, current_stream())):  # whatever fails before the streams join
        tensor.record_stream(user)
    current_stream().wait_stream(side)
    (y + weight).sum().backward()
    return weight.grad.cpu().sum().item()


@simulated
def test_driver_calls_that_fail(figure):
    """Row 14: whichever call fails, it is an error of that call, nothing hangs or leaks, and the next program works."""
    assert trained() == 128
    counts = {}
    for kind in ("malloc", "copy", "launch", "kernel", "event", "stream", "host"):
        _C.sim_fail(kind, 1 << 40)
        trained()
        counts[kind] = (1 << 40) - _C.sim_faults()[kind]
        _C.sim_fail(kind, 0)
    gc.collect()
    tritorch.cuda.synchronize()
    allocated = tritorch.cuda.memory_allocated()
    injections = errors = 0
    while injections < 1000:
        for kind, count in counts.items():
            for nth in range(1, count + 1):
                _C.sim_fail(kind, nth)
                try:
                    trained()
                except RuntimeError as error:
                    assert "CUDA" in str(error), error
                    errors += 1
                    del error
                _C.sim_fail(kind, 0)
                injections += 1
                if injections % 50 == 0:
                    try:
                        tritorch.cuda.synchronize()  # a kernel's failure may wait for who asks
                    except RuntimeError as error:
                        assert "unspecified launch failure" in str(error)
                    assert trained() == 128
    gc.collect()
    tritorch.cuda.synchronize()
    assert tritorch.cuda.memory_allocated() == allocated
    assert trained() == 128
    assert {kind for kind, _ in _C.sim_report()} <= {"uninitialized"}  # what a kernel that failed has not written
    figure("driver calls made to fail, of which told", f"{injections}, {errors}")


THREADS = """
import gc, random, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import tritorch
from tritorch import cuda

shared = tritorch.ones(64, device="cuda", requires_grad=True)
seen, stop = [], threading.Event()

def work(seed):
    own, side, hooks = random.Random(seed), cuda.Stream(), []
    for i in range(2000):
        x = tritorch.ones(64, device="cuda", requires_grad=True)
        with cuda.stream(side):
            y = x * shared if i % 50 == 0 else x * x
            if own.random() < 0.1:
                y.register_hook(lambda grad: hooks.append(cuda.current_stream() == side))
            if own.random() < 0.05:
                junk = [tritorch.empty(own.randrange(1, 1 << 20), device="cuda") for _ in range(4)]
            y.sum().backward()
        assert x.grad.shape == (64,)
        if i % 500 == 0:
            cuda.empty_cache()
    assert hooks and all(hooks)
    seen.append(2000)

def litter():
    while not stop.is_set():
        cycle = [tritorch.ones(8, device="cuda", requires_grad=True) * 2]
        cycle.append(cycle)
        gc.collect(0)
        time.sleep(0.001)

collector = threading.Thread(target=litter)
collector.start()
start = time.monotonic()
try:
    with ThreadPoolExecutor(16) as pool:
        for result in [pool.submit(work, seed) for seed in range(16)]:
            result.result()
finally:
    stop.set()
    collector.join()
print(sum(seen), time.monotonic() - start)
"""


def test_threads_in_backward_on_streams_of_their_own(figure):
    """Row 17, with the stub for a driver: hooks, garbage collection, allocator pressure, and no lock held by two."""
    done = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, timeout=120,
        env={**os.environ, "TRITORCH_SIM": "stub"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    count, seconds = done.stdout.split()
    figure("backwards in 16 threads on streams of a stub device [s]", f"{count} in {float(seconds):.1f}")
    assert int(count) == 32_000


FORKS = """
import os, sys, time, threading
import tritorch
from tritorch import cuda

x = tritorch.ones(64, device="cuda", requires_grad=True)
(x * x).sum().backward()  # the device's worker has a thread, which the children lack
host = tritorch.ones(4, requires_grad=True)

def child():
    for use in (lambda: tritorch.ones(1, device="cuda"), lambda: x + 1, lambda: x.cpu(), cuda.synchronize, cuda.Stream):
        try:
            use()
        except RuntimeError as error:
            if not str(error).startswith("Cannot re-initialize CUDA in forked subprocess"):
                raise
        else:
            raise AssertionError("a forked child used the device")
    (host * host).sum().backward()
    return host.grad.tolist() == [2.0] * 4

clean = 0
for _ in range(100):
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if child() else 3)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(4)
    deadline = time.monotonic() + 20
    while True:
        got, status = os.waitpid(pid, os.WNOHANG)
        if got:
            clean += status == 0
            break
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            raise SystemExit("a child hung")
        time.sleep(0.002)
(x * 2).sum().backward()
print(clean, x.grad[0].item())
"""


@simulated
def test_forked_children_are_told_and_do_not_hang(figure):
    """Row 19: a hundred children of a process that has used the device."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS], capture_output=True, text=True, timeout=120,
        env=dict(os.environ),
    )  # fmt: skip
    assert done.stdout == "100 4.0\n", done.stdout + done.stderr[-2000:]
    figure("forks of a process with a device: children told, none hung", 100)
