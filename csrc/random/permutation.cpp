// Random order: the numbers 0 to n - 1 sorted by their 64-bit draws, which a GPU can do as well.
#include "fill.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>

namespace tritorch::random {

namespace {

constexpr int digits = 3, digit_bits = 11, high_shift = 32;

// Sorts by the high halves, stably: 11 bits a pass from the lowest. Returns where the result is.
std::uint64_t* radix_sort(std::uint64_t* from, std::uint64_t* to, std::size_t count) {
    constexpr std::uint64_t mask = (1u << digit_bits) - 1;
    const auto digit_of = [](std::uint64_t item, int digit) {
        return item >> (high_shift + digit * digit_bits) & mask;
    };
    std::size_t starts[digits][1 << digit_bits] = {};
    for (std::size_t i = 0; i < count; ++i)
        for (int digit = 0; digit < digits; ++digit) ++starts[digit][digit_of(from[i], digit)];
    for (auto& of_digit : starts) {
        std::size_t sum = 0;
        for (std::size_t& start : of_digit) sum += std::exchange(start, sum);
    }
    for (int digit = 0; digit < digits; ++digit) {
        for (std::size_t i = 0; i < count; ++i) to[starts[digit][digit_of(from[i], digit)]++] = from[i];
        std::swap(from, to);
    }
    return from;
}

}  // namespace

// Works on (high half of the draw, number) in one word; where high halves are equal the full draws decide,
// and in the end the numbers.
std::uint64_t fill_permutation(const Philox& generator, std::int64_t* out, std::size_t count) {
    if (count > std::numeric_limits<std::uint32_t>::max())
        throw std::length_error("random_permutation: at most 2**32 - 1 elements");
    const auto draws = std::make_unique_for_overwrite<std::uint64_t[]>(count);
    const auto spare = std::make_unique_for_overwrite<std::uint64_t[]>(count);
    const std::uint64_t used = fill_integers(generator, draws.get(), count, 0, 0, 1);
    for (std::size_t i = 0; i < count; ++i) spare[i] = draws[i] >> high_shift << high_shift | i;

    std::uint64_t* sorted = spare.get();
    if (count < 4096) std::sort(sorted, sorted + count);
    else sorted = radix_sort(sorted, reinterpret_cast<std::uint64_t*>(out), count);

    const auto full_draw = [&](std::uint64_t item) { return draws[static_cast<std::uint32_t>(item)]; };
    for (std::size_t first = 0, last; first < count; first = last) {
        for (last = first + 1; last < count && sorted[last] >> high_shift == sorted[first] >> high_shift;)
            ++last;
        if (last - first > 1)
            std::stable_sort(sorted + first, sorted + last,
                             [&](std::uint64_t a, std::uint64_t b) { return full_draw(a) < full_draw(b); });
    }
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::int64_t>(sorted[i] & 0xffffffffu);
    return used;
}

}  // namespace tritorch::random
