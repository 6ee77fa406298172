"""scripts/gpu_check.sh, as far as it goes without a GPU: every step on the simulated device, and the record they make."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tritorch

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(
    tritorch._C.device_kind() != "simulated" or tritorch.cuda.explain() is not None,
    reason="asks for the simulated device",
)


WAITS = {"causal attention"}  # for a mask that is made on the device


def check(*steps, out, **settings):
    environment = {**os.environ, "PYTHON": sys.executable, "OUT": str(out), "PYTHONPATH": str(ROOT), **settings}
    return subprocess.run(
        ["bash", str(ROOT / "scripts" / "gpu_check.sh"), *steps],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_a_dry_run_goes_through_every_step_and_makes_a_record(tmp_path):
    done = check(out=tmp_path, DRY="1")
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = (tmp_path / "records").rglob("20*.json")
    record = json.loads(path.read_text())
    steps = {one["step"]: one["status"] for one in record["steps"]}
    assert steps == dict.fromkeys(["build", "test", "sanitize-memcheck", "sanitize-racecheck", "bench"], 0), done.stdout
    assert "passed" in next(one["summary"] for one in record["steps"] if one["step"] == "test")
    rows = record["speed"]["rows"]
    assert len(rows) == record["speed"]["of"] >= 20 and record["speed"]["libraries"][0] == "tritorch"
    assert {row["case"] for row in rows if not isinstance(row["tritorch"], float)} <= WAITS
    assert not list(tmp_path.rglob("*.new"))


def test_a_step_that_fails_is_recorded_and_the_simulated_device_leaves_no_record(tmp_path):
    done = check("test", out=tmp_path, DRY="1", PYTHON="false")
    assert "test: failed (1)" in done.stdout and json.loads((tmp_path / "test.json").read_text())["status"] == 1
    done = check("record", out=tmp_path, DRY="", TRITORCH_SIM="1")
    assert done.returncode == 1 and not (tmp_path / "records").exists()
    assert check("nothing", out=tmp_path).returncode == 2
