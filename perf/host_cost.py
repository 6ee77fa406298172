"""The host cost of operators: ``python -m perf.host_cost`` prints tritorch beside torch and NumPy, as ratios.

torch's column needs torch installed; without it tritorch stands beside NumPy alone.
"""

import argparse
import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

from . import cases
from .lanes import Lane, measure

BLOCK = ["add", "mul", "add a number", "add_", "sum", "matmul 2x2", "relu", "exp", "slice", "reshape", "t()", "empty",
         "item()", "backward, a node of add", "backward, a node of mul", "3 operators, forward and backward",
         "nn.Linear(4, 4)", "step of SGD with momentum, 3-layer MLP", "step of AdamW, 3-layer MLP",
         "softmax 32 x 10, both ways", "layer norm 32 x 64, both ways", "batch norm 32 x 64, both ways",
         "cross entropy 32 x 10, both ways"]  # fmt: skip


def import_times(rounds=7):
    """Median wall milliseconds of ``import numpy`` and of ``import tritorch`` in fresh processes, byte code cached."""
    import_of = {"numpy": [], "tritorch": []}
    script = "import time; t = time.perf_counter(); import {}; print(1000 * (time.perf_counter() - t))"
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(rounds + 1):
        for name, taken in import_of.items():
            done = subprocess.run(
                [sys.executable, "-c", script.format(name)], env=env, capture_output=True, text=True, check=True
            )
            taken.append(float(done.stdout))
    return {name: sorted(taken[1:])[rounds // 2] for name, taken in import_of.items()}  # the first may compile


def _show(title, results, scale, unit):
    print(f"\n{title}")
    print(f"{'':44}{'tritorch':>11}{'torch':>11}{'NumPy':>11}{'of torch':>10}{'of NumPy':>10}")
    ratios = []
    for case, row in results.items():
        ours, theirs, by_hand = row.get("tritorch"), row.get("torch"), row.get("numpy")
        if isinstance(ours, str) or isinstance(theirs, str):
            print(f"{case:44} {ours if isinstance(ours, str) else theirs}")
            continue
        cells = [f"{x * scale:9.2f} {unit}"[:11] if x else "" for x in (ours, theirs, by_hand)]
        of = [f"{ours / x:8.2f}" if x else "" for x in (theirs, by_hand)]
        print(f"{case:44}{cells[0]:>11}{cells[1]:>11}{cells[2]:>11}{of[0]:>10}{of[1]:>10}")
        if theirs:
            ratios.append(ours / theirs)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"{'geometric mean, share of torch':44}{mean:43.3f}   worst {max(ratios):.2f}")
    return ratios


def main(argv=None):
    """Runs the suite and prints it; ``--json FILE`` keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="samples a case and lane (median shown)")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--no-large", action="store_true", help="leave out the large operators")
    parser.add_argument("--json", type=Path, help="write the medians, in seconds, to this file")
    options = parser.parse_args(argv)
    names = ["tritorch", "numpy"] + (["torch"] if importlib.util.find_spec("torch") else [])
    kept = {}
    for table, chosen, threads, scale, unit, title in (
        ("SMALL", BLOCK, 1, 1e6, "us", "Small operators, one thread (median microseconds)"),
        ("LARGE", list(cases.LARGE), 2, 1e3, "ms", "Large operators, two threads (median milliseconds)"),
    ):
        chosen = [n for n in chosen if options.only in n]
        if not chosen or (table == "LARGE" and options.no_large):
            continue
        lanes = [Lane(name, threads) for name in names]
        try:
            kept[table] = measure(lanes, table, chosen, options.rounds)
        finally:
            for lane in lanes:
                lane.close()
        _show(title, kept[table], scale, unit)
    if not options.only:
        kept["import"] = import_times()
        a, b = kept["import"]["numpy"], kept["import"]["tritorch"]
        print(f"\nimport numpy {a:.0f} ms, import tritorch {b:.0f} ms: {b - a:.0f} ms more")
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
