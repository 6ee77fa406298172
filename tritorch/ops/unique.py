"""Distinct elements and slices: unique, unique_consecutive."""

import numpy as np

from .. import _C
from ._op import Op
from ._schema import Dim
from ._sorting import order


def _runs(rows):
    """Where a row differs from the one before it: true at the first."""
    fresh = np.ones(len(rows), bool)
    if rows.ndim == 1:
        np.not_equal(rows[1:], rows[:-1], out=fresh[1:])
    else:
        np.any(rows[1:] != rows[:-1], axis=1, out=fresh[1:])
    return fresh


def _counted(fresh):
    """(which run each row is in, how many rows each run has)"""
    starts = np.flatnonzero(fresh)
    return np.cumsum(fresh) - 1, np.diff(starts, append=len(fresh))


def _ordered(rows):
    """The indices that sort rows: by their first element, then the next..."""
    if rows.ndim == 1:
        return order(rows, 0)
    return np.lexsort(rows.T[::-1]) if rows.shape[1] else np.arange(len(rows))


def _distinct(rows):
    places = _ordered(rows)
    ordered = rows[places]
    fresh = _runs(ordered)
    which, counts = _counted(fresh)
    inverse = np.empty(len(rows), np.int64)
    inverse[places] = which
    return ordered[fresh], inverse, counts


def _distinct_runs(rows):
    fresh = _runs(rows)
    return rows[fresh], *_counted(fresh)


def _apply(find, input, dim):
    """(distinct, inverse, counts) of all elements, or of the slices along ``dim``."""
    if dim is None:
        found, inverse, counts = find(input.reshape(-1))
        return found, inverse.reshape(input.shape), counts
    if not input.size:
        if any(n == 0 for d, n in enumerate(input.shape) if d != dim):
            raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
        return input.copy(), np.empty(0, np.int64), np.empty(0, np.int64)
    moved = np.moveaxis(input, dim, 0) if input.ndim else input.reshape(1)
    found, inverse, counts = find(moved.reshape(len(moved), -1))
    return np.moveaxis(found.reshape(-1, *moved.shape[1:]), 0, dim), inverse, counts


def _asked_for(found, return_inverse, return_counts):
    """The tensor, or the tuple of those asked for."""
    wanted = [_C.wrap(x) for x, asked in zip(found, (True, return_inverse, return_counts), strict=True) if asked]
    return wanted[0] if len(wanted) == 1 else tuple(wanted)


class unique(Op, has_out=False):
    """The distinct elements, or slices along :attr:`dim`, in ascending order; with them, where asked for, the index
    among them of each element, and how often each occurs. Each NaN is distinct.

    Example:
        >>> import tritorch
        >>> tritorch.unique(tritorch.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """

    def eager(input, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Dim = None):
        if input.is_complex():
            raise NotImplementedError(f"\"unique\" not implemented for '{input.dtype.type_name}'")
        return _asked_for(_C.run(_apply, _distinct, input._array, dim), return_inverse, return_counts)


class unique_consecutive(Op, has_out=False):
    """The elements, or slices along :attr:`dim`, without those that equal the one before; with them, where asked for,
    the index among them of each element, and how long each run is.

    Example:
        >>> import tritorch
        >>> tritorch.unique_consecutive(tritorch.tensor([1, 1, 2, 1]))
        tensor([1, 2, 1])
    """

    def eager(input, return_inverse: bool = False, return_counts: bool = False, dim: Dim = None):
        return _asked_for(_C.run(_apply, _distinct_runs, input._array, dim), return_inverse, return_counts)
