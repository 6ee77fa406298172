"""The store: what it keeps, what it refuses untouched, and files of other machines."""

import sqlite3

import pytest

from perf.store import Store, StoreError, export_json, import_json

MACHINE = {"key": "m", "name": "<b>box</b>", "cpu": "two", "cores": 2, "memory_bytes": 1}
ENVIRONMENT = {"key": "e", "python": "3", "numpy": "2", "triton": "", "torch": "", "threads": 1}
HOSTILE = "<img src=x onerror=alert(1)>'; DROP TABLE run; --"


def filled(path):
    store = Store(path)
    environment = store.environment(MACHINE, ENVIRONMENT)
    base, head = store.revision("a" * 40, time=1), store.revision("b" * 40, parent="a" * 40, time=2)
    run = store.start(environment, base, head, "host")
    case = store.case("host", "small", HOSTILE)
    for number in range(3):
        store.keep(run, case, number, [("base", 1.0), ("head", 1.1), ("head", 1.2), ("base", 1.0)], load=0.5)
    verdict = {"word": "slower", "ratio": 1.15, "low": 1.1, "high": 1.2, "p": 0.1, "q": 0.1, "noise": 0, "rounds": 3}
    store.judge(run, case, verdict, {"base": (1.0, 1.0, 1.0), "head": (1.15, 1.1, 1.2)})
    store.finish(run)
    return store, run, case


def test_rounds_are_kept_in_order_and_names_are_text(tmp_path):
    store, run, case = filled(tmp_path / "p.sqlite")
    assert store.samples(run, case) == {"base": [[1.0, 1.0]] * 3, "head": [[1.1, 1.2]] * 3}
    assert store.one('SELECT name FROM "case"')["name"] == HOSTILE
    store.close()
    with Store(tmp_path / "p.sqlite") as again:  # as it was left
        assert again.samples(run, case)["head"] == [[1.1, 1.2]] * 3
        assert again.rows("PRAGMA foreign_key_check") == []


def test_a_round_that_is_cut_off_takes_no_other_with_it(tmp_path):
    store, run, case = filled(tmp_path / "p.sqlite")
    with pytest.raises(sqlite3.IntegrityError):
        store.keep(run, case, 3, [("base", 1.0), ("head", None)])
    assert len(store.samples(run, case)["base"]) == 3
    assert store.one("SELECT COUNT(*) AS n FROM round")["n"] == 3
    store.close()


def test_alerts_are_settled_with_a_note(tmp_path):
    store, run, case = filled(tmp_path / "p.sqlite")
    alert = store.alert("key", "slower", run, {case: 1.15})
    assert store.alert("key", "slower", run, {case: 1.15}) == alert  # once
    store.triage(alert, "accepted", "a dearer formula", "b" * 40)
    assert store.one("SELECT state FROM alert")["state"] == "accepted"
    assert store.one("SELECT text FROM note")["text"] == "a dearer formula"
    with pytest.raises(StoreError, match="open, acknowledged, fixed or accepted, not 'gone'"):
        store.triage(alert, "gone")
    with pytest.raises(StoreError, match="there is no alert 99"):
        store.triage(99, "fixed")
    store.close()


def test_foreign_truncated_and_later_files_are_refused_untouched(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no database" * 20)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    store, *_ = filled(tmp_path / "p.sqlite")
    store.close()
    whole = (tmp_path / "p.sqlite").read_bytes()
    cut = tmp_path / "cut.sqlite"
    cut.write_bytes(whole[: len(whole) // 2])
    later = tmp_path / "later.sqlite"
    later.write_bytes(whole[:60] + (99).to_bytes(4, "big") + whole[64:])
    for path, message in (
        (text, "no SQLite file"), (other, "of another program"), (cut, "shorter than it says"), (later, "later version"),
    ):  # fmt: skip
        before = path.read_bytes()
        with pytest.raises(StoreError, match=message):
            Store(path)
        assert path.read_bytes() == before
        assert not path.with_name(path.name + "-wal").exists()


def test_files_of_another_machine_merge_once(tmp_path):
    store, run, case = filled(tmp_path / "p.sqlite")
    assert export_json(store, tmp_path / "p.json") == 1
    with Store(tmp_path / "q.sqlite") as other:
        assert [import_json(other, tmp_path / "p.json") for _ in range(2)] == [1, 0]
        assert other.samples(1, 1) == store.samples(run, case)
        assert other.one("SELECT word FROM verdict")["word"] == "slower"
        (tmp_path / "bad.json").write_text('{"format": "tritorch perf 1", "runs": [{"run": {}}]}')
        with pytest.raises(ValueError, match="is not an export of benchmarks"):
            import_json(other, tmp_path / "bad.json")
        assert other.one("SELECT COUNT(*) AS n FROM run")["n"] == 1
    store.close()
