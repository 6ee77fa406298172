"""The machine code of every kernel, without a GPU: it compiles for sm_80 and sm_90, spills nothing, needs no stack and
no more shared memory than there is, accesses 128 bits at once where addresses and sizes allow, and uses the matrix unit
in every dot.

Kernels and what was seen in them are remembered in the store, so that only what has changed is compiled.
``TRITORCH_CODEGEN`` names the dtypes of the samples that are run: ``float32`` in CI, ``all`` for every one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")

ALL = "float32,float64,float16,bfloat16,int64,int32,int16,int8,uint8,bool"
CHOSEN = os.environ.get("TRITORCH_CODEGEN", "float32")


def look(*options: str) -> dict:
    """What ``matrix.py`` sees; a process of its own, for the device of a process is chosen once."""
    script = Path(__file__).with_name("matrix.py")
    done = subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def seen() -> dict:
    return look("--dtypes", ALL if CHOSEN == "all" else CHOSEN)


def test_every_kernel_compiles(seen, figure):
    figure("kernels compiled for sm_80 and sm_90", seen["kernels"])
    figure("operators whose kernels were compiled", seen["operators"])
    assert not seen["failures"], "\n\n".join(seen["failures"])
    assert seen["kernels"] >= 10 and seen["cubins"] == 2 * seen["kernels"]


def test_machine_code(seen, figure):
    figure("most registers of a kernel", seen["registers"])
    assert not seen["findings"], "\n".join(seen["findings"])


def test_what_is_looked_for_is_found():
    """Kernels with a fault each: every rule can fail."""
    seen = look("--planted")
    assert not seen["failures"]
    wanted = {
        "spilling": "spills",
        "greedy": "shared memory",
        "scalar": "bits at once",
        "dotless": "without the matrix unit",
    }
    for name, words in wanted.items():
        found = [text for text in seen["findings"] if text.startswith(name) and words in text]
        assert found, (name, seen["findings"])
    assert not [text for text in seen["findings"] if text.startswith("sound")]
