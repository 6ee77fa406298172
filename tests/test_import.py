"""What ``import tritorch`` costs beside ``import numpy``, and what it leaves alone."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("triton", "torch", "concurrent.futures", "dataclasses", "logging", "multiprocessing", "pkgutil")


def _python(code, cache):
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(cache)}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return (time.perf_counter() - start) * 1e3, done.stdout


def test_cost(tmp_path, figure):
    """Whole processes in pairs, byte code cached. The bound is for disasters: a busy machine doubles anything."""
    for code in ("import numpy", "import tritorch"):
        _python(code, tmp_path)
    pairs = [(_python("import numpy", tmp_path)[0], _python("import tritorch", tmp_path)[0]) for _ in range(7)]
    base, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    figure("ms of import numpy", base)
    figure("ms that import tritorch adds to it", statistics.median(b - a for a, b in pairs))
    assert ours < 4 * base


def test_leaves_alone(tmp_path):
    """Nothing heavy is imported that NumPy has not imported by itself, and the collector is left as it was."""
    code = f"""
import gc, sys, numpy
before = set(sys.modules)
import tritorch
print(sorted(set({HEAVY!r}) & (set(sys.modules) - before)), gc.isenabled())
"""
    assert _python(code, tmp_path)[1].strip() == "[] True"


def test_rooms_stay_closed(tmp_path):
    code = "import sys, tritorch; print([m for m in ('nn', 'optim', 'utils.data') if f'tritorch.{m}' in sys.modules])"
    assert _python(code, tmp_path)[1].strip() == "[]"


def test_families_stay_closed(tmp_path):
    """See Note [Families open when they are named]: an import opens none, a use opens its own."""
    code = """
import sys, tritorch
opened = lambda: sorted(m[13:] for m in sys.modules if m.startswith("tritorch.ops.") and m[13] != "_")
print(opened(), len({"relu", "softmax", "nn"} - {*dir(tritorch)}), hasattr(tritorch, "no_such_name"))
tritorch.Tensor.relu
print(opened())
"""
    assert _python(code, tmp_path)[1].splitlines() == ["[] 0 False", "['activation']"]


def test_each_family_opens_alone():
    """In whatever order a program names them: each is opened first in a process of its own."""
    code = """
import os, sys, tritorch
from tritorch import ops
for family in ops.families():
    if not (child := os.fork()):
        ops.open_family(family)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{family} does not open alone")
from tritorch import *
assert relu is tritorch.relu and len(tritorch.op.REGISTRY) == len(ops.OPERATORS)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_users_operators_meet_what_is_there():
    """A name of a closed family is taken, as one of an open family is."""
    code = """
import tritorch
from tritorch.op import Elementwise
try:
    class softplus(Elementwise):
        '''One.'''
        def cpu(input):
            return input
except TypeError as error:
    print(error)
class mine(Elementwise, alias="cosh"):
    '''Two.'''
    def cpu(input):
        return input
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "name is taken by tritorch.ops.activation_smooth" in done.stdout, done
    assert "two operators are named cosh" in done.stderr
