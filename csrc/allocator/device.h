// What the allocator asks of a device: memory, and events on its streams. The bindings join it to
// csrc/device, tests to a device of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tritorch::allocator {

using Address = std::uint64_t;
using Stream = void*;  // as the driver names it; null is its default stream
using Event = void*;

struct MemoryInfo {
    std::size_t free = 0;
    std::size_t total = 0;
};

// Every function but drop() may throw; what it throws reaches the caller of the allocator, whose state stays
// whole. All but wait() are called with the allocator's lock held: none of them may wait for the runtime, or
// for anybody who does.
class Device {
  public:
    virtual ~Device() = default;

    virtual int index() const = 0;
    // 0 where the device has no room; it throws only for other failures.
    virtual Address malloc(std::size_t bytes) = 0;
    virtual void free(Address address) = 0;
    virtual MemoryInfo memory() = 0;

    // An event recorded at the end of what `stream` has been given so far.
    virtual Event record(Stream stream) = 0;
    virtual bool passed(Event event) = 0;
    // Until all of them have passed. Called without the lock: other threads go on allocating.
    virtual void wait(const std::vector<Event>& events) = 0;
    virtual void drop(Event event) noexcept = 0;
};

}  // namespace tritorch::allocator
