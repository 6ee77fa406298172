"""Compiles kernels for a named architecture, and remembers: kernel, signature, constants -> cubin.

Note [Keys without Triton]: an entry of the store is found by a hash of everything that decides the machine code: the
kernel's text and that of all it calls, the constants that they read, types, what is known of the arguments, options,
architecture, Triton's version and its settings in the environment. None of it needs Triton to be loaded, and a
process whose kernels are all in the store never loads it.
"""

import importlib.metadata
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from .jit import Kernel, constexpr, load
from .store import Cubin, Store, folder
from .written import written_parameters

__all__ = ["OPTIONS", "Request", "compile", "compile_many", "disassembly", "key_of", "source_key", "tool"]

# What a launch may ask of the compiler, with the values that hold where it does not. All are passed explicitly:
# Triton's own defaults differ between its versions.
OPTIONS = {"num_warps": 4, "num_stages": 3, "num_ctas": 1, "maxnreg": None, "enable_fp_fusion": True, "debug": False}

# Settings of Triton's in the environment that do not reach the machine code.
_ELSEWHERE = re.compile(
    r"TRITON_(CACHE_\w+|HOME|INTERPRET|PRINT_AUTOTUNING|REDIS_\w+|REMOTE_CACHE_BACKEND|DUMP_DIR|KERNEL_DUMP"
    r"|ALWAYS_COMPILE|STORE_BINARY_ONLY|LIBCUDA_PATH|CUOBJDUMP_PATH|NVDISASM_PATH|PROFILE_\w+|PROTON_\w+|HIP_\w+)"
)
_SETTINGS = re.compile(
    r"TRITON_\w+|DISABLE_(LLVM_OPT|PTXAS_OPT|MMA_V\d)|PTXAS_OPTIONS|LLVM_PASS_PLUGIN_PATH|ALLOW_LHS_\w+"
)


@dataclass(frozen=True)
class Request:
    """One kernel to compile.

    Attributes:
        kernel: a :class:`Kernel`, or Triton's own JITFunction.
        signature: Triton's type ("*fp32", "i32", "fp32") of each argument that is passed at launch, by name.
        constants: the value of each other argument, by name; an integer that is known to be 1 is one of these.
        aligned: the names of pointers and integers that are multiples of 16.
        arch: the compute capability that is compiled for, as 80 or 90.
        options: those of :data:`OPTIONS` that differ.
    """

    kernel: Any
    signature: Mapping[str, str]
    constants: Mapping[str, Any]
    aligned: Iterable[str]
    arch: int
    options: Mapping[str, Any]


def compile(kernel, signature, constants, aligned=(), *, arch, store: Store | None = None, **options) -> Cubin:
    """The cubin of a kernel, from the store or made now. Arguments are those of a :class:`Request`.

    Raises:
        TypeError: for an option that does not exist, a constant that is none, a name that is no argument.
        triton.compiler.CompilationError: where the kernel is wrong; it shows the line.
    """
    return compile_many([Request(kernel, signature, constants, aligned, arch, options)], store=store)[0]


def compile_many(requests: Iterable[Request], *, store: Store | None = None, threads: int | None = None) -> list[Cubin]:
    """The cubins of many kernels. What the store lacks is compiled on the cores there are.

    Threads are enough: Triton's passes release the GIL, and the assembler is a process of its own.
    """
    requests = list(requests)
    store = store or _default_store(folder())
    keys = [key_of(request) for request in requests]
    found = {key: store.get(key) for key in keys}
    missing = {key: request for key, request in zip(keys, requests, strict=True) if found[key] is None}
    if missing:
        with _language():
            triton = load("triton")  # loaded once, here, rather than in every thread
            _check(triton)
            load("tritorch.runtime.driver").be_active()
            with ThreadPoolExecutor(min(threads or os.cpu_count() or 1, len(missing))) as pool:
                for key, cubin in zip(missing, pool.map(_built, missing.values()), strict=True):
                    store.put(key, cubin)
                    found[key] = cubin
    return [found[key] for key in keys]  # type: ignore[misc]


@cache
def _default_store(root) -> Store:
    return Store(root)


# -- keys -----------------------------------------------------------------------------------------------------------


def key_of(request: Request) -> str:
    """The store's key of a kernel. See Note [Keys without Triton]."""
    kernel, names = request.kernel, _parameters(request.kernel)
    given = {*request.signature, *request.constants}
    if given != set(names) or not given.issuperset(request.aligned):
        wanted, got = ", ".join(names), ", ".join(sorted(given.union(request.aligned)))
        raise TypeError(f"kernel {kernel.__name__}: expected a type or a value for each of {wanted}, got {got}")
    facts = {
        "source": source_key(kernel),
        "signature": [(n, request.signature[n]) for n in names if n in request.signature],
        "constants": [(n, _constant_key(kernel, n, request.constants[n])) for n in names if n in request.constants],
        "aligned": sorted(request.aligned),
        "options": _options(kernel, request.options),
        "arch": request.arch,
        "triton": _triton_version(),
        "settings": sorted(
            (n, v) for n, v in os.environ.items() if _SETTINGS.fullmatch(n) and not _ELSEWHERE.fullmatch(n)
        ),
    }
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def _triton_version() -> str:
    return importlib.metadata.version("triton")


def _options(kernel, given):
    unknown = [name for name in given if name not in OPTIONS]
    if unknown:
        raise TypeError(f"kernel {kernel.__name__}: expected options among {', '.join(OPTIONS)}, got {unknown[0]}")
    return {**OPTIONS, **given}


def _parameters(kernel) -> tuple[str, ...]:
    return kernel.params if isinstance(kernel, Kernel) else tuple(kernel.arg_names)


def _constant_key(kernel, name, value) -> str:
    if _is_function(value):
        return source_key(value)
    if isinstance(value, tuple):
        return "(" + ", ".join(_constant_key(kernel, name, v) for v in value) + ")"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    raise TypeError(f"kernel {kernel.__name__}: expected a number, a text or a kernel for {name}, got {value!r}")


def _is_function(value) -> bool:
    """Whether it is a kernel, ours or Triton's: what wraps a plain function."""
    return isinstance(getattr(value, "fn", None), types.FunctionType)


_texts: dict[int, tuple[Any, str]] = {}  # id(kernel) -> (kernel, key): alive as long as the kernel is remembered


def source_key(kernel) -> str:
    """A hash of a kernel's text, of all it calls, and of the constants that they read."""
    known = _texts.get(id(kernel))
    if known is None:
        parts: list[str] = []
        _read(kernel.fn, parts, set())
        known = _texts[id(kernel)] = (kernel, sha256("\0".join(parts).encode()).hexdigest())
    return known[1]


def _read(fn, parts, seen) -> None:
    """Appends the text of a function, of those that it calls, and the constants that they read, to ``parts``."""
    if fn in seen:
        parts.append(f"again {fn.__qualname__}")
        return
    seen.add(fn)
    parts.append(inspect.getsource(fn))
    scope = {**fn.__globals__, **inspect.getclosurevars(fn).nonlocals} if fn.__closure__ else fn.__globals__
    names = _words(fn.__code__)
    for name in sorted(names):
        if name in scope:
            _read_value(name, scope[name], names, parts, seen)


def _words(code: types.CodeType) -> set[str]:
    """The names that a function's code speaks of: globals, closed-over variables and attributes."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return {*code.co_names, *code.co_freevars}.union(*map(_words, inner))


def _read_value(name, value, names, parts, seen) -> None:
    if _is_function(value):
        parts.append(f"{name} is")
        _read(value.fn, parts, seen)
    elif isinstance(value, (constexpr, bool, int, float, str, tuple)) or type(value).__name__ == "constexpr":
        parts.append(f"{name} = {getattr(value, 'value', value)!r}")
    elif isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] != "triton":
        for inner in sorted(names):
            if inner in vars(value):
                _read_value(f"{name}.{inner}", vars(value)[inner], (), parts, seen)


# -- compiling: what is below touches Triton --------------------------------------------------------------------------


def _language():
    """Triton's language as the compiler knows it: the checking interpreter, where it is in use, has patched it."""
    interpreter = sys.modules.get("tritorch.runtime.interpret")
    return nullcontext() if interpreter is None else interpreter.unpatched()


def _check(triton):
    if triton.knobs.runtime.interpret:
        raise RuntimeError(
            "TRITON_INTERPRET is set: Triton then has no compiler. TRITORCH_SIM=1 runs kernels without a GPU"
        )


class _Scratch:
    """Triton's own cache in a folder that goes away: our store remembers instead. For the thread that is inside; a
    setting of the whole process says which cache to use, and for other threads it stays what it was."""

    mine = threading.local()
    lock = threading.Lock()
    inside = 0
    usual: Any = None

    def __enter__(self):
        settings = vars(load("triton").knobs.cache)  # past the descriptor, which would write to the environment
        with _Scratch.lock:
            if _Scratch.inside == 0:
                _Scratch.usual = settings.get("manager_class")
                settings["manager_class"] = _Scratch.manager
            _Scratch.inside += 1
        self.folder = tempfile.TemporaryDirectory(prefix="tritorch-", ignore_cleanup_errors=True)
        _Scratch.mine.path = self.folder.name

    def __exit__(self, *exception):
        _Scratch.mine.path = None
        self.folder.cleanup()
        with _Scratch.lock:
            _Scratch.inside -= 1
            if _Scratch.inside == 0:
                settings = vars(load("triton").knobs.cache)
                settings.pop("manager_class")
                if _Scratch.usual is not None:
                    settings["manager_class"] = _Scratch.usual

    @staticmethod
    def manager(key, override=False, dump=False):
        """Triton's manager of cached files, for this thread."""
        files = load("triton.runtime.cache").FileCacheManager
        root = getattr(_Scratch.mine, "path", None)
        if root is None or override or dump:
            return (_Scratch.usual or files)(key, override, dump)
        made = files.__new__(files)
        made.key, made.cache_dir = key, os.path.join(root, key)
        made.lock_path = os.path.join(made.cache_dir, "lock")
        os.makedirs(made.cache_dir, exist_ok=True)
        return made


def _built(request: Request) -> Cubin:
    """Compiles, whatever the store has."""
    kernel, names = request.kernel, _parameters(request.kernel)
    target = load("triton.backends.compiler").GPUTarget("cuda", request.arch, 32)
    aligned = {(names.index(n),): [["tt.divisibility", 16]] for n in request.aligned}
    source = load("triton.compiler").ASTSource(
        _for_compiler(kernel),
        {n: request.signature.get(n, "constexpr") for n in names},
        {n: _for_compiler(v) for n, v in request.constants.items()},
        aligned,
    )
    with _Scratch(), load("tritorch.runtime.driver").compiling_for(request.arch):
        made = load("triton").compile(source, target=target, options=_options(kernel, request.options))
        image, facts, text = made.kernel, made.metadata, made.asm["ttir"]
        usage = _usage(image, facts.name)
    passed = [n for n in names if n in request.signature]
    return Cubin(
        name=facts.name,
        image=image,
        arch=request.arch,
        parameters=tuple(request.signature[n] for n in passed),
        positions=tuple(names.index(n) for n in passed),
        num_warps=facts.num_warps,
        num_ctas=facts.num_ctas,
        shared=facts.shared,
        cooperative=bool(facts.launch_cooperative_grid),
        dependent=bool(facts.launch_pdl),
        global_scratch=(facts.global_scratch_size, facts.global_scratch_align),
        profile_scratch=(facts.profile_scratch_size or 0, facts.profile_scratch_align or 1),
        registers=usage["REG"],
        stack=usage["STACK"],
        spills=usage["LOCAL"],
        triton=facts.triton_version,
        written=_written(text, [request.signature[n] for n in passed]),
    )


def _written(text: str, kinds: list[str]) -> tuple[int, ...]:
    found = written_parameters(text, len(kinds))
    return tuple(i for i, kind in enumerate(kinds) if kind.startswith("*")) if found is None else found


def _for_compiler(value):
    if isinstance(value, tuple):
        return tuple(map(_for_compiler, value))
    return value.for_compiler() if isinstance(value, Kernel) else value


# -- looking at cubins ------------------------------------------------------------------------------------------------


def tool(name: str) -> str:
    """The path of one of the programs in Triton's wheel: ``cuobjdump``, ``nvdisasm``, ``ptxas``."""
    return getattr(load("triton").knobs.nvidia, name).path


def _run_on(image: bytes, name: str, *options: str) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(image)
        file.flush()
        done = subprocess.run([tool(name), *options, file.name], capture_output=True, text=True, check=True)
    return done.stdout


def _usage(image: bytes, name: str) -> dict[str, int]:
    text = _run_on(image, "cuobjdump", "-res-usage")
    line = re.search(rf"Function {re.escape(name)}:\s*\n(.*)", text)
    if line is None:
        raise RuntimeError(f"kernel {name}: expected cuobjdump to tell its registers, got {text!r}")
    return {word: int(number) for word, number in re.findall(r"(\w+):(\d+)", line[1])}


def disassembly(cubin: Cubin) -> list[str]:
    """The machine instructions of a kernel, one text each, as the card runs them."""
    text = _run_on(cubin.image, "cuobjdump", "-sass")
    return re.findall(r"^\s+/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;", text, re.MULTILINE)
