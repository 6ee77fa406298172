// Bessel functions and Airy's, in double. J and Y come from the C library.
#pragma once

#include "gamma.h"

#include <algorithm>
#include <utility>

namespace tritorch::special {

inline double bessel_j0(double x) { return std::isinf(x) ? nan : ::j0(x); }
inline double bessel_j1(double x) { return std::isinf(x) ? nan : ::j1(x); }
inline double bessel_y0(double x) { return std::isinf(x) ? nan : x > 0 ? ::y0(x) : x == 0 ? -inf : nan; }
inline double bessel_y1(double x) { return std::isinf(x) ? nan : x > 0 ? ::y1(x) : x == 0 ? -inf : nan; }

inline double spherical_bessel_j0(double x) {
    if (std::isinf(x)) return 0;
    return std::abs(x) < 1e-4 ? 1 - x * x / 6 : std::sin(x) / x;
}

// ---- modified functions ----------------------------------------------------------------------------

// exp(-|x|) I_order(x), order 0 or 1: the power series, or beyond 20 the asymptotic one
// (DLMF 10.25.2, 10.40.1).
template <int order>
double scaled_i(double x) {
    const double size = std::abs(x);
    const double sign = order == 1 && x < 0 ? -1 : 1;
    if (size <= 20) {
        const double quarter = size * size / 4;
        double sum = order == 1 ? size / 2 : 1, term = sum;
        for (int k = 1; term > 1e-17 * sum; ++k) sum += term *= quarter / (k * (k + order));
        return sign * sum * std::exp(-size);
    }
    double sum = 1, term = 1;
    for (int k = 1; k < 40 && std::abs(term) > 1e-17; ++k)
        sum += term *= ((2 * k - 1) * (2 * k - 1) - 4 * order) / (8 * k * size);
    return sign * sum / std::sqrt(2 * pi * size);
}

inline double i0e(double x) { return scaled_i<0>(x); }
inline double i1e(double x) { return scaled_i<1>(x); }
inline double i0(double x) { return scaled_i<0>(x) * std::exp(std::abs(x)); }
inline double i1(double x) { return scaled_i<1>(x) * std::exp(std::abs(x)); }

// exp(x) K_mu(x) and exp(x) K_{mu+1}(x) for x >= 2, |mu| <= 1/2: Temme's evaluation of Steed's continued
// fraction (J. Comput. Phys. 19, 324).
inline std::pair<double, double> scaled_k_fraction(double mu, double x) {
    const double first = 0.25 - mu * mu;
    double b = 2 * (1 + x), d = 1 / b, delta = d, h = d;
    double q1 = 0, q2 = 1, q = first, c = first, a = -first, s = 1 + q * delta;
    for (int k = 2; k < 1000; ++k) {
        a -= 2 * (k - 1);
        c = -a * c / k;
        const double next = (q1 - b * q2) / a;
        q1 = std::exchange(q2, next);
        q += c * next;
        b += 2;
        d = 1 / (b + a * d);
        delta *= b * d - 1;
        h += delta;
        s += q * delta;
        if (std::abs(q * delta) < 1e-17 * s) break;
    }
    const double k = std::sqrt(pi / (2 * x)) / s;
    return {k, k * (mu + x + 0.5 - first * h) / x};
}

inline double scaled_k0(double x) {
    if (!(x > 0)) return x == 0 ? inf : nan;
    if (std::isinf(x)) return 0;
    if (x > 2) return scaled_k_fraction(0, x).first;
    const double quarter = x * x / 4;
    double sum = 0, term = 1, harmonic = 0;  // DLMF 10.31.2
    for (int k = 1; k < 25; ++k) sum += (term *= quarter / (k * k)) * (harmonic += 1. / k);
    return (sum - (std::log(x / 2) + euler_gamma) * i0(x)) * std::exp(x);
}

inline double scaled_k1(double x) {
    if (!(x > 0)) return x == 0 ? inf : nan;
    if (std::isinf(x)) return 0;
    if (x > 2) return scaled_k_fraction(0, x).second;
    const double quarter = x * x / 4;
    double sum = 0, term = 1, both = 1 - 2 * euler_gamma;  // psi(k+1) + psi(k+2); DLMF 10.31.1
    for (int k = 0; k < 25; ++k) {
        sum += term * both;
        term *= quarter / ((k + 1) * (k + 2));
        both += 1. / (k + 1) + 1. / (k + 2);
    }
    return (1 / x + std::log(x / 2) * i1(x) - x / 4 * sum) * std::exp(x);
}

inline double modified_k0(double x) { return scaled_k0(x) * (x > 2 ? std::exp(-x) : 1 / std::exp(x)); }
inline double modified_k1(double x) { return scaled_k1(x) * (x > 2 ? std::exp(-x) : 1 / std::exp(x)); }

// ---- Airy's Ai -------------------------------------------------------------------------------------

// (y, y') of a solution of y'' = x y, carried from `x` to `x + h` by its Taylor series.
inline std::pair<double, double> airy_step(std::pair<double, double> at, double x, double h) {
    double before = 0, here = at.first, next = at.second;  // coefficients n-1, n, n+1
    double y = here + next * h, slope = next, power = h;   // power = h^(n+1)
    for (int n = 0; n < 40; ++n) {
        const double after = (x * here + before) / ((n + 1) * (n + 2));
        before = std::exchange(here, std::exchange(next, after));
        slope += (n + 2) * after * power;
        y += after * (power *= h);
    }
    return {y, slope};
}

inline double airy_ai(double x) {
    if (std::isinf(x)) return nan;
    if (x > 104) return 0;
    const double size = std::abs(x), zeta = 2. / 3 * size * std::sqrt(size);
    if (x > 2.1) return std::sqrt(x / 3) / pi * scaled_k_fraction(1. / 3, zeta).first * std::exp(-zeta);
    if (x < -10) {  // DLMF 9.7.9
        double even = 1, odd = 0, term = 1;
        for (int k = 1; k < 24; ++k) {
            term *= (6. * k - 5) * (6. * k - 1) / (72. * k * zeta);
            (k % 2 ? odd : even) += k % 4 > 1 ? -term : term;
        }
        return (even * std::sin(zeta + pi / 4) - odd * std::cos(zeta + pi / 4)) /
               std::sqrt(pi * std::sqrt(size));
    }
    std::pair at = {0.35502805388781723926, -0.25881940379280679841};  // Ai(0), Ai'(0): DLMF 9.2.3
    double from = 0;
    for (; from - x > 1; --from) at = airy_step(at, from, -1);
    return airy_step(at, from, x - from).first;
}

}  // namespace tritorch::special
