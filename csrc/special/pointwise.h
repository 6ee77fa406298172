// Formulas that compilers turn into vector code: no branches, no calls (where it says so: few), one type
// throughout, float or double. exp and erf are of that kind too; their error is some 2 units in the last
// place.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>

// Formulas are inlined into loops that are compiled for several generations of processors.
#if defined(__GNUC__)
#define TRITORCH_FORCED __attribute__((always_inline))
#else
#define TRITORCH_FORCED
#endif
#define TRITORCH_INLINE inline TRITORCH_FORCED

namespace tritorch::pointwise {

template <class T>
inline constexpr bool is_float = std::is_same_v<T, float>;

template <class T>
using Bits = std::conditional_t<is_float<T>, std::uint32_t, std::uint64_t>;

// c ? a : b, without a branch for the compiler to move code into.
template <class T>
TRITORCH_INLINE T select(bool c, T a, T b) {
    const Bits<T> mask = -Bits<T>(c);
    return std::bit_cast<T>((std::bit_cast<Bits<T>>(a) & mask) | (std::bit_cast<Bits<T>>(b) & ~mask));
}

// A polynomial, its highest coefficient first.
template <class T, class... Coefficients>
TRITORCH_INLINE T horner(T x, T highest, Coefficients... rest) {
    T sum = highest;
    ((sum = sum * x + static_cast<T>(rest)), ...);
    return sum;
}

// x, kept within [low, high]; NaN stays NaN.
template <class T>
TRITORCH_INLINE T within(T x, T low, T high) {
    x = select(x < low, low, x);
    return select(x > high, high, x);
}

// x = n log(2) + r with |r| <= log(2)/2, and e^r - 1 by Taylor. The multiple n, as an integer, is what the
// low bits of a float hold to which 1.5 * 2^(mantissa bits) was added: that rounds to a whole number.
template <class T>
struct Exponential {
    static constexpr int mantissa = std::numeric_limits<T>::digits - 1;
    static constexpr int bias = std::numeric_limits<T>::max_exponent - 1;
    T rest;     // e^r - 1
    Bits<T> n;  // modulo 2^32 or 2^64

    TRITORCH_INLINE explicit Exponential(T x) {
        constexpr T magic = T(3) * (Bits<T>(1) << (mantissa - 1));
        constexpr T high = is_float<T> ? T(0.693359375) : T(6.93145751953125e-1);  // of log(2): few bits
        constexpr T low = is_float<T> ? T(-2.12194440054690583e-4) : T(1.42860682030941723212e-6);
        const T shifted = x * T(std::numbers::log2e) + magic;
        const T multiple = shifted - magic;
        const T r = x - multiple * high - multiple * low;
        T sum;
        if constexpr (is_float<T>) sum = horner(r, T(1) / 5040, T(1) / 720);
        else
            sum = horner(r, T(1) / 6227020800, T(1) / 479001600, T(1) / 39916800, T(1) / 3628800,
                         T(1) / 362880, T(1) / 40320, T(1) / 5040, T(1) / 720);
        rest = horner(r, sum, T(1) / 120, T(1) / 24, T(1) / 6, T(1) / 2) * r * r + r;
        n = std::bit_cast<Bits<T>>(shifted) - std::bit_cast<Bits<T>>(magic);
    }
};

// 2^n is applied in two halves, for it may itself be out of range where the result is not.
template <class T>
TRITORCH_INLINE T exp(T x) {
    using E = Exponential<T>;
    const E e(within(x, is_float<T> ? T(-104) : T(-746), is_float<T> ? T(89) : T(710)));
    constexpr Bits<T> exponent = 2 * E::bias + 1;  // all its bits
    const Bits<T> whole = e.n + 2 * E::bias, half = (whole >> 1) & exponent;
    return (e.rest + 1) * std::bit_cast<T>(half << E::mantissa) *
           std::bit_cast<T>(((whole - half) & exponent) << E::mantissa);
}

// exp(x) - 1 for x <= 0, and 0 above.
template <class T>
TRITORCH_INLINE T expm1_below(T x) {
    using E = Exponential<T>;
    const E e(within(x, is_float<T> ? T(-87) : T(-708), T(0)));
    const T scale = std::bit_cast<T>((e.n + E::bias) << E::mantissa);
    return e.rest * scale + (scale - 1);
}

// log(1 + y) for 0 <= y <= 1, as 2 artanh(y / (2 + y)).
template <class T>
TRITORCH_INLINE T log1p_unit(T y) {
    const T z = y / (2 + y), square = z * z;
    T sum = 0;
    if constexpr (!is_float<T>)
        for (int k = 35; k > 15; k -= 2) sum = sum * square + T(1) / k;
    for (int k = 15; k > 1; k -= 2) sum = sum * square + T(1) / k;
    return 2 * z + 2 * z * square * sum;
}

// Fits of 1e-9: to erf(x) / x in x^2 up to 1, and to log erfc(x) beyond.
TRITORCH_INLINE float erf(float x) {
    const float size = std::abs(x), square = within(x * x, 0.f, 1.f), far = within(size, 0.99f, 4.f);
    const float near = horner(square, 7.853854501e-05f, -0.0008010191549, 0.005188327449, -0.02685381181,
                              0.1128358515, -0.3761262582, 1.128379166);
    const float log_tail = horner(far, 0.0001867771543f, -0.002951878332, 0.02185631788, -0.1031479811,
                                  -0.6380935523, -1.127122506, -0.000332687727);
    return select(size < 1, x * near, std::copysign(1 - exp(log_tail), x));
}
TRITORCH_INLINE double erf(double x) { return std::erf(x); }

// The normal distribution function, given e = exp(-x^2 / 2): a fit of its ratio to e, to a relative 3e-8.
TRITORCH_INLINE float normal_cdf(float x, float e) {
    const float t = 1 / (1 + 0.35f * within(std::abs(x), 0.f, 14.5f));
    const float tail = e * t *
                       horner(t, -0.02915791202f, 0.1440310426, -0.2558392465, 0.1593199569, -0.02321252085,
                              0.1055525669, 0.1198212731, 0.1398635172, 0.1396213068);
    return select(x > 0, 1 - tail, tail);
}
TRITORCH_INLINE double normal_cdf(double x, double) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

// ---- activations, and the derivative of each times `grad` ------------------------------------------

template <class T>
TRITORCH_INLINE T relu(T x) {
    return select(x <= 0, T(0), x);
}

template <class T>
TRITORCH_INLINE T relu_backward(T grad, T x) {
    return select(x <= 0, T(0), grad);
}

template <class T>
TRITORCH_INLINE T leaky_relu(T x, T slope) {
    return select(x > 0, x, x * slope);
}

template <class T>
TRITORCH_INLINE T relu6(T x) {
    return within(x, T(0), T(6));
}

template <class T>
TRITORCH_INLINE T hardsigmoid(T x) {
    return within(x + 3, T(0), T(6)) / 6;
}

template <class T>
TRITORCH_INLINE T hardswish(T x) {
    return x * within(x + 3, T(0), T(6)) / 6;
}

template <class T>
TRITORCH_INLINE T elu(T x, T alpha) {
    return select(x > 0, x, alpha * expm1_below(x));
}

template <class T>
TRITORCH_INLINE T celu(T x, T alpha) {
    return select(x > 0, x, alpha * expm1_below(x / alpha));
}

template <class T>
TRITORCH_INLINE T selu(T x) {
    constexpr T alpha = T(1.6732632423543772848), scale = T(1.0507009873554804934);
    return scale * elu(x, alpha);
}

// log(1 + e^x); x itself beyond torch's threshold.
template <class T>
TRITORCH_INLINE T softplus(T x) {
    return select(x > 20, x, select(x <= 0, T(0), x) + log1p_unit(exp(-std::abs(x))));
}

template <class T>
TRITORCH_INLINE T sigmoid(T x) {
    return 1 / (1 + exp(-x));
}

template <class T>
TRITORCH_INLINE T sigmoid_backward(T grad, T out) {
    return grad * (1 - out) * out;
}

template <class T>
TRITORCH_INLINE T tanh_backward(T grad, T out) {
    return grad * (1 - out * out);
}

template <class T>
TRITORCH_INLINE T silu(T x) {
    return x / (1 + exp(-x));
}

template <class T>
TRITORCH_INLINE T silu_backward(T grad, T x) {
    const T s = sigmoid(x);
    return grad * s * (1 + x * (1 - s));
}

template <class T>
TRITORCH_INLINE T log_sigmoid(T x) {
    return select(x >= 0, T(0), x) - log1p_unit(exp(-std::abs(x)));
}

template <class T>
TRITORCH_INLINE T log_sigmoid_backward(T grad, T x) {
    return grad * sigmoid(-x);
}

template <class T>
TRITORCH_INLINE T gelu(T x) {
    return x * normal_cdf(x, exp(-x * x / 2));
}

template <class T>
TRITORCH_INLINE T gelu_backward(T grad, T x) {
    const T e = exp(-x * x / 2);
    return grad * (normal_cdf(x, e) + x * e * T(std::numbers::inv_sqrtpi / std::numbers::sqrt2));
}

// 0.5 (1 + tanh(u)) is sigmoid(2 u).
template <class T>
inline constexpr T gelu_scale = T(2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
template <class T>
inline constexpr T gelu_cubic = T(0.044715);

template <class T>
TRITORCH_INLINE T gelu_tanh(T x) {
    return x * sigmoid(gelu_scale<T> * (x + gelu_cubic<T> * x * x * x));
}

template <class T>
TRITORCH_INLINE T gelu_tanh_backward(T grad, T x) {
    const T s = sigmoid(gelu_scale<T> * (x + gelu_cubic<T> * x * x * x));
    return grad * (s + x * s * (1 - s) * gelu_scale<T> * (1 + 3 * gelu_cubic<T> * x * x));
}

// x tanh(log(1 + e^x)): with w = e^x, tanh is w (w + 2) / (w (w + 2) + 2). Beyond 20 it is 1.
template <class T>
TRITORCH_INLINE T mish(T x) {
    const T w = exp(select(x > 20, T(20), x)), u = w * (w + 2);
    return x * (u / (u + 2));
}

template <class T>
TRITORCH_INLINE T mish_backward(T grad, T x) {
    const T w = exp(select(x > 20, T(20), x)), u = w * (w + 2), t = u / (u + 2);
    return grad * (t + x * (1 - t * t) * (w / (1 + w)));
}

// ---- arithmetic ------------------------------------------------------------------------------------

template <class T>
TRITORCH_INLINE T rsqrt(T x) {
    return 1 / std::sqrt(x);
}

template <class T>
TRITORCH_INLINE T sign(T x) {
    return T(x > 0) - T(x < 0);
}

template <class T>
TRITORCH_INLINE T copysign(T x, T y) {
    return std::copysign(x, y);
}

TRITORCH_INLINE float hypot(float x, float y) {
    constexpr float inf = std::numeric_limits<float>::infinity();
    const float length = static_cast<float>(std::sqrt(double(x) * x + double(y) * y));
    return select((std::abs(x) == inf) | (std::abs(y) == inf), inf, length);
}
TRITORCH_INLINE double hypot(double x, double y) { return std::hypot(x, y); }

// log(e^x + e^y), and to base 2.
template <class T>
TRITORCH_INLINE T logaddexp(T x, T y) {
    const T sum = select(x > y, x, y) + log1p_unit(exp(-std::abs(x - y)));
    return select(x == y, x + T(std::numbers::ln2), sum);  // infinities among them
}

template <class T>
TRITORCH_INLINE T logaddexp2(T x, T y) {
    const T d = std::abs(x - y) * T(std::numbers::ln2);
    return select(x == y, x + 1, select(x > y, x, y) + log1p_unit(exp(-d)) * T(std::numbers::log2e));
}

// The remainder of truncated division. Where the quotient is exactly representable, so is the remainder, and
// one fused step has it; the quotient may be one too large, for it was rounded.
template <class T>
TRITORCH_INLINE T fmod(T x, T y) {
    if (std::abs(x) < std::abs(y)) return x;
    const T quotient = std::trunc(x / y);
    if (!(std::abs(quotient) < T(Bits<T>(1) << (std::numeric_limits<T>::digits - 1)))) return std::fmod(x, y);
    const T rest = std::fma(-quotient, y, x);
    if (rest == 0) return std::copysign(rest, x);
    return (rest < 0) == (x < 0) ? rest : rest + std::copysign(y, x);
}

// That of floored division: it has the sign of y.
template <class T>
TRITORCH_INLINE T remainder(T x, T y) {
    const T rest = fmod(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

// Floored division, exact where x / y rounds up to a whole number.
template <class T>
TRITORCH_INLINE T floor_divide(T x, T y) {
    if (y == 0) return x / y;
    const T rest = fmod(x, y);
    T quotient = (x - rest) / y;
    if (rest != 0 && (rest < 0) != (y < 0)) quotient -= 1;
    if (quotient == 0) return std::copysign(T(0), x / y);
    const T whole = std::floor(quotient);
    return quotient - whole > T(0.5) ? whole + 1 : whole;
}

}  // namespace tritorch::pointwise
