"""Pools: max and average, plain and adaptive, in one, two and three dims."""

import numpy as np

from . import _pool
from ._op import Op, ops


def each(value, n, name):
    """``value`` for each of ``n`` dims."""
    if isinstance(value, int):
        return (value,) * n
    value = tuple(int(v) for v in value)
    if len(value) == 1:
        return value * n
    if len(value) != n:
        raise RuntimeError(f"{name} must either be a single int, or a tuple of {n} ints")
    return value


def _rows(make):
    yield make(2, 3, 5), 2
    yield make(3, 6), 3, 2, 1


def _images(make):
    yield make(1, 2, 4, 5), 2
    yield make(2, 5, 5), (3, 2), 2, (1, 0), {"ceil_mode": True}


def _volumes(make):
    yield make(1, 1, 3, 4, 3), 2


class max_windows(Op, function=False, method=False, has_out=False, returns=("out", "indices")):
    """The largest element of each window over the last dims, and its index in its plane."""

    def cpu(input, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, ceil_mode: bool):
        ranges = [
            _pool.windows(n, k, s, p, d, ceil_mode)
            for n, k, s, p, d in zip(input.shape[-len(kernel) :], kernel, stride, padding, dilation, strict=True)
        ]
        return _pool.maximum(input, ranges, dilation)

    def d_input(grad, input_shape, indices, kernel):
        return _scatter_planes(grad, indices, input_shape, len(kernel))


class adaptive_max_windows(Op, function=False, method=False, has_out=False, returns=("out", "indices")):
    """The largest element of each of as many windows as asked for, and its index in its plane."""

    def cpu(input, size: tuple):
        ranges = [_pool.adaptive_windows(n, o) for n, o in zip(input.shape[-len(size) :], size, strict=True)]
        return _pool.maximum(input, ranges, (1,) * len(size))

    def d_input(grad, input_shape, indices, size):
        return _scatter_planes(grad, indices, input_shape, len(size))


def _scatter_planes(grad, indices, shape, n):
    """Each gradient added at its index in a plane of zeros."""
    lead = tuple(shape[:-n])
    flat = ops.zeros(*lead, int(np.prod(shape[-n:])), dtype=grad.dtype)
    return flat.scatter_add(-1, indices.reshape(*lead, -1), grad.reshape(*lead, -1)).reshape(shape)


class average_windows(Op, function=False, method=False, has_out=False):
    """The sum of each window over its divisor; windows are (first, last) arrays, one pair a dim."""

    def cpu(input, ranges: object, divisors: object):
        return _pool.average(input, ranges, divisors)

    def d_input(grad, input_shape, ranges, divisors):
        return ops.spread_windows(grad, tuple(input_shape[-len(ranges) :]), ranges, divisors)


class spread_windows(Op, function=False, method=False, has_out=False):
    """The transpose of :class:`average_windows`."""

    def cpu(input, size: tuple, ranges: object, divisors: object):
        return _pool.spread(input, size, ranges, divisors)

    def d_input(grad, ranges, divisors):
        return ops.average_windows(grad, ranges, divisors)


# -- checks and geometry ---------------------------------------------------------------------------------


def _geometry(name, n, input, kernel_size, stride, padding, dilation, ceil_mode):
    kernel = each(kernel_size, n, f"{name}: kernel_size")
    stride = kernel if stride is None or stride in ([], ()) else each(stride, n, f"{name}: stride")
    padding, dilation = each(padding, n, f"{name}: padding"), each(dilation, n, f"{name}: dilation")
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"{name}() Expected {n + 1}D or {n + 2}D input tensor, but got {list(input.shape)}")
    if any(k <= 0 for k in kernel):
        raise RuntimeError("kernel size should be greater than zero, but got " + ", ".join(map(str, kernel)))
    if any(s <= 0 for s in stride):
        raise RuntimeError("stride should be greater than zero, but got " + ", ".join(map(str, stride)))
    if any(d <= 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero, but got " + ", ".join(map(str, dilation)))
    for p, k, d in zip(padding, kernel, dilation, strict=True):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > ((k - 1) * d + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}"
            )
    if any(m == 0 for m in input.shape[-n - 1 :]):
        raise RuntimeError(
            f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got: "
            f"{list(input.shape)}"
        )
    out = [
        _pool.pooled_size(m, k, s, p, d, ceil_mode)
        for m, k, s, p, d in zip(input.shape[-n:], kernel, stride, padding, dilation, strict=True)
    ]
    if any(o < 1 for o in out):
        inside = "x".join(map(str, input.shape[-n - 1 :]))
        outside = "x".join(map(str, [input.shape[-n - 1], *out]))
        raise RuntimeError(
            f"Given input size: ({inside}). Calculated output size: ({outside}). Output size is too small"
        )
    return kernel, stride, padding, dilation


def _max(name, n, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    geometry = _geometry(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)
    out, indices = ops.max_windows(input, *geometry, bool(ceil_mode))
    return (out, indices) if return_indices else out


def _average(name, n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override=None):
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    kernel, stride, padding, _ = _geometry(name, n, input, kernel_size, stride, padding, 1, ceil_mode)
    ranges, divisors = [], []
    for m, k, s, p in zip(input.shape[-n:], kernel, stride, padding, strict=True):
        first, last, padded = _pool.windows(m, k, s, p, 1, ceil_mode)
        ranges.append((first, last))
        if divisor_override is not None:
            divisors.append(np.full(len(first), float(divisor_override) if not divisors else 1.0))
        else:
            divisors.append((padded if count_include_pad else last - first).astype(np.float64))
    return ops.average_windows(input, ranges, divisors)


def _adaptive_size(name, n, input, output_size):
    if input.ndim not in (n + 1, n + 2):
        raise ValueError(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got {list(input.shape)}")
    if any(m == 0 for m in input.shape[-n:]):
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
            f"{list(input.shape)} with dimension {input.ndim - n + list(input.shape[-n:]).index(0)} being empty"
        )
    sizes = (output_size,) * n if isinstance(output_size, int) or output_size is None else tuple(output_size)
    if len(sizes) != n:
        raise RuntimeError(f"{name}: output_size must be {n}")
    sizes = tuple(m if o is None else int(o) for o, m in zip(sizes, input.shape[-n:], strict=True))
    if any(o < 0 for o in sizes):
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0 but received {sizes}")
    return sizes


def _adaptive_average(name, n, input, output_size):
    sizes = _adaptive_size(name, n, input, output_size)
    ranges = [_pool.adaptive_windows(m, o) for m, o in zip(input.shape[-n:], sizes, strict=True)]
    return ops.average_windows(input, ranges, [(last - first).astype(np.float64) for first, last in ranges])


def _adaptive_max(name, n, input, output_size, return_indices):
    out, indices = ops.adaptive_max_windows(input, _adaptive_size(name, n, input, output_size))
    return (out, indices) if return_indices else out


# -- the public ones -------------------------------------------------------------------------------------


class max_pool1d(Op, home="nn.functional", also="max_pool1d", has_out=False):
    """The largest element of windows of (N, C, L) or (C, L); with ``return_indices`` also where it was."""

    def eager(
        input, kernel_size: object, stride: object = None, padding: object = 0, dilation: object = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ):  # fmt: skip
        return _max("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    samples = _rows


class max_pool2d(Op, home="nn.functional", also="max_pool2d", has_out=False):
    """The largest element of windows of (N, C, H, W) or (C, H, W); with ``return_indices`` also where it was.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.max_pool2d(tritorch.arange(16.0).reshape(1, 1, 4, 4), 2)
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """

    def eager(
        input, kernel_size: object, stride: object = None, padding: object = 0, dilation: object = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ):  # fmt: skip
        return _max("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    samples = _images


class max_pool3d(Op, home="nn.functional", also="max_pool3d", has_out=False):
    """The largest element of windows of (N, C, D, H, W) or (C, D, H, W)."""

    def eager(
        input, kernel_size: object, stride: object = None, padding: object = 0, dilation: object = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ):  # fmt: skip
        return _max("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    samples = _volumes


class avg_pool1d(Op, home="nn.functional", also="avg_pool1d", has_out=False):
    """The mean of windows of (N, C, L) or (C, L)."""

    def eager(
        input, kernel_size: object, stride: object = None, padding: object = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):  # fmt: skip
        return _average("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)

    samples = _rows


class avg_pool2d(Op, home="nn.functional", has_out=False):
    """The mean of windows of (N, C, H, W) or (C, H, W); ``divisor_override`` replaces the number of elements."""

    def eager(
        input, kernel_size: object, stride: object = None, padding: object = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: object = None,
    ):  # fmt: skip
        return _average(
            "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )

    samples = _images


class avg_pool3d(Op, home="nn.functional", has_out=False):
    """The mean of windows of (N, C, D, H, W) or (C, D, H, W)."""

    def eager(
        input, kernel_size: object, stride: object = None, padding: object = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: object = None,
    ):  # fmt: skip
        return _average(
            "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )

    samples = _volumes


class adaptive_avg_pool1d(Op, home="nn.functional", also="adaptive_avg_pool1d", has_out=False):
    """The mean of ``output_size`` windows that share the length of (N, C, L) or (C, L)."""

    def eager(input, output_size: object):
        return _adaptive_average("adaptive_avg_pool1d", 1, input, output_size)

    def samples(make):
        yield make(2, 3, 5), 2


class adaptive_avg_pool2d(Op, home="nn.functional", has_out=False):
    """The mean of windows that share the area of (N, C, H, W) or (C, H, W); None keeps a size."""

    def eager(input, output_size: object):
        return _adaptive_average("adaptive_avg_pool2d", 2, input, output_size)

    def samples(make):
        yield make(1, 2, 5, 4), (2, 3)
        yield make(2, 4, 4), 1


class adaptive_avg_pool3d(Op, home="nn.functional", has_out=False):
    """The mean of windows that share the volume of (N, C, D, H, W) or (C, D, H, W)."""

    def eager(input, output_size: object):
        return _adaptive_average("adaptive_avg_pool3d", 3, input, output_size)

    def samples(make):
        yield make(1, 1, 3, 4, 3), 2


class adaptive_max_pool1d(Op, home="nn.functional", also="adaptive_max_pool1d", has_out=False):
    """The largest element of ``output_size`` windows that share the length of (N, C, L) or (C, L)."""

    def eager(input, output_size: object, return_indices: bool = False):
        return _adaptive_max("adaptive_max_pool1d", 1, input, output_size, return_indices)

    def samples(make):
        yield make(2, 3, 5), 2


class adaptive_max_pool2d(Op, home="nn.functional", has_out=False):
    """The largest element of windows that share the area of (N, C, H, W) or (C, H, W)."""

    def eager(input, output_size: object, return_indices: bool = False):
        return _adaptive_max("adaptive_max_pool2d", 2, input, output_size, return_indices)

    def samples(make):
        yield make(1, 2, 5, 4), (2, 3)
        yield make(2, 4, 4), 2, True


class adaptive_max_pool3d(Op, home="nn.functional", has_out=False):
    """The largest element of windows that share the volume of (N, C, D, H, W) or (C, D, H, W)."""

    def eager(input, output_size: object, return_indices: bool = False):
        return _adaptive_max("adaptive_max_pool3d", 3, input, output_size, return_indices)

    def samples(make):
        yield make(1, 1, 3, 4, 3), 2
