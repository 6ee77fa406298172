"""Derivatives as functions, against closed forms and each other."""

import pytest

import tritorch
from tritorch import func

X, Y = (tritorch.tensor(v, dtype=tritorch.float64) for v in ([0.5, -1.0, 2.0], [1.5, 0.25, -0.75]))


def value(x, y):
    return (x.sin() * y * y).sum()


def same(got, expected):
    return tritorch.allclose(got, expected, rtol=1e-12, atol=1e-12)


class TestGrad:
    def test_one_and_several_arguments(self):
        assert same(func.grad(value)(X, Y), X.cos() * Y * Y)
        assert same(func.grad(value, -1)(X, Y), 2 * X.sin() * Y)
        by_y, by_x = func.grad(value, (1, 0))(X, Y)
        assert same(by_x, X.cos() * Y * Y) and same(by_y, 2 * X.sin() * Y)

    def test_trees(self):
        got = func.grad(lambda t: (t["a"] * t["b"][0]).sum())({"a": X, "b": [Y]})
        assert same(got["a"], Y) and same(got["b"][0], X)

    def test_levels(self):
        third = func.grad(lambda x: func.grad(lambda y: func.grad(lambda z: (z**4).sum())(y).sum())(x).sum())
        assert same(third(X), 24 * X) and not third(X).requires_grad

    def test_an_inner_level_sees_the_outer_argument(self):
        outer = func.grad(lambda x: func.grad(lambda y: (x * y * y).sum())(Y).sum())
        assert same(outer(X), 2 * Y)

    def test_auxiliary_results_hold_no_graph(self):
        gradient, aux = func.grad(lambda x: ((x * x).sum(), {"twice": 2 * x, "name": "n"}), has_aux=True)(X)
        assert same(gradient, 2 * X) and same(aux["twice"], 2 * X) and aux["name"] == "n"
        assert not aux["twice"].requires_grad
        gradient, (total, aux) = func.grad_and_value(lambda x: (x.sum(), x), has_aux=True)(X)
        assert same(total, X.sum()) and same(aux, X) and not aux.requires_grad and gradient.sum() == 3

    @pytest.mark.parametrize("where", ["closure", "argument"])
    def test_results_can_be_differentiated_where_something_outside_requires_it(self, where):
        w = Y.clone().requires_grad_()
        gradient = func.grad(lambda x: (w * x * x).sum())(X) if where == "closure" else func.grad(value, 1)(X, w)
        gradient.sum().backward()
        assert same(w.grad, 2 * X if where == "closure" else 2 * X.sin())

    def test_only_what_depends_on_the_outside_can(self):
        w = Y.clone().requires_grad_()
        a, b = func.grad(lambda a, b: (a * w).sum() + (b * b).sum(), (0, 1))(X, Y)
        assert a.requires_grad and not b.requires_grad
        with tritorch.no_grad():
            assert not func.grad(lambda x: (w * x).sum())(w).requires_grad

    def test_what_the_function_holds_is_constant(self):
        w = X.clone().requires_grad_()
        assert same(func.grad(lambda x: (x * w).sum())(w), X)
        assert w.grad is None

    def test_no_dependence(self):
        assert same(func.grad(lambda x: tritorch.tensor(1.0))(X), 0 * X)

    @pytest.mark.parametrize(
        ("function", "argnums", "args", "text"),
        [
            (lambda x: x, 0, (X,), "to return a scalar Tensor, got tensor with 1 dims"),
            (lambda x: 3, 0, (X,), "to return a Tensor, got <class 'int'>"),
            (value, 2, (X, Y), "Got argnum=2, but only 2 positional inputs"),
            (value, (0, -2), (X, Y), r"argnums elements must be unique, got \(0, 0\)"),
            (value, (), (X, Y), "argnums must be non-empty"),
            (value, "x", (X, Y), "argnums must be int or Tuple"),
            (value, ("x",), (X, Y), "argnum must be int"),
        ],
    )
    def test_errors(self, function, argnums, args, text):
        with pytest.raises(RuntimeError, match=text):
            func.grad(function, argnums)(*args)

    def test_errors_of_arguments(self):
        with pytest.raises(ValueError, match="Thing passed to transform API must be Tensor"):
            func.grad(value)(3.0, Y)
        with pytest.raises(RuntimeError, match="only Tensors of floating point"):
            func.grad(value)(tritorch.tensor([1, 2, 3]), Y)
        with pytest.raises(RuntimeError, match=r"should be a tuple: \(output, aux\)"):
            func.grad(value, has_aux=True)(X, Y)


class TestProducts:
    def test_vjp(self):
        (product, total), pull = func.vjp(lambda x, y: (x * y, x.sum()), X, Y)
        assert same(product, X * Y) and not product.requires_grad and same(total, X.sum())
        for factor in (1.0, 2.0):
            by_x, by_y = pull((X, tritorch.tensor(factor, dtype=X.dtype)))
            assert same(by_x, X * Y + factor) and same(by_y, X * X)
        with pytest.raises(RuntimeError, match="pytree structure of cotangents"):
            pull(X)

    def test_the_vector_of_vjp_can_be_differentiated(self):
        v = Y.clone().requires_grad_()
        func.vjp(tritorch.exp, X)[1](v)[0].sum().backward()
        assert same(v.grad, X.exp())

    def test_jvp(self):
        (product, tree), (tangent, tree_tangent) = func.jvp(lambda x, y: (x * y, {"sin": x.sin()}), (X, Y), (Y, X))
        assert same(product, X * Y) and same(tangent, X * X + Y * Y)
        assert same(tree["sin"], X.sin()) and same(tree_tangent["sin"], X.cos() * Y)

    def test_jvp_without_dependence(self):
        assert same(func.jvp(lambda x: tritorch.ones(2), (X,), (Y,))[1], tritorch.zeros(2))
        with pytest.raises(RuntimeError, match="independent of the inputs"):
            func.jvp(lambda x: tritorch.ones(2), (X,), (Y,), strict=True)

    def test_gradient_of_jvp(self):
        got = func.grad(lambda x: func.jvp(tritorch.sin, (x,), (Y,))[1].sum())(X)
        assert same(got, -X.sin() * Y)

    def test_linearize_calls_the_function_once(self):
        calls = []

        def counted(x):
            calls.append(x)
            return x.sin()

        value, push = func.linearize(counted, X)
        assert same(value, X.sin()) and same(push(Y), X.cos() * Y) and same(push(X), X.cos() * X) and len(calls) == 1
        with pytest.raises(RuntimeError, match="tangent:0 with shape"):
            push(Y[:1])
        with pytest.raises(RuntimeError, match="same argspec"):
            push(Y, Y)

    def test_errors(self):
        with pytest.raises(RuntimeError, match="Expected primals to be a tuple"):
            func.jvp(tritorch.sin, X, Y)
        with pytest.raises(RuntimeError, match="same python structure"):
            func.jvp(tritorch.sin, (X,), (Y, Y))
        with pytest.raises(RuntimeError, match="tangents to only contain Tensors"):
            func.jvp(tritorch.sin, (X,), (1.0,))
        with pytest.raises(RuntimeError, match="must be floating-point or complex"):
            func.vjp(lambda x: x > 0, X)
        with pytest.raises(RuntimeError, match="to return only tensors"):
            func.vjp(lambda x: (x, 1), X)


@pytest.mark.parametrize("jacobian", [func.jacrev, func.jacfwd])
class TestJacobians:
    def test_values(self, jacobian):
        matrix = tritorch.stack([X, Y])
        got = jacobian(lambda x: (matrix @ x).sin())(X)
        assert same(got, (matrix @ X).cos()[:, None] * matrix)

    def test_trees(self, jacobian):
        got = jacobian(lambda x, y: (x * y, {"sum": x.sum()}), (0, 1))(X, Y)
        assert same(got[0][0], tritorch.diag(Y)) and same(got[0][1], tritorch.diag(X))
        assert same(got[1]["sum"][0], tritorch.ones_like(X)) and same(got[1]["sum"][1], tritorch.zeros_like(X))

    def test_auxiliary_and_empty(self, jacobian):
        got, aux = jacobian(lambda x: (x * x, x), has_aux=True)(X)
        assert same(got, tritorch.diag(2 * X)) and same(aux, X) and not aux.requires_grad
        assert jacobian(lambda x: x[:0])(X).shape == (0, 3) and jacobian(lambda x: x.sum())(X[:0]).shape == (0,)

    def test_no_complex(self, jacobian):
        with pytest.raises(RuntimeError, match="Expected all inputs to be real"):
            jacobian(lambda z: z)(tritorch.complex(X, Y))
        with pytest.raises(RuntimeError, match="Expected all outputs to be real"):
            jacobian(lambda x: tritorch.complex(x, x))(X)

    def test_of_each_other(self, jacobian):
        def cubes(x):
            return (x**3).sum()

        assert same(jacobian(func.jacrev(cubes))(X), tritorch.diag(6 * X))
        assert same(func.jacrev(jacobian(cubes))(X), tritorch.diag(6 * X))


def test_hessian():
    (xx, xy), (yx, yy) = func.hessian(value, (0, 1))(X, Y)
    assert same(xx, tritorch.diag(-X.sin() * Y * Y)) and same(yy, tritorch.diag(2 * X.sin()))
    assert same(xy, tritorch.diag(2 * X.cos() * Y)) and same(yx, xy)
