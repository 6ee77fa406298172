"""Pools on the device, against the CPU: geometries, dtypes, equals, NaN, gradients of two orders."""

import numpy as np
import pytest

import tritorch
from tritorch import nn

F = nn.functional
PLAIN = [
    ((2, 3, 11), (3,), {"stride": 2, "padding": 1}),
    ((2, 3, 9, 8), (3, 2), {"stride": (2, 1), "padding": (1, 0), "ceil_mode": True}),
    ((2, 7, 7), (2, 3), {"stride": 3, "padding": 1, "ceil_mode": True}),
    ((1, 2, 5, 6, 4), (2, 3, 2), {"stride": (1, 2, 2), "padding": 1}),
]
TOLERANCE = {"float64": 1e-12, "float32": 1e-6, "float16": 2e-3, "bfloat16": 2e-2}


def agree(function, *shapes, dtype="float32", images=None):
    """The results of ``function`` and its gradients, on both."""
    near = images or [tritorch.randn(*s).to(getattr(tritorch, dtype)) for s in shapes]
    near = [x.requires_grad_() for x in near]
    far = [x.detach().cuda().requires_grad_() for x in near]
    results = []
    for xs in (near, far):
        out = function(*xs)
        out, rest = (out[0], out[1:]) if isinstance(out, tuple) else (out, ())
        weight = tritorch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype).reshape(out.shape).to(out.device)
        grads = tritorch.autograd.grad((out * out * weight).sum(), xs, create_graph=True)
        results.append([out, *rest, *grads, *tritorch.autograd.grad([g.sum() for g in grads], xs)])
    for got, wanted in zip(*results[::-1], strict=True):
        assert got.is_cuda and got.dtype is wanted.dtype and got.shape == wanted.shape
        a, b = (x.detach().cpu().double().numpy() for x in (got, wanted))
        tolerance = TOLERANCE[dtype] * (1 if wanted.is_floating_point() else 0)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=4 * tolerance)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize(("shape", "kernel", "options"), PLAIN)
def test_plain_pools(shape, kernel, options, dtype):
    n = len(kernel)
    if dtype != "float32" and n != 1:
        pytest.skip("one dim shows the other dtypes")
    largest, average = getattr(F, f"max_pool{n}d"), getattr(F, f"avg_pool{n}d")
    agree(lambda x: largest(x, kernel, return_indices=True, **options), shape, dtype=dtype)
    for inside in (True, False):
        agree(lambda x, c=inside: average(x, kernel, count_include_pad=c, **options), shape, dtype=dtype)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_dilated_overlapping_and_divided(n):
    shape = (2, 2, 9, 8, 7)[: n + 2]
    agree(lambda x: getattr(F, f"max_pool{n}d")(x, 3, 2, 1, 2, return_indices=True), shape)
    agree(lambda x: getattr(F, f"max_pool{n}d")(x, 3, 1, return_indices=True), shape)
    if n > 1:
        agree(lambda x: getattr(F, f"avg_pool{n}d")(x, 2, 1, divisor_override=3), shape)
    if n < 3:
        agree(lambda x: getattr(F, f"lp_pool{n}d")(x.abs() + 0.1, 3.0, 2), shape)


@pytest.mark.parametrize("size", [1, 4, 11])
def test_adaptive_pools(size):
    agree(lambda x: F.adaptive_avg_pool1d(x, size), (2, 3, 9))
    agree(lambda x: F.adaptive_max_pool1d(x, size, return_indices=True), (2, 3, 9))
    agree(lambda x: F.adaptive_avg_pool2d(x, (size, 2)), (2, 9, 7))
    agree(lambda x: F.adaptive_max_pool3d(x, (2, None, size), return_indices=True), (1, 2, 5, 4, 9))


def test_the_first_of_equals_but_the_last_nan():
    equals = tritorch.tensor([[[1.0, 1.0, 1.0, -1.0, float("nan"), 3.0, float("nan"), float("-inf")]]])
    agree(lambda x: F.max_pool1d(x, 3, 1, 1, return_indices=True)[1].to(x.dtype) * x.sum(), images=[equals[..., :4]])
    for x in (equals, tritorch.full((1, 1, 6), float("-inf")), tritorch.arange(8).reshape(1, 1, 8)):
        wanted = F.max_pool1d(x, 3, 2, 1, return_indices=True)
        for a, b in zip(F.max_pool1d(x.cuda(), 3, 2, 1, return_indices=True), wanted, strict=True):
            np.testing.assert_array_equal(a.cpu().numpy(), b.numpy())


def test_images_of_any_strides_and_empty_batches():
    x = tritorch.randn(2, 6, 5, 3)
    last = x.cuda().permute(0, 3, 1, 2)
    for pool in (lambda x: F.max_pool2d(x, 2), lambda x: F.adaptive_avg_pool2d(x, 2)):
        np.testing.assert_allclose(pool(last).cpu().numpy(), pool(x.permute(0, 3, 1, 2)).numpy(), 1e-6)
        assert pool(last[:0]).shape == (0, 3, *pool(last).shape[2:])


def test_unpooling_keeps_the_last_of_equals_and_refuses_places_outside():
    x = tritorch.randn(2, 2, 6, 6)
    small, places = F.max_pool2d(x, 2, 1, return_indices=True)  # windows overlap: several elements at one index
    small = tritorch.randn(*small.shape)
    wanted = F.max_unpool2d(small, places, 2, 1)
    for _ in range(2):
        np.testing.assert_array_equal(F.max_unpool2d(small.cuda(), places.cuda(), 2, 1).cpu().numpy(), wanted.numpy())
    small, places = F.max_pool2d(x, 2, return_indices=True)
    agree(lambda x: F.max_unpool2d(x, places.to(x.device), 2), images=[small.detach()])
    with pytest.raises(RuntimeError, match="invalid max index: 99"):
        F.max_unpool1d(tritorch.zeros(1, 1, 2).cuda(), tritorch.tensor([[[0, 99]]]).cuda(), 2)


def test_fractional_windows():
    drawn = tritorch.rand(2, 3, 2)
    agree(
        lambda x: F.fractional_max_pool2d(
            x, (2, 3), (4, 3), return_indices=True, _random_samples=drawn.to(x.device, x.dtype)
        ),
        (2, 3, 9, 8),
    )
    drawn = tritorch.rand(1, 2, 3, dtype=tritorch.float64)
    agree(
        lambda x: F.fractional_max_pool3d(x, 2, (4, 1, 3), return_indices=True, _random_samples=drawn.to(x.device)),
        (1, 2, 9, 5, 6),
        dtype="float64",
    )
