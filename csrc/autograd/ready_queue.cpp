#include "ready_queue.h"

#include <algorithm>
#include "lock.h"

namespace tritorch::autograd {

namespace {

bool runs_later(const ReadyNode& a, const ReadyNode& b) {
    return a.depth != b.depth ? a.depth < b.depth : a.sequence < b.sequence;
}

}  // namespace

void ReadyQueue::push(ReadyNode ready) {
    {
        const EngineLock lock(mutex_, locked_);
        if (closed_) return;
        heap_.push_back(std::move(ready));
        std::push_heap(heap_.begin(), heap_.end(), runs_later);
    }
    if (locked_) changed_.notify_one();
}

bool ReadyQueue::take(ReadyNode& ready) {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), runs_later);
    ready = std::move(heap_.back());
    heap_.pop_back();
    return true;
}

bool ReadyQueue::try_pop(ReadyNode& ready) {
    const EngineLock lock(mutex_, locked_);
    return take(ready);
}

bool ReadyQueue::pop(const GraphTask* task, ReadyNode& ready) {
    EngineLock lock(mutex_);
    for (;;) {
        if (task && task->done()) return false;
        if (take(ready)) return true;
        changed_.wait(lock);
    }
}

void ReadyQueue::wake() noexcept {
    { const EngineLock lock(mutex_); }  // nobody is between looking and waiting
    changed_.notify_all();
}

void ReadyQueue::close() noexcept {
    std::vector<ReadyNode> dropped;  // after the lock: it may hold the last reference to a task
    const EngineLock lock(mutex_);
    closed_ = true;
    dropped.swap(heap_);
}

}  // namespace tritorch::autograd
