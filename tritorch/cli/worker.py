"""One execution of an operator, in a process of its own: for a process has one device, and a kernel may end it.

Run as ``python -m tritorch.cli.worker JOB TARGET OUT OPTIONS``; what is found is written to the file OUT, as JSON.
"""

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .. import _C
from .. import _api as tt
from ..autograd import grad, no_grad
from ..ops._samples import large_of
from ..runtime.compile import OPTIONS
from ..runtime.jit import Kernel
from ..runtime.jit import load as late
from ..tensor import Tensor
from ..testing.calls import mapped, run, tensors_of
from ..testing.check import Check, examine, examine_device
from .source import BadInput, described, load

__all__ = ["main"]

TARGET = 0.02  # seconds that one sample of a benchmark lasts


def _row(op, execution, check, place=""):
    detail = check.detail
    if check.error is not None and not isinstance(check.error, AssertionError):
        detail = described(check.error, place)
    return {
        "operator": op.path, "execution": execution, "check": check.name, "passed": check.passed, "detail": detail,
    }  # fmt: skip


def cpu(ops, path, options):
    """The NumPy meaning and its derivatives."""
    for op in ops:
        for check in examine(op, device="cpu"):
            yield _row(op, "NumPy", check, path)


def device(ops, path, options):
    """A device: the interpreter on the simulated one, or a GPU. After a kernel has failed nothing more can run."""
    execution = "interpreter" if _C.device_kind() == "simulated" else "GPU"
    for op in ops:
        for check in examine_device(op):
            check = check._replace(name=check.name.partition(": ")[2])
            yield _row(op, execution, check, path)
            if check.error is not None and _is_lost(check.error):
                raise BadInput(f"operator {op.path}: {described(check.error, path)}") from check.error
        if execution == "interpreter":
            yield from _bytes(op, path)


def _is_lost(error):
    while error is not None:
        if type(error).__name__ == "LaunchError" or "CUDA error" in str(error):
            return True
        error = error.__cause__
    return False


def _bytes(op, path):
    """The bytes that the forward kernels move, against the fewest: operands once, results once."""
    memory = late("tritorch.runtime.interpret").memory
    for sample in large_of(op):
        here = mapped(lambda x: x.cuda(), sample)
        counted: list[int] = []
        memory.counted = counted
        try:
            with no_grad():
                outs = run(op, here)
                _C.device_synchronize(_C.current_device())
        except Exception:  # what other rows have said already: no kernel, or a call that fails
            return
        finally:
            memory.counted = None
        tensors = [x for x in [*tensors_of([list(here.args), here.kwargs]), *outs] if isinstance(x, Tensor)]
        least = sum(x.numel() * x.dtype.itemsize for x in {id(x): x for x in tensors}.values())
        ratio = sum(counted) / max(least, 1)
        detail = f"{sum(counted) / 1e6:.2f} MB, {ratio:.2f} of the minimum, at {_sizes(here)}"
        yield _row(op, "interpreter", Check("bytes", True if ratio <= 1.05 else None, detail), path)


def _sizes(sample):
    given = [x for x in tensors_of([list(sample.args), sample.kwargs]) if isinstance(x, Tensor)]
    return " ".join("x".join(map(str, x.shape)) or "()" for x in given)


def cubins(ops, path, options):
    """What the compiler makes of every kernel that the operators launch."""
    code = late("tritorch.testing.machine_code")
    for op in ops:
        recorder = code.Recorder()
        for dtype in (tt.float32, tt.bfloat16):
            with contextlib.suppress(*code.REFUSED):
                recorder.run(op, large_of(op, dtype))
            recorder.run_samples(op, dtype)
        mine = [case for case in recorder.found.values() if _is_of(op.__module__, case.kernel)]
        kept: dict[tuple, dict] = {}  # of a kernel's variants the first, for large shapes, and what is wrong
        for case, request in code.requests(mine, options["arch"]):
            try:
                facts = code.facts_of(request)
            except Exception as error:  # of the compiler, whatever it is
                raise BadInput(f"kernel {case.kernel.__name__}: {described(error, path)}") from error
            wrong = list(code.problems(case, request.arch, facts))
            bits = sorted(set(facts["loads"] + facts["stores"]), reverse=True)
            warps = {**OPTIONS, **case.options}["num_warps"]
            detail = (
                f"{facts['registers']} registers, {facts['spills']} spilled, {facts['shared']} B shared, {warps} warps, "
                f"{'/'.join(map(str, bits)) or 'no'} bits{', matrix unit' if facts['matrix'] else ''}"
            )
            kinds = " ".join(dict.fromkeys(kind for kind in case.signature.values() if kind.startswith("*")))
            check = Check(f"{case.kernel.__name__}({kinds})", not wrong, "; ".join([*wrong, detail]))
            key = (request.arch, check.name, tuple(wrong))
            kept.setdefault(key, _row(op, f"sm_{request.arch}", check, path))
        yield from kept.values()


def _is_of(module, kernel):
    """Whether a kernel, or a formula that it calls, stands in the author's file."""
    scope, names = kernel.fn.__globals__, kernel.fn.__code__.co_names
    inner = [scope[name] for name in names if isinstance(scope.get(name), Kernel)]
    return kernel.__module__ == module or any(_is_of(module, one) for one in inner)


def bench(ops, path, options):
    """Times calls when it is told to: a line on standard input is a turn, the answer its seconds a call."""
    (op,) = ops
    late("torch" if options["lane"] == "torch" else "tritorch").set_num_threads(options["threads"])
    call, wait, sizes = lane_of(op, options["lane"], options["call"], options["backward"], options["device"])
    call()
    wait()
    start = time.perf_counter()
    call()
    wait()
    loops = max(1, int(TARGET / max(time.perf_counter() - start, 1e-7)))
    print(json.dumps({"sizes": sizes}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(loops):
            call()
        wait()
        print(json.dumps({"seconds": (time.perf_counter() - start) / loops}), flush=True)
    return ()


def _at_once():
    """The host's work is done when a call returns."""


def lane_of(op, lane, number, backward, device):
    """What a lane times, what waits for it to be done, and the sizes: the operator, its reference in eager lines, its
    NumPy meaning, or the reference in torch."""
    sample = large_of(op, requires_grad=backward)[number]
    wait = _at_once
    sizes = _sizes(sample)
    if lane == "numpy":
        defaults = {a.name: a.default for a in op.args}
        given = dict(zip((a.name for a in op.args), sample.args, strict=False)) | sample.kwargs
        values = [given.get(name, default) for name, default in defaults.items()]
        arrays = [x._array if isinstance(x, Tensor) else x for x in values]
        return lambda: op.cpu(*arrays), wait, sizes
    if lane == "torch":
        torch: Any = late("torch")
        sample = mapped(lambda x: _of_torch(torch, x, device), sample)
        wait = torch.cuda.synchronize if device == "cuda" else wait
        function, gradient, quiet = op.reference, torch.autograd.grad, torch.no_grad
        kind = torch.Tensor
    else:
        if device == "cuda":
            sample = mapped(lambda x: x.detach().cuda().requires_grad_(x.requires_grad), sample)
            wait = lambda: _C.device_synchronize(_C.current_device())
        function, gradient, quiet, kind = (op.call if lane == "tritorch" else op.reference), grad, no_grad, Tensor
    inputs = [x for x in tensors_of([list(sample.args), sample.kwargs]) if isinstance(x, kind) and x.requires_grad]
    if not backward:

        def forward():
            with quiet():
                return function(*sample.args, **sample.kwargs)

        return forward, wait, sizes

    def both():
        outs = [x for x in tensors_of(function(*sample.args, **sample.kwargs)) if x.requires_grad]
        return gradient(outs, inputs, outs)

    return both, wait, sizes


def _of_torch(torch, x, device):
    return torch.from_numpy(x.detach().numpy().copy()).to(device).requires_grad_(x.requires_grad)


def describe(ops, path, options):
    """What there is to time."""
    for op in ops:
        differs = any(isinstance(x, Tensor) and x.requires_grad for x in run(op, large_of(op, requires_grad=True)[0]))
        yield {
            "operator": op.path, "name": op.__name__, "calls": len(large_of(op)), "derivative": differs,
            "reference": op.reference is not None, "numpy": op.slot == "cpu",
        }  # fmt: skip


def host(ops, path, options):
    """Microseconds that one small call costs the host, on a device that does nothing."""
    for op in ops:
        sample = mapped(lambda x: x.flatten()[:1].reshape((1,) * x.ndim).cuda(), large_of(op)[0])
        with contextlib.suppress(RuntimeError, ValueError, IndexError), no_grad():
            run(op, sample)
            times = []
            for _ in range(15):
                start = time.perf_counter()
                for _ in range(200):
                    op.call(*sample.args, **sample.kwargs)
                times.append((time.perf_counter() - start) / 200)
            yield {"operator": op.path, "microseconds": float(np.median(times)) * 1e6}


JOBS = {"cpu": cpu, "device": device, "cubins": cubins, "bench": bench, "describe": describe, "host": host}


def main() -> None:
    """Runs one job."""
    job, target, out, options = sys.argv[1:]
    rows, broken = [], ""
    try:
        ops, path = load(target)
        for row in JOBS[job](ops, path, json.loads(options)):
            rows.append(row)
    except BadInput as error:
        broken = str(error)
    Path(out).write_text(json.dumps({"rows": rows, "broken": broken}))


if __name__ == "__main__":
    main()
