"""A commit as a checkout that runs: a git worktree beside this one, its extension built, or taken where it is equal."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from . import machine
from .lanes import HOME

__all__ = ["checkout"]


def _git(*arguments, check=True):
    return subprocess.run(["git", "-C", str(HOME), *arguments], capture_output=True, text=True, check=check)


def _cache():
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "tritorch-perf"


def checkout(revision):
    """The folder of a commit, ready to be imported from.

    Raises:
        ValueError: if there is no such commit, or it does not build.
    """
    sha = machine.commit(HOME, revision)["sha"]
    if sha == machine.commit(HOME)["sha"] and not _git("status", "--porcelain", "-uno").stdout:
        return HOME
    folder = _cache() / sha[:16]
    if not (folder / ".ready").exists():
        if folder.exists():  # a build that was cut off
            _git("worktree", "remove", "--force", str(folder), check=False)
            shutil.rmtree(folder, ignore_errors=True)
        _git("worktree", "prune")
        _git("worktree", "add", "--detach", str(folder), sha)
        _extension(folder, sha)
        (folder / ".ready").touch()
    return folder


def _extension(folder, sha):
    same = not _git("diff", "--quiet", sha, "--", "csrc", "CMakeLists.txt", check=False).returncode
    ours = list((HOME / "tritorch").glob("_C*.so"))
    if same and ours:
        for file in ours:
            shutil.copy2(file, folder / "tritorch" / file.name)
        return
    build = folder / "build" / "perf"
    pybind = subprocess.run([sys.executable, "-m", "pybind11", "--cmakedir"], capture_output=True, text=True)
    steps = (
        ["cmake", "-S", str(folder), "-B", str(build), "-DCMAKE_BUILD_TYPE=Release", f"-DPython_EXECUTABLE={sys.executable}",
         f"-Dpybind11_DIR={pybind.stdout.strip()}"],
        ["cmake", "--build", str(build), "--parallel", "2", "--target", "_C"],
    )  # fmt: skip
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"{sha[:10]} does not build: {(done.stderr or done.stdout)[-800:]}")
    made = list(build.rglob("_C*.so"))
    if not made:
        raise ValueError(f"{sha[:10]} does not build: no extension came out")
    shutil.copy2(made[0], folder / "tritorch" / made[0].name)
