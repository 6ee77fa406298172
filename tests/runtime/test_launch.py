"""Launches: signatures, parameters of every type, grids, what they cost the host."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("triton")

import tritorch as torch
from tritorch import _C
from tritorch.runtime import array
from tritorch.runtime.jit import Kernel, tl, triton
from tritorch.runtime.launch import TYPES, launch, specialised

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a device, real or simulated")


@triton.jit
def stored(out, value):
    tl.store(out, value.to(out.dtype.element_ty))


@triton.jit
def chosen(out, n, WHAT: tl.constexpr):
    if WHAT is None:
        tl.store(out, n)
    elif WHAT == "twice":
        tl.store(out, n * 2)
    else:
        tl.store(out, n + WHAT[1])


@triton.jit
def places(out, columns, layers):
    x, y, z = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    tl.store(out + (x * columns + y) * layers + z, x * 100 + y * 10 + z)


def result(dtype, *args, kernel=stored, grid=(1,), count=1, **constants):
    out = array.empty((count,), np.dtype(dtype))
    launch(kernel, grid, out, *args, **constants)
    return array.download(out).tolist()


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("int32", 7), ("int32", -(2**31)), ("int64", 2**31), ("int64", -(2**63)), ("uint64", 2**64 - 1), ("float32", 0.1),
     ("int8", np.int8(-5)), ("int16", np.int16(-300)), ("uint8", np.uint8(255)), ("uint16", np.uint16(65535)),
     ("uint32", np.uint32(2**32 - 1)), ("int64", np.int64(-1)), ("float16", np.float16(0.1)), ("float64", np.float64(0.1)),
     ("int32", True), ("int32", np.bool_(False))],
)  # fmt: skip
def test_numbers_arrive(dtype, value):
    assert result(dtype, value) == [np.dtype(dtype).type(value).item()]


@pytest.mark.parametrize("value", [0.1, 1.0, -3.14159, 65280.0, 1e38, float("inf")])
def test_bfloat16_is_rounded(value):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    expected = ml_dtypes.bfloat16(value)
    assert result("float32", expected) == [float(expected)]


def test_constants_make_kernels_of_their_own():
    before = len(chosen.variants)
    assert result("int32", 21, kernel=chosen, WHAT="twice") == [42]
    assert result("int32", 21, kernel=chosen, WHAT=None) == [21]
    for _ in range(2):  # tuples are equal by value, not by identity
        assert result("int32", 21, kernel=chosen, WHAT=(1, int("9"))) == [30]
    assert result("int32", 21, kernel=chosen, WHAT=(1, 8)) == [29]
    assert len(chosen.variants) == before + 4


def test_what_is_known_of_arguments():
    x, y = array.empty((64,), np.dtype(np.float32)), array.empty((64,), np.dtype(np.float16))

    @triton.jit
    def kernel(a, b, c, d, e, f, g, BLOCK: tl.constexpr):
        tl.store(a, BLOCK)

    seen = []

    def planner(kernel, tags, args, constants):
        seen.append((tags, specialised(kernel, tags, args, constants)))
        return _C.make_plan(0, "x" * len(args), 32, 0)

    before = _C.set_planner(planner)
    try:
        with pytest.raises(RuntimeError, match="cuLaunchKernelEx failed with"):
            launch(kernel, (1,), x[1:], y[8:], 1, 16, 2**31, 2**32, 0.5, BLOCK=8, num_warps=2)
    finally:
        _C.set_planner(before)
        _C.forget_plans()
    ((tags, (names, signature, constants, aligned, options)),) = seen
    assert tags == "pPiIQQf" and names == list("abcdefg") and constants == {"BLOCK": 8} and options == {"num_warps": 2}
    assert aligned == ["b", "d", "e", "f"]
    kinds = ["*fp32", "*fp16", "i32", "i32", "i64", "i64", "fp32"]
    assert signature == dict(zip("abcdefg", kinds, strict=True))


def test_every_dtype_has_a_type():
    for dtype, name in TYPES.items():
        if not dtype.startswith(("float8", "bfloat16")):
            x = array.empty((1,), np.dtype(dtype))
            (_, signature, _, _, _) = specialised(stored, "Pi", (x, 1), {})
            assert signature == {"out": "*" + name, "value": "i32"}


def test_grids():
    assert result("int32", 3, 4, kernel=places, grid=(2, 3, 4), count=24) == [
        x * 100 + y * 10 + z for x in range(2) for y in range(3) for z in range(4)
    ]
    out = array.upload(np.zeros(1, np.int32))
    launch(stored, (0, 5), out, 3)
    assert array.download(out).tolist() == [0]
    for grid, error in (((-1,), ValueError), ((1, 65536), ValueError), ((1,) * 4, TypeError), ([1], TypeError)):
        with pytest.raises(error, match="launch: expected a grid"):
            launch(stored, grid, out, 3)


def test_bad_arguments():
    out = array.empty((1,), np.dtype(np.int32))
    with pytest.raises(TypeError, match="expected arrays on a device or numbers, got ndarray"):
        launch(stored, (1,), out, np.zeros(3))
    with pytest.raises(TypeError, match=r"kernel stored: expected 2 arguments \(out, value\), got 1"):
        launch(stored, (1,), out)
    with pytest.raises(OverflowError):
        launch(stored, (1,), out, -(2**63) - 1)
    assert isinstance(stored, Kernel)


COST = """
import numpy as np, timeit
from tritorch.runtime import array
from tritorch.runtime.launch import launch
from tritorch.runtime.jit import Kernel
import linecache
text = "def f(a, b, out, n, BLOCK):\\n    pass\\n"
linecache.cache["<f>"] = (len(text), None, text.splitlines(True), "<f>")
scope = {}
exec(compile(text, "<f>", "exec"), scope)
kernel = Kernel(scope["f"])
x = array.empty((1024,), np.dtype(np.float32))
call = lambda: launch(kernel, (1,), x, x, x, 1024, BLOCK=1024)
call()
empty = lambda: None
best = min(timeit.repeat(call, number=20000, repeat=7)) / 20000
print((best - min(timeit.repeat(empty, number=20000, repeat=7)) / 20000) * 1e6)
"""


def test_what_a_launch_costs_the_host(figure):
    """Against the stub driver, which costs nothing: microseconds from Python to cuLaunchKernelEx and back."""
    done = subprocess.run(
        [sys.executable, "-c", COST],
        env={**os.environ, "TRITORCH_SIM": "stub"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    cost = float(done.stdout)
    figure("launch of 4 arguments on the stub driver, microseconds", cost)
    assert cost < 5  # ten times the goal: the machine may be busy
