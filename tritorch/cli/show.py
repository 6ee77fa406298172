"""Tables in a terminal: with rich where it is installed and somebody looks, plain columns where output is piped."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

__all__ = ["MARKS", "fail", "table"]

MARKS = {True: "ok", False: "FAILED", None: "-"}
COLOURS = {"ok": "green", "FAILED": "bold red", "-": "dim"}


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], mark: int | None = None) -> None:
    """Prints a table; ``mark`` is the column that holds "ok", "FAILED" or "-"."""
    if sys.stdout.isatty() and find_spec("rich"):
        made = import_module("rich.table").Table(title=title, title_justify="left")
        for name in columns:
            made.add_column(name, overflow="fold")
        escape = import_module("rich.markup").escape
        for row in rows:
            cells = [escape(cell) for cell in row]
            if mark is not None:
                colour = COLOURS.get(row[mark], "")
                cells[mark] = f"[{colour}]{cells[mark]}[/]" if colour else cells[mark]
            made.add_row(*cells)
        import_module("rich.console").Console().print(made)
        return
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns) - 1)]
    print(title)
    for row in [columns, *rows]:
        print("  " + "  ".join([*(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)), row[-1]]).rstrip())


def fail(text: str) -> int:
    """Says what is wrong with the input, on the error stream: exit code 2."""
    print(f"tritorch: {text}", file=sys.stderr)
    return 2
