"""Function: what forward and backward are handed, what they may return, and how they are recorded."""

import re

import pytest

import tritorch
from tritorch.autograd import Function, grad


class Mul(Function):
    @staticmethod
    def forward(ctx, a, b, factor):
        ctx.save_for_backward(a, b)
        ctx.factor = factor
        return a * b * factor

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g * b * ctx.factor, g * a * ctx.factor, None


@pytest.fixture
def x():
    return tritorch.tensor([1.0, 2.0], requires_grad=True)


@pytest.fixture
def y():
    return tritorch.tensor([3.0, 4.0], requires_grad=True)


def returning(answer, **methods):
    """A function of two tensors and a number whose backward returns ``answer(g)``."""

    class Made(Function):
        @staticmethod
        def forward(ctx, a, b, factor):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return answer(g)

    return Made


def test_values_and_gradients(x, y):
    out = Mul.apply(x, y, 3)
    assert out.tolist() == [9.0, 24.0]
    assert out.grad_fn.name() == "MulBackward"
    assert [g.tolist() for g in grad(out.sum(), (x, y))] == [[9.0, 12.0], [3.0, 6.0]]


def test_node_knows_the_context(x, y):
    node = Mul.apply(x, y, 3).grad_fn
    assert node.factor == 3
    assert [t.tolist() for t in node.saved_tensors] == [[1.0, 2.0], [3.0, 4.0]]
    assert [edge[0].variable is leaf for edge, leaf in zip(node.next_functions, (x, y), strict=True)] == [True, True]


def test_double_backward(x, y):
    x64, y64 = x.detach().double().requires_grad_(), y.detach().double().requires_grad_()
    assert tritorch.autograd.gradcheck(lambda a, b: Mul.apply(a, b, 3), (x64, y64))
    assert tritorch.autograd.gradgradcheck(lambda a, b: Mul.apply(a, b, 3), (x64, y64))


def test_forward_is_not_recorded(x):
    class Watch(Function):
        @staticmethod
        def forward(ctx, a):
            assert not tritorch.is_grad_enabled()
            inner = a * 2
            assert not inner.requires_grad
            return inner

        @staticmethod
        def backward(ctx, g):
            assert not tritorch.is_grad_enabled()
            return g * 2

    Watch.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_backward_is_recorded_under_create_graph(x):
    class Watch(Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            assert tritorch.is_grad_enabled()
            return g * 2

    grad(Watch.apply(x).sum(), x, create_graph=True)


def test_needs_input_grad(x, y):
    seen = []

    class Watch(Function):
        @staticmethod
        def forward(ctx, a, b, c):
            seen.append(ctx.needs_input_grad)
            return a + b

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return g, g, None

    Watch.apply(x, y.detach(), "text").sum().backward()
    assert seen == [(True, False, False)] * 2


def test_nothing_recorded_without_grad(x):
    with tritorch.no_grad():
        assert Mul.apply(x, x, 1).grad_fn is None
    assert Mul.apply(x.detach(), x.detach(), 1).grad_fn is None


def test_keyword_arguments_and_setup_context(x):
    class Scale(Function):
        @staticmethod
        def forward(a, factor=2):
            return a * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]
            ctx.save_for_backward(output)

        @staticmethod
        def backward(ctx, g):
            assert ctx.saved_tensors[0] is not None
            return g * ctx.factor, None

    assert grad(Scale.apply(x).sum(), x)[0].tolist() == [2.0, 2.0]
    assert grad(Scale.apply(x, factor=5).sum(), x)[0].tolist() == [5.0, 5.0]
    assert grad(Mul.apply(x, x.detach(), factor=7).sum(), x)[0].tolist() == [7.0, 14.0]


class TestReturnedGradients:
    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            (lambda g: (g,), "function MadeBackward returned an incorrect number of gradients (expected 3, got 1)"),
            (lambda g: None, "function MadeBackward returned an incorrect number of gradients (expected 3, got 1)"),
            (lambda g: [g, g, None], "returned an incorrect number of gradients (expected 3, got 1)"),
            (lambda g: (g, g, None, g), "returned an incorrect number of gradients (expected 3, got 4)"),
            (
                lambda g: (g, g, g),
                "function MadeBackward returned a gradient different than None at position 3, but the corresponding "
                "forward input was not a Variable",
            ),
            (lambda g: (1.0, g, None), "expected Variable or None (got float)"),
            (
                lambda g: (tritorch.ones(5), g, None),
                "Function MadeBackward returned an invalid gradient at index 0 - got [5] but expected shape compatible "
                "with [2]",
            ),
        ],
    )
    def test_wrong_ones(self, x, y, answer, text):
        with pytest.raises(RuntimeError, match=re.escape(text)):
            returning(answer).apply(x, y, 1).sum().backward()
        Mul.apply(x, y, 1).sum().backward()  # the engine goes on

    @pytest.mark.parametrize(
        "answer",
        [lambda g: (g, g, None, None, None), lambda g: (g.double(), g, None), lambda g: (g.expand(3, 2) / 3, g, None)],
    )
    def test_right_ones(self, x, y, answer):
        returning(answer).apply(x, y, 1).sum().backward()
        assert x.grad.dtype is tritorch.float32
        assert tritorch.allclose(x.grad, tritorch.ones(2)) and y.grad.tolist() == [1.0, 1.0]

    def test_none_for_a_tensor(self, x, y):
        returning(lambda g: (None, g, None)).apply(x, y, 1).sum().backward()
        assert x.grad is None and y.grad.tolist() == [1.0, 1.0]

    def test_no_backward(self, x):
        class Without(Function):
            @staticmethod
            def forward(ctx, a):
                return a * 1

        with pytest.raises(NotImplementedError, match="You must implement either the backward or vjp method"):
            Without.apply(x).sum().backward()

    def test_vjp_stands_for_backward(self, x):
        class Named(Function):
            @staticmethod
            def forward(ctx, a):
                return a * 1

            @staticmethod
            def vjp(ctx, g):
                return g * 7

        assert grad(Named.apply(x).sum(), x)[0].tolist() == [7.0, 7.0]

    def test_exceptions_pass_through(self, x):
        class Raises(Function):
            @staticmethod
            def forward(ctx, a):
                return a * 1

            @staticmethod
            def backward(ctx, g):
                raise KeyError("here")

        with pytest.raises(KeyError, match="here") as caught:
            Raises.apply(x).sum().backward()
        assert any(entry.name == "backward" and entry.path == __file__ for entry in map(_Frame, caught.traceback))


class _Frame:
    def __init__(self, entry):
        self.name, self.path = entry.name, str(entry.path)


class TestOutputs:
    def test_several_and_others(self, x):
        class Several(Function):
            @staticmethod
            def forward(ctx, a):
                return a * 2, "text", None, a.argmax(), a * 3

            @staticmethod
            def backward(ctx, *grads):
                assert [g if g is None else g.tolist() for g in grads] == [[1.0, 1.0], None, None, 0, [0.0, 0.0]]
                return grads[0]

        first, text, nothing, index, last = Several.apply(x)
        assert (text, nothing) == ("text", None)
        assert first.requires_grad and last.requires_grad and not index.requires_grad
        first.sum().backward()

    def test_grads_are_not_made_where_not_wanted(self, x):
        class Several(Function):
            @staticmethod
            def forward(ctx, a):
                ctx.set_materialize_grads(False)
                return a * 2, a * 3

            @staticmethod
            def backward(ctx, g, h):
                assert h is None
                return g

        Several.apply(x)[0].sum().backward()

    def test_non_differentiable(self, x):
        class Sorted(Function):
            @staticmethod
            def forward(ctx, a):
                signs, out = a * 0, a * 2
                ctx.mark_non_differentiable(signs)
                return signs, out

            @staticmethod
            def backward(ctx, g, h):
                assert g.tolist() == [0.0, 0.0]
                return h * 2

        signs, out = Sorted.apply(x)
        assert not signs.requires_grad and signs.grad_fn is None
        assert grad(out.sum(), x)[0].tolist() == [2.0, 2.0]

    def test_input_handed_through(self, x):
        class Triple(Function):
            @staticmethod
            def forward(ctx, a):
                return a

            @staticmethod
            def backward(ctx, g):
                return g * 3

        out = Triple.apply(x)
        assert out is not x and out._is_view() and out._base is x
        assert grad(out.sum(), x)[0].tolist() == [3.0, 3.0]
        with pytest.raises(RuntimeError, match="This view was created inside a custom Function"):
            out.mul_(2)

    def test_view_of_an_input(self, x):
        class First(Function):
            @staticmethod
            def forward(ctx, a):
                return a[:1]

            @staticmethod
            def backward(ctx, g):
                return tritorch.cat([g * 5, g * 0])

        w = x * 1
        out = First.apply(w)
        assert grad(out.sum(), x)[0].tolist() == [5.0, 0.0]
        with pytest.raises(RuntimeError, match="Output 0 of First is a view and is being modified inplace"):
            First.apply(w).mul_(2)

    def test_lists_are_not_looked_into(self, x):
        class Listed(Function):
            @staticmethod
            def forward(ctx, a):
                return [a * 1]

        assert not Listed.apply(x)[0].requires_grad


class Double(Function):
    @staticmethod
    def forward(ctx, a):
        a.mul_(2)
        ctx.mark_dirty(a)
        return a

    @staticmethod
    def backward(ctx, g):
        return g * 2


class TestDirty:
    def test_history_moves(self, x):
        w = x * 1
        before = w._version
        out = Double.apply(w)
        assert out is w and w._version > before and w.grad_fn.name() == "DoubleBackward"
        assert grad(w.sum(), x)[0].tolist() == [2.0, 2.0]

    def test_view(self, x):
        w = x * 1
        view = w[:1]
        assert Double.apply(view) is view
        assert grad(w.sum(), x)[0].tolist() == [2.0, 1.0]

    def test_leaf(self, x):
        with pytest.raises(RuntimeError, match="a leaf Variable that requires grad has been used in an in-place"):
            Double.apply(x)

    def test_view_of_a_leaf(self, x):
        with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an"):
            Double.apply(x[:1])

    def test_saved_versions_notice(self, x):
        w = x * 1
        y = w * w
        Double.apply(w)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()

    def test_must_be_returned(self, x):
        class Lost(Function):
            @staticmethod
            def forward(ctx, a):
                ctx.mark_dirty(a.mul_(2))
                return a * 1

        with pytest.raises(RuntimeError, match="Some elements marked as dirty during the forward method were not ret"):
            Lost.apply(x * 1)

    def test_must_be_an_input(self, x):
        class Wrong(Function):
            @staticmethod
            def forward(ctx, a):
                b = a * 2
                ctx.mark_dirty(b)
                return b

        with pytest.warns(UserWarning, match="received a tensor that was not an input"):
            Wrong.apply(x)

    def test_view_beside_other_outputs(self, x):
        class Two(Function):
            @staticmethod
            def forward(ctx, a):
                ctx.mark_dirty(a.mul_(2))
                return a, a * 1

            @staticmethod
            def backward(ctx, g, h):
                return g * 2 + h * 2

        a, b = Two.apply(x * 1)
        assert grad(a.sum() + b.sum(), x)[0].tolist() == [4.0, 4.0]
        with pytest.raises(RuntimeError, match="your Function cannot return more than one Tensor"):
            Two.apply((x * 1)[:1])
