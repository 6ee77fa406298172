// What the allocator's tests share: an allocator on a fake device, and shorthand.
#pragma once

#include "../allocator/allocator.h"
#include "../allocator/fake_device.h"
#include "check.h"

#include <cstddef>
#include <string>
#include <vector>

namespace fake {

using namespace tritorch::allocator;

inline const Stream s0 = FakeDevice::stream(0), s1 = FakeDevice::stream(1), s2 = FakeDevice::stream(2);
inline constexpr std::size_t KiB = 1024, GiB = 1024 * MiB;

struct Card {
    FakeDevice device;
    Allocator memory;

    explicit Card(const std::string& settings = "", std::size_t capacity = 8 * GiB)
        : device(capacity), memory(device, Settings::parse(settings)) {}

    std::int64_t current(PoolStat Statistics::* stat, PoolKind kind = all_pools) {
        return (memory.statistics().*stat).of[kind].current;
    }
    // Everything that must hold when all blocks have been freed and the cache is empty.
    void expect_clean() {
        memory.empty_cache();
        Statistics now = memory.statistics();
        now.each_pool_stat([](const char* name, const PoolStat& stat) {
            for (const Stat& one : stat.of) check::equal(one.current, 0, name, __FILE__, __LINE__);
        });
        CHECK_EQUAL(device.live_segments(), 0u);
        CHECK_EQUAL(device.live_events(), 0u);
        CHECK_EQUAL(device.used(), 0u);
        CHECK(memory.snapshot().empty());
    }
};

// Streams as numbers, sizes and states of a snapshot's blocks: "2097152: 512a 1024f ..." (allocated, freed,
// pending).
inline std::string picture(const std::vector<SegmentInfo>& segments) {
    std::string text;
    for (const SegmentInfo& segment : segments) {
        text += (text.empty() ? "" : " | ") + std::to_string(segment.total_size / KiB) + ":";
        for (const BlockInfo& block : segment.blocks)
            text += " " + std::to_string(block.size / 512) +
                    (block.allocated ? "a"
                     : block.active  ? "p"
                                     : "f");
    }
    return text;
}

}  // namespace fake
