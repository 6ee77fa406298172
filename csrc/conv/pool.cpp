#include "pool.h"

#include "parallel.h"

#include <algorithm>

namespace tritorch::conv {

namespace {

// Calls visit(position, first element's offsets...) for every window of a plane.
template <class Visit>
void over_windows(const Windows& w, Visit visit) {
    std::int64_t position = 0;
    for (std::int64_t a = 0; a < w.out[0]; ++a)
        for (std::int64_t b = 0; b < w.out[1]; ++b)
            for (std::int64_t c = 0; c < w.out[2]; ++c) visit(position++, a, b, c);
}

// Calls visit(index in the plane) for every element of window (a, b, c).
template <class Visit>
void over_elements(const Windows& w, std::int64_t a, std::int64_t b, std::int64_t c, Visit visit) {
    for (std::int64_t i = w.first[0][a]; i < w.last[0][a]; i += w.step[0])
        for (std::int64_t j = w.first[1][b]; j < w.last[1][b]; j += w.step[1]) {
            const std::int64_t line = (i * w.size[1] + j) * w.size[2];
            for (std::int64_t k = w.first[2][c]; k < w.last[2][c]; k += w.step[2]) visit(line + k);
        }
}

}  // namespace

template <class T>
void max_pool(const Windows& w, const T* in, T* out, std::int64_t* index, int threads) {
    parallel(w.planes, threads, [&](std::int64_t plane) {
        const T* from = in + plane * w.pixels();
        over_windows(w, [&](std::int64_t position, std::int64_t a, std::int64_t b, std::int64_t c) {
            std::int64_t best = (w.first[0][a] * w.size[1] + w.first[1][b]) * w.size[2] + w.first[2][c];
            T value = from[best];
            over_elements(w, a, b, c, [&](std::int64_t i) {
                if (from[i] > value || from[i] != from[i]) value = from[best = i];
            });
            out[plane * w.positions() + position] = value;
            index[plane * w.positions() + position] = best;
        });
    });
}

template <class T>
void sum_pool(const Windows& w, const T* in, const T* scale, T* out, int threads) {
    parallel(w.planes, threads, [&](std::int64_t plane) {
        const T* from = in + plane * w.pixels();
        over_windows(w, [&](std::int64_t position, std::int64_t a, std::int64_t b, std::int64_t c) {
            T sum = 0;
            over_elements(w, a, b, c, [&](std::int64_t i) { sum += from[i]; });
            out[plane * w.positions() + position] = sum * scale[position];
        });
    });
}

template <class T>
void spread_pool(const Windows& w, const T* out, const T* scale, T* in, int threads) {
    parallel(w.planes, threads, [&](std::int64_t plane) {
        T* to = in + plane * w.pixels();
        std::fill_n(to, w.pixels(), T(0));
        over_windows(w, [&](std::int64_t position, std::int64_t a, std::int64_t b, std::int64_t c) {
            const T share = out[plane * w.positions() + position] * scale[position];
            over_elements(w, a, b, c, [&](std::int64_t i) { to[i] += share; });
        });
    });
}

#define TRITORCH_POOLS(T)                                                     \
    template void max_pool(const Windows&, const T*, T*, std::int64_t*, int); \
    template void sum_pool(const Windows&, const T*, const T*, T*, int);      \
    template void spread_pool(const Windows&, const T*, const T*, T*, int);
TRITORCH_POOLS(float)
TRITORCH_POOLS(double)
template void max_pool(const Windows&, const std::int64_t*, std::int64_t*, std::int64_t*, int);

}  // namespace tritorch::conv
