"""Hooks on tensors, leaves, nodes and several tensors; their handles, their order, their errors."""

import gc
import pickle
import weakref
from collections import OrderedDict

import pytest

import tritorch
from tritorch.autograd import RemovableHandle, grad, graph


@pytest.fixture
def x():
    return tritorch.tensor([1.0, 2.0], requires_grad=True)


class TestTensorHooks:
    def test_replaces_the_gradient(self, x):
        x.register_hook(lambda g: g * 2)
        (x * 3).sum().backward()
        assert x.grad.tolist() == [6.0, 6.0]

    def test_in_order_and_removed(self, x):
        calls = []
        first = x.register_hook(lambda g: calls.append("first"))
        x.register_hook(lambda g: calls.append("second"))
        with x.register_hook(lambda g: calls.append("third")):
            x.sum().backward()
        first.remove()
        first.remove()
        x.sum().backward()
        assert calls == ["first", "second", "third", "second"]

    def test_of_an_intermediate(self, x):
        y = x * 2
        y.register_hook(lambda g: g * 10)
        y.sum().backward()
        assert x.grad.tolist() == [20.0, 20.0]

    def test_stays_with_the_old_grad_fn(self, x):
        y = x * 2
        seen = []
        y.register_hook(lambda g: seen.append(g.tolist()))
        y.mul_(3)
        y.sum().backward()
        assert seen == [[3.0, 3.0]]

    def test_sees_the_gradient_of_grad(self, x):
        seen = []
        x.register_hook(lambda g: seen.append(g.tolist()))
        grad((x * 5).sum(), x)
        assert seen == [[5.0, 5.0]]

    def test_before_retain_grad(self, x):
        y = x * 2
        y.retain_grad()
        y.register_hook(lambda g: g * 7)
        y.sum().backward()
        assert y.grad.tolist() == [7.0, 7.0] and y.retains_grad

    def test_errors(self, x):
        with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
            tritorch.ones(1).register_hook(print)
        with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
            tritorch.ones(1).retain_grad()
        handle = x.register_hook(lambda g: 3)
        with pytest.raises(TypeError, match="expected Variable, but hook returned 'int'"):
            x.sum().backward()
        handle.remove()
        handle = x.register_hook(lambda g: g[:1])
        with pytest.raises(RuntimeError, match="has changed the size of value"):
            x.sum().backward()
        handle.remove()
        x.sum().backward()
        assert x.grad.tolist() == [1.0, 1.0]

    def test_raising_hook_leaves_the_engine_usable(self, x):
        def fails(g):
            raise KeyError("hook")

        with x.register_hook(fails), pytest.raises(KeyError, match="hook"):
            x.sum().backward()
        x.sum().backward()
        assert x.grad.tolist() == [1.0, 1.0]

    def test_die_with_the_tensor(self):
        class Hook:
            def __call__(self, g):
                return None

        x = tritorch.ones(1, requires_grad=True)
        hook = Hook()
        gone = weakref.ref(hook)
        handle = x.register_hook(hook)
        del hook, x
        gc.collect()
        assert gone() is None
        handle.remove()


class TestPostAccumulate:
    def test_after_grad(self, x):
        seen = []
        handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
        x.sum().backward()
        x.sum().backward()
        handle.remove()
        x.sum().backward()
        assert seen == [(True, [1.0, 1.0]), (True, [2.0, 2.0])]

    def test_steps_in_backward(self, x):
        optimizer = tritorch.optim.SGD([x], lr=0.5)

        def step(p):
            optimizer.step()
            optimizer.zero_grad()

        x.register_post_accumulate_grad_hook(step)
        (x * 2).sum().backward()
        assert x.grad is None and x.tolist() == [0.0, 1.0]

    def test_errors(self, x):
        with pytest.raises(RuntimeError, match="post accumulate grad hooks cannot be registered on non-leaf tensors"):
            (x * 2).register_post_accumulate_grad_hook(print)
        with pytest.raises(RuntimeError, match="doesn't require gradient"):
            tritorch.ones(1).register_post_accumulate_grad_hook(print)

    def test_not_for_grad(self, x):
        x.register_post_accumulate_grad_hook(lambda p: pytest.fail("accumulated"))
        grad(x.sum(), x)


class TestNodeHooks:
    def test_around_the_node(self, x):
        y = x * 2
        calls = []
        y.grad_fn.register_prehook(lambda outs: calls.append(("before", outs[0].tolist())))
        y.grad_fn.register_hook(lambda ins, outs: calls.append(("after", ins[0].tolist(), outs[0].tolist())))
        y.sum().backward()
        assert calls == [("before", [1.0, 1.0]), ("after", [2.0, 2.0], [1.0, 1.0])]

    def test_replace(self, x):
        y = x * 2
        y.grad_fn.register_prehook(lambda outs: (outs[0] * 10,))
        y.grad_fn.register_hook(lambda ins, outs: (ins[0] + 1, *ins[1:]))
        y.sum().backward()
        assert x.grad.tolist() == [21.0, 21.0]

    def test_metadata(self, x):
        y = x * 2
        y.grad_fn.metadata["who"] = "me"
        assert y.grad_fn.metadata == {"who": "me"}
        assert isinstance(y.grad_fn, graph.Node) and y.grad_fn is y.grad_fn


class TestMultiGrad:
    def test_all(self, x):
        y, z, unused = x * 2, x * 3, x * 4
        seen = []
        handle = graph.register_multi_grad_hook((y, z, unused), lambda gs: seen.append([g is None for g in gs]))
        (y * z).sum().backward(retain_graph=True)
        y.sum().backward(retain_graph=True)
        handle.remove()
        y.sum().backward()
        assert seen == [[False, False, True], [False, True, True]]

    def test_any(self, x):
        y, z = x * 2, x * 3
        seen = []
        graph.register_multi_grad_hook((y, z), lambda g: seen.append(g.tolist()), mode="any")
        (y * 1 + z * 5).sum().backward(retain_graph=True)
        assert len(seen) == 1
        (y * 1 + z * 5).sum().backward()
        assert len(seen) == 2

    def test_mode(self, x):
        with pytest.raises(ValueError, match="Expects mode to be one of"):
            graph.register_multi_grad_hook((x,), print, mode="some")


class TestHandle:
    def test_dictionary_is_not_kept(self):
        hooks = OrderedDict()
        handle = RemovableHandle(hooks)
        hooks[handle.id] = print
        again = pickle.loads(pickle.dumps(handle))
        assert again.id == handle.id
        del hooks
        handle.remove()

    def test_extra_dictionaries(self):
        hooks, extra = OrderedDict(), OrderedDict()
        handle = RemovableHandle(hooks, extra_dict=extra)
        hooks[handle.id] = extra[handle.id] = True
        handle.remove()
        assert not hooks and not extra


class TestSavedTensorHooks:
    def test_pack_and_unpack(self, x):
        calls = []
        with graph.saved_tensors_hooks(lambda t: calls.append("pack") or t.tolist(), lambda p: tritorch.tensor(p)):
            y = x * x
        calls.append("made")
        y.sum().backward()
        assert calls == ["pack", "pack", "made"] and x.grad.tolist() == [2.0, 4.0]

    def test_innermost_wins(self, x):
        calls = []
        with graph.saved_tensors_hooks(lambda t: calls.append("outer") or t, lambda t: t):
            with graph.saved_tensors_hooks(lambda t: calls.append("inner") or t.detach(), lambda t: t):
                x.exp()
            x.exp()
        assert calls == ["inner", "outer"]

    def test_save_on_cpu(self, x):
        with graph.save_on_cpu():
            y = (x * x).exp()
        y.sum().backward()
        assert tritorch.allclose(x.grad, 2 * x.detach() * (x.detach() ** 2).exp())

    def test_disabled(self):
        with graph.disable_saved_tensors_hooks("not here"):
            with pytest.raises(RuntimeError, match="not here"), graph.saved_tensors_hooks(lambda t: t, lambda t: t):
                pass
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass

    def test_pack_may_not_write(self, x):
        y = x * 1
        with pytest.raises(RuntimeError, match="pack hook is modifying its input"):
            with graph.saved_tensors_hooks(lambda t: t.mul_(2), lambda t: t):
                y * y

    def test_unpack_gives_a_tensor(self, x):
        with graph.saved_tensors_hooks(lambda t: t.detach(), lambda t: 3):
            y = x * x
        with pytest.raises(TypeError, match="expected to be a Tensor"):
            y.sum().backward()


def test_increment_version(x):
    y = x * 1
    z = y * y
    graph.increment_version(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_gradient_edges(x):
    y = x * 2
    edge = graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn and edge.output_nr == 0
    assert grad((y * y).sum(), edge)[0].tolist() == [4.0, 8.0]
    assert grad(edge, x, tritorch.ones(2))[0].tolist() == [2.0, 2.0]
    leaf = graph.get_gradient_edge(x)
    assert leaf.node.variable is x
    with pytest.raises(RuntimeError, match="that does not require gradients"):
        graph.get_gradient_edge(tritorch.ones(1))


@pytest.mark.parametrize("leaf", [True, False], ids=["leaf", "computed"])
def test_unpacked_tensors_have_their_history(leaf):
    x = tritorch.tensor([1.0, 2.0], requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: t.tolist(), lambda p: tritorch.tensor(p)):
        w = x if leaf else x * 1
        y = w * w * w
    (first,) = grad(y.sum(), x, create_graph=True)
    assert grad(first.sum(), x, retain_graph=True)[0].tolist() == [6.0, 12.0]
    first.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]
