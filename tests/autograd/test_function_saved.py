"""Function: what is saved for backward and when it is let go, backward that runs once, long chains."""

import gc
import weakref

import pytest

import tritorch
from tritorch.autograd import Function, grad
from tritorch.autograd.function import once_differentiable


class Mul(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g * b, g * a


class Add(Function):
    @staticmethod
    def forward(ctx, a, b):
        return a + b

    @staticmethod
    def backward(ctx, g):
        return g, g


@pytest.fixture
def x():
    return tritorch.tensor([1.0, 2.0], requires_grad=True)


@pytest.fixture
def y():
    return tritorch.tensor([3.0, 4.0], requires_grad=True)


class TestSaved:
    def test_output(self, x):
        class Exp(Function):
            @staticmethod
            def forward(ctx, a):
                out = a.exp()
                ctx.save_for_backward(out)
                return out

            @staticmethod
            def backward(ctx, g):
                (out,) = ctx.saved_tensors
                return g * out

        x64 = x.detach().double().requires_grad_()
        assert tritorch.autograd.gradgradcheck(Exp.apply, (x64,))
        out = Exp.apply(x)
        gone = weakref.ref(out)
        del out
        assert gone() is None  # no cycle, no need for the collector

    def test_read_twice_needs_retain(self, x, y):
        out = Mul.apply(x, y).sum()
        out.backward()
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
            out.backward()

    def test_saving_nothing_runs_twice(self, x, y):
        out = Add.apply(x, y).sum()
        out.backward()
        out.backward()
        assert x.grad.tolist() == [2.0, 2.0]

    def test_written_since(self, x, y):
        w = x * 1
        out = Mul.apply(w, y)
        w.mul_(2)
        with pytest.raises(RuntimeError, match="has been modified by an inplace operation"):
            out.sum().backward()

    def test_written_but_never_read(self, x):
        class Unread(Function):
            @staticmethod
            def forward(ctx, a):
                ctx.save_for_backward(a)
                return a * 1

            @staticmethod
            def backward(ctx, g):
                return g

        w = x * 1
        out = Unread.apply(w)
        w.mul_(2)
        assert grad(out.sum(), x)[0].tolist() == [1.0, 1.0]

    def test_only_tensors(self, x):
        class Wrong(Function):
            @staticmethod
            def forward(ctx, a):
                ctx.save_for_backward(a, 3)

        with pytest.raises(TypeError, match="save_for_backward can only save variables, but argument 1 is of type int"):
            Wrong.apply(x)

    def test_none_is_kept(self, x):
        class Optional(Function):
            @staticmethod
            def forward(ctx, a):
                ctx.save_for_backward(None, a)
                return a * 1

            @staticmethod
            def backward(ctx, g):
                assert ctx.saved_tensors[0] is None
                return g

        Optional.apply(x).sum().backward()

    def test_hooks_pack_them(self, x, y):
        packed = []
        with tritorch.autograd.graph.saved_tensors_hooks(
            lambda t: packed.append(t.tolist()) or t.detach(), lambda t: t
        ):
            out = Mul.apply(x, y)
        assert packed == [[1.0, 2.0], [3.0, 4.0]]
        assert grad(out.sum(), x)[0].tolist() == [3.0, 4.0]

    def test_context_dies_with_the_graph(self, x, y):
        class Token:
            pass

        class Holds(Function):
            @staticmethod
            def forward(ctx, a):
                ctx.token = Token()
                tokens.append(weakref.ref(ctx.token))
                return a * 1

            @staticmethod
            def backward(ctx, g):
                return g

        tokens = []
        out = Holds.apply(x)
        assert tokens[0]() is not None
        del out
        gc.collect()
        assert tokens[0]() is None


class TestOnceDifferentiable:
    class Square(Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            assert not tritorch.is_grad_enabled()
            return 2 * g * ctx.saved_tensors[0]

    def test_once(self, x):
        assert grad(self.Square.apply(x).sum(), x)[0].tolist() == [2.0, 4.0]

    def test_twice(self, x):
        v = tritorch.ones(2, requires_grad=True)
        (g,) = grad(self.Square.apply(x), x, v, create_graph=True)
        assert g.tolist() == [2.0, 4.0]
        with pytest.raises(RuntimeError, match="trying to differentiate twice a function that was marked with @once"):
            g.sum().backward()


def test_instances_are_refused():
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        made = Mul()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward method"):
        made(1)


def test_chain_of_functions_runs_and_is_freed(figure):
    class Next(Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            return g

    x = tritorch.ones(1, requires_grad=True)
    y, count = x, 10_000
    for _ in range(count):
        y = Next.apply(y)
    y.backward()
    assert x.grad.item() == 1.0
    del y
    figure("custom functions in a chain", count)
