// The simulated device: the driver's table over memory of this process, with a scheduler that carries tasks
// out as late and in as contrary an order as streams and events allow. This header is what tests and bindings
// ask of it; table.h is what the library does.
//
// Note [Simulated device]
// - Device addresses lie in pages without access. What stands behind an address lies delta() bytes higher:
//   only the simulator's own copies and the interpreter of kernels go there. A host read of a device pointer
//   dies at once, as it does with a GPU.
// - Every stream is a queue of tasks. Nothing runs when it is enqueued: tasks run when a thread waits for the
//   device, on that thread, one at a time, with no lock held. Which stream's head is next is drawn from the
//   seed; with seed 0 tasks run in the order in which they were enqueued. One thread and one seed give one
//   run.
// - Whoever waits must hold no lock that a kernel may want (for Python: not the GIL). The driver's own lock
//   is the last one: nothing is called with it held.
#pragma once

#include "../table.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tritorch::device::sim {

struct Launch {
    int callable;
    int device;
    unsigned grid[3], block[3];
    unsigned shared_bytes;
    std::vector<std::uint64_t> parameters;  // packed bytes, 8-aligned
    std::size_t parameter_bytes;
};

// What the simulator asks of the world that kernels are written in.
struct Hooks {
    // Runs a kernel to its end, called with no lock held; SUCCESS or what the device then reports.
    CUresult (*run)(const Launch& launch) = nullptr;
    // Where in the user's program the calling thread is, or "".
    std::string (*where)() = nullptr;
};
void set_hooks(const Hooks& hooks);

// Gives a kernel its number: "tritorch-sim:<number>" is the image to load. `sizes` are the bytes of each
// parameter, for launches that pass pointers to them.
int register_kernel(std::string name, std::vector<std::size_t> sizes);

// ---- controls
// -----------------------------------------------------------------------------------------------

void set_seed(std::uint64_t seed);
// The size of every card from now on; what is allocated stays.
void set_card_size(std::size_t bytes);
std::size_t card_size();
// The n-th call from now on (1: the next) of one kind fails: "malloc", "free", "copy", "launch", "event",
// "stream", "module", "host", "graph"; "kernel" fails when it runs, after its launch succeeded; a "wait" for
// an event is forgotten, without a word. 0: none. `also`: beside those that were asked for before.
void fail_nth(const std::string& kind, std::uint64_t n, bool also = false);
// What has not failed yet: the kinds, and how many calls are left until the next of each.
std::vector<std::pair<std::string, std::uint64_t>> faults();

struct Finding {
    std::string kind;  // "bounds", "uninitialized", "race", "guard", "launch"
    std::string text;
};
// What was found since the last call.
std::vector<Finding> take_findings();
void add_finding(std::string kind, std::string text);

// ---- what is watched: check.h
// ------------------------------------------------------------------------------

// An allocator gave out `bytes` at `start` for use on a stream, and took them back.
void block_born(CUdeviceptr start, std::size_t bytes, CUstream stream);
void block_died(CUdeviceptr start, CUstream stream);
// The running kernel loads or stores `item` bytes at each address where the mask (null: everywhere) holds. ""
// or what is wrong with it: then nothing may be touched. What is only suspect becomes a finding.
std::string check_access(const std::uint64_t* addresses, const bool* mask, std::size_t count,
                         std::size_t item, bool write);

// Runs some tasks if there are any: polling makes progress by this. May run kernels: hold no lock.
void step();
// The same once more than a bounded number is pending, as a real queue's bound makes the caller wait.
void relieve();
// Runs all there is.
void drain();
std::size_t pending();
constexpr std::size_t most_pending = 1024;

std::uint64_t delta();
struct Extent {
    CUdeviceptr start, end;
};
std::vector<Extent> segments();  // what cuMemAlloc has given out

}  // namespace tritorch::device::sim
