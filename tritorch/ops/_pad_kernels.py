"""Borders and columns on a GPU: each element looks up where it comes from, and each gradient who shows its element.

As in Note [Readers of a pixel], gradients are gathered: an element adds up, in order, the positions that show it.
"""

import numpy as np

from ..runtime.array import empty
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import block_of, copy
from ..runtime.transfer import packed
from ._conv import output_size
from ._device_fill import filled
from ._layout import number_array
from ._pool_kernels import computing, elements, numbers

__all__ = ["columns_of", "constant", "images_of", "mirror", "mirror_gradient"]


@triton.jit
def source_of(p, n, before, first, period, MODE: tl.constexpr):
    """The element of a dim that position ``p`` of the padded dim shows, and whether it shows one."""
    at = p - before
    if MODE == "constant":
        return at, (at >= 0) & (at < n)
    elif MODE == "replicate":
        return tl.minimum(tl.maximum(at, 0), n - 1), p >= 0
    elif MODE == "circular":
        return first + ((at - first) % period + period) % period, p >= 0
    else:  # mirrored at the first element, then at the last
        at = tl.abs(at)
        return tl.where(at >= n, 2 * (n - 1) - at, at), p >= 0


@triton.jit
def shower_of(i, t, n, padded, before, first, period, MODE: tl.constexpr):
    """The ``t``-th position of the padded dim that shows element ``i``, and whether there is one."""
    if MODE == "replicate":
        p = tl.where(i == 0, tl.minimum(-before, 0), i) + before + t
        end = tl.where(i == n - 1, tl.maximum(padded, n + before), i + before + 1)
        return p, (p >= 0) & (p < padded) & (p < end)
    elif MODE == "circular":
        p = ((i + before) % period + period) % period + t * period
        return p, (p < padded) & (i >= first) & (i < first + period)
    else:
        p = tl.where(t == 0, -i, tl.where(t == 1, i, 2 * (n - 1) - i)) + before
        seen = tl.where(t == 0, i > 0, (t == 1) | (i < n - 1))
        return p, (p >= 0) & (p < padded) & seen


@triton.jit
def padded_with(
    out, x, total, value, n0, n1, n2, q0, q1, q2, b0, b1, b2, f0, f1, f2, m0, m1, m2,
    MODE: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = elements(BLOCK, WIDE)
    a0, in0 = source_of(i // (q2 * q1) % q0, n0, b0, f0, m0, MODE)
    a1, in1 = source_of(i // q2 % q1, n1, b1, f1, m1, MODE)
    a2, in2 = source_of(i % q2, n2, b2, f2, m2, MODE)
    live = (i < total) & in0 & in1 & in2
    at = i // (q2 * q1 * q0) * (n0 * n1 * n2) + (a0 * n1 + a1) * n2 + a2
    inner = tl.load(x + at, live, other=0)
    if MODE == "constant":
        inner = tl.where(live, inner, value.to(inner.dtype))
    tl.store(out + i, inner, i < total)


@triton.jit
def gradient_of_padding(
    out, grad, total, n0, n1, n2, q0, q1, q2, r0, r1, r2, b0, b1, b2, f0, f1, f2, m0, m1, m2,
    MODE: tl.constexpr, NUMBER: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = elements(BLOCK, WIDE)
    i2, i1, i0 = i % n2, i // n2 % n1, i // (n2 * n1) % n0
    base = i // (n0 * n1 * n2) * (q0 * q1 * q2)
    acc = computing(tl.zeros([BLOCK], tl.float32), NUMBER)
    for t in range(r0 * r1 * r2):
        o0, in0 = shower_of(i0, t // (r1 * r2), n0, q0, b0, f0, m0, MODE)
        o1, in1 = shower_of(i1, t // r2 % r1, n1, q1, b1, f1, m1, MODE)
        o2, in2 = shower_of(i2, t % r2, n2, q2, b2, f2, m2, MODE)
        live = (i < total) & in0 & in1 & in2
        acc += computing(tl.load(grad + base + (o0 * q1 + o1) * q2 + o2, live, other=0), NUMBER)
    tl.store(out + i, acc.to(out.dtype.element_ty), i < total)


@triton.jit
def columns_of_windows(
    out, x, total, n0, n1, q0, q1, k0, k1, s0, s1, p0, p1, d0, d1, WIDE: tl.constexpr, BLOCK: tl.constexpr
):
    """(N * C, n0, n1) to (N * C, k0, k1, q0, q1)."""
    i = elements(BLOCK, WIDE)
    a1 = i % q1 * s1 - p1 + i // (q1 * q0) % k1 * d1
    a0 = i // q1 % q0 * s0 - p0 + i // (q1 * q0 * k1) % k0 * d0
    plane = i // (q1 * q0 * k1 * k0)
    live = (i < total) & (a0 >= 0) & (a0 < n0) & (a1 >= 0) & (a1 < n1)
    tl.store(out + i, tl.load(x + plane * (n0 * n1) + a0 * n1 + a1, live, other=0), i < total)


@triton.jit
def windows_of_columns(
    out, x, total, n0, n1, q0, q1, k0, k1, s0, s1, p0, p1, d0, d1,
    NUMBER: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The transpose of :func:`columns_of_windows`: each pixel adds up the columns' elements that show it."""
    i = elements(BLOCK, WIDE)
    i1, i0 = i % n1, i // n1 % n0
    base = i // (n1 * n0) * (k0 * k1)
    acc = computing(tl.zeros([BLOCK], tl.float32), NUMBER)
    for t in range(k0 * k1):
        h0, h1 = i0 + p0 - t // k1 * d0, i1 + p1 - t % k1 * d1
        o0, o1 = h0 // s0, h1 // s1
        live = (i < total) & (h0 >= 0) & (h0 % s0 == 0) & (o0 < q0) & (h1 >= 0) & (h1 % s1 == 0) & (o1 < q1)
        acc += computing(tl.load(x + ((base + t) * q0 + o0) * q1 + o1, live, other=0), NUMBER)
    tl.store(out + i, acc.to(out.dtype.element_ty), i < total)


# -- launches -------------------------------------------------------------------------------------------------------


def _three(values, fill):
    return (fill,) * (3 - len(values)) + tuple(values)


def _run(kernel, out, x, *values, **constants):
    if out.size:
        block = block_of(out.size)
        wide = max(out.size, x.size) >= 2**31 - block
        grid = (triton.cdiv(out.size, block),)
        launch(kernel, grid, out, packed(x), out.size, *values, WIDE=wide, BLOCK=block, **constants)


def _borders(shape, pairs, dims):
    """(sizes, padded sizes) and (widths before, first elements shown, how many) of the last ``dims`` dims."""
    sizes, pairs = shape[len(shape) - dims :], pairs[len(shape) - dims :]
    padded = [n + a + b for n, (a, b) in zip(sizes, pairs, strict=True)]
    first = [max(0, -a) for a, _ in pairs]
    period = [max(1, n - max(0, -b) - f) for n, (_, b), f in zip(sizes, pairs, first, strict=True)]
    places = (*_three([a for a, _ in pairs], 0), *_three(first, 0), *_three(period, 1))
    return (*_three(sizes, 1), *_three(padded, 1)), places


def _padded(input, pairs, mode, value):
    out = empty([n + a + b for n, (a, b) in zip(input.shape, pairs, strict=True)], input.dtype)
    sizes, places = _borders(input.shape, pairs, min(3, input.ndim))
    _run(padded_with, out, input, value, *sizes, *places, MODE=mode)
    return out


def constant(input, pairs, value):
    """``input`` with ``value`` around it; negative widths crop."""
    if all(pair == (0, 0) for pair in pairs[:-3]):
        number = number_array(value, input.dtype)
        kind = np.float32 if input.dtype.itemsize < 4 and input.dtype.kind not in "iu" else input.dtype
        return _padded(input, pairs, "constant", number.astype(kind)[()])
    out = filled([n + a + b for n, (a, b) in zip(input.shape, pairs, strict=True)], input.dtype, value)
    inner = tuple(slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(input.shape, pairs, strict=True))
    window = tuple(slice(max(0, a), n - max(0, b)) for n, (a, b) in zip(out.shape, pairs, strict=True))
    copy(out[window], input[inner])
    return out


def mirror(input, pairs, mode):
    """``input`` with its own elements around it."""
    return _padded(input, pairs, mode, 0)


def mirror_gradient(grad, shape, pairs, mode):
    """The transpose of :func:`mirror`."""
    out = empty(shape, grad.dtype)
    dims = min(3, len(shape))
    sizes, places = _borders(shape, pairs, dims)
    if mode == "reflect":
        readers = [3 if pair != (0, 0) else 2 for pair in pairs[-dims:]]
    elif mode == "replicate":
        readers = [max(a, 0) + max(b, 0) + 1 for a, b in pairs[-dims:]]
    else:
        readers = [triton.cdiv(q, m) for q, m in zip(sizes[-dims:], places[-dims:], strict=True)]
    _run(
        gradient_of_padding, out, grad, *sizes, *_three(readers, 3 if mode == "reflect" else 1), *places,
        MODE=mode, NUMBER=numbers(grad.dtype),
    )  # fmt: skip
    return out


def columns_of(image, kernel, stride, padding, dilation):
    """(N, C, H, W) to (N, C * kh * kw, positions)."""
    size = output_size(image.shape[2:], kernel, stride, padding, dilation)
    taps = kernel[0] * kernel[1]
    out = empty((image.shape[0], image.shape[1] * taps, size[0] * size[1]), image.dtype)
    _run(columns_of_windows, out, image, *image.shape[2:], *size, *kernel, *stride, *padding, *dilation)
    return out


def images_of(columns, size, kernel, stride, padding, dilation):
    """The transpose of :func:`columns_of`, overlaps added."""
    positions = output_size(size, kernel, stride, padding, dilation)
    out = empty((columns.shape[0], columns.shape[1] // (kernel[0] * kernel[1]), *size), columns.dtype)
    _run(
        windows_of_columns, out, columns, *size, *positions, *kernel, *stride, *padding, *dilation,
        NUMBER=numbers(columns.dtype),
    )  # fmt: skip
    return out
