// The gamma function's family, in double. Edge values (poles, infinities) are torch's.
#pragma once

#include "erf.h"

#include <array>

namespace tritorch::special {

inline constexpr double euler_gamma = std::numbers::egamma;

// Bernoulli's numbers B2, B4, ...
inline constexpr std::array bernoulli = {1. / 6,       -1. / 30, 1. / 42,      -1. / 30,     5. / 66,
                                         -691. / 2730, 7. / 6,   -3617. / 510, 43867. / 798, -174611. / 330};

// The asymptotic series of digamma (DLMF 5.11.2), reached by recurrence and reflection.
inline double digamma(double x) {
    if (x == 0) return std::copysign(inf, -x);
    if (x < 0) {
        double whole;
        const double part = std::modf(x, &whole);
        return part == 0 ? nan : digamma(1 - x) - pi / std::tan(pi * part);
    }
    double result = 0;
    for (; x < 10; ++x) result -= 1 / x;
    if (std::isinf(x)) return x;
    double series = 0, power = 1;
    for (int k = 1; k <= 8; ++k) series += bernoulli[k - 1] / (2 * k) * (power /= x * x);
    return result + std::log(x) - 0.5 / x - series;
}

inline double trigamma(double x) {
    if (x < 0.5) {
        const double sine = std::sin(pi * x);
        return pi * pi / (sine * sine) - trigamma(1 - x);
    }
    double result = 0;
    for (; x < 10; ++x) result += 1 / (x * x);
    double series = 0, power = 1 / x;
    for (int k = 1; k <= 8; ++k) series += bernoulli[k - 1] * (power /= x * x);
    return result + 1 / x + 0.5 / (x * x) + series;
}

// Hurwitz' zeta function by the sum of Euler and Maclaurin (DLMF 25.11.5 and on).
inline double zeta(double s, double q) {
    if (s == 1) return inf;
    if (s < 1) return nan;
    if (q <= 0) {
        if (q == std::floor(q)) return inf;
        if (s != std::floor(s)) return nan;
    }
    if (std::isinf(q)) return nan;
    double sum = 0;
    for (int k = 0; k < 10 || q < 10; ++k, ++q) {
        const double term = std::pow(q, -s);
        sum += term;
        if (q > 0 && std::abs(term) < 1e-17 * std::abs(sum)) return sum;
    }
    const double tail = std::pow(q, -s);
    if (tail == 0) return sum;
    sum += tail * (q / (s - 1) + 0.5);
    double factor = tail * s / q / 2;  // s (s+1) ... (s+2k-2) / (2k)! / q^(s+2k-1)
    for (int k = 1; k <= 10; ++k) {
        sum += bernoulli[k - 1] * factor;
        factor *= (s + 2 * k - 1) * (s + 2 * k) / ((2 * k + 1) * (2 * k + 2) * q * q);
    }
    return sum;
}

// The n-th derivative of digamma; `n` is a whole number.
inline double polygamma(double n, double x) {
    if (n == 0) return digamma(x);
    if (n == 1) return trigamma(x);
    return (std::fmod(n, 2) == 0 ? -1 : 1) * std::tgamma(n + 1) * zeta(n + 1, x);
}

// ---- the incomplete gamma functions ----------------------------------------------------------------

// x^a e^-x / Gamma(a + 1), the scale of both functions.
inline double gamma_scale(double a, double x) {
    if (a < 20) return std::exp(a * std::log(x) - x - std::lgamma(a + 1));
    const double mu = (x - a) / a;  // near a = x the large terms cancel in log1p(mu) - mu
    const double stirling = (1 - (1. / 30 - 1 / (105 * a * a)) / (a * a)) / (12 * a);
    return std::exp(a * (std::log1p(mu) - mu) - stirling) / std::sqrt(2 * pi * a);
}

inline double lower_series(double a, double x) {  // DLMF 8.7.1
    double sum = 1, term = 1;
    for (double k = 1; term > 1e-17 * sum; ++k) sum += term *= x / (a + k);
    return sum * gamma_scale(a, x);
}

inline double upper_fraction(double a, double x) {  // DLMF 8.9.2, by Lentz' method
    constexpr double tiny = 1e-300;
    double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
    for (double k = 1; k < 1e5; ++k) {
        const double step = -k * (k - a);
        b += 2;
        d = step * d + b;
        d = 1 / (std::abs(d) < tiny ? tiny : d);
        c = b + step / c;
        c = std::abs(c) < tiny ? tiny : c;
        h *= d * c;
        if (!(std::abs(d * c - 1) >= 1e-16)) break;
    }
    return h * a * gamma_scale(a, x);
}

// For x < 1.1, where 1 - lower_series would cancel (DLMF 8.7.1 again, its first term apart).
inline double upper_series(double a, double x) {
    double sum = 0, term = 1;
    for (double k = 1; k < 100; ++k) {
        term *= -x / k;
        sum += term / (a + k);
    }
    const double log_gamma = a < 1e-5 ? a * (a * (pi * pi / 12) - euler_gamma) : std::lgamma(a + 1);
    const double log_power = a * std::log(x);
    return -std::expm1(log_power - log_gamma) - std::exp(log_power - log_gamma) * a * sum;
}

// Temme's uniform expansion, its leading term (DLMF 8.12.4): for `a` of more than 1e7.
inline double upper_uniform(double a, double x) {
    const double mu = (x - a) / a;
    const double eta = std::copysign(std::sqrt(-2 * (std::log1p(mu) - mu)), mu);
    const double c0 =
        std::abs(eta) < 0.01 ? -1. / 3 + eta * (1. / 12 - eta * (2. / 135 - eta / 864)) : 1 / mu - 1 / eta;
    return std::erfc(eta * std::sqrt(a / 2)) / 2 + c0 * std::exp(-a * eta * eta / 2) / std::sqrt(2 * pi * a);
}

// Both are ratios to Gamma(a): `igamma` from 0 to x, `igammac` from x to infinity.
inline double igammac(double a, double x) {
    if (x < 0 || a < 0) return nan;
    if (a == 0) return x > 0 ? 0 : nan;
    if (x == 0) return 1;
    if (std::isinf(a)) return std::isinf(x) ? nan : 1;
    if (std::isinf(x)) return 0;
    if (a > 1e7) return upper_uniform(a, x);
    if (x <= 1.1) return a < x || x <= 0.5 ? upper_series(a, x) : 1 - lower_series(a, x);
    return x < a + 1 ? 1 - lower_series(a, x) : upper_fraction(a, x);
}

inline double igamma(double a, double x) {
    if (x < 0 || a < 0) return nan;
    if (a == 0) return x > 0 ? 1 : nan;
    if (x == 0) return 0;
    if (std::isinf(a)) return std::isinf(x) ? nan : 0;
    if (std::isinf(x)) return 1;
    if (a > 1e7) return 1 - upper_uniform(a, x);
    return x <= 1 || x < a + 1 ? lower_series(a, x) : 1 - upper_fraction(a, x);
}

}  // namespace tritorch::special
