#include "scan.h"

#include "../conv/parallel.h"
#include "reducers.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace tritorch::reduce {

namespace {

constexpr std::int64_t worth_a_thread = 1 << 17;  // elements
constexpr std::int64_t tile = 1024;  // lines that are walked together where they lie side by side
constexpr std::int64_t block = 256;  // elements of a line whose parts run at a time

template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, T>;

template <class T>
struct Plus {
    static constexpr Wide<T> neutral = 0;
    TRITORCH_INLINE static Wide<T> join(Wide<T> a, Wide<T> b) { return a + b; }
};
template <class T>
struct Times {
    static constexpr Wide<T> neutral = 1;
    TRITORCH_INLINE static Wide<T> join(Wide<T> a, Wide<T> b) { return a * b; }
};

// A line of neighbours, from `total` on. An addition waits for the one before it: four quarters of a block
// run side by side, once the quarters' own totals are known.
template <class T, class Op>
TRITORCH_INLINE void along(const T* x, T* out, std::int64_t n, Wide<T> total) {
    constexpr std::int64_t quarter = block / 4;
    for (; n >= block; n -= block, x += block, out += block) {
        Wide<T> run[4];
        for (int q = 0; q < 4; ++q) {
            Wide<T> lane[8];
            for (int l = 0; l < 8; ++l) lane[l] = Op::neutral;
            for (std::int64_t i = 0; i < quarter; i += 8)
                for (int l = 0; l < 8; ++l) lane[l] = Op::join(lane[l], x[q * quarter + i + l]);
            run[q] = Op::join(Op::join(Op::join(lane[0], lane[1]), Op::join(lane[2], lane[3])),
                              Op::join(Op::join(lane[4], lane[5]), Op::join(lane[6], lane[7])));
        }
        for (Wide<T>& start : run) {
            const Wide<T> next = Op::join(total, start);
            start = total;
            total = next;
        }
        for (std::int64_t i = 0; i < quarter; ++i)
            for (int q = 0; q < 4; ++q) {
                run[q] = Op::join(run[q], x[q * quarter + i]);
                out[q * quarter + i] = static_cast<T>(run[q]);
            }
    }
    for (std::int64_t i = 0; i < n; ++i) {
        total = Op::join(total, x[i]);
        out[i] = static_cast<T>(total);
    }
}

template <class T, class Op>
TRITORCH_INLINE void across(const T* in, T* out, std::int64_t width, std::int64_t n, std::int64_t stride) {
    Wide<T> total[tile];
    for (std::int64_t i = 0; i < width; ++i) total[i] = Op::neutral;
    for (std::int64_t k = 0; k < n; ++k, in += stride, out += stride) {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < width; ++i) {
            total[i] = Op::join(total[i], in[i]);
            out[i] = static_cast<T>(total[i]);
        }
    }
}

template <class T>
struct Task {
    const T* in;
    T* out;
    Lines lines;
    std::int64_t begin, end;  // lines
};

template <class T, class Op>
TRITORCH_INLINE void work_on(const Task<T>& task) {
    const Lines& lines = task.lines;
    if (lines.inner == 1) {
        for (std::int64_t line = task.begin; line < task.end; ++line)
            along<T, Op>(task.in + line * lines.size, task.out + line * lines.size, lines.size, Op::neutral);
        return;
    }
    for (std::int64_t line = task.begin; line < task.end;) {
        const std::int64_t first = line % lines.inner,
                           at = line / lines.inner * lines.size * lines.inner + first;
        const std::int64_t width = std::min({tile, lines.inner - first, task.end - line});
        across<T, Op>(task.in + at, task.out + at, width, lines.size, lines.inner);
        line += width;
    }
}

template <class T>
TRITORCH_INLINE Wide<T> sum_of(const T* x, std::int64_t n) {
    constexpr int lanes = 16;
    Wide<T> lane[lanes] = {}, total = 0;
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
        for (int l = 0; l < lanes; ++l) lane[l] += x[i + l];
    for (const Wide<T> part : lane) total += part;
    for (; i < n; ++i) total += x[i];
    return total;
}

#define TRITORCH_SCANS(T)                                                              \
    TRITORCH_CLONES void sums(const Task<T>& task) { work_on<T, Plus<T>>(task); }      \
    TRITORCH_CLONES void products(const Task<T>& task) { work_on<T, Times<T>>(task); } \
    TRITORCH_CLONES Wide<T> total(const T* x, std::int64_t n) { return sum_of(x, n); } \
    TRITORCH_CLONES void stretch(const T* x, T* out, std::int64_t n, Wide<T> start) {  \
        along<T, Plus<T>>(x, out, n, start);                                           \
    }
TRITORCH_SCANS(std::int64_t)
TRITORCH_SCANS(float)
TRITORCH_SCANS(double)

// One long line of sums on several threads: the totals of its stretches first, then each from where the last
// ends.
template <class T>
void long_line(const T* in, T* out, std::int64_t n, int threads) {
    std::vector<Wide<T>> start(threads, 0);
    const auto bound = [&](std::int64_t part) { return n * part / threads; };
    conv::parallel(threads - 1, threads, [&](std::int64_t part) {
        start[part + 1] = total(in + bound(part), bound(part + 1) - bound(part));
    });
    for (int part = 1; part < threads; ++part) start[part] += start[part - 1];
    conv::parallel(threads, threads, [&](std::int64_t part) {
        stretch(in + bound(part), out + bound(part), bound(part + 1) - bound(part), start[part]);
    });
}

template <class T>
bool run(bool is_product, const char* from, char* to, const Lines& lines, int threads) {
    const T* in = reinterpret_cast<const T*>(from);
    T* out = reinterpret_cast<T*>(to);
    const std::int64_t useful =
        std::clamp<std::int64_t>(lines.lines() * lines.size / worth_a_thread, 1, std::max(threads, 1));
    if (lines.lines() == 1 && !is_product && useful > 1) {
        long_line(in, out, lines.size, static_cast<int>(useful));
        return true;
    }
    const std::int64_t pieces = std::min(useful, lines.lines());
    conv::parallel(pieces, static_cast<int>(pieces), [&](std::int64_t part) {
        const Task<T> task{in, out, lines, lines.lines() * part / pieces,
                           lines.lines() * (part + 1) / pieces};
        if (is_product) products(task);
        else sums(task);
    });
    return true;
}

}  // namespace

bool scan(bool products, Type type, const char* in, char* out, const Lines& lines, int threads) {
    switch (type) {
        case Type::int64: return run<std::int64_t>(products, in, out, lines, threads);
        case Type::float32: return run<float>(products, in, out, lines, threads);
        case Type::float64: return run<double>(products, in, out, lines, threads);
        default: return false;
    }
}

}  // namespace tritorch::reduce
