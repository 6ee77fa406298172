"""What every test run shares: torch is impossible to import, seeds are fixed, figures are printed at the end."""

import ctypes
import os
import random
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec

import numpy as np
import pytest


def without_torch(find_spec):
    """The whole run proves that torch is not needed: from here on no import finds it, installed or not."""

    def find(name, path=None, target=None):
        return None if name.partition(".")[0] == "torch" else find_spec(name, path, target)

    return staticmethod(find)


assert "torch" not in sys.modules, "a plugin has imported torch"
PathFinder.find_spec = without_torch(PathFinder.find_spec)


def has_driver():
    """Whether the machine has a GPU's driver: then the tests run on the real device."""
    try:
        return ctypes.CDLL("libcuda.so.1").cuInit(0) == 0
    except OSError:
        return False


if not has_driver() and find_spec("triton") is not None:
    os.environ.setdefault("TRITORCH_SIM", "1")  # the same tests on the simulated device


def pytest_collection_modifyitems(config, items):
    """Tests that take minutes run only when asked for: ``-m slow``."""
    if "slow" in (config.getoption("markexpr") or ""):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(autouse=True)
def _seeds():
    """Every test starts from the same random state, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    tritorch = sys.modules.get("tritorch")
    if tritorch is not None:
        tritorch.manual_seed(0)


@pytest.fixture
def figure(record_property):
    """``figure(name, value)`` records a measured figure; all of them are printed when the run ends."""

    def record(name: str, value: object) -> None:
        record_property("figure", [name, f"{value:.4g}" if isinstance(value, float) else str(value)])

    return record


def pytest_terminal_summary(terminalreporter):
    figures = [
        (report.nodeid, *value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for key, value in getattr(report, "user_properties", ())
        if key == "figure" and getattr(report, "when", "call") == "call"
    ]
    if not figures:
        return
    terminalreporter.section("figures")
    width = max(len(name) for _, name, _ in figures)
    for nodeid, name, value in sorted(figures):
        terminalreporter.write_line(f"{name:<{width}}  {value}   ({nodeid.split('::')[0]})")
