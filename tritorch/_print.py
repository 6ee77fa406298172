"""Tensors as text, in torch's layout.

This stands under the operators: it sees a NumPy array of the elements and the plain attributes of the tensor.
The steps: cut the array down to the edges that will be shown, choose one format for all its elements (or one for the
real and one for the imaginary parts), nest the brackets, append what else there is to know (device, dtype, ...).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import dtypes


class _Options:
    __slots__ = ("edgeitems", "linewidth", "precision", "sci_mode", "threshold")

    def __init__(self) -> None:
        self.precision = 4
        self.threshold: float = 1000
        self.edgeitems = 3
        self.linewidth = 80
        self.sci_mode: bool | None = None


_options = _Options()
_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors print. What is None stays as it is, but for :attr:`sci_mode`.

    Args:
        precision: digits after the point (4).
        threshold: tensors of more elements are summarised (1000).
        edgeitems: elements shown at each end of a summarised dimension (3).
        linewidth: characters a line (80).
        profile: ``"default"``, ``"short"`` or ``"full"`` set the four above; the others refine it.
        sci_mode: True or False for scientific notation always or never; None lets the values decide.

    Example:
        >>> import tritorch
        >>> tritorch.set_printoptions(precision=2)
        >>> tritorch.tensor([1.12345])
        tensor([1.12])
        >>> tritorch.set_printoptions(profile="default")
    """
    chosen = dict(_PROFILES.get(profile, {})) if profile is not None else {}
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen.update((name, value) for name, value in given.items() if value is not None)
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The print options, as the keywords of :func:`set_printoptions`."""
    names = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
    return {name: getattr(_options, name) for name in names}


@contextlib.contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Sets print options (the keywords of :func:`set_printoptions`) for the length of a ``with`` block."""
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)


# --- Elements --------------------------------------------------------------------------------------------------

_Format = Callable[[Any], str]


def _float_format(values: np.ndarray) -> tuple[_Format, int]:
    """How to write the floats of a tensor, and how wide they get, from those that are finite and not zero."""
    digits = _options.precision
    finite: list[float] = values[np.isfinite(values) & (values != 0)].tolist()
    whole, scientific = True, False
    if finite:
        sizes = [abs(value) for value in finite]
        low, high = min(sizes), max(sizes)
        whole = all(value.is_integer() for value in finite)
        scientific = _options.sci_mode
        if scientific is None:
            scientific = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
    if scientific:
        width = max(len(f"{value:.{digits}e}") for value in finite)
        return (lambda value: f"{value:{width}.{digits}e}"), width
    if whole:  # an integer with a point behind it, which nan and inf don't get
        width = max((len(f"{value:.0f}") + 1 for value in finite), default=1)
        return (lambda value: (f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}").rjust(width)), width
    width = max(len(f"{value:.{digits}f}") for value in finite)
    return (lambda value: f"{value:.{digits}f}".rjust(width)), width


def _complex_format(values: np.ndarray) -> tuple[_Format, int]:
    real, real_width = _float_format(values.real)
    imag, imag_width = _float_format(values.imag)

    def write(value: complex) -> str:
        tail = imag(value.imag).lstrip() + "j"
        return real(value.real) + (tail if tail[0] in "+-" else "+" + tail)

    return write, real_width + imag_width + 1


def _format_of(values: np.ndarray) -> tuple[_Format, int]:
    if values.dtype.kind == "f":
        return _float_format(values)
    if values.dtype.kind == "c":
        return _complex_format(values)
    width = max((len(str(value)) for value in values.ravel().tolist()), default=1)
    return (lambda value: str(value).rjust(width)), width


def _plain(array: np.ndarray, kind: dtypes.dtype) -> np.ndarray:
    """The elements in a type whose ``tolist()`` gives Python's own numbers, without loss."""
    if kind.is_floating_point:
        return array.astype(np.float64)
    return array.astype(np.complex128) if kind.is_complex else array


# --- Brackets --------------------------------------------------------------------------------------------------


def _cut(array: np.ndarray) -> tuple[np.ndarray, list[bool]]:
    """The elements that a summary shows, and which dimensions were cut."""
    edge = _options.edgeitems
    cut = [size > 2 * edge for size in array.shape]
    for dim, is_cut in enumerate(cut):
        if is_cut:
            size = array.shape[dim]
            array = array.take([*range(edge), *range(size - edge, size)], axis=dim)
    return array, cut


def _nest(data: Any, cut: list[bool], indent: int, write: _Format, width: int) -> str:
    """The text of nested lists, of which those of dimension d get dots in the middle if ``cut[d]``."""
    if not cut:
        return write(data)
    edge = _options.edgeitems
    if len(cut) == 1:
        words = [write(value) for value in data]
        if cut[0]:
            words[edge:edge] = [" ..." if edge else "..."]
        room = max(1, (_options.linewidth - indent) // (width + 2))
        lines = [", ".join(words[i : i + room]) for i in range(0, len(words), room)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_nest(item, cut[1:], indent + 1, write, width) for item in data]
    if cut[0]:
        parts[edge:edge] = ["..."]
    return "[" + ("," + "\n" * (len(cut) - 1) + " " * (indent + 1)).join(parts) + "]"


def array_str(array: np.ndarray, kind: dtypes.dtype, indent: int = 0) -> str:
    """The elements of a tensor of dtype :attr:`kind` in brackets, for a place :attr:`indent` columns into the line."""
    if array.size == 0:
        return "[]"
    cut = [False] * array.ndim
    if array.size > _options.threshold:
        array, cut = _cut(array)
    values = _plain(array, kind)
    write, width = _format_of(values)
    return _nest(values.tolist(), cut, indent, write, width)


# --- The tensor ------------------------------------------------------------------------------------------------


def _grad_suffix(tensor: Any) -> str | None:
    try:
        node = tensor.grad_fn
    except RuntimeError:  # a view made under no_grad and then written: its history can't be had
        return "grad_fn=<Invalid>"
    if node is not None:
        return f"grad_fn=<{node.name().rsplit('::', 1)[-1]}>"
    return "requires_grad=True" if tensor.requires_grad else None


def _suffixes(tensor: Any, empty: bool) -> Iterator[str | None]:
    kind, default = tensor.dtype, dtypes.get_default_dtype()
    if tensor.device.type != "cpu":
        yield f"device='{tensor.device}'"
    if empty:  # there are no elements to show the dtype
        if len(tensor.shape) != 1:
            yield f"size={tuple(tensor.shape)}"
        implied: tuple[dtypes.dtype, ...] = (default,)
    else:
        if not _options.edgeitems:
            yield f"size={tuple(tensor.shape)}"
        implied = (default, dtypes.default_complex(), dtypes.int64, dtypes.bool_)
    if kind not in implied:
        yield f"dtype={kind}"
    yield _grad_suffix(tensor)


def tensor_repr(tensor: Any, array: np.ndarray, prefix: str | None = None) -> str:
    """What ``repr`` shows of a tensor.

    Args:
        tensor: anything with ``dtype``, ``shape``, ``device``, ``requires_grad`` and ``grad_fn``.
        array: its elements, on the host.
        prefix: what it opens with; by default ``"tensor("``, or a subclass's name and a bracket.
    """
    if prefix is None:
        name = type(tensor).__name__
        prefix = "tensor(" if name in ("Tensor", "Parameter", "Buffer") else f"{name}("
    indent = len(prefix)
    text = prefix + array_str(array, tensor.dtype, indent)
    column = len(text) - text.rfind("\n") + 1
    for suffix in _suffixes(tensor, array.size == 0):
        if suffix is None:
            continue
        if column + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"
