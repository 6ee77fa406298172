"""Every example in the documentation runs: docstrings of all modules, and the README's programs."""

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
from pathlib import Path

import pytest

import tritorch

ROOT = Path(__file__).resolve().parent.parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples():
    """One case a docstring that has an example; it starts from nothing, as a reader would."""
    finder = doctest.DocTestFinder()
    names = [module.name for module in pkgutil.walk_packages(tritorch.__path__, "tritorch.")]
    for name in ["tritorch", *sorted(name for name in names if not name.endswith("__main__"))]:
        for test in finder.find(importlib.import_module(name), name, globs={"__name__": "__main__"}):
            if test.examples:
                yield pytest.param(test, id=test.name.removeprefix("tritorch."))


@pytest.mark.parametrize("example", list(examples()))
def test_docstring(example):
    report = io.StringIO()
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(example, out=report.write)
    assert not report.getvalue(), report.getvalue()


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))])
def test_programs_of_a_page(page):
    """The Python blocks of a page run, one after the other."""
    scope = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE):
            exec(compile(block, page, "exec"), scope)
