"""The C++ core by itself: its unit tests, plain and under the sanitizers."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pybind11
import pytest

ROOT = Path(__file__).resolve().parent.parent
STRICT = {
    "ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1",
}


def run(*command, **environment: str) -> str:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize("sanitize", ["", "address,undefined", "thread"], ids=["plain", "address", "thread"])
def test_unit_tests_of_the_core(sanitize, figure):
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    cmake = shutil.which("cmake", path=search)
    assert cmake, "cmake is not installed: pip install cmake ninja"
    folder = ROOT / "build" / f"native-{sanitize.split(',')[0] or 'plain'}"
    options = {"TRITORCH_TESTS": "ON", "TRITORCH_SANITIZE": sanitize, "CMAKE_BUILD_TYPE": "RelWithDebInfo"}
    options |= {"Python_EXECUTABLE": sys.executable, "pybind11_DIR": pybind11.get_cmake_dir()}
    run(cmake, "-S", ROOT, "-B", folder, *(f"-D{key}={value}" for key, value in options.items()))
    run(cmake, "--build", folder, "--target", "tritorch_tests")
    report = run(next(folder.rglob("tritorch_tests")), **STRICT)
    ran, failed = map(int, re.findall(r"(\d+) tests, (\d+) failed", report)[0])
    assert ran and not failed, report
    figure(f"C++ unit tests of the core, {sanitize or 'plain'}", f"{ran} passed")
