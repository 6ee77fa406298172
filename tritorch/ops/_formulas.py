"""Formulas in Triton's language that several pointwise kernels share. Each sees values of one dtype, blocks or numbers."""

from ..runtime.jit import libdevice, tl, triton

__all__ = [
    "common_divisor",
    "floor_quotient",
    "integer_power_of",
    "is_finite",
    "larger",
    "mantissa_and_exponent",
    "next_after",
    "normal_density",
    "remainder_of",
    "sigmoid_of",
    "sign_of",
    "smaller",
    "softplus_of",
    "trunc_quotient",
    "within",
]

ROOT_2PI_INVERSE = tl.constexpr(0.3989422804014327)


@triton.jit
def is_finite(x):
    if x.dtype.is_floating():
        return tl.abs(x) < float("inf")
    else:
        return x == x


@triton.jit
def larger(a, b):
    """The larger of two values; NaN if one is."""
    return tl.where((a > b) | (a != a), a, b)


@triton.jit
def smaller(a, b):
    return tl.where((a < b) | (a != a), a, b)


@triton.jit
def within(x, low, high):
    """``x`` limited to [low, high]; NaN stays."""
    x = tl.where(x < low, low, x)
    return tl.where(x > high, high, x)


@triton.jit
def sign_of(x):
    """-1, 0 or 1; 0 for NaN."""
    if x.dtype.is_int1():
        return x
    else:
        return (x > 0).to(x.dtype) - (x < 0).to(x.dtype)


@triton.jit
def sigmoid_of(x):
    return libdevice.rcp_rn(1 + libdevice.exp(-x))


@triton.jit
def softplus_of(x):
    """``log(1 + e^x)`` without overflow."""
    return tl.where(x <= 0, 0, x) + libdevice.log1p(libdevice.exp(-tl.abs(x)))


@triton.jit
def normal_density(x):
    return libdevice.exp(x * x * -0.5) * ROOT_2PI_INVERSE


# -- division: quotients of integers by zero are what the hardware gives, as torch's are on a GPU --------------------


@triton.jit
def differ_in_sign(a, b):
    return (a < 0) != (b < 0)


@triton.jit
def trunc_quotient(x, y):
    """The quotient rounded towards zero; of half precision it is rounded to that first."""
    if not x.dtype.is_floating():
        return x // y
    elif x.dtype.primitive_bitwidth < 32:
        return libdevice.trunc(libdevice.div_rn(x.to(tl.float32), y.to(tl.float32)).to(x.dtype).to(tl.float32))
    else:
        return libdevice.trunc(libdevice.div_rn(x, y))


@triton.jit
def remainder_of(x, y):
    """What division rounded down leaves: it has the sign of ``y``."""
    if x.dtype.is_floating():
        rest = libdevice.fmod(x, y)
    else:
        rest = x % y
    return tl.where((rest != 0) & differ_in_sign(rest, y), rest + y, rest)


@triton.jit
def floor_quotient(x, y):
    """The quotient rounded down: exact where ``x / y`` rounds up to a whole number."""
    if x.dtype.is_floating():
        plain = libdevice.div_rn(x, y)
        rest = libdevice.fmod(x, y)
        quotient = libdevice.div_rn(x - rest, y)
        quotient = tl.where((rest != 0) & differ_in_sign(rest, y), quotient - 1, quotient)
        whole = libdevice.floor(quotient)
        whole = tl.where(quotient - whole > 0.5, whole + 1, whole)
        whole = tl.where(quotient == 0, libdevice.copysign(quotient, plain), whole)
        return tl.where(y == 0, plain, whole)
    else:
        quotient = x // y
        rest = x - quotient * y
        return tl.where((rest != 0) & differ_in_sign(rest, y), quotient - 1, quotient)


@triton.jit
def any_of(condition):
    """Whether it holds for one element of the block."""
    return tl.max(condition.to(tl.int32), 0) > 0


@triton.jit
def common_divisor(a, b):
    """The greatest common divisor, by Euclid, until no element of the block has a rest."""
    a, b = tl.broadcast(tl.abs(a), tl.abs(b))
    while any_of(b != 0):
        rest = a % tl.where(b == 0, 1, b)
        a = tl.where(b == 0, a, b)
        b = tl.where(b == 0, b, rest)
    return a


@triton.jit
def integer_power_of(base, exponent):
    """By squaring, wrapping around; a negative exponent gives 1, -1 or 0: the power rounded towards zero."""
    base, exponent = tl.broadcast(base, exponent)
    unit = tl.where(base == 1, 1, tl.where((base + 1 == 0) & (base < 0), tl.where(exponent & 1 != 0, base, 1), 0))
    square = base
    left = tl.where(exponent < 0, 0, exponent)
    power = tl.full(base.shape, 1, base.dtype)
    while any_of(left != 0):
        power = tl.where(left & 1 != 0, power * square, power)
        square = square * square
        left = left >> 1
    return tl.where(exponent < 0, unit, power)


@triton.jit
def next_after(x, y):
    """The number next to ``x`` on the way to ``y``: a step of the bits, whose order is that of magnitudes."""
    if x.dtype.primitive_bitwidth == 64:
        bits = x.to(tl.int64, bitcast=True)
        sign = y.to(tl.int64, bitcast=True) & -0x8000000000000000
        a, b = x, y
    elif x.dtype.primitive_bitwidth == 32:
        bits = x.to(tl.int32, bitcast=True)
        sign = y.to(tl.int32, bitcast=True) & -0x80000000
        a, b = x, y
    else:
        bits = x.to(tl.int16, bitcast=True)
        sign = y.to(tl.int16, bitcast=True) & -0x8000
        a, b = x.to(tl.float32), y.to(tl.float32)
    step = tl.where((a < b) == (a > 0), 1, -1).to(bits.dtype)
    moved = tl.where(a == 0, sign | 1, bits + step).to(x.dtype, bitcast=True)
    moved = tl.where(a == b, y, moved)
    return tl.where(a != a, x, tl.where(b != b, y, moved))


@triton.jit
def mantissa_and_exponent(x):
    """The mantissa in [0.5, 1) and the exponent of 2; what is not finite, and zero, is its own mantissa."""
    plain = is_finite(x) & (x != 0)
    exponent = tl.where(plain, libdevice.ilogb(tl.where(plain, x, 1)) + 1, 0)
    half = exponent // 2  # in two steps: 2 to the power of the whole may be out of range
    return tl.where(plain, libdevice.ldexp(libdevice.ldexp(x, -half), half - exponent), x), exponent
