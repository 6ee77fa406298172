"""The author's file: loading it, finding its operators, and finding the author's own line in an error."""

import importlib
import importlib.util
import linecache
import os
import re
import sys
from typing import Any

from ..ops._op import REGISTRY

__all__ = ["BadInput", "described", "load", "split"]


class BadInput(Exception):
    """What the author must mend before anything can be checked."""


def split(target: str) -> tuple[str, str]:
    """``FILE.py:op``, ``FILE.py``, ``package.module:op`` -> the file or module, and the operator's name or nothing."""
    file, _, name = target.partition(":")
    return file, name


def load(target: str) -> tuple[list[Any], str]:
    """The operators that a file (or module) defines, or the one that is named; and the path of the file.

    Raises:
        BadInput: where there is no such file, it cannot be imported, or there is no such operator in it.
    """
    file, name = split(target)
    try:
        module = _module(file)
    except BadInput:
        raise
    except BaseException as error:  # whatever the file does when it is imported, `sys.exit` included
        raise BadInput(described(error, file)) from error
    path = getattr(module, "__file__", None) or file
    found = [op for op in REGISTRY.values() if op.__module__ == module.__name__]
    if not found:
        raise BadInput(f"{file}: no operator in the file: define a class with tritorch.op")
    if name:
        named = [op for op in found if name in (op.__name__, op.path)]
        if not named:
            raise BadInput(f"{file}: no operator is named {name!r}; there are {', '.join(op.__name__ for op in found)}")
        found = named
    return found, path


def _module(file):
    if not file.endswith(".py"):
        try:
            return importlib.import_module(file)
        except ModuleNotFoundError as error:
            if error.name and (file == error.name or file.startswith(error.name + ".")):
                raise BadInput(f"{file}: expected a file that ends in .py, or the name of a module") from None
            raise
    if not os.path.isfile(file):
        raise BadInput(f"{file}: there is no such file")
    path = os.path.abspath(file)
    sys.path.insert(0, os.path.dirname(path))
    name = re.sub(r"\W", "_", os.path.basename(path)[:-3])
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type] - a .py file always has one
    sys.modules[name] = module
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def described(error: BaseException, file: str) -> str:
    """The error in one line, with the author's own line under it, where one has a part in it."""
    root = error
    chain = [error]
    while root.__cause__ is not None and root.__cause__ not in chain:
        root = root.__cause__
        chain.append(root)
    if isinstance(root, SyntaxError):
        return f"{root.msg}\n{_shown(root.filename or file, root.lineno or 1)}"
    text = f"{type(root).__name__}: {_first_line(root)}"
    for one in reversed(chain):
        place = _compiler_place(one, file) or _frame_place(one, file)
        if place:
            return f"{text}\n{_shown(*place)}"
    return text


def _first_line(error):
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if _is_of_compiler(error):  # the code, a mark, and last what is wrong
        return lines[-1].strip() if lines else ""
    return lines[0] if lines else type(error).__name__


def _is_of_compiler(error):
    return getattr(error, "node", None) is not None and isinstance(getattr(error, "src", None), str)


def _compiler_place(error, file):
    """The place in the file of an error of Triton's compiler, which counts lines from the kernel's own first."""
    if not _is_of_compiler(error) or not os.path.isfile(file):
        return None
    source = [line.strip() for line in error.src.splitlines()]
    start = next((line for line in source if line.startswith("def ")), None)
    lines = [line.strip() for line in linecache.getlines(os.path.abspath(file))]
    if start not in lines:
        return None
    return file, lines.index(start) + 1 - source.index(start) + error.node.lineno - 1


def _frame_place(error, file):
    """The last line of the file that the error passed through."""
    found, trace, path = None, error.__traceback__, os.path.abspath(file)
    while trace is not None:
        code = trace.tb_frame.f_code
        if os.path.abspath(code.co_filename) == path:
            found = file, trace.tb_lineno
        trace = trace.tb_next
    return found


def _shown(file, line):
    return f"  {file}:{line}: {linecache.getline(os.path.abspath(file), line).strip()}"
