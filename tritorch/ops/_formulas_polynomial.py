"""Orthogonal polynomials in Triton's language, in double precision, by their recurrences.

A degree below zero gives zero; high degrees of Chebyshev's inside (-1, 1) are computed as cosines, as torch does.
"""

from ..runtime.jit import libdevice, tl, triton

__all__ = ["chebyshev", "hermite", "laguerre", "legendre"]


@triton.jit
def whole_degree(degree, x):
    """The whole part, as a number of steps; 0 for what is no degree, or NaN for NaN's sake."""
    valid = (degree > -1) & (degree < 9.2e18)
    return tl.where(valid & (x == x), degree, 0).to(tl.int64)


@triton.jit
def step_of(kind, x, k, here, before):
    """The next polynomial of a recurrence."""
    if kind == "chebyshev":
        return x * here * 2 - before
    elif kind == "hermite_h":
        return (x * here - before * k) * 2
    elif kind == "hermite_he":
        return x * here - before * k
    elif kind == "laguerre":
        return ((2 * k + 1 - x) * here - before * k) / (k + 1)
    else:
        return ((2 * k + 1) * x * here - before * k) / (k + 1)


@triton.jit
def recurrence(kind, x, degree, first):
    """p(n) from p(0) = 1, p(1) = ``first``: as many steps as the highest degree of the block asks for, or up to NaN."""
    steps = whole_degree(degree, x)
    before = tl.zeros_like(x) + 1
    here = first
    k = tl.zeros_like(x) + 1
    busy = k < steps
    while tl.max(busy.to(tl.int32), 0) > 0:
        after = step_of(kind, x, k, here, before)
        before = tl.where(busy, here, before)
        here = tl.where(busy, after, here)
        k += 1
        busy = (k < steps) & (here == here)  # NaN stays
    value = tl.where(steps == 0, x * 0 + 1, here)
    value = tl.where((x != x) & (libdevice.trunc(degree) != 0), x, tl.where(libdevice.trunc(degree) == 0, 1.0, value))
    return tl.where((degree > -1) & (degree < 9.2e18), value, 0)


@triton.jit
def chebyshev(kind, x, n):
    """The four kinds "t", "u", "v", "w"."""
    x, n = tl.broadcast(x.to(tl.float64), n.to(tl.float64))
    whole = libdevice.trunc(n)
    inside = (tl.abs(x) < 1) & (n > (6 if kind == "t" else 8))
    low = tl.where(inside | (tl.abs(x) == 1), 0, n)
    angle = libdevice.acos(tl.where(inside, x, 0))
    sign = tl.where(whole * 0.5 != libdevice.floor(whole * 0.5), -1.0, 1.0)
    if kind == "t":
        value = recurrence("chebyshev", x, low, x)
        wave = libdevice.cos(whole * angle)
        end = tl.where(x > 0, 1.0, sign)
    elif kind == "u":
        value = recurrence("chebyshev", x, low, x * 2)
        wave = libdevice.sin((whole + 1) * angle) / libdevice.sin(angle)
        end = tl.where(x > 0, whole + 1, sign * (whole + 1))
    elif kind == "v":
        value = recurrence("chebyshev", x, low, x * 2 - 1)
        wave = libdevice.cos((whole + 0.5) * angle) / libdevice.cos(angle / 2)
        end = tl.where(x > 0, 1.0, sign * (whole * 2 + 1))
    else:
        value = recurrence("chebyshev", x, low, x * 2 + 1)
        wave = libdevice.sin((whole + 0.5) * angle) / libdevice.sin(angle / 2)
        end = tl.where(x > 0, whole * 2 + 1, sign)
    value = tl.where(inside, wave, tl.where(tl.abs(x) == 1, end, value))
    return tl.where((n > -1) & (n < 9.2e18), value, 0)


@triton.jit
def hermite(kind, x, n):
    x, n = tl.broadcast(x.to(tl.float64), n.to(tl.float64))
    if kind == "h":
        return recurrence("hermite_h", x, n, x * 2)
    else:
        return recurrence("hermite_he", x, n, x)


@triton.jit
def laguerre(x, n):
    x, n = tl.broadcast(x.to(tl.float64), n.to(tl.float64))
    return recurrence("laguerre", x, n, 1 - x)


@triton.jit
def legendre(x, n):
    x, n = tl.broadcast(x.to(tl.float64), n.to(tl.float64))
    return recurrence("legendre", x, n, x)
