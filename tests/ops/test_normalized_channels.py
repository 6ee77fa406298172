"""Batch norm of every area and number of channels, against its formula, and its derivatives of two orders."""

import numpy as np
import pytest

import tritorch
from tritorch.autograd import gradcheck
from tritorch.nn import functional as F

SHAPES = [(32, 64), (3, 2), (4, 1500), (4, 3, 15), (4, 3, 16), (2, 7, 3, 3), (3, 5, 33, 40), (5, 400, 2, 2)]


def by_hand(a, weight, bias, eps=1e-5):
    dims = (0, *range(2, a.ndim))
    column = (1, -1, *(1,) * (a.ndim - 2))
    unit = (a - a.mean(dims, keepdims=True)) / np.sqrt(a.var(dims, keepdims=True) + eps)
    return unit * weight.reshape(column) + bias.reshape(column)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("affine", [False, True])
def test_batch_norm_of_every_shape(shape, affine):
    rng = np.random.default_rng(len(shape))
    a, w, b = rng.standard_normal(shape), rng.standard_normal(shape[1]), rng.standard_normal(shape[1])
    if not affine:
        w, b = np.ones(shape[1]), np.zeros(shape[1])
    want = by_hand(a, w, b)
    weight, bias = (tritorch.tensor(x) if affine else None for x in (w, b))
    whole = F.batch_norm(tritorch.tensor(a), None, None, weight, bias, True)
    np.testing.assert_allclose(whole.numpy(), want, atol=1e-11)
    small = [None if x is None else x.float() for x in (weight, bias)]
    single = F.batch_norm(tritorch.tensor(a + 1000).float(), None, None, *small, True)
    np.testing.assert_allclose(single.numpy(), want, atol=4e-3)
    last = tritorch.tensor(np.moveaxis(a, 1, -1).copy()).movedim(-1, 1)  # channels last in memory
    np.testing.assert_allclose(F.batch_norm(last, None, None, weight, bias, True).numpy(), want, atol=1e-11)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4), (2, 2, 4, 5)])
def test_derivatives_of_batch_norm(shape):
    rng = np.random.default_rng(7)
    sizes = (shape, shape[1], shape[1])
    x, w, b = (tritorch.tensor(rng.standard_normal(s), requires_grad=True) for s in sizes)

    def norm(a, c=None, d=None):
        return F.batch_norm(a, None, None, c, d, True)

    assert gradcheck(norm, (x, w, b))
    assert gradcheck(norm, (x,))
    towards = tritorch.tensor(rng.standard_normal(shape))
    slope = tritorch.autograd.grad((norm(x, w, b) * towards).sum(), (x, w, b))  # the loops of C
    again = tritorch.autograd.grad((norm(x, w, b) * towards).sum(), (x, w, b), create_graph=True)  # tensor language
    for one, other in zip(slope, again, strict=True):
        np.testing.assert_allclose(one.numpy(), other.detach().numpy(), atol=1e-12)


def test_running_moments_and_what_is_not_finite():
    mean, var = tritorch.zeros(2), tritorch.ones(2)
    x = tritorch.tensor([[1.0, float("nan")], [3.0, 0.0]])
    out = F.batch_norm(x, mean, var, None, None, True, momentum=0.5)
    assert out[:, 1].isnan().all() and out[:, 0].isfinite().all()
    assert mean[0] == 1 and abs(var[0].item() - 1.5) < 1e-4 and mean[1].isnan()
