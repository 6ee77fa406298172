"""The engine under load: deep graphs, faults, many threads, exits and forks. Each test prints its figure.

Rows 15 to 19 of the reliability goals, at the size of CI.
"""

import faulthandler
import gc
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tritorch as torch

REPOSITORY = Path(__file__).parents[2]


def leaf(n=4):
    return torch.tensor([1.0] * n, requires_grad=True)


def ones(n=4):
    return torch.tensor([1.0] * n)


def on_small_stack(body, size=256 * 1024):
    """Runs ``body`` in a thread with little stack; gives what it returns, raises what it raises."""
    outcome = []

    def run():
        try:
            outcome.append((body(), None))
        except BaseException as error:
            outcome.append((None, error))

    before = threading.stack_size(size)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    result, error = outcome[0]
    if error:
        raise error
    return result


@pytest.fixture
def watchdog():
    """Kills the run, with the stacks of all threads, if a test hangs."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


DEEP = """
import resource, threading, time
import tritorch as torch

def body():
    x = torch.tensor([1.0] * 4, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y * 1.0000001
    start = time.process_time()
    y.backward(torch.tensor([1.0] * 4))
    del y
    spent = time.process_time() - start
    assert abs(x.grad[0].item() - 1.119) < 0.01, x.grad
    print(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

threading.stack_size(256 * 1024)
thread = threading.Thread(target=body)
thread.start()
thread.join()
"""


def python(source, *arguments, timeout=120):
    """Runs a program in a process of its own; gives its output. A crash or an error fails the test."""
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_chain_of_a_million_nodes_on_a_small_stack(figure):
    seconds, megabytes = map(float, python(DEEP).split())
    figure("1e6 nodes, backward and free [s]", seconds)
    figure("1e6 nodes, peak [MB]", megabytes)
    assert seconds <= 8
    assert megabytes <= 1500


@pytest.mark.parametrize("kind", ["saved input", "saved output", "custom function", "view", "hook"])
def test_long_chains_of_every_kind_end_without_recursion(kind):
    class Through(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[0]

    def hooked(y):
        y = y + 1
        y.register_hook(lambda grad: grad)
        return y

    step = {
        "saved input": lambda y: y * y,
        "saved output": lambda y: (y * 0.001).exp(),
        "custom function": Through.apply,
        "view": lambda y: (y * 1)[:],
        "hook": hooked,
    }[kind]

    def body():
        x = leaf()
        y = x
        for _ in range(20_000):
            y = step(y)
        y.backward(ones())
        assert x.grad is not None
        y = x
        for _ in range(20_000):
            y = step(y)
        del y  # never run: all is still saved

    on_small_stack(body)


def test_fan_in(figure):
    x = leaf()
    y = x * 1
    total = y
    branches = [y * 1 for _ in range(10_000)]
    start = time.process_time()
    torch.autograd.backward(branches, [ones()] * len(branches))
    figure("fan-in of 1e4 [s]", time.process_time() - start)
    assert x.grad.tolist() == [10_000.0] * 4
    del total


class Fault(Exception):
    """What the faulty programs below raise."""


class Raising(torch.autograd.Function):
    """Raises in backward."""

    @staticmethod
    def forward(ctx, x, error):
        ctx.error = error
        return x * 1

    @staticmethod
    def backward(ctx, grad):
        raise ctx.error


class Nested(torch.autograd.Function):
    """Runs a backward in its backward, ``depth`` times one inside the other; the innermost may raise."""

    @staticmethod
    def forward(ctx, x, depth, error):
        ctx.depth, ctx.error = depth, error
        return x * 1

    @staticmethod
    def backward(ctx, grad):
        if ctx.depth:
            with torch.enable_grad():
                inner = leaf(1)
                Nested.apply(inner, ctx.depth - 1, ctx.error).backward(ones(1))
            grad = grad * inner.grad
        elif ctx.error:
            raise ctx.error
        return grad, None, None


def raiser(error):
    def hook(*_):
        raise error

    return hook


def in_node(x, error):
    return Raising.apply(x, error)


def in_tensor_hook(x, error):
    y = x * 2
    y.register_hook(raiser(error))
    return y


def in_leaf_hook(x, error):
    x.register_hook(raiser(error))
    return x * 2


def in_node_hook(x, error):
    y = x * 2
    y.grad_fn.register_hook(raiser(error))
    return y


def in_node_prehook(x, error):
    y = x * 2
    y.grad_fn.register_prehook(raiser(error))
    return y


def in_post_accumulate_hook(x, error):
    x.register_post_accumulate_grad_hook(raiser(error))
    return x * 2


def in_inner_backward(x, error):
    return Nested.apply(x[:1], random.randrange(5), error)


PLACES = [
    in_node,
    in_tensor_hook,
    in_leaf_hook,
    in_node_hook,
    in_node_prehook,
    in_post_accumulate_hook,
    in_inner_backward,
]
ERRORS = [Fault, KeyboardInterrupt, SystemExit, ValueError, GeneratorExit]


def test_faults_reach_the_caller_and_the_engine_goes_on(figure, watchdog):
    cases = 0
    for case in range(500):
        place, error = PLACES[case % len(PLACES)], ERRORS[case % len(ERRORS)](f"case {case}")
        x = leaf()
        y = x
        for _ in range(random.randrange(8)):
            y = y * 1.5
        y = place(y if place not in (in_leaf_hook, in_post_accumulate_hook) else x, error)
        for _ in range(random.randrange(8)):
            y = y + y
        with pytest.raises(type(error)) as caught:
            y.sum().backward()
        assert caught.value is error  # itself, once, with the traceback of where it was raised
        assert len(caught.traceback) >= 2
        again = leaf()
        (again * 3).sum().backward()
        assert again.grad.tolist() == [3.0] * 4
        cases += 1
    figure("faults survived", cases)


def test_reentrance_three_thousand_deep(figure, watchdog):
    x = leaf(1)
    start = time.process_time()
    Nested.apply(x, 3000, None).backward(ones(1))
    figure("reentrance 3,000 deep [s]", time.process_time() - start)
    assert x.grad.tolist() == [1.0]
    with pytest.raises(Fault, match="the bottom"):
        Nested.apply(x, 3000, Fault("the bottom")).backward(ones(1))


def test_running_a_graph_twice_is_an_error_each_time():
    x = leaf()
    y = (x * x).sum()
    y.backward()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
            y.backward()
    assert x.grad.tolist() == [2.0] * 4


def test_an_interrupt_stops_a_long_backward(figure, watchdog):
    def interrupt(*_):
        raise KeyboardInterrupt

    x = leaf()
    y = x
    for _ in range(300_000):
        y = y * 1.0000001
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            y.backward(ones())
        figure("from start to interrupt after 0.02 s [s]", time.monotonic() - start)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert x.grad is None
    z = (x * 2).sum()
    z.backward()
    assert x.grad.tolist() == [2.0] * 4


def test_sixteen_threads(figure, watchdog):
    shared = leaf()
    root = (shared * shared).sum()
    done, stop = [], threading.Event()

    def work(seed):
        own = random.Random(seed)
        for i in range(2000):
            x = leaf()
            y = x * 2
            if i % 3 == 0:
                y.register_hook(lambda grad: grad * 2)
            if i % 50 == 0:
                root.backward(retain_graph=True)
            if i % 100 == 0:
                y = y + torch.tensor([[own.random()] * 4] * 20_000)
                y.sum().backward()
                continue
            (y * y).sum().backward()
            assert x.grad[0].item() == (16.0 if i % 3 == 0 else 8.0)
        done.append(2000)

    def litter():
        while not stop.is_set():
            cycle = [leaf() * 2]
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
    seconds = time.monotonic() - start
    figure("32,000 backwards in 16 threads [s]", seconds)
    assert sum(done) == 32_000
    assert seconds <= 30
    assert shared.grad.tolist() == [2.0 * 16 * 40] * 4


EXIT = """
import random, sys, threading, time
import tritorch as torch

class Slow(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 1
    @staticmethod
    def backward(ctx, grad):
        time.sleep(0.002)
        with torch.enable_grad():
            inner = torch.tensor([1.0], requires_grad=True)
            (inner * 2).backward(torch.tensor([1.0]))
        return grad

def work(kind):
    size = 200_000 if kind == 2 else 4
    while True:
        x = torch.tensor([1.0] * size, requires_grad=True)
        y = x
        for i in range(50):
            y = Slow.apply(y) if kind == 1 and i % 10 == 0 else y * 1.01
        if kind == 3:
            y.register_hook(lambda grad: sum(range(2000)) and None)
        y.sum().backward()

for kind in range(4):
    threading.Thread(target=work, args=(kind,), daemon=True).start()
time.sleep(random.Random(int(sys.argv[1])).uniform(0.02, 0.15))
if int(sys.argv[1]) % 2:
    sys.exit(0)
"""


def test_exits_while_threads_are_in_backward(figure):
    with ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(python, EXIT, str(seed)) for seed in range(50)]:
            run.result()
    figure("exits with code 0", 50)


def child_of(body, patience=20.0):
    """The exit status of a forked child that runs ``body``; a child that hangs is killed and fails the test."""
    child = os.fork()
    if child == 0:
        try:
            body()
            os._exit(0)
        finally:
            os._exit(1)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.001)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise AssertionError("a forked child hung in the engine")


def train():
    x = leaf()
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0] * 4


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forks(figure):
    train()
    Nested.apply(leaf(1), 100, None).backward(ones(1))  # the pool has threads, which the children lack
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            train()

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        deep = lambda: (train(), Nested.apply(leaf(1), 100, None).backward(ones(1)))
        assert [child_of(deep) for _ in range(100)] == [0] * 100
    finally:
        stop.set()
        thread.join()
    figure("forks without a hang", 100)


def test_fork_inside_backward():
    x, statuses = leaf(), []
    y = x * 2

    def hook(grad):
        with torch.enable_grad():
            statuses.append(child_of(train))

    y.register_hook(hook)
    (y * 1).sum().backward()
    assert statuses == [0]
    assert x.grad.tolist() == [2.0] * 4


def test_graphs_leave_no_memory_behind(figure):
    def turn():
        x = leaf(64)
        y = x
        for _ in range(20):
            y = (y * y).exp() * 0.1
        y.retain_grad()
        y.register_hook(lambda grad: grad)
        y.sum().backward()

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    for _ in range(200):
        turn()
    gc.collect()
    before = resident()
    for _ in range(1000):
        turn()
    gc.collect()
    growth = (resident() - before) / 1000
    figure("growth of a backward [bytes]", growth)
    assert growth < 1024
