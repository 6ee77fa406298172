"""``python -m perf`` from the outside: a real, short run; its exit codes."""

import json
import subprocess
import sys

from perf.__main__ import main
from perf.store import Store


def test_a_run_of_this_checkout_is_kept_and_told(tmp_path, capsys):
    path = tmp_path / "p.sqlite"
    arguments = ["--store", str(path), "run", "--quick", "--only", "reshape", "--rounds", "2", "--json"]
    assert main(arguments) == 2  # too few rounds to decide anything
    report = json.loads(capsys.readouterr().out)
    assert report["cases"]["reshape"]["rounds"] >= 2
    with Store(path) as store:
        lanes = store.samples(1, 1)
        assert {"base", "head", "again", "numpy"} <= set(lanes) and all(len(pair) == 2 for pair in lanes["base"])
        assert store.one("SELECT status FROM run")["status"] == "finished"
    assert main(["--store", str(path), "noise"]) == 0 and "reshape" in capsys.readouterr().out
    assert main(["--store", str(path), "regressions"]) == 0 and "no open regression" in capsys.readouterr().out


def test_bad_input_is_told_in_one_line(tmp_path, capsys):
    foreign = tmp_path / "foreign"
    foreign.write_text("x" * 200)
    assert main(["--store", str(foreign), "noise"]) == 3
    assert "is not a store of benchmarks" in capsys.readouterr().err
    assert main(["--store", str(tmp_path / "p.sqlite"), "compare", "no-such-commit", "HEAD"]) == 3
    assert "no-such-commit" in capsys.readouterr().err
    assert main(["--store", str(tmp_path / "p.sqlite"), "run", "--suite", "none"]) == 3
    assert "there is no suite 'none'" in capsys.readouterr().err
    done = subprocess.run([sys.executable, "-m", "perf", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "compare" in done.stdout
