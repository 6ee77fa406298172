"""Writes docs/reference.md: every operator with its forms, from the registry."""

import inspect
import re
import sys
from collections import defaultdict

from surface import ROOT, operators, signature_text, write_or_check

from tritorch.ops._op import Op

HEAD = """# Operators

Written by `scripts/make_docs.py` (`make docs`) from the registry; not to be edited. Methods and in-place forms take
the same arguments as the function, without the first. `out=` takes a tensor, or a tuple of them for several outputs.
"""


def names(op: type[Op], short: str) -> list[str]:
    """All the names under which an operator can be called."""
    home = f"tritorch.{op.home}." if op.home else "tritorch."
    found = [home + short] if op.function else []
    has_method = op.method if op.method is not None else not op.home and op.args and op.args[0].role == "tensor"
    if has_method:
        found.append(f"Tensor.{short}")
    if op.call_ is not None and not op.home:
        found.append(f"Tensor.{short}_")
    return found


def forms(op: type[Op]) -> list[str]:
    found = [f"`{name}`" for short in (op.short, *op.alias.split()) for name in names(op, short)]
    found += [f"`tritorch.{dotted}`" for dotted in op.also.split()] if op.function else []
    return found + ([f"operator `{op.operator}`"] if op.operator else [])


def markdown(text: str) -> str:
    """A docstring as Markdown: its roles as code, its examples as blocks."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", inspect.cleandoc(text)).replace("``", "`")
    lines, block = [], False
    for line in text.splitlines():
        if line.strip() == "Example:":
            continue
        if block and not line.strip():
            lines.append("```")
            block = False
        elif not block and line.lstrip().startswith(">>>"):
            lines.append("```pycon")
            block = True
        lines.append(line.removeprefix("    ") if block else line)
    return "\n".join([*lines, "```"] if block else lines)


def entry(op: type[Op]) -> str:
    derivatives = [", ".join(f"`{name}`" for name in targets) for targets, *_ in op.derivatives]
    facts = ["Forms: " + ", ".join(forms(op)) + ("; `out=`" if op.has_out else "")]
    if op.returns:
        facts.append("Returns `(" + ", ".join(op.returns) + ")`")
    if derivatives:
        facts.append("Derivatives: " + ", ".join(derivatives))
    elif op.slot == "eager":
        facts.append("Made of other operators, and differentiable where they are")
    title = op.path.replace("_", r"\_")
    body = markdown(op.__doc__ or "")
    signature = re.sub(r"\b_(?=\w)", "", signature_text(op.call, op))
    return f"### {title}\n\n`{op.short}{signature}`\n\n{body}\n\n{'. '.join(facts)}.\n"


def main() -> int:
    families = defaultdict(list)
    for op in operators():
        families[op.__module__.rpartition(".")[2]].append(op)
    parts = [HEAD, "\n" + " · ".join(f"[{name}](#{name})" for name in sorted(families)) + "\n"]
    for name in sorted(families):
        about = inspect.cleandoc(sys.modules[families[name][0].__module__].__doc__ or "").split("\n\n")[0]
        parts.append(f"\n## {name}\n\n{about}\n")
        parts += ["\n" + entry(op) for op in sorted(families[name], key=lambda op: op.path)]
    return write_or_check({ROOT / "docs" / "reference.md": "".join(parts)}, __doc__)


if __name__ == "__main__":
    sys.exit(main())
