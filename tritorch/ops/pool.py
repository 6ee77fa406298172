"""Pools: max and average, plain and adaptive, in one, two and three dims."""

import math

from . import _pool, _pool_kernels
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
    """The largest element of each window over the last dims, and its index in its plane. ``windows`` has one
    :class:`tritorch.ops._pool.Window` a dim, here and below."""

    def cpu(input, windows: object):
        return _pool.maximum(input, windows)

    cuda = _pool_kernels.maximum

    def d_input(grad, input_shape, indices, windows):
        return ops.max_windows_backward(grad, indices, tuple(input_shape[-len(windows) :]), windows)


class max_windows_backward(Op, function=False, method=False, has_out=False):
    """Each gradient added at its index in a plane of zeros of ``size``."""

    def cpu(grad, indices, size: tuple, windows: object):
        return _pool.maximum_gradient(grad, indices, size, windows)

    cuda = _pool_kernels.maximum_gradient

    def d_grad(grad_out, indices, size):
        lead, count = indices.shape[: -len(size)], math.prod(indices.shape[-len(size) :])
        flat = grad_out.reshape(*lead, math.prod(size))
        return flat.gather(-1, indices.reshape(*lead, count)).reshape(indices.shape)


class average_windows(Op, function=False, method=False, has_out=False):
    """The sum of each window over ``divisor``: a number, or the count of its pixels, "padded" or those "inside"."""

    def cpu(input, windows: object, divisor: object):
        return _pool.average(input, windows, divisor)

    cuda = _pool_kernels.average

    def d_input(grad, windows, divisor):
        return ops.spread_windows(grad, windows, divisor)


class spread_windows(Op, function=False, method=False, has_out=False):
    """The transpose of :class:`average_windows`."""

    def cpu(input, windows: object, divisor: object):
        return _pool.spread(input, windows, divisor)

    cuda = _pool_kernels.spread

    def d_input(grad, windows, divisor):
        return ops.average_windows(grad, windows, divisor)


# -- checks and geometry ---------------------------------------------------------------------------------


def _windows(name, n, input, kernel_size, stride, padding, dilation, ceil_mode):
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
    return tuple(
        _pool.plain_window(m, k, s, p, d, bool(ceil_mode))
        for m, k, s, p, d in zip(input.shape[-n:], kernel, stride, padding, dilation, strict=True)
    )


def _max(name, n, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    windows = _windows(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)
    out, indices = ops.max_windows(input, windows)
    return (out, indices) if return_indices else out


def _average(name, n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override=None):
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    windows = _windows(name, n, input, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None:
        return ops.average_windows(input, windows, float(divisor_override))
    return ops.average_windows(input, windows, "padded" if count_include_pad else "inside")


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
    windows = tuple(_pool.adaptive_window(m, o) for m, o in zip(input.shape[-n:], sizes, strict=True))
    return ops.average_windows(input, windows, "inside")


def _adaptive_max(name, n, input, output_size, return_indices):
    sizes = _adaptive_size(name, n, input, output_size)
    windows = tuple(_pool.adaptive_window(m, o) for m, o in zip(input.shape[-n:], sizes, strict=True))
    out, indices = ops.max_windows(input, windows)
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
