"""The windows of pools, and the loops of ``csrc/conv/pool`` on arrays of any floating dtype."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .. import _C
from .._C import scatter_along
from ..runtime.blocks import LARGE, get_num_threads


def pooled_size(n, kernel, stride, padding, dilation, ceil_mode):
    """How many windows there are along a dim of length ``n``."""
    room = n + 2 * padding - dilation * (kernel - 1) - 1
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= n + padding:  # the last one would start in the right padding
        count -= 1
    return count


class Window(NamedTuple):
    """The windows of a pool along one dim: ``count`` of them on ``size`` pixels. An adaptive pool's share the dim."""

    size: int
    count: int
    kernel: int  # the most pixels that a window has
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    adaptive: bool = False


def plain_window(size, kernel, stride, padding, dilation, ceil_mode):
    """The windows of a plain pool."""
    return Window(
        size, pooled_size(size, kernel, stride, padding, dilation, ceil_mode), kernel, stride, padding, dilation
    )


def adaptive_window(size, count):
    """The windows of an adaptive pool."""
    return Window(size, count, -(-size // max(count, 1)) + 1, adaptive=True)


@lru_cache(maxsize=256)
def ranges(window):
    """(first, one past the last, count with padding) of each window, clipped to the dim; not to be written."""
    n = window.size
    if window.adaptive:
        i = np.arange(window.count, dtype=np.int64)
        first, stop = i * n // max(window.count, 1), -(-(i + 1) * n // max(window.count, 1))
        return first, stop, stop - first
    dilation = window.dilation
    start = np.arange(window.count, dtype=np.int64) * window.stride - window.padding
    stop = start + dilation * (window.kernel - 1) + 1
    padded = np.minimum(stop, n + window.padding) - start
    first = np.where(start < 0, start + -(start // dilation) * dilation, start)
    return np.ascontiguousarray(first), np.minimum(stop, n), padded


def _triples(sizes, found, steps):
    lead = 3 - len(sizes)
    first = [np.zeros(1, np.int64)] * lead + [r[0] for r in found]
    last = [np.ones(1, np.int64)] * lead + [r[1] for r in found]
    return (*[1] * lead, *sizes), tuple(first), tuple(last), (*[1] * lead, *steps)


def _call(function, image, out, extra, windows):
    _run(
        function, image, out, extra, [w.size for w in windows], [ranges(w) for w in windows],
        [w.dilation for w in windows],
    )  # fmt: skip


def _run(function, image, out, extra, sizes, found, steps):
    sizes, first, last, steps = _triples(sizes, found, steps)
    planes = image.size // max(1, int(np.prod(sizes)))
    threads = get_num_threads() if image.nbytes > LARGE else 1
    function(image, out, extra, planes, sizes, first, last, steps, threads)


def maximum(image, windows):
    """(largest element of each window, its index in the plane) over the last ``len(windows)`` dims."""
    return maximum_of(image, [ranges(w) for w in windows], [w.dilation for w in windows])


def maximum_of(image, found, steps):
    """:func:`maximum` of the windows that (first, one past the last, ...) arrays name, one pair a dim."""
    n = len(found)
    work = image.dtype if image.dtype in (np.float32, np.float64, np.int64) else np.int64
    shape = image.shape[:-n] + tuple(len(r[0]) for r in found)
    out, index = np.empty(shape, work), np.empty(shape, np.int64)
    _run(_C.max_pool, np.ascontiguousarray(image, work), out, index, image.shape[-n:], found, steps)
    return out.astype(image.dtype, copy=False), index


def _scales(windows, divisor, dtype):
    """One over the divisor of each window: a number, or the product of the pixels along the dims, with those of the
    padding or without."""
    if divisor.__class__ is float:
        return np.full([w.count for w in windows], 1.0 / divisor, dtype)
    total = np.ones((), dtype)
    for window in windows:
        first, last, padded = ranges(window)
        total = np.multiply.outer(total, 1.0 / (padded if divisor == "padded" else last - first).astype(np.float64))
    return np.ascontiguousarray(total, dtype)


def average(image, windows, divisor):
    """The sum of each window over its divisor."""
    work = image.dtype if image.dtype in (np.float32, np.float64) else np.float64
    out = np.empty(image.shape[: -len(windows)] + tuple(w.count for w in windows), work)
    _call(_C.sum_pool, np.ascontiguousarray(image, work), out, _scales(windows, divisor, work), windows)
    return out.astype(image.dtype, copy=False)


def spread(grad, windows, divisor):
    """The transpose of :func:`average`: the gradient of an image."""
    work = grad.dtype if grad.dtype in (np.float32, np.float64) else np.float64
    image = np.empty(grad.shape[: -len(windows)] + tuple(w.size for w in windows), work)
    _call(_C.spread_pool, image, np.ascontiguousarray(grad, work), _scales(windows, divisor, work), windows)
    return image.astype(grad.dtype, copy=False)


def maximum_gradient(grad, indices, size, windows):
    """Each gradient added at its index in a plane of zeros of ``size``."""
    lead = grad.shape[: -len(size)]
    planes = int(np.prod(lead))
    image = np.zeros((planes, int(np.prod(size))), grad.dtype)
    if indices.size:
        scatter_along(image, 1, indices.reshape(planes, -1), grad.reshape(planes, -1), "add")
    return image.reshape(*lead, *size)
