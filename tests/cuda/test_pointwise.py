"""Pointwise operators on a device: every one that has a formula for it, against its own slot for the CPU."""

import itertools
import math

import numpy as np
import pytest

import tritorch as torch
from tritorch.ops._elementwise import Elementwise
from tritorch.ops._op import REGISTRY
from tritorch.ops._samples import is_public, samples_of
from tritorch.ops._schema import MISSING

DTYPES = "float32 float64 float16 bfloat16 int64 int32 uint8 bool".split()
OPERATORS = {name: op for name, op in REGISTRY.items() if issubclass(op, Elementwise) and op.cuda is not None}
DIVISIONS = {"floor_divide", "trunc_divide", "remainder", "fmod"}  # of integers by zero a GPU makes anything
NAN, INF = math.nan, math.inf
FLOATS = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-30, 7e4, 1e30, 30.0, -30.0]
ROUNDING = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 3e-6, "float64": 1e-11}

every_operator = pytest.mark.parametrize("op", [pytest.param(op, id=name) for name, op in OPERATORS.items()])


def mapped(function, value):
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, (tuple, list)):
        return [mapped(function, x) for x in value]
    return {k: mapped(function, x) for k, x in value.items()} if isinstance(value, dict) else value


def call(op, args, kwargs):
    """What the operator gives, or the type of its refusal."""
    try:
        return op.call(*args, **kwargs)
    except (RuntimeError, TypeError, ValueError) as error:
        return type(error)


def assert_same(op, got, expected, scale=1.0):
    if isinstance(expected, type) or isinstance(got, type):
        assert got is expected, (got, expected)
        return
    assert got.dtype is expected.dtype and got.shape == expected.shape and got.is_cuda
    a, b = got.cpu().detach(), expected.detach()
    if not b.is_floating_point():
        assert a.tolist() == b.tolist()
        return
    a, b = a.double().numpy(), b.double().numpy()
    finite = np.abs(b[np.isfinite(b)])
    limit = ROUNDING[str(got.dtype).partition(".")[2]] * scale
    least = 1e-3 * limit * (finite.max() if finite.size else 1)
    np.testing.assert_allclose(a, b, limit, max(least, 1e-44), err_msg=op.path)


def check(op, args, kwargs, place=torch.Tensor.cuda):
    expected = call(op, args, kwargs)
    if isinstance(expected, type) and expected is not NotImplementedError:
        return
    assert_same(op, call(op, mapped(place, args), mapped(place, kwargs)), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@every_operator
def test_values(op, dtype):
    if not is_public(op) and not getattr(torch, dtype).is_floating_point:
        return
    for sample in samples_of(op, getattr(torch, dtype)):
        if "int" in dtype and op.__name__ in (*DIVISIONS, "div"):
            sample = sample._replace(args=[sample.args[0], mapped(lambda x: x.abs() + 1, sample.args[1])])
        check(op, *sample)


@every_operator
def test_edges(op):
    """Infinities, NaN, zeros of both signs, and the ends of integers, in all pairs."""
    if any(not a.is_tensor and a.default is MISSING for a in op.args) or "condition" in op.keep:
        return
    count = sum(a.is_tensor for a in op.args)
    if count > 2 or op.__name__ == "clamp":
        return
    for dtype in ("float32", "float64", "int32", "uint8"):
        kind = getattr(torch, dtype)
        if kind.is_floating_point:
            values = [x for x in FLOATS if not (x > 30 and "polynomial" in op.__name__)]  # as many steps as the degree
        elif not is_public(op) or "polynomial" in op.__name__:
            continue
        else:
            limits = torch.iinfo(kind)
            values = [limits.max, limits.max - 1, 0, 1, 2, 7, 31, *([-1, -2, limits.min + 1] if limits.min else [])]
        values = torch.tensor(values, dtype=kind)
        if count == 1:
            check(op, [values], {})
            continue
        second = values[values != 0] if not kind.is_floating_point and op.__name__ in (*DIVISIONS, "div") else values
        check(op, [values[:, None].contiguous(), second], {})


def gaps(x):
    if not x.ndim:
        return x.cuda()
    return torch.stack([x, x], -1).flatten(-2).cuda()[..., ::2]


def turned(x):
    order = list(range(x.ndim))[::-1]
    return x.permute(order).contiguous().cuda().permute(order)


def repeated(x):
    return x.cuda() if x.ndim < 2 else x.cuda()[None].expand(2, *x.shape)


@every_operator
def test_layouts(op):
    for place in (gaps, turned):
        for sample in samples_of(op):
            check(op, *sample, place)
    args, kwargs = samples_of(op)[0]
    plain, stacked = call(op, args, kwargs), call(op, mapped(repeated, args), mapped(repeated, kwargs))
    assert stacked[1].cpu().numpy() == pytest.approx(plain.numpy(), rel=1e-5, nan_ok=True)


@every_operator
def test_empty(op):
    for sample in samples_of(op):
        check(op, mapped(lambda x: x[..., :0] if x.ndim else x, sample.args), sample.kwargs)


def sources(op):
    return {name for _, function, _ in op.derivatives for name in function.__code__.co_names}


@every_operator
def test_gradients(op):
    if (
        not op.derivatives
        or op.result == "bool"
        or (REGISTRY["zeros_like"].cuda is None and "zeros_like" in sources(op))
    ):
        return
    for args, kwargs in samples_of(op, torch.float64, requires_grad=True):
        leaves = [x for x in (*args, *kwargs.values()) if isinstance(x, torch.Tensor) and x.requires_grad]
        device = mapped(lambda x: x.detach().cuda().requires_grad_(x.requires_grad), [args, kwargs])
        placed = [x for x in (*device[0], *device[1].values()) if isinstance(x, torch.Tensor) and x.requires_grad]
        out = call(op, args, kwargs)
        if isinstance(out, type) or not out.requires_grad:
            continue
        weights = torch.linspace(0.5, 1.5, max(out.numel(), 1), dtype=torch.float64)[: out.numel()].reshape(out.shape)
        try:
            out.backward(weights)
        except RuntimeError as error:
            assert "not implemented" in str(error)
            continue
        call(op, *device).backward(weights.cuda())
        for x, y in zip(leaves, placed, strict=True):
            assert (x.grad is None) == (y.grad is None)
            if x.grad is not None:
                assert_same(op, y.grad, x.grad)


def test_most_operators_have_a_formula():
    without = [n for n, op in REGISTRY.items() if issubclass(op, Elementwise) and op.cuda is None]
    assert without == []


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_mantissas_and_exponents(dtype):
    x = torch.tensor([8.0, -0.75, 0.0, INF, NAN, 1e-5, -3.25], dtype=getattr(torch, dtype))
    for got, expected in zip(torch.frexp(x.cuda()), torch.frexp(x), strict=True):
        assert_same(REGISTRY["frexp"], got, expected)


def test_masked_fill():
    x, mask = torch.arange(12.0).reshape(3, 4), torch.tensor([True, False, True, False])
    for value in (7, torch.tensor(2.5)):
        expected = x.masked_fill(mask, value)
        placed = value if isinstance(value, int) else value.cuda()
        assert x.cuda().masked_fill(mask.cuda(), placed).tolist() == expected.tolist()
        assert x.cuda().masked_fill_(mask.cuda(), placed).tolist() == expected.tolist()
    with pytest.raises(RuntimeError, match="only supports boolean masks"):
        x.cuda().masked_fill(x.cuda(), 0)


def test_numbers_that_the_dtype_does_not_hold():
    x = torch.tensor([1, 44, 255], dtype=torch.uint8).cuda()
    for number, operator in itertools.product((300, -1, 44), ("eq", "ne", "lt", "le", "gt", "ge")):
        assert getattr(x, operator)(number).tolist() == getattr(x.cpu(), operator)(number).tolist()
    assert (x == True).tolist() == [True, False, False]  # noqa: E712


def test_in_place_and_out():
    x = torch.arange(6.0).reshape(2, 3).cuda()
    address = x.data_ptr()
    x.t().mul_(2.0).clamp_(max=6)
    assert x.tolist() == [[0.0, 2.0, 4.0], [6.0, 6.0, 6.0]] and x.data_ptr() == address
    out = torch.empty(2, 3, device="cuda")
    assert torch.exp(x, out=out) is out and out.cpu().numpy() == pytest.approx(np.exp(x.cpu().numpy()), rel=1e-6)
