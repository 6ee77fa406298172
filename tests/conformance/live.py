"""tritorch beside an installed torch: the samples of torch's operator database, forward and backward, in float32.

For a checkout that stands alone, without the recorded samples. An operator that the baseline says is right must be
right here too; exit status 2 when one is not. The forms that need special handling (decompositions, unique up to
signs; operators known to the database by another name than to its users) are judged by the recorded samples only.
"""

import argparse
import json
import re
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

import baseline
import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import tritorch

RANDOM = re.compile(r"dropout|rand|bernoulli|multinomial|normal|fractional|attention")
SPECIAL = re.compile(
    r"svd|eig|qr|lu|lowrank|lstsq|pinv|^(_|native_|ops|torch)|embedding|einsum|polygamma|where|resize|in_place|_$"
    r"|^[TH]$|^m[TH]$|to_sparse|as_strided|empty|multi_head|chalf"
    r"|^(cauchy|exponential|geometric|log_normal|uniform)$"
)
SAMPLES = 12  # of an operator, evenly spaced
RTOL, ATOL = 1e-4, 1e-4  # a smoke test's: the recorded samples are judged by torch's own tolerances


class Unconvertible(Exception):
    """A sample holds what tritorch has no word for (a sparse tensor, a module)."""


@cache
def database() -> dict:
    return {op.formatted_name: op for op in op_db if op.supports_dtype(torch.float32, "cpu")}


def convert(x, made: list) -> Any:
    """A torch value as tritorch's; every pair of tensors is put down in ``made``, each tensor once."""
    if isinstance(x, torch.Tensor):
        for theirs, ours in made:
            if theirs is x:
                return ours
        if x.layout is not torch.strided or x.is_conj() or x.is_neg() or x.dtype == torch.bfloat16:
            raise Unconvertible(str(x.layout))
        y = tritorch.from_numpy(x.detach().numpy().copy()).requires_grad_(x.requires_grad)
        made.append((x, y))
        return y
    if isinstance(x, torch.dtype | torch.memory_format | torch.layout):
        return getattr(tritorch, str(x).split(".")[-1])
    if isinstance(x, torch.device):
        return str(x)
    if isinstance(x, list | tuple) and type(x) in (list, tuple, torch.Size):
        return (list if isinstance(x, list) else tuple)(convert(item, made) for item in x)
    if isinstance(x, dict):
        return {key: convert(item, made) for key, item in x.items()}
    if x is None or x is Ellipsis or isinstance(x, bool | int | float | complex | str | slice):
        return x
    raise Unconvertible(type(x).__name__)


def tensors(out, kind: type) -> list:
    if isinstance(out, kind):
        return [out]
    return [t for item in out for t in tensors(item, kind)] if isinstance(out, list | tuple) else []


def same(got, want, values: bool) -> None:
    assert str(got.dtype).split(".")[-1] == str(want.dtype).split(".")[-1], f"dtype {got.dtype}, torch {want.dtype}"
    assert tuple(got.shape) == tuple(want.shape), f"shape {tuple(got.shape)}, torch {tuple(want.shape)}"
    if values:
        if want.dtype == torch.bfloat16:
            got, want = got.float(), want.float()
        np.testing.assert_allclose(got.detach().numpy(), want.numpy(force=True), RTOL, ATOL, equal_nan=True)


def resolve(op):
    """The function that the database's name means: a path below tritorch, or a method (`float`, `expand`)."""
    function = tritorch
    for part in op.name.split("."):
        function = getattr(function, part, None)
    return function if callable(function) else getattr(tritorch.Tensor, op.name, None)


def check(op, function, sample) -> None:
    """One sample, forward and backward; raises where tritorch differs."""
    made: list = []
    args, kwargs = convert([sample.input, *sample.args], made), convert(sample.kwargs, made)
    try:
        want = tensors(op.op(sample.input, *sample.args, **sample.kwargs), torch.Tensor)
    except Exception as error:
        raise Unconvertible("torch raises") from error
    got = tensors(function(*args, **kwargs), tritorch.Tensor)
    assert len(got) == len(want), f"{len(got)} outputs, torch {len(want)}"
    values = not RANDOM.search(op.name)
    for ours, theirs in zip(got, want, strict=True):
        same(ours, theirs, values)
    roots = [(ours, theirs) for ours, theirs in zip(got, want, strict=True) if theirs.requires_grad]
    if not (roots and values):
        return
    cotangents = [torch.randn_like(theirs) for _, theirs in roots]
    torch.autograd.backward([theirs for _, theirs in roots], cotangents)
    tritorch.autograd.backward([ours for ours, _ in roots], convert(cotangents, []))
    for theirs, ours in made:
        if theirs.grad is not None:
            same(ours.grad, theirs.grad, True)
            theirs.grad = None  # samples may share their tensors


def run(name: str) -> tuple[str, str, str]:
    """(operator, pass | fail | missing | skip, why)"""
    warnings.simplefilter("ignore")
    op = database()[name]
    function = resolve(op)
    if function is None:
        return name, "missing", "there is no such function"
    torch.manual_seed(0)
    samples = list(op.sample_inputs("cpu", torch.float32, requires_grad=op.supports_autograd))
    checked = 0
    for sample in samples[:: max(1, -(-len(samples) // SAMPLES))]:
        try:
            check(op, function, sample)
            checked += 1
        except Unconvertible:
            continue
        except Exception as error:
            return name, "fail", f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    return name, "pass" if checked else "skip", ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--ops", default="")
    options = parser.parse_args()
    names = [n for n in database() if not SPECIAL.search(n) and re.fullmatch(options.ops or ".*", n)]
    known = json.loads(baseline.PATH.read_text())["ops"] if baseline.PATH.exists() else {}
    count, worse = Counter(), 0
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for name, status, why in pool.map(run, names, chunksize=4):
            count[status] += 1
            phases = known.get(name, {})
            was_right = bool(phases) and all(passed == n for p, (passed, n) in phases.items() if p in ("fwd", "bwd"))
            worse += was_right and status in ("fail", "missing")
            if status == "fail" or (status == "missing" and was_right):
                print("WORSE " if was_right else "differs", name, why)
    print(f"torch {torch.__version__}, live: " + ", ".join(f"{n} {status}" for status, n in sorted(count.items())))
    print(f"{worse} of the operators that {baseline.PATH.name} has as right are not")
    return 2 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
