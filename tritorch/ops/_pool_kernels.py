"""Pools on a GPU: a window's number from its taps, and a pixel's gradient from the windows that read it.

Note [Readers of a pixel]: the gradient of a pool is gathered, not scattered. Along one dim, pixel ``i`` is read by a few
windows that arithmetic finds: where windows have no gaps, those from ``(i + padding) // stride`` down; with dilation,
one for each place in the window at most; and in an adaptive pool, those from ``i * count // size`` up. Each pixel adds
up its windows in their order, so the result is the same every time, and nothing is atomic.
"""

import numpy as np

from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import block_of
from ..runtime.transfer import packed

__all__ = ["average", "fractional", "maximum", "maximum_gradient", "numbers", "spread"]


@triton.jit
def tap_of(o, t, n, count, kernel, stride, padding, dilation, WAY: tl.constexpr):
    """The pixel that window ``o`` of a dim has at its place ``t``, and whether there is one."""
    if WAY == "adaptive":
        at = (o.to(tl.int64) * n // count + t).to(o.dtype)
        return at, at < ((o.to(tl.int64) + 1) * n + count - 1) // count
    else:
        at = o * stride - padding + t * dilation
        return at, (at >= 0) & (at < n)


@triton.jit
def reader_of(i, t, n, count, kernel, stride, padding, dilation, WAY: tl.constexpr):
    """The window that is the ``t``-th to read pixel ``i`` of a dim, and whether there is one."""
    if WAY == "adaptive":
        o = (i.to(tl.int64) * count // n + t).to(i.dtype)
        return o, (o < count) & (o.to(tl.int64) * n // count <= i)
    elif WAY == "dense":
        o = (i + padding) // stride - ((kernel - 1) // stride - t)
        return o, (o >= 0) & (o < count) & (o * stride - padding + kernel > i)
    else:
        ahead = i + padding - (kernel - 1 - t) * dilation
        o = ahead // stride
        return o, (ahead >= 0) & (ahead % stride == 0) & (o < count)


@triton.jit
def shown(o, n, count, kernel, stride, padding, WAY: tl.constexpr, DIVISOR: tl.constexpr):
    """How many pixels of a dim the divisor counts for window ``o``."""
    if WAY == "adaptive":
        first = o.to(tl.int64) * n // count
        last = ((o.to(tl.int64) + 1) * n + count - 1) // count
    elif DIVISOR == "padded":
        first = o * stride - padding
        last = tl.minimum(first + kernel, n + padding)
    else:
        first = tl.maximum(o * stride - padding, 0)
        last = tl.minimum(o * stride - padding + kernel, n)
    return (last - first).to(o.dtype)


@triton.jit
def elements(BLOCK: tl.constexpr, WIDE: tl.constexpr):
    """The places that a program takes."""
    if WIDE:
        return tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    else:
        return tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)


@triton.jit
def computing(x, NUMBER: tl.constexpr):
    """``x`` in the type that is computed in."""
    return x.to(tl.float32 if NUMBER == "float32" else (tl.float64 if NUMBER == "float64" else tl.int64))


@triton.jit
def larger(value, best, at, place, live):
    """What is taken for a maximum: the first of equals, but the last NaN."""
    take = live & ((value > best) | (value != value) | (place < 0))
    return tl.where(take, value, best), tl.where(take, at, place)


@triton.jit
def largest_of_windows(
    out, index, x, total, n0, n1, n2, q0, q1, q2, k0, k1, k2, s0, s1, s2, p0, p1, p2, d0, d1, d2,
    WAY: tl.constexpr, NUMBER: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = elements(BLOCK, WIDE)
    o2, o1, o0 = i % q2, i // q2 % q1, i // (q2 * q1) % q0
    base = i // (q2 * q1 * q0) * (n0 * n1 * n2)
    best = computing(tl.zeros([BLOCK], tl.float32), NUMBER)
    place = i * 0 - 1
    for t in range(k0 * k1 * k2):
        a0, in0 = tap_of(o0, t // (k1 * k2), n0, q0, k0, s0, p0, d0, WAY)
        a1, in1 = tap_of(o1, t // k2 % k1, n1, q1, k1, s1, p1, d1, WAY)
        a2, in2 = tap_of(o2, t % k2, n2, q2, k2, s2, p2, d2, WAY)
        at = (a0 * n1 + a1) * n2 + a2
        live = (i < total) & in0 & in1 & in2
        value = computing(tl.load(x + base + at, live, other=0), NUMBER)
        best, place = larger(value, best, at, place, live)
    tl.store(out + i, best.to(out.dtype.element_ty), i < total)
    tl.store(index + i, place, i < total)


@triton.jit
def gradient_of_largest(
    out, grad, index, total, n0, n1, n2, q0, q1, q2, k0, k1, k2, r0, r1, r2, s0, s1, s2, p0, p1, p2, d0, d1, d2,
    WAY: tl.constexpr, NUMBER: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = elements(BLOCK, WIDE)
    own = i % (n0 * n1 * n2)
    i2, i1, i0 = own % n2, own // n2 % n1, own // (n2 * n1)
    base = i // (n0 * n1 * n2) * (q0 * q1 * q2)
    acc = computing(tl.zeros([BLOCK], tl.float32), NUMBER)
    for t in range(r0 * r1 * r2):
        o0, in0 = reader_of(i0, t // (r1 * r2), n0, q0, k0, s0, p0, d0, WAY)
        o1, in1 = reader_of(i1, t // r2 % r1, n1, q1, k1, s1, p1, d1, WAY)
        o2, in2 = reader_of(i2, t % r2, n2, q2, k2, s2, p2, d2, WAY)
        at = base + (o0 * q1 + o1) * q2 + o2
        live = (i < total) & in0 & in1 & in2
        live = live & (tl.load(index + at, live, other=-1) == own)
        acc += computing(tl.load(grad + at, live, other=0), NUMBER)
    tl.store(out + i, acc.to(out.dtype.element_ty), i < total)


@triton.jit
def divisor_of(
    o0, o1, o2, n0, n1, n2, q0, q1, q2, k0, k1, k2, s0, s1, s2, p0, p1, p2, given,
    WAY: tl.constexpr, NUMBER: tl.constexpr, DIVISOR: tl.constexpr,
):  # fmt: skip
    """What the sum of a window is divided by."""
    if DIVISOR == "given":
        return computing(tl.zeros_like(o2), NUMBER) + given
    else:
        c0, c1 = shown(o0, n0, q0, k0, s0, p0, WAY, DIVISOR), shown(o1, n1, q1, k1, s1, p1, WAY, DIVISOR)
        return computing(c0 * c1 * shown(o2, n2, q2, k2, s2, p2, WAY, DIVISOR), NUMBER)


@triton.jit
def average_of_windows(
    out, x, total, given, n0, n1, n2, q0, q1, q2, k0, k1, k2, s0, s1, s2, p0, p1, p2, d0, d1, d2,
    WAY: tl.constexpr, DIVISOR: tl.constexpr, NUMBER: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = elements(BLOCK, WIDE)
    o2, o1, o0 = i % q2, i // q2 % q1, i // (q2 * q1) % q0
    base = i // (q2 * q1 * q0) * (n0 * n1 * n2)
    acc = computing(tl.zeros([BLOCK], tl.float32), NUMBER)
    for t in range(k0 * k1 * k2):
        a0, in0 = tap_of(o0, t // (k1 * k2), n0, q0, k0, s0, p0, d0, WAY)
        a1, in1 = tap_of(o1, t // k2 % k1, n1, q1, k1, s1, p1, d1, WAY)
        a2, in2 = tap_of(o2, t % k2, n2, q2, k2, s2, p2, d2, WAY)
        live = (i < total) & in0 & in1 & in2
        acc += computing(tl.load(x + base + (a0 * n1 + a1) * n2 + a2, live, other=0), NUMBER)
    divisor = divisor_of(
        o0, o1, o2, n0, n1, n2, q0, q1, q2, k0, k1, k2, s0, s1, s2, p0, p1, p2, given, WAY, NUMBER, DIVISOR
    )
    tl.store(out + i, (acc / divisor).to(out.dtype.element_ty), i < total)


@triton.jit
def gradient_of_average(
    out, grad, total, given, n0, n1, n2, q0, q1, q2, k0, k1, k2, r0, r1, r2, s0, s1, s2, p0, p1, p2, d0, d1, d2,
    WAY: tl.constexpr, DIVISOR: tl.constexpr, NUMBER: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = elements(BLOCK, WIDE)
    i2, i1, i0 = i % n2, i // n2 % n1, i // (n2 * n1) % n0
    base = i // (n0 * n1 * n2) * (q0 * q1 * q2)
    acc = computing(tl.zeros([BLOCK], tl.float32), NUMBER)
    for t in range(r0 * r1 * r2):
        o0, in0 = reader_of(i0, t // (r1 * r2), n0, q0, k0, s0, p0, d0, WAY)
        o1, in1 = reader_of(i1, t // r2 % r1, n1, q1, k1, s1, p1, d1, WAY)
        o2, in2 = reader_of(i2, t % r2, n2, q2, k2, s2, p2, d2, WAY)
        live = (i < total) & in0 & in1 & in2
        value = computing(tl.load(grad + base + (o0 * q1 + o1) * q2 + o2, live, other=0), NUMBER)
        divisor = divisor_of(
            o0, o1, o2, n0, n1, n2, q0, q1, q2, k0, k1, k2, s0, s1, s2, p0, p1, p2, given, WAY, NUMBER, DIVISOR
        )
        acc += tl.where(live, value / divisor, 0)
    tl.store(out + i, acc.to(out.dtype.element_ty), i < total)


@triton.jit
def start_of(sample, o, n, count, kernel):
    """The first pixel of window ``o`` of a dim, as a sample from [0, 1) shifts it (Graham, "Fractional max-pooling")."""
    alpha = (n - kernel).to(tl.float64) / tl.maximum(count - 1, 1).to(tl.float64)
    shift = sample.to(tl.float64)
    first = (tl.floor((o.to(tl.float64) + shift) * alpha) - tl.floor(shift * alpha)).to(o.dtype)
    return tl.where(o == count - 1, n - kernel, first)


@triton.jit
def largest_of_fractional(
    out, index, x, samples, total, dims, n0, n1, n2, q0, q1, q2, k0, k1, k2,
    NUMBER: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = elements(BLOCK, WIDE)
    live = i < total
    o2, o1, o0 = i % q2, i // q2 % q1, i // (q2 * q1) % q0
    plane = i // (q2 * q1 * q0)
    drawn = samples + plane * dims  # for the last dim first
    f2 = start_of(tl.load(drawn, live, other=0), o2, n2, q2, k2)
    f1 = start_of(tl.load(drawn + 1, live, other=0), o1, n1, q1, k1)
    f0 = start_of(tl.load(drawn + 2, live & (dims == 3), other=0), o0, n0, q0, k0)
    best = computing(tl.zeros([BLOCK], tl.float32), NUMBER)
    place = i * 0 - 1
    for t in range(k0 * k1 * k2):
        at = ((f0 + t // (k1 * k2)) * n1 + f1 + t // k2 % k1) * n2 + f2 + t % k2
        value = computing(tl.load(x + plane * (n0 * n1 * n2) + at, live, other=0), NUMBER)
        best, place = larger(value, best, at, place, live)
    tl.store(out + i, best.to(out.dtype.element_ty), live)
    tl.store(index + i, place, live)


# -- launches -------------------------------------------------------------------------------------------------------

BLOCK = 512  # elements a program takes on a GPU: with 1024 the taps, unrolled, need many registers
FLOATS = ("float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2")


def numbers(dtype, whole="int64"):
    """The name of the type that elements are computed in."""
    return "float32" if dtype.name in FLOATS else "float64" if dtype.kind == "f" else whole


def _three(values, fill=1):
    return (fill,) * (3 - len(values)) + tuple(values)


def _geometry(windows):
    """(sizes, counts), (kernels, readers), (strides, paddings, dilations) and the way, for the kernels."""
    if windows[0].adaptive:
        way = "adaptive"
        readers = [-(-w.count // w.size) + 1 for w in windows]
    elif all(w.dilation == 1 for w in windows):
        way = "dense"
        readers = [(w.kernel - 1) // w.stride + 1 for w in windows]
    else:
        way, readers = "dilated", [w.kernel for w in windows]
    sizes = _three([w.size for w in windows]) + _three([w.count for w in windows])
    places = (*_three([w.stride for w in windows]), *_three([w.padding for w in windows], 0))
    steps = _three([w.dilation for w in windows])
    return sizes, _three([w.kernel for w in windows]), _three(readers), (*places, *steps), way


def _launch(kernel, out, arrays, total, numbers, how):
    if out.size:
        block = BLOCK if is_real() else block_of(out.size)
        wide = max(x.size for x in (out, *arrays)) >= 2**31 - block
        launch(
            kernel, (triton.cdiv(out.size, block),), out, *arrays, total, *numbers, NUMBER=how.pop("NUMBER"),
            WIDE=wide, BLOCK=block, **how,
        )  # fmt: skip


def _outputs(image, windows):
    return image.shape[: -len(windows)] + tuple(w.count for w in windows)


def maximum(image, windows):
    """(largest element of each window, its index in the plane) over the last ``len(windows)`` dims."""
    sizes, kernels, _, places, way = _geometry(windows)
    shape = _outputs(image, windows)
    out, index = empty(shape, image.dtype), empty(shape, np.dtype(np.int64))
    how = {"WAY": way, "NUMBER": numbers(image.dtype)}
    _launch(largest_of_windows, out, [index, packed(image)], out.size, (*sizes, *kernels, *places), how)
    return out, index


def maximum_gradient(grad, indices, size, windows):
    """Each gradient at its index in a plane of ``size``, gathered by the pixels: see Note [Readers of a pixel]."""
    sizes, kernels, readers, places, way = _geometry(windows)
    out = empty((*grad.shape[: -len(windows)], *size), grad.dtype)
    how = {"WAY": way, "NUMBER": numbers(grad.dtype)}
    _launch(
        gradient_of_largest, out, [packed(grad), packed(indices)], out.size, (*sizes, *kernels, *readers, *places), how
    )
    return out


def _division(divisor, dtype):
    """The number that is given for a divisor, and how to divide."""
    kind = numbers(dtype, "float64")
    given = np.dtype(kind).type(divisor if divisor.__class__ is float else 1.0)
    return given, {"DIVISOR": "given" if divisor.__class__ is float else divisor, "NUMBER": kind}


def average(image, windows, divisor):
    """The sum of each window over its divisor."""
    sizes, kernels, _, places, way = _geometry(windows)
    given, how = _division(divisor, image.dtype)
    out = empty(_outputs(image, windows), image.dtype)
    _launch(average_of_windows, out, [packed(image)], out.size, (given, *sizes, *kernels, *places), how | {"WAY": way})
    return out


def spread(grad, windows, divisor):
    """The transpose of :func:`average`."""
    sizes, kernels, readers, places, way = _geometry(windows)
    given, how = _division(divisor, grad.dtype)
    out = empty((*grad.shape[: -len(windows)], *[w.size for w in windows]), grad.dtype)
    _launch(
        gradient_of_average, out, [packed(grad)], out.size, (given, *sizes, *kernels, *readers, *places),
        how | {"WAY": way},
    )  # fmt: skip
    return out


def fractional(image, samples, kernel, size):
    """As :func:`maximum`, of windows whose places the samples fix."""
    n = len(kernel)
    shape = image.shape[:-n] + tuple(size)
    out, index = empty(shape, image.dtype), empty(shape, np.dtype(np.int64))
    _launch(
        largest_of_fractional, out, [index, packed(image), packed(samples)], out.size,
        (n, *_three(image.shape[-n:]), *_three(size), *_three(kernel)), {"NUMBER": numbers(image.dtype)},
    )  # fmt: skip
    return out, index
