"""Convolutions and their gradients against sums written out, over geometries that meet every edge of the tiles."""

import itertools
import math

import numpy as np
import pytest

import tritorch
from tritorch.autograd import gradcheck
from tritorch.nn import functional as F

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
GEOMETRIES = {  # input (N, C, *size), weight (M, C / groups, *kernel), keywords
    "3x3": ((2, 5, 9, 13), (11, 5, 3, 3), {"padding": 1}),
    "one channel": ((3, 1, 28, 28), (4, 1, 3, 3), {}),
    "1x1": ((2, 7, 7, 7), (9, 7, 1, 1), {}),
    "1x1, strided": ((2, 3, 9, 8), (4, 3, 1, 1), {"stride": 2}),
    "strided": ((2, 4, 17, 16), (8, 4, 3, 3), {"stride": (2, 3), "padding": (1, 2)}),
    "dilated": ((1, 3, 15, 20), (5, 3, 3, 2), {"dilation": (2, 3), "padding": 2}),
    "groups": ((2, 6, 10, 10), (9, 2, 3, 3), {"groups": 3, "padding": 1}),
    "depthwise": ((2, 6, 11, 50), (6, 1, 3, 3), {"groups": 6, "padding": 1}),
    "depthwise, strided": ((2, 6, 11, 12), (6, 1, 5, 3), {"groups": 6, "stride": 2, "padding": 2}),
    "two filters a channel": ((2, 4, 8, 8), (8, 1, 3, 3), {"groups": 4}),
    "padding beyond the kernel": ((1, 2, 6, 6), (3, 2, 2, 2), {"padding": 3}),
    "deep sums": ((1, 150, 7, 7), (17, 150, 3, 3), {"padding": 1}),
    "long lines": ((1, 2, 1200), (3, 2, 5), {}),
    "one dim, strided": ((2, 3, 31), (4, 3, 4), {"stride": 3, "padding": 2, "dilation": 2}),
    "three dims": ((2, 2, 5, 6, 7), (3, 2, 2, 3, 3), {"padding": (1, 0, 2), "stride": (1, 2, 1)}),
}


def by_hand(x, w, stride=1, padding=0, dilation=1, groups=1):
    """Sums over windows, one place of the kernel at a time."""
    n = x.ndim - 2
    stride, padding, dilation = (v if isinstance(v, tuple) else (v,) * n for v in (stride, padding, dilation))
    x = np.pad(x, [(0, 0), (0, 0), *[(p, p) for p in padding]])
    size = [(x.shape[2 + d] - dilation[d] * (w.shape[2 + d] - 1) - 1) // stride[d] + 1 for d in range(n)]
    out = np.zeros((x.shape[0], groups, w.shape[0] // groups, math.prod(size)), x.dtype)
    w = w.reshape(groups, -1, *w.shape[1:])
    for place in itertools.product(*map(range, w.shape[3:])):
        cut = [
            slice(k * d, k * d + (s - 1) * t + 1, t) for k, d, s, t in zip(place, dilation, size, stride, strict=True)
        ]
        seen = x[(slice(None), slice(None), *cut)].reshape(x.shape[0], groups, w.shape[2], -1)
        out += np.einsum("gmc,ngcp->ngmp", w[(..., *place)], seen)
    return out.reshape(x.shape[0], -1, *size)


def tensors(geometry, dtype, seed=0):
    x, w, keywords = GEOMETRIES[geometry]
    rng = np.random.default_rng(seed)
    return [tritorch.tensor(rng.standard_normal(s).astype(dtype)) for s in (x, w)], keywords


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_values(geometry, dtype):
    (x, w), keywords = tensors(geometry, dtype)
    bias = tritorch.arange(w.shape[0]).to(x.dtype)
    out = CONV[x.ndim - 2](x, w, bias, **keywords)
    want = by_hand(x.numpy().astype(np.float64), w.numpy().astype(np.float64), **keywords)
    want += np.arange(w.shape[0]).reshape(-1, *[1] * (x.ndim - 2))
    assert out.dtype is x.dtype
    np.testing.assert_allclose(out.numpy(), want, rtol=2e-4 if dtype == "float32" else 1e-11, atol=2e-4)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients(geometry):
    """A convolution is linear in either operand: its gradients are its transposes."""
    (x, w), keywords = tensors(geometry, "float64")
    x.requires_grad_()
    w.requires_grad_()
    out = CONV[x.ndim - 2](x, w, **keywords)
    grad = tritorch.tensor(np.random.default_rng(1).standard_normal(out.shape))
    out.backward(grad)
    for operand, other in ((x, w), (w, x)):
        away = tritorch.tensor(np.random.default_rng(2).standard_normal(operand.shape))
        pair = (away, other.detach()) if operand is x else (other.detach(), away)
        moved = CONV[x.ndim - 2](*pair, **keywords)
        assert float((moved * grad).sum()) == pytest.approx(float((operand.grad * away).sum()), rel=1e-10, abs=1e-9)


@pytest.mark.parametrize("geometry", ["3x3", "strided", "groups", "depthwise", "1x1", "deep sums"])
def test_any_number_of_threads_gives_the_same_bits(geometry):
    x, w, keywords = GEOMETRIES[geometry]
    x = (16, x[1], *[n * 2 for n in x[2:]])  # enough work for several
    rng, before, kept = np.random.default_rng(3), tritorch.get_num_threads(), []
    data = [
        rng.standard_normal(s).astype(np.float32) for s in (x, (4 * w[0], *w[1:]) if "groups" not in keywords else w)
    ]
    try:
        for threads in (1, 2, 3, 7):
            tritorch.set_num_threads(threads)
            a, b = (tritorch.tensor(d, requires_grad=True) for d in data)
            out = F.conv2d(a, b, **keywords)
            out.square().sum().backward()
            kept.append((out.detach().numpy(), a.grad.numpy(), b.grad.numpy()))
    finally:
        tritorch.set_num_threads(before)
    for others in kept[1:]:
        for one, other in zip(kept[0], others, strict=True):
            assert one.tobytes() == other.tobytes()


def test_gradients_of_gradients():
    x, w = (
        tritorch.tensor(np.random.default_rng(4).standard_normal(s), requires_grad=True)
        for s in ((1, 2, 4, 4), (2, 2, 3, 3))
    )
    assert gradcheck(lambda a, b: F.conv2d(a, b, padding=1), (x, w))

    def slope(a, b):
        out = F.conv2d(a, b, stride=2, padding=1)
        return tritorch.autograd.grad((out * out * out).sum(), a, create_graph=True)[0]

    assert gradcheck(slope, (x, w))


def test_what_is_not_finite_stays_where_it_meets_the_kernel():
    x = tritorch.ones(1, 1, 5, 5)
    x[0, 0, 2, 2] = float("nan")
    assert F.conv2d(x, tritorch.ones(1, 1, 3, 3), padding=1).isnan().sum() == 9
    w = tritorch.ones(1, 1, 3, 3)
    w[0, 0, 0, 0] = float("inf")
    out = F.conv_transpose2d(tritorch.ones(1, 1, 2, 2), w)
    assert out.isinf().sum() == 4 and not out.isnan().any()


def test_empty():
    w = tritorch.ones(2, 3, 2, 2, requires_grad=True)
    out = F.conv2d(tritorch.ones(0, 3, 4, 4), w)
    assert out.shape == (0, 2, 3, 3)
    out.sum().backward()
    assert w.grad.count_nonzero() == 0
