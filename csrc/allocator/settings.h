// What TRITORCH_CUDA_ALLOC_CONF sets, in torch's language: "key:value,key:[a:1,b:2,>:3]".
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

namespace tritorch::allocator {

inline constexpr std::size_t MiB = std::size_t(1) << 20;
inline constexpr std::size_t smallest_block = 512;  // and the unit of rounding
inline constexpr std::size_t small_limit = MiB;     // the largest request of the small pool
inline constexpr std::size_t small_segment = 2 * MiB;
inline constexpr std::size_t large_limit = 10 * MiB;  // from here on a segment serves one request
inline constexpr std::size_t large_unit = 2 * MiB;    // to which such a segment is rounded
inline constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

struct SettingsError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

struct Settings {
    std::size_t max_split_size = no_limit;
    std::size_t large_segment_size = 20 * MiB;
    std::size_t max_non_split_rounding_size = 20 * MiB;
    std::array<std::size_t, 16> roundup_power2_divisions{};  // for requests from 1, 2, 4 ... 32768 MiB on
    double garbage_collection_threshold = 0;
    double per_process_memory_fraction = 1;
    std::size_t pinned_max_round_threshold = no_limit;
    std::size_t pinned_max_cached_size = no_limit;
    std::string text;

    // Throws SettingsError.
    static Settings parse(const std::string& text);

    std::size_t divisions(std::size_t size) const noexcept;
    std::size_t round(std::size_t size) const noexcept;
    // The size of the segment that is asked of the device for a rounded request.
    std::size_t segment_size(std::size_t size) const noexcept;
};

}  // namespace tritorch::allocator
