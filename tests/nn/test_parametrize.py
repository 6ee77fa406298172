"""Parametrizations: by hand, stacked, of several originals, removed, and the ready-made ones."""

import copy
import pickle

import pytest

import tritorch
from tritorch import nn
from tritorch.nn.utils import parametrizations, parametrize


def close(a, b):
    return tritorch.allclose(a, b, atol=1e-5)


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT

    def right_inverse(self, y):
        return y.triu()


class Exponential(nn.Module):
    def forward(self, x):
        return x.exp()

    def right_inverse(self, y):
        return y.log()


class Sum(nn.Module):
    def forward(self, a, b):
        return a + b

    def right_inverse(self, y):
        return y / 2, y / 2


def test_one():
    layer = nn.Linear(3, 3)
    weight = layer.weight
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    assert close(layer.weight, layer.weight.mT) and type(layer).__name__ == "ParametrizedLinear"
    assert layer.parametrizations.weight.original is weight and isinstance(layer, nn.Linear)
    assert parametrize.is_parametrized(layer) and parametrize.is_parametrized(layer, "weight")
    assert (
        not parametrize.is_parametrized(layer, "bias") and parametrize.type_before_parametrizations(layer) is nn.Linear
    )
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    layer(tritorch.ones(1, 3)).sum().backward()
    assert weight.grad is not None
    given = tritorch.ones(3, 3)
    layer.weight = given
    assert close(layer.weight, given)


def test_stacked_and_removed():
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "weight", Exponential())
    assert (layer.weight > 0).all() and len(layer.parametrizations.weight) == 2
    layer.weight = tritorch.full((3, 3), 2.0)
    assert close(layer.weight, tritorch.full((3, 3), 2.0))
    value = layer.weight.detach().clone()
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and isinstance(layer.weight, nn.Parameter) and close(layer.weight, value)
    assert list(layer.state_dict()) == ["bias", "weight"]


def test_several_originals():
    layer = nn.Linear(2, 2)
    weight = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Sum())
    assert close(layer.weight, weight) and {n for n, _ in layer.named_parameters()} == {
        "bias", "parametrizations.weight.original0", "parametrizations.weight.original1"
    }  # fmt: skip
    layer.weight = 2 * weight
    assert close(layer.parametrizations.weight.original1, weight)
    with pytest.raises(ValueError, match="Cannot leave unparametrized"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert close(layer.weight, 2 * weight) and isinstance(layer.weight, nn.Parameter)


def test_original_left():
    layer = nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    original = layer.parametrizations.weight.original.detach().clone()
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert close(layer.weight, original)


def test_cached():
    layer, calls = nn.Linear(2, 2), []
    parametrize.register_parametrization(layer, "weight", Symmetric())
    layer.parametrizations.weight[0].register_forward_hook(lambda *_: calls.append(1))
    with parametrize.cached():
        assert layer.weight is layer.weight and len(calls) == 1
    assert layer.weight is not layer.weight and len(calls) == 3


def test_copies_and_transfer():
    layer, other = nn.Linear(2, 2), nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    copied = copy.deepcopy(layer)
    assert close(copied.weight, layer.weight) and parametrize.is_parametrized(copied)
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)
    parametrize.transfer_parametrizations_and_params(layer, other)
    assert close(other.weight, layer.weight)


def test_errors():
    layer = nn.Linear(2, 3)

    class Flat(nn.Module):
        def forward(self, x):
            return x.flatten()

    for act, text in [
        (lambda: parametrize.register_parametrization(layer, "absent", Symmetric()), "does not have a parameter"),
        (lambda: parametrize.register_parametrization(layer, "weight", Flat()), "may not change the shape"),
        (lambda: parametrize.remove_parametrizations(layer, "weight"), "does not have a parametrization on weight"),
        (lambda: parametrize.ParametrizationList([], layer.weight), "requires one or more modules"),
    ]:
        with pytest.raises(ValueError, match=text):
            act()
    parametrize.register_parametrization(layer, "weight", Flat(), unsafe=True)
    assert layer.weight.shape == (6,)
    with pytest.raises(RuntimeError, match="Flat does not implement right_inverse"):
        layer.weight = tritorch.ones(6)


def test_weight_norm():
    layer, x = nn.Conv1d(2, 3, 2), tritorch.randn(1, 2, 5)
    expected = layer(x)
    assert parametrizations.weight_norm(layer) is layer and close(layer(x), expected)
    assert layer.parametrizations.weight.original0.shape == (3, 1, 1)
    old = {"bias": layer.bias, "weight_g": tritorch.ones(3, 1, 1), "weight_v": tritorch.ones(3, 2, 2)}
    layer.load_state_dict(old)
    assert close(layer.weight, tritorch.full((3, 2, 2), 0.5))


def test_spectral_norm():
    layer = parametrizations.spectral_norm(nn.Linear(4, 3), n_power_iterations=30)
    assert abs(tritorch.linalg.matrix_norm(layer.weight, 2).item() - 1) < 1e-3
    before = layer.parametrizations.weight[0]._u.clone()
    layer.eval().weight
    assert tritorch.equal(layer.parametrizations.weight[0]._u, before)
    layer.train()(tritorch.ones(1, 4)).sum().backward()
    vector = parametrizations.spectral_norm(nn.LayerNorm(3))
    assert close(vector.weight.norm(), tritorch.tensor(1.0))
    with pytest.raises(IndexError, match="Dimension out of range"):
        parametrizations.spectral_norm(nn.Linear(2, 2), dim=2)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5)])
@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
def test_orthogonal(shape, orthogonal_map):
    layer = nn.Linear(*shape, bias=False)
    parametrizations.orthogonal(layer, orthogonal_map=orthogonal_map)

    def is_orthogonal(q):
        product = q @ q.t() if q.shape[0] <= q.shape[1] else q.t() @ q
        return tritorch.allclose(product, tritorch.eye(len(product)), atol=1e-4)

    assert is_orthogonal(layer.weight)
    layer(tritorch.randn(2, shape[0])).sum().backward()
    with tritorch.no_grad():
        original = layer.parametrizations.weight.original
        original.sub_(original.grad)
    assert is_orthogonal(layer.weight)
    goal = nn.init.orthogonal_(tritorch.empty(shape[1], shape[0]))
    layer.weight = goal
    assert close(layer.weight, goal)


def test_orthogonal_errors():
    with pytest.raises(ValueError, match="orthogonal_map has to be one of"):
        parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="other")
    with pytest.raises(ValueError, match="Expected a matrix or batch of matrices"):
        parametrizations.orthogonal(nn.Linear(2, 2), "bias")
    with pytest.raises(ValueError, match="has no parameter or buffer with name 'x'"):
        parametrizations.orthogonal(nn.Linear(2, 2), "x")
