"""Histograms: histc, histogram, histogramdd."""

import builtins
import math

import numpy as np

from .. import _C
from ..errors import not_implemented
from ._call import return_type
from ._op import Op, ops
from ._schema import Number
from ._sorting import places


def _check_kind(name, x):
    if not x.dtype.is_floating_point or x.dtype.itemsize < 4:
        raise not_implemented(name, x.dtype)


def _check_range(name, low, high):
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{name} [{low}, {high}] is not finite")


def _limits(column, given, dim):
    """(lowest, highest) edge of one dim: as given, or from the data."""
    if given is not None:
        low, high = (float(x) for x in given)
    elif column.numel():
        low, high = column.min().item(), column.max().item()
    else:
        low, high = 0.0, 1.0
    _check_range(f"torch.histogramdd: dimension {dim}'s range", low, high)
    if low > high:
        raise RuntimeError(
            f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension {dim}"
        )
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def _edges(table, bins, range):
    """The bin edges of each dim."""
    edges = []
    for dim, count in enumerate(bins):
        if count <= 0:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {count} for dimension {dim}")
        given = None if range is None else range[2 * dim : 2 * dim + 2]
        low, high = _limits(table[:, dim], given, dim)
        edges.append(ops.linspace(low, high, count + 1, dtype=table.dtype))
    return edges


def _check_edges(table, bins):
    for dim, edges in enumerate(bins):
        if edges.dtype is not table.dtype:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{_cpp(table)} and bins for dimension {dim} with dtype {_cpp(edges)}"
            )
        if edges.ndim != 1:
            raise RuntimeError(
                f"torch.histogramdd: bins tensor should have one dimension, but got {edges.ndim} dimensions in the bins "
                f"tensor for dimension {dim}"
            )


def _cpp(x):
    return {"int64": "long int", "float64": "double", "float32": "float"}.get(x.dtype.name, x.dtype.name)


def _counted(table, edges, weights):
    """The counts of the rows of ``table`` in the boxes between ``edges``; the last bin has both its ends."""
    inside = np.ones(len(table), bool)
    flat = np.zeros(len(table), np.int64)
    for column, edge in zip(table.T, edges, strict=True):
        last = len(edge) - 1
        place = np.minimum(places(edge, column, True) - 1, last - 1)
        inside &= (column >= edge[0]) & (column <= edge[-1])
        flat = flat * last + place
    shape = tuple([len(edge) - 1 for edge in edges])
    weights = None if weights is None else weights[inside].astype(np.float64)
    counts = np.bincount(flat[inside], weights, math.prod(shape))
    return counts.astype(table.dtype).reshape(shape)


def _histogram(input, bins, range, weight, density):
    """(hist, edges) of a table whose rows are points."""
    _check_kind("histogramdd", input)
    if weight is not None and weight.shape != input.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding "
            f"its innermost dimension, but got input with shape {list(input.shape)} and weight with shape "
            f"{list(weight.shape)}"
        )
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, "
            f"but got input({_cpp(input)}), and weight({_cpp(weight)})"
        )
    table = input.reshape(-1, input.shape[-1])
    if range is not None and len(range) != 2 * table.shape[1]:
        raise RuntimeError(
            f"torch.histogramdd: for a {table.shape[1]}-dimensional histogram range should have {2 * table.shape[1]} "
            f"elements, but got {len(range)}"
        )
    if isinstance(bins[0], int):
        edges = _edges(table, bins, range)
    else:
        _check_edges(table, bins)
        edges = bins
    hist = _C.wrap(
        _C.run(
            _counted,
            table._array,
            [np.ascontiguousarray(e._array) for e in edges],
            None if weight is None else weight._array.reshape(-1),
        )
    )
    if density:
        volume = 1
        for dim, edge in enumerate(edges):
            volume = volume * ops.diff(edge).reshape([-1 if d == dim else 1 for d in builtins.range(hist.ndim)])
        hist = hist / hist.sum() / volume
    return hist, edges


class histogram(Op, returns=("hist", "bin_edges")):
    """How many elements fall into each of ``bins`` intervals (their number, or their edges), or with ``weight`` the sum
    of their weights; ``density`` scales to an integral of one.

    Example:
        >>> import tritorch
        >>> tritorch.histogram(tritorch.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 4.0)).hist
        tensor([2., 1.])
    """

    def eager(input, bins: object, *, range: object = None, weight=None, density: bool = False):
        hist, edges = _histogram(
            input.reshape(-1, 1), [bins], range, None if weight is None else weight.reshape(-1), density
        )
        return hist, edges[0]

    def samples(make):
        yield make(3, 4), 5
        yield make(3, 4), 5, {"range": (-1.0, 1.0), "weight": make(3, 4), "density": True}
        yield make(6), make.of([-2, 0, 1])


class histogramdd(Op, has_out=False, method=False):
    """The histogram of points in several dims, the last dim of ``input``: boxes from ``bins`` in each.

    Example:
        >>> import tritorch
        >>> tritorch.histogramdd(tritorch.tensor([[0.0, 0.0], [1.0, 1.0]]), bins=2).hist
        tensor([[1., 0.],
                [0., 1.]])
    """

    def eager(input, bins: object, range: object = None, weight=None, density: bool = False):
        if input.ndim < 2:
            raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
        dims = input.shape[-1]
        bins = [bins] * dims if isinstance(bins, int) else list(bins)
        if len(bins) != dims:
            what = "sequences of bin edges" if bins and not isinstance(bins[0], int) else "bin counts"
            raise RuntimeError(
                f"torch.histogramdd: expected {dims} {what} for a {dims}-dimensional histogram but got {len(bins)}"
            )
        hist, edges = _histogram(input, bins, range, weight, density)
        return return_type("histogramdd", ("hist", "bin_edges"))(hist, tuple(edges))

    def samples(make):
        yield make(5, 2), (3, 2)
        yield make(5, 2), 3, {"range": (-1.0, 1.0, 0.0, 2.0)}


class histc(Op):
    """How many elements fall into each of ``bins`` equal intervals of [min, max] (equal limits: those of the data).

    Example:
        >>> import tritorch
        >>> tritorch.histc(tritorch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
        tensor([0., 2., 1., 0.])
    """

    def eager(input, bins: int = 100, min: Number = 0, max: Number = 0):
        if not isinstance(bins, int):
            raise TypeError(f"histc(): argument 'bins' (position 2) must be int, not {type(bins).__name__}")
        if not input.dtype.is_floating_point:
            raise not_implemented("histogram", input.dtype)
        if bins <= 0:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
        if min == max and input.numel():
            min, max = input.min().item(), input.max().item()
        if min == max:
            min, max = min - 1, max + 1
        _check_range("torch.histc: range of", min, max)
        if not min < max:
            raise RuntimeError("torch.histc: max must be larger than min")
        return _C.wrap(_C.run(_histc, input._array, bins, min, max))

    def samples(make):
        yield make(3, 4), 5
        yield make(3, 4), 5, -1, 1


def _histc(array, bins, low, high):
    values = array.reshape(-1).astype(np.float64)
    values = values[(values >= low) & (values <= high)]
    place = ((values - low) * (bins / (high - low))).astype(np.int64)
    np.minimum(place, bins - 1, out=place)
    return np.bincount(place, minlength=bins).astype(array.dtype)
