"""Normalisations, losses and a few steps of training on the device, against the CPU."""

import numpy as np
import pytest

import tritorch
import tritorch.nn.functional as F
from tritorch import nn


def both(function, *inputs):
    """Value and gradients of ``function`` agree on the two devices."""
    found = []
    for place in ("cpu", "cuda"):
        here = [x.detach().to(place).requires_grad_(x.requires_grad) for x in inputs]
        out = function(*here)
        out.backward(tritorch.randn(out.shape, generator=tritorch.Generator().manual_seed(1)).to(place))
        assert out.device.type == place
        found.append([out.detach(), *(x.grad for x in here if x.requires_grad)])
    for wanted, got in zip(*found, strict=True):
        np.testing.assert_allclose(got.cpu().numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)


def leaf(*shape):
    return tritorch.randn(*shape, requires_grad=True)


def test_layer_norm():
    both(lambda x, w, b: F.layer_norm(x, (5,), w, b), leaf(3, 4, 5), leaf(5), leaf(5))
    both(lambda x: F.layer_norm(x, (4, 5)), leaf(3, 4, 5))


def test_batch_norm_and_its_running_moments():
    both(lambda x, w, b: F.batch_norm(x, None, None, w, b, True), leaf(4, 3, 5), leaf(3), leaf(3))
    layers = [nn.BatchNorm1d(3).to(place) for place in ("cpu", "cuda")]
    x = tritorch.randn(6, 3)
    for layer in layers:
        layer(x.to(layer.running_mean.device))
    np.testing.assert_allclose(layers[1].running_var.cpu().numpy(), layers[0].running_var.numpy(), rtol=1e-5)
    np.testing.assert_allclose(layers[1].running_mean.cpu().numpy(), layers[0].running_mean.numpy(), rtol=1e-5)


def test_group_norm():
    both(lambda x, w, b: F.group_norm(x, 2, w, b), leaf(4, 6, 5), leaf(6), leaf(6))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy(reduction):
    target = tritorch.tensor([1, 0, 3])
    both(lambda x: F.cross_entropy(x, target.to(x.device), reduction=reduction), leaf(3, 4))
    weight = tritorch.arange(1.0, 5)
    both(
        lambda x: F.cross_entropy(x, target.to(x.device), weight.to(x.device), ignore_index=0, reduction=reduction),
        leaf(3, 4),
    )


def test_a_target_out_of_bounds_is_an_error():
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        F.nll_loss(tritorch.randn(3, 4).cuda(), tritorch.tensor([1, 7, 0]).cuda())


def test_training_gives_what_it_gives_on_the_cpu():
    losses = {}
    for place in ("cpu", "cuda"):
        tritorch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 3))
        x, target = tritorch.randn(12, 8), tritorch.arange(12) % 3
        model, x, target = model.to(place), x.to(place), target.to(place)
        optimizer = tritorch.optim.AdamW(model.parameters(), lr=0.05)
        losses[place] = []
        for _ in range(4):
            loss = F.cross_entropy(model(x), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[place].append(loss.item())
    assert losses["cuda"][-1] < losses["cuda"][0]
    np.testing.assert_allclose(losses["cuda"], losses["cpu"], rtol=1e-4)
