"""Opening the file, and the writes that keep it whole."""

import sqlite3
import time
import uuid
from pathlib import Path

from .migrations import APPLICATION, MIGRATIONS

__all__ = ["Store", "StoreError"]


class StoreError(RuntimeError):
    """The file is not a store, is damaged, or is of a later version. It was not written to."""


def _inspect(path):
    """Refuses what is no store, reading only: a foreign file is not touched, not even by a journal."""
    with path.open("rb") as file:
        head = file.read(100)
    if not head:
        return
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        raise StoreError(f"{path} is not a store of benchmarks (no SQLite file)")
    application, version = int.from_bytes(head[68:72], "big"), int.from_bytes(head[60:64], "big")
    if application != APPLICATION:
        raise StoreError(f"{path} is not a store of benchmarks (an SQLite file of another program)")
    if version > len(MIGRATIONS):
        raise StoreError(f"{path} was written by a later version ({version}; this one knows {len(MIGRATIONS)})")
    pages, size = int.from_bytes(head[28:32], "big"), int.from_bytes(head[16:18], "big")
    if path.stat().st_size < pages * (65536 if size == 1 else size):
        raise StoreError(f"{path} is damaged: it is shorter than it says")


class Store:
    """A store of benchmarks in one file (WAL, foreign keys).

    Args:
        path: the file; it is made if it is not there.

    Raises:
        StoreError: for a file that is foreign, truncated, or of a later version.
    """

    def __init__(self, path):
        self.path = Path(path)
        if self.path.exists():
            _inspect(self.path)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(self.path, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        try:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = NORMAL")
            self.db.execute("PRAGMA foreign_keys = ON")
            self._migrate()
        except sqlite3.DatabaseError as error:
            self.db.close()
            raise StoreError(f"{path} is damaged: {error}") from error

    def _migrate(self):
        version = self.db.execute("PRAGMA user_version").fetchone()[0]
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            self.db.executescript(
                f"BEGIN; {script} PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION}; COMMIT;"
            )

    def close(self):
        """Closes the file; its journal is folded in."""
        self.db.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def rows(self, query, *arguments):
        """The rows of a query, which may be read by column name."""
        return self.db.execute(query, arguments).fetchall()

    def one(self, query, *arguments):
        """The first row of a query, or None."""
        return self.db.execute(query, arguments).fetchone()

    def put(self, table, keys, **values):
        """The id of the row of ``table`` with these ``keys``, made with these ``values`` if it is not there."""
        where = " AND ".join(f'"{k}" = ?' for k in keys)
        found = self.one(f'SELECT id FROM "{table}" WHERE {where}', *keys.values())
        if found:
            return found["id"]
        row = {**keys, **values}
        names, marks = ", ".join(f'"{k}"' for k in row), ", ".join("?" * len(row))
        return self.db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', tuple(row.values())).lastrowid

    # -- what a runner writes -------------------------------------------------------------------------

    def revision(self, sha, parent="", time=0.0, author="", subject=""):
        """The id of a commit."""
        return self.put("revision", {"sha": sha}, parent=parent, time=time, author=author, subject=subject)

    def environment(self, machine, environment):
        """The id of an environment (a dict of columns) on a machine (another)."""
        machine_id = self.put("machine", {"key": machine["key"]}, **{k: v for k, v in machine.items() if k != "key"})
        rest = {k: v for k, v in environment.items() if k != "key"}
        return self.put("environment", {"key": environment["key"]}, machine_id=machine_id, **rest)

    def case(self, suite, benchmark, name, **values):
        """The id of a case of a benchmark."""
        benchmark_id = self.put("benchmark", {"name": benchmark}, suite=suite)
        return self.put("case", {"benchmark_id": benchmark_id, "name": name}, **values)

    def start(self, environment_id, base_id, head_id, suite, started=None, key=None):
        """A new run; its id."""
        started = time.time() if started is None else started
        run = self.put(
            "run", {"uuid": key or uuid.uuid4().hex}, environment_id=environment_id, base_id=base_id, head_id=head_id,
            suite=suite, started=started,
        )  # fmt: skip
        self.db.commit()
        return run

    def keep(self, run_id, case_id, number, samples, load=None, clock=None):
        """Keeps one round, at once: ``samples`` are (lane, seconds) in the order they were taken."""
        with self.db:
            round_id = self.put(
                "round", {"run_id": run_id, "case_id": case_id, "number": number}, load=load, clock=clock
            )
            self.db.executemany(
                "INSERT OR REPLACE INTO sample VALUES (?, ?, ?, ?)",
                [(round_id, lane, place, seconds) for place, (lane, seconds) in enumerate(samples)],
            )

    def samples(self, run_id, case_id):
        """{lane: [[seconds, ...] of each round]} of a case, in order."""
        taken: dict[str, dict[int, list[float]]] = {}
        for row in self.rows(
            "SELECT r.number, s.lane, s.seconds FROM round r JOIN sample s ON s.round_id = r.id"
            " WHERE r.run_id = ? AND r.case_id = ? ORDER BY r.number, s.place",
            run_id, case_id,
        ):  # fmt: skip
            taken.setdefault(row["lane"], {}).setdefault(row["number"], []).append(row["seconds"])
        return {lane: list(rounds.values()) for lane, rounds in taken.items()}

    def judge(self, run_id, case_id, verdict, figures):
        """Keeps what a case came to: a verdict (a dict of columns) and {lane: (seconds, low, high)}."""
        with self.db:
            names = ", ".join(verdict)
            self.db.execute(
                f"INSERT OR REPLACE INTO verdict (run_id, case_id, {names}) VALUES (?, ?{', ?' * len(verdict)})",
                (run_id, case_id, *verdict.values()),
            )
            self.db.executemany(
                "INSERT OR REPLACE INTO figure (run_id, case_id, lane, seconds, low, high) VALUES (?, ?, ?, ?, ?, ?)",
                [(run_id, case_id, lane, *values) for lane, values in figures.items()],
            )

    def finish(self, run_id, status="finished"):
        """Marks a run as ended."""
        with self.db:
            self.db.execute("UPDATE run SET status = ?, finished = ? WHERE id = ?", (status, time.time(), run_id))

    def alert(self, key, cause, run_id, cases, opened=None):
        """Opens an alert for cases ({id: ratio}) of one cause, unless it is there."""
        with self.db:
            opened = time.time() if opened is None else opened
            alert_id = self.put("alert", {"key": key}, cause=cause, run_id=run_id, opened=opened)
            self.db.executemany(
                "INSERT OR IGNORE INTO alert_case VALUES (?, ?, ?)", [(alert_id, c, r) for c, r in cases.items()]
            )
        return alert_id

    def triage(self, alert_id, state, text="", revision=""):
        """Sets an alert's state, with a note and the commit that ends it.

        Raises:
            StoreError: for a state or an alert that is not known.
        """
        if state not in ("open", "acknowledged", "fixed", "accepted"):
            raise StoreError(f"an alert is open, acknowledged, fixed or accepted, not {state!r}")
        with self.db:
            done = self.db.execute("UPDATE alert SET state = ?, revision = ? WHERE id = ?", (state, revision, alert_id))
            if not done.rowcount:
                raise StoreError(f"there is no alert {alert_id}")
            if text:
                self.db.execute(
                    "INSERT INTO note (alert_id, text, time) VALUES (?, ?, ?)", (alert_id, text, time.time())
                )
