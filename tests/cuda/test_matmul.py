"""Matrix products on the device, against their meaning on the CPU."""

import numpy as np
import pytest

import tritorch
from tritorch import nn

SHAPES = [
    ((3, 4), (4, 5)), ((3,), (3,)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)), ((2, 1, 3, 4), (5, 4, 2)),
    ((70, 300), (300, 65)), ((2, 3, 2, 4, 5), (3, 1, 5, 2)), ((3, 0), (0, 2)), ((0, 3), (3, 2)), ((1, 1), (1, 1)),
]  # fmt: skip


def same(got, wanted, tolerance=1e-4):
    assert got.is_cuda and got.dtype is wanted.dtype and got.shape == wanted.shape
    np.testing.assert_allclose(got.cpu().double().numpy(), wanted.double().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64"])
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_matmul(left, right, dtype):
    a, b = ((tritorch.randn(*shape) * 3).to(getattr(tritorch, dtype)) for shape in (left, right))
    same(a.cuda() @ b.cuda(), a @ b, 3e-2 if "16" in dtype else 1e-4)


def test_operands_of_any_strides():
    a, b = tritorch.randn(40, 30), tritorch.randn(50, 60)
    for x, y in ((a.t(), b[:40]), (a[::2, 1::2], b[5:20].t()[:15]), (a[:1].expand(4, 30), b[:30])):
        same(x.cuda() @ y.cuda(), x @ y)
    x, y = tritorch.randn(30, 40), tritorch.randn(50, 30)
    same(x.cuda().t() @ y.cuda().t(), x.t() @ y.t())


def test_linear_and_its_gradients():
    layer = nn.Linear(5, 3)
    twin = nn.Linear(5, 3)
    twin.load_state_dict(layer.state_dict())
    twin = twin.cuda()
    x = tritorch.randn(2, 6, 5, requires_grad=True)
    y = x.detach().cuda().requires_grad_()
    grad = tritorch.randn(2, 6, 3)
    layer(x).backward(grad)
    twin(y).backward(grad.cuda())
    same(y.grad, x.grad)
    same(twin.weight.grad, layer.weight.grad)
    same(twin.bias.grad, layer.bias.grad)


def test_linear_of_one_row_adds_its_bias():
    x, weight, bias = tritorch.randn(5), tritorch.randn(3, 5), tritorch.randn(3)
    linear = nn.functional.linear
    same(linear(x.cuda(), weight.cuda(), bias.cuda()), linear(x, weight, bias))
