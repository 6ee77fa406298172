"""Devices: names for where a tensor's memory is.

A :class:`device` is a value, and interned: equal devices are the same object, so that ``a.device is b.device`` is
the whole comparison. Naming a device needs no such device to be there.
"""

from __future__ import annotations

import re
import threading
from typing import Any

from .. import errors

# The order is torch's, for its error text. tritorch runs on cpu and cuda.
_TYPES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla", "lazy",
    "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip
_PATTERN = re.compile(r"([a-zA-Z_]+)(?::(0|[1-9][0-9]*))?")
_SIGNATURES = ("(tritorch.device device)", "(str type, int index = -1)")


class device:
    """Where a tensor is: ``device("cpu")``, ``device("cuda")``, ``device("cuda:1")``, ``device("cuda", 1)``,
    ``device(1)`` (the second cuda device), ``device(another)``.

    ``"cuda"`` without an index is the current cuda device. As a context manager it makes itself the
    default device of creation functions.

    Attributes:
        type: ``"cpu"`` or ``"cuda"`` (the names of torch's other devices are understood, but nothing runs there).
        index: the device's ordinal, or None.

    Raises:
        RuntimeError: for a string that names no device.
        TypeError: for anything else.

    Example:
        >>> import tritorch
        >>> tritorch.device("cuda:1")
        device(type='cuda', index=1)
        >>> with tritorch.device("cpu"):
        ...     tritorch.get_default_device()
        device(type='cpu')
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __new__(cls, type: Any = None, index: int | None = None) -> device:
        found = _KNOWN.get((type, None)) if index is None and type.__class__ is str else None
        return found or _make(type, index)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"attribute '{name}' of 'tritorch.device' objects is not writable")

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (")" if self.index is None else f", index={self.index})")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple:
        return device, (self.type,) if self.index is None else (self.type, self.index)

    def __enter__(self) -> device:
        _thread.entered.append(_thread.default)
        _thread.default = self
        moved[:] = [_thread.default]
        return self

    def __exit__(self, *exception: object) -> None:
        _thread.default = _thread.entered.pop()
        moved[:] = [_thread.default]


_KNOWN: dict[tuple[Any, int | None], device] = {}


def _make(type_: Any, index: Any) -> device:
    if index is None and isinstance(type_, device):
        return type_
    if index is None and isinstance(type_, int) and not isinstance(type_, bool):
        type_, index = "cuda", type_
    if not isinstance(type_, str):
        if index is not None:
            raise errors.argument_type("device", "type", 1, "str", type_)
        raise errors.invalid_combination("device", () if type_ is None else (type_,), {}, _SIGNATURES)
    if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
        raise errors.argument_type("device", "index", 2, "int", index)
    name, ordinal = _parse(type_)
    if index is not None:
        if ordinal is not None:
            raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {type_}")
        if index < 0:
            raise RuntimeError("Device index must not be negative")
        ordinal = index
    found = _KNOWN.get((name, ordinal))
    if found is None:
        found = object.__new__(device)
        object.__setattr__(found, "type", name)
        object.__setattr__(found, "index", ordinal)
        found = _KNOWN.setdefault((name, ordinal), found)
    return found


def _parse(text: str) -> tuple[str, int | None]:
    if not text:
        raise RuntimeError("Device string must not be empty")
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise RuntimeError(f"Invalid device string: '{text}'")
    if match[1] not in _TYPES:
        raise RuntimeError(f"Expected one of {', '.join(_TYPES)} device type at start of device string: {match[1]}")
    return match[1], None if match[2] is None else int(match[2])


cpu = device("cpu")


# --- The default device: each thread has its own ---------------------------------------------------------------


class _Thread(threading.local):
    def __init__(self) -> None:
        self.default = cpu
        self.entered: list[device] = []  # what to return to, for each `with device(...)` that is open


_thread = _Thread()
moved: list[device] = []  # not empty once any thread has had a default of its own: creation looks here first


def get_default_device() -> device:
    """The device that creation functions use in this thread when none is named.

    Example:
        >>> import tritorch
        >>> tritorch.get_default_device()
        device(type='cpu')
    """
    return _thread.default


def set_default_device(device: Any) -> None:
    """Makes :attr:`device` (or what names one; None for the CPU) this thread's default for creation functions.

    Example:
        >>> import tritorch
        >>> tritorch.set_default_device("cpu")
    """
    _thread.default = cpu if device is None else _make(device, None)
    moved[:] = [_thread.default]
