// The history of an allocator: what it did, when, and where in the program that was asked for.
#pragma once

#include "device.h"
#include "statistics.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tritorch::allocator {

// A line of the program. Contexts are plain data: one may be dropped with the allocator's lock held.
struct Frame {
    std::string file;
    int line = 0;
    std::string name;
};
using Context = std::shared_ptr<const std::vector<Frame>>;

enum class Action {
    alloc,
    free_requested,
    free_completed,  // later than free_requested where other streams still used the block
    segment_alloc,
    segment_free,
    segment_map,  // of expandable segments, which do not exist here: torch's list is kept whole
    segment_unmap,
    snapshot,
    oom,  // the address is what the device had free
};
const char* name_of(Action action) noexcept;

struct Entry {
    Action action;
    Address address;
    std::size_t size;
    Stream stream;
    PoolId pool;
    std::int64_t time_us;  // since 1970
    Context context;
};

// How much is kept: contexts of what is allocated now; of allocations in the history too; of frees too.
enum class Contexts { never, state, alloc, all };

struct History {
    bool enabled = false;
    Contexts contexts = Contexts::never;
    std::function<Context()> recorder;  // called without the allocator's lock
    std::size_t max_entries = 1;
    bool clear = false;
    std::uint32_t skipped = 0;  // a bit an action
};

// The last `limit` entries.
class Ring {
  public:
    void set_limit(std::size_t limit);
    void add(Entry entry);
    void clear();
    std::vector<Entry> entries() const;

  private:
    std::vector<Entry> kept_;
    std::size_t limit_ = 1;
    std::size_t next_ = 0;  // the oldest, once kept_ is full
};

std::int64_t now_us() noexcept;

}  // namespace tritorch::allocator
