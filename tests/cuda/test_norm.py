"""Norms and cross entropy on a device against the CPU in double precision: the kernels that hold rows, and those that walk."""

import itertools

import pytest

pytest.importorskip("triton")

import tritorch as torch
from tritorch.ops import _cross_entropy_kernels, _norm_kernels
from tritorch.ops._op import ops

F = torch.nn.functional
IMAGES, FEATURES = (4, 6, 5, 7), (19, 100)
NORMS = {
    "layer": (lambda x, w, b: F.layer_norm(x, w.shape, w, b), FEATURES, (100,), (100,)),
    "layer, weight alone": (lambda x, w: F.layer_norm(x, w.shape, w), FEATURES, (100,)),
    "layer of two dims": (lambda x: F.layer_norm(x, (7, 5)), (3, 7, 5)),
    "rms": (lambda x, w: F.rms_norm(x, (100,), w, 1e-5), FEATURES, (100,)),
    "group": (lambda x, w, b: F.group_norm(x, 3, w, b), IMAGES, (6,), (6,)),
    "group, plain": (lambda x: F.group_norm(x, 3), IMAGES),
    "instance": (lambda x, w, b: F.instance_norm(x, None, None, w, b), IMAGES, (6,), (6,)),
    "batch": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), IMAGES, (6,), (6,)),
    "batch of rows": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (40, 6), (6,), (6,)),
}
LIMITS = {torch.float64: 1e-13, torch.float32: 2e-5, torch.bfloat16: 0.06}


def normed(function, given, dtype, device):
    """The result and the gradients of its sum, weighted so that no two elements count alike."""
    given = [x.to(device, dtype, copy=True).requires_grad_() for x in given]
    out = function(*given)
    weights = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).square().reshape(out.shape)
    return [out.detach(), *torch.autograd.grad(out, given, weights.to(device, dtype))]


def small(whole):
    """A tile of few elements, so that every loop turns more than once."""

    def tile(self, compute, room):
        sizes = [_norm_kernels.triton.next_power_of_2(n) for n in (self.channels, self.inner)]
        channels, inner = sizes if whole else (min(sizes[0], 2), min(sizes[1], 32))
        fits = channels >= self.channels and inner >= self.inner
        return fits, {"ROWS": 2, "CHANNELS": channels, "INNER": inner, "num_warps": 4}

    return tile


@pytest.mark.parametrize("tile", [None, small(True), small(False)], ids=["own", "small", "walked"])
@pytest.mark.parametrize("name", NORMS)
def test_norms(name, tile, monkeypatch):
    if tile is not None:
        monkeypatch.setattr(_norm_kernels.Layout, "tile", tile)
    function, *shapes = NORMS[name]
    given = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
    reference = normed(function, given, torch.float64, "cpu")
    for dtype, limit in LIMITS.items():
        for got, wanted in zip(normed(function, given, dtype, "cuda"), reference, strict=True):
            assert got.dtype is dtype and got.shape == wanted.shape
            assert (got.cpu().double() - wanted).abs().max() <= limit * wanted.abs().max()


@pytest.mark.parametrize("name", ["layer", "rms", "group", "batch"])
def test_the_gradients_of_norms_are_the_same_every_time(name):
    function, *shapes = NORMS[name]
    given = [torch.randn(shape) for shape in shapes]
    first, second = (normed(function, given, torch.float32, "cuda") for _ in range(2))
    assert all(a.cpu().equal(b.cpu()) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["layer", "rms"])
def test_second_derivatives_of_norms(name):
    function, *shapes = NORMS[name]
    given = [torch.randn((2, 3) if len(s) > 1 else (3,), dtype=torch.float64).cuda().requires_grad_() for s in shapes]
    if name == "rms":
        assert torch.autograd.gradgradcheck(lambda x, w: F.rms_norm(x, (3,), w, 1e-5), given)
    else:
        assert torch.autograd.gradgradcheck(function, given)


def test_batch_norm_keeps_running_moments_as_on_the_cpu():
    x, kept = torch.randn(8, 3, 5), {}
    for device in ("cpu", "cuda"):
        kept[device] = norm = torch.nn.BatchNorm1d(3).to(device)
        norm(x.to(device))
        kept[device, "out"] = norm.eval()(x.to(device)).cpu()
    for key in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.allclose(getattr(kept["cuda"], key).cpu(), getattr(kept["cpu"], key))
    assert torch.allclose(kept["cuda", "out"], kept["cpu", "out"], atol=1e-6)


WAYS = list(itertools.product((False, True), ("none", "sum", "mean"), (-100, 1), (0.0, 0.3)))


@pytest.mark.parametrize("walked", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 2, 2), (5,), (0, 4), (3, 700)])
def test_cross_entropy(shape, walked, monkeypatch):
    if walked:
        sizes = {"ROWS": 2, "COLS": 4 if shape[-1] < 700 else 256, "num_warps": 4}
        monkeypatch.setattr(_cross_entropy_kernels, "_tile", lambda classes, rows, compute: sizes)
    classes = shape[0] if len(shape) == 1 else shape[1]
    x = torch.randn(shape, dtype=torch.float64)
    target = torch.randint(classes, () if len(shape) == 1 else (shape[0], *shape[2:]))
    for weighted, reduction, ignored, smoothing in WAYS:
        weight = torch.rand(classes, dtype=torch.float64) + 0.1 if weighted else None

        def entropy(x, reduction=reduction, ignored=ignored, smoothing=smoothing, weight=weight):
            of_classes = None if weight is None else weight.to(x.device)
            return F.cross_entropy(x, target.to(x.device), of_classes, ignore_index=ignored, reduction=reduction, label_smoothing=smoothing)  # fmt: skip

        pairs = zip(normed(entropy, [x], x.dtype, "cuda"), normed(entropy, [x], x.dtype, "cpu"), strict=True)
        for got, wanted in pairs:
            assert got.dtype is wanted.dtype and got.shape == wanted.shape
            assert torch.allclose(got.cpu(), wanted, 1e-9, 1e-10, equal_nan=True), (weighted, reduction, ignored)


@pytest.mark.parametrize("weighted, reduction, ignored, smoothing", WAYS)
def test_the_steps_of_cross_entropy_mean_the_same_on_the_cpu(weighted, reduction, ignored, smoothing):
    x, target = (
        (torch.randn(6, 5), torch.randint(5, (6,))) if ignored > 0 else (torch.randn(6, 5, 2), torch.randint(5, (6, 2)))
    )
    weight = torch.rand(5) + 0.1 if weighted else None
    made = {}
    for device in ("cpu", "cuda"):
        arguments = [None if t is None else t.to(device) for t in (x, target, weight)]
        made[device] = list(ops.entropy(*arguments, reduction, ignored, smoothing))
        grad = torch.ones_like(made[device][0])
        made[device].append(ops.entropy_backward(grad, *arguments, *made[device][1:], reduction, ignored, smoothing))
    for got, wanted in zip(made["cuda"], made["cpu"], strict=True):
        assert torch.allclose(got.cpu(), wanted, 1e-4, 1e-5)


def test_second_derivatives_of_cross_entropy():
    x, target = torch.randn(3, 3, dtype=torch.float64).cuda().requires_grad_(), torch.tensor([0, 2, 1]).cuda()
    assert torch.autograd.gradgradcheck(lambda x: F.cross_entropy(x, target, ignore_index=2, label_smoothing=0.2), (x,))


@pytest.mark.parametrize("wrong", [7, -1])
def test_a_target_out_of_bounds(wrong):
    with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds"):
        F.cross_entropy(torch.zeros(3, 4).cuda(), torch.tensor([0, wrong, 1]).cuda())
