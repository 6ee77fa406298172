"""What autotuning chose is remembered in a readable file, per device, and can be pinned."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import tritorch as torch
from tritorch.runtime import tuned

triton = pytest.importorskip("triton")
import triton.language as tl  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION:UserWarning")
ran = []
CONFIGS = [triton.Config({"BLOCK": size}, num_warps=warps) for size, warps in ((32, 1), (64, 2), (128, 4))]


def fresh():
    """An autotuner as a new process has it."""

    @triton.autotune(configs=CONFIGS, key=["n"])
    @triton.jit
    def filled(x, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(x + i, BLOCK + 0.0, mask=i < n)

    return filled


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITORCH_TUNED", str(tmp_path / "tuned.json"))
    monkeypatch.setattr("tritorch.runtime.driver.timed", measured)
    return tmp_path / "tuned.json"


def measured(call, *, quantiles=None, **options):
    """The middle configuration is the fastest."""
    call()
    ran.append(1)
    return [[3.0, 1.0, 2.0][(len(ran) - 1) % 3]] * len(quantiles or [1])


def taken(tuner, n=100):
    x = torch.zeros(n, device="cuda")
    tuner[lambda meta: (triton.cdiv(n, meta["BLOCK"]),)](x, n)
    return x[0].item()


def test_what_is_measured_is_remembered(path):
    ran.clear()
    assert taken(fresh()) == 64 and len(ran) == 3
    (entry,) = tuned.choices()
    assert entry["kernel"].endswith("fresh.<locals>.filled") and entry["key"] == {"n": 100, "dtypes": ["float32"]}
    assert entry["config"] == {"BLOCK": 64, "num_warps": 2, "num_stages": 3} and not entry["pinned"]
    assert entry["device"] == torch.cuda.get_device_name(0) and json.loads(path.read_text())["version"] == 1
    assert taken(fresh()) == 64 and len(ran) == 3  # a new process measures nothing
    taken(fresh(), 50)  # another key
    assert len(ran) == 6 and len(tuned.choices()) == 2


def test_pinned(path):
    taken(fresh())
    (entry,) = tuned.choices()
    tuned.pin(entry["id"][:6], {"BLOCK": 16, "num_warps": 1})
    assert taken(fresh()) == 16  # none of the author's own
    tuned.unpin(entry["id"])
    assert taken(fresh()) == 64 and tuned.choices() == [entry]
    for name, changes in (("none", {}), ("", {"COLOUR": 3})):
        with pytest.raises(ValueError, match=r"expected (the id of one choice|names among BLOCK)"):
            tuned.pin(name, changes)


def test_a_kernel_that_has_changed_is_measured_again(path):
    ran.clear()
    taken(fresh())

    def edit(held):
        held[0]["source"] = "another text"

    tuned.change(edit)
    taken(fresh())
    assert len(ran) == 6

    def gone(held):
        held[0]["config"]["BLOCK"] = 256  # no configuration of the author's any more

    tuned.change(gone)
    assert taken(fresh()) == 64


def test_files_that_cannot_be_used(path):
    path.write_text("{ not ours")
    with pytest.raises(ValueError, match="expected choices of autotuning"):
        tuned.choices()
    with pytest.warns(RuntimeWarning, match="expected choices of autotuning"):
        assert taken(fresh()) == 64
    assert path.read_text() == "{ not ours"  # nothing of somebody else's is overwritten


def test_a_shipped_file_may_be_read_only(path):
    taken(fresh())
    ran.clear()
    os.chmod(path.parent, stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert taken(fresh()) == 64 and not ran
        taken(fresh(), 70)
    finally:
        os.chmod(path.parent, stat.S_IRWXU)


WRITER = """
import sys
from tritorch.runtime import tuned
for i in range(40):
    name = f"{sys.argv[1]}-{i}"
    tuned.change(lambda held: held.append({"id": name, "kernel": "k", "config": {}}))
    tuned.choices()
"""


def test_writers_at_once(path):
    """Three processes write and read: nothing is lost, nothing is ever seen in part."""
    folder = str(Path(torch.__file__).parent.parent)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, *filter(None, sys.path)])}
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(k)], env=env) for k in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert len({entry["id"] for entry in tuned.choices()}) == 120


def test_nothing_is_remembered_of_a_simulated_device(tmp_path, monkeypatch):
    if torch.cuda.is_available() and "TRITORCH_SIM" not in os.environ:
        pytest.skip("this device keeps time")
    monkeypatch.delenv("TRITORCH_TUNED", raising=False)
    monkeypatch.setenv("TRITORCH_CACHE", str(tmp_path))
    taken(fresh())
    assert not (tmp_path / "tuned.json").exists()
