// Blocks, and the sets that free ones wait in.
#pragma once

#include "device.h"
#include "settings.h"
#include "statistics.h"
#include "trace.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace tritorch::allocator {

struct Block;
struct PrivatePool;

// Free blocks by (size, address). Those below 1 MiB have a tree a size, found through a bitmap, the larger
// ones share a tree. A tree is a treap whose links lie in the blocks, so that nothing is allocated to move a
// block in or out; the priorities are hashes of the addresses, hence the same in every run.
class FreeSet {
  public:
    void insert(Block* block);
    void erase(Block* block) noexcept;
    // The smallest block of at least `size` bytes, at the lowest address; null if there is none.
    Block* at_least(std::size_t size) const noexcept;
    Block* largest() const noexcept;
    // Appends the blocks in order.
    void list(std::vector<Block*>& into) const;

  private:
    static constexpr std::size_t sizes = small_limit / smallest_block, word = 64;
    struct Bins {
        std::uint64_t words = 0;                         // which of `used` have a bit set
        std::array<std::uint64_t, sizes / word> used{};  // which trees have a block
        std::array<Block*, sizes> trees{};
    };

    std::unique_ptr<Bins> bins_;  // made for the first small block
    Block* large_ = nullptr;
};

struct Pool;

// The free blocks of one stream in one pool.
struct Shelf {
    Pool* pool = nullptr;
    Stream stream = nullptr;
    FreeSet free;
};

struct Pool {
    PoolKind kind;
    PrivatePool* owner = nullptr;
    std::map<Stream, Shelf> shelves;
    Shelf* last = nullptr;
    std::uint64_t searches = 0;  // the clock of garbage collection

    explicit Pool(PoolKind kind_, PrivatePool* owner_ = nullptr) : kind(kind_), owner(owner_) {}
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    Shelf& shelf(Stream stream) {
        if (last && last->stream == stream) return *last;
        Shelf& found = shelves[stream];
        found.pool = this;
        found.stream = stream;
        last = &found;
        return *last;
    }
    std::vector<Block*> free_blocks() const {
        std::vector<Block*> all;
        for (const auto& [stream, shelf] : shelves) shelf.free.list(all);
        return all;
    }
};

// The memory of captured graphs. It is kept until no graph and no other user counts on it, and no block is in
// use.
struct PrivatePool {
    PoolId id;
    int uses = 1;
    int segments = 0;
    Pool small{small_pool, this};
    Pool large{large_pool, this};

    explicit PrivatePool(PoolId id_) : id(id_) {}
};

struct Segment {
    Address address;
    std::size_t size;
    Block* first;
    Context context;
};

struct Use {
    Stream stream;
    bool captured;  // recorded while a graph was captured
};

// A part of a segment. Blocks of a segment are a list by address; when two merge, the lower one stays.
struct Block {
    Address address = 0;
    std::size_t size = 0;
    Shelf* shelf = nullptr;
    Block* previous = nullptr;
    Block* next = nullptr;
    Block* left = nullptr;  // in the FreeSet; `left` also chains spare blocks
    Block* right = nullptr;
    std::uint32_t priority = 0;
    std::uint32_t events = 0;  // still to pass before the block is free
    bool allocated = false;
    std::size_t requested = 0;
    std::uint64_t shelved_at = 0;
    Segment* segment = nullptr;
    std::vector<Use> uses;  // of other streams than its own
    Context context;

    Stream stream() const noexcept { return shelf->stream; }
    bool split() const noexcept { return previous || next; }
    bool idle() const noexcept { return !allocated && !events && uses.empty(); }
};

}  // namespace tritorch::allocator
