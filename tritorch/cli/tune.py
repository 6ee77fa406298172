"""``tritorch tune list | pin | unpin``: the choices of autotuning."""

import json
from typing import Any

from ..runtime import tuned
from .show import fail, table

__all__ = ["tune"]


def tune(action: str, name: str = "", changes: list[str] | None = None, as_json: bool = False) -> int:
    """Lists the choices, or pins one, with ``changes`` of its configuration (``BLOCK=128``), or takes the pin away."""
    try:
        if action == "pin":
            tuned.pin(name, dict(map(_parsed, changes or [])))
        elif action == "unpin":
            tuned.unpin(name)
        held = tuned.choices()
    except (ValueError, OSError) as error:
        return fail(str(error))
    if action != "list":
        held = [entry for entry in held if entry["id"].startswith(name)]
    if as_json:
        print(json.dumps(held, indent=1))
        return 0
    rows = [
        (
            entry["id"][:8], entry["kernel"], entry["device"], _pairs(entry["key"]), _pairs(entry["config"]),
            "pinned" if entry["pinned"] else "",
        )
        for entry in held
    ]  # fmt: skip
    table(str(tuned.file()), ("id", "kernel", "device", "key", "configuration", ""), rows)
    return 0


def _pairs(values: dict[str, Any]) -> str:
    return " ".join(f"{n}={','.join(map(str, x)) if isinstance(x, list) else x}" for n, x in values.items())


def _parsed(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"expected NAME=VALUE, got {text!r}")
    try:
        return name, json.loads(value.lower() if value in ("True", "False") else value)
    except ValueError:
        return name, value
