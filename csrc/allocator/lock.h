// Note [The allocator's lock]
// The order of locks is: the runtime's (Python's GIL), the engine's, an allocator's, the driver's. Whoever
// holds an allocator's lock never waits for the runtime; observers, free-memory callbacks and recorders of
// contexts, which may, are called without it. In debug builds each thread counts the allocator's locks that
// it holds, so that a runtime can insist (WithGil in bindings/py.h does).
#pragma once

#include <atomic>
#include <cstdint>

#if !defined(NDEBUG) || defined(TRITORCH_COUNT_LOCKS)
#define TRITORCH_ALLOCATOR_COUNTS_LOCKS 1
#else
#define TRITORCH_ALLOCATOR_COUNTS_LOCKS 0
#endif

namespace tritorch::allocator {

#if TRITORCH_ALLOCATOR_COUNTS_LOCKS
inline thread_local int locks_held = 0;
inline void count_lock(int change) noexcept { locks_held += change; }
#else
inline constexpr int locks_held = 0;
inline void count_lock(int) noexcept {}
#endif

// A mutex of one word: an uncontended lock and unlock cost half of std::mutex's, which is much of a cached
// allocation. 0 is free, 1 taken, 2 taken with somebody asleep.
class Mutex {
  public:
    void lock() noexcept {
        std::uint32_t expected = 0;
        if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire)) {
            while (word_.exchange(2, std::memory_order_acquire)) word_.wait(2, std::memory_order_relaxed);
        }
        count_lock(1);
    }
    void unlock() noexcept {
        count_lock(-1);
        if (word_.exchange(0, std::memory_order_release) == 2) word_.notify_one();
    }

  private:
    std::atomic<std::uint32_t> word_{0};
};

}  // namespace tritorch::allocator
