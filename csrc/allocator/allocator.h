// The caching allocator of one device: torch's CUDACachingAllocator as policy alone.
//
// - Requests are rounded up to 512 bytes. Up to 1 MiB they come from 2 MiB segments of the small pool; from 1
// to 10 MiB
//   from 20 MiB segments of the large pool; larger ones get a segment of their size, rounded up to 2 MiB.
// - A block belongs to the stream it was allocated on, and only that stream gets it again: what is freed may
// still be
//   written by work in flight, and work on the same stream comes later. The best fit of the stream's free
//   blocks is taken and split where the rest is useful; a freed block merges with its free neighbours.
// - A block that other streams used (record_stream) is free when an event on each of them has passed.
// - Where no free block fits, the device is asked; if it refuses, cached memory goes back to it, and it is
// asked again.
// - While a graph is captured, its streams allocate from a private pool, whose memory the graph keeps
// (private_pools.cpp). Every function may be called from any thread (Note [The allocator's lock]).
#pragma once

#include "block.h"
#include "device.h"
#include "lock.h"
#include "settings.h"
#include "statistics.h"
#include "trace.h"

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tritorch::allocator {

struct OutOfMemory : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct BlockInfo {
    Address address;
    std::size_t size, requested;
    bool allocated, active;  // active and not allocated: freed, but other streams may still use it
    Context context;
};

struct SegmentInfo {
    Address address;
    std::size_t total_size = 0, requested_size = 0, allocated_size = 0, active_size = 0;
    Stream stream;
    bool large;
    PoolId pool;
    std::vector<BlockInfo> blocks;
    Context context;
};

class Allocator {
  public:
    using StreamFilter = std::function<bool(Stream)>;
    using TraceObserver = std::function<void(const Entry&)>;
    // The device's index, the size of the segment refused, the memory allowed, the memory free.
    using MemoryObserver = std::function<void(int, std::size_t, std::size_t, std::size_t)>;

    explicit Allocator(Device& device, const Settings& settings = {});
    Allocator(const Allocator&) = delete;
    Allocator& operator=(const Allocator&) = delete;

    // A block of at least `bytes` bytes for work on `stream`. Throws OutOfMemory, or what the device threw.
    Block* allocate(std::size_t bytes, Stream stream);
    // Throws only if the block is not allocated; trouble of the device is left for the next allocate().
    void free(Block* block);
    // `stream` uses the block too: it is not reused before what the stream has been given at its free.
    void record_stream(Block* block, Stream stream);

    // Gives every whole segment that is free back to the device, after waiting for events.
    void empty_cache();
    void set_memory_fraction(double fraction);
    double memory_fraction();

    Statistics statistics();
    void reset_accumulated_statistics();
    void reset_peak_statistics();
    Settings settings();

    // Segments by address with their blocks. A snapshot is itself noted in the history.
    std::vector<SegmentInfo> snapshot();
    std::vector<Entry> history();
    void record_history(History history);

    // Called without the lock, after what they report; they may call the allocator. They must not throw.
    void observe_trace(TraceObserver observer);
    void observe_out_of_memory(MemoryObserver observer);
    // Asked for free()s when no cached block fits; gives whether it freed anything.
    void on_low_memory(std::function<bool()> callback);

    // Note [Private pools]: between begin and end, requests of streams that pass the filter come from the
    // pool `id`. The first begin makes the pool, each further one adds a user, release_pool() takes one away.
    void begin_allocate_to_pool(PoolId id, StreamFilter filter);
    void end_allocate_to_pool(PoolId id);
    void release_pool(PoolId id);
    int pool_uses(PoolId id);  // 0 for a pool that does not exist

  private:
    // Holds the lock; when it is given up, observers hear of what was noted meanwhile.
    class Locked {
      public:
        explicit Locked(Allocator& allocator) : allocator_(allocator) { lock(); }
        ~Locked() {
            if (held_) unlock();
        }
        void lock() {
            allocator_.mutex_.lock();
            held_ = true;
        }
        void unlock() {
            held_ = false;
            if (allocator_.pending_.empty()) [[likely]]
                allocator_.mutex_.unlock();
            else allocator_.unlock_and_tell();
        }

      private:
        Allocator& allocator_;
        bool held_ = false;
    };
    struct OwnedEvent {
        Device& device;
        Event event;
        ~OwnedEvent() { device.drop(event); }
    };
    struct Pending {
        std::shared_ptr<const OwnedEvent> event;  // shared with who waits for it
        Block* block;
    };
    struct Capture {
        PoolId id;
        StreamFilter filter;
    };

    // allocator.cpp: the way of a request and of a free. All of these run with the lock held.
    Pool& pool_for(std::size_t size, Stream stream);
    Block* take(Shelf& shelf, std::size_t size);
    Block* obtain(Locked& lock, Shelf& shelf, std::size_t size, const Context& context);
    void hand_out(Block* block, std::size_t size, std::size_t bytes, Context context);
    bool worth_splitting(const Block* block, std::size_t size) const;
    void shelve(Block* block);
    void free_block(Block* block, const Context& context);
    Block* new_block();
    void recycle(Block* block);

    // segments.cpp: segments come and go
    Block* new_segment(Shelf& shelf, std::size_t size, const Context& context, bool retry);
    void release_segment(Block* block, const Context& context);
    void release_whole_segments(Pool& pool, const Context& context);
    bool release_oversize(Shelf& shelf, std::size_t size, const Context& context);
    void release_cached(const Context& context);
    void release_private_pools(const Context& context);
    void collect_garbage(const Context& context);
    bool collects_garbage() const { return limited_ && settings_.garbage_collection_threshold > 0; }
    void limit_memory(double fraction);

    // events.cpp: blocks that other streams use
    void record_events(Block* block);
    void record_deferred(const Context& context);
    void event_passed(std::deque<Pending>& queue, const Context& context);
    void process_events(const Context& context);
    void synchronize_events(Locked& lock, const Context& context);

    // history.cpp: what happened, for who wants to know
    Context gather(Contexts level);
    void note(Action action, Address address, std::size_t size, Stream stream, const Pool* pool,
              const Context& context) {
        if (noting_) [[unlikely]]
            add_note(action, address, size, stream, pool, context);
    }
    void add_note(Action action, Address address, std::size_t size, Stream stream, const Pool* pool,
                  const Context& context);
    void unlock_and_tell();
    [[noreturn]] void refuse(Locked& lock, Shelf& shelf, std::size_t size, const Context& context);

    Device& device_;
    Mutex mutex_;
    Settings settings_;
    Statistics statistics_;

    Pool small_{small_pool};
    Pool large_{large_pool};
    std::map<Address, Segment> segments_;
    std::deque<Block> blocks_;  // every block there ever was; the unused are chained from spare_
    Block* spare_ = nullptr;

    std::size_t reserved_ = 0;
    bool limited_ = false;
    std::size_t allowed_ = 0;

    std::map<Stream, std::deque<Pending>> events_;
    std::deque<Block*> deferred_;  // freed, their events not recorded yet

    std::vector<Capture> captures_;
    std::map<PoolId, std::unique_ptr<PrivatePool>> private_pools_;

    bool noting_ = false;
    History history_;
    Ring ring_;
    std::atomic<Contexts> contexts_{Contexts::never};
    std::vector<Entry> pending_;
    std::shared_ptr<const std::vector<TraceObserver>> trace_observers_;
    std::shared_ptr<const std::vector<MemoryObserver>> memory_observers_;
    std::shared_ptr<const std::vector<std::function<bool()>>> callbacks_;
};

// "1.50 MiB", as in torch's messages.
std::string readable(std::size_t bytes);

}  // namespace tritorch::allocator
