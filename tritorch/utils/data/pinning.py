"""Batches in page-locked memory, from where copies to a GPU need not wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...tensor import Tensor

__all__ = ["pin_memory"]


def pin_memory(data: Any) -> Any:
    """``data`` with every tensor in it pinned: through mappings, tuples, sequences and what has a ``pin_memory()``.

    Example:
        >>> from tritorch.utils.data.pinning import pin_memory
        >>> pin_memory({"name": "a"})
        {'name': 'a'}
    """
    if isinstance(data, Tensor) or hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, Mapping):
        pinned = {key: pin_memory(value) for key, value in data.items()}
        return pinned if type(data) is dict else type(data)(pinned)  # pyright: ignore[reportCallIssue]
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(pin_memory(value) for value in data))
    if isinstance(data, tuple):
        return [pin_memory(value) for value in data]  # as torch: a list
    if isinstance(data, Sequence) and not isinstance(data, range):
        return type(data)([pin_memory(value) for value in data])  # pyright: ignore[reportCallIssue]
    return data
