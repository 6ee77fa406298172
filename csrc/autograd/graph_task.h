// One backward pass: what it was asked, which nodes it meets, and the gradients that are on their way.
#pragma once

#include "node.h"
#include "node_map.h"
#include "pointer.h"
#include "value.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tritorch::autograd {

class ReadyQueue;

struct Request {
    std::vector<Edge> roots;   // where the gradients enter
    Values gradients;          // one a root
    std::vector<Edge> inputs;  // the wanted ones; none: all that can be reached
    bool accumulate = true;    // the wanted ones are accumulators, to run; else gradients to hand back
    bool keep_graph = false;   // saved values survive
    std::uint32_t modes = 0;   // for Runtime::switch_modes
    std::string where;         // the line of the program that asks, for reports; may be empty
};

class GraphTask {
  public:
    // Counts, for every node that the roots reach, the gradients to wait for. Outside the runtime: no node
    // runs.
    GraphTask(Request request, int depth, int owner, ReadyQueue* owner_queue);

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    // What the request said, constant.
    std::uint64_t id() const noexcept { return id_; }
    bool keep_graph() const noexcept { return keep_graph_; }
    std::uint32_t modes() const noexcept { return modes_; }
    int depth() const noexcept { return depth_; }  // how many backward passes this one is nested in
    bool selective() const noexcept { return selective_; }
    Node& root() const noexcept { return *root_; }
    const std::string& where() const noexcept { return where_; }
    // True if nodes run on other threads too; otherwise nothing here is locked.
    bool shared() const noexcept { return shared_; }
    bool wants(const Slot& slot) const noexcept { return !selective_ || slot.needed || slot.captured; }

    bool wants(const Node* node) noexcept {
        const Slot* slot = slots_.find(node);
        return slot && wants(*slot);
    }
    bool captures(const Node* node) noexcept {
        const Slot* slot = slots_.find(node);
        return slot && slot->captured;
    }

    // A gradient arrives (or, empty, the news that none will). Gives the slot of a node that is ready now, or
    // null.
    Slot* deliver(const Edge& edge, Value gradient);
    // The gradients that came for a ready node, one for each of its inputs.
    Values collect(Slot& slot);
    // Keeps copies of the gradients that the request asked of this node.
    void capture(const Slot& slot, const Values& gradients);
    std::vector<Value> take_captured() noexcept { return std::move(captured_); }

    // The first error wins; the others are dropped.
    void fail(std::exception_ptr error) noexcept;
    bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
    std::exception_ptr take_error() noexcept;  // for the caller alone: no other thread ends up destroying it

    // Nodes that are queued or running. The pass is over when none is left, or when one failed.
    void begin_node() noexcept { outstanding_.fetch_add(1, std::memory_order_relaxed); }
    bool end_node() noexcept { return outstanding_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
    bool done() const noexcept { return done_.load(std::memory_order_acquire); }
    void finish() noexcept;  // and wake whoever drives or waits
    void wait();             // outside the runtime

    // Run once the last node has, inside the runtime, in the thread that called the engine.
    void add_callback(std::function<void()> callback);
    void run_callbacks();

    // Note [Streams of a pass]
    Place place_of(const Node& node) const noexcept {
        return node.runs_on_callers_stream() ? callers_place(node.device()) : node.place();
    }
    Place callers_place(int device) const noexcept {
        const auto index = static_cast<std::size_t>(device);
        return {device, index < callers_streams_.size() ? callers_streams_[index] : nullptr};
    }
    // The thread takes the caller's streams for its own.
    void adopt_streams() const;
    // Something was given to a stream: the caller's will wait for it.
    void note_used(Place place);
    // A gradient leaves the thread's stream for `consumer`: orders the two. Gives the place where it may now
    // be used, which is nowhere for one on the host.
    Place bring(const Value& gradient, const Node& consumer);
    void join_streams();  // the caller's wait for all that were used

    // The queue of the nodes that run on the host, and the device whose worker made a reentrant call, if one
    // did: then the host's nodes run on that worker too.
    ReadyQueue& host_queue() const noexcept { return *host_queue_; }
    int owner() const noexcept { return owner_; }
    void close() noexcept;  // nobody drives this task any more: what is still queued is dropped
    // Lets go of the nodes and of gradients under way, when no thread runs any more. Inside the runtime, so
    // that a graph of which this was the last owner ends here and not in the reap queue.
    void drop_graph() noexcept {
        root_ = NodePtr();
        buffers_.clear();
    }

  private:
    struct Capture {
        const Node* node;
        std::uint32_t input;
        std::uint32_t index;
    };

    ~GraphTask();
    void count_dependencies(std::uint64_t oldest);
    void mark_needed(const std::vector<Edge>& inputs, bool accumulate, std::uint64_t oldest);
    Value& cell(Slot& slot, std::uint32_t input);
    Slot* deliver_locked(Slot& slot, std::uint32_t input, Value gradient);

    std::atomic<std::uint32_t> references_{1};
    const std::uint64_t id_;
    const int depth_;
    const int owner_;
    const bool keep_graph_;
    const bool selective_;
    const std::uint32_t modes_;
    bool shared_ = false;
    std::unique_ptr<ReadyQueue> own_queue_;
    ReadyQueue* host_queue_;
    const std::string where_;
    std::vector<void*> callers_streams_;  // by device
    NodePtr root_;  // keeps every node of the pass alive, so that all else here may hold plain pointers

    std::mutex mutex_;  // over what follows, in a shared task
    NodeMap slots_;
    std::vector<Values> buffers_;
    std::vector<std::uint32_t> free_buffers_;
    std::vector<Capture> captures_;  // by node
    std::vector<Value> captured_;
    std::vector<std::function<void()>> callbacks_;
    std::vector<Place> used_;  // not the caller's own
    std::exception_ptr error_;
    std::condition_variable finished_;
    std::atomic<bool> failed_{false};
    std::atomic<bool> done_{false};
    std::atomic<std::uint32_t> outstanding_{0};
};

}  // namespace tritorch::autograd
