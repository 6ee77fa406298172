"""What is generated from the registry and checked in is fresh: the stub files and the reference page."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.mark.parametrize("script", ["make_stubs.py", "make_docs.py"])
def test_fresh(script):
    done = subprocess.run([sys.executable, SCRIPTS / script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
