"""What the generated tests share: every public operator with its sample inputs, and how results are compared."""

import warnings

import numpy as np
import pytest

import tritorch as torch
from tritorch.ops._op import REGISTRY
from tritorch.ops._samples import Sample, is_public

PUBLIC = {name: op for name, op in REGISTRY.items() if is_public(op)}
DTYPES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 float8_e4m3fn float8_e5m2 complex64 complex128"
).split()
UNINITIALISED = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided", "new"}
REFUSALS = (RuntimeError, TypeError, ValueError)  # NotImplementedError is a RuntimeError; torch has ValueErrors, too

every_operator = pytest.mark.parametrize("op", [pytest.param(op, id=name) for name, op in PUBLIC.items()])


def run(op, sample, form=None):
    """The outputs of a call, all tensors in one flat list; random operators draw the same numbers every time."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is deprecated or discouraged in torch says so here, too
        if form is None and only_inplace(op):
            result = op.call_(sample.args[0].clone(), *sample.args[1:], **sample.kwargs)
        else:
            result = (form or op.call)(*sample.args, **sample.kwargs)
    return tensors_of(result)


def only_inplace(op):
    """True for operators such as ``zero_``, which have no form out of place."""
    return op.inplace and not op.function and not op.operator and op.method is False


def tensors_of(value):
    """The tensors in a nest of tuples, lists and dicts, in order; other values as they are."""
    if isinstance(value, (tuple, list)):
        return [leaf for x in value for leaf in tensors_of(x)]
    if isinstance(value, dict):
        return tensors_of(list(value.values()))
    return [value]


def mapped(function, value):
    """``value`` with each tensor in it replaced by what ``function`` gives for it."""
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, Sample):
        return Sample(mapped(function, value.args), mapped(function, value.kwargs))
    if isinstance(value, dict):
        return {key: mapped(function, x) for key, x in value.items()}
    if type(value) in (tuple, list):
        return type(value)(mapped(function, x) for x in value)
    return value


def from_array(values):
    return torch._C.wrap(values)


def array(tensor):
    return tensor.detach()._array


def outcome(op, sample, refusals=REFUSALS, form=None):
    """The outputs, or the type of torch's exception; any other exception fails the test that asks."""
    try:
        return run(op, sample, form)
    except refusals as error:
        return type(error)


def assert_same(got, expected, *, values=True, exact=False, tolerance=None):
    """Two outcomes agree: shapes and dtypes, and values to a few roundings (or to the bit)."""
    if isinstance(expected, type) or isinstance(got, type):
        assert got == expected
        return
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        if not isinstance(b, torch.Tensor):
            assert a == b or a != a
            continue
        assert a.shape == b.shape and a.dtype == b.dtype, f"{a.dtype}{tuple(a.shape)}, {b.dtype}{tuple(b.shape)}"
        if not values:
            continue
        if exact:
            assert array(a).tobytes() == array(b).tobytes()
        else:
            assert_close(array(a), array(b), tolerance)


def assert_close(a, b, tolerance=None):
    if a.dtype.kind not in "fcV":
        np.testing.assert_array_equal(a, b)
        return
    size = a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1)
    rtol = tolerance or {1: 0.2, 2: 2e-2, 4: 2e-5, 8: 1e-10}[size]
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    a, b = a.astype(wide), b.astype(wide)
    finite = np.abs(b[np.isfinite(b)])
    np.testing.assert_allclose(a, b, rtol, atol=rtol * (finite.max() if finite.size else 1))
