"""The command line: what it shows, its exit codes, and what it says of bad input: never a traceback."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import tritorch
from tritorch.cli import show, worker
from tritorch.cli.main import main
from tritorch.op import REGISTRY

ROOT = Path(tritorch.__file__).resolve().parent.parent
triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")

SOUND = '''
import numpy as np
from tritorch.op import Elementwise, tl, triton


class relu_squared(Elementwise, inplace=True):
    """The square of the positive part."""

    def cpu(input):
        return np.square(np.maximum(input, 0))

    @triton.jit
    def cuda(input):
        return tl.where(input < 0, 0.0, input * input)

    def d_input(grad, input):
        return grad * 2 * input.clamp(min=0)

    def reference(input):
        return input.relu() ** 2

    def bench(make):
        yield make(64, 256)
'''
KERNEL = '''
import numpy as np
from tritorch.op import Op, empty, launch, tl, triton


@triton.jit
def doubling(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i, mask=i < n, other=0.0)
    tl.store(out + i, value * 2, mask=i < n)


class doubled(Op):
    """Twice the input."""

    def cpu(input):
        return input + input

    def cuda(input):
        out = empty(input.shape, input.dtype)
        launch(doubling, (triton.cdiv(input.size, 1024),), input, out, input.size, BLOCK=1024)
        return out

    def samples(make):
        yield make(3000)
'''


@pytest.fixture
def call(capsys, monkeypatch):
    """``call(*arguments, **environment)``: the exit code, the output and the errors of a command."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, sys.path)]))

    def run(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        try:
            code = main([str(x) for x in arguments])
        except SystemExit as error:  # of argparse
            code = error.code
        out, errors = capsys.readouterr()
        assert "Traceback" not in out + errors, out + errors
        return code, out, errors

    return run


def written(folder, text, name="mine.py"):
    path = folder / name
    path.write_text(text)
    return path


def line_of(path, words):
    return next(i for i, line in enumerate(path.read_text().splitlines(), 1) if words in line)


def test_info(call):
    code, out, _ = call("info", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["tritorch"].startswith(tritorch.__version__) and facts["numpy"][0].isdigit()
    assert {"cuda", "cuda:0"} & set(facts) and "cubins" in facts["kernels kept"]
    code, out, _ = call("info")
    assert code == 0 and out.startswith("tritorch\n") and "kernels kept" in out


def test_as_a_module():
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "-m", "tritorch", "--version"], capture_output=True, text=True, env=env)
    assert done.returncode == 0 and done.stdout == f"tritorch {tritorch.__version__}\n"


@triton
def test_check_of_a_sound_operator(call, tmp_path):
    code, out, errors = call("check", f"{written(tmp_path, SOUND)}:relu_squared", "--json")
    found = json.loads(out)
    assert code == found["exit"] == 0, out + errors
    passed = {(row["execution"], row["check"]) for row in found["checks"] if row["passed"]}
    assert {("NumPy", "reference"), ("NumPy", "gradgradcheck"), ("interpreter", "values, gradients")} <= passed
    assert {execution for execution, _ in passed} >= {"NumPy", "interpreter", "sm_80", "sm_90"}
    moved = next(row for row in found["checks"] if row["check"] == "bytes")
    assert moved["passed"] and "0.13 MB, 1.00 of the minimum" in moved["detail"]
    machine = next(row for row in found["checks"] if row["execution"] == "sm_80" and "relu_squared" in row["check"])
    assert "0 spilled" in machine["detail"] and "128 bits" in machine["detail"]


@triton
def test_check_finds_what_differs(call, tmp_path):
    path = written(tmp_path, SOUND.replace("input * input)", "input + input)"))
    code, out, _ = call("check", path)
    assert code == 1 and "relu_squared: " in out and "failed" in out.splitlines()[0]
    failed = [line.split() for line in out.splitlines() if " FAILED " in line]
    assert failed and {line[0] for line in failed} == {"interpreter"}


@triton
def test_a_kernel_that_writes_beyond_its_tensor(call, tmp_path):
    path = written(tmp_path, KERNEL.replace("value * 2, mask=i < n)", "value * 2)"))
    code, _, errors = call("check", path)
    assert code == 2 and "operator doubled: " in errors
    assert f"{path}:{line_of(path, 'tl.store')}: tl.store(out + i, value * 2)" in errors


@triton
def test_a_kernel_that_does_not_compile(call, tmp_path):
    path = written(tmp_path, KERNEL.replace("value * 2,", "tl.no_such_thing(value),"))
    code, _, errors = call("check", path)
    assert code == 2 and "no_such_thing" in errors
    assert f"{path}:{line_of(path, 'no_such_thing')}: " in errors


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("x = 1\ndef f(:\n    pass\n", "invalid syntax", "def f(:"),
        ("import tritorch\n", "no operator in the file", ""),
        ("import numpy\nnumpy.no_such_thing()\n", "has no attribute 'no_such_thing'", "numpy.no_such_thing()"),
        (SOUND.replace("d_input", "d_inptu"), "the derivative of an unknown argument 'inptu'", "def d_inptu"),
        (SOUND.replace("np.square(np", "np.sqare(np"), "", ""),
        ("import sys\nsys.exit(3)\n", "SystemExit", "sys.exit(3)"),
    ],
    ids=["syntax", "no operator", "raises", "definition", "in a slot", "exits"],
)
def test_files_that_are_wrong(call, tmp_path, text, words, line):
    path = written(tmp_path, text)
    code, out, errors = call("check", path)
    if not words:  # it can be imported: the checks say what is wrong, and where
        assert code == 1 and f"{path}:{line_of(path, 'np.sqare')}: " in out
        return
    assert code == 2 and not out and errors.startswith("tritorch: ") and words in errors
    if line:
        assert f"line {line_of(path, line)})" in errors or f"{path}:{line_of(path, line)}: {line}" in errors


def test_targets_that_are_not_there(call, tmp_path):
    path = written(tmp_path, SOUND)
    for target, words in (
        (tmp_path / "none.py", "there is no such file"),
        (f"{path}:other", "no operator is named 'other'; there are relu_squared"),
        ("no_such_module", "expected a file that ends in .py, or the name of a module"),
    ):
        code, _, errors = call("check", target)
        assert code == 2 and words in errors
    code, _, errors = call("bench", tmp_path / "none.py")
    assert code == 2 and "there is no such file" in errors


def test_an_operator_of_the_library(call, tmp_path):
    code, out, errors = call("check", "tritorch.ops.arithmetic:neg", "--arch", "90")
    assert code == 0, out + errors
    assert "neg: " in out and "sm_80" not in out


def test_bench(call, tmp_path):
    code, out, errors = call("bench", written(tmp_path, SOUND), "--rounds", "1", "--json")
    assert code == 0, errors
    (entry,) = json.loads(out)["operators"]
    forward, both = entry["times"]
    assert forward["call"] == "64x256" and {"tritorch", "eager", "numpy"} <= set(forward["seconds"])
    assert both["backward"] and "numpy" not in both["seconds"] and min(both["seconds"].values()) > 0
    if find_spec("triton"):
        assert "1.00 of the minimum" in entry["device"]["bytes"][0] and 0 < entry["device"]["host"] < 1000


def test_tune(call, tmp_path):
    file = tmp_path / "tuned.json"
    entry = {
        "id": "abcdef0123", "kernel": "mine.filled", "device": "a card", "key": {"n": 100, "dtypes": ["float32"]},
        "config": {"BLOCK": 64, "num_warps": 2}, "source": "s", "pinned": False,
    }  # fmt: skip
    file.write_text(json.dumps({"version": 1, "choices": [entry]}))
    code, out, _ = call("tune", "list", TRITORCH_TUNED=str(file))
    assert code == 0 and "mine.filled" in out and "n=100 dtypes=float32" in out and "BLOCK=64 num_warps=2" in out
    code, out, _ = call("tune", "pin", "abc", "BLOCK=128", "--json", TRITORCH_TUNED=str(file))
    assert code == 0 and json.loads(out)[0]["config"] == {"BLOCK": 128, "num_warps": 2} and json.loads(out)[0]["pinned"]
    code, out, _ = call("tune", "unpin", "abc", "--json", TRITORCH_TUNED=str(file))
    assert code == 0 and json.loads(out) == [entry]
    for words in (["pin", "xyz"], ["pin", "abc", "COLOUR=red"], ["pin", "abc", "BLOCK"], ["pin"], ["paint"]):
        code, _, errors = call("tune", *words, TRITORCH_TUNED=str(file))
        assert code == 2 and errors


def test_a_terminal(monkeypatch, capsys):
    """Where somebody looks and rich is there, it draws; text in brackets stays text."""
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show.table("a title", ("name", "", "detail"), [("x", "ok", "[0, 1]"), ("y", "FAILED", "[red]")], mark=1)
    drawn = capsys.readouterr().out
    assert "a title" in drawn and "[0, 1]" in drawn and "[red]" in drawn and "┃" in drawn


@pytest.mark.parametrize("lane", ["tritorch", "eager"])
def test_lanes_of_a_device(lane):
    """What is timed on a GPU runs there, forward and backward, and is waited for."""
    if not tritorch.cuda.is_available():
        pytest.skip("there is no device")
    operator = REGISTRY["silu"]

    class op:
        """An operator with eager lines; times on a device need no more of it."""

        call, args, domain, only, bench, samples = (
            operator.call,
            operator.args,
            operator.domain,
            "f",
            None,
            operator.samples,
        )
        reference = staticmethod(lambda input: input * input.sigmoid())

    call, wait, sizes = worker.lane_of(op, lane, 0, True, "cuda")
    (gradient,) = call()
    wait()
    assert sizes == "1024x1024" and gradient.is_cuda and gradient.shape == (1024, 1024)
    call, wait, _ = worker.lane_of(op, lane, 0, False, "cuda")
    assert call().is_cuda
    wait()
