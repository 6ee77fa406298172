"""Holds tritorch against torch's own operator samples, as a ratchet: nothing that passed may fail.

Where ``--corpus`` (``../shared/conformance``) stands, its recorded samples are replayed and torch is not needed:
exit status 2 when any operator got worse than ``baseline.json``, which ``--update`` rewrites when none did.
Elsewhere the samples come live from an installed torch (``live.py``); without torch either, nothing is checked,
and that is said.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import baseline

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def replay(corpus: Path, options: argparse.Namespace) -> baseline.Result:
    """Runs the bridge over the recorded samples; it prints the tables of counts by phase and by category."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(options.out or folder, "" if options.out else "result.json").resolve()
        command = [sys.executable, corpus / "opinfo_bridge.py", "run", "--lib", "tritorch", "--out", out]
        command += ["--corpus", corpus / "corpus", "--jobs", str(options.jobs), "--ops", options.ops]
        subprocess.run(command, cwd=ROOT, env=os.environ | ONE_THREAD, check=True, stdin=subprocess.DEVNULL)
        return json.loads(out.read_text())


def core_set(corpus: Path, result: baseline.Result) -> str:
    ops = result["ops"]
    core = [name for name in json.loads((corpus / "core_opinfos.json").read_text()) if name in ops]
    return f"core set: {sum(ops[name]['status'] == 'pass' for name in core)} of {len(core)} pass"


def ratchet(result: baseline.Result, options: argparse.Namespace) -> int:
    worse, better = baseline.compare(result)
    for line in worse:
        print("WORSE ", line)
    for line in better[:20]:
        print("better", line)
    print(f"against {baseline.PATH.name}: {len(worse)} worse, {len(better)} better")
    if worse:
        return 2
    if options.update:
        baseline.write(result)
        print(f"wrote {baseline.PATH.relative_to(ROOT)}")
    elif better:
        print("`make conformance-update` keeps what is better")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "conformance")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--ops", default="", help="regex on the operators' names; a partial run updates nothing")
    parser.add_argument("--out", default="", help="keep the bridge's full result in this file")
    parser.add_argument("--update", action="store_true", help="rewrite the baseline if nothing got worse")
    parser.add_argument("--live", action="store_true", help="against an installed torch even if the corpus stands")
    options = parser.parse_args()
    if options.update and (options.ops or options.live):
        parser.error("--update needs a full replay")

    corpus = options.corpus.resolve()
    if (corpus / "opinfo_bridge.py").exists() and not options.live:
        result = replay(corpus, options)
        if not result["totals"]["phases"]:
            print("no sample ran: does `import tritorch` work?")
            return 1
        print(core_set(corpus, result))
        return ratchet(result, options)
    if importlib.util.find_spec("torch"):
        command = [sys.executable, Path(__file__).with_name("live.py"), "--jobs", str(options.jobs)]
        return subprocess.run([*command, "--ops", options.ops], cwd=ROOT, check=False).returncode
    print(f"SKIPPED, nothing was checked: no recorded samples at {options.corpus}, and torch is not installed here")
    print("(to run live against torch: .venv/bin/pip install -r <(python scripts/requirements.py conformance))")
    return 0


if __name__ == "__main__":
    sys.exit(main())
