"""Writes the stub files: the functions of every namespace and the methods of Tensor, as the registry has them.

``tritorch/_methods.pyi`` types the methods that ``_api`` puts on Tensor; beside every module that is a window on a
namespace of operators (``_api`` itself, ``nn.functional``, ``linalg``...) stands a stub with its functions.
"""

import importlib
import inspect
import sys
import textwrap
from pathlib import Path
from types import ModuleType

from surface import ROOT, operator_of, signature_text, write_or_check

import tritorch
from tritorch import _api, dtypes, ops
from tritorch.ops._op import REGISTRY, Op

HEAD = '''# ruff: noqa
"""Written by scripts/make_stubs.py (`make docs`). Not to be edited."""

from builtins import bool as _bool, complex as _complex, float as _float, int as _int, str as _str
from collections.abc import Sequence
from typing import Any, NamedTuple

from {package}dtypes import dtype as _dtype
from {package}tensor import Tensor as _Tensor

_Number = _bool | _int | _float | _complex
'''

HEAD_OF_CONTENTS = '''# fmt: off
"""Written by scripts/make_stubs.py (`make docs`). Not to be edited."""

FAMILIES = {  # family: its operators, their functions, their attributes of Tensor
'''


def return_text(op: type[Op], results: dict[str, str]) -> str:
    """The type of what an operator returns; named tuples are put down in ``results``."""
    if op.returns:
        name = f"_{op.path.replace('.', '_')}"
        results[name] = "".join(f"\n    {field}: _Tensor" for field in op.returns)
        return name
    if op.multi:
        return "tuple[_Tensor, ...]"
    return "_Tensor" if op.slot == "cpu" else "Any"


def function_stub(name: str, function, results: dict[str, str], self: str | None = None) -> str:
    op = operator_of().get(function)
    returns = return_text(op, results) if op else "Any"
    indent = "    " if self else ""
    return f"{indent}def {name}{signature_text(function, op, self)} -> {returns}: ...\n"


def assemble(package: str, results: dict[str, str], body: list[str]) -> str:
    named = [f"\nclass {name}(NamedTuple):{fields}\n" for name, fields in sorted(results.items())]
    return HEAD.format(package=package) + "".join(named) + "\n" + "".join(body)


def methods_stub() -> str:
    """Everything on Tensor that its own class does not define."""
    results: dict[str, str] = {}
    body = ["class TensorMethods:\n"]
    for name, value in sorted(vars(tritorch.Tensor).items()):
        if inspect.isfunction(value) and not value.__module__.startswith("tritorch.tensor"):
            body.append(function_stub(name, value, results, self="self"))
        elif isinstance(value, property) and value.fget and not value.fget.__module__.startswith("tritorch.tensor"):
            body.append(f"    @property\n    def {name}(self) -> Any: ...\n")
    return assemble(".", results, body)


def origin(module: ModuleType, name: str, value: object) -> str | None:
    """The module of ours that a name of ``module`` can be imported from."""
    home = getattr(value, "__module__", None)
    if home and home.startswith("tritorch.") and home != module.__name__:
        return home if getattr(sys.modules.get(home), name, None) is value else None
    return None


def is_foreign(value: object) -> bool:
    """Whether a function or class is another package's, imported for use."""
    home = getattr(value, "__module__", None)
    return isinstance(home, str) and home.split(".")[0] != "tritorch"


def relative(module: ModuleType, home: str) -> str:
    ups = len(module.__name__.split(".")) - 1
    return "." * ups + home.removeprefix("tritorch.")


def window_stub(module: ModuleType) -> str:
    """The public names of a module: its operators with their types, the rest from where it stands."""
    results: dict[str, str] = {}
    imports, body = [], []
    forms = operator_of()
    for name, value in sorted(vars(module).items()):
        if name.startswith("_") or name in ("Tensor", "dtype") or is_foreign(value):
            continue
        if inspect.isfunction(value) and (value in forms or value.__module__ == module.__name__):
            body.append(function_stub(name, value, results))
        elif isinstance(value, ModuleType):
            if value.__name__.startswith("tritorch."):
                package, _, leaf = value.__name__.rpartition(".")
                package = relative(module, package) if package != "tritorch" else relative(module, "")
                imports.append(f"from {package} import {leaf} as {name}\n")
        elif isinstance(value, dtypes.dtype):
            body.append(f"{name}: dtype\n")
        elif home := origin(module, name, value):
            imports.append(f"from {relative(module, home)} import {name} as {name}\n")
        else:
            body.append(f"{name}: Any\n")
    ups = "." * (len(module.__name__.split(".")) - 1)
    keep = [f"from {ups}dtypes import dtype as dtype\n", f"from {ups}tensor import Tensor as Tensor\n"]
    return assemble(ups, results, [*keep, *imports, "\n", *body])


def stub_path(module: ModuleType) -> Path:
    return Path(module.__file__ or "").with_suffix(".pyi")


def contents() -> str:
    """ops/_contents.py: for each family its operators, their functions, and what they put on Tensor."""
    columns = {family: (set(), set(), set()) for family in ops.families()}

    def family_of(op):
        return op.__module__.rpartition(".")[2]

    for op in REGISTRY.values():
        columns[family_of(op)][0].add(op.__name__)
    forms = operator_of()
    for home in _api._NAMESPACES:
        for name, value in _api.namespace(home).items():
            if value in forms:
                columns[family_of(forms[value])][1].add(f"{home}.{name}".lstrip("."))
    for name, value in vars(tritorch.Tensor).items():
        form = value.fget if isinstance(value, property) else value
        if inspect.isfunction(form) and form in forms:
            columns[family_of(forms[form])][2].add(name)
    text = HEAD_OF_CONTENTS
    for family, row in columns.items():
        text += f'    "{family}": (\n' + "".join(f'        """{filled(names)}""",\n' for names in row) + "    ),\n"
    return text + "}\n"


def filled(names: set[str]) -> str:
    return textwrap.fill(" ".join(sorted(names)), 106, subsequent_indent=" " * 8, break_on_hyphens=False)


def main() -> int:
    homes = [home for home in _api._NAMESPACES if home and _api.namespace(home)]
    windows = [_api, *(importlib.import_module(f"tritorch.{home}") for home in sorted(homes))]
    files = {stub_path(module): window_stub(module) for module in windows}
    files[ROOT / "tritorch" / "_methods.pyi"] = methods_stub()
    files[ROOT / "tritorch" / "ops" / "_contents.py"] = contents()
    return write_or_check(files, __doc__)


if __name__ == "__main__":
    sys.exit(main())
