"""``vmap`` against operators that take the batch themselves."""

from functools import partial

import pytest

import tritorch
from tritorch import func


@pytest.fixture
def a():
    return tritorch.randn(4, 3, dtype=tritorch.float64)


def test_dimensions(a):
    assert func.vmap(tritorch.dot)(a, a).allclose((a * a).sum(1))
    assert func.vmap(tritorch.dot, (0, 1))(a, a.T).allclose((a * a).sum(1))
    assert func.vmap(tritorch.mul, (0, None), 1)(a, a[0]).equal((a * a[0]).T)
    assert func.vmap(lambda x: 2 * x, -1, -1)(a).equal(2 * a)
    assert tritorch.vmap is func.vmap


def test_trees(a):
    got = func.vmap(lambda t, b: {"sum": t["a"] + b, "too": (b,)}, in_dims=({"a": 0}, 0))({"a": a}, a)
    assert got["sum"].equal(2 * a) and got["too"][0].equal(a)
    whole, total = func.vmap(lambda x: (x, x.sum()), out_dims=(1, 0))(a)
    assert whole.equal(a.T) and total.allclose(a.sum(1))
    assert func.vmap(lambda x, name: (x, name), (0, None), (0, None))(a, "n")[1] == "n"


def test_branches_on_values_work(a):
    assert func.vmap(lambda x: x if x.sum() > 0 else -x)(a).allclose(a * a.sum(1, keepdim=True).sign())


def test_within_each_other(a):
    table = func.vmap(func.vmap(tritorch.dot, (None, 0)), (0, None))(a, a)
    assert table.allclose(a @ a.T)


def test_gradients_of_each_sample(a):
    w = tritorch.randn(3, dtype=tritorch.float64)
    assert func.vmap(func.grad(lambda w, x: (w @ x).sin()), (None, 0))(w, a).allclose((a @ w).cos()[:, None] * a)
    assert func.grad(lambda x: func.vmap(lambda r: r.sin().sum())(x).sum())(a).allclose(a.cos())


def test_random_numbers(a):
    def noise(x):
        return tritorch.rand(3, dtype=tritorch.float64) + 0 * x

    with pytest.raises(RuntimeError, match="called random operation while in randomness error mode"):
        func.vmap(noise)(a)
    same, different = (func.vmap(noise, randomness=r)(a) for r in ("same", "different"))
    assert (same == same[0]).all() and (different != different[0]).any(1)[1:].all()


@pytest.mark.parametrize(
    ("make", "args", "text"),
    [
        (partial(func.vmap, tritorch.dot), ((4, 3), (3, 4)), r"same size in the mapped dimension, got sizes \[4, 3\]"),
        (partial(func.vmap, tritorch.dot, (0,)), ((4, 3), (4, 3)), "in_dims is not compatible with the structure"),
        (partial(func.vmap, tritorch.dot, 5), ((4, 3), (4, 3)), "Got in_dim=5 for some input"),
        (partial(func.vmap, tritorch.dot, "0"), ((4, 3), (4, 3)), "expected `in_dims` to be int or a"),
        (partial(func.vmap, tritorch.sin, ("0",)), ((4, 3),), "must be either an integer dimension or None"),
        (partial(func.vmap, tritorch.sin, (None,)), ((4, 3),), "Expected at least one Tensor to vmap over"),
        (partial(func.vmap, tritorch.sin), (), "got no inputs"),
        (partial(func.vmap, lambda x: 3), ((4, 3),), "must only return Tensors, got type <class 'int'>"),
        (partial(func.vmap, tritorch.sin, out_dims="0"), ((4, 3),), "`out_dims` must be an int, None"),
        (partial(func.vmap, lambda x: (x, x), out_dims=(0,) * 3), ((4, 3),), "out_dims is not compatible"),
        (partial(func.vmap, tritorch.sin, chunk_size=0), ((4, 3),), "chunk_size should be None or greater than 0"),
    ],
)
def test_errors(make, args, text):
    with pytest.raises(ValueError, match=text):
        make()(*[tritorch.ones(*shape) for shape in args])


def test_other_errors(a):
    with pytest.raises(ValueError, match="cannot vmap over non-Tensor arguments"):
        func.vmap(tritorch.add)(a, 1)
    with pytest.raises(RuntimeError, match="Only allowed values for randomness"):
        func.vmap(tritorch.sin, randomness="some")
    with pytest.raises(RuntimeError, match="dimension of size 0"):
        func.vmap(tritorch.sin)(a[:0])


class TestModules:
    def test_an_ensemble(self):
        models = [tritorch.nn.Linear(3, 2) for _ in range(3)]
        parameters, buffers = func.stack_module_state(models)
        assert parameters["weight"].shape == (3, 2, 3) and parameters["weight"].is_leaf and not buffers
        x = tritorch.randn(5, 3)
        got = func.vmap(lambda p, x: func.functional_call(models[0], (p, {}), (x,)), (0, None))(parameters, x)
        assert got.allclose(tritorch.stack([model(x) for model in models]))
        got.sum().backward()
        assert parameters["bias"].grad.equal(tritorch.full((3, 2), 5.0)) and models[0].bias.grad is None

    def test_errors(self):
        layer = tritorch.nn.Linear(1, 1)
        one = {"weight": tritorch.ones(1, 1)}
        with pytest.raises(ValueError, match="appeared in multiple dictionaries"):
            func.functional_call(layer, (one, one), tritorch.ones(1))
        with pytest.raises(ValueError, match="to be a dict, or a list/tuple of dicts"):
            func.functional_call(layer, 3, tritorch.ones(1))
        with pytest.raises(ValueError, match="all elements of parameter_and_buffer_dicts"):
            func.functional_call(layer, (3,), tritorch.ones(1))
        with pytest.raises(RuntimeError, match="at least one model"):
            func.stack_module_state([])
        with pytest.raises(RuntimeError, match="same class"):
            func.stack_module_state([layer, tritorch.nn.ReLU()])
        with pytest.raises(RuntimeError, match="same training/eval mode"):
            func.stack_module_state([layer, tritorch.nn.Linear(1, 1).eval()])

    def test_batch_norm_without_running_statistics(self):
        model = func.replace_all_batch_norm_modules_(tritorch.nn.Sequential(tritorch.nn.BatchNorm1d(2)))
        assert model[0].running_mean is None and not model[0].track_running_stats
        assert not model.eval()(tritorch.randn(4, 2)).mean(0).abs().gt(1e-6).any()
