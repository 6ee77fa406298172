"""assert_close and make_tensor: torch's verdicts and torch's texts (recorded from torch 2.13)."""

import math

import numpy as np
import pytest

import tritorch as torch
from tritorch.testing import assert_close, make_tensor

T = torch.tensor
NAN, INF = math.nan, math.inf

CLOSE = {
    "tensors": (T([1.0, 2.0]), T([1.0, 2.000001]), {}),
    "numbers of other types": (1.0, 1, {"check_dtype": False}),
    "NaN": (T([NAN]), T([NAN]), {"equal_nan": True}),
    "infinity": (T([INF]), T([INF]), {}),
    "NumPy's numbers": (np.float32(1), 1.0, {}),
    "empty": (torch.zeros(0), torch.zeros(0), {}),
    "a parameter": (torch.nn.Parameter(torch.ones(1)), torch.ones(1), {}),
    "another dtype": (T([1]), T([1.0]), {"check_dtype": False}),
    "half": (torch.ones(2).half(), torch.ones(2).half() * 1.0005, {}),
    "nests": ([{"a": (1, T(1.0))}], ({"a": [1, T(1.0)]},), {}),
    "None": (None, None, {}),
    "large integers": (2**70, 2**70, {}),
    "arrays": (np.ones(3), np.ones(3), {}),
}


@pytest.mark.parametrize("name", CLOSE)
def test_close(name):
    actual, expected, options = CLOSE[name]
    assert_close(actual, expected, **options)


GREATEST = "Greatest {} difference: {} at index {} (up to {} allowed)".format
FAR = {
    "values": (
        (T([1.0, 2.0]), T([1.0, 4.0]), {}),
        "Tensor-likes are not close!\n\nMismatched elements: 1 / 2 (50.0%)\n"
        + GREATEST("absolute", 2.0, "(1,)", 1e-05) + "\n" + GREATEST("relative", 0.5, "(1,)", 1.3e-06),
    ),
    "integers": (
        (T([1, 2]), T([1, 5]), {}),
        "Tensor-likes are not equal!\n\nMismatched elements: 1 / 2 (50.0%)\n"
        "Greatest absolute difference: 3 at index (1,)\nGreatest relative difference: 0.6000000238418579 at index (1,)",
    ),
    "a scalar": (
        (T(1.0), T(2.0), {}),
        "Scalars are not close!\n\nExpected 2.0 but got 1.0.\nAbsolute difference: 1.0 (up to 1e-05 allowed)\n"
        "Relative difference: 0.5 (up to 1.3e-06 allowed)",
    ),
    "equality": (
        (1e-9, 1e-10, {"rtol": 0, "atol": 0}),
        "Scalars are not equal!\n\nExpected 1e-10 but got 1e-09.\nAbsolute difference: 9.000000000000001e-10\n"
        "Relative difference: 9.0",
    ),
    "NaN": (
        (NAN, NAN, {}),
        "Scalars are not close!\n\nExpected nan but got nan.\nAbsolute difference: nan (up to 1e-07 allowed)\n"
        "Relative difference: nan (up to 1e-07 allowed)",
    ),
    "deep in a nest": (
        ([T(1.0), {"k": 2.0}], [T(1.0), {"k": 3.0}], {}),
        "Scalars are not close!\n\nExpected 3.0 but got 2.0.\nAbsolute difference: 1.0 (up to 1e-07 allowed)\n"
        "Relative difference: 0.3333333333333333 (up to 1e-07 allowed)\n\nThe failure occurred for item [1]['k']",
    ),
    "shape": (
        (T([1.0]), T([1.0, 2.0]), {}),
        "The values for attribute 'shape' do not match: torch.Size([1]) != torch.Size([2]).",
    ),
    "dtype": (
        (T([1.0]), T([1]), {}),
        "The values for attribute 'dtype' do not match: torch.float32 != torch.int64.",
    ),
    "stride": (
        (torch.ones(2, 3).t(), torch.ones(3, 2), {"check_stride": True}),
        "The values for attribute 'stride()' do not match: (1, 3) != (2, 1).",
    ),
    "number types": ((1.0, 1, {}), "The (d)types do not match: <class 'float'> != <class 'int'>."),
    "bools": ((True, False, {}), "Booleans mismatch: True is not False"),
    "None": ((None, 1, {}), "None mismatch: None is not 1"),
    "length": (([1], [1, 2], {}), "The length of the sequences mismatch: 1 != 2"),
    "keys": (
        ({"a": 1, "b": 2}, {"a": 1, "c": 2}, {}),
        "The keys of the mappings do not match:\nMissing keys in the actual mapping: ['c']\n"
        "Additional keys in the actual mapping: ['b']",
    ),
    "float8": (
        (T([1.0, 2.0]).to(torch.float8_e5m2), T([1.0, 3.0]).to(torch.float8_e5m2), {}),
        "Tensor-likes are not 'equal'!\n\nMismatched elements: 1 / 2 (50.0%)\n"
        "The first mismatched element is at index (1,).",
    ),
    "a text of one's own": ((1, 2, {"msg": "no"}), "no"),
    "the text wrapped": ((True, False, {"msg": lambda text: f"<{text}>"}), "<Booleans mismatch: True is not False>"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAR)
def test_what_differs_is_said(name):
    (actual, expected, options), text = FAR[name]
    with pytest.raises(AssertionError) as failure:
        assert_close(actual, expected, **options)
    assert str(failure.value).replace("tritorch.", "torch.") == text


def test_what_cannot_be_compared():
    with pytest.raises(TypeError, match="No comparison pair was able to handle inputs of type"):
        assert_close(T([1.0]), np.array([1.0]))
    with pytest.raises(TypeError, match="No comparison pair"):
        assert_close(torch.nn.Parameter(torch.ones(1)), torch.ones(1), allow_subclasses=False)
    with pytest.raises(ValueError, match="Both 'rtol' and 'atol' must be either specified or omitted, but got no atol"):
        assert_close(T([1.0]), T([1.0]), rtol=1.0)


@pytest.mark.parametrize("name", ["bool", "uint8", "int64", "bfloat16", "float64", "complex64", "float8_e5m2"])
def test_make_tensor(name):
    dtype = getattr(torch, name)
    x = make_tensor(300, dtype=dtype, device="cpu")
    low, high = {"bool": (0, 2), "uint8": (0, 10), "int64": (-9, 10)}.get(name, (-9, 9.001))
    real = torch.view_as_real(x) if dtype.is_complex else x
    values = real.double()
    assert x.dtype is dtype and low <= values.min() and values.max() < high and values.std() > 0.4
    apart = make_tensor((4, 6), dtype=dtype, device="cpu", noncontiguous=True, exclude_zero=True)
    assert apart.shape == (4, 6) and not apart.is_contiguous() and apart.storage_offset() == 1
    if dtype.is_floating_point and dtype.itemsize > 1:
        assert make_tensor(2, dtype=dtype, device="cpu", requires_grad=True).requires_grad
        assert (make_tensor(99, dtype=dtype, device="cpu", low=-INF, high=INF).isfinite()).all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"dtype": torch.int64, "requires_grad": True},
            "`requires_grad=True` is not supported for boolean and integral",
        ),
        ({"dtype": torch.float32, "low": 3, "high": 2}, "`low` must be less than `high`, but got 3 >= 2"),
        ({"dtype": torch.float32, "low": NAN}, "`low` and `high` cannot be NaN, but got low=nan and high=9"),
        ({"dtype": torch.uint8, "low": -5, "high": -1}, r"but torch.uint8 only supports \[0, 256\)"),
        (
            {"dtype": torch.float32, "noncontiguous": True, "memory_format": torch.contiguous_format},
            "mutually exclusive, but got noncontiguous=True and memory_format=torch.contiguous_format",
        ),
    ],
)
def test_make_tensor_refuses(options, text):
    with pytest.raises(ValueError, match=text.replace("torch.", "(tri)?torch.")):
        make_tensor(3, device="cpu", **options)
