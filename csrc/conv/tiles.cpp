#include "tiles.h"

#include <cstring>

#if defined(__GNUC__)
#define TRITORCH_INLINE inline __attribute__((always_inline))
#else
#define TRITORCH_INLINE inline
#endif
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TRITORCH_X86 1
#endif

namespace tritorch::conv {

namespace {

constexpr int vectors = 3;  // of a tile's row

template <class T, int bytes>
struct Vector {
    typedef T type __attribute__((vector_size(bytes)));
    static constexpr int lanes = bytes / sizeof(T);
};

template <class V, class T>
TRITORCH_INLINE void load(V& v, const T* from) {
    __builtin_memcpy(&v, from, sizeof(V));
}

template <class V, class T>
TRITORCH_INLINE void store(const V& v, T* to) {
    __builtin_memcpy(to, &v, sizeof(V));
}

template <class T, int bytes, int panel, int rows, int wide>
TRITORCH_INLINE void outer_of(const Outer<T>& task) {
    using V = typename Vector<T, bytes>::type;
    constexpr int lanes = Vector<T, bytes>::lanes;
    V sums[rows][wide];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
        for (int v = 0; v < wide; ++v) sums[r][v] = V{};
    const T *a = task.a, *b = task.b;
    for (std::int64_t k = 0; k < task.depth; ++k, a += panel, b += lanes * vectors) {
        V line[wide];
#pragma GCC unroll 3
        for (int v = 0; v < wide; ++v) load(line[v], b + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
            for (int v = 0; v < wide; ++v) sums[r][v] += line[v] * a[r];
    }
    if (task.rows >= rows && task.columns == wide * lanes) {
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
            for (int v = 0; v < wide; ++v) {
                T* c = task.c + r * task.stride + v * lanes;
                if (task.add) {
                    V old;
                    load(old, c);
                    store(V(old + sums[r][v]), c);
                } else {
                    store(sums[r][v], c);
                }
            }
        return;
    }
    T spilled[rows][wide * lanes];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
        for (int v = 0; v < wide; ++v) store(sums[r][v], &spilled[r][v * lanes]);
    for (int r = 0; r < rows && r < task.rows; ++r) {
        T* c = task.c + r * task.stride;
        if (task.add)
            for (int i = 0; i < task.columns; ++i) c[i] += spilled[r][i];
        else std::memcpy(c, spilled[r], task.columns * sizeof(T));
    }
}

template <class T, int bytes, int panel, int rows>
TRITORCH_INLINE void outer_rows(const Outer<T>& task) {
    constexpr int lanes = Vector<T, bytes>::lanes;
    if (task.columns > 2 * lanes) outer_of<T, bytes, panel, rows, 3>(task);
    else if (task.columns > lanes) outer_of<T, bytes, panel, rows, 2>(task);
    else outer_of<T, bytes, panel, rows, 1>(task);
}

template <class T, int bytes, int rows>
TRITORCH_INLINE void outer(const Outer<T>& task) {
    if (task.rows > rows / 2) outer_rows<T, bytes, rows, rows>(task);
    else outer_rows<T, bytes, rows, rows / 2>(task);
}

// The lanes of a vector added up, by halves.
template <class T, int bytes>
TRITORCH_INLINE T total(const typename Vector<T, bytes>::type& v) {
    if constexpr (bytes == 2 * sizeof(T)) {
        return v[0] + v[1];
    } else {
        typename Vector<T, bytes / 2>::type low, high;
        __builtin_memcpy(&low, &v, bytes / 2);
        __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + bytes / 2, bytes / 2);
        return total<T, bytes / 2>(low + high);
    }
}

template <class T, int bytes, int lefts, int rights>
TRITORCH_INLINE void dots_of(const Dots<T>& task) {
    using V = typename Vector<T, bytes>::type;
    constexpr int lanes = Vector<T, bytes>::lanes;
    V sums[lefts][rights];
#pragma GCC unroll 4
    for (int l = 0; l < lefts; ++l)
#pragma GCC unroll 6
        for (int r = 0; r < rights; ++r) sums[l][r] = V{};
    for (std::int64_t k = 0; k < task.depth; k += lanes) {
        V left[lefts];
#pragma GCC unroll 4
        for (int l = 0; l < lefts; ++l) load(left[l], task.left + l * task.stride + k);
#pragma GCC unroll 6
        for (int r = 0; r < rights; ++r) {
            V right;
            load(right, task.right + r * task.stride + k);
#pragma GCC unroll 4
            for (int l = 0; l < lefts; ++l) sums[l][r] += left[l] * right;
        }
    }
    T totals[lefts][rights];
#pragma GCC unroll 4
    for (int l = 0; l < lefts; ++l)
#pragma GCC unroll 6
        for (int r = 0; r < rights; ++r) totals[l][r] = total<T, bytes>(sums[l][r]);
    for (int l = 0; l < lefts && l < task.lefts; ++l)
        for (int r = 0; r < task.rights; ++r) task.c[l * task.c_stride + r] += totals[l][r];
}

template <class T, int bytes, int lefts, int rights>
TRITORCH_INLINE void dots(const Dots<T>& task) {
    if (task.lefts == 1) dots_of<T, bytes, 1, rights>(task);
    else dots_of<T, bytes, lefts, rights>(task);
}

#define TRITORCH_TILES(name, target, bytes, rows, lefts, rights)                                    \
    target void outer_##name(const Outer<float>& task) { outer<float, bytes, rows>(task); }         \
    target void outer_##name(const Outer<double>& task) { outer<double, bytes, rows>(task); }       \
    target void dots_##name(const Dots<float>& task) { dots<float, bytes, lefts, rights>(task); }   \
    target void dots_##name(const Dots<double>& task) { dots<double, bytes, lefts, rights>(task); } \
    template <class T>                                                                              \
    constexpr Tiles<T> tiles_##name{rows,       vectors * bytes / int(sizeof(T)), lefts,            \
                                    rights,     bytes / int(sizeof(T)),           outer_##name,     \
                                    dots_##name};

#if TRITORCH_X86
TRITORCH_TILES(avx512, __attribute__((target("avx512f,avx2,fma"))), 64, 8, 4, 6)
TRITORCH_TILES(avx2, __attribute__((target("avx2,fma"))), 32, 4, 3, 4)
#endif
TRITORCH_TILES(plain, , 16, 4, 3, 4)

}  // namespace

template <class T>
const Tiles<T>& tiles() {
#if TRITORCH_X86
    static const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    static const bool wide = fma && __builtin_cpu_supports("avx512f");
    if (wide) return tiles_avx512<T>;
    if (fma) return tiles_avx2<T>;
#endif
    return tiles_plain<T>;
}

template const Tiles<float>& tiles();
template const Tiles<double>& tiles();

}  // namespace tritorch::conv
