"""What we lean on in Triton that it does not promise: one test an internal, so that a new version says what moved.

Runs on every version that tritorch supports. The modules that touch Triton's internals are named at the end.
"""

import ast
import dataclasses
import inspect
import re
from pathlib import Path

import pytest

triton = pytest.importorskip("triton")
import triton.language as tl  # noqa: E402
from triton import knobs  # noqa: E402
from triton.backends.compiler import BaseBackend, GPUTarget  # noqa: E402
from triton.backends.driver import DriverBase  # noqa: E402
from triton.backends.nvidia.compiler import CUDABackend, CUDAOptions  # noqa: E402
from triton.runtime import cache, interpreter, jit  # noqa: E402

from tritorch.runtime import compile as ours  # noqa: E402

RUNTIME = Path(ours.__file__).parent


@triton.jit
def increased(x, n, BLOCK: tl.constexpr, unused=None):
    i = tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i, mask=i < n) + 1, mask=i < n)


def source():
    aligned = {(0,): [["tt.divisibility", 16]], (1,): [["tt.divisibility", 16]]}
    signature = {"x": "*fp32", "n": "i32", "BLOCK": "constexpr", "unused": "constexpr"}
    return triton.compiler.ASTSource(increased, signature, {"BLOCK": 128, "unused": None}, aligned)


def test_version_is_one_we_support():
    assert (3, 6) <= tuple(map(int, triton.__version__.split(".")[:2])) < (3, 10)


# -- compile.py -------------------------------------------------------------------------------------------------------


def parameters(function):
    return list(inspect.signature(function).parameters)


def test_compiling_for_a_named_target():
    assert parameters(triton.compile)[:3] == ["src", "target", "options"]
    assert parameters(triton.compiler.ASTSource.__init__) == ["self", "fn", "signature", "constexprs", "attrs"]
    assert CUDABackend.supports_target(GPUTarget("cuda", 90, 32))
    with ours._language(), ours._Scratch():
        made = triton.compile(source(), target=GPUTarget("cuda", 80, 32), options=dict(ours.OPTIONS))
    assert made.kernel.startswith(b"\x7fELF") and made.metadata.name == "increased"
    for fact in (
        "num_warps", "num_ctas", "shared", "launch_cooperative_grid", "launch_pdl", "global_scratch_size",
        "global_scratch_align", "profile_scratch_size", "profile_scratch_align", "triton_version",
    ):  # fmt: skip
        assert hasattr(made.metadata, fact), fact
    assert {"ttir", "ttgir", "llir", "ptx", "cubin"} <= set(made.asm)
    # what is passed at launch: the arguments that are no constants, and two pointers to scratch memory
    assert len(re.findall(r"\.param \.u?\w+", made.asm["ptx"].split(")")[0])) == 4


def test_options_are_triton_s():
    assert {f.name for f in dataclasses.fields(CUDAOptions)} >= set(ours.OPTIONS)


def test_alignment_is_written_so():
    assert BaseBackend.parse_attr("D") == [["tt.divisibility", 16]]


@pytest.mark.parametrize("value", [0, 1, 2, 15, 16, 32, 2**31 - 1, 2**31, 2**63 - 1, -1, -16, True, 1.0, 2.5])
def test_what_triton_makes_of_numbers(value):
    """The rules that our launches follow: one is a constant, multiples of 16 are known as such, 64 bits where needed."""
    kind, note = jit.native_specialize_impl(BaseBackend, value, False, True, True)
    if value is True:
        assert kind == "u1"
    elif isinstance(value, float):
        assert kind == "fp32"
    elif value == 1:
        assert kind == "constexpr"
    else:
        assert kind == ("i32" if -(2**31) <= value < 2**31 else "i64")
        assert (note == "D") == (value % 16 == 0)


def test_unsigned_numbers_need_sixty_four_bits():
    assert jit.native_specialize_impl(BaseBackend, 2**63, False, True, True)[0] == "u64"


@pytest.mark.parametrize("address", [0, 4, 8, 16, 512])
def test_what_triton_makes_of_pointers(address):
    class Pointer:
        dtype = "tritorch.float32"

        def data_ptr(self):
            return address

        def ptr_range(self):
            return 0

    kind, note = jit.native_specialize_impl(BaseBackend, Pointer(), False, True, True)
    assert kind == "*fp32" and (note == "D") == (address % 16 == 0)


def test_triton_asks_a_setting_for_its_cache():
    assert "manager_class" in inspect.getsource(cache.get_cache_manager)
    assert "manager_class" in type(knobs.cache).__dict__ and parameters(cache.FileCacheManager.__init__) == [
        "self", "key", "override", "dump",
    ]  # fmt: skip
    assert {"key", "lock_path", "cache_dir"} <= set(
        re.findall(r"self\.(\w+) =", inspect.getsource(cache.FileCacheManager))
    )


def test_the_tools_of_the_wheel():
    for name in ("cuobjdump", "nvdisasm", "ptxas"):
        assert Path(ours.tool(name)).is_file()


def test_settings_of_the_environment_are_in_our_keys(monkeypatch):
    """What Triton itself counts as changing the code is what we do, as far as NVIDIA's cards go."""
    names = [
        "DISABLE_LLVM_OPT",
        "DISABLE_PTXAS_OPT",
        "DISABLE_MMA_V3",
        "TRITON_DEFAULT_FP_FUSION",
        "TRITON_F32_DEFAULT",
    ]
    for name in names:
        assert ours._SETTINGS.fullmatch(name) and not ours._ELSEWHERE.fullmatch(name)
        monkeypatch.setenv(name, "1")
    theirs = jit.get_cache_invalidating_env_vars()
    for name in theirs:
        assert ours._SETTINGS.fullmatch(name) or name.startswith(("AMDGCN", "LLVM", "MLIR")), name


# -- jit.py, interpret.py -----------------------------------------------------------------------------------------------


def test_kernels_are_made_from_plain_functions():
    assert parameters(jit.JITFunction.__init__)[:2] == ["self", "fn"]
    assert increased.arg_names == ["x", "n", "BLOCK", "unused"] and callable(increased.fn)
    assert isinstance(tl.sum, jit.JITFunction) or callable(tl.sum)
    assert tl.constexpr(3).value == 3


def test_the_interpreter_is_made_of():
    assert issubclass(interpreter.InterpretedFunction, object) and hasattr(interpreter.InterpretedFunction, "rewrite")
    builder = interpreter.InterpreterBuilder
    for name in (
        "create_masked_load", "create_masked_store", "create_atomic_rmw", "create_atomic_cas", "set_grid_dim", "set_grid_idx",
    ):  # fmt: skip
        assert hasattr(builder, name), name
    for name in (
        "TensorHandle",
        "TritonSemantic",
        "ReduceOps",
        "ScanOps",
        "_patch_lang",
        "_get_np_dtype",
        "interpreter_builder",
    ):
        assert hasattr(interpreter, name), name


# -- driver.py, hooked.py -------------------------------------------------------------------------------------------------


def test_the_driver_is_made_when_it_is_asked_for():
    module = inspect.getmodule(type(triton.runtime.driver))
    assert module.__name__ == "triton.runtime.driver" and callable(module._create_driver)
    assert "_create_driver()" in inspect.getsource(type(triton.runtime.driver))
    assert hasattr(triton.runtime.driver, "_active") and callable(triton.runtime.driver.set_active)


def test_what_a_driver_must_have():
    assert DriverBase.__abstractmethods__ == {
        "is_active", "map_python_to_cpp_type", "get_current_target", "get_active_torch_device", "get_benchmarker",
    }  # fmt: skip


def test_what_is_asked_of_the_driver():
    """Everything that Triton's runtime reads from ``driver.active`` is there."""
    made = load_driver().Driver()
    asked = set()
    for module in (jit, triton.compiler.compiler, inspect.getmodule(triton.runtime.Autotuner), tl.core, tl.semantic):
        asked |= set(re.findall(r"driver\.active\.(\w+)", inspect.getsource(module)))
        for name in re.findall(r"driver\.active\.utils\.(\w+)", inspect.getsource(module)):
            assert hasattr(made.utils, name), name
    assert asked and all(hasattr(made, name) for name in asked), asked


def load_driver():
    return ours.load("tritorch.runtime.driver")


def test_launchers_are_called_so():
    text = inspect.getsource(jit.JITFunction.run)
    call = re.search(r"kernel\.run\((.*?)\n\s*return", text, re.DOTALL)[1]
    names = [re.sub(r"\s+", "", part) for part in call.rstrip().rstrip(")").split(",")]
    assert names[:5] == ["grid_0", "grid_1", "grid_2", "stream", "kernel.function"]
    assert names[5:7] == ["kernel.packed_metadata", "launch_metadata"] and names[-1].startswith("*bound_args.values(")
    assert "launcher_cls(self.src, self.metadata)" in inspect.getsource(triton.compiler.CompiledKernel._init_handles)


def test_kernels_take_the_compiler_from_its_module():
    assert "from ..compiler import CompiledKernel, compile" in inspect.getsource(jit.JITFunction.create_binder)


def test_nothing_else_touches_triton():
    """One list of the modules that may: beside them nothing of ours imports Triton, at the top or inside a function."""
    found = set()
    for path in RUNTIME.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(name.partition(".")[0] == "triton" for name in names):
                found.add(str(path.relative_to(RUNTIME)) if RUNTIME in path.parents else str(path))
    assert found <= {"interpret.py", "interpret_math.py", "interpret_offsets.py", "driver.py"}


def test_autotuners_keep_their_choices_so():
    text = inspect.getsource(triton.runtime.Autotuner)
    assert "if key not in self.cache" in text and re.search(r"self\.cache\[key\] = builtins\.min", text)
    assert "key = [_args[key] for key in self.keys if key in _args]" in text
    config = triton.Config({"BLOCK": 1})
    assert (config.num_warps, config.num_stages, config.num_ctas, config.maxnreg) == (4, 3, 1, None)
