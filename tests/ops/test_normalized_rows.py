"""Softmax and layer norm: rows of every width and place, what is not finite, and derivatives of two orders."""

import numpy as np
import pytest

import tritorch
from tritorch.autograd import gradcheck
from tritorch.nn import functional as F
from tritorch.ops._op import Op


def by_hand(a, dim):
    e = np.exp(a - a.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


@pytest.mark.parametrize("width", [1, 2, 15, 16, 17, 33, 5000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_of_every_width(width, dtype):
    a = np.random.default_rng(width).standard_normal((3, width)).astype(dtype) * 5
    for x, dim in ((tritorch.tensor(a), 1), (tritorch.tensor(a.T.copy()), 0), (tritorch.tensor(a.T.copy()).t(), -1)):
        want = by_hand(x.numpy().astype(np.float64), dim)
        np.testing.assert_allclose(F.softmax(x, dim).numpy(), want, rtol=5e-6, atol=1e-30)
        np.testing.assert_allclose(F.log_softmax(x, dim).numpy(), np.log(want), rtol=3e-6, atol=1e-6)


def test_softmax_of_what_is_not_finite():
    nan, inf = float("nan"), float("inf")
    rows = tritorch.tensor([[0.0, -inf, 0.0], [nan, 0, 0], [inf, 0, 0], [-inf, -inf, -inf], [1e30, -1e30, 1e30]])
    assert F.softmax(rows, 1)[0].tolist() == F.softmax(rows, 1)[4].tolist() == [0.5, 0, 0.5]
    assert F.softmax(rows, 1).isnan().all(1).tolist() == [False, True, True, True, False]
    assert F.log_softmax(rows, 1)[0, 1] == -inf
    assert F.softmax(tritorch.tensor(3.0).half(), 0) == 1 and F.softmax(tritorch.empty(0, 3), 1).shape == (0, 3)


@pytest.mark.parametrize("width", [1, 3, 16, 37, 4100])
@pytest.mark.parametrize("affine", [False, True])
def test_layer_norm_of_every_width(width, affine):
    rng = np.random.default_rng(width)
    a, w, b = (rng.standard_normal(s) for s in ((40, width), width, width))
    weight, bias = (tritorch.tensor(x) if affine else None for x in (w, b))
    want = (a - a.mean(1, keepdims=True)) / np.sqrt(a.var(1, keepdims=True) + 1e-5)
    want = want * w + b if affine else want
    np.testing.assert_allclose(F.layer_norm(tritorch.tensor(a), (width,), weight, bias).numpy(), want, atol=1e-12)
    small = [None if x is None else x.float() for x in (weight, bias)]
    np.testing.assert_allclose(
        F.layer_norm(tritorch.tensor(a + 1000).float(), (width,), *small).numpy(), want, atol=2e-3
    )


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_derivatives_of_two_orders(dim):
    x = tritorch.tensor(np.random.default_rng(5).standard_normal((2, 3, 4)), requires_grad=True)
    towards = tritorch.tensor(np.random.default_rng(6).standard_normal((2, 3, 4)))
    for function in (F.softmax, F.log_softmax):

        def slope(a, function=function):
            return tritorch.autograd.grad((function(a, dim) * towards).sum(), a, create_graph=True)[0]

        assert gradcheck(lambda a, function=function: function(a, dim), (x,))
        assert gradcheck(slope, (x,))


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_derivatives_of_layer_norm(shape):
    rng = np.random.default_rng(7)
    x, w, b = (tritorch.tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 3, 4), shape, shape))
    assert gradcheck(lambda a, c, d: F.layer_norm(a, shape, c, d), (x, w, b))
    assert gradcheck(lambda a: F.layer_norm(a, shape), (x,))
    assert gradcheck(lambda a, d: F.layer_norm(a, shape, None, d), (x, b))

    def slopes(a, c):
        out = F.layer_norm(a, shape, c)
        return tritorch.autograd.grad((out * out * out).sum(), (a, c), create_graph=True)

    assert gradcheck(slopes, (x, w))
    plain = tritorch.autograd.grad(F.layer_norm(x, shape, w, b).pow(3).sum(), (x, w, b))
    recorded = tritorch.autograd.grad(F.layer_norm(x, shape, w, b).pow(3).sum(), (x, w, b), create_graph=True)
    for one, other in zip(plain, recorded, strict=True):
        assert tritorch.allclose(one, other)


def test_large_tables_on_several_threads():
    x = tritorch.tensor(np.random.default_rng(8).standard_normal((700, 600)).astype(np.float32), requires_grad=True)
    w = tritorch.ones(600, requires_grad=True)
    F.layer_norm(x, (600,), w, None).square().sum().backward()
    unit = (x - x.mean(1, True)) / x.var(1, unbiased=False, keepdim=True).add(1e-5).sqrt()
    assert tritorch.allclose(w.grad, (2 * unit * unit).sum(0), rtol=1e-4)
    assert tritorch.allclose(F.softmax(x, 1).sum(1), tritorch.ones(700))


def test_a_derivative_cannot_ask_for_an_argument_named_as_an_output():
    with pytest.raises(TypeError, match="asks for 'out', an argument and an output"):

        class twice_named(Op, function=False, method=False):
            """An operator whose argument has its output's name."""

            def cpu(out):
                return out

            def d_out(grad, out):
                return grad * out
