"""Runs as JSON: what a GPU machine brings home, merged without duplicates."""

import json
import os
from pathlib import Path

__all__ = ["export_json", "import_json"]

_RUN = (
    "SELECT r.*, m.key AS machine_key, b.sha AS base, h.sha AS head FROM run r JOIN environment e ON e.id ="
    " r.environment_id JOIN machine m ON m.id = e.machine_id JOIN revision b ON b.id = r.base_id JOIN revision h"
    " ON h.id = r.head_id ORDER BY r.started"
)
_VERDICT = ("word", "ratio", "low", "high", "p", "q", "noise", "rounds", "reason")


def _bare(row, *without):
    return {k: row[k] for k in row.keys() if k not in ("id", *without)}


def export_json(store, path):
    """Writes all runs, with their raw samples, to ``path`` (aside, then renamed)."""
    runs = []
    for run in store.rows(_RUN):
        environment = store.one("SELECT * FROM environment WHERE id = ?", run["environment_id"])
        machine = store.one("SELECT * FROM machine WHERE id = ?", environment["machine_id"])
        revisions = store.rows("SELECT * FROM revision WHERE id IN (?, ?)", run["base_id"], run["head_id"])
        cases = []
        for case in store.rows(
            'SELECT c.*, b.name AS benchmark, b.suite FROM "case" c JOIN benchmark b ON b.id = c.benchmark_id WHERE c.id'
            " IN (SELECT case_id FROM round WHERE run_id = ? UNION SELECT case_id FROM figure WHERE run_id = ?)",
            run["id"], run["id"],
        ):  # fmt: skip
            verdict = store.one("SELECT * FROM verdict WHERE run_id = ? AND case_id = ?", run["id"], case["id"])
            rounds = store.rows("SELECT * FROM round WHERE run_id = ? AND case_id = ?", run["id"], case["id"])
            figures = store.rows("SELECT * FROM figure WHERE run_id = ? AND case_id = ?", run["id"], case["id"])
            cases.append({
                "case": _bare(case, "benchmark_id"),
                "verdict": {k: verdict[k] for k in _VERDICT} if verdict else None,
                "figures": {f["lane"]: [f["seconds"], f["low"], f["high"]] for f in figures},
                "rounds": [
                    {**_bare(r, "run_id", "case_id"), "samples": [
                        [s["lane"], s["seconds"]]
                        for s in store.rows("SELECT * FROM sample WHERE round_id = ? ORDER BY place", r["id"])
                    ]}
                    for r in rounds
                ],
            })  # fmt: skip
        runs.append({
            "run": _bare(run, "environment_id", "base_id", "head_id", "machine_key"),
            "environment": _bare(environment, "machine_id"), "machine": _bare(machine),
            "revisions": [_bare(r) for r in revisions], "cases": cases,
        })  # fmt: skip
    path = Path(path)
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    aside.write_text(json.dumps({"format": "tritorch perf 1", "runs": runs}))
    aside.replace(path)
    return len(runs)


def import_json(store, path):
    """Merges the runs of a file; how many were new.

    Raises:
        ValueError: if the file is not such an export; nothing of it is kept then.
    """
    try:
        text = json.loads(Path(path).read_text())
        if text["format"] != "tritorch perf 1":
            raise KeyError("format")
        with store.db:
            return sum(_merge(store, entry) for entry in text["runs"])
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not an export of benchmarks: {error!r}") from error


def _merge(store, entry):
    run = dict(entry["run"])
    if store.one("SELECT 1 FROM run WHERE uuid = ?", run["uuid"]):
        return 0
    for revision in entry["revisions"]:
        store.revision(**revision)
    sha = {r["sha"]: r["id"] for r in store.rows("SELECT id, sha FROM revision")}
    base, head = run.pop("base"), run.pop("head")
    key = run.pop("uuid")
    run_id = store.put(
        "run", {"uuid": key}, **run, base_id=sha[base], head_id=sha[head],
        environment_id=store.environment(entry["machine"], entry["environment"]),
    )  # fmt: skip
    for one in entry["cases"]:
        case = dict(one["case"])
        case_id = store.case(case.pop("suite"), case.pop("benchmark"), case.pop("name"), **case)
        for r in one["rounds"]:
            round_id = store.put(
                "round", {"run_id": run_id, "case_id": case_id, "number": r["number"]}, load=r["load"], clock=r["clock"]
            )
            store.db.executemany(
                "INSERT INTO sample VALUES (?, ?, ?, ?)",
                [(round_id, lane, place, seconds) for place, (lane, seconds) in enumerate(r["samples"])],
            )
        if one["verdict"]:
            verdict = {k: one["verdict"][k] for k in _VERDICT}
            store.put("verdict", {"run_id": run_id, "case_id": case_id}, **verdict)
        store.db.executemany(
            "INSERT INTO figure (run_id, case_id, lane, seconds, low, high) VALUES (?, ?, ?, ?, ?, ?)",
            [(run_id, case_id, lane, *values) for lane, values in one["figures"].items()],
        )
    return 1
