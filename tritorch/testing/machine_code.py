"""The machine code of the kernels that operators launch, without a GPU: what is compiled, and what is wrong with it.

On the stub driver (``TRITORCH_SIM=stub``), which launches nothing, what a launch would have compiled is recorded
instead. Each is then compiled as for large tensors (all addresses, sizes and strides multiples of 16), and looked at.
"""

import contextlib
import inspect
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .. import _C
from .. import _api as tt
from ..dtypes import dtype as DType
from ..ops._samples import samples_of
from ..runtime.compile import Request, compile_many, disassembly, key_of
from ..runtime.jit import Kernel
from ..runtime.launch import specialised
from ..runtime.store import folder
from .calls import mapped, tensors_of

__all__ = ["Case", "REFUSED", "Recorder", "facts_of", "problems", "requests", "source_of"]

SHARED = {80: 166_912, 90: 232_448}  # bytes that a program may have
BITS = {"i1": 8, "u1": 8, "fp16": 16, "bf16": 16, "fp8e4nv": 8, "fp8e5": 8}
MATRIX_UNIT = re.compile(r"\b[HIDQ]G?MMA\b")
ACCESS = {"loads": re.compile(r"\bLDG\.E(\S*)"), "stores": re.compile(r"\bSTG\.E(\S*)")}
REFUSED = (NotImplementedError, RuntimeError, TypeError, ValueError, IndexError)


class Case(NamedTuple):
    """A kernel that a launch asked for: the operator that did, and the parts of a request but the architecture."""

    operator: str
    kernel: Any
    signature: dict
    constants: dict
    aligned: list
    options: dict


class Recorder:
    """Keeps what launches ask for, from when it is made on; the device must be the stub.

    Attributes:
        found: the cases, by all that tells them apart.
        current: the name of the operator that runs.
    """

    def __init__(self) -> None:
        self.found: dict[Any, Case] = {}
        self.current = ""
        _C.set_planner(self._record)

    def _record(self, kernel, tags, args, constants):
        _, signature, constants, _, options = specialised(kernel, tags, args, constants)
        key = (source_of(kernel), str(signature), str(constants), str(options))
        self.found.setdefault(key, Case(self.current, kernel, signature, constants, list(signature), options))
        module = _C.module_load(b"stub", _C.current_device())
        return _C.make_plan(_C.module_function(module, kernel.__name__), "x" * len(args), 32, 0)

    def run(self, op: Any, samples: Iterable) -> None:
        """Runs calls of an operator on the device, forward and backward; what has no kernel is left out."""
        self.current = op.__name__
        for sample in samples:
            with contextlib.suppress(*REFUSED):  # an operator, or one of its dtypes, that has no kernel
                args, kwargs = mapped(_moved, tuple(sample.args)), mapped(_moved, sample.kwargs)
                for x in tensors_of(op.call(*args, **kwargs)):
                    if isinstance(x, tt.Tensor) and x.requires_grad and x.numel():
                        x.backward(tt.empty(x.shape, dtype=x.dtype, device="cuda"), retain_graph=True)

    def run_samples(self, op: Any, dtype: DType) -> None:
        """Runs an operator's samples of a dtype, if it takes that."""
        try:
            samples = samples_of(op, dtype)
        except REFUSED:
            return
        self.run(op, samples)


def _moved(x):
    x = x.detach()
    return x.cuda().requires_grad_(x.dtype.is_floating_point)


def source_of(kernel: Any) -> str:
    """The text of a kernel and of those that it calls."""
    inner = [v for n, v in sorted(kernel.fn.__globals__.items()) if n in kernel.fn.__code__.co_names]
    return inspect.getsource(kernel.fn) + "".join(source_of(v) for v in inner if isinstance(v, Kernel))


def requests(cases: Iterable[Case], arches: Iterable[int]) -> list[tuple[Case, Request]]:
    """What is to be compiled: each case for each architecture. All of it is compiled at once, on the cores there are;
    what fails is left for :func:`facts_of` to say."""
    arches = list(arches)
    made = [
        (case, Request(case.kernel, case.signature, case.constants, case.aligned, arch, case.options))
        for case in cases
        for arch in arches
    ]
    with contextlib.suppress(Exception):  # whatever the compiler raises is raised again, for the kernel that it is of
        compile_many([request for _, request in made])
    return made


def facts_of(request: Request) -> dict[str, Any]:
    """What the machine code of a kernel shows, remembered beside the cubins: registers, stack, spills, shared memory
    (bytes), accesses to local memory, instructions of the matrix unit, and the bits of each load and store.

    Raises:
        triton.compiler.CompilationError: where the kernel is wrong.
    """
    (cubin,) = compile_many([request])
    path = Path(folder()) / "codegen-2" / f"{key_of(request)}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text())
    code = disassembly(cubin)
    facts: dict[str, Any] = {
        "registers": cubin.registers, "stack": cubin.stack, "spills": cubin.spills, "shared": cubin.shared,
        "local": sum(bool(re.search(r"\b(LDL|STL)\b", line)) for line in code),
        "matrix": sum(bool(MATRIX_UNIT.search(line)) for line in code),
    }  # fmt: skip
    for kind, pattern in ACCESS.items():
        facts[kind] = sorted(access_bits(suffix) for line in code for suffix in pattern.findall(line))
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(facts))
        os.replace(aside, path)
    return facts


def access_bits(suffix: str) -> int:
    """How many bits an instruction moves at once, from what follows its name."""
    sizes = re.search(r"\.(128|64|U8|S8|U16|S16)\b", suffix)
    return int(sizes[1].strip("US")) if sizes else 32


def problems(case: Case, arch: int, facts: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a kernel's machine code."""
    signature, constants, options = case.signature, case.constants, case.options
    if facts["spills"] or facts["local"]:
        yield f"spills {max(facts['spills'], 4 * facts['local'])} bytes"
    if facts["stack"]:
        yield f"has {facts['stack']} bytes of stack"
    if facts["shared"] > SHARED.get(arch, SHARED[90]):
        yield f"needs {facts['shared']} bytes of shared memory, there are {SHARED.get(arch, SHARED[90])}"
    if "tl.dot" in source_of(case.kernel) and not facts["matrix"]:
        yield "has a dot without the matrix unit"
    numbers = [n for n, kind in signature.items() if not kind.startswith("*") and kind.startswith("i")]
    if numbers == ["n"] and "WIDE" in constants and "total" not in signature:  # pointwise, all contiguous
        each = constants["BLOCK"] // (32 * options.get("num_warps", 4))
        held = [BITS.get(kind[1:], int(re.sub(r"\D", "", kind) or 32)) for kind in signature.values() if kind[0] == "*"]
        width = max(min(min(128, each * bits) for bits in held), 8)
        wanted = sum(max(each * bits // 128, 1) for bits in held)  # narrower loads beside them read tables
        wide = sum(bits >= width for bits in facts["loads"] + facts["stores"])
        if wide < wanted or any(bits < width for bits in facts["stores"]):
            yield f"accesses {width} bits at once {wide} times of {wanted}, and stores {facts['stores'][:1]}"
