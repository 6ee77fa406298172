// A world without Python: gradients are counted numbers, the lock is a plain mutex, nodes are lambdas.
#pragma once

#include "../autograd/engine.h"
#include "../autograd/graveyard.h"
#include "../autograd/lock.h"
#include "check.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fake {

using namespace tritorch::autograd;

struct Number {
    double value;
    int owners = 1;  // changed inside only
};

inline std::atomic<long> live_numbers{0};
inline std::atomic<long> live_nodes{0};
inline thread_local std::uint32_t modes = 0;

inline Value number(double value) {
    ++live_numbers;
    return Value(new Number{value});
}
inline double read(const Value& value) { return static_cast<Number*>(value.get())->value; }

class FakeRuntime final : public Runtime {
  public:
    void enter() override {
        CHECK(!inside_ && engine_locks_held == 0);
        lock_.lock();
        inside_ = true;
    }
    void leave() override {
        CHECK(inside_);
        inside_ = false;
        lock_.unlock();
    }
    bool inside() noexcept override { return inside_; }
    void breathe() override {
        leave();
        enter();
        ++breaths;
        if (interrupt.exchange(false)) throw std::runtime_error("interrupted");
    }
    void reap_soon() noexcept override { ++reap_requests; }
    std::uint32_t switch_modes(std::uint32_t wanted) noexcept override {
        return std::exchange(modes, wanted);
    }
    void thread_begins(int) override { ++threads; }
    void drop(void* held) noexcept override {
        auto* value = static_cast<Number*>(held);
        if (!inside_ || engine_locks_held) std::abort();  // the one rule of this file
        if (--value->owners == 0) {
            --live_numbers;
            delete value;
        }
    }
    void* share(void* held) noexcept override {
        ++static_cast<Number*>(held)->owners;
        return held;
    }
    void accumulate(Value& into, Value more) override {
        CHECK(inside_ && engine_locks_held == 0);
        const double sum = read(into) + read(more);
        leave();  // as NumPy does for large arrays
        enter();
        into = number(sum);
    }
    void validate(Node& node, Values& gradients) override {
        if (gradients.empty()) return;
        CHECK_EQUAL(gradients.size(), node.edges().size());
        for (const Value& gradient : gradients) {
            if (gradient && read(gradient) == refused)
                throw std::runtime_error("invalid gradient of " + node.name());
        }
    }

    static constexpr double refused = -12345;
    std::atomic<int> breaths{0}, reap_requests{0}, threads{0};
    std::atomic<bool> interrupt{false};

  private:
    std::mutex lock_;
    static inline thread_local bool inside_ = false;
};

inline FakeRuntime& world() {
    static auto* instance = [] {
        auto* made = new FakeRuntime;
        set_runtime(made);
        return made;
    }();
    return *instance;
}

// Inside the runtime for a scope.
struct Inside {
    Inside() { world().enter(); }
    ~Inside() {
        reap();
        world().leave();
    }
};

// A node whose derivative is a lambda.
class Step final : public Node {
  public:
    using Body = std::function<void(Values&, Values&)>;

    Step(std::string name, Body body, std::uint32_t inputs = 1)
        : Node(next_sequence(), inputs), name_(std::move(name)), body_(std::move(body)) {
        ++live_nodes;
    }
    ~Step() override {
        CHECK(world().inside() && engine_locks_held == 0);
        --live_nodes;
    }
    void run(Values& gradients, Values& results) override {
        CHECK(world().inside() && engine_locks_held == 0);
        body_(gradients, results);
    }
    void release_saved() override { ++released; }
    std::string name() const override { return name_; }
    void on_error() noexcept override { ++errors; }

    int released = 0, errors = 0;

  private:
    std::string name_;
    Body body_;
};

// The end of the graph: sums what comes.
class Sink final : public Node {
  public:
    Sink() : Node(runs_first, 1) { ++live_nodes; }
    ~Sink() override { --live_nodes; }
    void run(Values& gradients, Values&) override {
        if (gradients[0]) total += read(gradients[0]);
        ++runs;
    }
    std::string name() const override { return "Sink"; }

    double total = 0;  // changed inside only
    int runs = 0;
};

using StepPtr = Pointer<Step>;
using SinkPtr = Pointer<Sink>;

inline SinkPtr sink() { return SinkPtr::adopt(new Sink); }

// Passes its gradient, times `factor`, along every edge.
inline StepPtr scale(double factor, std::vector<Edge> edges, std::string name = "Scale") {
    const auto count = static_cast<std::uint32_t>(edges.size());
    auto node = StepPtr::adopt(new Step(std::move(name), [=](Values& gradients, Values& results) {
        for (std::uint32_t i = 0; i < count; ++i) {
            results.push_back(gradients[0] ? number(factor * read(gradients[0])) : Value());
        }
    }));
    for (Edge& edge : edges) node->add_edge(std::move(edge));
    return node;
}

inline StepPtr step(std::string name, Step::Body body, std::vector<Edge> edges = {},
                    std::uint32_t inputs = 1) {
    auto node = StepPtr::adopt(new Step(std::move(name), std::move(body), inputs));
    for (Edge& edge : edges) node->add_edge(std::move(edge));
    return node;
}

template <class T>
Edge to(const Pointer<T>& node, std::uint32_t input = 0) {
    return Edge{NodePtr(node), input};
}

inline Request from(Edge root, double gradient = 1) {
    Request request;
    request.roots.push_back(std::move(root));
    request.gradients.push_back(number(gradient));
    return request;
}

inline std::vector<Value> run(Request request) { return Engine::instance().run(std::move(request)); }
inline void backward(Edge root, double gradient = 1) { run(from(std::move(root), gradient)); }

// Nothing may be left of a test's graphs and gradients.
inline void expect_clean() {
    { Inside scope; }
    CHECK_EQUAL(live_numbers.load(), 0);
    CHECK_EQUAL(live_nodes.load(), 0);
    CHECK_EQUAL(waiting_to_be_reaped(), 0u);
}

}  // namespace fake
