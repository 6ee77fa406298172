"""Reductions and softmax on the device, against their meaning on the CPU."""

import numpy as np
import pytest

import tritorch

NAMES = "sum prod all any count_nonzero amax amin argmax argmin logsumexp mean max min nansum".split()
nan, inf = float("nan"), float("inf")


def inputs():
    make = tritorch.manual_seed(0) and tritorch.randn
    return {
        "float32": make(3, 5, 7), "permuted": make(7, 5, 3).permute(2, 1, 0), "strided": make(6, 8)[::2, 1::3],
        "int64": (make(4, 6) * 5).to(tritorch.int64), "bool": make(4, 5) > 0, "float16": make(4, 5).half(),
        "bfloat16": make(4, 5).bfloat16(), "float64": make(4, 5).double(), "uint8": (make(4, 5).abs() * 9).byte(),
        "special": tritorch.tensor([[1.0, nan, 3.0], [inf, 2.0, -inf], [-inf, -inf, -inf]]),
        "scalar": tritorch.tensor(3.0), "expanded": make(4, 1).expand(4, 3), "one": make(1, 1, 1),
    }  # fmt: skip


INPUTS = inputs()


def same(got, wanted, tolerance=1e-5):
    assert got.is_cuda and got.dtype is wanted.dtype and got.shape == wanted.shape
    np.testing.assert_allclose(
        got.cpu().double().numpy(), wanted.double().numpy(), rtol=tolerance, atol=tolerance, equal_nan=True
    )


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", NAMES)
def test_reductions(name, kind):
    x = INPUTS[kind]
    for dim in (None, *range(x.ndim)):
        if (name in ("logsumexp", "mean") and not x.is_floating_point()) or (name == "logsumexp" and dim is None):
            continue
        if kind == "bool" and name.startswith("arg"):
            continue
        args = () if dim is None else (dim,)
        wanted, got = getattr(x, name)(*args), getattr(x.cuda(), name)(*args)
        pairs = zip(got, wanted, strict=True) if isinstance(wanted, tuple) else [(got, wanted)]
        for g, w in pairs:
            same(g, w, 1e-2 if w.dtype in (tritorch.float16, tritorch.bfloat16) else 1e-5)


@pytest.mark.parametrize("name", ["sum", "amax", "argmin"])
def test_many_elements_are_split_among_programs_and_give_the_same_every_time(name):
    x = tritorch.randn(300_000)
    got = getattr(x.cuda(), name)()
    same(got, getattr(x, name)(), 1e-4)
    assert getattr(x.cuda(), name)().item() == got.item()


@pytest.mark.parametrize(("shape", "dim"), [((3, 5, 7), 1), ((3, 5, 7), -1), ((2, 70_000), 1), ((6,), 0), ((), 0)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_and_its_gradient(name, shape, dim):
    x = tritorch.randn(*shape, requires_grad=True)
    y = x.detach().cuda().requires_grad_()
    grad = tritorch.randn(*shape)
    wanted, got = getattr(x, name)(dim), getattr(y, name)(dim)
    same(got.detach(), wanted.detach())
    wanted.backward(grad)
    got.backward(grad.cuda())
    same(y.grad, x.grad)


def test_empty_reductions():
    x = tritorch.ones(0, 3).cuda()
    assert x.sum().item() == 0 and x.sum(0).tolist() == [0, 0, 0] and x.prod(0).tolist() == [1, 1, 1]
    assert x.sum(1).shape == (0,)
    with pytest.raises(IndexError, match="amax"):
        x.amax(0)
