// What the simulated device watches: bounds of blocks, bytes never written, uses of memory that nothing
// orders.
//
// Note [Happens-before]
// Every task has a clock: for each stream, the last of its tasks that is known to come before. It comes from
// the stream's own order, from events waited for, and from what the host had waited for when the task was
// enqueued; so it is known at the enqueue, and does not depend on the order in which tasks happen to run. For
// each 512 bytes of memory the last writer and the readers since are kept, with the bytes they touched. Two
// uses of the same bytes, one of them a write, are a race unless the earlier is in the later's clock. An
// allocation counts as a write on its stream: a block that is handed on before another stream is done with it
// (a missing record_stream) is a race with the allocation.
//
// Note [Births and deaths]
// The allocator's blocks are born and die on the host, but the bytes change in the order of the stream: a
// block's birth is a task on its stream that marks the bytes as never written, fills them with 0xFF (NaN, -1;
// only marks them, where they are 256 MiB and more) and arms guard bytes between its end and the next
// multiple of 512; its death is one that looks at the guard. A task may touch a block if it was enqueued
// between the two. What is born in a capture is born anew by every replay, and may be used by one after its
// death on the host, for the graph keeps its memory; its guard is armed by replays, and so not looked at by a
// death outside of the capture.
#pragma once

#include "world.h"

namespace tritorch::device::sim {

// One block of the allocator, from birth to death in the order of enqueuing.
struct Life {
    CUdeviceptr start = 0, end = 0;  // as asked for
    std::uint64_t born = 0, died = ~std::uint64_t(0);
    std::string where;
    bool captured = false;
};

class Watch {
  public:
    // Shadows for `bytes` of addresses from `start` on. Why not, or "".
    std::string reserve(CUdeviceptr start, std::size_t bytes);
    void note(const Task& task);  // who it is, for reports: called when it is enqueued
    // Nothing is known of these bytes any more.
    void forget(CUdeviceptr start, std::size_t bytes);

    void born(CUdeviceptr start, std::size_t bytes, std::uint64_t task, std::string where, bool captured);
    // `kept`: a graph may use the block later, as what lived when it was captured.
    bool died(CUdeviceptr start, std::uint64_t task, bool kept, Life* life);
    void bury(std::uint64_t oldest_pending);

    // The block that holds the address for a task (0: for whoever comes now), or null.
    const Life* find(CUdeviceptr address, std::uint64_t task) const;
    const Life* nearest(CUdeviceptr address, std::uint64_t task) const;

    void use(World& all, const Task& task, CUdeviceptr start, std::size_t bytes, bool write);
    unsigned char* written(CUdeviceptr at) { return written_ + (at - start_); }
    std::string describe(CUdeviceptr address, std::uint64_t task) const;
    std::string who(int slot, std::uint64_t seq) const;

  private:
    struct Use {
        std::uint64_t who = 0;  // slot << 48 | seq; 0: nobody
        std::uint16_t first = 0, last = 0;
    };
    struct Granule {
        Use write, read;
        std::uint32_t more = 0;  // in readers_, from 1: readers beside `read`
    };
    struct Note {
        std::string what;
    };

    Granule* granule(CUdeviceptr at) { return granules_ + (at - start_) / 512; }
    void race(World& all, const Task& task, const Use& other, bool wrote, bool write, CUdeviceptr at);

    CUdeviceptr start_ = 0;
    std::size_t bytes_ = 0;
    unsigned char* written_ = nullptr;
    Granule* granules_ = nullptr;
    std::vector<std::vector<Use>> readers_;
    std::vector<std::uint32_t> free_readers_;
    std::map<CUdeviceptr, std::vector<Life>> lives_;
    std::deque<std::pair<std::uint64_t, CUdeviceptr>> dead_;
    std::unordered_map<std::uint64_t, std::string> notes_;
    std::deque<std::uint64_t> noted_;
    std::set<std::pair<std::uint64_t, std::uint64_t>> told_;
};
Watch& watch();  // belongs to World::lock

// A copy or fill within the running task: marks, and checks for races.
void watch_read(World& all, const Task& task, CUdeviceptr start, std::size_t bytes);
void watch_write(World& all, const Task& task, CUdeviceptr start, std::size_t bytes);
void watch_copy(World& all, const Task& task, CUdeviceptr to, CUdeviceptr from, std::size_t bytes);
void found(World& all, const char* kind, std::string text);

}  // namespace tritorch::device::sim
