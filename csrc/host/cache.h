// The caching allocator for arrays on the CPU.
//
// Note [Host memory]
// A large array straight from the system costs a page fault per 4 KiB when it is first written: more than the
// sum of two arrays does. Operators make and drop such arrays all the time, so their blocks are kept.
// - Requests below 64 KiB go to malloc.
// - Others are rounded up to a size class, four to each doubling, and served from the blocks of that class,
// the
//   last one freed first (it may still be in the processor's cache). New blocks are mapped, hence aligned to
//   pages; from 2 MiB on to 2 MiB, with huge pages where the system allows.
// - What is cached is bounded: beyond the limit the blocks that lay idle longest go back to the system.
// Blocks are known by address, never by the size that the caller says: free() asks the table for every
// pointer that is page-aligned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace tritorch::host {

struct Statistics {
    std::uint64_t allocations = 0;  // of 64 KiB and more
    std::uint64_t hits = 0;         // of those, served from the cache
    std::uint64_t maps = 0;         // asked of the system
    std::uint64_t unmaps = 0;
    std::size_t live_bytes = 0;  // in blocks that are in use
    std::size_t peak_bytes = 0;  // the most that live_bytes has been
    std::size_t cached_bytes = 0;
    std::size_t limit_bytes = 0;
};

class Cache {
  public:
    static constexpr std::size_t smallest = std::size_t(64) << 10;
    static constexpr std::size_t page = 4096;
    static constexpr std::size_t huge_page = std::size_t(2) << 20;

    // The one cache of the process. It is never destroyed: arrays may outlive every static object.
    static Cache& instance();

    // All of these may be called from any thread, and in a forked child. Null where there is no memory.
    void* allocate(std::size_t size);
    void* allocate_zeroed(std::size_t count, std::size_t size);
    void* reallocate(void* pointer, std::size_t size);
    void free(void* pointer);

    // Gives every cached block back to the system.
    void empty();
    void set_limit(std::size_t bytes);
    Statistics statistics();
    void reset_peak();

    // The size of the class that a request of at least `smallest` bytes falls into.
    static std::size_t round_up(std::size_t size);

  private:
    struct Idle {
        void* pointer;
        std::size_t size;
    };
    using IdleList = std::list<Idle>;  // the longest idle in front

    Cache();
    // A block of exactly `size` bytes from the cache or, with `fresh` set, from the system.
    void* take(std::size_t size, bool& fresh);
    void trim_to(std::size_t bytes);  // with the lock held

    std::mutex lock_;
    std::unordered_map<void*, std::size_t> live_;
    IdleList idle_;
    std::unordered_map<std::size_t, std::vector<IdleList::iterator>> by_size_;
    Statistics counts_;
};

}  // namespace tritorch::host
