"""The tables, as steps from an empty file: the n-th step makes version n. Steps are added, never changed.

Rows that may come from several machines carry a key that is the same everywhere (a commit's sha, a run's uuid, the
hash of an environment), so that files merge without duplicates.
"""

__all__ = ["APPLICATION", "MIGRATIONS"]

APPLICATION = 0x74726974  # "trit": what PRAGMA application_id says of a file of ours

MIGRATIONS = [
    """
    CREATE TABLE machine (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, cpu TEXT NOT NULL DEFAULT '',
        cores INTEGER NOT NULL DEFAULT 0, memory_bytes INTEGER NOT NULL DEFAULT 0, gpu TEXT NOT NULL DEFAULT '',
        peak_bytes REAL, peak_flops REAL);
    CREATE TABLE environment (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, machine_id INTEGER NOT NULL REFERENCES machine,
        python TEXT NOT NULL, numpy TEXT NOT NULL, triton TEXT NOT NULL, torch TEXT NOT NULL, threads INTEGER NOT NULL);
    CREATE TABLE revision (
        id INTEGER PRIMARY KEY, sha TEXT NOT NULL UNIQUE, parent TEXT NOT NULL DEFAULT '', time REAL NOT NULL,
        author TEXT NOT NULL DEFAULT '', subject TEXT NOT NULL DEFAULT '');
    CREATE INDEX revision_time ON revision (time);
    CREATE TABLE benchmark (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, suite TEXT NOT NULL);
    CREATE TABLE "case" (
        id INTEGER PRIMARY KEY, benchmark_id INTEGER NOT NULL REFERENCES benchmark, name TEXT NOT NULL,
        unit TEXT NOT NULL DEFAULT 's', bytes REAL, flops REAL, threads INTEGER NOT NULL DEFAULT 1,
        UNIQUE (benchmark_id, name));
    CREATE TABLE run (
        id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, environment_id INTEGER NOT NULL REFERENCES environment,
        base_id INTEGER NOT NULL REFERENCES revision, head_id INTEGER NOT NULL REFERENCES revision,
        suite TEXT NOT NULL, started REAL NOT NULL, finished REAL, status TEXT NOT NULL DEFAULT 'running');
    CREATE TABLE round (
        id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
        case_id INTEGER NOT NULL REFERENCES "case", number INTEGER NOT NULL, load REAL, clock REAL,
        UNIQUE (run_id, case_id, number));
    CREATE TABLE sample (
        round_id INTEGER NOT NULL REFERENCES round ON DELETE CASCADE, lane TEXT NOT NULL, place INTEGER NOT NULL,
        seconds REAL NOT NULL, PRIMARY KEY (round_id, lane, place)) WITHOUT ROWID;
    CREATE TABLE verdict (
        id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
        case_id INTEGER NOT NULL REFERENCES "case", word TEXT NOT NULL
            CHECK (word IN ('faster', 'slower', 'same', 'undecided', 'invalid')),
        ratio REAL, low REAL, high REAL, p REAL, q REAL, noise REAL, rounds INTEGER NOT NULL, reason TEXT NOT NULL
            DEFAULT '', UNIQUE (run_id, case_id));
    CREATE TABLE figure (
        run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, case_id INTEGER NOT NULL REFERENCES "case",
        lane TEXT NOT NULL, seconds REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL,
        PRIMARY KEY (case_id, run_id, lane)) WITHOUT ROWID;
    CREATE INDEX figure_run ON figure (run_id);
    CREATE TABLE artifact (
        id INTEGER PRIMARY KEY, revision_id INTEGER NOT NULL REFERENCES revision, kind TEXT NOT NULL, name TEXT NOT NULL,
        hash TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (revision_id, kind, name));
    CREATE TABLE resource (
        id INTEGER PRIMARY KEY, revision_id INTEGER NOT NULL REFERENCES revision, kernel TEXT NOT NULL,
        config TEXT NOT NULL, arch TEXT NOT NULL, triton TEXT NOT NULL, registers INTEGER, stack INTEGER, spills INTEGER,
        shared INTEGER, width INTEGER, instructions TEXT NOT NULL DEFAULT '{}', hash TEXT NOT NULL DEFAULT '',
        UNIQUE (revision_id, kernel, config, arch, triton));
    CREATE TABLE change_point (
        id INTEGER PRIMARY KEY, case_id INTEGER NOT NULL REFERENCES "case",
        machine_id INTEGER NOT NULL REFERENCES machine, revision_id INTEGER NOT NULL REFERENCES revision,
        before REAL NOT NULL, after REAL NOT NULL, UNIQUE (case_id, machine_id, revision_id));
    CREATE TABLE alert (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, cause TEXT NOT NULL, run_id INTEGER REFERENCES run,
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'fixed', 'accepted')),
        revision TEXT NOT NULL DEFAULT '', opened REAL NOT NULL);
    CREATE TABLE alert_case (
        alert_id INTEGER NOT NULL REFERENCES alert ON DELETE CASCADE, case_id INTEGER NOT NULL REFERENCES "case",
        ratio REAL NOT NULL, PRIMARY KEY (alert_id, case_id)) WITHOUT ROWID;
    CREATE TABLE note (
        id INTEGER PRIMARY KEY, alert_id INTEGER NOT NULL REFERENCES alert ON DELETE CASCADE, text TEXT NOT NULL,
        time REAL NOT NULL);
    CREATE INDEX verdict_case ON verdict (case_id);
    CREATE INDEX run_head ON run (head_id);
    """,
]
