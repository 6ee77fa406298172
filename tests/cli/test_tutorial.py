"""docs/tutorial.md: its files are written, its commands run, and what they print is what the page shows."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import tritorch
from tritorch.cli.source import load
from tritorch.op import REGISTRY
from tritorch.testing import check_op

ROOT = Path(tritorch.__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(py|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
VARIES = re.compile(r"^(.* lane .*|.*  (forward|forward, backward)  .*| +a call on a device costs.*)$")


def plain(text):
    """Without what differs from machine to machine: times, registers, lanes of libraries that may not be there."""
    lines = [re.sub(r"(FAILED +\w+Error:).*", r"\1", line) for line in text.splitlines()]  # cut where a path is long
    lines = [re.sub(r"\d+ registers|\d+ B shared", "N", line) for line in lines if not VARIES.match(line)]
    lines = [re.sub(r"0x[0-9a-f]+[.]*", "ADDRESS", re.sub(r"\b[0-9a-f]{8}\b", "ID", line)) for line in lines]
    return [re.sub(r"\s+", " ", line).strip() for line in lines if line.strip()]


@pytest.mark.parametrize("name", ["rms_norm_residual", "swiglu", "cross_entropy_smoothing"])
def test_kernels(name):
    """The generic tests, forward and backward, on the CPU and on a device."""
    found, _ = load(str(ROOT / "examples" / "kernels" / f"{name}.py"))
    try:
        assert [op.__name__ for op in found] == [name, f"{name}_backward"]
        for op in found:
            passed = {check.name for check in check_op(op) if check.passed}
            assert {"samples", "half precision", "determinism"} <= passed
            assert not tritorch.cuda.is_available() or any("values, gradients" in check for check in passed)
    finally:  # other tests count operators
        for op in found:
            del REGISTRY[op.__name__]
            if op.__name__ in vars(tritorch.Tensor):
                delattr(tritorch.Tensor, op.__name__)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tutorial")
    shutil.copytree(ROOT / "examples" / "kernels", made / "examples" / "kernels")
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "py":
            (made / re.match(r"# (\S+)\n", text)[1]).write_text(text)
    return made


def run(command, folder):
    """What a command of the page prints, on both streams."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    env.pop("TRITORCH_SIM", None)
    words = command.split()
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        env[name] = str(folder / value) if value.endswith(".json") else value
    if "@ID" in words:
        held = (folder / "tuned.json").read_text()
        words[words.index("@ID")] = re.search(r'"id": "(\w+)"', held)[1]
    if words[1:2] == ["bench"]:
        words += ["--rounds", "1"]
    program = [sys.executable, "-W", "ignore", *(["-m", "tritorch"] if words[0] == "tritorch" else []), *words[1:]]
    done = subprocess.run(program, capture_output=True, text=True, env=env, cwd=folder, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def commands():
    """(command, what the page shows under it), in the page's order: later ones use what earlier ones left."""
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, shown = part.partition("\n")
                yield command, shown


def cases():
    for command, shown in commands():  # the three kernels are checked below, but for their machine code
        slow = pytest.mark.slow if "examples/kernels" in command else ()
        yield pytest.param(command, shown, id=command[-48:], marks=slow)


@pytest.mark.parametrize(("command", "shown"), list(cases()))
def test_command(command, shown, folder):
    printed = run(command, folder)
    assert plain(printed.replace(str(folder) + os.sep, "")) == plain(shown), printed
