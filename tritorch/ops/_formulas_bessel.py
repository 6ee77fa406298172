"""Bessel functions and Airy's in Triton's language, in double precision: what CUDA's own library does not have."""

import math

from ..runtime.jit import libdevice, tl, triton

__all__ = ["airy", "of_positive", "scaled_i0", "scaled_i1", "scaled_k0_of", "scaled_k1_of", "unscaled", "without_inf"]

PI, EULER_GAMMA = tl.constexpr(math.pi), tl.constexpr(0.5772156649015329)
AIRY, AIRY_SLOPE = tl.constexpr(0.35502805388781723926), tl.constexpr(-0.25881940379280679841)  # at 0: DLMF 9.2.3


@triton.jit
def without_inf(x, value):
    """torch has NaN at both infinities."""
    return tl.where(tl.abs(x) == float("inf"), float("nan"), value)


@triton.jit
def of_positive(x, value, pole):
    """A function of the second kind: ``pole`` at zero, NaN below."""
    return tl.where(x > 0, value, tl.where(x == 0, pole, float("nan")))


@triton.jit
def asymptotic_i(size, fourfold):
    """DLMF 10.40.1, for order 0 (``fourfold`` = 0) or 1 (4)."""
    term = tl.zeros_like(size) + 1
    total = term
    for k in range(1, 30):
        odd = 2 * k - 1
        term = term * (odd * odd - fourfold) / (size * (8 * k))
        total += term
    return total / libdevice.sqrt(size * (2 * PI))


@triton.jit
def scaled_i0(x):
    size = tl.abs(x)
    near = libdevice.cyl_bessel_i0(tl.where(size <= 20, x, 0)) * libdevice.exp(-size)
    return tl.where(size <= 20, near, asymptotic_i(tl.where(size <= 20, 20, size), 0))


@triton.jit
def scaled_i1(x):
    size = tl.abs(x)
    near = libdevice.cyl_bessel_i1(tl.where(size <= 20, x, 0)) * libdevice.exp(-size)
    return tl.where(size <= 20, near, libdevice.copysign(asymptotic_i(tl.where(size <= 20, 20, size), 4), x))


@triton.jit
def k_fraction(mu, x):
    """``exp(x) K_mu(x)`` and ``exp(x) K_{mu+1}(x)`` for x >= 2: Temme's evaluation of Steed's continued fraction."""
    first = 0.25 - mu * mu
    b = (x + 1) * 2
    d = 1 / b
    delta = d
    h = d
    q1 = tl.zeros_like(x)
    q2 = q1 + 1
    q = q1 + first
    c = q
    a = -first
    s = q * delta + 1
    k = 2
    busy = x == x
    while tl.max(busy.to(tl.int32), 0) > 0:
        a -= 2 * (k - 1)
        c = c * -a / k
        following = (q1 - b * q2) / a
        q1 = q2
        q2 = following
        q = tl.where(busy, q + c * following, q)
        b += 2
        d = 1 / (d * a + b)
        delta = delta * (b * d - 1)
        h = tl.where(busy, h + delta, h)
        s = tl.where(busy, s + q * delta, s)
        busy = busy & (tl.abs(q * delta) >= s * 1e-17) & (k < 500)
        k += 1
    value = libdevice.sqrt(1 / x * (PI / 2)) / s
    return value, value * (x + (mu + 0.5) - h * first) / x


@triton.jit
def scaled_k0_of(x):
    """``exp(x) K_0(x)``: the series of DLMF 10.31.2 up to 2."""
    y = tl.where((x > 0) & (x <= 2), x, 1)
    quarter = y * y * 0.25
    total = tl.zeros_like(y)
    term = total + 1
    harmonic = total
    for k in range(1, 25):
        term = term * quarter / (k * k)
        harmonic += (total * 0 + 1) / k
        total += term * harmonic
    near = (total - (libdevice.log(y * 0.5) + EULER_GAMMA) * libdevice.cyl_bessel_i0(y)) * libdevice.exp(y)
    far, _ = k_fraction(x * 0, tl.where((x > 2) & (x < float("inf")), x, 3))
    value = tl.where(x == float("inf"), 0, tl.where(x > 2, far, near))
    return of_positive(x, value, float("inf"))


@triton.jit
def scaled_k1_of(x):
    """``exp(x) K_1(x)``: the series of DLMF 10.31.1 up to 2."""
    y = tl.where((x > 0) & (x <= 2), x, 1)
    quarter = y * y * 0.25
    total = tl.zeros_like(y)
    one = total + 1
    term = one
    both = one - EULER_GAMMA * 2  # psi(k+1) + psi(k+2)
    for k in range(25):
        total += term * both
        term = term * quarter / ((k + 1) * (k + 2))
        both += one / (k + 1) + one / (k + 2)
    near = (1 / y + libdevice.log(y * 0.5) * libdevice.cyl_bessel_i1(y) - y * 0.25 * total) * libdevice.exp(y)
    _, far = k_fraction(x * 0, tl.where((x > 2) & (x < float("inf")), x, 3))
    value = tl.where(x == float("inf"), 0, tl.where(x > 2, far, near))
    return of_positive(x, value, float("inf"))


@triton.jit
def unscaled(x, scaled):
    return tl.where(scaled == scaled, scaled * libdevice.exp(-x), scaled)


# -- Airy's Ai ------------------------------------------------------------------------------------------------------


@triton.jit
def airy_step(y, slope, x, h):
    """A solution of y'' = x y and its slope, carried from ``x`` to ``x + h`` by its Taylor series."""
    before = tl.zeros_like(h)  # coefficients n-1, n, n+1
    here = y
    following = slope
    power = h
    y = here + following * h
    slope = following
    for n in range(30):
        after = (x * here + before) / ((n + 1) * (n + 2))
        before = here
        here = following
        following = after
        slope += after * power * (n + 2)
        power = power * h
        y += after * power
    return y, slope


@triton.jit
def airy(x):
    size = tl.abs(x)
    zeta = size * libdevice.sqrt(size) * (2 / 3)
    third = tl.zeros_like(x) + 1 / 3
    decay, _ = k_fraction(third, tl.where((x > 2.1) & (x < 105), zeta, 3))
    right = libdevice.sqrt(size / 3) / PI * decay * libdevice.exp(-zeta)
    even = tl.zeros_like(x) + 1  # DLMF 9.7.9
    odd = tl.zeros_like(x)
    term = even
    long = tl.where(x < -10, zeta, 21)
    for k in range(1, 24):
        term = term * ((6 * k - 5) * (6 * k - 1)) / (long * (72 * k))
        signed = tl.where(k % 4 > 1, -term, term)
        even = tl.where(k % 2 == 0, even + signed, even)
        odd = tl.where(k % 2 == 1, odd + signed, odd)
    wave = even * libdevice.sin(zeta + PI / 4) - odd * libdevice.cos(zeta + PI / 4)
    left = wave / libdevice.sqrt(libdevice.sqrt(size) * PI)
    aim = tl.where((x >= -10) & (x <= 2.1), x, 0)
    at = tl.zeros_like(x)
    y = at + AIRY
    slope = at + AIRY_SLOPE
    for _ in range(11):
        h = tl.where(aim - at < -1, -1.0, aim - at)
        y, slope = airy_step(y, slope, at, h)
        at += h
    inside = tl.where(x > 2.1, right, tl.where(x < -10, left, y))
    return tl.where(x != x, x, without_inf(x, tl.where(x > 104, 0, inside)))
