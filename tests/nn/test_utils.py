"""nn.utils: gradient limits, vectors, fusion, weight and spectral norms, stateless calls."""

import copy

import pytest

import tritorch
from tritorch import nn
from tritorch.func import functional_call
from tritorch.nn import utils


def with_grad(*values):
    parameter = nn.Parameter(tritorch.zeros(len(values)))
    parameter.grad = tritorch.tensor(values)
    return parameter


def close(a, b):
    return tritorch.allclose(a, b, atol=1e-5)


def test_clip_grad_norm():
    parameters = [with_grad(3.0), with_grad(4.0), nn.Parameter(tritorch.ones(1))]
    assert utils.clip_grad_norm_(parameters, 10).item() == 5 and parameters[0].grad.item() == 3
    assert utils.clip_grad_norm_(iter(parameters), 1).item() == 5
    assert abs(parameters[0].grad.item() - 0.6) < 1e-6 and abs(parameters[1].grad.item() - 0.8) < 1e-6
    assert utils.clip_grad_norm_([with_grad(1.0, -7.0)], 1, norm_type=float("inf")).item() == 7
    assert utils.clip_grad_norm_([with_grad(1.0, -7.0)], 1, norm_type=1).item() == 8
    assert utils.clip_grad_norm_([], 1).item() == 0
    single = with_grad(float("nan"))
    assert utils.clip_grad_norm_(single, 1).isnan()
    with pytest.raises(RuntimeError, match=r"The total norm of order 2\.0 for gradients"):
        utils.clip_grad_norm_(single, 1, error_if_nonfinite=True)
    with pytest.warns(UserWarning, match="empty generator"):
        utils.clip_grad_norm_((p for p in ()), 1)
    assert utils.get_total_norm([tritorch.tensor([3.0]), tritorch.tensor([4.0])]).item() == 5


def test_clip_grad_value():
    parameter = with_grad(-3.0, 0.5, 9.0)
    utils.clip_grad_value_(parameter, 1)
    assert parameter.grad.tolist() == [-1, 0.5, 1]


def test_vectors():
    net = nn.Linear(2, 2)
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (6,) and vector.requires_grad
    utils.vector_to_parameters(tritorch.arange(6.0), net.parameters())
    assert net.weight.tolist() == [[0, 1], [2, 3]] and net.bias.tolist() == [4, 5]
    with pytest.raises(TypeError, match=r"expected .*Tensor, but got: "):
        utils.vector_to_parameters([], net.parameters())


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("affine", [False, True])
def test_fusion_of_convolution_and_norm(transpose, affine):
    conv = (nn.ConvTranspose2d if transpose else nn.Conv2d)(2, 3, 2, bias=affine)
    bn = nn.BatchNorm2d(3, affine=affine)
    x = tritorch.randn(4, 2, 5, 5)
    bn(conv(x))
    conv.eval(), bn.eval()
    fused = utils.fuse_conv_bn_eval(conv, bn, transpose)
    assert close(fused(x), bn(conv(x))) and fused is not conv
    with pytest.raises(AssertionError, match="Fusion only for eval!"):
        utils.fuse_conv_bn_eval(conv.train(), bn)


def test_fusion_of_linear_and_norm():
    linear, bn, x = nn.Linear(2, 3), nn.BatchNorm1d(3), tritorch.randn(4, 2)
    bn(linear(x))
    linear.eval(), bn.eval()
    assert close(utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)))
    with pytest.raises(AssertionError, match=r"To fuse, linear\.out_features == bn\.num_features"):
        utils.fuse_linear_bn_eval(linear, nn.BatchNorm1d(4).eval())


def test_skip_init():
    layer = utils.skip_init(nn.Linear, 3, 2)
    assert layer.weight.shape == (2, 3) and layer.weight.device.type == "cpu"
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        utils.skip_init(nn.ReLU)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(dim):
    layer, x = nn.Linear(3, 2), tritorch.randn(4, 3)
    expected = layer(x)
    assert utils.weight_norm(layer, dim=dim) is layer
    assert close(layer(x), expected) and set(layer.state_dict()) == {"bias", "weight_g", "weight_v"}
    with tritorch.no_grad():
        layer.weight_g.mul_(2)
    assert close(layer(x) - layer.bias, 2 * (expected - layer.bias))
    layer(x).sum().backward()
    assert layer.weight_g.grad.shape == layer.weight_g.shape and layer.weight_v.grad is not None
    with pytest.raises(RuntimeError, match="Cannot register two weight_norm hooks"):
        utils.weight_norm(layer)
    utils.remove_weight_norm(layer)
    assert isinstance(layer.weight, nn.Parameter) and close(layer(x) - layer.bias, 2 * (expected - layer.bias))
    with pytest.raises(ValueError, match="weight_norm of 'weight' not found"):
        utils.remove_weight_norm(layer)


def largest(matrix):
    return tritorch.linalg.matrix_norm(matrix, 2)


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 3), lambda: nn.ConvTranspose2d(2, 3, 2)])
def test_spectral_norm(make):
    layer = utils.spectral_norm(make(), n_power_iterations=50)
    x = tritorch.randn(5, 4) if isinstance(layer, nn.Linear) else tritorch.randn(1, 2, 3, 3)
    layer(x)
    matrix = layer.weight if isinstance(layer, nn.Linear) else layer.weight.transpose(0, 1).reshape(3, -1)
    assert abs(largest(matrix).item() - 1) < 1e-3
    state = layer.state_dict()
    assert {"weight_orig", "weight_u", "weight_v"} <= set(state) and "weight" not in state
    other = utils.spectral_norm(make())
    other.load_state_dict(copy.deepcopy(state))
    assert close(other.eval()(x), layer.eval()(x))
    (layer(x) + layer(x)).sum().backward()
    assert layer.weight_orig.grad is not None
    utils.remove_spectral_norm(layer)
    assert isinstance(layer.weight, nn.Parameter) and not layer._state_dict_hooks and close(layer(x), other(x))
    with pytest.raises(ValueError, match="spectral_norm of 'weight' not found"):
        utils.remove_spectral_norm(layer)


def testfunctional_call():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    own = net[0].weight
    weight = tritorch.zeros(2, 2, requires_grad=True)
    output = functional_call(net, {"0.weight": weight}, tritorch.randn(4, 2))
    output.pow(2).sum().backward()
    assert weight.grad is not None and own.grad is None and net[0].weight is own
    with pytest.raises(ZeroDivisionError):
        net.register_forward_pre_hook(lambda module, args: 1 / 0)
        functional_call(net, {"0.weight": weight}, tritorch.randn(4, 2))
    assert net[0].weight is own
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\): 'x'"):
        functional_call(net, {"x": weight}, strict=True)
    with pytest.raises(AttributeError):
        functional_call(net, {"0.x": weight})


def test_functional_call_of_tied_weights():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    x, double = tritorch.ones(1, 2), 2 * tritorch.eye(2)
    assert functional_call(net, {"0.weight": double}, x).tolist() == [[4, 4]]
    untied = functional_call(net, {"0.weight": double}, x, tie_weights=False)
    assert close(untied, 2 * net[1](x))
    with pytest.raises(ValueError, match="which are tied"):
        functional_call(net, {"0.weight": double, "1.weight": double.clone()}, x)


def test_wrappers_hand_through():
    layer, x = nn.Linear(2, 1), tritorch.ones(3, 2)
    for wrapper in (nn.DataParallel, nn.parallel.DistributedDataParallel):
        wrapped = wrapper(layer)
        assert tritorch.equal(wrapped(x), layer(x)) and wrapped.module is layer
    with nn.parallel.DistributedDataParallel(layer).no_sync():
        layer(x)
    for act, error in [
        (lambda: nn.DataParallel(layer, [0, 1]), RuntimeError),
        (lambda: nn.parallel.DistributedDataParallel(layer, [0, 1]), ValueError),
        (lambda: nn.parallel.DistributedDataParallel(nn.ReLU()), RuntimeError),
        (lambda: nn.SyncBatchNorm(2, process_group=3), RuntimeError),
    ]:
        with pytest.raises(error):
            act()
    assert tritorch.equal(nn.SyncBatchNorm(2)(x), nn.BatchNorm1d(2)(x))
