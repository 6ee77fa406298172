"""Backward passes on streams: where nodes run, what orders them, and what is found when something does not."""

import gc
import re
import threading

import numpy as np
import pytest

import tritorch
from tritorch import _C
from tritorch.cuda import Stream, current_stream, stream

simulated = pytest.mark.skipif(_C.device_kind() != "simulated", reason="asks for the simulated device")


@pytest.fixture(autouse=True)
def fresh():
    """Every test starts with nothing pending and nothing reported."""
    if _C.device_kind() == "simulated":
        _C.sim_drain()
        _C.sim_report()
    yield
    if _C.device_kind() == "simulated":
        _C.sim_fail("wait", 0)
        _C.sim_seed(0)
        MADE.clear()
        gc.collect()  # errors hold frames, and these tensors
        _C.sim_drain()
        _C.sim_report()


def findings():
    tritorch.cuda.synchronize()
    return _C.sim_report() if _C.device_kind() == "simulated" else []


class Spy(tritorch.autograd.Function):
    """Passes on what comes, and notes where its two directions ran."""

    @staticmethod
    def forward(ctx, x, notes):
        notes.append((current_stream(), threading.get_ident()))
        ctx.notes = notes
        return x * 1

    @staticmethod
    def backward(ctx, grad):
        ctx.notes.append((current_stream(), threading.get_ident()))
        ctx.notes.append(tritorch.cuda.current_device())
        return grad * 1, None


MADE: dict = {}


def spread(x, side, notes=None):
    """A graph over three streams with sums on the way: 2x + 3x + 4(2x)."""
    here, other = current_stream(), Stream()
    side.wait_stream(here)
    with stream(side):
        a = x * 2 if notes is None else Spy.apply(x * 2, notes)
    other.wait_stream(side)
    MADE["inner"] = a
    with stream(other):
        b = a * 4
    here.wait_stream(side)
    here.wait_stream(other)
    return a + x * 3 + b


def test_a_node_runs_on_the_stream_of_its_forward_and_on_the_devices_worker():
    x, side, notes = tritorch.randn(100, device="cuda", requires_grad=True), Stream(), []
    spread(x, side, notes).sum().backward()
    (forward, caller), (backward, worker), device = notes
    assert forward == backward == side and device == 0
    assert caller == threading.get_ident() != worker
    assert current_stream() != side
    np.testing.assert_allclose(x.grad.cpu().numpy(), 13.0)


def test_host_nodes_stay_on_the_callers_thread():
    seen = []

    class Here(tritorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            seen.append(threading.get_ident())
            return grad

    x = tritorch.randn(10, requires_grad=True)
    (Here.apply(x).cuda() * 2).cpu().sum().backward()
    assert seen == [threading.get_ident()]
    np.testing.assert_allclose(x.grad.numpy(), 2.0)


@simulated
@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_used_before_its_event_whatever_the_order_of_running(seed):
    _C.sim_seed(seed)
    x, side = tritorch.ones(2000, device="cuda", requires_grad=True), Stream()
    for _ in range(3):  # the second adds to .grad
        spread(x, side).sum().backward()
    junk = [tritorch.full((2000,), 7.0, device="cuda") for _ in range(4)]  # what was freed, again
    (grad,) = tritorch.autograd.grad(spread(x, side).sum(), x)
    np.testing.assert_allclose((x.grad + grad).cpu().numpy(), 52.0)
    assert findings() == []
    assert all(bool((one == 7).all()) for one in junk)


@simulated
def test_a_backward_called_from_a_stream_waits_for_it_and_it_for_the_backward():
    x, side = tritorch.ones(2000, device="cuda", requires_grad=True), Stream()
    y = (x * 2).sum()
    side.wait_stream(current_stream())
    with stream(side):
        weight = tritorch.full((), 3.0, device="cuda")
        y.backward(weight)
        total = x.grad.sum()
        assert total.item() == 12000
    assert findings() == []


@simulated
def test_one_stream_needs_no_event():
    x = tritorch.ones(2000, device="cuda", requires_grad=True)
    loss = ((x * 2) * (x + 1)).sum()
    _C.sim_fail("event", 1)  # the first would fail
    loss.backward()
    _C.sim_fail("event", 0)
    assert findings() == []


def waits_of(run, *arguments):
    """How many waits for events ``run(*arguments)`` asks for."""
    before = 1 << 40
    _C.sim_fail("wait", before)
    run(*arguments)
    return before - _C.sim_faults()["wait"]


def races_without(waits, run, x, side):
    """What is found of a pass that leaves out those of its waits, and what the pass gives."""
    loss = spread(x, side)
    tritorch.cuda.synchronize()
    _C.sim_fail("wait", 0)
    for wait in waits:
        _C.sim_fail("wait", wait, True)
    x.grad = None
    out = run(loss, x)
    assert "wait" not in _C.sim_faults(), "the planted fault was not met"
    return [text for kind, text in findings() if kind == "race"], out.tolist()


@simulated
def test_a_missing_event_wait_in_the_engine_is_found_with_both_lines(figure):
    def leaves(loss, x):
        loss.backward(tritorch.ones_like(loss) * 2)
        return x.grad * 1

    def inner(loss, x):  # what a node of the side stream made, which only the end of the pass orders
        (grad,) = tritorch.autograd.grad(loss, MADE["inner"], tritorch.ones_like(loss) * 2)
        return grad * 1

    met = essential = 0
    for run in (leaves, inner):
        lines = range(run.__code__.co_firstlineno, run.__code__.co_firstlineno + 3)
        x, side = tritorch.ones(2000, device="cuda", requires_grad=True), Stream()
        total = waits_of(run, spread(x, side), x)
        assert findings() == [] and total >= 3
        beyond_need: list[int] = []  # another wait of the pass orders the same two: all of these can go at once
        for wait in range(1, total + 1):
            texts = races_without([*beyond_need, wait], run, x, side)[0]
            if not texts:
                beyond_need.append(wait)
            met, essential = met + 1, essential + bool(texts)
            for text in texts:  # who reads or writes, and who wrote: a line of `run` each
                both = re.findall(re.escape(__file__) + r":(\d+)(?:, backward of \w+)? on stream", text)
                assert len(both) == 2 and all(int(line) in lines for line in both), text
        right = [26.0] * 2000 if run is leaves else [10.0] * 2000
        for seed in range(8):  # without them the pass is right in any order of running
            _C.sim_seed(seed)
            assert races_without(beyond_need, run, x, side) == ([], right)
    figure("engine: event waits left out, of which found; the rest together is beyond need", f"{met}, {essential}")
    assert essential >= 6


@simulated
def test_saved_memory_that_the_engine_lets_go_of_is_not_given_out_before_its_stream_is_done():
    for seed in range(6):
        _C.sim_seed(seed)
        x, side = tritorch.ones(4000, device="cuda", requires_grad=True), Stream()
        middle = x * 2  # of this stream, and saved by a node of the other
        side.wait_stream(current_stream())
        with stream(side):
            y = middle * middle
        current_stream().wait_stream(side)
        loss = (y + (middle * 3).exp()).sum()
        del middle, y
        loss.backward()
        del loss
        again = [tritorch.full((4000,), 5.0, device="cuda") for _ in range(4)]
        assert findings() == []
        del again


def test_a_pass_inside_a_pass():
    class Nested(tritorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            with tritorch.enable_grad():
                inner = x.detach().requires_grad_()
                (got,) = tritorch.autograd.grad((inner * 3).sum() + inner.cpu().sum().cuda() * 0, inner)
            return got * grad

    x, side = tritorch.ones(100, device="cuda", requires_grad=True), Stream()
    side.wait_stream(current_stream())
    with stream(side):
        y = Nested.apply(x)
    current_stream().wait_stream(side)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), 3.0)
    assert findings() == []


def test_an_error_on_the_worker_reaches_the_caller_and_the_engine_goes_on():
    class Bad(tritorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            raise ValueError("on the worker")

    x = tritorch.ones(10, device="cuda", requires_grad=True)
    for _ in range(20):
        with pytest.raises(ValueError, match="on the worker"):
            Bad.apply(x * 2).sum().backward()
    x.grad = None
    (x * 2).sum().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), 2.0)


def test_many_threads_share_the_worker():
    x = tritorch.ones(50, device="cuda")
    failures = []

    def work():
        try:
            for _ in range(8):
                leaf = x.clone().requires_grad_()
                side = Stream()
                side.wait_stream(current_stream())
                with stream(side):
                    y = leaf.detach().requires_grad_()
                    (y * 2).sum().backward()
                    assert y.grad.sum().item() == 100
        except Exception as error:
            failures.append(error)

    tritorch.cuda.synchronize()
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures and not any(thread.is_alive() for thread in threads)


def test_a_leafs_gradient_is_taken_over_and_not_copied():
    x = tritorch.ones(1000, device="cuda", requires_grad=True)
    loss = (x * 2).sum()
    tritorch.cuda.reset_peak_memory_stats()
    before = tritorch.cuda.memory_allocated()
    loss.backward()
    assert tritorch.cuda.max_memory_allocated() - before <= 2 * 4096 + 2048
