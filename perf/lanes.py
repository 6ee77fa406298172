"""Lanes: one process a library, all asked in turn in every round, so that drift of the machine falls on all alike."""

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

from . import cases

HOME = Path(__file__).parent.parent  # the checkout whose cases these are
TARGET = 0.02  # seconds that one sample lasts


def serve(lane, threads, tree=None):
    """Answers requests on standard input: ``[table, case]`` -> seconds a call, one JSON line each. The library comes
    from the checkout ``tree``, where that is given; the cases are always this checkout's."""
    lib = None
    if tree:
        sys.path.insert(0, tree)
    if lane != "numpy":
        lib = importlib.import_module(lane)
        lib.set_num_threads(threads)
    ready: dict = {}
    for line in sys.stdin:
        table, name = json.loads(line)
        entry = getattr(cases, table)[name]
        if name not in ready:
            ready.clear()  # one case's data at a time
            try:
                made = entry["numpy"]() if lane == "numpy" else entry["torch-like"](lib)
                made()
            except Exception as error:  # reported to the parent, which shows it
                print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
                continue
            start = time.perf_counter()
            made()
            ready[name] = made, max(1, int(TARGET / max(1e-7, time.perf_counter() - start)))
        made, loops = ready[name]
        start = time.perf_counter()
        for _ in range(loops):
            made()
        seconds = (time.perf_counter() - start) / loops / entry.get("per", 1)
        print(json.dumps({"seconds": seconds}), flush=True)


class Lane:
    """A worker process of one library."""

    def __init__(self, name, threads=1, python=sys.executable, tree=None):
        self.name = name
        self.process = subprocess.Popen(
            [python, "-c", f"from perf.lanes import serve; serve({name!r}, {threads}, {tree!r})"],
            cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def sample(self, table, case):
        """Seconds a call takes, or the error's text."""
        self.process.stdin.write(json.dumps([table, case]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.name} lane ended with exit code {self.process.wait()} in case {case!r}")
        answer = json.loads(line)
        return answer.get("seconds", answer.get("error"))

    def close(self):
        """Ends the worker."""
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


def measure(lanes, table, names, rounds=15):
    """{case: {lane: median seconds or error text}}, all lanes interleaved in every round."""
    results = {}
    for case in names:
        entry = getattr(cases, table)[case]
        running = [lane for lane in lanes if lane.name != "numpy" or entry["numpy"]]
        samples: dict = {lane.name: [] for lane in running}
        for turn in range(rounds):
            for lane in running if turn % 2 == 0 else reversed(running):
                samples[lane.name].append(lane.sample(table, case))
        results[case] = {
            name: next((s for s in taken if isinstance(s, str)), None) or sorted(taken)[len(taken) // 2]
            for name, taken in samples.items()
        }
    return results
