"""Writes into tensors whose elements share their place."""

import pytest

import tritorch


def test_filling_may_write_elements_that_share_their_place():
    row = tritorch.ones(1, 3)
    wide = row.expand(2, 3)
    wide.zero_()
    assert row.tolist() == [[0, 0, 0]] and row._version == 1
    wide.fill_(7)
    assert wide.tolist() == [[7] * 3] * 2 and row._version == 2


def test_other_writes_may_not():
    wide = tritorch.zeros(1).expand(3)
    for write in (lambda: wide.add_(1), lambda: wide.copy_(tritorch.ones(3)), lambda: wide.exp_()):
        with pytest.raises(RuntimeError, match="more than one element of the written-to tensor refers to a single"):
            write()


def test_the_gradient_of_an_extreme_that_is_nan():
    x = tritorch.tensor([[1.0, float("nan"), 3.0], [2.0, 2.0, 1.0]], requires_grad=True)
    x.amax(1).sum().backward()
    grad: tritorch.Tensor = x.grad  # pyright: ignore
    assert grad[0].isnan().all() and grad[1].tolist() == [0.5, 0.5, 0]
    x.grad = None
    x.max().backward()
    grad = x.grad
    assert grad.tolist() == [[0, 1, 0], [0, 0, 0]]
