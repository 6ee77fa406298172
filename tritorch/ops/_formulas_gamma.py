"""The gamma function's family in Triton's language, in double precision. Edge values (poles, infinities) are torch's."""

import math

from ..runtime.jit import libdevice, tl, triton

__all__ = ["digamma_of", "lower_gamma", "polygamma_of", "trigamma_of", "upper_gamma", "zeta_of"]

PI, EULER_GAMMA = tl.constexpr(math.pi), tl.constexpr(0.5772156649015329)


@triton.jit
def any_of(condition):
    """Whether it holds for one element of the block."""
    return tl.max(condition.to(tl.int32), 0) > 0


@triton.jit
def bernoulli_series(z, B2, B4, B6, B8, B10, B12, B14, B16):
    """``B2 z + B4 z^2 + ...``"""
    return z * (B2 + z * (B4 + z * (B6 + z * (B8 + z * (B10 + z * (B12 + z * (B14 + z * B16)))))))


@triton.jit
def digamma_of(x):
    """The asymptotic series (DLMF 5.11.2), reached by recurrence and reflection."""
    y = tl.where(x < 0, 1 - x, x)
    total = tl.zeros_like(y)
    for _ in range(10):
        total = tl.where(y < 10, total - 1 / y, total)
        y = tl.where(y < 10, y + 1, y)
    z = 1 / (y * y)
    series = bernoulli_series(
        z, 1 / 12, -1 / 120, 1 / 252, -1 / 240, 5 / 660, -691 / 32760, 7 / 84, -3617 / 8160
    )  # fmt: skip
    total = tl.where(y == float("inf"), y, total + libdevice.log(y) - 0.5 / y - series)
    part = x - libdevice.trunc(x)
    turned = tl.where(part == 0, float("nan"), total - 1 / libdevice.tan(part * PI) * PI)
    return tl.where(x == 0, libdevice.copysign(x * 0 + float("inf"), -x), tl.where(x < 0, turned, total))


@triton.jit
def trigamma_of(x):
    y = tl.where(x < 0.5, 1 - x, x)
    total = tl.zeros_like(y)
    for _ in range(10):
        total = tl.where(y < 10, total + 1 / (y * y), total)
        y = tl.where(y < 10, y + 1, y)
    z = 1 / (y * y)
    series = bernoulli_series(z, 1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510) / y
    total = total + 1 / y + 0.5 * z + series
    sine = libdevice.sin(x * PI)
    return tl.where(x < 0.5, 1 / (sine * sine) * (PI * PI) - total, total)


@triton.jit
def zeta_of(s, q):
    """Hurwitz' zeta function by the sum of Euler and Maclaurin (DLMF 25.11.5 and on)."""
    s, q = tl.broadcast(s, q)
    bad = (s < 1) | ((q <= 0) & (libdevice.floor(s) != s)) | (q == float("inf")) | (s != s) | (q != q)
    infinite = (s == 1) | ((q <= 0) & (q == libdevice.floor(q)) & ((s > 1) | (s != s)))
    plain = (s > 1) & (infinite == bad)  # neither
    s = tl.where(plain, s, 2)
    y = tl.where(plain, q, 1)
    total = tl.zeros_like(y)
    k = 0
    busy = plain
    while any_of(busy):
        term = libdevice.pow(y, -s)
        total = tl.where(busy, total + term, total)
        y = tl.where(busy, y + 1, y)
        k += 1
        busy = busy & ((k < 10) | (y < 10)) & ((y <= 1) | (tl.abs(term) >= tl.abs(total) * 1e-17))
    tail = libdevice.pow(y, -s)
    more = tail * (y / (s - 1) + 0.5)
    factor = tail * s / y / 2  # s (s+1) ... (s+2k-2) / (2k)! / y^(s+2k-1)
    for k2 in tl.static_range(10):
        if k2 == 0:
            more += factor * (1 / 6)
        elif k2 == 1:
            more += factor * (-1 / 30)
        elif k2 == 2:
            more += factor * (1 / 42)
        elif k2 == 3:
            more += factor * (-1 / 30)
        elif k2 == 4:
            more += factor * (5 / 66)
        elif k2 == 5:
            more += factor * (-691 / 2730)
        elif k2 == 6:
            more += factor * (7 / 6)
        elif k2 == 7:
            more += factor * (-3617 / 510)
        elif k2 == 8:
            more += factor * (43867 / 798)
        else:
            more += factor * (-174611 / 330)
        factor = factor * (s + (2 * k2 + 1)) * (s + (2 * k2 + 2)) / ((2 * k2 + 3) * (2 * k2 + 4)) / (y * y)
    total = tl.where(tail == 0, total, total + more)
    return tl.where(infinite, float("inf"), tl.where(plain, total, float("nan")))


@triton.jit
def polygamma_of(n, x):
    """The ``n``-th derivative of digamma, n > 1 a whole number."""
    sign = tl.where(n * 0.5 == libdevice.floor(n * 0.5), -1.0, 1.0)
    return zeta_of(n + 1, x) * sign * libdevice.tgamma(n + 1)


# -- the incomplete gamma functions, ratios to the complete one -------------------------------------------------------


@triton.jit
def gamma_scale(a, x):
    """``x^a e^-x / Gamma(a + 1)``, the scale of both functions."""
    small = libdevice.exp(a * libdevice.log(x) - x - libdevice.lgamma(a + 1))
    mu = (x - a) / a  # near a = x the large terms cancel in log1p(mu) - mu
    square = a * a
    stirling = (1 - (1 / 30 - 1 / (square * 105)) / square) / (a * 12)
    large = libdevice.exp(a * (libdevice.log1p(mu) - mu) - stirling) / libdevice.sqrt(a * (2 * PI))
    return tl.where(a < 20, small, large)


@triton.jit
def lower_series(a, x, busy):
    """DLMF 8.7.1, for the elements that are ``busy``."""
    total = tl.zeros_like(x) + 1
    term = total
    b = a
    while any_of(busy):
        b += 1
        term = term * x / b
        total = tl.where(busy, total + term, total)
        busy = busy & (term > total * 1e-17)
    return total * gamma_scale(a, x)


@triton.jit
def away_from_zero(x):
    return tl.where(tl.abs(x) < 1e-300, 1e-300, x)


@triton.jit
def upper_fraction(a, x, busy):
    """DLMF 8.9.2, by Lentz' method."""
    b = x + 1 - a
    c = tl.zeros_like(x) + 1e300
    d = 1 / b
    h = d
    k = tl.zeros_like(x)
    while any_of(busy):
        k += 1
        step = -k * (k - a)
        b += 2
        d = 1 / away_from_zero(step * d + b)
        c = away_from_zero(b + step / c)
        h = tl.where(busy, h * d * c, h)
        busy = busy & (tl.abs(d * c - 1) > 3e-16) & (k < 1e5)
    return h * a * gamma_scale(a, x)


@triton.jit
def upper_series(a, x):
    """For x < 1.1, where 1 - lower_series would cancel: DLMF 8.7.1 again, its first term apart."""
    total = tl.zeros_like(x)
    term = total + 1
    k = total
    for _ in range(20):
        k += 1
        term = term * -x / k
        total += term / (a + k)
    log_gamma = tl.where(a < 1e-5, a * (a * (PI * PI / 12) - EULER_GAMMA), libdevice.lgamma(a + 1))
    log_ratio = a * libdevice.log(x) - log_gamma
    return -libdevice.expm1(log_ratio) - libdevice.exp(log_ratio) * a * total


@triton.jit
def upper_uniform(a, x):
    """Temme's uniform expansion, its leading term (DLMF 8.12.4): for ``a`` of more than 1e7."""
    mu = (x - a) / a
    eta = libdevice.copysign(libdevice.sqrt((mu - libdevice.log1p(mu)) * 2), mu)
    near = eta * (1 / 12 - eta * (2 / 135 - eta / 864)) - 1 / 3
    c0 = tl.where(tl.abs(eta) < 0.01, near, 1 / mu - 1 / eta)
    tail = c0 * libdevice.exp(-a * eta * eta / 2) / libdevice.sqrt(a * (2 * PI))
    return libdevice.erfc(eta * libdevice.sqrt(a / 2)) / 2 + tail


@triton.jit
def at_edge(a, x, at_zero, at_inf):
    """The value where ``a`` or ``x`` is 0, infinite or negative, given those at x = 0 and infinity; NaN for NaN."""
    nan = a * x * 0 + float("nan")
    value = tl.where(x == float("inf"), at_inf, nan)
    value = tl.where(a == float("inf"), tl.where(x == float("inf"), nan, at_zero), value)
    value = tl.where(x == 0, at_zero, value)
    value = tl.where(a == 0, tl.where(x > 0, at_inf, nan), value)
    return tl.where((x < 0) | (a < 0), nan, value)


@triton.jit
def lower_gamma(a, x):
    """From 0 to x."""
    a, x = tl.broadcast(a, x)
    plain = (a > 0) & (x > 0) & (a < float("inf")) & (x < float("inf"))
    b, y = tl.where(plain, a, 1), tl.where(plain, x, 1)
    below = (y <= 1) | (y < b + 1)
    value = tl.where(below, lower_series(b, y, below & (b <= 1e7)), 1 - upper_fraction(b, y, (below == 0) & (b <= 1e7)))
    value = tl.where(b > 1e7, 1 - upper_uniform(b, y), value)
    return tl.where(plain, value, at_edge(a, x, 0.0, 1.0))


@triton.jit
def upper_gamma(a, x):
    """From x to infinity."""
    a, x = tl.broadcast(a, x)
    plain = (a > 0) & (x > 0) & (a < float("inf")) & (x < float("inf"))
    b, y = tl.where(plain, a, 1), tl.where(plain, x, 1)
    direct = (y <= 1.1) & ((b < y) | (y <= 0.5))
    below = (direct == 0) & (y < b + 1) | (direct == 0) & (y <= 1.1)
    beyond = (direct | below) == 0
    value = tl.where(below, 1 - lower_series(b, y, below & (b <= 1e7)), upper_fraction(b, y, beyond & (b <= 1e7)))
    value = tl.where(direct, upper_series(b, tl.where(direct, y, 1)), value)
    value = tl.where(b > 1e7, upper_uniform(b, y), value)
    return tl.where(plain, value, at_edge(a, x, 1.0, 0.0))
