"""``tritorch bench FILE[:op]``: an operator against its eager lines, NumPy, and torch, each in a process of its own."""

import json
import statistics
import subprocess
from importlib.util import find_spec
from typing import Any

from .check import has_gpu, results, started
from .show import fail, table

__all__ = ["bench"]


def bench(target: str, *, rounds: int, threads: int, as_json: bool) -> int:
    """Times the calls of the operator's slot ``bench``, all lanes in turn in every round, on the CPU and on a GPU if there
    is one; the device's part is also shown as the bytes that kernels move and what a call costs the host."""
    names = results(*started("describe", target, {}, "none"))
    if names["broken"]:
        return fail(names["broken"])
    report, devices = [], ["cpu", *(["cuda"] if has_gpu() else [])]
    for op in names["rows"]:
        one = f"{target.partition(':')[0]}:{op['name']}"
        times = [
            _timed(one, op, call, backward, device, rounds, threads)
            for device in devices
            for call in range(op["calls"])
            for backward in ([False, True] if op["derivative"] else [False])
        ]
        report.append({"operator": op["operator"], "times": times, "device": _device(one)})
    if as_json:
        print(json.dumps({"target": target, "operators": report}, indent=1))
        return 0
    for entry in report:
        _show(entry)
    return 0


def _lanes(op, backward, device):
    found = ["tritorch"]
    if op["reference"]:
        found.append("eager")
    if op["numpy"] and not backward and device == "cpu":
        found.append("numpy")
    if op["reference"] and find_spec("torch"):
        found.append("torch")
    return found


def _timed(target, op, call, backward, device, rounds, threads):
    """The median seconds of each lane, or why it has none."""
    workers: dict[str, Any] = {}
    samples: dict[str, list[float]] = {}
    sizes = ""
    for lane in _lanes(op, backward, device):
        options = {"lane": lane, "call": call, "backward": backward, "threads": threads, "device": device}
        worker, out = started(
            "bench", target, options, "none" if device == "cpu" else None, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        first = worker.stdout.readline()  # type: ignore[union-attr]
        if first:
            sizes = json.loads(first)["sizes"]
            workers[lane], samples[lane] = (worker, out), []
        else:
            results(worker, out)
    for turn in range(rounds):
        for lane in list(workers) if turn % 2 == 0 else list(reversed(workers)):
            worker, _ = workers[lane]
            worker.stdin.write("go\n")
            worker.stdin.flush()
            samples[lane].append(json.loads(worker.stdout.readline())["seconds"])
    for worker, out in workers.values():
        worker.stdin.close()
        worker.stdin = None
        results(worker, out)
    medians = {lane: statistics.median(taken) for lane, taken in samples.items()}
    return {"call": sizes, "backward": backward, "device": device, "seconds": medians}


def _device(target):
    """Bytes and the host's cost of the kernels, where Triton is there to run them."""
    if not find_spec("triton"):
        return {"bytes": [], "host": None}
    moved, cost = started("device", target, {}, "1"), started("host", target, {}, "stub")
    rows = [row["detail"] for row in results(*moved)["rows"] if row["check"] == "bytes"]
    costs = results(*cost)["rows"]
    return {"bytes": rows, "host": costs[0]["microseconds"] if costs else None, "gpu": has_gpu()}


def _show(entry):
    rows = []
    for times in entry["times"]:
        own = times["seconds"].get("tritorch")
        for lane, seconds in times["seconds"].items():
            kind = "forward, backward" if times["backward"] else "forward"
            ratio = f"{seconds / own:.2f}" if own else ""
            rows.append((times["device"], times["call"], kind, lane, f"{seconds * 1e3:.3f}", ratio))
    table(entry["operator"], ("device", "call", "what", "lane", "ms", "times ours"), rows)
    for text in entry["device"]["bytes"]:
        print(f"  forward kernels: {text}")
    if entry["device"]["host"] is not None:
        print(f"  a call on a device costs the host {entry['device']['host']:.1f} us")
