"""The ratchet's baseline: what passed, one line an operator, so that a diff of the file reads as what moved."""

import json
from pathlib import Path

PATH = Path(__file__).with_name("baseline.json")

Result = dict  # what opinfo_bridge.py writes with --out


def compact(result: Result) -> dict[str, dict[str, list[int]]]:
    """Per operator and phase ``[passed, cases]``; ``crash`` counts the cases that killed their process."""
    ops = {}
    for name, op in sorted(result["ops"].items()):
        phases = {phase: [c["pass"], c["n"]] for phase, c in op["phases"].items() if c["n"] > c["skip"]}
        if op["crashes"]:
            phases["crash"] = [len(op["crashes"])] * 2
        ops[name] = phases
    return ops


def write(result: Result, path: Path = PATH) -> None:
    meta = result["meta"]
    passed = result["totals"]["public_status"].get("pass", 0)
    head = {"dtype": meta["dtype"], "phases": meta["phases"], "public operators that pass": passed}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(phases)}" for name, phases in compact(result).items())
    path.write_text(f'{{"meta": {json.dumps(head)},\n "ops": {{\n{lines}\n}}}}\n')


def compare(result: Result, path: Path = PATH) -> tuple[list[str], list[str]]:
    """What is worse and what is better than the baseline, among the operators that ran."""
    old, new = json.loads(path.read_text())["ops"] if path.exists() else {}, compact(result)
    worse, better = [], []
    for name in sorted(new):
        was, now = old.get(name, {}), new[name]
        for phase in sorted({*was, *now}):
            before, after = was.get(phase, [0, 0]), now.get(phase, [0, 0])
            moved = (before[0] - after[0]) if phase == "crash" else (after[0] - before[0])
            if moved:
                line = f"{name} {phase}: {before[0]} -> {after[0]} of {max(before[1], after[1])}"
                (better if moved > 0 else worse).append(line)
    return worse, better
