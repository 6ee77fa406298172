// Page-locked host memory, cached: what the device copies to and from while the host goes on.
//
// Note [Pinned memory]
// The driver's own calls are slow, and its free waits for the device; so blocks, rounded up to powers of two,
// are kept. A copy that does not wait leaves an event at the block; the block is given out again when all of
// its events have passed.
#pragma once

#include "runtime.h"

#include <map>
#include <mutex>
#include <vector>

namespace tritorch::device {

class Pinned {
  public:
    struct Statistics {
        std::size_t live_bytes = 0, cached_bytes = 0, allocations = 0, driver_calls = 0;
    };

    // The one cache of the process; never destroyed.
    static Pinned& instance();

    void* allocate(std::size_t bytes);
    void free(void* block) noexcept;
    bool holds(const void* pointer);
    // What was just given to the stream uses the memory, if it is pinned.
    void used(const void* pointer, int device, CUstream stream);
    // Gives idle blocks back to the driver. May wait for the device: hold no lock.
    void empty();
    Statistics statistics();

  private:
    struct Block {
        std::size_t bytes = 0;
        bool live = false;
        std::vector<Event> uses;
    };
    using Blocks = std::map<void*, Block>;

    Blocks::iterator find(const void* pointer);
    bool is_idle(Block& block);

    std::mutex lock_;
    Blocks blocks_;
    std::map<std::size_t, std::vector<void*>> free_;  // by size; some still wait for events
    Statistics counts_;
};

}  // namespace tritorch::device
