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


# Kernels that still spill: long series in double precision, and the walk along runs of equal places on sm_90.
SPILLING = frozenset(
    """
    derivative_of_digamma digamma igamma igammac runs special_airy_ai special_bessel_j0 special_bessel_j1
    special_bessel_y0 special_bessel_y1 special_chebyshev_polynomial_t special_chebyshev_polynomial_u
    special_chebyshev_polynomial_v special_chebyshev_polynomial_w special_modified_bessel_k0 special_modified_bessel_k1
    special_scaled_modified_bessel_k0 special_scaled_modified_bessel_k1 special_shifted_chebyshev_polynomial_t
    special_shifted_chebyshev_polynomial_u special_shifted_chebyshev_polynomial_v special_shifted_chebyshev_polynomial_w
    special_spherical_bessel_j0
""".split()
)
CONSTANT = frozenset(["isreal"])  # of a real tensor it is True everywhere: nothing is read


def is_known(finding: str) -> bool:
    """Whether a finding is of the two tables above."""
    kernel = finding.split(": ")[1].split(" ")[0]
    return (kernel in SPILLING and (" spills " in finding or " of stack" in finding)) or (
        kernel in CONSTANT and " at once " in finding
    )


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
    known = [text for text in seen["findings"] if is_known(text)]
    figure("kernels that spill", len({text.split(": ")[1].split(" ")[0] for text in known} & SPILLING))
    fresh = [text for text in seen["findings"] if text not in known]
    assert not fresh, "\n".join(fresh)


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
