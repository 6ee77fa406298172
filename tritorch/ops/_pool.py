"""The windows of pools, and the loops of ``csrc/conv/pool`` on arrays of any floating dtype."""

import numpy as np

from .. import _C
from ..runtime.blocks import LARGE, get_num_threads


def pooled_size(n, kernel, stride, padding, dilation, ceil_mode):
    """How many windows there are along a dim of length ``n``."""
    room = n + 2 * padding - dilation * (kernel - 1) - 1
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= n + padding:  # the last one would start in the right padding
        count -= 1
    return count


def windows(n, kernel, stride, padding, dilation, ceil_mode):
    """(first, last, count with padding) of each window along one dim, clipped to it."""
    start = np.arange(pooled_size(n, kernel, stride, padding, dilation, ceil_mode), dtype=np.int64) * stride - padding
    stop = start + dilation * (kernel - 1) + 1
    padded = np.minimum(stop, n + padding) - start
    first = np.where(start < 0, start + -(start // dilation) * dilation, start)
    return np.ascontiguousarray(first), np.minimum(stop, n), padded


def adaptive_windows(n, out):
    """(first, last) of ``out`` windows that share a dim of length ``n``."""
    i = np.arange(out, dtype=np.int64)
    return i * n // out, -(-(i + 1) * n // out)


def _triples(size, ranges, step):
    lead = 3 - len(size)
    first = [np.zeros(1, np.int64)] * lead + [r[0] for r in ranges]
    last = [np.ones(1, np.int64)] * lead + [r[1] for r in ranges]
    return (1,) * lead + tuple(size), tuple(first), tuple(last), (1,) * lead + tuple(step)


def _call(function, image, out, extra, size, ranges, step):
    planes = image.size // max(1, int(np.prod(size)))
    sizes, first, last, steps = _triples(size, ranges, step)
    threads = get_num_threads() if image.nbytes > LARGE else 1
    function(image, out, extra, planes, sizes, first, last, steps, threads)


def maximum(image, ranges, step):
    """(largest element of each window, its index in the plane) over the last ``len(ranges)`` dims."""
    n = len(ranges)
    work = image.dtype if image.dtype in (np.float32, np.float64, np.int64) else np.int64
    shape = image.shape[:-n] + tuple(len(r[0]) for r in ranges)
    out, index = np.empty(shape, work), np.empty(shape, np.int64)
    _call(_C.max_pool, np.ascontiguousarray(image, work), out, index, image.shape[-n:], ranges, step)
    return out.astype(image.dtype, copy=False), index


def _scales(divisors, dtype):
    total = np.ones((), dtype)
    for d in divisors:
        total = np.multiply.outer(total, 1.0 / d)
    return np.ascontiguousarray(total, dtype)


def average(image, ranges, divisors):
    """The sum of each window over the product of its divisors (one array a dim)."""
    n = len(ranges)
    work = image.dtype if image.dtype in (np.float32, np.float64) else np.float64
    out = np.empty(image.shape[:-n] + tuple(len(r[0]) for r in ranges), work)
    _call(
        _C.sum_pool, np.ascontiguousarray(image, work), out, _scales(divisors, work), image.shape[-n:], ranges, (1,) * n
    )
    return out.astype(image.dtype, copy=False)


def spread(grad, size, ranges, divisors):
    """The transpose of :func:`average`: the gradient of an image whose last dims are ``size``."""
    n = len(ranges)
    work = grad.dtype if grad.dtype in (np.float32, np.float64) else np.float64
    image = np.empty(grad.shape[:-n] + tuple(size), work)
    _call(_C.spread_pool, image, np.ascontiguousarray(grad, work), _scales(divisors, work), size, ranges, (1,) * n)
    return image.astype(grad.dtype, copy=False)
