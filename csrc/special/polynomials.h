// Orthogonal polynomials of degree n at x, in double, by their recurrences. A degree below zero gives zero;
// high degrees of Chebyshev's inside (-1, 1) are computed as cosines, as torch does.
#pragma once

#include "erf.h"

#include <utility>

namespace tritorch::special {

// Whether the polynomial of this degree is zero by definition: negative, NaN, or too large to count.
inline bool is_zero(double degree) { return !(degree > -1 && degree < 0x1p63); }

// p(n) from p(0) = 1, p(1) = first and next(k, p(k), p(k-1)) = p(k+1).
template <class Next>
double recur(double degree, double first, Next next) {
    if (is_zero(degree)) return 0;
    const auto n = static_cast<long long>(degree);
    double before = 1, here = first;
    if (n == 0) return before;
    for (long long k = 1; k < n && !std::isnan(here); ++k)
        before = std::exchange(here, next(double(k), here, before));
    return here;
}

inline bool is_odd(double degree) { return std::fmod(std::trunc(degree), 2) != 0; }

inline double chebyshev_t(double x, double n) {
    if (is_zero(n)) return 0;
    if (std::abs(x) == 1) return x > 0 || !is_odd(n) ? 1 : -1;
    if (n > 6 && std::abs(x) < 1) return std::cos(std::trunc(n) * std::acos(x));
    return recur(n, x, [x](double, double p, double q) { return 2 * x * p - q; });
}

inline double chebyshev_u(double x, double n) {
    if (is_zero(n)) return 0;
    const double whole = std::trunc(n);
    if (std::abs(x) == 1) return x > 0 || !is_odd(n) ? whole + 1 : -(whole + 1);
    if (n > 8 && std::abs(x) < 1) return std::sin((whole + 1) * std::acos(x)) / std::sin(std::acos(x));
    return recur(n, 2 * x, [x](double, double p, double q) { return 2 * x * p - q; });
}

inline double chebyshev_v(double x, double n) {
    if (is_zero(n)) return 0;
    const double whole = std::trunc(n);
    if (std::abs(x) == 1) return x > 0 ? 1 : is_odd(n) ? -(2 * whole + 1) : 2 * whole + 1;
    if (n > 8 && std::abs(x) < 1) return std::cos((whole + 0.5) * std::acos(x)) / std::cos(std::acos(x) / 2);
    return recur(n, 2 * x - 1, [x](double, double p, double q) { return 2 * x * p - q; });
}

inline double chebyshev_w(double x, double n) {
    if (is_zero(n)) return 0;
    const double whole = std::trunc(n);
    if (std::abs(x) == 1) return x > 0 ? 2 * whole + 1 : is_odd(n) ? -1 : 1;
    if (n > 8 && std::abs(x) < 1) return std::sin((whole + 0.5) * std::acos(x)) / std::sin(std::acos(x) / 2);
    return recur(n, 2 * x + 1, [x](double, double p, double q) { return 2 * x * p - q; });
}

inline double shifted_chebyshev_t(double x, double n) { return chebyshev_t(2 * x - 1, n); }
inline double shifted_chebyshev_u(double x, double n) { return chebyshev_u(2 * x - 1, n); }
inline double shifted_chebyshev_v(double x, double n) { return chebyshev_v(2 * x - 1, n); }
inline double shifted_chebyshev_w(double x, double n) { return chebyshev_w(2 * x - 1, n); }

inline double hermite_h(double x, double n) {
    return recur(n, 2 * x, [x](double k, double p, double q) { return 2 * (x * p - k * q); });
}

inline double hermite_he(double x, double n) {
    return recur(n, x, [x](double k, double p, double q) { return x * p - k * q; });
}

inline double laguerre_l(double x, double n) {
    return recur(n, 1 - x,
                 [x](double k, double p, double q) { return ((2 * k + 1 - x) * p - k * q) / (k + 1); });
}

inline double legendre_p(double x, double n) {
    return recur(n, x, [x](double k, double p, double q) { return ((2 * k + 1) * x * p - k * q) / (k + 1); });
}

}  // namespace tritorch::special
