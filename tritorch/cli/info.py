"""``tritorch info``: what is installed, the devices, the caches."""

import importlib.metadata
import json
import platform
from pathlib import Path

from .. import _C
from ..ops._op import REGISTRY
from ..runtime import gpu, tuned
from ..runtime.store import folder
from ..version import __version__
from .show import table

__all__ = ["info"]

PACKAGES = ("numpy", "ml_dtypes", "triton", "rich", "torch")


def info(as_json: bool = False) -> int:
    """Shows it; the exit code is 0."""
    facts = {
        "tritorch": f"{__version__}, {len(REGISTRY)} operators, {Path(_C.__file__).name}",
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        **{name: _version(name) for name in PACKAGES},
    }
    why = gpu.explain()
    if why is not None:
        facts["cuda"] = why
    else:
        for i in range(gpu.count()):
            held = _C.device_properties(i)
            memory = held["total_memory"] / 2**30
            kind = "" if gpu.is_real() else ", simulated"
            facts[f"cuda:{i}"] = f"{held['name']}, sm_{held['major']}{held['minor']}, {memory:.1f} GiB{kind}"
    files = list(Path(folder()).glob("??/*.cubin"))
    size = sum(path.stat().st_size for path in files) / 2**20
    facts["kernels kept"] = f"{len(files)} cubins, {size:.1f} MiB in {folder()}"
    try:
        count = len(tuned.choices())
        facts["choices of tuning"] = f"{count} in {tuned.file()}"
    except ValueError as error:
        facts["choices of tuning"] = str(error)
    if as_json:
        print(json.dumps(facts, indent=1))
    else:
        table("tritorch", ("", ""), list(facts.items()))
    return 0


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
