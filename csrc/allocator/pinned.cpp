#include "pinned.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <mutex>
#include <utility>

namespace tritorch::allocator {

namespace {

using Lock = std::lock_guard<Mutex>;

template <class Body>
std::int64_t microseconds(Body body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const auto took = std::chrono::steady_clock::now() - start;
    return std::chrono::duration_cast<std::chrono::microseconds>(took).count();
}

}  // namespace

void Duration::add(std::int64_t took) noexcept {
    longest = std::max(longest, took);
    shortest = count ? std::min(shortest, took) : took;
    total += took;
    ++count;
}

PinnedCache::PinnedCache(PinnedSource& source, const Settings& settings)
    : source_(source), settings_(settings) {}

std::size_t PinnedCache::round(std::size_t bytes) const noexcept {
    const bool rounded =
        bytes <= settings_.pinned_max_round_threshold && bytes <= settings_.pinned_max_cached_size;
    return rounded && bytes <= std::size_t(1) << 62 ? std::bit_ceil(bytes) : bytes;
}

std::size_t PinnedCache::list_of(std::size_t size) noexcept { return std::size_t(std::bit_width(size - 1)); }

PinnedBlock* PinnedCache::allocate(std::size_t bytes) {
    if (!bytes) return nullptr;
    const std::size_t size = round(bytes);
    Blocks to_release;
    PinnedBlock* block = nullptr;
    {
        const Lock lock(mutex_);
        process_events(to_release);
        block = take(size);
    }
    release(to_release);
    if (block) return block;
    block = make(size);
    if (block) return block;
    empty_cache();
    return make(size);
}

// The last freed block that is large enough: in a list all have one size, unless rounding ends below it.
PinnedBlock* PinnedCache::take(std::size_t size) {
    Blocks& list = cached_[list_of(size)];
    const auto found =
        std::find_if(list.rbegin(), list.rend(), [&](const PinnedBlock* one) { return one->size >= size; });
    if (found == list.rend()) return nullptr;
    PinnedBlock* block = *found;
    list.erase(std::next(found).base());
    block->allocated = true;
    statistics_.active_requests.increase(1);
    statistics_.active_bytes.increase(std::int64_t(block->size));
    return block;
}

PinnedBlock* PinnedCache::make(std::size_t size) {
    void* pointer = nullptr;
    const std::int64_t took = microseconds([&] { pointer = source_.malloc(size); });
    if (!pointer) return nullptr;
    auto made = std::make_unique<PinnedBlock>(PinnedBlock{pointer, size, true, 0, {}});
    PinnedBlock* block = made.get();
    const Lock lock(mutex_);
    blocks_[reinterpret_cast<std::uintptr_t>(pointer)] = std::move(made);
    statistics_.alloc_time.add(took);
    statistics_.allocations.increase(1);
    statistics_.allocated_bytes.increase(std::int64_t(size));
    statistics_.active_requests.increase(1);
    statistics_.active_bytes.increase(std::int64_t(size));
    return block;
}

void PinnedCache::free(PinnedBlock* block) {
    Blocks to_release;
    {
        const Lock lock(mutex_);
        block->allocated = false;
        try {
            while (!block->uses.empty()) {
                events_.push_back({source_.record(block->uses.back()), block});
                ++block->events;
                block->uses.pop_back();
            }
        } catch (const std::exception&) {
            // Who frees cannot answer for the device, and without an event nobody knows when the copy is
            // done: the block is never used again. A device that cannot record is not going to need it.
            ++block->events;
            block->uses.clear();
        }
        if (!block->events) put(block, to_release);
    }
    release(to_release);
}

void PinnedCache::record_stream(PinnedBlock* block, Stream stream) {
    const Lock lock(mutex_);
    auto& uses = block->uses;
    if (std::find(uses.begin(), uses.end(), stream) == uses.end()) uses.push_back(stream);
}

PinnedBlock* PinnedCache::find(const void* pointer) {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    const Lock lock(mutex_);
    auto next = blocks_.upper_bound(address);
    if (next == blocks_.begin()) return nullptr;
    PinnedBlock* block = std::prev(next)->second.get();
    return address - reinterpret_cast<std::uintptr_t>(block->pointer) < block->size ? block : nullptr;
}

void PinnedCache::put(PinnedBlock* block, Blocks& to_release) {
    statistics_.active_requests.decrease(1);
    statistics_.active_bytes.decrease(std::int64_t(block->size));
    if (block->size > settings_.pinned_max_cached_size) to_release.push_back(block);
    else cached_[list_of(block->size)].push_back(block);
}

void PinnedCache::process_events(Blocks& to_release) {
    while (!events_.empty() && source_.passed(events_.front().event)) {
        const Pending pending = events_.front();
        events_.pop_front();
        source_.drop(pending.event);
        if (!--pending.block->events) put(pending.block, to_release);
    }
}

void PinnedCache::release(const Blocks& blocks) {
    for (PinnedBlock* block : blocks) {
        const std::int64_t took = microseconds([&] { source_.free(block->pointer); });
        const Lock lock(mutex_);
        statistics_.free_time.add(took);
        statistics_.allocations.decrease(1);
        statistics_.allocated_bytes.decrease(std::int64_t(block->size));
        blocks_.erase(reinterpret_cast<std::uintptr_t>(block->pointer));
    }
}

void PinnedCache::empty_cache() {
    Blocks to_release;
    {
        const Lock lock(mutex_);
        process_events(to_release);
        for (Blocks& list : cached_) {
            to_release.insert(to_release.end(), list.begin(), list.end());
            list.clear();
        }
    }
    release(to_release);
}

PinnedStatistics PinnedCache::statistics() {
    const Lock lock(mutex_);
    return statistics_;
}

void PinnedCache::reset_accumulated_statistics() {
    const Lock lock(mutex_);
    for (Stat* stat : {&statistics_.active_requests, &statistics_.active_bytes, &statistics_.allocations,
                       &statistics_.allocated_bytes})
        stat->reset_accumulated();
    statistics_.alloc_time = statistics_.free_time = {};
}

void PinnedCache::reset_peak_statistics() {
    const Lock lock(mutex_);
    for (Stat* stat : {&statistics_.active_requests, &statistics_.active_bytes, &statistics_.allocations,
                       &statistics_.allocated_bytes})
        stat->reset_peak();
}

}  // namespace tritorch::allocator
