"""An operator on a device against itself on the CPU: values, gradients, errors; simulated or real."""

import warnings
from typing import Any

import numpy as np

from .. import _api as tt
from ..autograd import grad
from ..ops._samples import Sample
from ..random import manual_seed
from ..runtime.device import device as Device
from ..tensor import Tensor
from .calls import mapped, only_inplace, tensors_of

__all__ = ["agrees", "on_device", "placed", "poisoned"]

REFUSALS = (RuntimeError, TypeError, ValueError, IndexError)
ROUNDING = {
    "float8_e4m3fn": 0.2,
    "float8_e5m2": 0.3,
    "float16": 4e-3,
    "bfloat16": 3e-2,
    "float32": 3e-5,
    "float64": 1e-9,
}


def on_device(function: Any, value: Any) -> Any:
    """``value`` with each tensor in it replaced by what ``function`` gives for it, and each device by cuda."""
    if isinstance(value, Sample):
        return Sample(on_device(function, value.args), on_device(function, value.kwargs))
    if isinstance(value, dict):
        return {key: on_device(function, x) for key, x in value.items()}
    if isinstance(value, Device):
        return Device("cuda")
    if type(value) in (tuple, list):
        return type(value)(on_device(function, x) for x in value)
    return mapped(function, value)


def placed(x: Tensor, layout: str = "contiguous") -> Tensor:
    """A twin of x on the device, in memory of another layout."""
    x, differs = x.detach(), x.requires_grad
    if layout == "gaps" and x.ndim:
        x = tt.stack([x, x], -1).flatten(-2).cuda()[..., ::2]
    elif layout == "permuted":
        order = list(range(x.ndim))[::-1]
        x = x.permute(order).contiguous().cuda().permute(order)
    else:
        x = x.cuda()
    return x.requires_grad_(differs)


def poisoned(value: float) -> Any:
    """What makes of a tensor a copy whose first element is ``value``."""

    def plant(x):
        return x.masked_fill(tt.arange(x.numel()).reshape(x.shape) == 0, value) if x.is_floating_point() else x

    return plant


def _run(op, sample, device):
    """What a call gives, as a flat list, or the exception that it raises."""
    manual_seed(0)
    args, kwargs = sample
    created = not any(isinstance(x, Tensor) for x in tensors_of([list(args), kwargs]))
    if created and any(a.name == "device" for a in op.public_args()):
        kwargs = kwargs | {"device": device}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if only_inplace(op):
                return tensors_of(op.call_(args[0].clone(), *args[1:], **kwargs))
            return tensors_of(op.call(*args, **kwargs))
    except REFUSALS as error:
        return error


def _assert_same(got, expected, values=True, limit=0.0):
    assert isinstance(got, Tensor) == isinstance(expected, Tensor), f"{got!r}, expected {expected!r}"
    if not isinstance(expected, Tensor):
        assert got == expected or got != got or "cuda" in str(got), f"{got!r}, expected {expected!r}"
        return
    assert got.dtype is expected.dtype and got.shape == expected.shape, (
        f"{got.dtype}{tuple(got.shape)}, expected {expected.dtype}{tuple(expected.shape)}"
    )
    if not values or not got.numel():
        return
    a, b = got.detach().cpu(), expected.detach().cpu()
    if not b.is_floating_point() and not b.is_complex():
        assert a.tolist() == b.tolist()
        return
    limit = max(limit, _rounding(b))
    a, b = (x.numpy() if x.is_complex() else x.double().numpy() for x in (a, b))
    finite = np.abs(b[np.isfinite(b)])
    np.testing.assert_allclose(a, b, limit, limit * (finite.max() if finite.size else 1))


def _rounding(x):
    return ROUNDING.get(str(x.dtype).partition(".")[2], 1e-4) if x.is_floating_point() else 1e-4 * x.is_complex()


def _backward(outputs, inputs):
    """The gradients of the outputs' sum, weighted so that no two elements count alike."""
    roots = [x for x in outputs if isinstance(x, Tensor) and x.requires_grad]
    weights = [
        tt.linspace(0.5, 1.5, x.numel(), dtype=x.dtype).reshape(x.shape).to(x.device) if x.numel() else x.detach()
        for x in roots
    ]
    return grad(roots, inputs, weights, allow_unused=True) if roots and inputs else ()


def agrees(op: Any, sample: Sample, layout: str = "contiguous", gradients: bool = False, values: bool = True) -> bool:
    """Runs a call on both; False where the device has no kernel for the operator, which its error says.

    Raises:
        AssertionError: where the results, or with :attr:`gradients` the gradients, are not the same.
    """
    twin = on_device(lambda x: placed(x, layout), sample)  # before a call that writes in place
    expected = _run(op, sample, "cpu")
    got = _run(op, twin, "cuda")
    if isinstance(expected, BaseException):
        assert isinstance(got, (type(expected), NotImplementedError)), (got, expected)
        return True
    if isinstance(got, NotImplementedError):
        assert "cuda" in str(got), got
        return False
    if isinstance(got, BaseException):
        raise got
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        _assert_same(a, b, values)
    return not gradients or _gradients_agree((got, twin), (expected, sample), values)


def _gradients_agree(there, here, values):
    (got, twin), (expected, sample) = there, here
    wanted, given = (
        [x for x in tensors_of([list(s.args), s.kwargs]) if isinstance(x, Tensor) and x.requires_grad]
        for s in (sample, twin)
    )
    try:
        reference = _backward(expected, wanted)
    except REFUSALS:
        return True
    try:
        for a, b in zip(_backward(got, given), reference, strict=True):
            assert (a is None) == (b is None), "a gradient is missing"
            if b is not None:
                _assert_same(a, b, values, max(map(_rounding, wanted)))  # a sum in the coarser dtype
    except NotImplementedError as error:
        assert "cuda" in str(error), error
        return False
    return True
