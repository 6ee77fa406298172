// The counts that torch.cuda.memory_stats gives, under its names.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <utility>

namespace tritorch::allocator {

struct Stat {
    std::int64_t current = 0, peak = 0, allocated = 0, freed = 0;

    void increase(std::int64_t amount) noexcept {
        current += amount;
        peak = std::max(peak, current);
        allocated += amount;
    }
    void decrease(std::int64_t amount) noexcept {
        current -= amount;
        freed += amount;
    }
    void change(std::int64_t amount) noexcept { amount < 0 ? decrease(-amount) : increase(amount); }
    void reset_accumulated() noexcept { allocated = freed = 0; }
    void reset_peak() noexcept { peak = current; }
};

enum PoolKind { all_pools, small_pool, large_pool };
inline constexpr std::array<const char*, 3> pool_names{"all", "small_pool", "large_pool"};

// One count for all pools together, and for those of each size.
struct PoolStat {
    std::array<Stat, 3> of;

    void increase(PoolKind kind, std::int64_t amount) noexcept {
        of[all_pools].increase(amount);
        of[kind].increase(amount);
    }
    void decrease(PoolKind kind, std::int64_t amount) noexcept {
        of[all_pools].decrease(amount);
        of[kind].decrease(amount);
    }
    void change(PoolKind kind, std::int64_t amount) noexcept {
        of[all_pools].change(amount);
        of[kind].change(amount);
    }
};

using PoolId = std::pair<std::uint64_t, std::uint64_t>;

struct Statistics {
    PoolStat allocation, segment, active, inactive_split;
    PoolStat allocated_bytes, reserved_bytes, active_bytes, inactive_split_bytes, requested_bytes;
    Stat oversize_allocations, oversize_segments;
    std::int64_t num_alloc_retries = 0, num_ooms = 0, num_sync_all_streams = 0;
    std::int64_t num_device_alloc = 0, num_device_free = 0;
    std::int64_t max_split_size = -1;  // torch's way to write "no limit"
    std::map<PoolId, PoolStat> reserved_bytes_by_private_pools;

    // The pool statistics with their names, in torch's order.
    template <class Visit>
    void each_pool_stat(Visit visit) {
        visit("allocation", allocation);
        visit("segment", segment);
        visit("active", active);
        visit("inactive_split", inactive_split);
        visit("allocated_bytes", allocated_bytes);
        visit("reserved_bytes", reserved_bytes);
        visit("active_bytes", active_bytes);
        visit("inactive_split_bytes", inactive_split_bytes);
        visit("requested_bytes", requested_bytes);
    }
    template <class Visit>
    void each_stat(Visit visit) {
        each_pool_stat([&](const char*, PoolStat& stat) {
            for (Stat& one : stat.of) visit(one);
        });
        for (auto& [id, stat] : reserved_bytes_by_private_pools)
            for (Stat& one : stat.of) visit(one);
        visit(oversize_allocations);
        visit(oversize_segments);
    }
    void reset_accumulated() {
        each_stat([](Stat& stat) { stat.reset_accumulated(); });
        num_alloc_retries = num_ooms = num_sync_all_streams = num_device_alloc = num_device_free = 0;
    }
    void reset_peak() {
        each_stat([](Stat& stat) { stat.reset_peak(); });
    }
};

}  // namespace tritorch::allocator
