"""Every kernel of the library, as it is compiled for GPUs: run by test_codegen.py in a process of its own.

The kernels are found by running the operators' samples, forward and backward, on the stub driver, which launches
nothing: what a launch would have compiled is recorded instead, so that there is no list to keep. Each is then compiled
as for large tensors (all addresses, sizes and strides multiples of 16), for sm_80 and sm_90, and looked at.

Usage: matrix.py [--dtypes float32,bfloat16] [--arch 80,90] [--limit N] [--match TEXT]
"""

import argparse
import contextlib
import inspect
import json
import os
import re
import sys
import warnings
from pathlib import Path

os.environ["TRITORCH_SIM"] = "stub"

import tritorch as torch
from tritorch import _C
from tritorch.ops._op import REGISTRY
from tritorch.ops._samples import is_public, samples_of
from tritorch.runtime.compile import Request, compile_many, disassembly, key_of
from tritorch.runtime.jit import Kernel, tl, triton
from tritorch.runtime.launch import specialised
from tritorch.runtime.store import folder

SHARED = {80: 166_912, 90: 232_448}  # bytes that a program may have
BITS = {"i1": 8, "u1": 8, "fp16": 16, "bf16": 16, "fp8e4nv": 8, "fp8e5": 8}
MATRIX_UNIT = re.compile(r"\b[HIDQ]G?MMA\b")
ACCESS = {"loads": re.compile(r"\bLDG\.E(\S*)"), "stores": re.compile(r"\bSTG\.E(\S*)")}
found: dict = {}  # (kernel's name, signature, constants, options) -> request for no architecture
current = ""


def record(kernel, tags, args, constants):
    _, signature, constants, _, options = specialised(kernel, tags, args, constants)
    key = (source_of(kernel), str(signature), str(constants), str(options))
    found.setdefault(key, (current, kernel, signature, constants, list(signature), options))
    module = _C.module_load(b"stub", _C.current_device())
    return _C.make_plan(_C.module_function(module, kernel.__name__), "x" * len(args), 32, 0)


def source_of(kernel):
    """The text of a kernel and of those that it calls."""
    inner = [v for n, v in sorted(kernel.fn.__globals__.items()) if n in kernel.fn.__code__.co_names]
    return inspect.getsource(kernel.fn) + "".join(source_of(v) for v in inner if isinstance(v, Kernel))


def mapped(function, value):
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: mapped(function, x) for key, x in value.items()}
    if type(value) in (tuple, list):
        return type(value)(mapped(function, x) for x in value)
    return value


def run_samples(dtype):
    """Runs every operator that has a kernel, forward and backward, on its samples of a dtype."""
    global current
    refused = (NotImplementedError, RuntimeError, TypeError, ValueError, IndexError)

    def moved(x):
        x = x.detach()
        return x.cuda().requires_grad_(x.dtype.is_floating_point)

    for name, op in REGISTRY.items():
        only_inplace = op.inplace and not op.function and not op.operator and op.method is False
        loop = op.__dict__.get("cuda_") if only_inplace else op.device_loop()
        if not is_public(op) or loop is None:
            continue
        current = name
        try:
            samples = samples_of(op, dtype)
        except refused:
            continue  # not of this dtype
        for sample in samples:
            with contextlib.suppress(*refused):  # an operator, or one of its dtypes, that has no kernel
                args, kwargs = mapped(moved, tuple(sample.args)), mapped(moved, sample.kwargs)
                if any(a.name == "device" for a in op.public_args()):
                    kwargs["device"] = "cuda"
                if only_inplace:
                    args = [args[0].detach(), *args[1:]]
                out = (op.call_ if only_inplace else op.call)(*args, **kwargs)
                for x in out if isinstance(out, (tuple, list)) else (out,):
                    if isinstance(x, torch.Tensor) and x.requires_grad and x.numel():
                        x.backward(torch.empty(x.shape, dtype=x.dtype, device="cuda"), retain_graph=True)


def run_large(dtype):
    """What samples are too small for: products whose tiles are those of large matrices."""
    global current
    current = "mm of large matrices"
    for m, n in ((8, 4096), (4096, 8), (300, 300), (4096, 4096)):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # a dtype without products
            empty = torch.empty((m, n), dtype=dtype, device="cuda")
            torch.mm(empty, torch.empty((n, m), dtype=dtype, device="cuda"))
            torch.mm(
                torch.empty((m, 1024), dtype=dtype, device="cuda"), torch.empty((1024, n), dtype=dtype, device="cuda")
            )


def facts_of(request):
    """What the machine code of a kernel shows, remembered beside the cubins."""
    (cubin,) = compile_many([request])
    path = Path(folder()) / "codegen-2" / f"{key_of(request)}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text())
    code = disassembly(cubin)
    facts = {
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


def access_bits(suffix):
    sizes = re.search(r"\.(128|64|U8|S8|U16|S16)\b", suffix)
    return int(sizes[1].strip("US")) if sizes else 32


def problems(kernel, signature, constants, options, arch, facts):
    """What is wrong with a kernel's machine code."""
    if facts["spills"] or facts["local"]:
        yield f"spills {max(facts['spills'], 4 * facts['local'])} bytes"
    if facts["stack"]:
        yield f"has {facts['stack']} bytes of stack"
    if facts["shared"] > SHARED[arch]:
        yield f"needs {facts['shared']} bytes of shared memory, there are {SHARED[arch]}"
    if "tl.dot" in source_of(kernel) and not facts["matrix"]:
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


@triton.jit
def sound(x, n, BLOCK: tl.constexpr, WIDE: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i, i < n, other=0) + 1, i < n)


@triton.jit
def scalar(x, n, BLOCK: tl.constexpr, WIDE: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i * 3, tl.load(x + i, i < n, other=0) + 1, i < n)


@triton.jit
def spilling(x, out, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    value = tl.load(x + i)
    for k in range(n):
        value += tl.load(x + k * BLOCK + i) * tl.cumsum(value)
    tl.store(out + i, value)


@triton.jit
def product(a, b, c, K, SIZE: tl.constexpr, PRECISION: tl.constexpr):
    i, j = tl.arange(0, SIZE)[:, None], tl.arange(0, SIZE)[None, :]
    total = tl.zeros((SIZE, SIZE), tl.float32)
    for k in range(0, K, SIZE):
        total += tl.dot(tl.load(a + i * K + k + j), tl.load(b + (i + k) * SIZE + j), input_precision=PRECISION)
    tl.store(c + i * SIZE + j, total)


def plant():
    """Kernels with a fault each, and one without."""
    i = {"n": "i32"}
    matrices = {"a": "*fp32", "b": "*fp32", "c": "*fp32", "K": "i32"}
    planted = {
        "sound": (sound, {"x": "*fp32"} | i, {"BLOCK": 1024, "WIDE": False}, {}),
        "scalar": (scalar, {"x": "*fp32"} | i, {"BLOCK": 1024, "WIDE": False}, {}),
        "spilling": (spilling, {"x": "*fp32", "out": "*fp32"} | i, {"BLOCK": 16384}, {"num_warps": 4}),
        "greedy": (product, matrices, {"SIZE": 128, "PRECISION": "tf32"}, {"num_stages": 6, "num_warps": 8}),
        "dotless": (product, matrices, {"SIZE": 32, "PRECISION": "ieee"}, {}),
    }
    for name, (kernel, signature, constants, options) in planted.items():
        found[name] = (name, kernel, signature, constants, list(signature), options)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dtypes", default="float32")
    parser.add_argument("--arch", default="80,90")
    parser.add_argument("--match", default="")
    parser.add_argument("--planted", action="store_true", help="look at kernels with known faults instead")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    _C.set_planner(record)
    if options.planted:
        plant()
    else:
        for dtype in options.dtypes.split(","):
            run_samples(getattr(torch, dtype))
            run_large(getattr(torch, dtype))
    findings, failures, most = [], [], 0
    cases = [case for case in found.values() if options.match in case[0]]
    arches = [int(a) for a in options.arch.split(",")]
    requests = [
        (name, kernel, Request(kernel, signature, constants, aligned, arch, given))
        for name, kernel, signature, constants, aligned, given in cases
        for arch in arches
    ]
    with contextlib.suppress(Exception):  # on all cores; what fails is found again below, one by one
        compile_many([request for _, _, request in requests])
    for name, kernel, request in requests:
        title = f"{name}: {kernel.__name__} sm_{request.arch} {dict(request.signature)} {dict(request.constants)}"
        try:
            facts = facts_of(request)
        except Exception as error:
            failures.append(f"{title}: {type(error).__name__}: {error}")
            continue
        most = max(most, facts["registers"])
        for problem in problems(kernel, request.signature, request.constants, request.options, request.arch, facts):
            findings.append(f"{title}: {problem}")
    operators = len({name for name, *_ in cases})
    json.dump(
        {"operators": operators, "kernels": len(cases), "cubins": len(requests), "registers": most,
         "failures": failures, "findings": findings},
        sys.stdout,
    )  # fmt: skip


main()
