"""Resizing: nearest, linear and cubic interpolation of the last dims.

Note [Separable resizing]: along each dim the result is a linear map of a few taps an output position: indices and
weights, computed once in float64. Dims are resized one after the other; the derivative adds back through the taps.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from . import _resize_kernels
from ._cubic import cubic_weights
from ._op import Op, ops


class Rule(NamedTuple):
    """How a dim of length ``size`` is resized to ``count``."""

    size: int
    count: int
    mode: str  # nearest, nearest-exact, linear or cubic
    align_corners: bool
    scale: object  # what positions are computed by, in place of the lengths, or None
    antialias: bool

    def factor(self):
        """How far apart positions lie, in pixels."""
        if self.align_corners:
            return (self.size - 1) / (self.count - 1) if self.count > 1 else 0.0
        return 1 / self.scale if self.scale else self.size / self.count


@lru_cache(maxsize=64)
def taps(rule):
    """(indices, weights), both (count, taps): what each position of a resized dim reads. Not to be written."""
    n, out, mode, align_corners, scale, antialias = rule
    if mode in ("nearest", "nearest-exact"):
        factor = np.float32(1 / scale) if scale else np.float32(n / out)
        shift = np.float32(0.5) if mode == "nearest-exact" else np.float32(0)
        index = np.floor((np.arange(out, dtype=np.float32) + shift) * factor).astype(np.int64)
        return np.minimum(index, n - 1)[:, None], np.ones((out, 1))
    factor = rule.factor()
    if align_corners:
        centre = np.arange(out) * factor
    else:
        centre = (np.arange(out) + 0.5) * factor - 0.5
    if antialias:
        return _antialiased(n, out, mode, factor, align_corners)
    if mode == "linear":
        if not align_corners:
            centre = np.maximum(centre, 0)
        low = np.minimum(np.floor(centre).astype(np.int64), n - 1)
        part = np.clip(centre - low, 0, 1)
        return np.stack([low, np.minimum(low + 1, n - 1)], 1), np.stack([1 - part, part], 1)
    low = np.floor(centre).astype(np.int64)
    weights = np.stack(cubic_weights(centre - low), 1)
    return np.clip(low[:, None] + np.arange(-1, 3), 0, n - 1), weights


def _filter(mode, x, a=-0.5):
    x = np.abs(x)
    if mode == "linear":
        return np.maximum(1 - x, 0)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _antialiased(n, out, mode, factor, align_corners):
    """A filter as wide as the input pixels that an output pixel covers (as PIL resizes)."""
    support = (1 if mode == "linear" else 2) * max(factor, 1.0)
    centre = factor * (np.arange(out) + 0.5)
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), n)
    width = int((last - first).max())
    index = first[:, None] + np.arange(width)
    weights = _filter(mode, (index - centre[:, None] + 0.5) / max(factor, 1.0))
    weights = np.where(index < last[:, None], weights, 0.0)
    weights /= weights.sum(1, keepdims=True)
    return np.minimum(index, n - 1), weights


class resize_dim(Op, function=False, method=False, has_out=False):
    """One dim resized by a :class:`Rule`: position i is the weighted sum of the elements that its taps name."""

    def cpu(input, dim: int, rule: object):
        index, weights = taps(rule)
        if index.shape[1] == 1:
            return np.take(input, index[:, 0], axis=dim)
        shape = [1] * input.ndim
        shape[dim] = -1
        total = None
        for k in range(index.shape[1]):
            term = np.take(input, index[:, k], axis=dim) * weights[:, k].astype(input.dtype).reshape(shape)
            total = term if total is None else np.add(total, term, out=total)
        return total

    cuda = _resize_kernels.resize

    def d_input(grad, dim, rule):
        return ops.resize_dim_backward(grad, dim, rule)


class resize_dim_backward(Op, function=False, method=False, has_out=False):
    """The transpose of :class:`resize_dim`."""

    def cpu(grad, dim: int, rule: object):
        index, weights = taps(rule)
        matrix = np.zeros((rule.size, index.shape[0]), grad.dtype)
        rows = np.arange(index.shape[0])
        for k in range(index.shape[1]):
            np.add.at(matrix, (index[:, k], rows), weights[:, k].astype(grad.dtype))
        return np.ascontiguousarray(np.moveaxis(np.matmul(matrix, np.moveaxis(grad, dim, -2)), -2, dim)) \
            if dim != grad.ndim - 1 else np.matmul(grad, matrix.T)  # fmt: skip

    cuda = _resize_kernels.backward

    def d_grad(grad_out, dim, rule):
        return ops.resize_dim(grad_out, dim, rule)


KINDS = {"nearest": "nearest", "nearest-exact": "nearest-exact", "linear": "linear", "bilinear": "linear",
         "trilinear": "linear", "bicubic": "cubic", "area": "area"}  # fmt: skip
RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def _sizes(input, size, scale_factor, recompute, rank):
    """(output sizes, scales that positions use or None)."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        sizes = [int(size)] * rank if isinstance(size, int) or not hasattr(size, "__len__") else [int(s) for s in size]
        if len(sizes) != rank:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
                f"{list(input.shape[2:])} and output size of {sizes}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
                "format and output size in (o1, o2, ...,oK) format."
            )
        return sizes, [None] * rank
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    scales = (
        [float(scale_factor)] * rank if isinstance(scale_factor, (int, float)) else [float(s) for s in scale_factor]
    )
    if len(scales) != rank:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {list(input.shape[2:])} and scale_factor of shape {scales}. Please provide input tensor in (N, C, d1, d2, "
            "...,dK) format and scale_factor in (s1, s2, ...,sK) format."
        )
    sizes = [math.floor(n * s) for n, s in zip(input.shape[2:], scales, strict=True)]
    return sizes, [None] * rank if recompute else scales


class interpolate(Op, home="nn.functional", method=False, has_out=False):
    """Resizes the last dims of (N, C, *) to ``size`` or by ``scale_factor``.

    ``mode``: "nearest", "nearest-exact", "area", and "linear", "bilinear", "bicubic" or "trilinear" for one, two, two
    and three dims. ``antialias`` (bilinear, bicubic) widens the filter when it shrinks.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.interpolate(tritorch.tensor([[[1.0, 2.0]]]), scale_factor=2)
        tensor([[[1., 1., 2., 2.]]])
    """

    def eager(
        input, size: object = None, scale_factor: object = None, mode: str = "nearest", align_corners: object = None,
        recompute_scale_factor: object = None, antialias: bool = False,
    ):  # fmt: skip
        if mode not in KINDS:
            raise NotImplementedError(f"Unrecognised interpolation mode: {mode}")
        if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
            )
        rank = input.ndim - 2
        if antialias and not (mode in ("bilinear", "bicubic") and input.ndim == 4):
            raise ValueError(
                "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
            )
        if (mode in RANKS and rank != RANKS[mode]) or not 1 <= rank <= 3:
            raise NotImplementedError(
                "Input Error: Only 3D, 4D and 5D input Tensors supported (got "
                f"{input.ndim}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact "
                f"(got {mode})"
            )
        sizes, scales = _sizes(input, size, scale_factor, recompute_scale_factor, rank)
        if any(s <= 0 for s in sizes) or 0 in input.shape[2:]:
            raise RuntimeError(
                f"Input and output sizes should be greater than 0, but got input ({', '.join(map(str, input.shape[2:]))}) "
                f"output ({', '.join(map(str, sizes))})"
            )
        if mode == "area":
            return [ops.adaptive_avg_pool1d, ops.adaptive_avg_pool2d, ops.adaptive_avg_pool3d][rank - 1](input, sizes)
        for d in range(rank):
            n, out = input.shape[2 + d], sizes[d]
            if n != out or scales[d] or mode == "nearest-exact":
                rule = Rule(n, out, KINDS[mode], bool(align_corners), scales[d], bool(antialias))
                input = ops.resize_dim(input, 2 + d, rule)
        return input

    def samples(make):
        yield make(1, 2, 4), {"scale_factor": 2}
        yield make(1, 2, 3, 4), (5, 6), {"mode": "bilinear", "align_corners": True}
        yield make(1, 1, 6, 6), (3, 4), {"mode": "bicubic", "antialias": True}
        yield make(1, 1, 4, 4), {"scale_factor": 0.5, "mode": "area"}
        yield make(1, 1, 2, 3, 2), {"scale_factor": 2, "mode": "trilinear"}


class upsample(Op, home="nn.functional", method=False, has_out=False):
    """:func:`interpolate` by its old name."""

    def eager(
        input, size: object = None, scale_factor: object = None, mode: str = "nearest", align_corners: object = None
    ):
        return ops.interpolate(input, size, scale_factor, mode, align_corners)

    def samples(make):
        yield make(1, 2, 3, 4), (6, 8)
        yield make(1, 2, 4), {"scale_factor": 2, "mode": "linear"}


class upsample_nearest(Op, home="nn.functional", method=False, has_out=False):
    """:func:`interpolate` to the nearest pixel."""

    def eager(input, size: object = None, scale_factor: object = None):
        return ops.interpolate(input, size, scale_factor, "nearest")

    def samples(make):
        yield make(1, 2, 3, 4), {"scale_factor": 2}


class upsample_bilinear(Op, home="nn.functional", method=False, has_out=False):
    """:func:`interpolate` of two dims with aligned corners."""

    def eager(input, size: object = None, scale_factor: object = None):
        return ops.interpolate(input, size, scale_factor, "bilinear", align_corners=True)

    def samples(make):
        yield make(1, 2, 3, 4), {"scale_factor": 2}
