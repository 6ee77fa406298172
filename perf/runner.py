"""Times base and head in rounds, keeps each round at once, and judges.

Lanes are processes: base, head, and base again (A/A); NumPy and torch, where they are, in the same rounds. A round asks
base, head, again, others, again, head, base: whatever drifts, drifts for all.
"""

import importlib.util
import math
from dataclasses import asdict

import numpy as np

from . import machine
from .lanes import HOME, Lane
from .verdicts import ROUNDS, Verdict, interval, judge, settle

__all__ = ["run"]


class _Lanes:
    """The processes of one number of threads."""

    def __init__(self, threads, base, head, others):
        names = {"base": ("tritorch", base), "head": ("tritorch", head), "again": ("tritorch", base)}
        names |= {name: (name, None) for name in others}
        self.lanes = {key: Lane(name, threads, tree=tree) for key, (name, tree) in names.items()}

    def round(self, case, skip):
        middle = [x for x in self.lanes if x not in ("base", "head", "again", *skip)]
        order = ["base", "head", "again", *middle, "again", "head", "base"]
        return [(key, self.lanes[key].sample(case.table, case.name)) for key in order]

    def close(self):
        for lane in self.lanes.values():
            lane.close()


def _figures(samples):
    found = {}
    for lane, rounds in samples.items():
        each = [min(r) for r in rounds]
        low, high = interval(np.log(each))
        middle = float(np.median(each))
        bounds = (math.exp(low), math.exp(high)) if math.isfinite(low) else (middle, middle)
        found[lane] = (middle, *bounds)
    return found


def _timed(store, run_id, case_id, case, lanes, rounds, budget):
    """Rounds until the verdict is decided, or the budget is spent. Those that are kept already count."""
    skip = ()
    kept = store.samples(run_id, case_id)
    number = len(kept.get("base", ()))
    while number < rounds or (number < budget and _of(kept).word == "undecided"):
        taken = lanes.round(case, skip)
        bad = {lane: s for lane, s in taken if isinstance(s, str)}
        if "head" in bad or "base" in bad or "again" in bad:
            text = next(bad[k] for k in ("head", "base", "again") if k in bad)
            return Verdict("invalid", 1.0, 1.0, 1.0, 1.0, 0.0, number, reason=f"the case fails: {text}"), {}
        skip = tuple(bad)
        store.keep(run_id, case_id, number, [(k, s) for k, s in taken if k not in bad], *machine.state())
        kept = store.samples(run_id, case_id)
        number += 1
    return _of(kept), _figures(kept)


def _of(kept):
    return judge(kept["base"], kept["head"], kept.get("again"))


def run(store, cases, base=HOME, head=HOME, rounds=ROUNDS, budget=3 * ROUNDS, resume=None, progress=None, others=None):
    """Times ``cases`` of the checkouts ``base`` and ``head``; the run's id and {case: verdict}.

    Args:
        resume: the id of a run that was interrupted; the rounds it kept are not taken again.
        progress: called with (done, of how many, case).
        others: further lanes; NumPy, and torch if it is installed.
    """
    if others is None:
        others = ["numpy"] + (["torch"] if importlib.util.find_spec("torch") else [])
    environment = store.environment(machine.machine(), machine.environment(max(c.threads for c in cases)))
    ids = [store.revision(**machine.commit(tree)) for tree in (base, head)]
    run_id = resume or store.start(environment, *ids, ",".join(sorted({c.suite for c in cases})))
    verdicts, lanes = {}, {}
    try:
        for done, case in enumerate(cases):
            if progress:
                progress(done, len(cases), case)
            if case.threads not in lanes:
                for old in lanes.values():
                    old.close()
                lanes = {case.threads: _Lanes(case.threads, str(base), str(head), others)}
            case_id = store.case(case.suite, case.table.lower(), case.name, bytes=case.bytes, threads=case.threads)
            verdict, figures = _timed(store, run_id, case_id, case, lanes[case.threads], rounds, budget)
            verdicts[case] = (case_id, verdict)
            store.judge(run_id, case_id, asdict(verdict), figures)
    except BaseException:
        store.finish(run_id, "interrupted")
        raise
    finally:
        for old in lanes.values():
            old.close()
    settle([v for _, v in verdicts.values()])
    for case_id, verdict in verdicts.values():
        store.judge(run_id, case_id, asdict(verdict), {})
    slower = {case_id: v.ratio for case_id, v in verdicts.values() if v.word == "slower"}
    if slower and ids[0] != ids[1]:
        sha = machine.commit(head)["sha"]
        store.alert(f"{sha}:{','.join(map(str, sorted(slower)))}", f"slower since {sha[:10]}", run_id, slower)
    store.finish(run_id)
    return run_id, {case: v for case, (_, v) in verdicts.items()}
