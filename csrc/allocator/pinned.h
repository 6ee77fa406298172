// The cache of pinned host memory, as torch's CachingHostAllocator keeps it.
//
// Pinning is slow, so blocks are kept: sizes are rounded up to powers of two, and a freed block serves the
// next request of its size, the last one freed first. A copy to or from a block is work of a stream, so a
// block is free when an event on every stream that used it has passed; the oldest event is asked first, and
// the others wait behind it. Nothing is ever split. The driver is asked for memory without the lock.
#pragma once

#include "device.h"
#include "lock.h"
#include "settings.h"
#include "statistics.h"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace tritorch::allocator {

// What the cache asks of a driver. malloc() and free() are called without the lock, the rest with it.
class PinnedSource {
  public:
    virtual ~PinnedSource() = default;
    virtual void* malloc(std::size_t bytes) = 0;  // null where there is no room
    virtual void free(void* pointer) = 0;
    virtual Event record(Stream stream) = 0;
    virtual bool passed(Event event) = 0;
    virtual void drop(Event event) noexcept = 0;
};

struct PinnedBlock {
    void* pointer;
    std::size_t size;
    bool allocated;
    std::size_t events = 0;
    std::vector<Stream> uses;
};

// In microseconds.
struct Duration {
    std::int64_t total = 0, longest = 0, shortest = 0, count = 0;
    void add(std::int64_t took) noexcept;
};

struct PinnedStatistics {
    Stat active_requests, active_bytes;  // given out, or not yet passed by every stream
    Stat allocations, allocated_bytes;   // with what is cached
    Duration alloc_time, free_time;
};

class PinnedCache {
  public:
    explicit PinnedCache(PinnedSource& source, const Settings& settings = {});
    PinnedCache(const PinnedCache&) = delete;
    PinnedCache& operator=(const PinnedCache&) = delete;

    // Null where there is no memory, even after what is cached was given back, and for no bytes.
    PinnedBlock* allocate(std::size_t bytes);
    void free(PinnedBlock* block);
    // The stream has been given work that uses the block.
    void record_stream(PinnedBlock* block, Stream stream);
    // The block that an address lies in; null if none.
    PinnedBlock* find(const void* pointer);
    void empty_cache();

    PinnedStatistics statistics();
    void reset_accumulated_statistics();
    void reset_peak_statistics();

  private:
    struct Pending {
        Event event;
        PinnedBlock* block;
    };
    using Blocks = std::vector<PinnedBlock*>;

    std::size_t round(std::size_t bytes) const noexcept;
    static std::size_t list_of(std::size_t size) noexcept;
    // With the lock held:
    PinnedBlock* take(std::size_t size);
    void put(PinnedBlock* block, Blocks& to_release);
    void process_events(Blocks& to_release);
    // Without it:
    void release(const Blocks& blocks);
    PinnedBlock* make(std::size_t size);

    PinnedSource& source_;
    const Settings settings_;
    Mutex mutex_;
    std::array<Blocks, 65> cached_;  // by the logarithm of the size
    std::deque<Pending> events_;     // the oldest in front
    std::map<std::uintptr_t, std::unique_ptr<PinnedBlock>> blocks_;
    PinnedStatistics statistics_;
};

}  // namespace tritorch::allocator
