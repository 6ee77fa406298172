"""Compiling without a GPU: what the cubin says, what its key covers, what a warm process does not load."""

import linecache
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

pytest.importorskip("triton")

from tritorch.runtime.compile import OPTIONS, Request, compile, compile_many, disassembly, key_of
from tritorch.runtime.jit import Kernel, tl, triton
from tritorch.runtime.store import Store

ROOT = Path(__file__).resolve().parents[2]
SCALE = tl.constexpr(3)


@triton.jit
def twice(x):
    return x * 2


@triton.jit
def scaled_sum(x, y, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = i < n
    left = twice(tl.load(x + i, mask=live, other=0))
    tl.store(out + i, left + SCALE * tl.load(y + i, mask=live, other=0), mask=live)


@triton.jit
def product(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    total = tl.zeros((BM, BN), tl.float32)
    for start in range(0, K, BK):
        k = start + tl.arange(0, BK)
        left = tl.load(a + rows[:, None] * K + k[None, :])
        total += tl.dot(left, tl.load(b + k[:, None] * N + columns[None, :]))
    tl.store(c + rows[:, None] * N + columns[None, :], total.to(c.dtype.element_ty))


@triton.jit
def wrong(x, BLOCK: tl.constexpr):
    tl.store(x + tl.arange(0, BLOCK), tl.no_such_thing(1))


SIGNATURE = {"x": "*fp32", "y": "*fp32", "out": "*fp32", "n": "i32"}
ALIGNED = ("x", "y", "out", "n")


def request(kernel=scaled_sum, signature=SIGNATURE, constants={"BLOCK": 1024}, aligned=ALIGNED, arch=90, **options):
    return Request(kernel, signature, constants, aligned, arch, options)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def compiled(store, **what):
    return compile_many([request(**what)], store=store)[0]


@pytest.mark.parametrize("arch", [80, 90])
def test_a_pointwise_kernel(store, arch):
    cubin = compiled(store, arch=arch)
    assert cubin.name == "scaled_sum" and cubin.arch == arch and cubin.image.startswith(b"\x7fELF")
    assert cubin.parameters == ("*fp32", "*fp32", "*fp32", "i32") and cubin.positions == (0, 1, 2, 3)
    assert cubin.stack == cubin.spills == cubin.shared == 0 and 0 < cubin.registers <= 40
    code = disassembly(cubin)
    assert sum("LDG.E.128" in line for line in code) == 4 and sum("STG.E.128" in line for line in code) == 2


def test_what_is_not_aligned_is_read_in_small_pieces(store):
    code = disassembly(compiled(store, aligned=()))
    assert not any(".128" in line for line in code) and any("LDG" in line for line in code)


def test_constants_are_no_parameters(store):
    signature = {n: t for n, t in SIGNATURE.items() if n != "n"}
    cubin = compiled(store, signature=signature, constants={"BLOCK": 64, "n": 1}, aligned=("x",), num_warps=2)
    assert cubin.parameters == ("*fp32",) * 3 and cubin.positions == (0, 1, 2) and cubin.num_warps == 2


@pytest.mark.parametrize(("arch", "unit"), [(80, "HMMA"), (90, "HGMMA")])
def test_products_use_the_matrix_unit(store, arch, unit):
    names = ("a", "b", "c", "M", "N", "K")
    cubin = compile(
        product, dict.fromkeys(names[:3], "*bf16") | dict.fromkeys(names[3:], "i32"), {"BM": 128, "BN": 128, "BK": 64},
        names, arch=arch, num_warps=8, store=store,
    )  # fmt: skip
    assert any(unit in line for line in disassembly(cubin))
    assert 0 < cubin.shared <= {80: 166_912, 90: 232_448}[arch] and cubin.spills == 0


def test_a_kernel_that_is_wrong_shows_its_line(store):
    with pytest.raises(Exception, match="no_such_thing"):
        compile(wrong, {"x": "*fp32"}, {"BLOCK": 16}, arch=80, store=store)


def test_bad_requests():
    with pytest.raises(TypeError, match=r"scaled_sum: expected a type or a value for each of x, y, out, n, BLOCK, got"):
        key_of(request(constants={}))
    with pytest.raises(TypeError, match="got BLOCK, n, out, x, y, z"):
        key_of(request(aligned=("z",)))
    with pytest.raises(TypeError, match=r"scaled_sum: expected options among num_warps, .*, got warps"):
        key_of(request(warps=4))
    with pytest.raises(TypeError, match="scaled_sum: expected a number, a text or a kernel for BLOCK, got <object"):
        key_of(request(constants={"BLOCK": object()}))


# -- keys -----------------------------------------------------------------------------------------------------------


def made(text: str, **scope) -> Kernel:
    """A kernel from text, as generated kernels are made."""
    name = f"<test kernel {len(linecache.cache)} {abs(hash(text))}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    names: dict = {"tl": tl, "triton": triton, **scope}
    exec(__builtins__["compile"](text, name, "exec"), names)
    return Kernel(names["f"])


def test_every_difference_has_a_key_of_its_own(monkeypatch):
    text = "def f(x, n, BLOCK: tl.constexpr):\n    tl.store(x + tl.arange(0, BLOCK), g(n) + C)\n"
    g1, g2 = made("def f(n):\n    return n + 1\n"), made("def f(n):\n    return n + 2\n")
    inner = types.ModuleType("inner")
    inner.g = g1
    base = {"signature": {"x": "*fp32", "n": "i32"}, "constants": {"BLOCK": 16}, "aligned": ()}
    one = made(text, g=g1, C=tl.constexpr(1))
    requests = [
        request(one, **base),
        request(one, **base | {"aligned": ("x",)}),
        request(one, **base | {"aligned": ("x", "n")}),
        request(one, **base | {"signature": {"x": "*fp32", "n": "i64"}}),
        request(one, **base | {"signature": {"x": "*fp16", "n": "i32"}}),
        request(one, **base | {"constants": {"BLOCK": 32}}),
        request(one, **base | {"constants": {"BLOCK": 16.0}}),
        request(one, **base | {"constants": {"BLOCK": True}}),
        request(one, **base | {"constants": {"BLOCK": "16"}}),
        request(one, **base | {"constants": {"BLOCK": (16,)}}),
        request(one, **base | {"constants": {"BLOCK": g1}}),
        request(one, **base | {"constants": {"BLOCK": g2}}),
        request(one, **base | {"constants": {"BLOCK": 16, "n": 1}, "signature": {"x": "*fp32"}}),
        request(one, **base, arch=80),
        *(
            request(one, **base, **{name: 8 if name.startswith(("num", "max")) else not OPTIONS[name]})
            for name in OPTIONS
        ),
        request(made(text.replace("n)", "n )"), g=g1, C=tl.constexpr(1)), **base),
        request(made(text, g=g2, C=tl.constexpr(1)), **base),
        request(made(text, g=g1, C=tl.constexpr(2)), **base),
        request(made(text.replace("g(n)", "inner.g(n)"), inner=inner, C=tl.constexpr(1)), **base),
    ]
    keys = [key_of(r) for r in requests]
    inner.g = g2
    keys.append(key_of(request(made(text.replace("g(n)", "inner.g(n)"), inner=inner, C=tl.constexpr(1)), **base)))
    monkeypatch.setenv("DISABLE_LLVM_OPT", "1")
    keys.append(key_of(requests[0]))
    assert len(set(keys)) == len(keys)


def test_what_does_not_matter_is_not_in_the_key(monkeypatch):
    text = "def f(x, n):\n    tl.store(x, g(n))\n"
    g = "def f(n):\n    return n + 1\n"
    base = {"signature": {"n": "i32", "x": "*fp32"}, "constants": {}, "aligned": ("n", "x")}
    first = key_of(request(made(text, g=made(g)), **base))
    monkeypatch.setenv("TRITON_CACHE_DIR", "/nowhere")
    again = {"signature": {"x": "*fp32", "n": "i32"}, "constants": {}, "aligned": ["x", "n"]}
    assert key_of(request(made(text, g=made(g), unused=3), **again, num_warps=4)) == first


# -- the store --------------------------------------------------------------------------------------------------------


def test_the_second_time_comes_from_the_store(store, monkeypatch):
    first = compiled(store)
    monkeypatch.setattr("tritorch.runtime.compile._built", None)
    assert compiled(store) == first


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:-9] + bytes([b[-9] ^ 4]) + b[-8:]])
def test_a_damaged_entry_is_built_again(store, damage):
    first, path = compiled(store), store.path(key_of(request()))
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert compiled(store) == first
    assert path.read_bytes() == whole


def test_without_a_folder_it_still_compiles(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(RuntimeWarning, match="cannot be kept"):
        assert compiled(Store(tmp_path / "file")).name == "scaled_sum"


def test_many_at_once(store, tmp_path):
    """The same cubins in any order of compiling, one entry for each, and nothing in Triton's own cache."""
    wanted = [request(constants={"BLOCK": b}, arch=a) for b in (128, 256, 512) for a in (80, 90)]
    cubins = compile_many([*wanted, *wanted[:2]], store=store)
    assert cubins[6:] == cubins[:2] and len({c.image for c in cubins}) == 6
    assert len(list(tmp_path.rglob("*.cubin"))) == 6
    assert compile_many(wanted, store=Store(tmp_path / "other"), threads=1) == cubins[:6]
    from triton import knobs

    assert "manager_class" not in vars(knobs.cache)


SCRIPT = """
import sys, warnings
warnings.simplefilter("error")
import importlib.util
spec = importlib.util.spec_from_file_location("kernels", sys.argv[1])
kernels = importlib.util.module_from_spec(spec)
sys.modules["kernels"] = kernels
import pytest
pytest.importorskip = lambda name: None
spec.loader.exec_module(kernels)
cubins = kernels.compile_many([kernels.request(), kernels.request(arch=80)])
print("loaded" if "triton" in sys.modules else "not loaded", *(len(c.image) for c in cubins))
"""


def processes(cache, count, **environment):
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "TRITORCH_CACHE": str(cache), **environment}
    return [
        subprocess.Popen([sys.executable, "-c", SCRIPT, __file__], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]


def test_processes_share_and_a_warm_one_never_loads_triton(tmp_path):
    cold = [p.communicate(timeout=120)[0] for p in processes(tmp_path / "store", 3, HOME=str(tmp_path / "home"))]
    assert len(set(cold)) == 1 and cold[0].startswith("loaded ")
    assert not (tmp_path / "home").exists()  # Triton's own cache is there; ours is in the other folder
    (warm,) = processes(tmp_path / "store", 1)
    assert warm.communicate(timeout=60)[0] == cold[0].replace("loaded", "not loaded")


def test_interpreter_mode_is_refused(store, monkeypatch):
    from triton import knobs

    monkeypatch.setitem(vars(knobs.runtime), "interpret", True)
    with pytest.raises(RuntimeError, match=r"TRITON_INTERPRET is set.*TRITORCH_SIM=1"):
        compiled(store)
