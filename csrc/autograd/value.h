// A gradient as the core sees it: something owned, moved along edges, and given back.
#pragma once

#include "small_vector.h"

#include <utility>

namespace tritorch::autograd {

class Node;
class Value;
using Values = SmallVector<Value, 2>;

// What the core asks of the world that the gradients belong to. Python is one such world
// (bindings/engine.cpp), a plain counting one drives the tests.
//
// Note [Entering the runtime]
// The world may have a lock of its own (Python's GIL). Gradients, and nodes being run or destroyed, are
// touched only between enter() and leave(). The core never calls enter() while it holds one of its own locks,
// and never blocks while it is inside; locks are thus ordered: runtime, node, engine.
class Runtime {
  public:
    virtual ~Runtime() = default;

    virtual void enter() = 0;
    virtual void leave() = 0;
    virtual bool inside() noexcept = 0;
    // Called inside, now and then, between two nodes: a chance for other threads and for signals. May throw.
    virtual void breathe() = 0;
    // Called outside: something waits in the reap queue, see Note [Reap queue].
    virtual void reap_soon() noexcept = 0;
    // The thread-local switches that a task runs under (grad mode...); gives back those it replaced.
    virtual std::uint32_t switch_modes(std::uint32_t modes) noexcept = 0;
    // A thread of the engine begins; it never ends. `device` is -1 for the threads of deep reentrance.
    virtual void thread_begins(int device) = 0;

    // All of these are called inside.
    virtual void drop(void* value) noexcept = 0;
    virtual void* share(void* value) noexcept = 0;  // one more owner
    // into + more, in place where nobody else can see it.
    virtual void accumulate(Value& into, Value more) = 0;
    // Makes the gradients that `node` returned fit the inputs of its next nodes, or throws.
    virtual void validate(Node& node, Values& gradients) = 0;
};

// The one runtime of the process; set once, before the first node is made.
Runtime& runtime() noexcept;
void set_runtime(Runtime* runtime) noexcept;

class Value {
  public:
    Value() noexcept = default;
    explicit Value(void* owned) noexcept : held_(owned) {}
    Value(Value&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
    Value& operator=(Value&& other) noexcept {
        std::swap(held_, other.held_);
        return *this;
    }
    ~Value() {
        if (held_) give_back(held_);
    }

    void* get() const noexcept { return held_; }
    void* detach() noexcept { return std::exchange(held_, nullptr); }
    explicit operator bool() const noexcept { return held_ != nullptr; }
    Value share() const { return held_ ? Value(runtime().share(held_)) : Value(); }

  private:
    static void give_back(void* held) noexcept;  // at once, or through the reap queue: graveyard.cpp

    void* held_ = nullptr;
};

}  // namespace tritorch::autograd
