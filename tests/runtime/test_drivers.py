"""Which driver a process has: none, the stub, the simulated one; and what it must not be used for."""

import os
import signal
import subprocess
import sys


def run(choice: str, code: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"TRITORCH_SIM": choice}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)


def run_with(choice: str, code: str) -> str:
    done = run(choice, code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_host_read_of_a_device_address_dies():
    code = """
import ctypes, numpy as np
from tritorch import _C
memory = _C.memory_new(512, 0)
ctypes.string_at(memory.ptr, 1)
"""
    assert run("1", code).returncode == -signal.SIGSEGV


def test_without_a_driver_one_line_says_why():
    code = """
import ctypes
from tritorch import _C
try:
    ctypes.CDLL("libcuda.so.1")
except OSError:
    why = _C.device_explain()
    assert why.startswith("found no NVIDIA driver on your system") and "\\n" not in why, why
    assert _C.device_count() == 0
    try:
        _C.memory_new(16, 0)
    except RuntimeError as error:
        assert why in str(error)
        print("refused")
else:
    print("refused" if _C.device_explain() is None else _C.device_explain())
"""
    assert run_with("0", code) == "refused\n"


def test_a_forked_child_is_told_to_spawn():
    code = """
import os
from tritorch import _C
kept = _C.memory_new(512, 0)
child = os.fork()
if child == 0:
    try:
        _C.memory_new(512, 0)
    except RuntimeError as error:
        ok = str(error).startswith("Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing")
    del kept
    os._exit(0 if ok else 1)
print(os.waitpid(child, 0)[1])
"""
    assert run_with("1", code) == "0\n"


def test_the_stub_does_nothing_and_gives_out_addresses():
    code = """
from tritorch import _C
assert _C.device_kind() == "stub"
a, b = _C.memory_new(100, 0), _C.memory_new(100, 0)
function = _C.module_function(_C.module_load(b"", 0), "f")
_C.launch(function, (1, 1, 1), (1, 1, 1), 0, 0, None, b"")
_C.device_synchronize(0)
print(b.ptr - a.ptr)
"""
    assert run_with("stub", code) == "512\n"
