"""Printing: torch's layout, character by character. The expected texts are torch's own, but for the library's name."""

from types import SimpleNamespace

import numpy as np
import pytest

from tritorch import _print, dtypes
from tritorch.dtypes import PUBLIC
from tritorch.runtime.device import cpu, device

nan, inf = np.nan, np.inf


@pytest.fixture(autouse=True)
def _options():
    yield
    _print.set_printoptions(profile="default")
    dtypes.set_default_dtype(dtypes.float32)


def show(data, kind=None, where=cpu, requires_grad=False, grad_fn=None, prefix="tensor("):
    array = np.asarray(data)
    if kind is None:
        kind = {"f": "float32", "i": "int64", "b": "bool", "c": "complex64"}[array.dtype.kind]
    array = array.astype(PUBLIC[kind].np)
    node = grad_fn and SimpleNamespace(name=lambda: grad_fn)
    tensor = SimpleNamespace(
        dtype=PUBLIC[kind], shape=array.shape, device=where, requires_grad=requires_grad, grad_fn=node
    )
    return _print.tensor_repr(tensor, array, prefix)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (3.5, "tensor(3.5000)"),
        (True, "tensor(True)"),
        (7, "tensor(7)"),
        (1.5 + 2j, "tensor(1.5000+2.j)"),
        ([1.0, 2.0, 3.0], "tensor([1., 2., 3.])"),
        ([1.5, -2.25, 1000.0], "tensor([   1.5000,   -2.2500, 1000.0000])"),
        ([1, -200, 3], "tensor([   1, -200,    3])"),
        ([True, False], "tensor([ True, False])"),
        ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
        ([1e9, 1.0], "tensor([1.0000e+09, 1.0000e+00])"),
        ([0.1, 0.01, 0.001], "tensor([0.1000, 0.0100, 0.0010])"),
        ([99999999.0, 1.0], "tensor([1.0000e+08, 1.0000e+00])"),
        ([0.0, nan, inf, -inf], "tensor([0., nan, inf, -inf])"),
        ([1.5, nan, inf], "tensor([1.5000,    nan,    inf])"),
        ([1.0, nan, -inf], "tensor([1., nan, -inf])"),
        ([[-0.0, -0.0]], "tensor([[-0., -0.]])"),
        ([2**63 - 1, -1], "tensor([9223372036854775807,                  -1])"),
        ([1 + 2j, -0.5 - 100j], "tensor([ 1.0000+2.j, -0.5000-100.j])"),
        ([[1.0, 2.0], [3.0, 4.0]], "tensor([[1., 2.],\n        [3., 4.]])"),
        (
            np.zeros((2, 2, 2)),
            "tensor([[[0., 0.],\n         [0., 0.]],\n\n        [[0., 0.],\n         [0., 0.]]])",
        ),
        (np.zeros((2, 1, 1, 2)), "tensor([[[[0., 0.]]],\n\n\n        [[[0., 0.]]]])"),
        ([], "tensor([])"),
        (np.zeros((0, 3)), "tensor([], size=(0, 3))"),
        (
            range(30),
            "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
            "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])",
        ),
        (range(2000), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
        (
            np.arange(2000).reshape(50, 40),
            "tensor([[   0,    1,    2,  ...,   37,   38,   39],\n"
            "        [  40,   41,   42,  ...,   77,   78,   79],\n"
            "        [  80,   81,   82,  ...,  117,  118,  119],\n"
            "        ...,\n"
            "        [1880, 1881, 1882,  ..., 1917, 1918, 1919],\n"
            "        [1920, 1921, 1922,  ..., 1957, 1958, 1959],\n"
            "        [1960, 1961, 1962,  ..., 1997, 1998, 1999]])",
        ),
    ],
)
def test_layout(data, text):
    assert show(data) == text


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        ([1, 2], "int32", "tensor([1, 2], dtype=tritorch.int32)"),
        ([1.0, 2.0], "float64", "tensor([1., 2.], dtype=tritorch.float64)"),
        ([1.5, 2.0], "bfloat16", "tensor([1.5000, 2.0000], dtype=tritorch.bfloat16)"),
        ([1.5, 2.0], "float16", "tensor([1.5000, 2.0000], dtype=tritorch.float16)"),
        ([1.5, 448.0], "float8_e4m3fn", "tensor([  1.5000, 448.0000], dtype=tritorch.float8_e4m3fn)"),
        ([1.5, inf], "float8_e5m2", "tensor([1.5000,    inf], dtype=tritorch.float8_e5m2)"),
        ([1e-320, 1.0], "float64", "tensor([9.9999e-321,  1.0000e+00], dtype=tritorch.float64)"),
        ([1 + 2j, -3 - 100j], "complex128", "tensor([ 1.+2.j, -3.-100.j], dtype=tritorch.complex128)"),
        ([], "int64", "tensor([], dtype=tritorch.int64)"),
        (np.zeros((2, 0)), "float64", "tensor([], size=(2, 0), dtype=tritorch.float64)"),
    ],
)
def test_dtypes(data, kind, text):
    assert show(data, kind) == text


def test_the_default_dtype_goes_without_saying():
    dtypes.set_default_dtype(dtypes.float64)
    assert show([1.0], "float64") == "tensor([1.])"
    assert show([1.0], "float32") == "tensor([1.], dtype=tritorch.float32)"
    assert show([1j], "complex128") == "tensor([0.+1.j])"
    assert show([1j], "complex64") == "tensor([0.+1.j], dtype=tritorch.complex64)"


def test_suffixes():
    assert show([-1.0, 2.0], requires_grad=True) == "tensor([-1.,  2.], requires_grad=True)"
    assert show([1.0], requires_grad=True, grad_fn="MulBackward0") == "tensor([1.], grad_fn=<MulBackward0>)"
    assert show([1.0], grad_fn="torch::autograd::CopySlices") == "tensor([1.], grad_fn=<CopySlices>)"
    assert show([1.0], where=device("cuda:1")) == "tensor([1.], device='cuda:1')"
    assert show([1.0, 2.0], prefix="Masked(") == "Masked([1., 2.])"
    assert show(np.arange(12) * 1.25, "float64", requires_grad=True, grad_fn="MulBackward0") == (
        "tensor([ 0.0000,  1.2500,  2.5000,  3.7500,  5.0000,  6.2500,  7.5000,  8.7500,\n"
        "        10.0000, 11.2500, 12.5000, 13.7500], dtype=tritorch.float64,\n"
        "       grad_fn=<MulBackward0>)"
    )


def test_a_history_that_cannot_be_had():
    class Broken:
        dtype, shape, device = dtypes.float32, (1,), cpu
        requires_grad = True

        @property
        def grad_fn(self):
            raise RuntimeError("a view made under no_grad was written")

    assert _print.tensor_repr(Broken(), np.ones(1)) == "Broken([1.], grad_fn=<Invalid>)"


@pytest.mark.parametrize(
    ("options", "data", "text"),
    [
        ({"precision": 2}, [1.12345, 2.0], "tensor([1.12, 2.00])"),
        ({"threshold": 5}, range(10), "tensor([0, 1, 2,  ..., 7, 8, 9])"),
        ({"threshold": 5, "edgeitems": 1}, range(10), "tensor([0,  ..., 9])"),
        ({"threshold": 5, "edgeitems": 0}, range(10), "tensor([...], size=(10,))"),
        ({"sci_mode": True}, [1.5, 2.0], "tensor([1.5000e+00, 2.0000e+00])"),
        ({"sci_mode": False}, [1e-5, 1.0], "tensor([0.0000, 1.0000])"),
        ({"linewidth": 20}, range(5), "tensor([0, 1, 2, 3,\n        4])"),
        ({"profile": "short"}, [1.12345], "tensor([1.12])"),
        ({"profile": "short", "precision": 3}, [1.12345], "tensor([1.123])"),
    ],
)
def test_options(options, data, text):
    with _print.printoptions(**options):
        assert show(data) == text
    assert _print.get_printoptions() == {
        "precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None,
    }  # fmt: skip


def test_full_profile_prints_everything():
    _print.set_printoptions(profile="full")
    assert show(range(1500)).count(",") == 1499


def test_what_is_not_shown_does_not_set_the_format():
    data = np.ones(2000)
    data[1000] = 1e12
    assert show(data) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"
