// The state of the simulated device. All of it belongs to World::lock, except where it says otherwise.
#pragma once

#include "sim.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

namespace tritorch::device::sim {

using Clock = std::vector<std::uint64_t>;  // by stream slot: the last task of it that is known to come before
void join(Clock& into, const Clock& other);

struct Task;

// A task of a graph, to be enqueued at each launch.
struct Node {
    std::shared_ptr<const Task> task;
    std::vector<int> after;  // nodes of the same graph
};

// What streams are given while they are captured, from the first stream on.
struct Capture {
    const struct Stream* origin = nullptr;
    std::vector<Node> nodes;
    bool invalid = false;
};

struct Graph {
    std::vector<Node> nodes;
};

// One recording of an event: what waits for the event waits for this.
struct Record {
    bool done = false;
    double time = 0;  // virtual microseconds, once done
    Clock clock;
    std::shared_ptr<Capture> capture;  // recorded in a stream that was being captured
    std::vector<int> nodes;            // then: the nodes that it comes after
};

struct Task {
    std::uint64_t id = 0;    // in the order of enqueuing, over all streams
    std::uint64_t seen = 0;  // which blocks it may touch: those alive at this id; in a graph, at its capture
    std::uint64_t seq = 0;   // in its stream, from 1
    int slot = 0;
    int device = 0;
    std::string name;
    std::string where;
    bool is_copy = false;
    double cost = 2;  // virtual microseconds
    std::function<CUresult(const Task&)> body;
    std::shared_ptr<Record> waits, records;
    std::shared_ptr<const Clock> clock;  // what it comes after, its own stream included
};
using TaskPointer = std::unique_ptr<Task>;

struct Stream {
    int device = 0;
    int slot = 0;
    std::deque<TaskPointer> queue;
    std::uint64_t running = 0;  // the task of it that is being carried out, 0 for none
    std::uint64_t seq = 0;
    double time = 0;
    std::shared_ptr<const Clock> clock = std::make_shared<Clock>();
    std::shared_ptr<Capture> capture;
    std::vector<int> last_nodes;  // of the capture: what the next one comes after

    bool idle() const { return queue.empty() && !running; }
};

struct Event {
    std::shared_ptr<Record> last;
    bool timed = true;
};

struct Module {
    int kernel;
};
struct Function {
    int kernel;
};

struct Device {
    CUdeviceptr base = 0;
    CUdeviceptr cursor = 0;
    std::size_t used = 0;
    std::map<CUdeviceptr, std::size_t> segments;  // live ones
    Stream legacy;                                // the default stream
};

struct World {
    static constexpr std::size_t span = std::size_t(64) << 30;  // addresses a device

    std::mutex lock;
    std::condition_variable changed;

    bool busy = false;  // some thread is carrying out a task
    std::thread::id runner;
    std::uint64_t enqueued = 0;
    std::size_t pending = 0;
    CUresult failed = SUCCESS;  // what an earlier task met: the next wait says so
    Clock host;                 // what the host has waited for

    std::uint64_t seed = 0;
    std::mt19937_64 random;
    unsigned policy = 0, picks = 0;

    std::size_t card = std::size_t(8) << 30;
    CUdeviceptr space = 0;  // of all devices, one after the other
    std::uint64_t delta = 0;
    std::deque<Device> devices;
    struct Dying {
        CUdeviceptr start;
        std::size_t bytes;
        std::uint64_t after;  // the last task that may use it
    };
    std::map<CUdeviceptr, Dying> dying;

    int next_slot = 0;
    std::set<Stream*> streams;  // those that were created, without the default ones
    std::set<Event*> events;
    std::set<Module*> modules;
    std::set<Function*> functions;
    struct Kernel {
        std::string name;
        std::vector<std::size_t> sizes;  // of its parameters
    };
    std::vector<Kernel> kernels;
    int captures = 0;  // under way
    std::set<Graph*> graphs, executables;
    std::map<void*, std::size_t> pinned;
    std::map<std::string, std::vector<std::uint64_t>> faults;  // calls left until each
    std::vector<Finding> findings;
    Hooks hooks;
};
World& world();
using Lock = std::unique_lock<std::mutex>;

// ---- scheduler.cpp ----------------------------------------------------------------------------------------

// The task joins the stream's queue. Its place in the program was asked for before the lock was taken.
void enqueue(World& all, Stream& stream, TaskPointer task);
// The same where the stream is being captured: a node of the graph.
void capture(World& all, Stream& stream, TaskPointer task);
// Carries out tasks until `reached`; `wanted` is the stream that is waited for, if it is one. Gives the lock
// back while a task runs.
CUresult run_until(Lock& lock, const Stream* wanted, const std::function<bool()>& reached);
// SUCCESS, or once what an earlier task met.
CUresult take_failure(World& all);
// The task that this thread carries out, or null.
const Task* current_task() noexcept;

// ---- memory.cpp -------------------------------------------------------------------------------------------

std::string reserve(World& all, int devices);
CUresult allocate(World& all, Device& device, std::size_t bytes, CUdeviceptr* pointer);
CUresult release(World& all, CUdeviceptr pointer);
std::uint64_t oldest_pending(const World& all);
void reclaim(World& all);  // the pages of what died and is used no more
bool is_live(const World& all, CUdeviceptr pointer, std::size_t bytes);
inline void* behind(const World& all, CUdeviceptr pointer) {
    return reinterpret_cast<void*>(pointer + all.delta);
}

// ---- table.cpp
// ---------------------------------------------------------------------------------------------

// Whether this call of a kind is the one that was asked to fail.
bool faulty(World& all, const char* kind);
Device* this_device(World& all);
Stream* find_stream(World& all, CUstream handle);
TaskPointer make_task(const char* name);  // asks where the program is: call without the lock
void fill_memory_calls(Table& table);
void fill_stream_calls(Table& table);
void fill_launch_calls(Table& table);
void fill_graph_calls(Table& table);

}  // namespace tritorch::device::sim
