"""Negative log likelihood: what counts, what does not, and targets that are no class."""

import itertools

import numpy as np
import pytest

import tritorch
from tritorch.autograd import gradcheck
from tritorch.nn import functional as F

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(5, 4), (2, 4, 3), (2, 4, 2, 3)])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_target_by_hand(shape, reduction, weighted):
    a = RNG.standard_normal(shape)
    target = RNG.integers(0, 4, (shape[0], *shape[2:]))
    target.flat[1] = -100
    weight = RNG.random(4) if weighted else np.ones(4)
    loss, counted = np.zeros(target.shape), 0.0
    for place in itertools.product(*map(range, target.shape)):
        if target[place] != -100:
            loss[place] = -a[(place[0], target[place], *place[1:])] * weight[target[place]]
            counted += weight[target[place]]
    want = {"none": loss, "sum": loss.sum(), "mean": loss.sum() / counted}[reduction]
    x, w = tritorch.tensor(a, requires_grad=True), tritorch.tensor(weight) if weighted else None
    out = F.nll_loss(x, tritorch.tensor(target), w, reduction=reduction)
    np.testing.assert_allclose(out.detach().numpy(), want, rtol=1e-12)
    assert gradcheck(lambda x: F.nll_loss(x, tritorch.tensor(target), w, reduction=reduction), (x,))
    assert gradcheck(lambda x: F.cross_entropy(x, tritorch.tensor(target), w, reduction=reduction), (x,))


def test_the_second_derivative_of_cross_entropy():
    x = tritorch.tensor(RNG.standard_normal((3, 4)), requires_grad=True)
    target = tritorch.tensor([1, 3, 0])
    assert gradcheck(lambda a: tritorch.autograd.grad(F.cross_entropy(a, target), a, create_graph=True)[0], (x,))


def test_targets_that_are_no_class():
    for wrong in (4, -1, -100):
        with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds"):
            F.nll_loss(tritorch.zeros(2, 4), tritorch.tensor([0, wrong]), ignore_index=7)
    assert F.nll_loss(tritorch.zeros(2, 4), tritorch.tensor([9, 9]), ignore_index=9).isnan()
    assert F.nll_loss(tritorch.zeros(0, 4), tritorch.empty(0, dtype=tritorch.int64), reduction="sum") == 0
