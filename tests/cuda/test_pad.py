"""Padding, columns of windows and back on the device, against the CPU, with their gradients."""

import numpy as np
import pytest

import tritorch
from tritorch import nn

F = nn.functional
MIRRORED = [
    ((2, 3, 5), (3, 2)),
    ((2, 3, 5), (-1, 4)),
    ((2, 5), (4, -2)),
    ((2, 2, 4, 5), (2, 0, 3, 1)),
    ((2, 4, 5), (-1, 2, 1, -1)),
    ((1, 2, 3, 4, 5), (1, 2, 0, 3, 2, 1)),
]


def agree(function, *shapes, dtype="float32", tolerance=1e-5):
    near = [tritorch.randn(*s).to(getattr(tritorch, dtype)).requires_grad_() for s in shapes]
    far = [x.detach().cuda().requires_grad_() for x in near]
    results = []
    for xs in (near, far):
        out = function(*xs)
        weight = tritorch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype).reshape(out.shape).to(out.device)
        grads = tritorch.autograd.grad((out * out * weight).sum(), xs, create_graph=True)
        results.append([out, *grads, *tritorch.autograd.grad([g.sum() for g in grads], xs)])
    for got, wanted in zip(*results[::-1], strict=True):
        assert got.is_cuda and got.dtype is wanted.dtype and got.shape == wanted.shape
        a, b = (x.detach().cpu().double().numpy() for x in (got, wanted))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=4 * tolerance)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "constant"])
@pytest.mark.parametrize(("shape", "widths"), MIRRORED)
def test_borders(shape, widths, mode):
    if mode == "reflect" and (2 * len(shape) < len(widths) or max(widths) >= min(shape[1:])):
        widths = tuple(min(w, 2) for w in widths)
    if mode == "circular" and min(widths) < 0 and len(widths) == 2 and max(widths) > 3:
        widths = (-1, 3)
    agree(lambda x: F.pad(x, widths, mode), shape)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_borders_of_other_floats(dtype):
    tolerance = {"float64": 1e-12, "float16": 4e-3, "bfloat16": 3e-2}[dtype]
    for mode in ("reflect", "replicate", "circular", "constant"):
        agree(lambda x, m=mode: F.pad(x, (2, 3), m), (2, 3, 5), dtype=dtype, tolerance=tolerance)


def test_constants_of_every_kind_many_dims_and_strides():
    for dtype, value in (("int64", 2**40 + 1), ("uint8", 255), ("bool", True), ("float64", 1 / 3), ("bfloat16", -0.1)):
        x = tritorch.arange(6).reshape(2, 3).to(getattr(tritorch, dtype))
        wanted = F.pad(x, (1, 2, 3, -1), value=value)
        got = F.pad(x.cuda(), (1, 2, 3, -1), value=value).cpu()
        assert got.dtype is x.dtype and got.tolist() == wanted.tolist()
    agree(lambda x: F.pad(x, (1, 1, 0, 2, -1, 1, 1, 0, 2, 1), value=3.0), (2, 3, 2, 2, 3))
    x = tritorch.randn(4, 3, 5)
    np.testing.assert_array_equal(
        F.pad(x.cuda().permute(2, 1, 0), (1, 1), "circular").cpu().numpy(),
        F.pad(x.permute(2, 1, 0), (1, 1), "circular").numpy(),
    )
    assert F.pad(tritorch.zeros(0, 2, 3).cuda(), (1, 1), "reflect").shape == (0, 2, 5)
    nan = F.pad(tritorch.full((1, 1, 3), float("nan")).cuda(), (1, 1)).cpu()
    assert nan.isnan().tolist() == [[[False, True, True, True, False]]]


@pytest.mark.parametrize(
    "geometry", [{}, {"stride": 2, "padding": 1}, {"dilation": (2, 1), "stride": (1, 3), "padding": (2, 0)}]
)
def test_columns_of_windows_and_back(geometry):
    agree(lambda x: F.unfold(x, (2, 3), **geometry), (2, 3, 7, 8))
    length = F.unfold(tritorch.zeros(1, 1, 7, 8), (2, 3), **geometry).shape[-1]
    agree(lambda x: F.fold(x, (7, 8), (2, 3), **geometry), (2, 12, length))
    whole = tritorch.arange(56).reshape(1, 1, 7, 8)
    columns = F.unfold(whole.cuda(), (2, 3), **geometry)
    assert columns.cpu().tolist() == F.unfold(whole, (2, 3), **geometry).tolist()
