"""``tritorch check FILE[:op]``: four executions of an operator, side by side in one table."""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .show import MARKS, fail, table

__all__ = ["check", "results", "started"]

NEEDS_TRITON = "Triton is not installed"


def started(job: str, target: str, options: dict, sim: str | None, **pipes: Any) -> tuple[subprocess.Popen, Path]:
    """A worker (:mod:`tritorch.cli.worker`) on a device of its own, and the file that it will write."""
    out = Path(tempfile.mkdtemp(prefix="tritorch-")) / "found.json"
    env = {k: v for k, v in os.environ.items() if k != "TRITORCH_SIM"} | ({"TRITORCH_SIM": sim} if sim else {})
    command = [sys.executable, "-m", "tritorch.cli.worker", job, target, str(out), json.dumps(options)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **pipes}
    return subprocess.Popen(command, env=env, text=True, **pipes), out


def results(worker: subprocess.Popen, out: Path) -> dict[str, Any]:
    """What a worker found: rows, and what is broken; a worker that died is broken."""
    _, errors = worker.communicate()
    try:
        found = json.loads(out.read_text())
    except (OSError, ValueError):
        last = (errors or "").strip().splitlines()[-1:] or [f"exit code {worker.returncode}"]
        found = {"rows": [], "broken": f"the process ended: {last[0]}"}
    out.unlink(missing_ok=True)
    out.parent.rmdir()
    return found


def has_gpu() -> bool:
    """Whether the machine has a GPU's driver and a GPU."""
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except OSError:
        return False


def check(target: str, *, arch: list[int], as_json: bool) -> int:
    """Runs the executions, the devices at once, and shows what they found. The exit code: 0, 1 where something failed, 2 for bad
    input."""
    jobs: list[tuple[str, str | None]] = []
    skipped = []
    if find_spec("triton"):
        jobs += [("device", "1"), ("cubins", "stub")]
    else:
        skipped = [("interpreter", NEEDS_TRITON), ("cubins", NEEDS_TRITON)]
    if has_gpu():
        jobs.append(("device", None))
    else:
        skipped.append(("GPU", "there is none"))
    found = [results(*started("cpu", target, {}, "none"))]
    if found[0]["rows"]:  # else there is nothing to run
        running = [started(job, target, {"arch": arch}, sim) for job, sim in jobs]
        found += [results(*worker) for worker in running]
    rows = [row for part in found for row in part["rows"]]
    broken = list(dict.fromkeys(part["broken"] for part in found if part["broken"]))
    operators = list(dict.fromkeys(row["operator"] for row in rows))
    rows += [
        {"operator": op, "execution": name, "check": "", "passed": None, "detail": why}
        for op in operators
        for name, why in skipped
    ]
    failed = [row for row in rows if row["passed"] is False]
    code = 2 if broken else 1 if failed else 0
    if as_json:
        print(json.dumps({"target": target, "checks": rows, "broken": broken, "exit": code}, indent=1))
        return code
    for op in operators:
        mine = [row for row in rows if row["operator"] == op]
        shown = [(row["execution"], row["check"], MARKS[row["passed"]], _shortened(row["detail"])) for row in mine]
        table(f"{op}: {_summary(mine)}", ("execution", "check", "", "detail"), shown, mark=2)
    longer: dict[str, list[str]] = {}  # each text once, under all that failed with it
    for row in failed:
        if "\n" in row["detail"] and not any(row["detail"] in text for text in broken):
            longer.setdefault(row["detail"], []).append(f"{row['operator']}, {row['execution']}, {row['check']}")
    for text, places in longer.items():
        print(
            "\n" + "\n".join(places[:3]) + (f"\nand {len(places) - 3} more" if len(places) > 3 else "") + f":\n{text}"
        )
    for text in broken:
        fail(text)
    return code


def _summary(rows):
    passed, failed = (sum(row["passed"] is x for row in rows) for x in (True, False))
    return f"{passed} passed" + (f", {failed} failed" if failed else "")


def _shortened(text):
    first = text.strip().splitlines()[0] if text.strip() else ""
    return first if len(first) <= 110 else first[:107] + "..."
