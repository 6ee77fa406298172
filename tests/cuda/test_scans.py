"""Scans on the device, against the CPU's: any dim, any strides, long rows that are split among programs."""

import numpy as np
import pytest

import tritorch

NAMES = "cumsum cumprod cummax cummin logcumsumexp".split()
nan, inf = float("nan"), float("inf")


def inputs():
    make = tritorch.manual_seed(0) and tritorch.randn
    return {
        "float32": make(3, 5, 7), "permuted": make(7, 5, 3).permute(2, 1, 0), "strided": make(6, 8)[::2, 1::3],
        "float64": make(4, 5).double(), "bfloat16": make(4, 5).bfloat16(), "float16": make(4, 5).half(),
        "int64": (make(4, 6) * 5).to(tritorch.int64), "uint8": (make(4, 5).abs() * 9).byte(), "bool": make(4, 5) > 0,
        "special": tritorch.tensor([[1.0, nan, 3.0], [inf, 2.0, -inf], [-inf, -inf, -inf]]),
        "zeros": tritorch.tensor([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]]), "equal": tritorch.ones(3, 9),
        "scalar": tritorch.tensor(3.0), "expanded": make(4, 1).expand(4, 3), "empty": make(3, 0, 2),
    }  # fmt: skip


INPUTS = inputs()


def same(got, wanted, tolerance=1e-5):
    assert got.is_cuda and got.dtype is wanted.dtype and got.shape == wanted.shape
    tolerance = {"tritorch.bfloat16": 2e-2, "tritorch.float16": 4e-3}.get(str(wanted.dtype), tolerance)
    np.testing.assert_allclose(
        got.cpu().double().numpy(), wanted.double().numpy(), rtol=tolerance, atol=tolerance, equal_nan=True
    )


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", NAMES)
def test_scans_and_their_gradients(name, kind):
    x = INPUTS[kind]
    if name == "logcumsumexp" and not x.is_floating_point():
        return
    for dim in range(-1, x.ndim):
        both = []
        for place in (x.cuda(), x):
            place = place.detach().requires_grad_(x.is_floating_point())
            out = getattr(place, name)(dim)
            results = list(out) if isinstance(out, tuple) else [out]
            if place.requires_grad:
                weights = tritorch.linspace(0.5, 2, x.numel()).reshape(x.shape).to(results[0])
                results += tritorch.autograd.grad(results[0], place, weights)
            both.append([r.detach() for r in results])
        for got, wanted in zip(*both, strict=True):
            same(got, wanted)


@pytest.mark.parametrize(("shape", "dim"), [((400_000,), 0), ((3, 200_001), 1), ((70_000, 3), 0)])
@pytest.mark.parametrize("name", ["cumsum", "cummax"])
def test_long_rows_are_split_among_programs_and_give_the_same_every_time(name, shape, dim):
    x = tritorch.manual_seed(1) and tritorch.randn(shape)
    there, here = (getattr(place, name)(dim) for place in (x.cuda(), x.double()))
    again = getattr(x.cuda(), name)(dim)
    if name == "cumsum":
        same(there.double(), here, 1e-3)
        assert there.equal(again)
    else:
        same(there[0].double(), here[0])
        assert there[1].cpu().equal(here[1]) and there[1].equal(again[1])
