"""Modules that find their shapes at the first call."""

import pytest

import tritorch
from tritorch import nn

CASES = {
    "LazyLinear": ((3,), (2, 5), nn.Linear),
    "LazyConv1d": ((3, 2), (2, 4, 6), nn.Conv1d),
    "LazyConv2d": ((3, 2), (2, 4, 6, 6), nn.Conv2d),
    "LazyConv3d": ((3, 2), (2, 4, 3, 3, 3), nn.Conv3d),
    "LazyConvTranspose1d": ((3, 2), (2, 4, 6), nn.ConvTranspose1d),
    "LazyConvTranspose2d": ((3, 2), (2, 4, 6, 6), nn.ConvTranspose2d),
    "LazyConvTranspose3d": ((3, 2), (2, 4, 3, 3, 3), nn.ConvTranspose3d),
    "LazyBatchNorm1d": ((), (2, 4), nn.BatchNorm1d),
    "LazyBatchNorm2d": ((), (2, 4, 3, 3), nn.BatchNorm2d),
    "LazyBatchNorm3d": ((), (2, 4, 3, 3, 3), nn.BatchNorm3d),
}


@pytest.mark.parametrize("name", CASES)
def test_first_call(name):
    args, shape, ordinary = CASES[name]
    module = getattr(nn, name)(*args)
    assert module.has_uninitialized_params() and "<Uninitialized" in repr(list(module.parameters()))
    x = tritorch.randn(shape)
    output = module(x)
    assert type(module) is ordinary and not module._forward_pre_hooks and not module._load_state_dict_pre_hooks
    assert all(type(p) is nn.Parameter for p in module.parameters())
    assert tritorch.equal(module(x), output) or module.training
    output.sum().backward()
    assert all(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize("name", CASES)
def test_loading_gives_the_shape(name):
    args, shape, _ = CASES[name]
    source, target = getattr(nn, name)(*args), getattr(nn, name)(*args)
    x = tritorch.randn(shape)
    source(x)
    target.load_state_dict(source.state_dict())
    assert tritorch.equal(target.eval()(x), source.eval()(x)) and repr(target) == repr(source)


def test_before_the_first_call():
    module = nn.LazyLinear(2)
    weight = module.weight
    assert repr(weight) == "<UninitializedParameter>" and isinstance(weight, nn.Parameter)
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        weight.shape
    with pytest.raises(RuntimeError, match="Can't share memory on an uninitialized"):
        weight.share_memory_()
    assert module.double().weight.dtype is tritorch.float64
    assert module(tritorch.ones(1, 3, dtype=tritorch.float64)).dtype is tritorch.float64
    assert module.weight is weight


def test_wrong_inputs():
    with pytest.raises(RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input to LazyConv2d"):
        nn.LazyConv2d(2, 2)(tritorch.ones(2, 2))
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        nn.LazyConv1d(4, 2, groups=2)(tritorch.ones(1, 3, 4))
