"""Rows of the reliability goals that go over all operators: error inputs, layouts and NaN, odd shapes, no GPU."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from registry import PUBLIC, REFUSALS, UNINITIALISED, array, assert_same, from_array, mapped, outcome, run

import tritorch as torch
from tritorch.ops._samples import samples_of

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "conformance"
ABOUT_MEMORY = {  # recorded errors about storage that outputs and inputs share, which a recording does not keep
    "gather": "an out that may not be resized",
    "cat": "the same, and an out that is one of the inputs",
}
OF_MEMORY = set(
    "as_strided as_strided_ as_strided_copy as_strided_scatter strided_window dim_order view view_as".split()
)
OF_MEMORY |= {"view_copy", "view_as_complex", "view_as_complex_copy", "resize_as_"}


@pytest.mark.skipif(not CORPUS.exists(), reason="no recorded error inputs beside the checkout")
def test_error_inputs(tmp_path, figure):
    """Row 2: torch's own bad inputs raise torch's exceptions, and nothing crashes."""
    command = [sys.executable, CORPUS / "opinfo_bridge.py", "run", "--lib", "tritorch", "--corpus", CORPUS / "corpus"]
    command += ["--out", tmp_path / "errors.json", "--phases", "err", "--jobs", "1"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    result = json.loads((tmp_path / "errors.json").read_text())
    counts = result["totals"]["phases"]["err"]
    figure("error inputs with the right exception", f"{counts['pass']} of {counts['pass'] + counts['fail']}")
    failed = {name for name, op in result["ops"].items() if op["phases"].get("err", {}).get("fail")}
    assert not result["totals"]["crashes"]
    assert failed <= set(ABOUT_MEMORY)


def test_memory_layouts(figure):
    """Row 3: NaN between the elements, dims in another order, NaN and infinities among them."""
    laid, planted = 0, 0
    for name, op in PUBLIC.items():
        for layout in ("gaps", "permuted"):
            for plain, other in zip(samples_of(op), samples_of(op, layout=layout), strict=True):
                if name not in OF_MEMORY:
                    assert_same(outcome(op, other), outcome(op, plain), values=name not in UNINITIALISED)
                    laid += 1
        for value in (float("nan"), float("inf")):
            for sample in samples_of(op):
                outcome(op, mapped(lambda x, value=value: x * value if x.is_floating_point() else x, sample))
                planted += 1
    figure("calls on memory with gaps or of another order that agree", laid)
    figure("calls on NaN or infinities without a crash", planted)


def test_odd_shapes(figure):
    """Row 7: 500 calls on empty, 0-dim, expanded and overlapping tensors: a result, or torch's error."""
    draw, count, refused = random.Random(7), 0, 0
    names = [name for name, op in PUBLIC.items() if samples_of(op)]
    while count < 500:
        op = PUBLIC[draw.choice(names)]
        sample = draw.choice(samples_of(op))
        chosen = mapped(lambda x: draw.choice(ODD)(x), sample)
        refused += isinstance(outcome(op, chosen, (*REFUSALS, IndexError, AssertionError)), type)
        count += 1
    figure("calls on odd shapes, of which refused", f"{count}, {refused}")
    assert refused < count


ODD = (
    lambda x: x,
    lambda x: x.flatten()[0] if x.numel() else x,
    lambda x: x[:0] if x.ndim else x,
    lambda x: x[..., :0] if x.ndim else x,
    lambda x: x[:1].expand(x.shape) if x.ndim else x,
    lambda x: x.flatten().unfold(0, 2, 1) if x.numel() > 2 else x,  # each element in two rows
    lambda x: from_array(array(x).T),
)


def test_every_operator_is_deterministic(figure):
    """Row 10: the same bits twice."""
    same = 0
    for op in PUBLIC.values():
        for first, second in zip(samples_of(op), samples_of(op), strict=True):
            values = op.__name__ not in UNINITIALISED
            assert_same(run(op, first), run(op, second), values=values, exact=True)
        same += 1
    figure("operators bitwise equal twice", same)


BARE = """
import sys
sys.modules["triton"] = None  # an import of it fails
import tritorch
x = tritorch.ones(3, requires_grad=True)
(x * 2).exp().sum().backward()
assert x.grad.shape == (3,) and not tritorch.cuda.is_available()
try:
    tritorch.ones(2).cuda()
except RuntimeError as error:
    assert len(str(error).splitlines()) == 1
    print(error)
"""


@pytest.mark.skipif(torch.cuda.is_available() and not os.environ.get("TRITORCH_SIM"), reason="a GPU is there")
def test_nothing_but_the_cpu(tmp_path, figure):
    """Row 24: without driver, compiler and Triton the CPU works, and one line says why cuda does not."""
    bare = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", BARE], env=bare, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cuda" in done.stdout
    figure("without a GPU it says", done.stdout.strip())
