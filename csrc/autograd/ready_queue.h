// The nodes that have all their gradients and wait for a thread: most deeply nested pass first, then most
// recently recorded node.
#pragma once

#include "graph_task.h"
#include "pointer.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace tritorch::autograd {

struct ReadyNode {
    Pointer<GraphTask> task;
    Slot* slot = nullptr;
    std::uint64_t sequence = 0;
    int depth = 0;
};

class ReadyQueue {
  public:
    // A queue that only one thread ever touches does not lock.
    explicit ReadyQueue(bool locked) : locked_(locked) {}

    void push(ReadyNode ready);
    // The next node; blocks until there is one. False once `task` is done or failed; with a null task, never.
    bool pop(const GraphTask* task, ReadyNode& ready);
    // False at once where pop would block.
    bool try_pop(ReadyNode& ready);
    // Makes those who wait look again.
    void wake() noexcept;
    // Drops what is there and what still comes.
    void close() noexcept;

  private:
    bool take(ReadyNode& ready);

    const bool locked_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<ReadyNode> heap_;
    bool closed_ = false;
};

}  // namespace tritorch::autograd
