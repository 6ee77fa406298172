"""The cubin store (Note [The cubin store]): many processes, damaged entries, writers that die, folders one can't write.

``TRITORCH_STORE_ROUNDS`` scales it: rounds of each process, 50 in CI, 1,000 for the full measure.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from tritorch.runtime import store as module
from tritorch.runtime.store import Cubin, Store, pack, unpack

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("TRITORCH_STORE_ROUNDS", "50"))
PLAIN = Cubin(
    name="k", image=b"\x7fELF" + bytes(range(256)), arch=90, parameters=("*fp32", "i32"), positions=(0, 2),
    num_warps=4, num_ctas=1, shared=1024, cooperative=False, dependent=False, global_scratch=(0, 1),
    profile_scratch=(0, 1), registers=26, stack=0, spills=0, triton="3.9.0",
)  # fmt: skip

# What each process runs: takes entries, makes those that are missing, and now and then damages one in place.
WORKER = """
import os, random, sys
from dataclasses import replace
from tests_store import PLAIN, content, damage
from tritorch.runtime.store import Store

root, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store, rng, built = Store(root), random.Random(seed), 0
for _ in range(rounds):
    for number in rng.sample(range(12), 12):
        key = f"{number:064x}"
        found = store.get(key)
        if found is None:
            store.put(key, content(number))
            built += 1
        else:
            assert found == content(number), f"entry {number} is not what was stored"
        if rng.random() < 0.05:
            damage(store.path(key), rng)
print(built)
"""


def content(number: int) -> Cubin:
    return replace(PLAIN, name=f"k{number}", image=random.Random(number).randbytes(20_000 + number))


def damage(path: Path, rng: random.Random) -> None:
    """What disks and unlucky people do to a file: a flipped bit, a lost tail, nothing left, other text."""
    with contextlib.suppress(FileNotFoundError), open(path, "r+b") as file:  # it may not be made yet
        size = file.seek(0, os.SEEK_END)
        what = rng.randrange(4)
        if what == 0 and size:
            place = rng.randrange(size)
            file.seek(place)
            flipped = bytes(byte ^ 1 << rng.randrange(8) for byte in file.read(1))
            file.seek(place)
            file.write(flipped)
        elif what == 1:
            file.truncate(rng.randrange(size + 1))
        elif what == 2:
            file.truncate(0)
        else:
            file.seek(0)
            file.write(b"not a kernel")


def process(script: str, *args: object) -> subprocess.Popen:
    text = f"import importlib.util, sys\nspec = importlib.util.spec_from_file_location('tests_store', {__file__!r})\n"
    text += "sys.modules['tests_store'] = m = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(m)\n"
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-c", text + script, *map(str, args)],
        env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_what_is_stored_comes_back(tmp_path):
    store = Store(tmp_path / "new" / "folder")
    assert store.get("ab" * 32) is None
    assert store.put("ab" * 32, PLAIN)
    assert store.get("ab" * 32) == Store(store.root).get("ab" * 32) == PLAIN


def test_an_entry_under_another_key_is_none(tmp_path):
    entry = pack("a" * 64, PLAIN)
    assert unpack("a" * 64, entry) == PLAIN
    assert unpack("b" * 64, entry) is None


def test_every_damaged_entry_is_found():
    """200 entries with one bit flipped, and every length that an entry can be cut to at the ends."""
    key, rng = "c" * 64, random.Random(0)
    whole = pack(key, PLAIN)
    for _ in range(4 * ROUNDS):
        place = rng.randrange(len(whole))
        assert unpack(key, whole[:place] + bytes([whole[place] ^ 1 << rng.randrange(8)]) + whole[place + 1 :]) is None
    for length in (*range(100), *range(len(whole) - 100, len(whole))):
        assert unpack(key, whole[:length]) is None
    assert unpack(key, whole + b"\0") is None


def test_damaged_entries_are_replaced(tmp_path):
    store, rng, rebuilt = Store(tmp_path), random.Random(1), 0
    for number in range(4 * ROUNDS):
        key = f"{number:064x}"
        store.put(key, content(number % 5))
        damage(store.path(key), rng)
        if store.get(key) is None:
            store.put(key, content(number % 5))
            rebuilt += 1
        assert store.get(key) == content(number % 5)
    assert rebuilt >= 4 * ROUNDS * 0.99  # a file may be cut to its own length


def test_many_processes(tmp_path, figure):
    """8 processes take, make and damage the same 12 entries: none ever sees a wrong one."""
    running = [process(WORKER, tmp_path, seed, ROUNDS) for seed in range(8)]
    built = []
    for one in running:
        out, error = one.communicate(timeout=300)
        assert one.returncode == 0, error
        built.append(int(out))
    assert sum(built) >= 12
    assert not list(tmp_path.rglob("*.aside"))
    store = Store(tmp_path)
    assert all(store.get(f"{n:064x}") in (None, content(n)) for n in range(12))
    figure("cubin store: takes by 8 processes", 8 * ROUNDS * 12)


def test_a_writer_that_dies_harms_nothing(tmp_path):
    """Processes killed while they write: every entry is whole or missing, and what they left goes away."""
    script = """
from tests_store import content
from tritorch.runtime.store import Store
import sys
store = Store(sys.argv[1])
print("go", flush=True)
while True:
    for number in range(12):
        store.put(f"{number:064x}", content(number))
"""
    rng, store = random.Random(2), Store(tmp_path)
    for _ in range(max(ROUNDS // 10, 3)):
        one = process(script, tmp_path)
        assert one.stdout.readline() == "go\n"
        time.sleep(rng.uniform(0.001, 0.05))
        one.send_signal(signal.SIGKILL)
        one.communicate(timeout=60)
        assert all(store.get(f"{n:064x}") in (None, content(n)) for n in range(12))
    left = tmp_path / "00" / f".{0:064x}.1.1.aside"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    long_ago = time.time() - 2 * module._STALE
    for file in tmp_path.rglob("*.aside"):
        os.utime(file, (long_ago, long_ago))
    store.put("0" * 64, content(0))
    assert not list(tmp_path.rglob("*.aside"))


@pytest.fixture
def unwritable(tmp_path, monkeypatch):
    """A folder in which nothing can be made: root may write anywhere, hence by the call itself."""
    store = Store(tmp_path)
    store.put("d" * 64, PLAIN)

    def refused(self, data):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "write_bytes", refused)
    return store


def test_a_read_only_folder_warns_once(unwritable):
    with pytest.warns(RuntimeWarning, match=r"cannot be kept in .*Permission denied.*TRITORCH_CACHE"):
        assert not unwritable.put("e" * 64, PLAIN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not unwritable.put("f" * 64, PLAIN)
    assert unwritable.get("d" * 64) == PLAIN
    assert unwritable.get("e" * 64) is None


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.warns(RuntimeWarning, match="cannot be kept"):
        assert not Store(tmp_path / "file").put("a" * 64, PLAIN)
    assert Store(tmp_path / "file").get("a" * 64) is None


def test_where_it_is(monkeypatch, tmp_path):
    monkeypatch.delenv("TRITORCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert module.folder() == tmp_path / "tritorch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert module.folder() == tmp_path / ".cache" / "tritorch"
    monkeypatch.setenv("TRITORCH_CACHE", str(tmp_path / "mine"))
    assert module.folder() == tmp_path / "mine"
