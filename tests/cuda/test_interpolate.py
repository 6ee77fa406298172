"""Resizing on the device, against the CPU, with its gradients of two orders."""

import numpy as np
import pytest

import tritorch
from tritorch import nn

F = nn.functional
CASES = [
    ((2, 3, 7), {"size": 10}),
    ((2, 3, 7), {"scale_factor": 1.7, "mode": "nearest-exact"}),
    ((2, 3, 7), {"size": 3, "mode": "linear"}),
    ((2, 3, 5), {"scale_factor": 2.5, "mode": "linear", "recompute_scale_factor": True}),
    ((1, 2, 5, 6), {"size": (8, 3), "mode": "bilinear", "align_corners": True}),
    ((1, 2, 5, 6), {"scale_factor": (0.7, 2.3), "mode": "bilinear"}),
    ((1, 2, 5, 6), {"size": (1, 9), "mode": "bicubic", "align_corners": True}),
    ((1, 2, 5, 6), {"scale_factor": 2, "mode": "bicubic"}),
    ((1, 2, 9, 7), {"size": (4, 11), "mode": "bilinear", "antialias": True}),
    ((1, 2, 9, 7), {"size": (2, 5), "mode": "bicubic", "antialias": True, "align_corners": True}),
    ((1, 2, 6, 6), {"scale_factor": 0.5, "mode": "area"}),
    ((1, 2, 3, 4, 2), {"size": (2, 6, 5), "mode": "trilinear"}),
    ((1, 2, 3, 4, 2), {"scale_factor": 2, "mode": "nearest"}),
]  # fmt: skip


def agree(shape, options, dtype="float32", tolerance=1e-5):
    near = tritorch.randn(*shape).to(getattr(tritorch, dtype)).requires_grad_()
    far = near.detach().cuda().requires_grad_()
    results = []
    for x in (near, far):
        out = F.interpolate(x, **options)
        weight = tritorch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype).reshape(out.shape).to(out.device)
        (grad,) = tritorch.autograd.grad((out * out * weight).sum(), x, create_graph=True)
        results.append([out, grad, *tritorch.autograd.grad(grad.sum(), x)])
    for got, wanted in zip(*results[::-1], strict=True):
        assert got.is_cuda and got.dtype is wanted.dtype and got.shape == wanted.shape
        a, b = (x.detach().cpu().double().numpy() for x in (got, wanted))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=8 * tolerance)


@pytest.mark.parametrize(("shape", "options"), CASES)
def test_resizing(shape, options):
    agree(shape, options)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("shape", "options"), CASES[:3] + CASES[7:9])
def test_other_floats(shape, options, dtype):
    agree(shape, options, dtype, {"float64": 1e-12, "float16": 1e-2, "bfloat16": 8e-2}[dtype])


def test_many_lengths_read_the_same_pixels():
    for n in (1, 2, 5, 16):
        x = tritorch.arange(n).reshape(1, 1, n)
        for size in (1, 3, 7, 10, 31):
            for mode in ("nearest", "nearest-exact"):
                wanted, got = (F.interpolate(y, size, mode=mode) for y in (x.double(), x.cuda()))
                assert got.dtype is x.dtype and got.cpu().tolist() == wanted.long().tolist()


def test_old_names_empty_batches_and_strides():
    x = tritorch.randn(2, 4, 5, 3)
    for function in (F.upsample_nearest, F.upsample_bilinear):
        np.testing.assert_allclose(
            function(x.cuda().permute(0, 3, 1, 2), scale_factor=2).cpu().numpy(),
            function(x.permute(0, 3, 1, 2), scale_factor=2).numpy(), 1e-5, 1e-6,
        )  # fmt: skip
        assert function(x[:0].cuda(), scale_factor=2).shape == (0, 4, 10, 6)
