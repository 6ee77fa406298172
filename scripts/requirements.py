"""Prints, one a line, what pip must install for the named extras of pyproject.toml, or for `build`.

The Makefile installs these instead of `.[extra]` so that a demo on a machine without a GPU need not download Triton
(286 MB, which nothing on the CPU path loads): it is listed where there is an NVIDIA device, and for the tests, which
run the kernels on the simulated device. TRITON=1 lists it always, TRITON=0 never.
"""

import os
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def wants_triton() -> bool:
    asked = os.environ.get("TRITON")
    return asked != "0" if asked else Path("/dev/nvidiactl").exists()


def requirements(names: list[str]) -> list[str]:
    table = tomllib.loads(PYPROJECT.read_text())
    project = table["project"]
    found: list[str] = []
    for name in names:
        if name == "build":
            found += [*table["build-system"]["requires"], "cmake>=3.21", "ninja"]
            found += [r for r in project["dependencies"] if wants_triton() or not r.startswith("triton")]
        else:
            found += project["optional-dependencies"][name]
            if name == "test" and os.environ.get("TRITON") != "0" and sys.platform == "linux":
                found += [r for r in project["dependencies"] if r.startswith("triton")]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
