// The error function's family, in double: what <cmath> does not have of it.
#pragma once

#include <cmath>
#include <limits>
#include <numbers>

namespace tritorch::special {

inline constexpr double inf = std::numeric_limits<double>::infinity();
inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double pi = std::numbers::pi;
inline constexpr double sqrt2 = std::numbers::sqrt2;
inline constexpr double two_by_sqrt_pi = 2 * std::numbers::inv_sqrtpi;

// exp(x^2) erfc(x), without the overflow of the one and the underflow of the other.
inline double erfcx(double x) {
    if (x < -27) return inf;
    if (x < 20) {
        const double square = x * x, rest = std::fma(x, x, -square);  // x^2 to twice the precision
        return std::exp(square) * (1 + rest) * std::erfc(x);
    }
    double sum = 1, term = 1;
    for (int k = 1; k < 10; ++k) sum += term *= -(2 * k - 1) / (2 * x * x);  // DLMF 7.12.1
    return sum * std::numbers::inv_sqrtpi / x;
}

// The inverse of erfc on (0, 1]: Halley's steps from Hastings' approximation (Abramowitz & Stegun 26.2.23).
inline double erfc_inverse_small(double y) {
    const double t = std::sqrt(-2 * std::log(y / 2));
    double x = (t - (2.30753 + t * 0.27061) / (1 + t * (0.99229 + t * 0.04481))) / sqrt2;
    for (int i = 0; i < 3; ++i) {
        const double error = std::erfc(x) - y;
        x += error / (two_by_sqrt_pi * std::exp(-x * x) - x * error);
    }
    return x;
}

inline double erfinv(double y) {
    const double size = std::abs(y);
    if (!(size < 1)) return size == 1 ? std::copysign(inf, y) : nan;
    if (size > 0.5) return std::copysign(erfc_inverse_small(1 - size), y);
    const double square = y * y;
    double x = y / two_by_sqrt_pi * (1 + square * (pi / 12 + square * (7 * pi * pi / 480)));
    for (int i = 0; i < 2; ++i) {
        const double error = std::erf(x) - y;
        x -= error / (two_by_sqrt_pi * std::exp(-x * x) + x * error);
    }
    return x;
}

// The normal distribution: its function, the function's inverse and its logarithm.
inline double ndtr(double x) { return std::erfc(-x / sqrt2) / 2; }

inline double ndtri(double p) {
    if (!(p > 0 && p < 1)) return p == 0 ? -inf : p == 1 ? inf : nan;
    if (p < 0.25) return -sqrt2 * erfc_inverse_small(2 * p);
    if (p > 0.75) return sqrt2 * erfc_inverse_small(2 * (1 - p));
    return sqrt2 * erfinv(2 * p - 1);
}

inline double log_ndtr(double x) {
    const double t = x / sqrt2;
    return x < -1 ? std::log(erfcx(-t) / 2) - t * t : std::log1p(-std::erfc(t) / 2);
}

}  // namespace tritorch::special
