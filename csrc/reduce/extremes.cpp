#include "extremes.h"

#include "../conv/parallel.h"
#include "reducers.h"

#include <algorithm>

namespace tritorch::reduce {

namespace {

constexpr std::int64_t worth_a_thread = 1 << 17;  // elements
constexpr std::int64_t tile = 512;  // lines that are walked together where they lie side by side

template <class T>
TRITORCH_INLINE bool same(T a, T b) {
    return a == b || (a != a && b != b);
}

// A line of neighbours: first its extreme, in lanes, then the first place that has it.
template <class R>
TRITORCH_INLINE std::int64_t place_of(const typename R::In* x, std::int64_t n, typename R::In& value) {
    using T = typename R::In;
    constexpr int lanes = 32;
    T best = x[0];
    std::int64_t i = 0;
    if (n >= lanes) {
        T lane[lanes];
        for (int l = 0; l < lanes; ++l) lane[l] = x[l];
        for (i = lanes; i + lanes <= n; i += lanes)
            for (int l = 0; l < lanes; ++l) lane[l] = R::combine(lane[l], x[i + l]);
        for (int l = 0; l < lanes; ++l) best = R::combine(best, lane[l]);
    }
    for (; i < n; ++i) best = R::combine(best, x[i]);
    value = best;
    for (std::int64_t at = 0; at < n; at += lanes) {
        const std::int64_t end = std::min<std::int64_t>(n, at + lanes);
        bool found = false;
        for (std::int64_t j = at; j < end; ++j) found |= same(x[j], best);
        if (!found) continue;
        for (std::int64_t j = at; j < end; ++j)
            if (same(x[j], best)) return j;
    }
    return 0;
}

template <class T>
struct Task {
    const T* in;
    T* values;
    std::int64_t* indices;
    Lines lines;
    std::int64_t begin, end;  // lines, those of one outer place side by side
};

template <class R>
TRITORCH_INLINE void along_lines(const Task<typename R::In>& task) {
    for (std::int64_t line = task.begin; line < task.end; ++line) {
        typename R::In value;
        task.indices[line] = place_of<R>(task.in + line * task.lines.size, task.lines.size, value);
        if (task.values) task.values[line] = value;
    }
}

template <class R>
TRITORCH_INLINE void across_lines(const Task<typename R::In>& task) {
    using T = typename R::In;
    const Lines& lines = task.lines;
    T best[tile];
    std::int32_t found[tile];
    for (std::int64_t line = task.begin; line < task.end;) {
        const std::int64_t outer = line / lines.inner, first = line % lines.inner;
        const std::int64_t width = std::min({tile, lines.inner - first, task.end - line});
        const T* x = task.in + outer * lines.size * lines.inner + first;
        for (std::int64_t i = 0; i < width; ++i) {
            best[i] = x[i];
            found[i] = 0;
        }
        for (std::int64_t k = 1; k < lines.size; ++k) {
            x += lines.inner;
            const auto place = static_cast<std::int32_t>(k);
            for (std::int64_t i = 0; i < width; ++i) {
                const T better = R::combine(best[i], x[i]);
                found[i] = same(better, best[i]) ? found[i] : place;
                best[i] = better;
            }
        }
        for (std::int64_t i = 0; i < width; ++i) {
            task.indices[line + i] = found[i];
            if (task.values) task.values[line + i] = best[i];
        }
        line += width;
    }
}

template <class R>
TRITORCH_INLINE void work_on(const Task<typename R::In>& task) {
    if (task.lines.inner == 1) along_lines<R>(task);
    else across_lines<R>(task);
}

#define TRITORCH_EXTREMES(T)                                                     \
    TRITORCH_CLONES void largest(const Task<T>& task) { work_on<Max<T>>(task); } \
    TRITORCH_CLONES void smallest(const Task<T>& task) { work_on<Min<T>>(task); }
TRITORCH_EXTREMES(std::uint8_t)
TRITORCH_EXTREMES(std::int8_t)
TRITORCH_EXTREMES(std::int16_t)
TRITORCH_EXTREMES(std::int32_t)
TRITORCH_EXTREMES(std::int64_t)
TRITORCH_EXTREMES(float)
TRITORCH_EXTREMES(double)

template <class T>
bool find(bool is_largest, const char* in, char* values, std::int64_t* indices, const Lines& lines,
          int threads) {
    const Task<T> whole{
        reinterpret_cast<const T*>(in), reinterpret_cast<T*>(values), indices, lines, 0, lines.lines()};
    const std::int64_t pieces =
        std::clamp<std::int64_t>(lines.lines() * lines.size / worth_a_thread, 1,
                                 std::min<std::int64_t>(std::max(threads, 1), lines.lines()));
    conv::parallel(pieces, static_cast<int>(pieces), [&](std::int64_t part) {
        Task<T> task = whole;
        task.begin = whole.end * part / pieces;
        task.end = whole.end * (part + 1) / pieces;
        if (is_largest) largest(task);
        else smallest(task);
    });
    return true;
}

}  // namespace

bool find_extremes(bool largest, Type type, const char* in, char* values, std::int64_t* indices,
                   const Lines& lines, int threads) {
    if (!lines.lines()) return true;
    switch (type) {
        case Type::boolean:
        case Type::uint8: return find<std::uint8_t>(largest, in, values, indices, lines, threads);
        case Type::int8: return find<std::int8_t>(largest, in, values, indices, lines, threads);
        case Type::int16: return find<std::int16_t>(largest, in, values, indices, lines, threads);
        case Type::int32: return find<std::int32_t>(largest, in, values, indices, lines, threads);
        case Type::int64: return find<std::int64_t>(largest, in, values, indices, lines, threads);
        case Type::float32: return find<float>(largest, in, values, indices, lines, threads);
        case Type::float64: return find<double>(largest, in, values, indices, lines, threads);
        default: return false;
    }
}

}  // namespace tritorch::reduce
