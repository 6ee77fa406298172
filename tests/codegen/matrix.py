"""Every kernel of the library, as it is compiled for GPUs: run by test_codegen.py in a process of its own.

The kernels are found by running the operators' samples, forward and backward, on the stub driver, which launches
nothing: what a launch would have compiled is recorded instead, so that there is no list to keep. Each is then compiled
as for large tensors (all addresses, sizes and strides multiples of 16), for sm_80 and sm_90, and looked at.

Usage: matrix.py [--dtypes float32,bfloat16] [--arch 80,90] [--limit N] [--match TEXT]
"""

import argparse
import contextlib
import json
import os
import sys
import warnings

os.environ["TRITORCH_SIM"] = "stub"

import tritorch as torch
from tritorch.ops._op import REGISTRY
from tritorch.ops._samples import is_public
from tritorch.runtime.jit import tl, triton
from tritorch.testing.machine_code import Case, Recorder, facts_of, problems, requests

LARGE = {
    "cumsum": torch.cumsum,
    "cumprod": torch.cumprod,
    "cummax": torch.cummax,
    "logcumsumexp": torch.logcumsumexp,
    "var_mean": lambda x, dim: torch.var_mean(x, dim=dim),
    "norm": lambda x, dim: torch.linalg.vector_norm(x, 3, dim=dim),
}


F = torch.nn.functional
ROWS = {  # of any shape (rows, length), forward and backward
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:], ones(x, x.shape[1]), ones(x, x.shape[1])),
    "rms_norm": lambda x: F.rms_norm(x, x.shape[1:], ones(x, x.shape[1])),
    "group_norm": lambda x: F.group_norm(x.reshape(2, 32, -1), 8, ones(x, 32), ones(x, 32)),
    "batch_norm of images": lambda x: F.batch_norm(x.reshape(2, 32, -1), None, None, ones(x, 32), ones(x, 32), True),
    "batch_norm": lambda x: F.batch_norm(x, None, None, ones(x, x.shape[1]), ones(x, x.shape[1]), True),
    "softmax": lambda x: x.softmax(1),
    "cross_entropy": lambda x: F.cross_entropy(x, targets(x)),
    "cross_entropy, smoothed": lambda x: F.cross_entropy(x, targets(x), x.detach()[0], label_smoothing=0.1),
    "cross_entropy of images": lambda x: F.cross_entropy(x.reshape(2, 32, -1), targets(x.reshape(2, 32, -1))),
}


def ones(x, n):
    return torch.ones(n, dtype=x.dtype, device="cuda").requires_grad_()


def targets(x):
    return torch.empty((x.shape[0], *x.shape[2:]), dtype=torch.int64, device="cuda")


def run_rows(recorder, dtype):
    """Operators on rows, with all affine parameters: rows that fit the registers, and such that are walked along."""
    if not dtype.is_floating_point:
        return
    for name, call in ROWS.items():
        recorder.current = f"{name} of rows"
        for shape in ((4096, 1024), (4096, 8192), (64, 1 << 16)):
            x = torch.empty(shape, dtype=dtype, device="cuda").requires_grad_()
            out = call(x)
            out.backward(torch.empty(out.shape, dtype=dtype, device="cuda"))


def run_large(recorder, dtype):
    """What samples are too small for: products of large matrices, scans and reductions of long rows."""
    recorder.current = "mm of large matrices"
    for m, n in ((8, 4096), (4096, 8), (300, 300), (4096, 4096)):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # a dtype without products
            empty = torch.empty((m, n), dtype=dtype, device="cuda")
            torch.mm(empty, torch.empty((n, m), dtype=dtype, device="cuda"))
            torch.mm(
                torch.empty((m, 1024), dtype=dtype, device="cuda"), torch.empty((1024, n), dtype=dtype, device="cuda")
            )
    for name, call in LARGE.items():
        recorder.current = f"{name} of large rows"
        for shape in ((4096, 4096), (2, 1 << 22)):
            for dim in (-1, 0):
                with contextlib.suppress(NotImplementedError, RuntimeError):  # a dtype that it is not for
                    x = torch.empty(shape, dtype=dtype, device="cuda")
                    call(x.requires_grad_(x.is_floating_point()), dim)


def run_attention(recorder, dtype):
    """Attention with heads of 128, forward and backward: causal, and with a mask and dropout."""
    recorder.current = "attention of large heads"
    for causal in (True, False):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # a dtype without attention
            x = torch.empty((2, 4, 512, 128), dtype=dtype, device="cuda").requires_grad_(dtype.is_floating_point)
            mask = None if causal else torch.empty((512, 512), dtype=torch.bool, device="cuda")
            dropped = 0.0 if causal else 0.1
            out = torch.nn.functional.scaled_dot_product_attention(x, x, x, mask, dropped, causal)
            out.backward(torch.empty(out.shape, dtype=dtype, device="cuda"))


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


def plant(found):
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
        found[name] = Case(name, kernel, signature, constants, list(signature), options)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dtypes", default="float32")
    parser.add_argument("--arch", default="80,90")
    parser.add_argument("--match", default="")
    parser.add_argument("--planted", action="store_true", help="look at kernels with known faults instead")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    recorder = Recorder()
    if options.planted:
        plant(recorder.found)
    else:
        for dtype in (getattr(torch, name) for name in options.dtypes.split(",")):
            for op in REGISTRY.values():
                if is_public(op) and op.device_loop() is not None:
                    recorder.run_samples(op, dtype)
            run_large(recorder, dtype)
            run_attention(recorder, dtype)
            run_rows(recorder, dtype)
    findings, failures, most = [], [], 0
    cases = [case for case in recorder.found.values() if options.match in case.operator]
    made = requests(cases, [int(a) for a in options.arch.split(",")])
    for case, request in made:
        title = (
            f"{case.operator}: {case.kernel.__name__} sm_{request.arch} {dict(request.signature)} "
            f"{dict(request.constants)}"
        )
        try:
            facts = facts_of(request)
        except Exception as error:
            failures.append(f"{title}: {type(error).__name__}: {error}")
            continue
        most = max(most, facts["registers"])
        findings += [f"{title}: {problem}" for problem in problems(case, request.arch, facts)]
    operators = len({case.operator for case in cases})
    json.dump(
        {"operators": operators, "kernels": len(cases), "cubins": len(made), "registers": most,
         "failures": failures, "findings": findings},
        sys.stdout,
    )  # fmt: skip


main()
