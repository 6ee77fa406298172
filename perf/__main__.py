"""``python -m perf``: run, compare, regressions, noise, triage, and the files of other machines."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from .checkouts import checkout
from .lanes import HOME
from .runner import run
from .store import Store, StoreError, export_json, import_json
from .suites import cases_of

FINE, REGRESSION, UNDECIDED, ERROR = 0, 1, 2, 3
MARK = {"slower": "-", "faster": "+", "same": "=", "undecided": "?", "invalid": "!"}


def _progress(begin):
    def show(done, count, case):
        if not sys.stderr.isatty():
            return
        left = (time.monotonic() - begin) / done * (count - done) if done else 0
        print(f"\r\033[K[{done}/{count}] {case.name}  {left:.0f} s left", end="", file=sys.stderr, flush=True)

    return show


def _print(verdicts):
    print(f"{'':2}{'case':44}{'head/base':>10}  {'99 % interval':>18}{'q':>9}{'noise':>8}")
    for case, v in sorted(verdicts.items(), key=lambda item: (item[1].word == "same", -abs(item[1].ratio - 1))):
        bounds = f"[{v.low:.3f}, {v.high:.3f}]"
        print(
            f"{MARK[v.word]:2}{case.name:44}{v.ratio:10.3f}  {bounds:>18}{v.q:9.2g}{v.noise:8.1%}  {v.word} {v.reason}"
        )


def _code(words):
    if "slower" in words:
        return REGRESSION
    return UNDECIDED if {"undecided", "invalid"} & set(words) else FINE


def _measure(options, base, head):
    cases = cases_of("quick" if options.quick else options.suite, options.only)
    if not cases:
        print(f"no case's name contains {options.only!r}", file=sys.stderr)
        return ERROR
    with Store(options.store) as store:
        resume = None
        if options.resume:
            last = store.one("SELECT id FROM run WHERE status = 'interrupted' ORDER BY started DESC")
            resume = last["id"] if last else None
        run_id, verdicts = run(
            store, cases, base, head, options.rounds, 3 * options.rounds, resume, _progress(time.monotonic())
        )
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if options.json:
        print(json.dumps({"run": run_id, "cases": {c.name: asdict(v) for c, v in verdicts.items()}}, indent=1))
    else:
        _print(verdicts)
        print(f"run {run_id} is in {options.store}")
    return _code([v.word for v in verdicts.values()])


def _run(options):
    return _measure(options, HOME, HOME)


def _compare(options):
    return _measure(options, checkout(options.base), checkout(options.head))


def _regressions(options):
    with Store(options.store) as store:
        rows = store.rows(
            'SELECT a.id, a.cause, a.state, c.name AS "case", k.ratio FROM alert a JOIN alert_case k ON k.alert_id = a.id'
            " JOIN \"case\" c ON c.id = k.case_id WHERE a.state IN ('open', 'acknowledged') ORDER BY a.id, k.ratio DESC"
        )
    if options.json:
        print(json.dumps([dict(r) for r in rows], indent=1))
    for r in rows if not options.json else ():
        print(f"alert {r['id']} ({r['state']}), {r['cause']}: {r['case']} {r['ratio']:.3f} times as long")
    if not rows and not options.json:
        print("no open regression")
    return REGRESSION if rows else FINE


def _noise(options):
    with Store(options.store) as store:
        rows = store.rows(
            'SELECT c.name, COUNT(*) AS runs, AVG(v.noise) AS mean, MAX(v.noise) AS most FROM verdict v JOIN "case" c'
            " ON c.id = v.case_id GROUP BY c.id ORDER BY mean DESC"
        )
    print(f"{'case':44}{'runs':>6}{'noise':>9}{'worst':>9}")
    for r in rows:
        print(f"{r['name']:44}{r['runs']:6}{r['mean'] or 0:9.1%}{r['most'] or 0:9.1%}")
    return FINE


def _triage(options):
    with Store(options.store) as store:
        store.triage(options.alert, options.state, options.note, options.commit)
    return FINE


def _keep(options):
    with Store(options.store) as store:
        print(f"{export_json(store, options.file)} runs written to {options.file}")
    return FINE


def _merge(options):
    with Store(options.store) as store:
        print(f"{import_json(store, options.file)} new runs from {options.file}")
    return FINE


def _parser():
    parser = argparse.ArgumentParser(prog="python -m perf", description=__doc__)
    parser.add_argument("--store", type=Path, default=HOME / "build" / "perf.sqlite", help="the database")
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name, function, about, *positional):
        made = commands.add_parser(name, help=about, description=about)
        made.set_defaults(function=function)
        for argument in positional:
            made.add_argument(argument)
        return made

    for made in (
        command("run", _run, "time this checkout against itself: figures, and the noise floor"),
        command("compare", _compare, "time two commits in pairs", "base", "head"),
    ):
        made.add_argument("--suite", default="all")
        made.add_argument("--quick", action="store_true", help="the short suite")
        made.add_argument("--only", default="", help="cases whose name contains this")
        made.add_argument(
            "--rounds", type=int, default=10, help="of each case; undecided ones take up to thrice as many"
        )
        made.add_argument("--resume", action="store_true", help="go on with the last run that was interrupted")
        made.add_argument("--json", action="store_true")
    command("regressions", _regressions, "what is slower and not yet settled").add_argument(
        "--json", action="store_true"
    )
    command("noise", _noise, "what base differs from itself by, case by case")
    command("keep", _keep, "all runs as JSON", "file")
    command("merge", _merge, "take in the runs of another machine's JSON", "file")
    made = command("triage", _triage, "settle an alert")
    made.add_argument("alert", type=int)
    made.add_argument("state", choices=["open", "acknowledged", "fixed", "accepted"])
    made.add_argument("--note", default="")
    made.add_argument("--commit", default="")
    return parser


def main(argv=None):
    """Runs a command; 0 fine, 1 a regression, 2 undecided, 3 an error."""
    options = _parser().parse_args(argv)
    try:
        return options.function(options)
    except (StoreError, ValueError, OSError, ImportError) as error:
        print(f"perf: {error}", file=sys.stderr)
        return ERROR


if __name__ == "__main__":
    sys.exit(main())
