"""Graphs: capture, replay, memory pools, random numbers, graphed callables."""

import gc

import numpy as np
import pytest

import tritorch
from tritorch import _C, nn
from tritorch.cuda import CUDAGraph, Stream, current_stream, graph, is_current_stream_capturing, stream

simulated = pytest.mark.skipif(_C.device_kind() != "simulated", reason="asks for the simulated device")


@pytest.fixture(autouse=True)
def fresh():
    tritorch.cuda.synchronize()
    if _C.device_kind() == "simulated":
        _C.sim_report()
    yield
    gc.collect()
    if _C.device_kind() == "simulated":
        _C.sim_seed(0)
        _C.sim_drain()
        assert _C.sim_report() == []


def values(x):
    return x.detach().cpu().numpy()


def copy_parameters(to, source):
    with tritorch.no_grad():
        for p, q in zip(to.parameters(), source.parameters(), strict=True):
            p.copy_(q)


def test_nothing_runs_until_the_replay_and_each_replay_runs_all():
    x, g = tritorch.ones(100, device="cuda"), CUDAGraph()
    assert not is_current_stream_capturing()
    with graph(g):
        assert is_current_stream_capturing()
        y = x * 2
        z = y.exp().sum()
        x += 1
    assert not is_current_stream_capturing() and (values(x) == 1).all()
    for i in range(1, 4):
        g.replay()
        assert (values(y) == 2 * i).all() and (values(x) == 1 + i).all()
        np.testing.assert_allclose(values(z), 100 * np.exp(2.0 * i), rtol=1e-6)
    x.fill_(10)
    g.replay()
    assert (values(y) == 20).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_stream_that_joins_is_captured_too(seed):
    if _C.device_kind() == "simulated":
        _C.sim_seed(seed)
    x, side, g = tritorch.ones(1000, device="cuda"), Stream(), CUDAGraph()
    with graph(g):
        side.wait_stream(current_stream())
        with stream(side):
            assert is_current_stream_capturing()
            a = x * 2
        b = x * 3
        current_stream().wait_stream(side)
        c = a + b
    x.fill_(2)
    g.replay()
    assert (values(c) == 10).all()


def test_a_call_that_waits_spoils_the_capture_and_nothing_else():
    x, g = tritorch.ones(10, device="cuda"), CUDAGraph()
    for wait in (lambda: (x * 2).sum().item(), tritorch.cuda.synchronize, lambda: current_stream().synchronize()):
        with pytest.raises(RuntimeError, match="captur"), graph(g):
            wait()
        with pytest.raises(RuntimeError, match="without a preceding successful capture"):
            g.replay()
        assert not is_current_stream_capturing() and current_stream().cuda_stream == 0
        assert (values(x * 2) == 2).all()
    with graph(g):
        y = x * 5
    g.replay()
    assert (values(y) == 5).all()


def test_host_memory_is_copied_in_a_capture_only_if_it_is_pinned():
    g, there = CUDAGraph(), tritorch.zeros(4, device="cuda")
    with pytest.raises(RuntimeError, match="unless the CPU tensor is pinned"), graph(g):
        there.add(1)
        there.copy_(tritorch.ones(4), non_blocking=True)
    g, host, back = CUDAGraph(), tritorch.ones(4).pin_memory(), tritorch.zeros(4, pin_memory=True)
    with graph(g):
        there.copy_(host, non_blocking=True)
        back.copy_(there * 2, non_blocking=True)
    for value in (3, 4):
        host.fill_(value)
        g.replay()
        tritorch.cuda.synchronize()
        assert (back == 2 * value).all()


def test_an_error_in_the_block_is_the_one_that_is_raised():
    g, x = CUDAGraph(), tritorch.ones(4, device="cuda")
    with pytest.raises(ZeroDivisionError), graph(g):
        x.add(1)
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="already owns a captured graph"), graph(g):
        pass
    assert not is_current_stream_capturing()


def test_texts():
    g = CUDAGraph()
    with pytest.raises(RuntimeError, match="must be captured on a non-default stream"):
        g.capture_begin()
    for name in ("pool", "instantiate", "raw_cuda_graph"):
        with pytest.raises(RuntimeError, match=r"preceding successful capture|keep_graph"):
            getattr(g, name)()
    with pytest.raises(RuntimeError, match="Unknown capture error mode"), graph(g, capture_error_mode="all"):
        pass
    with pytest.warns(UserWarning, match="CUDA Graph is empty"), graph(g):
        pass
    kept = CUDAGraph(keep_graph=True)
    x = tritorch.ones(3, device="cuda")
    with graph(kept):
        y = x + 1
    assert kept.raw_cuda_graph() > 0
    kept.replay()
    assert (values(y) == 2).all()


def test_memory_of_a_graph_is_its_own_while_it_lives():
    before = tritorch.cuda.memory_reserved()
    g, x = CUDAGraph(), tritorch.ones(1 << 20, device="cuda")
    with graph(g):
        a = x + 1
        b = a * 2  # `a` dies, and nobody outside may be given its memory
        del a
        c = b + 1
        del b
    address = c.data_ptr()
    others = [tritorch.full((1 << 20,), 7.0, device="cuda") for _ in range(4)]
    g.replay()
    assert (values(c) == 5).all() and all(bool((o == 7).all()) for o in others)
    del c
    tritorch.cuda.empty_cache()
    others.append(tritorch.full((1 << 20,), 7.0, device="cuda"))
    assert address not in [o.data_ptr() for o in others]
    g.replay()
    assert all(bool((o == 7).all()) for o in others)
    g.reset()
    del x, others
    tritorch.cuda.synchronize()
    tritorch.cuda.empty_cache()
    assert tritorch.cuda.memory_reserved() <= before


def test_graphs_that_share_a_pool_share_memory():
    x, first, second = tritorch.ones(1 << 18, device="cuda"), CUDAGraph(), CUDAGraph()
    with graph(first):
        y = x * 2
        keep = y + 1
        del y
    with graph(second, pool=first.pool()):
        z = keep * 3
    assert second.pool() == first.pool() != tritorch.cuda.graph_pool_handle()
    first.replay()
    second.replay()
    assert (values(z) == 9).all()
    del first
    second.replay()
    assert (values(z) == 9).all()


def test_random_numbers_are_drawn_anew_by_every_replay_and_are_those_without_a_graph():
    g = CUDAGraph()
    with graph(g):
        x = tritorch.rand(1000, device="cuda")
        y = tritorch.nn.functional.dropout(tritorch.ones_like(x), 0.5) + tritorch.randn(1000, device="cuda")
    tritorch.cuda.manual_seed(3)
    seen = []
    for _ in range(3):
        g.replay()
        seen.append((values(x), values(y)))
    after = tritorch.rand(10, device="cuda")
    tritorch.cuda.manual_seed(3)
    for x_seen, y_seen in seen:
        x = tritorch.rand(1000, device="cuda")
        y = tritorch.nn.functional.dropout(tritorch.ones_like(x), 0.5) + tritorch.randn(1000, device="cuda")
        assert (values(x) == x_seen).all() and (values(y) == y_seen).all()
    assert (values(tritorch.rand(10, device="cuda")) == values(after)).all()
    assert (seen[0][0] != seen[1][0]).any()


def test_other_generators_are_registered():
    mine, g = tritorch.Generator("cuda").manual_seed(5), CUDAGraph()
    with pytest.raises(RuntimeError, match="register_generator_state"), graph(g):
        tritorch.rand(4, device="cuda", generator=mine)
    with pytest.raises(RuntimeError, match="a generator of cuda"):
        g.register_generator_state(tritorch.Generator())
    g = CUDAGraph()
    g.register_generator_state(mine)
    with graph(g):
        x = tritorch.rand(4, device="cuda", generator=mine)
    g.replay()
    expected = tritorch.rand(4, device="cuda", generator=tritorch.Generator("cuda").manual_seed(5))
    assert (values(x) == values(expected)).all()


def test_a_training_step_as_one_graph():
    tritorch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1)).cuda()
    twin = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1)).cuda()
    data = [(tritorch.randn(4, 8, device="cuda"), tritorch.randn(4, 1, device="cuda")) for _ in range(4)]
    x, target = tritorch.zeros(4, 8, device="cuda"), tritorch.zeros(4, 1, device="cuda")

    def step(net, x, target):
        for p in net.parameters():
            p.grad = None
        loss = ((net(x) - target) ** 2).mean()
        loss.backward()
        with tritorch.no_grad():
            for p in net.parameters():
                p -= 0.1 * p.grad
        return loss

    side = Stream()
    side.wait_stream(current_stream())
    with stream(side):
        for _ in range(2):
            step(model, x, target)
    current_stream().wait_stream(side)
    g = CUDAGraph()
    with graph(g):
        loss = step(model, x, target)
    copy_parameters(twin, model)
    for one, wanted in data:
        x.copy_(one)
        target.copy_(wanted)
        g.replay()
        np.testing.assert_allclose(values(loss), values(step(twin, one, wanted)), rtol=1e-6)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(values(p), values(q), rtol=1e-6)


def test_make_graphed_callables():
    tritorch.manual_seed(1)
    net = nn.Sequential(nn.Linear(6, 5), nn.Tanh()).cuda()
    twin = nn.Sequential(nn.Linear(6, 5), nn.Tanh()).cuda()
    copy_parameters(twin, net)

    def loss(x, y):
        return {"loss": ((x - y) ** 2).mean()}

    sample = tritorch.randn(3, 6, device="cuda")
    out_sample = tritorch.randn(3, 5, device="cuda", requires_grad=True)
    graphed = tritorch.cuda.make_graphed_callables(
        (net, loss), ((sample,), (out_sample, tritorch.randn(3, 5, device="cuda")))
    )
    assert graphed[0] is net
    for _ in range(3):
        x, y = tritorch.randn(3, 6, device="cuda"), tritorch.randn(3, 5, device="cuda")
        for one in (net, twin):
            one.zero_grad()
        got, expected = graphed[1](net(x), y)["loss"], loss(twin(x), y)["loss"]
        got.backward()
        expected.backward()
        np.testing.assert_allclose(values(got), values(expected), rtol=1e-6)
        for p, q in zip(net.parameters(), twin.parameters(), strict=True):
            np.testing.assert_allclose(values(p.grad), values(q.grad), rtol=1e-5, atol=1e-7)
    net.eval()  # another state than was captured
    assert values(net(sample)).shape == (3, 5) and net(tritorch.randn(7, 6, device="cuda")).shape == (7, 5)
    with pytest.raises(AssertionError, match="must contain only Tensors"):
        tritorch.cuda.make_graphed_callables(loss, (sample, 3))


@simulated
def test_a_replay_on_a_stream_that_nothing_orders_is_found():
    x, side, g = tritorch.ones(1000, device="cuda"), Stream(), CUDAGraph()
    with graph(g):
        y = x * 2
    tritorch.cuda.synchronize()
    with stream(side):
        g.replay()
    y.sum()  # no one waits for `side`
    tritorch.cuda.synchronize()
    assert [kind for kind, _ in _C.sim_report()] == ["race"]
