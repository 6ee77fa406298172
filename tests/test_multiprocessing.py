"""Tensors that several processes see, and groups of processes."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tritorch
from tritorch import multiprocessing as mp
from tritorch import nn
from tritorch.runtime import shared_memory

ROOT = Path(tritorch.__file__).parent.parent


@pytest.fixture(autouse=True)
def _nothing_left_behind():
    """No descriptor, no named segment, no process stays."""
    gc.collect()
    before = len(os.listdir("/proc/self/fd")), set(os.listdir("/dev/shm"))
    yield
    gc.collect()
    deadline = time.monotonic() + 5
    while mp.active_children() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not mp.active_children()
    # multiprocessing's thread that hands out descriptors, and its semaphores, may stay
    assert len(os.listdir("/proc/self/fd")) - before[0] <= 3
    assert not {name for name in set(os.listdir("/dev/shm")) - before[1] if not name.startswith("sem.")}


fork = mp.get_context("fork")


def in_child(target, *arguments):
    """Runs a function in a forked process and waits for it to end well."""
    process = fork.Process(target=target, args=arguments)
    process.start()
    process.join(20)
    assert process.exitcode == 0


def test_share_memory():
    x = tritorch.arange(6.0).reshape(2, 3)
    assert not x.is_shared()
    assert x.share_memory_() is x and x.is_shared() and x[0].is_shared() and x.tolist() == [[0, 1, 2], [3, 4, 5]]
    view = x.t()
    in_child(lambda: x.add_(1))
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]] and view[0].tolist() == [1, 4]
    assert x.share_memory_()._array is x._array
    y = tritorch.arange(6.0).reshape(2, 3).t().share_memory_()
    assert y.stride() == (1, 3) and y.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_a_model_trained_by_several_processes():
    model = nn.Linear(4, 1)
    model.share_memory()
    before = model.weight.tolist()

    def train():
        optimizer = tritorch.optim.SGD(model.parameters(), lr=0.01)
        model(tritorch.ones(2, 4)).sum().backward()
        optimizer.step()

    in_child(train)
    in_child(train)
    assert np.allclose(model.weight.tolist(), np.array(before) - 2 * 0.02)


@pytest.mark.parametrize("make", [fork.Queue, fork.SimpleQueue, lambda: PipeQueue()])
def test_queues(make):
    queue, answer, done = make(), make(), fork.Event()

    def work():
        x = queue.get()
        assert x.is_shared()
        x.add_(10)
        answer.put(x[1:])
        answer.put(tritorch.full((3,), 2.0))
        done.wait(20)

    process = fork.Process(target=work)
    process.start()
    x = tritorch.arange(4.0)
    queue.put(x)
    part = answer.get()
    fresh = answer.get()
    done.set()
    process.join(20)
    assert part.tolist() == [11, 12, 13] and fresh.tolist() == [2, 2, 2]
    assert x.tolist() == [10, 11, 12, 13], "a tensor without views is moved, and not copied"
    part[0] = -1
    assert x[1] == -1


class PipeQueue:
    """A pipe with the face of a queue."""

    def __init__(self):
        self.reader, self.writer = fork.Pipe(duplex=False)
        self.put, self.get = self.writer.send, self.reader.recv


@pytest.mark.parametrize(
    "make",
    [
        lambda: tritorch.tensor(3.5),
        lambda: tritorch.zeros(0, 3),
        lambda: tritorch.ones(2, 3).bfloat16(),
        lambda: tritorch.tensor([True, False]),
        lambda: tritorch.arange(24).reshape(2, 3, 4).permute(2, 0, 1),
        lambda: tritorch.ones(1).expand(4),
        lambda: tritorch.arange(10)[2:8:3],
        lambda: tritorch.ones(2, requires_grad=True),
        lambda: nn.Parameter(tritorch.ones(2)),
        lambda: nn.Parameter(tritorch.ones(2), requires_grad=False),
    ],
)
def test_what_can_be_sent(make):
    queue = PipeQueue()
    queue.put([make()])
    value, (got,) = make(), queue.get()
    assert type(got) is type(value) and got.dtype == value.dtype and got.requires_grad == value.requires_grad
    assert got.tolist() == value.tolist() and got.is_shared()
    dense = sorted(value.stride()) == sorted(value.permute(*np.argsort(value.stride())[::-1]).contiguous().stride())
    assert got.stride() == value.stride() or not dense, "a copy closes gaps, and keeps the order of dimensions"


def test_history_is_not_sent():
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor which requires_grad"):
        PipeQueue().put(tritorch.ones(2, requires_grad=True) * 2)


def test_a_tensor_with_views_is_copied():
    queue = PipeQueue()
    x = tritorch.zeros(3)
    view = x[1:]
    queue.put(x)
    queue.get().fill_(1)
    assert x.tolist() == [0, 0, 0]
    x.fill_(2)
    assert view.tolist() == [2, 2]


def test_no_descriptors_pile_up(figure):
    queue = PipeQueue()

    def once():
        queue.put(tritorch.zeros(1000))
        assert queue.get().shape == (1000,)

    once()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(300):
        once()
    gc.collect()
    held = len(os.listdir("/proc/self/fd")) - before
    figure("descriptors held after 300 tensors came and went", held)
    assert held <= 0


def test_pool():
    with fork.Pool(2) as pool:
        assert [t.tolist() for t in pool.map(twice, [tritorch.tensor([float(i)]) for i in range(4)])] == [
            [0.0], [2.0], [4.0], [6.0],
        ]  # fmt: skip
        pool.close()
        pool.join()


def twice(x):
    return x * 2


def test_no_memory_to_share(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RuntimeError, match=r"unable to allocate 12 bytes of shared memory: No space .* \(28\)"):
        tritorch.zeros(3).share_memory_()


def test_blocks_are_freed():
    block = shared_memory.new_block(1 << 20)
    array = np.asarray(block)
    part = array[10:20].view(np.int16)
    fd = block.fd
    assert shared_memory.block_of(part) is block
    del block, array
    os.fstat(fd)
    del part
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


PROGRAM = """
import os, sys, time
import tritorch
from tritorch import multiprocessing as mp

def add(index, x, lock):
    assert x.is_shared()
    with lock:
        x[index] += index + 1

def fail(index):
    if index == 1:
        raise ValueError("process one has had enough")
    time.sleep(60)

def die(index):
    if index == 0:
        os.kill(os.getpid(), 9)
    time.sleep(60)

def leave(index):
    if index == 0:
        sys.exit(7)
    time.sleep(60)

if __name__ == "__main__":
    x = tritorch.zeros(3)
    base = tritorch.zeros(4)
    view = base[:3]  # it cannot be moved, and is copied for the children
    for tensor in (x, view):
        mp.spawn(add, args=(tensor, mp.get_context("spawn").Lock()), nprocs=2)
    print(x.tolist(), view.tolist())
    for function in (fail, die, leave):
        try:
            mp.start_processes(function, nprocs=2, start_method="fork")
        except mp.ProcessRaisedException as error:
            print(error.error_index, str(error).strip().splitlines()[0], str(error).strip().splitlines()[-1])
        except mp.ProcessExitedException as error:
            print(error.error_index, error, error.exit_code, error.signal_name)
    group = mp.start_processes(die, nprocs=2, start_method="fork", join=False)
    group.processes[0].join()
    try:
        group.join(grace_period=0.1)
    except mp.ProcessExitedException as error:
        print(mp.active_children())
"""


def test_groups_of_processes(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    program = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )  # fmt: skip
    assert program.returncode == 0 and not program.stderr, program.stderr
    assert program.stdout.splitlines() == [
        "[1.0, 2.0, 0.0] [0.0, 0.0, 0.0]",
        "1 -- Process 1 terminated with the following error: ValueError: process one has had enough",
        "0 process 0 terminated with signal SIGKILL -9 SIGKILL",
        "0 process 0 terminated with exit code 7 7 None",
        "[]",
    ]


def test_exceptions_travel():
    for error in (
        mp.ProcessRaisedException("text", 1, 2),
        mp.ProcessExitedException("text", 1, 2, -9, signal.Signals(9).name),
    ):
        queue = PipeQueue()
        queue.put(error)
        got = queue.get()
        assert type(got) is type(error) and vars(got) == vars(error) and str(got) == "text"


def test_sharing_strategies():
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError, match="invalid sharing strategy 'other'"):
        mp.set_sharing_strategy("other")
