"""Convolutions on the device, against their meaning on the CPU, with their gradients."""

import numpy as np
import pytest

import tritorch
from tritorch import nn

F = nn.functional
CASES = [
    ("conv1d", (2, 4, 9), (6, 2, 3), {"stride": 2, "padding": 1, "groups": 2}),
    ("conv2d", (2, 3, 9, 7), (5, 3, 3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}),
    ("conv2d", (1, 4, 5, 5), (4, 1, 3, 3), {"padding": "same", "groups": 4}),
    ("conv2d", (2, 1, 8, 8), (3, 1, 2, 2), {}),
    ("conv3d", (1, 2, 4, 3, 5), (3, 2, 2, 2, 2), {"padding": 1, "stride": (1, 2, 1)}),
    ("conv_transpose1d", (2, 4, 4), (4, 1, 3), {"stride": 2, "output_padding": 1, "groups": 2}),
    ("conv_transpose2d", (2, 3, 4, 5), (3, 2, 3, 2), {"stride": (3, 2), "padding": 1, "dilation": (1, 2)}),
    ("conv_transpose3d", (1, 2, 2, 3, 2), (2, 2, 2, 1, 2), {"stride": 2}),
]  # fmt: skip


def same(got, wanted, tolerance):
    assert got.is_cuda and got.dtype is wanted.dtype and got.shape == wanted.shape
    np.testing.assert_allclose(
        got.detach().cpu().double().numpy(), wanted.detach().double().numpy(), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("name", "shape", "weights", "options"), CASES)
def test_convolutions_and_their_gradients(name, shape, weights, options, dtype):
    if dtype != "float32" and name.endswith("3d"):
        pytest.skip("two dims show the other dtypes")
    kind = getattr(tritorch, dtype)
    outs = weights[1] * options.get("groups", 1) if "transpose" in name else weights[0]
    near = [tritorch.randn(*s).to(kind).requires_grad_() for s in (shape, weights, (outs,))]
    far = [x.detach().cuda().requires_grad_() for x in near]
    wanted, got = (getattr(F, name)(*xs, **options) for xs in (near, far))
    tolerance = {"float64": 1e-10, "float32": 1e-4, "float16": 1e-2, "bfloat16": 8e-2}[dtype]
    same(got, wanted, tolerance)
    grad = tritorch.randn(*wanted.shape).to(kind)
    wanted.backward(grad)
    got.backward(grad.cuda())
    for x, y in zip(far, near, strict=True):
        same(x.grad, y.grad, tolerance * (10 if "16" in dtype else 1))


def test_images_of_any_strides_empty_and_unbatched():
    x, w = tritorch.randn(6, 5, 2), tritorch.randn(3, 2, 2, 2)
    same(
        F.conv2d(x.cuda().permute(2, 0, 1), w.cuda().transpose(2, 3)),
        F.conv2d(x.permute(2, 0, 1), w.transpose(2, 3)),
        1e-4,
    )
    assert F.conv2d(tritorch.zeros(0, 2, 5, 5).cuda(), w.cuda()).shape == (0, 3, 4, 4)


def test_weight_gradient_in_parts_is_the_same_every_time():
    x, g = tritorch.randn(3, 2, 30, 30).cuda(), tritorch.randn(3, 4, 28, 28).cuda()
    grads = []
    for _ in range(2):
        w = tritorch.zeros(4, 2, 3, 3).cuda().requires_grad_()
        F.conv2d(x, w).backward(g)
        grads.append(w.grad.cpu().numpy())
    np.testing.assert_array_equal(*grads)
    w = tritorch.zeros(4, 2, 3, 3).requires_grad_()
    F.conv2d(x.cpu(), w).backward(g.cpu())
    np.testing.assert_allclose(grads[0], w.grad.numpy(), rtol=1e-3, atol=1e-3)
