"""``make_tensor``: random tensors for tests."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

from .. import _api as tt
from ..dtypes import BOOL, COMPLEX, FLOAT, INTEGER, dtype, finfo, iinfo

__all__ = ["make_tensor"]


def make_tensor(
    *shape: Any,
    dtype: dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Any:
    """A tensor of numbers drawn uniformly from ``[low, high)``.

    Args:
        shape: sizes, or one sequence of them.
        dtype, device: of the tensor.
        low, high: the range, clamped to what the dtype can hold. By default 0 and 2 for bool, -9 and 10 for integers
            (0 and 10 for unsigned ones), -9 and 9 for floating and complex dtypes.
        requires_grad: True for a floating or complex tensor that is to have a gradient.
        noncontiguous: True takes every second element of a larger tensor, where there are two or more.
        exclude_zero: True puts one, or the least normal number, in the place of every zero.
        memory_format: how the elements lie in memory.

    Raises:
        ValueError: for an empty or impossible range, NaN bounds, ``requires_grad`` with integers, ``noncontiguous``
            together with ``memory_format``.
        TypeError: for a dtype that it does not know.

    Example:
        >>> import tritorch
        >>> x = tritorch.testing.make_tensor((3,), dtype=tritorch.int64, device="cpu", low=2, high=4)
        >>> bool(((x >= 2) & (x < 4)).all())
        True
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else tuple(shape)
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"{noncontiguous=} and {memory_format=}"
        )
    whole = dtype.category in (BOOL, INTEGER)
    if requires_grad and whole:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    noncontiguous = noncontiguous and math.prod(sizes) > 1
    if noncontiguous:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    if whole:
        first, last = _range(dtype, low, high, *_limits(dtype))
        result = tt.randint(math.ceil(first), math.ceil(last), sizes, device=device, dtype=dtype)
    elif dtype.category in (FLOAT, COMPLEX):
        first, last = _range(dtype, low, high, finfo(dtype).min, finfo(dtype).max, -9, 9)
        narrow = dtype.itemsize == 1
        result = tt.empty(sizes, device=device, dtype=tt.float32 if narrow else dtype)
        _draw(tt.view_as_real(result) if dtype.is_complex else result, first, last)
        result = result.to(dtype)
    else:
        raise TypeError(f"The requested dtype '{dtype}' is not supported by tritorch.testing.make_tensor().")
    if noncontiguous:
        result = result[..., 1::2]  # an offset, too
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = 1 if whole else finfo(dtype).tiny
    return result if whole else result.requires_grad_(requires_grad)


def _limits(kind: dtype) -> tuple[int, int, int, int]:
    """The least integer, one above the greatest that can be drawn, and the range by default."""
    if kind.category == BOOL:
        return 0, 2, 0, 2
    facts = iinfo(kind)
    return facts.min, facts.max + (kind.itemsize < 8), -9, 10


def _draw(x: Any, low: float, high: float) -> None:
    if high - low >= finfo(x.dtype).max:  # wider than the dtype's numbers
        x.uniform_(low / 2, high / 2).mul_(2)
    else:
        x.uniform_(low, high)


def _range(kind, low, high, lowest, beyond, default_low, default_high):
    """The bounds that are drawn from, clamped to ``[lowest, beyond)``."""
    low = default_low if low is None else low
    high = default_high if high is None else high
    if any(isinstance(x, float) and math.isnan(x) for x in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and kind.category in (FLOAT, COMPLEX) and kind.itemsize > 1:
        warnings.warn(
            "Passing `low==high` to `tritorch.testing.make_tensor` for floating or complex types is deprecated. "
            "Use `tritorch.full(...)` instead.",
            FutureWarning,
            stacklevel=3,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < lowest or low >= beyond:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {kind} only supports "
            f"[{lowest}, {beyond})"
        )
    return min(max(low, lowest), beyond), min(max(high, lowest), beyond)
