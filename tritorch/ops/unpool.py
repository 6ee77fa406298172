"""Pools' relatives: unpooling by indices, power averages, pools of random windows."""

import math

import numpy as np

from ..dtypes import int64
from ..runtime.array import DeviceArray
from ..runtime.transfer import packed, to_host
from . import _pool, _pool_kernels
from ._device_fill import filled
from ._index_kernels import reduce_along
from ._op import Op, ops
from ._schema import Number


def _each(value, n):
    return (value,) * n if isinstance(value, int) else tuple(int(v) for v in value)


def _unpool(n, input, indices, kernel_size, stride, padding, output_size):
    kernel = _each(kernel_size, n)
    stride = kernel if stride is None else _each(stride, n)
    padding = _each(padding, n)
    if indices.dtype.name != "int64":
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype.type_name}")
    if indices.shape != input.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices tensor "
            f"with shape: {list(indices.shape)}"
        )
    plain = [(m - 1) * s + k - 2 * p for m, s, k, p in zip(input.shape[-n:], stride, kernel, padding, strict=True)]
    if output_size is None:
        size = plain
    else:
        size = [int(s) for s in output_size][-n:]
        for d, (m, s, _k) in enumerate(zip(plain, stride, kernel, strict=True)):
            if len(output_size) not in (n, n + 1, n + 2) or not m - s < size[d] < m + s:
                raise ValueError(
                    f"invalid output_size {list(output_size)} (dim {d} must be between {m - s} and {m + s})"
                )
    return ops.unpool_planes(input, indices, tuple(size))


def _refuse(indices, size):
    raise RuntimeError(
        f"Found an invalid max index: {int(indices.max())} (output volumes are of size {'x'.join(map(str, size))}"
    )


class unpool_planes(Op, function=False, method=False, has_out=False):
    """Planes of zeros of ``size`` with each element at its index; of several at one index the last stays."""

    def check(indices, size):
        area = math.prod(size)
        if indices.__class__ is not DeviceArray and indices.size and (indices.min() < 0 or indices.max() >= area):
            _refuse(indices, size)

    def cpu(input, indices, size: tuple):
        n = len(size)
        lead = input.shape[:-n]
        out = np.zeros((int(np.prod(lead)), int(np.prod(size))), input.dtype)
        rows = np.arange(out.shape[0])[:, None]
        count = math.prod(input.shape[-n:])
        out[rows, indices.reshape(out.shape[0], count)] = input.reshape(out.shape[0], count)
        return out.reshape(*lead, *size)

    def cuda(input, indices, size):
        lead, count = input.shape[: -len(size)], math.prod(input.shape[-len(size) :])
        out = filled((*lead, *size), input.dtype, 0)
        flat = out.reshape(*lead, math.prod(size))
        places, values = (packed(x).reshape(*lead, count) for x in (indices, input))
        if indices.size and not reduce_along(flat, len(lead), places, values, "last"):
            _refuse(to_host(indices), size)
        return out

    def d_input(grad, indices, size):
        n = len(size)
        flat = grad.reshape(*grad.shape[:-n], math.prod(size))
        places = indices.reshape(*indices.shape[:-n], math.prod(indices.shape[-n:]))
        return flat.gather(-1, places).reshape(indices.shape)


class max_unpool1d(Op, home="nn.functional", method=False, has_out=False):
    """Puts the elements that :func:`max_pool1d` kept back to where they were; zeros elsewhere."""

    def eager(
        input, indices, kernel_size: object, stride: object = None, padding: object = 0, output_size: object = None
    ):
        return _unpool(1, input, indices, kernel_size, stride, padding, output_size)

    def samples(make):
        yield make(1, 2, 2), make.plain([[[0, 3], [1, 2]]], int64), 2


class max_unpool2d(Op, home="nn.functional", method=False, has_out=False):
    """Puts the elements that :func:`max_pool2d` kept back to where they were; zeros elsewhere."""

    def eager(
        input, indices, kernel_size: object, stride: object = None, padding: object = 0, output_size: object = None
    ):
        return _unpool(2, input, indices, kernel_size, stride, padding, output_size)

    def samples(make):
        yield make(1, 1, 2, 2), make.plain([[[[0, 3], [9, 14]]]], int64), 2


class max_unpool3d(Op, home="nn.functional", method=False, has_out=False):
    """Puts the elements that :func:`max_pool3d` kept back to where they were; zeros elsewhere."""

    def eager(
        input, indices, kernel_size: object, stride: object = None, padding: object = 0, output_size: object = None
    ):
        return _unpool(3, input, indices, kernel_size, stride, padding, output_size)

    def samples(make):
        yield make(1, 1, 1, 1, 2), make.plain([[[[[0, 14]]]]], int64), 2


def _power_average(n, input, norm_type, kernel_size, stride, ceil_mode):
    kernel = _each(kernel_size, n)
    pool = (ops.avg_pool1d, ops.avg_pool2d, ops.avg_pool3d)[n - 1]
    mean = pool(input**norm_type, kernel, stride, 0, ceil_mode)
    count = float(np.prod(kernel))
    return (mean.sign() * mean.abs().relu() * count) ** (1.0 / norm_type)


class lp_pool1d(Op, home="nn.functional", method=False, has_out=False):
    """The p-norm of windows of (N, C, L)."""

    def eager(input, norm_type: Number, kernel_size: object, stride: object = None, ceil_mode: bool = False):
        return _power_average(1, input, norm_type, kernel_size, stride, ceil_mode)

    def samples(make):
        yield make(1, 2, 4, low=0.1), 2.0, 2


class lp_pool2d(Op, home="nn.functional", method=False, has_out=False):
    """The p-norm of windows of (N, C, H, W)."""

    def eager(input, norm_type: Number, kernel_size: object, stride: object = None, ceil_mode: bool = False):
        return _power_average(2, input, norm_type, kernel_size, stride, ceil_mode)

    def samples(make):
        yield make(1, 2, 4, 5, low=0.1), 2.0, 2


class lp_pool3d(Op, home="nn.functional", method=False, has_out=False):
    """The p-norm of windows of (N, C, D, H, W)."""

    def eager(input, norm_type: Number, kernel_size: object, stride: object = None, ceil_mode: bool = False):
        return _power_average(3, input, norm_type, kernel_size, stride, ceil_mode)

    def samples(make):
        yield make(1, 1, 2, 2, 4, low=0.1), 2.0, 2


def fractional_starts(n, out, kernel, sample):
    """The first positions of windows of pseudo-random steps (Graham, "Fractional max-pooling", 2015)."""
    if out == 1:
        return np.array([n - kernel], np.int64)
    alpha = (n - kernel) / (out - 1)
    start = (np.floor((np.arange(out - 1) + sample) * alpha) - np.floor(sample * alpha)).astype(np.int64)
    return np.append(start, n - kernel)


class fractional_windows(Op, function=False, method=False, has_out=False, returns=("out", "indices")):
    """The largest element of windows whose places the samples (N, C, dims) fix, and its index."""

    cuda = _pool_kernels.fractional

    def cpu(input, samples, kernel: tuple, size: tuple):
        n = len(kernel)
        lead = input.shape[:-n]
        flat, drawn = input.reshape(-1, *input.shape[-n:]), samples.reshape(-1, n)
        out = np.empty((flat.shape[0], *size), input.dtype)
        index = np.empty(out.shape, np.int64)
        for plane in range(flat.shape[0]):
            ranges = []
            for d in range(n):  # samples are given for the last dim first
                first = fractional_starts(input.shape[d - n], size[d], kernel[d], float(drawn[plane, n - 1 - d]))
                ranges.append((first, first + kernel[d]))
            out[plane], index[plane] = _pool.maximum_of(flat[plane], ranges, (1,) * n)
        return out.reshape(*lead, *size), index.reshape(*lead, *size)

    def d_input(grad, indices, input_shape, size):
        n = len(size)
        lead = tuple(input_shape[:-n])
        flat = grad.new_zeros((*lead, math.prod(input_shape[-n:])))
        count = math.prod(size)
        return flat.scatter_add(-1, indices.reshape(*lead, count), grad.reshape(*lead, count)).reshape(input_shape)


def _fractional(n, input, kernel_size, output_size, output_ratio, return_indices, samples):
    if output_size is None and output_ratio is None:
        raise ValueError(f"fractional_max_pool{n}d requires specifying either an output_size or an output_ratio")
    kernel = _each(kernel_size, n)
    if output_size is None:
        ratio = (output_ratio,) * n if isinstance(output_ratio, float) else tuple(output_ratio)
        output_size = [int(m * r) for m, r in zip(input.shape[-n:], ratio, strict=True)]
    size = _each(output_size, n)
    for m, k, o in zip(input.shape[-n:], kernel, size, strict=True):
        if o + k - 1 > m:
            raise RuntimeError(f"fractional_max_pool{n}d(): pool size ({k}) too large relative to input size ({m})")
    if samples is None:
        planes = input.shape[:-n] if input.ndim == n + 2 else (1, input.shape[0])
        samples = ops.rand((*planes, n), dtype=input.dtype, device=input.device)
    out, indices = ops.fractional_windows(input, samples, kernel, size)
    return (out, indices) if return_indices else out


class fractional_max_pool2d(Op, home="nn.functional", method=False, has_out=False):
    """Maxima of windows of (N, C, H, W) at pseudo-random places; ``_random_samples`` (N, C, 2) fixes them."""

    def eager(
        input, kernel_size: object, output_size: object = None, output_ratio: object = None,
        return_indices: bool = False, _random_samples: object = None,
    ):  # fmt: skip
        return _fractional(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)

    def samples(make):
        yield make(1, 2, 5, 5), 2, (3, 3)


class fractional_max_pool3d(Op, home="nn.functional", method=False, has_out=False):
    """Maxima of windows of (N, C, D, H, W) at pseudo-random places; ``_random_samples`` (N, C, 3) fixes them."""

    def eager(
        input, kernel_size: object, output_size: object = None, output_ratio: object = None,
        return_indices: bool = False, _random_samples: object = None,
    ):  # fmt: skip
        return _fractional(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)

    def samples(make):
        yield make(1, 1, 4, 4, 4), 2, (2, 3, 2)
