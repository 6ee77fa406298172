// Note [Order of locks]
// The runtime's lock (Python's GIL) comes before those of the engine: whoever holds one of the engine's never
// waits for the runtime, and runs no code of the runtime's: no node, no hook, no destructor of a gradient.
// Each thread counts the engine's locks that it holds, so that a runtime can insist.
#pragma once

#include <mutex>

namespace tritorch::autograd {

inline thread_local int engine_locks_held = 0;

class EngineLock : public std::unique_lock<std::mutex> {
  public:
    // A lock that nobody else can want is not taken.
    explicit EngineLock(std::mutex& mutex, bool wanted = true)
        : std::unique_lock<std::mutex>(mutex, std::defer_lock) {
        if (!wanted) return;
        lock();
        ++engine_locks_held;
    }
    ~EngineLock() {
        if (owns_lock()) --engine_locks_held;
    }
    EngineLock(const EngineLock&) = delete;
    EngineLock& operator=(const EngineLock&) = delete;
};

}  // namespace tritorch::autograd
