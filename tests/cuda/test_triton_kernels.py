"""Anyone's Triton kernels on tritorch tensors, through tritorch's own driver."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

import tritorch as torch
from tritorch.runtime import gpu, hooked

triton = pytest.importorskip("triton")
import triton.language as tl  # noqa: E402

from tritorch.runtime import driver  # noqa: E402

# Triton 3.9 announces a new default of 3.10 when a launch does not say which it wants.
pytestmark = pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION:UserWarning")
TWO = tl.constexpr(2)


@triton.jit
def squared(x):
    return x * x


@triton.jit
def twice_squared(x):
    return TWO * squared(x)


@triton.jit
def combined(x, y, out, n, alpha, BLOCK: tl.constexpr, ACTIVATION: tl.constexpr = "none"):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = i < n
    value = twice_squared(tl.load(x + i, mask=live, other=0.0))
    if y is not None:
        value += alpha * tl.load(y + i, mask=live, other=0.0)
    if ACTIVATION == "relu":
        value = tl.maximum(value, 0.0)
    tl.store(out + i, value, mask=live)


def tensors(n=1000):
    return torch.linspace(-2, 2, n).cuda(), torch.arange(float(n)).cuda(), torch.empty(n, device="cuda")


def distance(out, expected):
    return (out.cpu() - expected).abs().max().item()


def blocks(n, size):
    return (triton.cdiv(n, size),)


def test_a_kernel_with_helpers_and_defaults():
    x, y, out = tensors()
    combined[blocks(1000, 256)](x, y, out, 1000, 0.5, BLOCK=256)
    host, other = x.cpu(), y.cpu()
    assert distance(out, 2 * host * host + 0.5 * other) <= 1e-4
    combined[blocks(1000, 128)](x, y, out, 1000, -1, BLOCK=128, ACTIVATION="relu")  # an integer, and a text
    assert distance(out, (2 * host * host - other).clamp(min=0)) <= 1e-3


def test_none_and_one_are_constants():
    x, _, out = tensors()
    combined[lambda meta: blocks(1000, meta["BLOCK"])](x, None, out, 1000, 1, BLOCK=512)
    assert distance(out, 2 * x.cpu() * x.cpu()) <= 1e-5


def test_an_empty_grid_and_an_empty_tensor():
    empty = torch.empty(0, device="cuda")
    combined[(0,)](empty, empty, empty, 0, 1.0, BLOCK=64)


def test_views_start_where_they_start():
    x, out = torch.arange(64.0).cuda(), torch.zeros(64).cuda()
    combined[(1,)](x[8:], None, out[32:], 16, 1.0, BLOCK=16)
    assert out.tolist() == [0.0] * 32 + [2 * (8.0 + k) ** 2 for k in range(16)] + [0.0] * 16


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "int64", "uint8"])
def test_dtypes(dtype):
    x = torch.arange(8).to(getattr(torch, dtype)).cuda()
    out = torch.empty(8, dtype=x.dtype, device="cuda")
    combined[(1,)](x, None, out, 8, 1.0, BLOCK=8)
    assert out.tolist() == [2 * k * k for k in range(8)]


def test_tensors_of_the_host_are_refused():
    x, y, out = tensors(16)
    with pytest.raises(ValueError, match=r"Pointer argument .*cannot be accessed from Triton \(cpu tensor\?\)"):
        combined[(1,)](x.cpu(), y, out, 16, 1.0, BLOCK=16)


@triton.jit
def wrong(x, BLOCK: tl.constexpr):
    tl.store(x + tl.arange(0, BLOCK), tl.no_such_thing(1))


def test_a_kernel_that_does_not_compile_shows_its_line():
    with pytest.raises(triton.compiler.errors.CompilationError, match="no_such_thing"):
        wrong[(1,)](torch.empty(16, device="cuda"), BLOCK=16)


ran = []


@triton.autotune(
    configs=[triton.Config({"BLOCK": size}, pre_hook=lambda names: ran.append(names["BLOCK"])) for size in (32, 64, 128)],
    key=["n"], reset_to_zero=["total"], restore_value=["x"],
)  # fmt: skip
@triton.jit
def moved(x, total, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = i < n
    value = tl.load(x + i, mask=live, other=0.0)
    tl.atomic_add(total, tl.sum(value, 0))
    tl.store(x + i, value + 1, mask=live)


def test_autotuning():
    """Every configuration runs, what they wrote is undone, and the one that is taken runs on the tensors as given."""
    x, total = torch.ones(100).cuda(), torch.zeros(1).cuda()
    moved[lambda meta: blocks(100, meta["BLOCK"])](x, total, 100)
    assert set(ran) == {32, 64, 128} and moved.best_config.kwargs["BLOCK"] in ran
    assert total.item() == 100.0 and x.tolist() == [2.0] * 100
    count = len(ran)
    moved[lambda meta: blocks(100, meta["BLOCK"])](x, total, 100)  # tuned for this n already
    assert len(ran) == count + 1 and total.item() == 300.0


def test_our_operators_and_their_kernels_in_turn():
    """The interpreter patches Triton's language; the compiler must find it as it was."""
    for size in (16, 32, 64):
        x = torch.ones(size).cuda() + 1
        out = torch.empty(size, device="cuda")
        combined[(1,)](x, None, out, size, 1.0, BLOCK=size)
        assert (out + out).tolist() == [16.0] * size


@pytest.mark.parametrize("first", ["triton", "tritorch"])
def test_whichever_is_imported_first(first):
    second = {"triton": "tritorch", "tritorch": "triton"}[first]
    program = f"import {first}, {second}, sys\nfrom triton.runtime import driver\nprint(type(driver.active).__module__)"
    done = subprocess.run(
        [sys.executable, "-c", program + "\nprint('torch' in sys.modules)"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "tritorch.runtime.driver\nFalse\n", done.stderr


def test_without_a_device_triton_finds_its_own(monkeypatch):
    module = SimpleNamespace(_create_driver=lambda: "Triton's own")
    hooked._replace(module)
    assert isinstance(module._create_driver(), driver.Driver)
    monkeypatch.setattr(gpu, "is_available", lambda: False)
    assert module._create_driver() == "Triton's own"
