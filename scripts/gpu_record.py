"""Writes what the steps of gpu_check.sh gave as a record of this machine: perf/records/<gpu>/<date>-<commit>.json."""

import datetime
import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import tritorch

ROOT = Path(__file__).resolve().parent.parent


def summary(log: Path) -> str:
    """The last line of a log, which is pytest's own summary."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else ""


def main(out: Path) -> Path:
    """The record's path.

    Raises:
        RuntimeError: if there is no real GPU: a simulated one leaves no record, but for a dry run, in ``out``.
    """
    from_device, dry = tritorch.cuda.get_device_properties(), bool(os.environ.get("DRY"))
    if "simulated" in from_device.name.lower() and not dry:
        raise RuntimeError("gpu_record: expected a real GPU, got the simulated one")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    steps = [
        {**json.loads(path.read_text()), "summary": summary(path.with_suffix(".log"))}
        for path in sorted(out.glob("*.json"))
    ]
    speed = out / "speed.rows"
    record = {
        "gpu": from_device.name, "capability": [from_device.major, from_device.minor],
        "total_memory": from_device.total_memory, "commit": commit.strip() or "unknown",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "python": platform.python_version(),
        "packages": {name: version(name) for name in ("numpy", "triton")}, "steps": steps,
        "speed": json.loads(speed.read_text()) if speed.exists() else None,
    }  # fmt: skip
    folder = (
        (out if dry else ROOT / "perf") / "records" / re.sub(r"[^a-z0-9]+", "-", from_device.name.lower()).strip("-")
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record['date'][:10]}-{record['commit']}.json"
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(aside, path)
    return path


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
