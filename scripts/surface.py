"""What users see of tritorch, read from the registry of operators: shared by make_stubs.py and make_docs.py."""

import argparse
import inspect
import math
import sys
from collections.abc import Callable
from pathlib import Path

from tritorch.ops import _codegen
from tritorch.ops._op import REGISTRY, Op

ROOT = Path(__file__).resolve().parent.parent

# Types by the names that the stubs give them: plain ones would be hidden by tritorch's own `int`, `float`, `bool`.
PLAIN = {"bool": "_bool", "int": "_int", "float": "_float", "str": "_str", "DType": "_dtype | None"}
EXTRA = {"out": "Any", "axis": "_int | Sequence[_int] | None", "keepdims": "_bool | None"}
ROLES = {
    "tensors": "Sequence[_Tensor]",
    "dim": "_int",
    "dims": "_int | Sequence[_int] | None",
    "number": "_Number",
}


def operators() -> list[type[Op]]:
    """The operators that users can reach by some name."""
    return [op for op in REGISTRY.values() if op.function or op.method is not False or op.operator or op.call_]


def operator_of() -> dict[Callable, type[Op]]:
    """A public function, method or in-place form -> the operator it is a form of."""
    forms = {}
    for op in operators():
        for form in (op.call, op.call_, op.method, *op.dunders.values()):
            if callable(form):
                forms[form] = op
    return forms


def write_now(form: Callable) -> None:
    """Gives a form its signature before its first call; see Note [Written at the first call] in ops/_codegen.py."""
    if getattr(form, "__code__", None) is _codegen._stub.__code__:
        form.__globals__["_write"]()


def default_text(value: object) -> str:
    """A default as source text, `...` where it has none that is short."""
    simple = value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
    if isinstance(value, tuple) and all(isinstance(item, int) for item in value):
        simple = True
    return repr(value) if simple else "..."


def type_text(op: type[Op], name: str) -> str:
    """The type of an operator's argument, as the stub says it."""
    arg = next((a for a in op.public_args() if a.name == name), None)
    if arg is None:
        return EXTRA.get(name, "Any")
    if arg.role == "tensor":
        text = "_Tensor | _Number" if name in op.numbers.split() else "_Tensor"
    elif arg.role == "value":
        slot = getattr(op, op.slot)
        annotation = slot.__annotations__.get(name, "Any")
        text = PLAIN.get(annotation if isinstance(annotation, str) else getattr(annotation, "__name__", ""), "Any")
    else:
        text = ROLES.get(arg.role, "Any")
    return text + " | None" if arg.default is None and "None" not in text and text != "Any" else text


def signature_text(function: Callable, op: type[Op] | None, self: str | None = None) -> str:
    """``(input: Tensor, dim: int, *, keepdim: bool = False)``; a method's first argument is called ``self``."""
    parts: list[str] = []
    starred = False
    write_now(function)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return "(*args: Any, **kwargs: Any)"
    for position, p in enumerate(parameters):
        if position == 0 and self:
            parts.append(self)
            continue
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        starred = starred or p.kind is p.VAR_POSITIONAL
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        kind = type_text(op, p.name) if op else "Any"
        parts.append(f"{star}{p.name}: {kind}" + ("" if p.default is p.empty else f" = {default_text(p.default)}"))
    return f"({', '.join(parts)})"


def write_or_check(files: dict[Path, str], description: str | None) -> int:
    """Writes the files; with ``--check``, says which are stale instead and returns 1 when any is."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    check = parser.parse_args().check
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{'stale, run `make docs`' if check else 'wrote'}: {path.relative_to(ROOT)}", file=sys.stderr)
        if not check:
            path.write_text(files[path])
    return int(check and bool(stale))
