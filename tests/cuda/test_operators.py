"""Every public operator on a device: the same results, gradients and errors as on the CPU.

The CPU's own results are held against NumPy, torch's samples and finite differences elsewhere; here they are the
reference. Random operators draw the same numbers on both from the same seed.
"""

import warnings

import numpy as np
import pytest

import tritorch as torch
from tritorch.ops._op import REGISTRY
from tritorch.ops._samples import Sample, is_public, own_dtype, samples_of

PUBLIC = {name: op for name, op in REGISTRY.items() if is_public(op)}
REFUSALS = (RuntimeError, TypeError, ValueError, IndexError)
UNINITIALISED = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided", "new"}
ROUNDING = {"float8_e4m3fn": 0.2, "float8_e5m2": 0.3, "float16": 4e-3, "bfloat16": 3e-2, "float32": 3e-5, "float64": 1e-9}

every_operator = pytest.mark.parametrize("op", [pytest.param(op, id=name) for name, op in PUBLIC.items()])


def mapped(function, value):
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, Sample):
        return Sample(mapped(function, value.args), mapped(function, value.kwargs))
    if isinstance(value, dict):
        return {key: mapped(function, x) for key, x in value.items()}
    if isinstance(value, torch.device):
        return torch.device("cuda")
    return type(value)(mapped(function, x) for x in value) if type(value) in (tuple, list) else value


def leaves(value):
    """The tensors and other values in a nest, in order."""
    if isinstance(value, dict):
        return leaves(list(value.values()))
    return [leaf for x in value for leaf in leaves(x)] if isinstance(value, (tuple, list)) else [value]


def placed(x, layout):
    """A twin of x on the device, in memory of another layout."""
    x, differs = x.detach(), x.requires_grad
    if layout == "gaps" and x.ndim:
        x = torch.stack([x, x], -1).flatten(-2).cuda()[..., ::2]
    elif layout == "permuted":
        order = list(range(x.ndim))[::-1]
        x = x.permute(order).contiguous().cuda().permute(order)
    else:
        x = x.cuda()
    return x.requires_grad_(differs)


def run(op, sample, device):
    """What a call gives, as a flat list, or the exception that it raises."""
    torch.manual_seed(0)
    args, kwargs = sample
    created = not any(isinstance(x, torch.Tensor) for x in leaves(sample)) and any(a.name == "device" for a in op.args)
    if created:
        kwargs = kwargs | {"device": device}
    only_inplace = op.inplace and not op.function and not op.operator and op.method is False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if only_inplace:
                return leaves(op.call_(args[0].clone(), *args[1:], **kwargs))
            return leaves(op.call(*args, **kwargs))
    except REFUSALS as error:
        return error


def assert_same(got, expected, values=True):
    assert isinstance(got, torch.Tensor) == isinstance(expected, torch.Tensor)
    if not isinstance(expected, torch.Tensor):
        assert got == expected or got != got or "cuda" in str(got)
        return
    assert got.dtype is expected.dtype and got.shape == expected.shape
    if not values or not got.numel():
        return
    a, b = got.detach().cpu(), expected.detach().cpu()
    if not b.is_floating_point() and not b.is_complex():
        assert a.tolist() == b.tolist()
        return
    limit = ROUNDING.get(str(b.dtype).partition(".")[2], 1e-4)
    a, b = (x.numpy() if x.is_complex() else x.double().numpy() for x in (a, b))
    finite = np.abs(b[np.isfinite(b)])
    np.testing.assert_allclose(a, b, limit, limit * (finite.max() if finite.size else 1))


def backward(outputs, inputs):
    """The gradients of the outputs' sum, weighted so that no two elements count alike."""
    roots = [x for x in outputs if isinstance(x, torch.Tensor) and x.requires_grad]
    weights = [
        torch.linspace(0.5, 1.5, x.numel(), dtype=x.dtype).reshape(x.shape).to(x.device) if x.numel() else x.detach()
        for x in roots
    ]
    return torch.autograd.grad(roots, inputs, weights, allow_unused=True) if roots and inputs else ()


def compare(op, sample, layout="contiguous", gradients=False):
    """Runs a call on both; False where the device has no kernel for the operator, which its error says."""
    expected = run(op, sample, "cpu")
    if isinstance(expected, BaseException) and not isinstance(expected, NotImplementedError):
        twin = mapped(lambda x: placed(x, layout), sample)
        got = run(op, twin, "cuda")
        assert isinstance(got, (type(expected), NotImplementedError)), (got, expected)
        return True
    twin = mapped(lambda x: placed(x, layout), sample)
    got = run(op, twin, "cuda")
    if isinstance(got, NotImplementedError):
        assert "cuda" in str(got), got
        return False
    if isinstance(got, BaseException):
        raise got
    if isinstance(expected, BaseException):
        raise expected
    values = op.__name__ not in UNINITIALISED
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        assert_same(a, b, values)
    if gradients:
        wanted = [x for x in leaves(sample) if isinstance(x, torch.Tensor) and x.requires_grad]
        here = [x for x in leaves(twin) if isinstance(x, torch.Tensor) and x.requires_grad]
        try:
            reference = backward(expected, wanted)
        except REFUSALS:
            return True
        try:
            for a, b in zip(backward(got, here), reference, strict=True):
                assert (a is None) == (b is None)
                if b is not None:
                    assert_same(a, b, values)
        except NotImplementedError as error:
            assert "cuda" in str(error), error
            return False
    return True


@every_operator
def test_values_and_gradients(op):
    outcomes = {compare(op, sample, gradients=True) for sample in samples_of(op, requires_grad=True)}
    assert outcomes <= {op.__name__ not in WITHOUT_KERNEL}


@every_operator
@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "int64", "bool"])
def test_dtypes(op, dtype):
    if getattr(torch, dtype) is own_dtype(op) or op.__name__ in WITHOUT_KERNEL:
        return
    for sample in samples_of(op, getattr(torch, dtype))[:2]:
        compare(op, sample)


@every_operator
@pytest.mark.parametrize("layout", ["gaps", "permuted"])
def test_layouts(op, layout):
    if op.__name__ not in WITHOUT_KERNEL:
        compare(op, samples_of(op)[0], layout)


@every_operator
def test_empty(op):
    if op.__name__ not in WITHOUT_KERNEL:
        compare(op, mapped(lambda x: x[..., :0] if x.ndim else x, samples_of(op)[0]))


@every_operator
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity(op, value):
    def poisoned(x):
        return x.masked_fill(torch.arange(x.numel()).reshape(x.shape) == 0, value) if x.is_floating_point() else x

    if op.__name__ not in WITHOUT_KERNEL:
        compare(op, mapped(poisoned, samples_of(op)[0]))


WITHOUT_KERNEL: set = set()
