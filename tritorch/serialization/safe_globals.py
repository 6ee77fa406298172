"""Classes and functions that the user trusts in pickles that torch wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_trusted: list[Any] = []


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Trusts classes and functions: a torch file that names them is loaded with them.

    Args:
        safe_globals: each a class or function, or a pair of one and the name ``"module.name"`` it has in the files.
            Loading calls a function, and makes objects of a class, with arguments that the file holds.
    """
    _trusted.extend(safe_globals)


def get_safe_globals() -> list[Any]:
    """What :func:`add_safe_globals` was given."""
    return list(_trusted)


def clear_safe_globals() -> None:
    """Trusts nothing any more."""
    _trusted.clear()


@contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """Trusts classes and functions within a ``with`` block.

    Example:
        >>> import argparse, tritorch
        >>> with tritorch.serialization.safe_globals([argparse.Namespace]):
        ...     tritorch.serialization.get_safe_globals()
        [<class 'argparse.Namespace'>]
    """
    before = list(_trusted)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _trusted[:] = before


def trusted() -> dict[str, Any]:
    """By the full name that a pickle gives."""
    pairs = [item if isinstance(item, tuple) else (item, f"{item.__module__}.{item.__qualname__}") for item in _trusted]
    return {name: value for value, name in pairs}
