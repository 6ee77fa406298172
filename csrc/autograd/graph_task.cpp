#include "graph_task.h"

#include "lock.h"
#include "ready_queue.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

namespace tritorch::autograd {

namespace {

std::atomic<std::uint64_t> next_id{0};

// The node above all roots: its "results" are the gradients that the caller gave.
class GraphRoot final : public Node {
  public:
    GraphRoot(std::vector<Edge> roots, Values gradients)
        : Node(runs_first), gradients_(std::move(gradients)) {
        for (Edge& edge : roots) add_edge(std::move(edge));
    }
    void run(Values&, Values& results) override { results = std::move(gradients_); }
    std::string name() const override { return "GraphRoot"; }

  private:
    Values gradients_;
};

// No path from the roots to a wanted input leads through a node that is older than all of them.
std::uint64_t oldest_of(const std::vector<Edge>& inputs) {
    std::uint64_t oldest = inputs.empty() ? 0 : UINT64_MAX;
    for (const Edge& edge : inputs) {
        if (edge) oldest = std::min(oldest, edge.node->topological());
    }
    return oldest;
}

}  // namespace

GraphTask::GraphTask(Request request, int depth, int owner, ReadyQueue* owner_queue)
    : id_(next_id.fetch_add(1)),
      depth_(depth),
      owner_(owner),
      keep_graph_(request.keep_graph),
      selective_(!request.inputs.empty()),
      modes_(request.modes),
      where_(std::move(request.where)),
      root_(NodePtr::adopt(new GraphRoot(std::move(request.roots), std::move(request.gradients)))) {
    const std::uint64_t oldest = oldest_of(request.inputs);
    count_dependencies(oldest);
    if (selective_) mark_needed(request.inputs, request.accumulate, oldest);
    buffers_.emplace_back();  // index 0 means "none"
    if (owner_ != Node::host) shared_ = true;
    if (!owner_queue) own_queue_ = std::make_unique<ReadyQueue>(shared_);
    host_queue_ = owner_queue ? owner_queue : own_queue_.get();
    const int devices = shared_ && streams() ? streams()->devices() : 0;
    for (int device = 0; device < devices; ++device)
        callers_streams_.push_back(streams()->current_stream(device));
}

GraphTask::~GraphTask() = default;

void GraphTask::count_dependencies(std::uint64_t oldest) {
    std::vector<Node*> stack{root_.get()};
    while (!stack.empty()) {
        Node* node = stack.back();
        stack.pop_back();
        if (node->device() != Node::host) shared_ = true;
        if (node->topological() < oldest) continue;
        for (const Edge& edge : node->edges()) {
            if (!edge) continue;
            bool inserted;
            ++slots_.insert(edge.node.get(), inserted).missing;
            if (inserted) stack.push_back(edge.node.get());
        }
    }
}

// A node is needed if one of its edges leads to a needed or wanted one: a depth-first walk that settles a
// node when all its children are settled.
void GraphTask::mark_needed(const std::vector<Edge>& inputs, bool accumulate, std::uint64_t oldest) {
    captured_.resize(accumulate ? 0 : inputs.size());
    for (std::uint32_t i = 0; i < inputs.size(); ++i) {
        Slot* slot = inputs[i] ? slots_.find(inputs[i].node.get()) : nullptr;
        if (!slot) continue;  // not reachable
        if (accumulate) {
            slot->needed = true;
        } else {
            slot->captured = true;
            captures_.push_back({slot->node, inputs[i].input, i});
        }
    }
    std::sort(captures_.begin(), captures_.end(),
              [](const Capture& a, const Capture& b) { return a.node < b.node; });

    struct Frame {
        const Node* node;
        Slot* slot;  // null for the root
        std::uint32_t next_edge;
    };
    std::vector<Frame> stack{{root_.get(), nullptr, 0}};
    NodeMap seen;
    auto lend_need = [this](const Slot* child, Slot* parent) {
        if (parent && wants(*child)) parent->needed = true;
    };
    while (!stack.empty()) {
        Frame& frame = stack.back();
        if (frame.next_edge == frame.node->edges().size()) {
            const Slot* settled = frame.slot;
            stack.pop_back();
            if (!stack.empty()) lend_need(settled, stack.back().slot);
            continue;
        }
        Node* child = frame.node->edges()[frame.next_edge++].node.get();
        if (!child) continue;
        bool inserted;
        seen.insert(child, inserted);
        Slot* slot = slots_.find(child);
        if (!inserted) {
            lend_need(slot, frame.slot);
        } else if (child->topological() >= oldest) {
            stack.push_back({child, slot, 0});
        }
    }
}

Value& GraphTask::cell(Slot& slot, std::uint32_t input) {
    if (!slot.buffer) {
        if (free_buffers_.empty()) {
            slot.buffer = static_cast<std::uint32_t>(buffers_.size());
            buffers_.emplace_back();
        } else {
            slot.buffer = free_buffers_.back();
            free_buffers_.pop_back();
        }
        buffers_[slot.buffer].resize(slot.node->inputs());
    }
    return buffers_[slot.buffer][input];
}

Slot* GraphTask::deliver(const Edge& edge, Value gradient) {
    Slot* slot = slots_.find(edge.node.get());
    if (!slot) throw std::runtime_error("dependency not found for " + edge.node->name());
    if (!wants(*slot)) return nullptr;
    if (shared_) return deliver_locked(*slot, edge.input, std::move(gradient));
    Value& sum = cell(*slot, edge.input);
    if (!sum) {
        sum = std::move(gradient);
    } else if (gradient) {
        runtime().accumulate(sum, std::move(gradient));
    }
    return --slot->missing == 0 ? slot : nullptr;
}

// Summing runs outside the lock, as it may leave and enter the runtime: whoever finds a gradient in the cell
// takes it out, adds its own, and comes back with the sum.
Slot* GraphTask::deliver_locked(Slot& slot, std::uint32_t input, Value gradient) {
    for (;;) {
        Value other;
        {
            const EngineLock lock(mutex_);
            Value& sum = cell(slot, input);
            if (!gradient || !sum) {
                if (gradient) sum = std::move(gradient);
                return --slot.missing == 0 ? &slot : nullptr;
            }
            other = std::move(sum);
        }
        runtime().accumulate(other, std::move(gradient));
        gradient = std::move(other);
    }
}

Values GraphTask::collect(Slot& slot) {
    const EngineLock lock(mutex_, shared_);
    Values gradients = std::move(buffers_[slot.buffer]);
    free_buffers_.push_back(std::exchange(slot.buffer, 0));
    return gradients;
}

void GraphTask::capture(const Slot& slot, const Values& gradients) {
    auto first =
        std::lower_bound(captures_.begin(), captures_.end(), slot.node,
                         [](const Capture& capture, const Node* node) { return capture.node < node; });
    for (; first != captures_.end() && first->node == slot.node; ++first) {
        captured_[first->index] = gradients[first->input].share();
        const Value& kept = captured_[first->index];
        const int device = shared_ && kept && streams() ? streams()->device_of(kept) : Node::host;
        if (device != Node::host) streams()->use(kept, callers_place(device));
    }
}

// ---- streams ----------------------------------------------------------------------------------------

void GraphTask::adopt_streams() const {
    for (std::size_t device = 0; device < callers_streams_.size(); ++device)
        streams()->set_current_stream({static_cast<int>(device), callers_streams_[device]});
}

void GraphTask::note_used(Place place) {
    if (place.on_host() || place == callers_place(place.device)) return;
    const EngineLock lock(mutex_);
    if (std::find(used_.begin(), used_.end(), place) == used_.end()) used_.push_back(place);
}

Place GraphTask::bring(const Value& gradient, const Node& consumer) {
    const int device = shared_ && gradient && streams() ? streams()->device_of(gradient) : Node::host;
    if (device == Node::host) return {};
    const Place made{device, streams()->current_stream(device)};
    note_used(made);
    Place wanted = callers_place(device);
    if (consumer.device() == device) wanted = place_of(consumer);
    else if (consumer.device() != Node::host) wanted.stream = nullptr;  // as a worker has it on other devices
    if (made != wanted) {
        streams()->order(made, wanted);
        note_used(wanted);
    }
    streams()->use(gradient, wanted);
    return wanted;
}

void GraphTask::join_streams() {
    std::vector<Place> used;
    {
        const EngineLock lock(mutex_);
        used.swap(used_);
    }
    for (const Place& place : used) streams()->order(place, callers_place(place.device));
}

// ---- the end ----------------------------------------------------------------------------------------

void GraphTask::fail(std::exception_ptr error) noexcept {
    const EngineLock lock(mutex_);
    if (failed()) return;
    error_ = std::move(error);
    failed_.store(true, std::memory_order_release);
}

std::exception_ptr GraphTask::take_error() noexcept {
    const EngineLock lock(mutex_);
    return std::exchange(error_, nullptr);
}

void GraphTask::finish() noexcept {
    {
        const EngineLock lock(mutex_);
        done_.store(true, std::memory_order_release);
    }
    finished_.notify_all();
    host_queue_->wake();
}

void GraphTask::wait() {
    EngineLock lock(mutex_);
    finished_.wait(lock, [this] { return done(); });
}

void GraphTask::close() noexcept {
    if (own_queue_) own_queue_->close();
}

void GraphTask::add_callback(std::function<void()> callback) {
    const EngineLock lock(mutex_);
    callbacks_.push_back(std::move(callback));
}

void GraphTask::run_callbacks() {
    for (std::size_t i = 0; i < callbacks_.size(); ++i) callbacks_[i]();  // one may add another
}

}  // namespace tritorch::autograd
