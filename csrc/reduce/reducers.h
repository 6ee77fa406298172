// What is combined, and how: a reducer turns elements into lanes, and combines lanes, then accumulators.
#pragma once

#include "clones.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace tritorch::reduce {

// Half precision as it lies in memory.
struct Half {
    std::uint16_t bits;
};
struct Bfloat {
    std::uint16_t bits;
};

template <class T>
TRITORCH_INLINE T value_of(T x) {
    return x;
}
TRITORCH_INLINE float value_of(Bfloat x) { return std::bit_cast<float>(std::uint32_t(x.bits) << 16); }
TRITORCH_INLINE float value_of(Half x) {
    const std::uint32_t sign = std::uint32_t(x.bits & 0x8000) << 16, size = std::uint32_t(x.bits & 0x7fff)
                                                                            << 13;
    const float scaled = std::bit_cast<float>(size) * 0x1p112f;  // subnormal numbers come out right
    const std::uint32_t endless = (x.bits & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | endless | sign);
}

template <class T>
using Value = decltype(value_of(T()));

template <class T>
inline constexpr bool is_real = std::is_floating_point_v<Value<T>>;

// Where lanes are the elements as they are, combine() takes vectors of lanes too.
template <class R, class T>
inline constexpr bool as_they_are = requires { requires R::plain && std::is_same_v<typename R::Lane, T>; };

// Sums: in float32 lanes that are added in float64, in int32 lanes (of 8 and 16 bits) that are added in
// int64.
template <class T>
struct Addition {
    static constexpr bool centred = false;
    using In = T;
    using Lane = std::conditional_t<is_real<T>, Value<T>,
                                    std::conditional_t<sizeof(T) <= 2, std::int32_t, std::int64_t>>;
    using Acc = std::conditional_t<is_real<T>, double, std::int64_t>;
    using Out = std::conditional_t<is_real<T>, Value<T>, std::int64_t>;
    static constexpr Lane lane = 0;
    static constexpr Acc neutral = 0;
    template <class V>
    TRITORCH_INLINE static V combine(V a, V b) {
        return a + b;
    }
    TRITORCH_INLINE static Acc join(Acc a, Acc b) { return a + b; }
};

template <class T>
struct Sum : Addition<T> {
    static constexpr bool plain = true;
    using typename Addition<T>::Lane;
    TRITORCH_INLINE static Lane map(T x, Lane) { return static_cast<Lane>(value_of(x)); }
};
template <class T>
struct NanSum : Addition<T> {
    using typename Addition<T>::Lane;
    TRITORCH_INLINE static Lane map(T x, Lane) {
        const Lane v = value_of(x);
        return v == v ? v : Lane(0);
    }
};
template <class T>
struct Absolute : Addition<T> {
    using typename Addition<T>::Lane;
    TRITORCH_INLINE static Lane map(T x, Lane) { return std::abs(value_of(x)); }
};
// Squares may leave the range of float32 where their root would not: they are made in float64.
template <class T>
struct Squares : Addition<T> {
    using Lane = double;
    static constexpr Lane lane = 0;
    TRITORCH_INLINE static Lane map(T x, Lane) {
        const Lane v = value_of(x);
        return v * v;
    }
    TRITORCH_INLINE static Lane combine(Lane a, Lane b) { return a + b; }
};
template <class T>
struct Distances : Addition<T> {
    static constexpr bool centred = true;
    using typename Addition<T>::Lane;
    TRITORCH_INLINE static Lane map(T x, Lane centre) {
        const Lane v = value_of(x) - centre;
        return v * v;
    }
};

// One type throughout.
template <class T>
struct Plain {
    static constexpr bool centred = false;
    using In = T;
    using Lane = T;
    using Acc = T;
    using Out = T;
    TRITORCH_INLINE static Lane map(T x, Lane) { return x; }
};

template <class T>
struct Product : Plain<T> {
    using Lane = std::conditional_t<is_real<T>, double, T>;
    using Acc = Lane;
    static constexpr Lane lane = 1;
    static constexpr Acc neutral = 1;
    TRITORCH_INLINE static Lane map(T x, Lane) { return x; }
    TRITORCH_INLINE static Lane combine(Lane a, Lane b) { return a * b; }
    TRITORCH_INLINE static Acc join(Acc a, Acc b) { return a * b; }
};

template <class T>
inline constexpr T least =
    is_real<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
template <class T>
inline constexpr T most = is_real<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();

template <class T>
struct Max : Plain<T> {
    static constexpr bool plain = true;
    static constexpr T lane = least<T>, neutral = least<T>;
    template <class V>
    TRITORCH_INLINE static V combine(V a, V b) {
        const V larger = b > a ? b : a;  // a of equals, and where it is NaN
        return b != b ? b : larger;
    }
    TRITORCH_INLINE static T join(T a, T b) { return combine(a, b); }
};
template <class T>
struct Min : Plain<T> {
    static constexpr bool plain = true;
    static constexpr T lane = most<T>, neutral = most<T>;
    template <class V>
    TRITORCH_INLINE static V combine(V a, V b) {
        const V smaller = b < a ? b : a;
        return b != b ? b : smaller;
    }
    TRITORCH_INLINE static T join(T a, T b) { return combine(a, b); }
};

struct Any : Plain<std::uint8_t> {
    static constexpr std::uint8_t lane = 0, neutral = 0;
    TRITORCH_INLINE static std::uint8_t combine(std::uint8_t a, std::uint8_t b) { return a | b; }
    TRITORCH_INLINE static std::uint8_t join(std::uint8_t a, std::uint8_t b) { return a | b; }
};
struct All : Plain<std::uint8_t> {
    static constexpr std::uint8_t lane = 1, neutral = 1;
    TRITORCH_INLINE static std::uint8_t combine(std::uint8_t a, std::uint8_t b) { return a & b; }
    TRITORCH_INLINE static std::uint8_t join(std::uint8_t a, std::uint8_t b) { return a & b; }
};

}  // namespace tritorch::reduce
