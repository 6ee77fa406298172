"""New tensors on the device: made there, and the CPU's to the last bit (powers and cosines to their rounding)."""

import numpy as np
import pytest

import tritorch
from tritorch.ops import _device

DTYPES = [tritorch.float32, tritorch.float64, tritorch.float16, tritorch.bfloat16, tritorch.int64, tritorch.int8]
FLOATS = DTYPES[:4]
EXACT = {
    "arange": lambda **o: tritorch.arange(2, 301, 3, **o),
    "arange down": lambda **o: tritorch.arange(100, -20, -7, **o),
    "range": lambda **o: tritorch.range(0, 19, 3, **o),
    "linspace": lambda **o: tritorch.linspace(-3, 11, 1201, **o),
    "linspace down": lambda **o: tritorch.linspace(100, 3, 13, **o),
    "one of linspace": lambda **o: tritorch.linspace(5, 8, 1, **o),
    "eye": lambda **o: tritorch.eye(5, 7, **o),
    "tall eye": lambda **o: tritorch.eye(7, 2, **o),
    "full": lambda **o: tritorch.full((3, 4), 7, **o),
    "nothing": lambda **o: tritorch.arange(0, **o),
}
ROUNDED = {
    "logspace": lambda **o: tritorch.logspace(-2, 3, 31, **o),
    "logspace of 2": lambda **o: tritorch.logspace(4, 0, 9, base=2, **o),
    "hann": lambda **o: tritorch.hann_window(9, **o),
    "hamming": lambda **o: tritorch.hamming_window(8, False, 0.6, **o),
    "blackman": lambda **o: tritorch.blackman_window(9, **o),
    "bartlett": lambda **o: tritorch.bartlett_window(9, False, **o),
    "kaiser": lambda **o: tritorch.kaiser_window(12, beta=14.0, **o),
    "one point": lambda **o: tritorch.hann_window(1, **o),
}
WINDOWS = {
    "bartlett": {}, "blackman": {}, "cosine": {}, "exponential": {"tau": 3.0}, "gaussian": {"std": 2.0}, "hann": {},
    "hamming": {}, "general_cosine": {"a": [0.4, 0.3, 0.2, 0.05, 0.05]}, "general_hamming": {}, "kaiser": {},
    "nuttall": {"sym": False},
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_made_on_the_host(monkeypatch):
    def refuse(source):
        raise AssertionError("made on the host and copied")

    monkeypatch.setattr(_device.transfer, "to_device", refuse)


def compared(make, rounding, **options):
    host, device = make(**options), make(device="cuda", **options)
    assert device.is_cuda and device.dtype is host.dtype and device.shape == host.shape
    np.testing.assert_allclose(device.cpu().double().numpy(), host.double().numpy(), rounding, rounding)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", EXACT)
def test_numbers_are_those_of_the_cpu(name, dtype):
    compared(EXACT[name], 0, dtype=dtype)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", ROUNDED)
def test_powers_and_windows(name, dtype):
    compared(ROUNDED[name], {8: 1e-14, 4: 2e-7}.get(dtype.itemsize, 1e-2), dtype=dtype)


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_of_signals(name):
    compared(
        lambda **o: getattr(tritorch.signal.windows, name)(11, **WINDOWS[name], **o), 1e-14, dtype=tritorch.float64
    )


@pytest.mark.parametrize("rows, columns", [(4, 4), (3, 7), (7, 3), (0, 3), (3, 0), (300, 2)])
@pytest.mark.parametrize("offset", [0, 2, -2, 9, -9])
def test_triangles(rows, columns, offset):
    for make in (tritorch.tril_indices, tritorch.triu_indices):
        compared(lambda make=make, **o: make(rows, columns, offset, **o), 0)


def test_large_integers_are_exact():
    host = tritorch.arange(2**60, 2**60 + 50, 7)
    assert tritorch.arange(2**60, 2**60 + 50, 7, device="cuda").tolist() == host.tolist()


def test_layouts_of_empty_tensors():
    a = tritorch.empty_strided((2, 3), (1, 4), device="cuda")
    assert a.is_cuda and a.stride() == (1, 4) and a.fill_(3).sum().item() == 18
    b = tritorch.empty_permuted((2, 3, 4), (2, 0, 1), device="cuda")
    assert b.is_cuda and b.stride() == tritorch.empty_permuted((2, 3, 4), (2, 0, 1)).stride()
    c = a.new_empty_strided((2, 2), (1, 2), dtype=tritorch.int64)
    assert c.is_cuda and c.stride() == (1, 2) and c.dtype is tritorch.int64


def test_complex_numbers_and_errors_as_on_the_cpu():
    assert tritorch.eye(2, dtype=tritorch.complex64, device="cuda").cpu().tolist() == [[1, 0], [0, 1]]
    assert tritorch.linspace(0, 2j, 3, device="cuda").cpu().tolist() == [0, 1j, 2j]
    with pytest.raises(NotImplementedError, match="\"arange_cuda\" not implemented for 'Bool'"):
        tritorch.arange(3, dtype=tritorch.bool, device="cuda")
    for make, text in [
        (lambda: tritorch.arange(3, 0, device="cuda"), "inconsistent with step sign"),
        (lambda: tritorch.eye(-1, device="cuda"), "n must be greater or equal to 0, got -1"),
        (lambda: tritorch.tril_indices(-1, 2, device="cuda"), "row must be non-negative, got-1"),
        (lambda: tritorch.empty_permuted((2, 3), (0, 0), device="cuda"), "Duplicate dim not allowed"),
        (lambda: tritorch.hann_window(-1, device="cuda"), "non-negative window_length"),
    ]:
        with pytest.raises(RuntimeError, match=text):
            make()
