"""What a run ran on: the machine, the versions, the commit; and what is read before each round."""

import hashlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["commit", "environment", "machine", "state"]


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _cpu():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def machine():
    """The row of this machine."""
    row = {"name": platform.node(), "cpu": _cpu(), "cores": os.cpu_count() or 0}
    try:
        row["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        row["memory_bytes"] = 0
    return {"key": _hash(row), **row}


def environment(threads):
    """The row of what is installed."""
    row = {"python": platform.python_version(), "threads": threads}
    row |= {name: _version(name) for name in ("numpy", "triton", "torch")}
    return {"key": _hash({**row, "machine": machine()["key"]}), **row}


def _hash(row):
    return hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()[:16]


def commit(tree, revision="HEAD"):
    """The row of a commit of the checkout ``tree``.

    Raises:
        ValueError: if there is no such commit.
    """
    done = subprocess.run(
        ["git", "-C", str(tree), "log", "-1", "--format=%H%x00%P%x00%ct%x00%an%x00%s", revision, "--"],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f"{revision} is no commit of {tree}: {done.stderr.strip()}")
    sha, parents, time, author, subject = done.stdout.rstrip("\n").split("\0")
    return {"sha": sha, "parent": parents.partition(" ")[0], "time": float(time), "author": author, "subject": subject}


def state():
    """(load, clock in MHz or None) now."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        clocks = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    except OSError:
        clocks = []
    return os.getloadavg()[0], max(clocks, default=None)
