#include "reduce.h"

// Vectors are passed to functions that are inlined always: of their passing no caller knows.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#include "../conv/parallel.h"
#include "axes.h"
#include "reducers.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

namespace tritorch::reduce {

namespace {

constexpr std::int64_t run_length = 4096;         // elements that lanes add up before they are widened
constexpr std::int64_t tile = 4096;               // outputs whose accumulators are held at a time
constexpr std::int64_t worth_a_thread = 1 << 17;  // elements
constexpr int rows = 8;                           // that are combined before they are widened

template <class T>
TRITORCH_INLINE const T& at(const char* base, std::int64_t offset) {
    return *reinterpret_cast<const T*>(base + offset);
}

// `count` elements, `stride` bytes apart, to one lane.
template <class R, int count>
TRITORCH_INLINE typename R::Lane column(const char* x, std::int64_t stride, typename R::Lane centre) {
    if constexpr (count == 1) return R::map(at<typename R::In>(x, 0), centre);
    else
        return R::combine(column<R, count / 2>(x, stride, centre),
                          column<R, count / 2>(x + count / 2 * stride, stride, centre));
}

// Neighbours in lanes, as many as that divides: combined into `total`. How many they were. Lanes that are
// elements as they are lie in vectors that never leave their registers: of an array of lanes, compilers load
// and store each one at each step.
template <class R>
    requires as_they_are<R, typename R::In>
TRITORCH_INLINE std::int64_t in_lanes(const typename R::In* x, std::int64_t n, typename R::Lane,
                                      typename R::Acc& total) {
    using Lane = typename R::Lane;
    constexpr int each = 32 / sizeof(Lane), vectors = 4, width = vectors * each;
    typedef Lane Vector __attribute__((vector_size(32)));
    typedef Lane Unaligned __attribute__((vector_size(32), aligned(alignof(Lane)), may_alias));
    if (n < width) {
        Lane lane = x[0];
        for (std::int64_t i = 1; i < n; ++i) lane = R::combine(lane, x[i]);
        total = R::join(total, static_cast<typename R::Acc>(lane));
        return n;
    }
    const auto* at = reinterpret_cast<const Unaligned*>(x);
    Vector a = at[0], b = at[1], c = at[2], d = at[3];
    std::int64_t i = width;
    for (at += vectors; i + width <= n; i += width, at += vectors) {
        a = R::combine(a, Vector(at[0]));
        b = R::combine(b, Vector(at[1]));
        c = R::combine(c, Vector(at[2]));
        d = R::combine(d, Vector(at[3]));
    }
    const Vector all = R::combine(R::combine(a, b), R::combine(c, d));
    Lane lane[each];
    for (int l = 0; l < each; ++l) lane[l] = all[l];
    for (int half = each / 2; half; half /= 2)
        for (int l = 0; l < half; ++l) lane[l] = R::combine(lane[l], lane[l + half]);
    total = R::join(total, static_cast<typename R::Acc>(lane[0]));
    return i;
}

// The same of others, in 32 lanes.
template <class R>
    requires(!as_they_are<R, typename R::In>)
TRITORCH_INLINE std::int64_t in_lanes(const typename R::In* x, std::int64_t n, typename R::Lane centre,
                                      typename R::Acc& total) {
    constexpr int width = 32;
    typename R::Lane lane[width];
    for (int l = 0; l < width; ++l) lane[l] = R::map(x[l], centre);
    std::int64_t i = width;
    for (; i + width <= n; i += width)
        for (int l = 0; l < width; ++l) lane[l] = R::combine(lane[l], R::map(x[i + l], centre));
    for (int half = width / 2; half; half /= 2)
        for (int l = 0; l < half; ++l) lane[l] = R::combine(lane[l], lane[l + half]);
    total = R::join(total, static_cast<typename R::Acc>(lane[0]));
    return i;
}

// n elements, `stride` bytes apart, to one.
template <class R>
TRITORCH_INLINE typename R::Acc along(const char* in, std::int64_t n, std::int64_t stride,
                                      typename R::Lane centre) {
    using In = typename R::In;
    using Acc = typename R::Acc;
    Acc total = R::neutral;
    if (stride == sizeof(In)) {
        const In* x = reinterpret_cast<const In*>(in);
        while (n >= 32) {
            const std::int64_t done = in_lanes<R>(x, std::min(n, run_length), centre, total);
            x += done;
            n -= done;
        }
        in = reinterpret_cast<const char*>(x);
    }
    for (; n >= 4; n -= 4, in += 4 * stride)
        total = R::join(total, static_cast<Acc>(column<R, 4>(in, stride, centre)));
    for (; n > 0; --n, in += stride) total = R::join(total, static_cast<Acc>(R::map(at<In>(in, 0), centre)));
    return total;
}

// `count` rows of `width` neighbours, `stride` bytes from row to row, combined into acc.
template <class R, int count>
TRITORCH_INLINE void rows_down(typename R::Acc* acc, [[maybe_unused]] const typename R::Lane* centre,
                               const char* in, std::int64_t width, std::int64_t stride) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < width; ++i) {
        const char* x = in + i * sizeof(typename R::In);
        typename R::Lane c = R::lane;
        if constexpr (R::centred) c = centre[i];
        acc[i] = R::join(acc[i], static_cast<typename R::Acc>(column<R, count>(x, stride, c)));
    }
}

template <class R>
TRITORCH_INLINE void down(typename R::Acc* acc, const typename R::Lane* centre, const char* in,
                          std::int64_t width, std::int64_t n, std::int64_t stride) {
    for (; n >= 8 && width >= 256; n -= 8, in += 8 * stride) rows_down<R, 8>(acc, centre, in, width, stride);
    for (; n >= 4; n -= 4, in += 4 * stride) rows_down<R, 4>(acc, centre, in, width, stride);
    for (; n > 0; --n, in += stride) rows_down<R, 1>(acc, centre, in, width, stride);
}

// One piece of the work: some of the outputs, over all or some of what is reduced.
struct Piece {
    const Job& job;
    Axis inner;               // innermost; kept or reduced
    Axis along;               // of a kept innermost axis: the nearest reduced one
    Axes kept, reduced;       // the others
    std::int64_t begin, end;  // outputs, counted over `kept`, then (of a kept innermost axis) `inner`
    void* raw = nullptr;      // where accumulators go instead of results
};

template <class R>
TRITORCH_INLINE void put(const Piece& piece, std::int64_t index, std::int64_t out, typename R::Acc total) {
    using Out = typename R::Out;
    if (piece.raw) {
        static_cast<typename R::Acc*>(piece.raw)[index] = total;
        return;
    }
    const Job& job = piece.job;
    if constexpr (std::is_floating_point_v<Out>) {
        if (job.divisor != 1) total = static_cast<typename R::Acc>(total / job.divisor);
        if (job.root) total = std::sqrt(total);
    }
    *reinterpret_cast<Out*>(job.out + out) = static_cast<Out>(total);
}

template <class R>
TRITORCH_INLINE typename R::Lane centre_of([[maybe_unused]] const Piece& piece,
                                           [[maybe_unused]] std::int64_t out) {
    if constexpr (!R::centred) return R::lane;
    else return static_cast<typename R::Lane>(piece.job.centre[out / std::int64_t(sizeof(typename R::Out))]);
}

// Outputs by the thousand, so that memory is walked in its order where further axes are reduced.
template <class R>
TRITORCH_INLINE void runs(const Piece& piece) {
    using Acc = typename R::Acc;
    const std::int64_t times = elements(piece.reduced);
    const std::unique_ptr<Acc[]> acc(new Acc[std::min(tile, piece.end - piece.begin)]);
    for (std::int64_t index = piece.begin; index < piece.end; index += tile) {
        const std::int64_t count = std::min(tile, piece.end - index);
        const Walk first(piece.kept, index);
        for (std::int64_t i = 0; i < count; ++i) acc[i] = R::neutral;
        Walk outer(piece.reduced);
        for (std::int64_t k = 0; k < times; ++k, outer.step()) {
            const char* in = piece.job.in + outer.in;
            Walk place = first;
            for (std::int64_t i = 0; i < count; ++i, place.step())
                acc[i] = R::join(acc[i], along<R>(in + place.in, piece.inner.size, piece.inner.in,
                                                  centre_of<R>(piece, place.out)));
        }
        Walk place = first;
        for (std::int64_t i = 0; i < count; ++i, place.step()) put<R>(piece, index + i, place.out, acc[i]);
    }
}

// Some neighbours of one row of outputs: all their rows, of one place of the further axes.
template <class R>
struct Stripe {
    const Piece& piece;
    std::unique_ptr<typename R::In[]> gathered;  // rows whose elements are no neighbours
    std::unique_ptr<typename R::Lane[]> centres;

    Stripe(const Piece& piece, std::int64_t widest) : piece(piece) {
        if (piece.inner.in != sizeof(typename R::In)) gathered.reset(new typename R::In[rows * widest]);
        if (R::centred) centres.reset(new typename R::Lane[widest]);
    }

    TRITORCH_INLINE void add(typename R::Acc* acc, const char* in, std::int64_t out, std::int64_t width) {
        const Axis &inner = piece.inner, &along = piece.along;
        for (std::int64_t i = 0; R::centred && i < width; ++i)
            centres[i] = centre_of<R>(piece, out + i * inner.out);
        if (!gathered) return down<R>(acc, centres.get(), in, width, along.size, along.in);
        for (std::int64_t done = 0; done < along.size; done += rows) {
            const std::int64_t count = std::min<std::int64_t>(rows, along.size - done);
            for (std::int64_t r = 0; r < count; ++r)
                for (std::int64_t i = 0; i < width; ++i)
                    gathered[r * width + i] = at<typename R::In>(in, (done + r) * along.in + i * inner.in);
            down<R>(acc, centres.get(), reinterpret_cast<const char*>(gathered.get()), width, count,
                    width * sizeof(typename R::In));
        }
    }
};

// Rows of outputs, as many as make a thousand, or parts of a long one.
template <class R>
TRITORCH_INLINE void stripes(const Piece& piece) {
    using Acc = typename R::Acc;
    const Axis& inner = piece.inner;
    const std::int64_t times = elements(piece.reduced);
    const std::unique_ptr<Acc[]> acc(new Acc[std::min(tile, piece.end - piece.begin)]);
    Stripe<R> stripe(piece, std::min(tile, inner.size));
    std::int64_t index = piece.begin;
    while (index < piece.end) {
        std::int64_t count = std::min(tile, piece.end - index);
        const Walk first(piece.kept, index / inner.size);
        // Calls f(i, in, out, width) for each part of a row among the outputs.
        const auto each_part = [&](auto f) {
            Walk place = first;
            std::int64_t start = index % inner.size;
            for (std::int64_t i = 0; i < count; place.step(), start = 0) {
                const std::int64_t width = std::min(count - i, inner.size - start);
                f(i, place.in + start * inner.in, place.out + start * inner.out, width);
                i += width;
            }
        };
        for (std::int64_t i = 0; i < count; ++i) acc[i] = R::neutral;
        Walk outer(piece.reduced);
        for (std::int64_t k = 0; k < times; ++k, outer.step())
            each_part(
                [&](std::int64_t i, std::int64_t in, std::int64_t out, std::int64_t width)
                    TRITORCH_FORCED { stripe.add(acc.get() + i, piece.job.in + outer.in + in, out, width); });
        each_part([&](std::int64_t at, std::int64_t, std::int64_t out, std::int64_t width) TRITORCH_FORCED {
            for (std::int64_t i = 0; i < width; ++i)
                put<R>(piece, index + at + i, out + i * inner.out, acc[at + i]);
        });
        index += count;
    }
}

template <class R>
TRITORCH_INLINE void work_on(const Piece& piece) {
    if (piece.inner.kept) stripes<R>(piece);
    else runs<R>(piece);
}

// The axis of the reduced ones that is cut up between threads.
Axis& longest(Piece& piece) {
    Axis* best = piece.inner.kept ? &piece.along : &piece.inner;
    for (int i = 0; i < piece.reduced.count; ++i)
        if (piece.reduced.item[i].size > best->size) best = &piece.reduced.item[i];
    return *best;
}

// The accumulators of several threads to results.
template <class R>
void join(const Piece& whole, const void* parts, int threads) {
    const auto* raw = static_cast<const typename R::Acc*>(parts);
    Axes kept = whole.kept;
    if (whole.inner.kept) kept.add(whole.inner);
    Walk place(kept);
    for (std::int64_t i = 0; i < whole.end; ++i, place.step()) {
        typename R::Acc total = raw[i];
        for (int part = 1; part < threads; ++part) total = R::join(total, raw[part * whole.end + i]);
        put<R>(whole, i, place.out, total);
    }
}

struct Loop {
    void (*work)(const Piece&) = nullptr;
    void (*join)(const Piece& whole, const void* parts, int threads) = nullptr;
    std::size_t acc_bytes = 0;
};

// Few outputs: each thread reduces a part of what is reduced.
void in_parts(const Loop& loop, const Piece& whole, int threads) {
    const std::unique_ptr<char[]> raw(new char[threads * whole.end * loop.acc_bytes]);
    Piece model = whole;
    const Axis axis = longest(model);
    conv::parallel(threads, threads, [&](std::int64_t part) {
        const std::int64_t begin = axis.size * part / threads, end = axis.size * (part + 1) / threads;
        Job shifted = whole.job;
        shifted.in += begin * axis.in;
        Piece piece{shifted, whole.inner, whole.along, whole.kept, whole.reduced, 0, whole.end};
        piece.raw = raw.get() + part * whole.end * loop.acc_bytes;
        longest(piece).size = end - begin;
        loop.work(piece);
    });
    loop.join(whole, raw.get(), threads);
}

void start(const Loop& loop, const Job& job) {
    const std::int64_t all = elements(job.axes);
    Piece whole{job, {}, {1, 0, 0, false}, {}, {}, 0, 1};
    Axes rest = job.axes;
    if (all) simplify(rest);
    whole.inner = take_innermost(rest);
    for (int i = 0; i < rest.count; ++i) (rest.item[i].kept ? whole.kept : whole.reduced).add(rest.item[i]);
    if (whole.inner.kept && whole.reduced.count) whole.along = take_innermost(whole.reduced);
    whole.end = elements(whole.kept) * (whole.inner.kept ? whole.inner.size : 1);
    if (!whole.end) return;

    const int pieces = static_cast<int>(std::min<std::int64_t>(job.threads, all / worth_a_thread));
    if (pieces <= 1) return loop.work(whole);
    if (whole.end < (whole.inner.kept ? 512 : 4 * pieces)) return in_parts(loop, whole, pieces);
    conv::parallel(pieces, pieces, [&](std::int64_t part) {
        Piece piece = whole;
        piece.begin = whole.end * part / pieces;
        piece.end = whole.end * (part + 1) / pieces;
        loop.work(piece);
    });
}

// Each loop is compiled for several processors, which a template cannot be.
#define TRITORCH_REDUCER(name, ...)                                                       \
    TRITORCH_CLONES void name##_work(const Piece& piece) { work_on<__VA_ARGS__>(piece); } \
    constexpr Loop name{name##_work, join<__VA_ARGS__>, sizeof(__VA_ARGS__::Acc)};
#define TRITORCH_REDUCER_OF_REALS(name, R)     \
    TRITORCH_REDUCER(name##_float32, R<float>) \
    TRITORCH_REDUCER(name##_float64, R<double>)
#define TRITORCH_REDUCER_OF_NUMBERS(name, R)        \
    TRITORCH_REDUCER(name##_uint8, R<std::uint8_t>) \
    TRITORCH_REDUCER(name##_int8, R<std::int8_t>)   \
    TRITORCH_REDUCER(name##_int16, R<std::int16_t>) \
    TRITORCH_REDUCER(name##_int32, R<std::int32_t>) \
    TRITORCH_REDUCER(name##_int64, R<std::int64_t>) \
    TRITORCH_REDUCER(name##_float32, R<float>)      \
    TRITORCH_REDUCER(name##_float64, R<double>)

TRITORCH_REDUCER_OF_NUMBERS(sum, Sum)
TRITORCH_REDUCER(sum_half, Sum<Half>)
TRITORCH_REDUCER(sum_bfloat, Sum<Bfloat>)
TRITORCH_REDUCER_OF_REALS(nansum, NanSum)
TRITORCH_REDUCER_OF_REALS(absolute, Absolute)
TRITORCH_REDUCER_OF_REALS(squares, Squares)
TRITORCH_REDUCER_OF_REALS(distances, Distances)
TRITORCH_REDUCER(product_int64, Product<std::int64_t>)
TRITORCH_REDUCER(product_float32, Product<float>)
TRITORCH_REDUCER(product_float64, Product<double>)
TRITORCH_REDUCER_OF_NUMBERS(max, Max)
TRITORCH_REDUCER_OF_NUMBERS(min, Min)
TRITORCH_REDUCER(any_bool, Any)
TRITORCH_REDUCER(all_bool, All)

constexpr Loop none;

// boolean uint8 int8 int16 int32 int64 half bfloat float32 float64, for each code
constexpr Loop loops[static_cast<int>(Code::none)][static_cast<int>(Type::none)] = {
    {sum_uint8, sum_uint8, sum_int8, sum_int16, sum_int32, sum_int64, sum_half, sum_bfloat, sum_float32,
     sum_float64},
    {none, none, none, none, none, none, none, none, nansum_float32, nansum_float64},
    {none, none, none, none, none, none, none, none, absolute_float32, absolute_float64},
    {none, none, none, none, none, none, none, none, squares_float32, squares_float64},
    {none, none, none, none, none, none, none, none, distances_float32, distances_float64},
    {none, none, none, none, none, product_int64, none, none, product_float32, product_float64},
    {max_uint8, max_uint8, max_int8, max_int16, max_int32, max_int64, none, none, max_float32, max_float64},
    {min_uint8, min_uint8, min_int8, min_int16, min_int32, min_int64, none, none, min_float32, min_float64},
    {any_bool, none, none, none, none, none, none, none, none, none},
    {all_bool, none, none, none, none, none, none, none, none, none},
};

const Loop& loop_of(Code code, Type type) {
    if (code == Code::none || type == Type::none) return none;
    return loops[static_cast<int>(code)][static_cast<int>(type)];
}

}  // namespace

Type result_type(Code code, Type type) {
    if (!loop_of(code, type).work) return Type::none;
    if (type == Type::half || type == Type::bfloat) return Type::float32;
    const bool sums = code <= Code::distances;
    return sums && type < Type::half ? Type::int64 : type;
}

void run(Code code, Type type, const Job& job) { start(loop_of(code, type), job); }

}  // namespace tritorch::reduce
