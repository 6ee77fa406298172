"""Attention on the device: values and gradients are the CPU's, over masks, grouped heads, dropout and dtypes."""

import copy

import numpy as np
import pytest

import tritorch
from tritorch import nn

attention = nn.functional.scaled_dot_product_attention
TOLERANCE = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 6e-2, "float64": 1e-12}


def both(query, key, value, mask=None, **options):
    """The output and the gradients of the three, on the CPU and on the device."""
    found = []
    for device in ("cpu", "cuda"):
        inputs = [x.detach().to(device).requires_grad_() for x in (query, key, value)]
        tritorch.manual_seed(3)
        out = attention(*inputs, attn_mask=None if mask is None else mask.to(device), **options)
        grad = tritorch.linspace(-1, 1, out.numel()).reshape(out.shape).to(out.dtype)
        out.backward(grad.to(device))
        found.append([out.detach(), *(x.grad for x in inputs)])
    return found


def agrees(*args, **options):
    cpu, device = both(*args, **options)
    tolerance = TOLERANCE[str(args[0].dtype).split(".")[-1]]
    for a, b in zip(cpu, device, strict=True):
        assert b.is_cuda and b.dtype is a.dtype and b.shape == a.shape
        np.testing.assert_allclose(b.cpu().double().numpy(), a.double().numpy(), rtol=tolerance, atol=tolerance)
    return device


def inputs(L, S, E, V, heads=2, groups=2, dtype="float32"):
    shapes = ((2, heads, L, E), (2, groups, S, E), (2, groups, S, V))
    return [tritorch.randn(*shape).to(getattr(tritorch, dtype)) for shape in shapes]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("causal", [False, True])
def test_dtypes(dtype, causal):
    agrees(*inputs(18, 11, 12, 20, heads=1, groups=1, dtype=dtype), is_causal=causal)


@pytest.mark.parametrize(("L", "S", "E", "V"), [(1, 50, 100, 100), (140, 133, 8, 8), (6, 20, 256, 256), (3, 1, 1, 1)])
def test_sizes(L, S, E, V):
    agrees(*inputs(L, S, E, V))


@pytest.mark.parametrize("shape", [(5, 18), (2, 1, 1, 18), (2, 2, 5, 1), (1, 2, 5, 18)])
def test_masks_broadcast(shape):
    mask = tritorch.rand(*shape) > 0.4
    agrees(*inputs(5, 18, 8, 8), mask=mask)
    agrees(*inputs(5, 18, 8, 8, dtype="float16"), mask=tritorch.randn(*shape).half())


def test_a_mask_of_any_strides():
    agrees(*inputs(6, 9, 8, 8), mask=tritorch.randn(9, 12)[:, ::2].t())


@pytest.mark.parametrize("kind", ["bool", "added"])
def test_a_row_that_may_attend_to_nothing_is_zero(kind):
    mask = tritorch.ones(5, 70, dtype=tritorch.bool)
    mask[2] = False
    if kind == "added":
        mask = tritorch.zeros(5, 70).masked_fill(mask.logical_not(), -float("inf"))
    out, of_query, _, _ = agrees(*inputs(5, 70, 8, 8), mask=mask)
    assert not out[:, :, 2].any() and not of_query[:, :, 2].any()


def test_grouped_heads_and_scale():
    agrees(*inputs(20, 20, 16, 16, heads=4, groups=2), enable_gqa=True, is_causal=True)
    agrees(*inputs(7, 20, 16, 16, heads=4, groups=1), enable_gqa=True, scale=-0.3)


@pytest.mark.parametrize("S", [24, 19])
def test_dropout_keeps_what_it_keeps_on_the_cpu(S):
    query, key, value = inputs(13, S, 8, 8)
    dropped = agrees(query, key, value, dropout_p=0.4)[0]
    assert not np.allclose(dropped.cpu().numpy(), attention(query, key, value).numpy())
    assert not both(query, key, value, dropout_p=1.0)[1][0].any()


def test_views_and_other_ranks():
    packed = tritorch.randn(2, 11, 3 * 2 * 8)
    agrees(*(x.reshape(2, 11, 2, 8).transpose(1, 2) for x in packed.chunk(3, -1)), is_causal=True)
    agrees(tritorch.randn(3, 5, 8), tritorch.randn(3, 6, 8), tritorch.randn(3, 6, 8))
    agrees(tritorch.randn(2, 1, 3, 5, 8), tritorch.randn(2, 4, 3, 6, 8), tritorch.randn(2, 4, 3, 6, 8))


def test_gradients_are_the_same_each_time():
    first, again = (both(*inputs_again(), is_causal=True)[1] for _ in range(2))
    assert all(a.equal(b) for a, b in zip(first, again, strict=True))


def inputs_again():
    tritorch.manual_seed(0)
    return inputs(70, 70, 16, 16, dtype="bfloat16")


def test_gradients_have_gradients():
    found = []
    for device in ("cpu", "cuda"):
        tritorch.manual_seed(1)
        x = tritorch.randn(1, 2, 4, 8).to(device).requires_grad_()
        (grad,) = tritorch.autograd.grad(attention(x, x, x, is_causal=True).sum(), x, create_graph=True)
        grad.square().sum().backward()
        found.append(x.grad.cpu().numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-5)


def test_a_transformer_trains_as_on_the_cpu():
    layers = nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True), nn.TransformerDecoderLayer(16, 2, 32, 0.0)
    for layer in layers:
        twin = copy.deepcopy(layer).cuda()
        given = [tritorch.randn(5, 3, 16) for _ in range(1 if layer is layers[0] else 2)]
        layer(*given).square().mean().backward()
        twin(*(x.cuda() for x in given)).square().mean().backward()
        for a, b in zip(layer.parameters(), twin.parameters(), strict=True):
            np.testing.assert_allclose(b.grad.cpu().numpy(), a.grad.numpy(), rtol=2e-3, atol=1e-5)
