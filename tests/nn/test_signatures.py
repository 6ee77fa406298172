"""Every constructor, forward and function takes torch's arguments, in its order, by its names, with its defaults."""

import inspect
import json
from functools import reduce
from pathlib import Path

import pytest

import tritorch

RECORDED = json.loads(Path(__file__).with_name("signatures.json").read_text())  # from torch 2.13


def signature(function) -> str:
    parts, starred = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred |= parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        default = parameter.default
        if default is parameter.empty:
            shown = ""
        else:
            shown = "=" + (default.__name__ if callable(default) and hasattr(default, "__name__") else repr(default))
        parts.append(stars + parameter.name + shown)
    return ", ".join(part for part in parts if part != "self")


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_signature(name):
    found = reduce(getattr, name.split("."), tritorch)
    assert signature(found.__init__ if isinstance(found, type) else found) == RECORDED[name]
