// A node of the graph: the function that turns the gradients of a forward operator's outputs into those of
// its inputs.
#pragma once

#include "pointer.h"
#include "small_vector.h"
#include "streams.h"
#include "value.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace tritorch::autograd {

class Node;
using NodePtr = Pointer<Node>;

// Where a gradient goes: one of the outputs that `node`'s forward had, hence one of the inputs of `node`.
// An edge without a node leads nowhere: that input needs no gradient.
struct Edge {
    NodePtr node;
    std::uint32_t input = 0;

    explicit operator bool() const noexcept { return static_cast<bool>(node); }
};

// What users hang on a node; most nodes have none. All are called inside the runtime.
class NodeHooks {
  public:
    virtual ~NodeHooks() = default;
    // The hooks of the forward's output tensors and retain_grad; run even where only a gradient is captured.
    virtual void of_tensors(Node& node, Values& gradients) = 0;
    virtual void before(Node& node, Values& gradients) = 0;
    virtual bool has_after() const = 0;
    virtual void after(Node& node, Values& results, const Values& gradients) = 0;
};

class Node {
  public:
    static constexpr std::uint64_t runs_first = UINT64_MAX;  // sequence number of an accumulator
    static constexpr int host = -1;  // device of a node that runs on the calling thread

    // The number of gradients that come in: the forward's outputs.
    explicit Node(std::uint64_t sequence, std::uint32_t inputs = 0) noexcept
        : inputs_(inputs), sequence_(sequence) {}
    virtual ~Node() = default;
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // `gradients` has inputs() values, of which some may be empty, and may be consumed. `results` comes empty
    // and leaves with one value an edge, or none at all.
    virtual void run(Values& gradients, Values& results) = 0;
    // Lets go of what was saved, after a run in a graph that is not kept.
    virtual void release_saved() {}
    virtual std::string name() const = 0;
    // Beside an exception that `run` raised: a chance to say where the node came from.
    virtual void on_error() noexcept {}

    void add_edge(Edge edge) {
        if (edge) topological_ = std::max(topological_, edge.node->topological_ + 1);
        edges_.push_back(std::move(edge));
    }
    // Before the node has run, or is shared.
    void replace_edge(std::uint32_t index, Edge edge) {
        if (edge) topological_ = std::max(topological_, edge.node->topological_ + 1);
        edges_[index] = std::move(edge);
    }
    const SmallVector<Edge, 2>& edges() const noexcept { return edges_; }
    std::uint32_t inputs() const noexcept { return inputs_; }

    // Nodes made later in a thread have the higher number and run first.
    std::uint64_t sequence() const noexcept { return sequence_; }
    static std::uint64_t next_sequence() noexcept;
    // The longest way from here to an end of the graph: a node leads only to nodes with a lower number.
    std::uint64_t topological() const noexcept { return topological_; }

    int device() const noexcept { return place_.device; }
    // It runs there: Note [Streams of a pass].
    void set_place(Place place) noexcept {
        place_ = place;
        of_caller_ = false;
    }
    // It runs on that device, on the stream that the caller of the pass has there.
    void set_device(int device) noexcept {
        place_ = {device, nullptr};
        of_caller_ = true;
    }
    // The stream is none of its own where it runs on the caller's.
    Place place() const noexcept { return place_; }
    bool runs_on_callers_stream() const noexcept { return of_caller_; }

    NodeHooks* hooks() const noexcept { return hooks_.get(); }
    void set_hooks(std::unique_ptr<NodeHooks> hooks) noexcept { hooks_ = std::move(hooks); }

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) bury();
    }
    // Retains a node to which only an unowned pointer leads, unless it is already on its way to the grave.
    bool retain_if_alive() noexcept;
    bool unique() const noexcept { return references_.load(std::memory_order_acquire) == 1; }

  private:
    friend class Graveyard;
    void bury() noexcept;  // graveyard.cpp

    std::atomic<std::uint32_t> references_{1};
    std::uint32_t inputs_;
    bool of_caller_ = false;
    Place place_;
    std::uint64_t sequence_;
    std::uint64_t topological_ = 0;
    SmallVector<Edge, 2> edges_;
    std::unique_ptr<NodeHooks> hooks_;
    Node* next_dead_ = nullptr;
};

}  // namespace tritorch::autograd
