#include "program.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <thread>

// Compiled for several generations of processors, chosen when the program starts. Products are never
// contracted into sums (-ffp-contract=off in CMakeLists.txt): all generations, and the tail of a vector loop,
// round alike.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TRITORCH_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define TRITORCH_INLINE inline __attribute__((always_inline))
#else
#define TRITORCH_CLONES
#define TRITORCH_INLINE inline
#endif

namespace tritorch::blockwise {

namespace {

constexpr std::size_t max_buffers = std::numeric_limits<std::uint8_t>::max();

// out may be a, b or c itself, which the compiler cannot know: no iteration reads what another writes.
template <class T, class Function>
TRITORCH_INLINE void each(T* out, std::size_t n, Function function) {
#pragma GCC ivdep
    for (std::size_t i = 0; i < n; ++i) out[i] = function(i);
}

template <class T>
TRITORCH_INLINE void execute(const Instruction& op, T* const* buffers, const double* scalars, std::size_t n) {
    T* const out = buffers[op.out];
    const T *const a = buffers[op.a], *const b = buffers[op.b], *const c = buffers[op.c];
    const T s = static_cast<T>(scalars[op.s]), t = static_cast<T>(scalars[op.t]);
    const T zero = 0, one = 1;
    switch (op.code) {
        case Code::copy: return each(out, n, [=](std::size_t i) { return a[i]; });
        case Code::fill: return each(out, n, [=](std::size_t) { return s; });
        case Code::add:
            if (s == one) return each(out, n, [=](std::size_t i) { return a[i] + b[i]; });
            return each(out, n, [=](std::size_t i) { return a[i] + s * b[i]; });
        case Code::add_scalar: return each(out, n, [=](std::size_t i) { return a[i] + s; });
        case Code::mul: return each(out, n, [=](std::size_t i) { return a[i] * b[i]; });
        case Code::mul_scalar: return each(out, n, [=](std::size_t i) { return a[i] * s; });
        case Code::div: return each(out, n, [=](std::size_t i) { return a[i] / b[i]; });
        case Code::div_scalar: return each(out, n, [=](std::size_t i) { return a[i] / s; });
        case Code::lerp: {
            if (std::abs(s) < T(0.5))
                return each(out, n, [=](std::size_t i) { return a[i] + s * (b[i] - a[i]); });
            const T rest = one - s;
            return each(out, n, [=](std::size_t i) { return b[i] - (b[i] - a[i]) * rest; });
        }
        case Code::addcmul: return each(out, n, [=](std::size_t i) { return a[i] + s * b[i] * c[i]; });
        case Code::addcdiv: return each(out, n, [=](std::size_t i) { return a[i] + s * b[i] / c[i]; });
        case Code::sqrt: return each(out, n, [=](std::size_t i) { return std::sqrt(a[i]); });
        case Code::abs: return each(out, n, [=](std::size_t i) { return std::abs(a[i]); });
        case Code::neg: return each(out, n, [=](std::size_t i) { return -a[i]; });
        case Code::sign: return each(out, n, [=](std::size_t i) { return T(zero < a[i]) - T(a[i] < zero); });
        case Code::maximum:
            return each(out, n, [=](std::size_t i) { return a[i] > b[i] || a[i] != a[i] ? a[i] : b[i]; });
        case Code::clamp:
            return each(out, n, [=](std::size_t i) { return a[i] < s ? s : a[i] > t ? t : a[i]; });
        case Code::gt: return each(out, n, [=](std::size_t i) { return a[i] > s ? one : zero; });
        case Code::lt: return each(out, n, [=](std::size_t i) { return a[i] < s ? one : zero; });
        case Code::eq: return each(out, n, [=](std::size_t i) { return a[i] == s ? one : zero; });
        case Code::masked_fill: return each(out, n, [=](std::size_t i) { return b[i] != zero ? s : a[i]; });
        case Code::affine: return each(out, n, [=](std::size_t i) { return a[i] * s + t; });
        case Code::decay: return each(out, n, [=](std::size_t i) { return a[i] * s + t * b[i] * c[i]; });
        case Code::count: return;
    }
}

template <class T>
TRITORCH_INLINE void run_range(const Program& program, T* const* arrays, const double* scalars,
                               std::size_t begin, std::size_t end) {
    std::array<T*, max_buffers> buffers;
    const std::size_t intermediate = program.buffers - program.arrays;
    const std::unique_ptr<T[]> scratch(intermediate ? new T[intermediate * std::min(block, end - begin)]
                                                    : nullptr);
    for (std::size_t i = 0; i < intermediate; ++i)
        buffers[program.arrays + i] = scratch.get() + i * std::min(block, end - begin);
    for (std::size_t at = begin; at < end; at += block) {
        for (std::size_t i = 0; i < program.arrays; ++i) buffers[i] = arrays[i] + at;
        const std::size_t n = std::min(block, end - at);
        for (const Instruction& op : program.code) execute(op, buffers.data(), scalars, n);
    }
}

TRITORCH_CLONES void run_block(const Program& program, float* const* arrays, const double* scalars,
                               std::size_t begin, std::size_t end) {
    run_range(program, arrays, scalars, begin, end);
}

TRITORCH_CLONES void run_block(const Program& program, double* const* arrays, const double* scalars,
                               std::size_t begin, std::size_t end) {
    run_range(program, arrays, scalars, begin, end);
}

template <class T>
void share(const Program& program, T* const* arrays, const double* scalars, std::size_t length,
           unsigned threads) {
    const std::size_t parts = std::clamp<std::size_t>(length / worth_a_thread, 1, std::max(threads, 1U));
    const std::size_t blocks = (length + block - 1) / block;
    const auto bound = [&](std::size_t part) { return std::min(length, blocks * part / parts * block); };
    std::vector<std::jthread> helpers;
    for (std::size_t part = 1; part < parts; ++part)
        helpers.emplace_back(
            [&, part] { run_block(program, arrays, scalars, bound(part), bound(part + 1)); });
    run_block(program, arrays, scalars, 0, bound(1));
}

}  // namespace

void run(const Program& program, float* const* arrays, const double* scalars, std::size_t length,
         unsigned threads) {
    share(program, arrays, scalars, length, threads);
}

void run(const Program& program, double* const* arrays, const double* scalars, std::size_t length,
         unsigned threads) {
    share(program, arrays, scalars, length, threads);
}

}  // namespace tritorch::blockwise
