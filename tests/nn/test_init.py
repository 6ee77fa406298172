"""First values of parameters: distributions, structure, errors, and that nothing is recorded."""

import math

import pytest

import tritorch
from tritorch import nn
from tritorch.nn import init

N = 200


def empty(*shape):
    return tritorch.empty(*(shape or (N, N)))


@pytest.mark.parametrize(
    ("fill", "mean", "std"),
    [
        (lambda t: init.uniform_(t, -1, 3), 1, 4 / math.sqrt(12)),
        (lambda t: init.normal_(t, 2, 3), 2, 3),
        (lambda t: init.xavier_uniform_(t, gain=2), 0, 2 * math.sqrt(2 / (2 * N))),
        (lambda t: init.xavier_normal_(t), 0, math.sqrt(1 / N)),
        (lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)), 0, math.sqrt(1 / 3 / N)),
        (lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"), 0, math.sqrt(2 / N)),
        (lambda t: init.trunc_normal_(t, std=1.0), 0, 0.8796),
        (lambda t: init.trunc_normal_(t, mean=0.0, std=1.0, a=1.0, b=2.0), 1.3831, 0.2666),
    ],
)
def test_distributions(fill, mean, std):
    tensor = empty()
    assert fill(tensor) is tensor
    error = std / N
    assert abs(tensor.mean().item() - mean) < 5 * error + 1e-3
    assert abs(tensor.std().item() / std - 1) < 0.03


def test_truncation_holds():
    tensor = init.trunc_normal_(empty(), std=2.0, a=-1.0, b=0.5)
    assert tensor.min().item() >= -1 and tensor.max().item() <= 0.5
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        init.trunc_normal_(empty(3), mean=-5.0, a=0.0, b=1.0)


def test_structure():
    assert tritorch.equal(init.eye_(empty(2, 3)), tritorch.tensor([[1.0, 0, 0], [0, 1, 0]]))
    assert init.constant_(empty(2), 3).tolist() == [3, 3]
    assert init.ones_(empty(2)).tolist() == [1, 1] and init.zeros_(empty(2)).tolist() == [0, 0]
    sparse = init.sparse_(empty(), 0.25)
    assert ((sparse == 0).sum(0) == N // 4).all()


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (3, 2, 2)])
def test_orthogonal(shape):
    flat = init.orthogonal_(empty(*shape), gain=2).reshape(shape[0], -1)
    product = flat @ flat.t() if flat.shape[0] <= flat.shape[1] else flat.t() @ flat
    assert tritorch.allclose(product, 4 * tritorch.eye(len(product)), atol=1e-5)


@pytest.mark.parametrize(("dims", "groups"), [(1, 1), (2, 1), (3, 1), (1, 2)])
def test_dirac_hands_channels_through(dims, groups):
    x = tritorch.randn(2, 4, *(5,) * dims)
    conv = [nn.Conv1d, nn.Conv2d, nn.Conv3d][dims - 1](4, 4, 3, padding=1, groups=groups, bias=False)
    init.dirac_(conv.weight, groups)
    assert tritorch.allclose(conv(x), x)


def test_gains():
    assert init.calculate_gain("linear") == init.calculate_gain("conv2d") == init.calculate_gain("sigmoid") == 1
    assert init.calculate_gain("leaky_relu", 1) == 1 and init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2)) and init.calculate_gain("selu") == 0.75
    assert init._calculate_fan_in_and_fan_out(empty(2, 3, 5, 7)) == (105, 70)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: init.calculate_gain("gelu"), "Unsupported nonlinearity gelu"),
        (lambda: init.calculate_gain("leaky_relu", True), "negative_slope True not a valid number"),
        (lambda: init.eye_(empty(2)), "Only tensors with 2 dimensions"),
        (lambda: init.sparse_(empty(2), 0.1), "Only tensors with 2 dimensions"),
        (lambda: init.dirac_(empty(2, 2)), "Only tensors with 3, 4, or 5 dimensions"),
        (lambda: init.dirac_(empty(3, 1, 1), 2), "dim 0 must be divisible by groups"),
        (lambda: init.orthogonal_(empty(2)), "2 or more dimensions"),
        (lambda: init.xavier_uniform_(empty(2)), "fewer than 2 dimensions"),
        (lambda: init.kaiming_normal_(empty(2, 2), mode="fan"), "Mode fan not supported"),
    ],
)
def test_errors(act, text):
    with pytest.raises(ValueError, match=text):
        act()


def test_nothing_is_recorded():
    parameter = nn.Parameter(empty(3, 3))
    for fill in (init.normal_, init.eye_, init.orthogonal_, init.kaiming_uniform_, init.zeros_, init.trunc_normal_):
        fill(parameter)
        assert parameter.is_leaf and parameter.requires_grad and parameter.grad_fn is None


def test_empty_and_deprecated():
    with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
        init.kaiming_uniform_(empty(0, 2))
    with pytest.warns(FutureWarning, match="`nn.init.constant` is now deprecated in favor of `nn.init.constant_`"):
        assert init.constant(empty(1), 2).item() == 2


def test_generators():
    first, second = (init.normal_(empty(4), generator=tritorch.Generator().manual_seed(5)) for _ in range(2))
    assert tritorch.equal(first, second)
