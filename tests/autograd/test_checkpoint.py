"""Checkpoints: the same gradients with fewer tensors kept, and what happens when recomputation differs."""

import gc
import weakref

import pytest

import tritorch
from tritorch import nn
from tritorch.autograd import Function, grad, graph
from tritorch.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_early_stop,
)

FORMS = pytest.mark.parametrize("use_reentrant", [True, False], ids=["reentrant", "non-reentrant"])


@pytest.fixture
def x():
    return tritorch.tensor([0.5, 1.0, 1.5], requires_grad=True)


def gradient(function, x):
    (g,) = grad(function(x).sum(), x)
    return g.tolist()


def deep(x):
    return ((x * 2).exp() * x).sin()


def backward_of(out, x):
    x.grad = None
    out.sum().backward()
    return x.grad.tolist()


@FORMS
class TestBoth:
    def test_same_values_and_gradients(self, x, use_reentrant):
        out = checkpoint(deep, x, use_reentrant=use_reentrant)
        assert out.tolist() == deep(x).tolist()
        assert backward_of(out, x) == gradient(deep, x)

    def test_several_outputs_and_other_arguments(self, x, use_reentrant):
        def function(x, factor, nothing):
            return x * factor, (x * x).exp()

        a, b = checkpoint(function, x, 3.0, None, use_reentrant=use_reentrant)
        assert backward_of(a + b, x) == gradient(lambda x: x * 3.0 + (x * x).exp(), x)

    def test_parameters_get_gradients(self, use_reentrant):
        layer = nn.Linear(3, 2)
        x = tritorch.randn(4, 3, requires_grad=True)
        layer(x).exp().sum().backward()
        expected = layer.weight.grad
        layer.weight.grad = None
        checkpoint(lambda x: layer(x).exp(), x, use_reentrant=use_reentrant).sum().backward()
        assert tritorch.allclose(layer.weight.grad, expected)

    def test_forward_keeps_little(self, x, use_reentrant):
        alive = []

        def function(x):
            inner = x * 2
            middle = inner.exp()
            alive.append(weakref.ref(middle))
            return middle * middle

        out = checkpoint(function, x, use_reentrant=use_reentrant)
        assert alive[0]() is None
        out.sum().backward()

    def test_random_numbers_repeat(self, x, use_reentrant):
        seen = []

        def function(x):
            noise = tritorch.rand(3)
            seen.append(noise.tolist())
            return (x * noise).exp()

        out = checkpoint(function, x, use_reentrant=use_reentrant)
        drawn = tritorch.rand(3).tolist()
        state = tritorch.get_rng_state()
        out.sum().backward()
        assert seen[0] == seen[1] and seen[0] != drawn
        assert tritorch.equal(tritorch.get_rng_state(), state)

    def test_random_numbers_go_on_if_told(self, x, use_reentrant):
        seen = []

        def function(x):
            seen.append(tritorch.rand(3).tolist())
            return (x * 2).exp()

        checkpoint(function, x, use_reentrant=use_reentrant, preserve_rng_state=False).sum().backward()
        assert seen[0] != seen[1]

    @pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
    def test_nested(self, x, use_reentrant):
        calls = []

        def inner(x):
            calls.append("inner")
            return x.exp()

        def outer(x):
            calls.append("outer")
            y = checkpoint(inner, x * 2, use_reentrant=use_reentrant)
            return (y * y).sin()

        out = checkpoint(outer, x, use_reentrant=use_reentrant)
        assert backward_of(out, x) == pytest.approx(gradient(lambda x: ((x * 2).exp() ** 2).sin(), x))
        assert calls[:2] == ["outer", "inner"] and calls.count("outer") == 2

    def test_without_grad(self, x, use_reentrant):
        with tritorch.no_grad():
            assert not checkpoint(deep, x, use_reentrant=use_reentrant).requires_grad

    def test_exceptions_pass_through(self, x, use_reentrant):
        calls = []

        def function(x):
            calls.append(1)
            if len(calls) == 2:
                raise KeyError("again")
            return (x * 2).exp()

        out = checkpoint(function, x, use_reentrant=use_reentrant)
        with pytest.raises(KeyError, match="again"):
            out.sum().backward()

    def test_sequential(self, x, use_reentrant):
        functions = [tritorch.exp, tritorch.sin, lambda x: x * 2, tritorch.cos, tritorch.tanh]
        for segments in (1, 2, 3, 5):
            out = checkpoint_sequential(functions, segments, x, use_reentrant=use_reentrant)
            assert backward_of(out, x) == pytest.approx(gradient(lambda x: ((x.exp().sin()) * 2).cos().tanh(), x)), (
                segments
            )


def test_sequential_module(x):
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    out = checkpoint_sequential(model, 2, x, use_reentrant=False)
    assert tritorch.allclose(out, model(x))


class TestReentrant:
    def test_one_node(self, x):
        out = checkpoint(deep, x, use_reentrant=True)
        assert [edge[0].variable is x for edge in out.grad_fn.next_functions] == [True]

    def test_neither_grad_nor_inputs(self, x):
        out = checkpoint(deep, x, use_reentrant=True).sum()
        with pytest.raises(RuntimeError, match="or passing an `inputs` parameter to"):
            grad(out, x)
        with pytest.raises(RuntimeError, match="use_reentrant=False"):
            checkpoint(deep, x, use_reentrant=True).sum().backward(inputs=[x])

    def test_warns_where_nothing_requires_grad(self):
        with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
            checkpoint(deep, tritorch.ones(2), use_reentrant=True)

    def test_output_without_grad(self, x):
        out = checkpoint(lambda x: (x * 2).detach(), x, use_reentrant=True)
        with pytest.raises(RuntimeError, match="none of output has requires_grad=True"):
            out.sum().backward()

    def test_arguments(self, x):
        with pytest.raises(ValueError, match="Unexpected keyword arguments: factor"):
            checkpoint(deep, x, use_reentrant=True, factor=2)
        with pytest.raises(ValueError, match="only supported when use_reentrant=False"):
            checkpoint(deep, x, use_reentrant=True, debug=True)
        with pytest.warns(UserWarning, match="the use_reentrant parameter should be passed explicitly"):
            checkpoint(deep, x)


class TestNonReentrant:
    def test_keyword_arguments(self, x):
        out = checkpoint(lambda x, *, factor: (x * factor).exp(), x, use_reentrant=False, factor=2)
        assert backward_of(out, x) == gradient(lambda x: (x * 2).exp(), x)

    def test_grad_and_second_derivatives(self, x):
        out = checkpoint(deep, x, use_reentrant=False).sum()
        (first,) = grad(out, x, create_graph=True)
        (second,) = grad(first.sum(), x)
        (plain,) = grad(deep(x).sum(), x, create_graph=True)
        assert first.tolist() == plain.tolist()
        assert second.tolist() == pytest.approx(grad(plain.sum(), x)[0].tolist())

    def test_twice_with_retain_graph(self, x):
        calls = []

        def function(x):
            calls.append(1)
            return deep(x)

        out = checkpoint(function, x, use_reentrant=False).sum()
        out.backward(retain_graph=True)
        out.backward()
        assert len(calls) == 3
        assert x.grad.tolist() == pytest.approx([2 * g for g in gradient(deep, x)])

    def test_input_that_needs_no_grad(self):
        layer = nn.Linear(2, 2)
        checkpoint(lambda x: layer(x).exp(), tritorch.ones(1, 2), use_reentrant=False).sum().backward()
        assert layer.weight.grad is not None

    def test_tensors_in_containers(self, x):
        out = checkpoint(lambda d: (d["x"][0] * 2).exp(), {"x": [x]}, use_reentrant=False)
        assert backward_of(out, x) == gradient(lambda x: (x * 2).exp(), x)

    @pytest.mark.parametrize("how", ["argument", "context"])
    def test_early_stop(self, x, how):
        reached = []

        def function(x):
            y = x.exp()
            reached.append("saved")
            z = y + 1
            reached.append("end")
            return z

        checkpoint(function, x, use_reentrant=False).sum().backward()
        assert reached == ["saved", "end", "saved"] or reached == ["saved", "end"]
        stopped = len(reached)
        if how == "argument":
            out = checkpoint(function, x, use_reentrant=False, early_stop=False)
        else:
            with set_checkpoint_early_stop(False):
                out = checkpoint(function, x, use_reentrant=False)
        out.sum().backward()
        assert reached[stopped:] == ["saved", "end", "saved", "end"]

    def test_nested_three_deep(self, x):
        def level(depth):
            def function(x):
                y = checkpoint(level(depth - 1), x, use_reentrant=False) if depth else x.exp()
                return (y * x).sin()

            return function

        out = checkpoint(level(3), x, use_reentrant=False)
        plain = x
        plain = x.exp()
        for _ in range(4):
            plain = (plain * x).sin()
        assert backward_of(out, x) == pytest.approx(gradient_of(plain, x))

    def test_backward_inside(self, x):
        def function(x):
            y = (x * x).exp()
            (g,) = grad(y.sum(), x, create_graph=True)
            return g * y

        out = checkpoint(function, x, use_reentrant=False, early_stop=False)
        assert backward_of(out, x) == pytest.approx(gradient(function, x))

    def test_custom_functions(self, x):
        class Exp(Function):
            @staticmethod
            def forward(ctx, x):
                out = x.exp()
                ctx.save_for_backward(out)
                return out

            @staticmethod
            def backward(ctx, g):
                (out,) = ctx.saved_tensors
                return g * out

        out = checkpoint(lambda x: Exp.apply(x * 2), x, use_reentrant=False)
        assert backward_of(out, x) == pytest.approx(gradient(lambda x: (x * 2).exp(), x))

    def test_contexts(self, x):
        entered = []

        class Context:
            def __init__(self, name):
                self.name = name

            def __enter__(self):
                entered.append(self.name)

            def __exit__(self, *exc):
                entered.append(f"left {self.name}")

        out = checkpoint(deep, x, use_reentrant=False, context_fn=lambda: (Context("forward"), Context("again")))
        out.sum().backward()
        assert entered == ["forward", "left forward", "again", "left again"]

    def test_written_input_is_noticed(self, x):
        y = x * 1
        out = checkpoint(deep, y, use_reentrant=False)
        y.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.sum().backward()

    def test_recomputed_tensors_are_freed(self, x):
        alive = []

        def function(x):
            inner = (x * 2).exp()
            alive.append(weakref.ref(inner))
            return inner * inner

        out = checkpoint(function, x, use_reentrant=False)
        out.sum().backward()
        del out
        gc.collect()
        assert [ref() for ref in alive] == [None] * len(alive)

    def test_inner_hooks_see_nothing(self, x):
        packed = []
        with graph.saved_tensors_hooks(lambda t: packed.append(t.tolist()) or t, lambda t: t):
            out = checkpoint(deep, x, use_reentrant=False)
        assert packed == [x.tolist()]
        out.sum().backward()


class TestDifferentRecomputation:
    def run(self, first, again, x, **options):
        calls = []

        def function(x):
            calls.append(1)
            return (first if len(calls) == 1 else again)(x)

        checkpoint(function, x, use_reentrant=False, **options).sum().backward()

    def test_fewer_tensors(self, x):
        with pytest.raises(CheckpointError, match="A different number of tensors was saved during the orig"):
            self.run(lambda x: x.exp().sin(), lambda x: x * 1, x)

    def test_more_tensors(self, x):
        with pytest.raises(CheckpointError, match="trying to save more tensors during recomputation"):
            self.run(lambda x: x.exp(), lambda x: x.exp().sin(), x, early_stop=False)

    def test_other_shapes(self, x):
        with pytest.raises(
            CheckpointError, match=r"position 0:\nsaved metadata: .*\[3\].*\nrecomputed metadata: .*\[2\]"
        ):
            self.run(lambda x: x.exp(), lambda x: x[:2].exp(), x)

    def test_unless_not_checked(self, x):
        self.run(lambda x: x.exp(), lambda x: x.double().exp(), x, determinism_check="none")

    def test_debug_lists_them(self, x):
        with pytest.raises(CheckpointError, match="Saved in forward:\n0: "):
            self.run(lambda x: x.exp().sin(), lambda x: x * 1, x, debug=True)

    def test_check_has_a_name(self, x):
        with pytest.raises(ValueError, match="determinism_check should be one of"):
            checkpoint(deep, x, use_reentrant=False, determinism_check="some")


def gradient_of(out, x):
    return grad(out.sum(), x)[0].tolist()
