"""Workers that die, raise, hang or run out: an error within five seconds, and nothing left behind (row 29)."""

import errno
import faulthandler
import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

import tritorch
from tritorch.utils.data import DataLoader, Dataset, IterableDataset

WITHIN = 5.0  # seconds
EXITED = r"DataLoader worker \(pid\(s\) [\d, ]+\) exited unexpectedly"


class Act(Dataset):
    """Twelve samples; asking for some of them does something."""

    def __init__(self, act, at=(5,)):
        self.act, self.at = act, at

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return self.act() if index in self.at else tritorch.full((100_000,), float(index))


class ActStream(IterableDataset):
    def __init__(self, act):
        self.act = act

    def __iter__(self):
        yield from range(3)
        self.act()


class Two(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


class Unreadable:
    """It can be pickled; it cannot be unpickled."""

    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise ValueError("cannot be rebuilt")


def kill(signal_number):
    def act(*_):
        faulthandler.disable()  # pytest's would print pages
        os.kill(os.getpid(), signal_number)

    return act


def throw(error):
    def act(*_):
        raise error

    return act


def die_of_shared_memory(_):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    os.write = full


def run_out_of_files(_):
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, lowest))


def drain(dataset, **options):
    for _ in DataLoader(dataset, **{"batch_size": 2, "num_workers": 2, **options}):
        pass


def local_exception():
    class Local(Exception):
        pass

    return Local("only here")


def kill_an_idle_worker():
    iterator = iter(DataLoader(range(100), 2, num_workers=2))
    next(iterator)
    time.sleep(0.1)
    os.kill(active_children()[0].pid, signal.SIGKILL)
    for _ in iterator:
        pass


def kill_between_passes():
    loader = DataLoader(range(8), 2, num_workers=2, persistent_workers=True)
    assert len(list(loader)) == 4
    os.kill(active_children()[0].pid, signal.SIGKILL)
    list(loader)


def interrupt_while_waiting():
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    drain(Act(lambda: time.sleep(60), at=range(12)), worker_init_fn=lambda _: signal.signal(signal.SIGTERM, 0))


def raise_in_the_loop():
    for _ in DataLoader(range(100), 2, num_workers=2):
        raise ZeroDivisionError("the user's own")


def unreadable_then_readable():
    iterator = iter(DataLoader([0, 1], None, collate_fn=lambda i: i or Unreadable(), num_workers=1))
    try:
        next(iterator)
    finally:
        assert next(iterator) == 1


def go_on_after_an_error():
    iterator = iter(DataLoader(Act(throw(ValueError("bad sample"))), 2, num_workers=2))
    seen, error = 0, None
    while True:
        try:
            next(iterator)
            seen += 1
        except ValueError as caught:
            error = caught
        except StopIteration:
            break
    assert seen == 5
    raise error


def caught(name, where="Original Traceback"):
    return rf"Caught {name} in DataLoader worker process \d\.\n{where}(.|\n)*"


RAISES = {
    "killed": (lambda: drain(Act(kill(signal.SIGKILL))), RuntimeError, EXITED + r" \(killed by signal SIGKILL\)"),
    "terminated": (lambda: drain(Act(kill(signal.SIGTERM))), RuntimeError, EXITED),
    "segmentation fault": (lambda: drain(Act(kill(signal.SIGSEGV))), RuntimeError, EXITED + ".*SIGSEGV"),
    "abort": (lambda: drain(Act(kill(signal.SIGABRT))), RuntimeError, EXITED + ".*SIGABRT"),
    "bus error": (lambda: drain(Act(kill(signal.SIGBUS))), RuntimeError, EXITED + ".*SIGBUS"),
    "_exit 0": (lambda: drain(Act(lambda: os._exit(0))), RuntimeError, EXITED + r" \(exit code 0\)"),
    "_exit 3": (lambda: drain(Act(lambda: os._exit(3))), RuntimeError, EXITED + r" \(exit code 3\)"),
    "sys.exit": (lambda: drain(Act(lambda: sys.exit(4))), RuntimeError, EXITED + r" \(exit code 4\)"),
    "killed at the start": (
        lambda: drain(range(9), worker_init_fn=kill(signal.SIGKILL)), RuntimeError, EXITED,
    ),
    "one of two killed": (
        lambda: drain(range(99), worker_init_fn=lambda i: i and os.kill(os.getpid(), 9)), RuntimeError, EXITED,
    ),
    "killed in a stream": (lambda: drain(ActStream(kill(signal.SIGKILL))), RuntimeError, EXITED),
    "killed while idle": (kill_an_idle_worker, RuntimeError, EXITED),
    "killed between passes": (kill_between_passes, RuntimeError, EXITED),
    "exit under a fork server": (
        lambda: drain(range(9), multiprocessing_context="forkserver", num_workers=1, worker_init_fn=os._exit),
        RuntimeError, EXITED,
    ),
    "ValueError": (lambda: drain(Act(throw(ValueError("bad")))), ValueError, caught("ValueError") + "bad"),
    "KeyError": (lambda: drain(Act(throw(KeyError("k")))), KeyError, caught("KeyError") + "KeyError: 'k'"),
    "StopIteration": (lambda: drain(Act(throw(StopIteration()))), RuntimeError, caught("StopIteration")),
    "two arguments": (lambda: drain(Act(throw(Two(1, 2)))), RuntimeError, caught("Two")),
    "local exception": (lambda: drain(Act(throw(local_exception()))), RuntimeError, "(.|\n)*only here"),
    "goes on": (go_on_after_an_error, ValueError, "(.|\n)*bad sample"),
    "in collate": (lambda: drain(range(9), collate_fn=throw(IndexError("no"))), IndexError, caught("IndexError")),
    "in the init function": (lambda: drain(range(9), worker_init_fn=throw(OSError("no"))), OSError, caught("OSError")),
    "in a stream": (lambda: drain(ActStream(throw(ValueError("end")))), ValueError, caught("ValueError") + "end"),
    "in the sampler": (lambda: drain(range(9), batch_sampler=Act(throw(ValueError("s")), [1]), batch_size=1),
                       ValueError, "s"),
    "in the loop": (raise_in_the_loop, ZeroDivisionError, "the user's own"),
    "unpicklable batch": (lambda: drain(range(9), collate_fn=lambda _: lambda: 0), Exception, caught(r"\w+")),
    "unreadable batch": (unreadable_then_readable, ValueError, "cannot be rebuilt"),
    "with history": (
        lambda: drain([1.0], collate_fn=lambda _: tritorch.ones(3, requires_grad=True) * 2),
        RuntimeError, caught("RuntimeError") + "Cowardly refusing to serialize non-leaf tensor",
    ),
    "shared memory full": (
        lambda: drain(Act(None, ()), worker_init_fn=die_of_shared_memory), RuntimeError,
        caught("RuntimeError") + r"unable to allocate 800000 bytes of shared memory: No space left on device",
    ),
    "no more files": (
        lambda: drain(Act(None, ()), worker_init_fn=run_out_of_files),
        RuntimeError, caught("RuntimeError") + "Too many open files",
    ),
    "timeout": (
        lambda: drain(Act(lambda: time.sleep(60)), timeout=0.2, worker_init_fn=lambda _: signal.signal(15, 0)),
        RuntimeError, r"DataLoader timed out after 0.2 seconds",
    ),
    "interrupt": (interrupt_while_waiting, KeyboardInterrupt, None),
}  # fmt: skip


def left_behind():
    segments = set(os.listdir("/dev/shm"))
    return {"segments": segments, "descriptors": len(os.listdir("/proc/self/fd"))}


@pytest.mark.parametrize("name", RAISES)
def test_failure(name, figure, monkeypatch):
    act, error, text = RAISES[name]
    monkeypatch.setattr("tritorch.utils.data.loading.SHUTDOWN_PATIENCE", 1.0)
    if name == "exit under a fork server":  # starts the server, which stays
        list(DataLoader(range(2), num_workers=1, multiprocessing_context="forkserver"))
    before, start = left_behind(), time.monotonic()
    with pytest.raises(error, match=text):
        act()
    took = time.monotonic() - start
    gc.collect()
    deadline = time.monotonic() + WITHIN
    while active_children() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not active_children(), "a worker outlived its loader"
    after = left_behind()
    assert not after["segments"] - before["segments"] and after["descriptors"] <= before["descriptors"]
    assert took < WITHIN
    figure(f"seconds until '{name}' is told", took)


def test_a_pass_broken_off_ends_its_workers():
    for _ in DataLoader(range(1000), 2, num_workers=2):
        break
    gc.collect()
    assert not active_children()


def test_a_forked_child_leaves_the_loader_alone():
    iterator = iter(DataLoader(range(8), 2, num_workers=2))
    first = next(iterator).tolist()
    if (child := os.fork()) == 0:
        del iterator
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert [first, *(batch.tolist() for batch in iterator)] == [[0, 1], [2, 3], [4, 5], [6, 7]]


def run_program(body):
    """Starts a program that prints the process ids of two workers that are busy for a minute."""
    source = f"""
import os, signal, sys, time
import tritorch
from multiprocessing import active_children
from tritorch.utils.data import DataLoader, Dataset
class Slow(Dataset):
    def __len__(self): return 100
    def __getitem__(self, index):
        time.sleep(60 if index > 1 else 0)
        return index
iterator = iter(DataLoader(Slow(), None, num_workers=2))
next(iterator)
print(*[child.pid for child in active_children()], flush=True)
{body}
"""
    program = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(tritorch.__file__).parent.parent,
    )  # fmt: skip
    return program, [int(pid) for pid in program.stdout.readline().split()]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param("sys.exit(0)", 0, id="exit"),
        pytest.param("raise ValueError('at the end')", 1, id="exception"),
        pytest.param("next(iterator); next(iterator); print('not reached')", -signal.SIGINT, id="ctrl-c"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, id="parent killed"),
    ],
)
def test_program_ends_and_its_workers_with_it(body, code, figure):
    start = time.monotonic()
    program, workers = run_program(body)
    assert len(workers) == 2
    started = time.monotonic() - start
    if code == -signal.SIGINT:
        time.sleep(0.2)
        program.send_signal(signal.SIGINT)
    try:
        output, errors = program.communicate(timeout=20)
    finally:
        program.kill()
    assert program.returncode == code, errors
    assert not output and "Exception ignored" not in errors
    deadline = time.monotonic() + WITHIN
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers)), "a worker outlived its parent"
    figure("seconds until workers are gone with their program", time.monotonic() - start - started)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_there_are_thirty_scenarios(figure):
    figure("loader failure scenarios", len(RAISES) + 6)
    assert len(RAISES) + 6 >= 30
