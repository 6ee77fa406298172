"""Rearranging images: pixel shuffles, columns of windows and back, sampling on grids."""

import math

import numpy as np

from . import _conv, _pad_kernels
from ._cubic import cubic_weights
from ._op import Op, ops


class pixel_shuffle(Op, home="nn.functional", also="pixel_shuffle", has_out=False):
    """(*, C * r * r, H, W) to (*, C, H * r, W * r): channels become pixels (Shi et al., 2016)."""

    def eager(input, upscale_factor: int):
        r = int(upscale_factor)
        if input.ndim < 3:
            raise RuntimeError(
                f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
            )
        if r <= 0:
            raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
        *lead, c, h, w = input.shape
        if c % (r * r):
            raise RuntimeError(
                "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
                f"but input.size(-3)={c} is not divisible by {r * r}"
            )
        n = len(lead)
        split = input.reshape(*lead, c // (r * r), r, r, h, w)
        order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
        return split.permute(*order).reshape(*lead, c // (r * r), h * r, w * r)

    def samples(make):
        yield make(1, 8, 2, 3), 2


class pixel_unshuffle(Op, home="nn.functional", also="pixel_unshuffle", has_out=False):
    """(*, C, H * r, W * r) to (*, C * r * r, H, W): the inverse of :func:`pixel_shuffle`."""

    def eager(input, downscale_factor: int):
        r = int(downscale_factor)
        if input.ndim < 3:
            raise RuntimeError(
                f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
            )
        if r <= 0:
            raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
        *lead, c, h, w = input.shape
        if h % r or w % r:
            side, n = ("height", h) if h % r else ("width", w)
            raise RuntimeError(
                f"pixel_unshuffle expects {side} to be divisible by downscale_factor, but input.size"
                f"({-2 if side == 'height' else -1})={n} is not divisible by {r}"
            )
        n = len(lead)
        split = input.reshape(*lead, c, h // r, r, w // r, r)
        order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
        return split.permute(*order).reshape(*lead, c * r * r, h // r, w // r)

    def samples(make):
        yield make(1, 2, 4, 6), 2


class channel_shuffle(Op, home="nn.functional", also="channel_shuffle", has_out=False):
    """Interleaves the channels of ``groups`` (Zhang et al., 2017): (N, C, *) stays in shape."""

    def eager(input, groups: int):
        if input.ndim < 3:
            raise RuntimeError(
                f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}"
            )
        if groups <= 0 or input.shape[1] % groups:
            raise RuntimeError(
                "Number of channels must be divisible by groups. Got " f"{input.shape[1]} channels and {groups} groups."
                if groups > 0 else f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
            )  # fmt: skip
        n, c, *rest = input.shape
        return input.reshape(n, groups, c // groups, *rest).transpose(1, 2).reshape(input.shape)

    def samples(make):
        yield make(1, 4, 2, 2), 2


def _pair(value):
    value = (value,) * 2 if isinstance(value, int) else tuple(int(v) for v in value)
    return value * 2 if len(value) == 1 else value


def _blocks(size, kernel, stride, padding, dilation):
    return _conv.output_size(size, kernel, stride, padding, dilation)


def _whole(loop):
    """``loop`` for every dtype: integers as float64, complex numbers part by part."""

    def run(input, *geometry):
        if input.dtype.kind == "c":
            return (run(input.real, *geometry) + 1j * run(input.imag, *geometry)).astype(input.dtype, copy=False)
        x = np.ascontiguousarray(input, input.dtype if input.dtype in _conv.FLOATS else np.float64)
        return loop(x, *geometry).astype(input.dtype, copy=False)

    return run


@_whole
def _columns_of(x, kernel, stride, padding, dilation):
    out = _blocks(x.shape[2:], kernel, stride, padding, dilation)
    columns = _conv.Columns(x.shape[2:], kernel, stride, padding, dilation, out)
    result = np.empty((x.shape[0], x.shape[1] * columns.window, columns.positions), x.dtype)
    for image, target in zip(x, result, strict=True):
        if columns.plain:
            np.copyto(target, image.reshape(target.shape))
        else:
            columns.of(image, target)
    return result


@_whole
def _windows_of(x, size, kernel, stride, padding, dilation):
    columns = _conv.Columns(size, kernel, stride, padding, dilation, _blocks(size, kernel, stride, padding, dilation))
    result = np.empty((x.shape[0], x.shape[1] // columns.window, *size), x.dtype)
    for matrix, image in zip(x, result, strict=True):
        columns.to(matrix, image)
    return result


class windows_to_columns(Op, function=False, method=False, has_out=False):
    """(N, C, H, W) to (N, C * kh * kw, positions)."""

    def cpu(input, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple):
        return _columns_of(input, kernel, stride, padding, dilation)

    cuda = _pad_kernels.columns_of

    def d_input(grad, input_shape, kernel, stride, padding, dilation):
        return ops.columns_to_windows(grad, tuple(input_shape[2:]), kernel, stride, padding, dilation)


class columns_to_windows(Op, function=False, method=False, has_out=False):
    """The transpose of :class:`windows_to_columns`: (N, C * kh * kw, positions) to (N, C, H, W), overlaps added."""

    def cpu(input, size: tuple, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple):
        return _windows_of(input, size, kernel, stride, padding, dilation)

    cuda = _pad_kernels.images_of

    def d_input(grad, kernel, stride, padding, dilation):
        return ops.windows_to_columns(grad, kernel, stride, padding, dilation)


def _check_windows(kernel, stride, padding, dilation):
    for name, values, least in (
        ("kernel size", kernel, 1), ("dilation", dilation, 1), ("padding", padding, 0), ("stride", stride, 1),
    ):  # fmt: skip
        if any(v < least for v in values):
            word = "greater than zero" if least else "non-negative"
            raise RuntimeError(f"{name} should be {word}, but got {' x '.join(map(str, values))}")


class nn_functional_unfold(Op, home="nn.functional", method=False, has_out=False):
    """Windows of images as columns: (N, C, H, W) or (C, H, W) to (N, C * kh * kw, positions)."""

    def eager(input, kernel_size: object, dilation: object = 1, padding: object = 0, stride: object = 1):
        kernel, dilation, padding, stride = map(_pair, (kernel_size, dilation, padding, stride))
        _check_windows(kernel, stride, padding, dilation)
        if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
            raise RuntimeError(
                "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
                f"but got: {list(input.shape)}"
            )
        out = _blocks(input.shape[-2:], kernel, stride, padding, dilation)
        if min(out) < 1:
            raise RuntimeError(
                f"Given input with spatial size ({input.shape[-2]}, {input.shape[-1]}), kernel_size={kernel}, "
                f"dilation={dilation}, padding={padding}, stride={stride}, calculated shape of the array of sliding blocks "
                f"as {out}, but its components must be at least one."
            )
        columns = ops.windows_to_columns(
            input if input.ndim == 4 else input.unsqueeze(0), kernel, stride, padding, dilation
        )
        return columns if input.ndim == 4 else columns.squeeze(0)

    def samples(make):
        yield make(1, 2, 4, 5), 2
        yield make(2, 5, 5), (2, 3), {"stride": 2, "padding": 1}


class fold(Op, home="nn.functional", method=False, has_out=False):
    """Columns of windows as images, overlaps added: (N, C * kh * kw, positions) to (N, C, *output_size)."""

    def eager(
        input, output_size: object, kernel_size: object, dilation: object = 1, padding: object = 0, stride: object = 1
    ):
        size, kernel = _pair(output_size), _pair(kernel_size)
        dilation, padding, stride = map(_pair, (dilation, padding, stride))
        _check_windows(kernel, stride, padding, dilation)
        if input.ndim not in (2, 3):
            raise RuntimeError(
                "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
                f"input, but got: {list(input.shape)}"
            )
        window = kernel[0] * kernel[1]
        if input.shape[-2] % window:
            raise RuntimeError(
                "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
                f"input.size(1)={input.shape[-2]} and kernel_size={kernel}."
            )
        out = _blocks(size, kernel, stride, padding, dilation)
        if input.shape[-1] != out[0] * out[1]:
            raise RuntimeError(
                f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, stride={stride}, "
                f"expected size of input's dimension 2 to match the calculated number of sliding blocks "
                f"{out[0]} * {out[1]} = {out[0] * out[1]}, but got input.size(2)={input.shape[-1]}."
            )
        image = ops.columns_to_windows(
            input if input.ndim == 3 else input.unsqueeze(0), size, kernel, stride, padding, dilation
        )
        return image if input.ndim == 3 else image.squeeze(0)

    def samples(make):
        yield make(1, 8, 12), (4, 5), 2


# -- sampling ---------------------------------------------------------------------------------------------


class affine_grid(Op, home="nn.functional", method=False, has_out=False):
    """Sampling positions in [-1, 1] of an affine map: theta (N, 2, 3) and size (N, C, H, W) give (N, H, W, 2), and one
    dim more for theta (N, 3, 4)."""

    def eager(theta, size: object, align_corners: object = None):
        lengths = tuple(size)[2:]
        if len(lengths) not in (2, 3) or theta.shape[-2:] != (len(lengths), len(lengths) + 1):
            raise ValueError(
                f"Expected a batch of {len(lengths)}D affine matrices of shape Nx{len(lengths)}x{len(lengths) + 1} for size "
                f"{list(size)}. Got {list(theta.shape)}."
            )
        axes, like = [], {"dtype": theta.dtype, "device": theta.device}
        for n in reversed(lengths):
            steps = ops.linspace(-1, 1, n, **like) if n > 1 else ops.zeros(1, **like)
            axes.append(steps if align_corners else steps * ((n - 1) / n))
        rank = len(lengths)
        shaped = [
            a.reshape([-1 if rank - 1 - i == d else 1 for d in range(rank)]).expand(*lengths)
            for i, a in enumerate(axes)
        ]
        base = ops.stack([*shaped, ops.ones(*lengths, **like)], -1).reshape(1, -1, rank + 1)
        return (base @ theta.transpose(1, 2)).reshape(theta.shape[0], *lengths, rank)

    def samples(make):
        yield make(2, 2, 3), (2, 1, 3, 4), {"align_corners": False}
        yield make(1, 3, 4), (1, 1, 2, 2, 3), {"align_corners": True}


def _unnormalized(x, n, align_corners):
    return (x + 1) * ((n - 1) / 2) if align_corners else ((x + 1) * n - 1) / 2


def _reflected(x, low, high):
    """Mirrored into [low, high] at its ends, whose positions are given twice over."""
    if low == high:
        return x * 0
    low, span = low / 2, (high - low) / 2
    shifted = (x - low).abs()
    flips = (shifted / span).floor()
    extra = shifted - flips * span
    return ops.where(flips.remainder(2) == 0, extra + low, span - extra + low)


def _inside(x, n, mode, align_corners):
    if mode == "zeros":
        return x
    if mode == "reflection":
        x = _reflected(x, 0, 2 * (n - 1)) if align_corners else _reflected(x, -1, 2 * n - 1)
    return x.masked_fill(x.isnan(), 0).clamp(0, n - 1)  # NaN is nowhere, and taken for the first pixel


def _gather(input, index, valid):
    """Pixels of (N, C, *) at integer positions, one (N, *out) tensor a dim; zero where they are not valid."""
    n, c = input.shape[:2]
    flat = None
    for length, i in zip(input.shape[2:], index, strict=True):
        i = i.clamp(0, length - 1)
        flat = i if flat is None else flat * length + i
    out = tuple(flat.shape[1:])
    places = flat.reshape(n, 1, math.prod(out)).expand(n, c, -1)
    picked = input.reshape(n, c, math.prod(input.shape[2:])).gather(2, places).reshape(n, c, *out)
    return picked.masked_fill(valid.logical_not().unsqueeze(1), 0)


def _valid(index, lengths):
    good = None
    for i, n in zip(index, lengths, strict=True):
        here = (i >= 0) & (i < n)
        good = here if good is None else good & here
    return good


class grid_sample(Op, home="nn.functional", method=False, has_out=False):
    """Pixels of (N, C, H, W) at the positions of a grid (N, H', W', 2) in [-1, 1] (and one dim more): (N, C, H', W').

    ``mode`` is "bilinear", "nearest" or (for images) "bicubic"; ``padding_mode`` "zeros", "border" or "reflection".
    Source: Jaderberg et al., "Spatial transformer networks" (2015).
    """

    def eager(input, grid, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: object = None):
        rank = input.ndim - 2
        if mode not in ("bilinear", "nearest", "bicubic"):
            raise ValueError(
                f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
            )
        if padding_mode not in ("zeros", "border", "reflection"):
            raise ValueError("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
                             f"but got: '{padding_mode}'")  # fmt: skip
        if input.shape[0] != grid.shape[0]:
            raise RuntimeError(
                "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
                f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
            )
        if rank not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != rank or (mode == "bicubic" and rank == 3):
            raise RuntimeError(
                f"grid_sampler(): expected grid to have size {rank} in last dimension, but got grid with sizes "
                f"{list(grid.shape)}"
            )
        lengths = tuple(input.shape[2:])
        at = [_unnormalized(grid[..., rank - 1 - d], n, align_corners) for d, n in enumerate(lengths)]
        if mode == "bicubic":
            return _bicubic(input, at, lengths, padding_mode, align_corners)
        at = [_inside(x, n, padding_mode, align_corners) for x, n in zip(at, lengths, strict=True)]
        if mode == "nearest":
            index = [x.detach().round().long() for x in at]
            return _gather(input, index, _valid(index, lengths))
        low = [x.detach().floor() for x in at]
        total = None
        for corner in range(2**rank):
            bits = [(corner >> d) & 1 for d in range(rank)]
            index = [(x + b).long() for x, b in zip(low, bits, strict=True)]
            weight = None
            for x, f, b in zip(at, low, bits, strict=True):
                part = x - f if b else 1 - (x - f)
                weight = part if weight is None else weight * part
            term = _gather(input, index, _valid(index, lengths)) * weight.unsqueeze(1)
            total = term if total is None else total + term
        return total

    def samples(make):
        yield make(1, 2, 3, 4), make(1, 2, 5, 2, low=-0.9, high=0.9), {"align_corners": False}
        yield make(1, 1, 3, 4), make(1, 2, 2, 2), {"mode": "nearest", "padding_mode": "border", "align_corners": True}
        yield make(1, 1, 2, 3, 2), make(1, 2, 2, 2, 3), {"padding_mode": "reflection", "align_corners": False}


MODES, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


class grid_sampler_2d(Op, method=False, has_out=False):
    """:func:`tritorch.nn.functional.grid_sample` of images, its modes as numbers: bilinear, nearest, bicubic; zeros,
    border, reflection."""

    def eager(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
        return ops.grid_sample(input, grid, MODES[interpolation_mode], PADDINGS[padding_mode], align_corners)

    def samples(make):
        yield make(1, 2, 3, 3), make(1, 2, 2, 2), 0, 0, False


class grid_sampler_3d(Op, method=False, has_out=False):
    """:func:`tritorch.nn.functional.grid_sample` of volumes, its modes as numbers: bilinear, nearest; zeros, border,
    reflection."""

    def eager(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
        return ops.grid_sample(input, grid, MODES[interpolation_mode], PADDINGS[padding_mode], align_corners)

    def samples(make):
        yield make(1, 2, 3, 3, 3), make(1, 2, 2, 2, 3), 0, 0, False


def _bicubic(input, at, lengths, padding_mode, align_corners):
    low = [x.detach().floor() for x in at]
    weights = [cubic_weights(x - f) for x, f in zip(at, low, strict=True)]
    total = None
    for i in range(4):
        for j in range(4):
            places = [low[0] + (i - 1), low[1] + (j - 1)]
            index = [_inside(x, n, padding_mode, align_corners).long() for x, n in zip(places, lengths, strict=True)]
            term = _gather(input, index, _valid(index, lengths)) * (weights[0][i] * weights[1][j]).unsqueeze(1)
            total = term if total is None else total + term
    return total
