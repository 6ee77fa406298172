"""Suites: which cases, on how many threads. A case is written once, in ``perf/cases.py``, for all lanes."""

from dataclasses import dataclass

from . import cases
from .host_cost import BLOCK

__all__ = ["SUITES", "Case", "cases_of"]


@dataclass(frozen=True)
class Case:
    """One thing that is timed: ``table`` and ``name`` say which entry of ``perf/cases.py``."""

    suite: str
    table: str
    name: str
    threads: int
    bytes: float | None = None  # the least that must be moved


# Float32 elements that a large operator must read and write, where its name tells them.
_PASSES = {"add": 3, "mul": 3, "exp": 2, "sum over all": 1, "sum over dim 0": 1, "sum over dim 1": 1, "cumsum": 2}


def _bytes(name):
    for start, passes in _PASSES.items():
        if name.startswith(start):
            return 4.0 * cases.N * passes
    return None


def _host():
    return [Case("host", "SMALL", name, 1) for name in BLOCK]


def _large():
    return [Case("large", "LARGE", name, 2, _bytes(name)) for name in cases.LARGE]


SUITES = {"host": _host, "large": _large}


def cases_of(suite, only=""):
    """The cases of a suite (``"quick"`` is the host cost alone, ``"all"`` all suites) whose name contains ``only``.

    Raises:
        ValueError: for a suite that is not known.
    """
    names = {"quick": ["host"], "all": list(SUITES)}.get(suite, [suite])
    if any(n not in SUITES for n in names):
        raise ValueError(f"there is no suite {suite!r}; there are quick, all, {', '.join(SUITES)}")
    return [case for name in names for case in SUITES[name]() if only in case.name]
