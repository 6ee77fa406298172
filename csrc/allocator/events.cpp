// Blocks that other streams use: each is free when an event recorded on every such stream, at its free, has
// passed.
#include "allocator.h"

#include <exception>

namespace tritorch::allocator {

// An event for each of the block's uses, which become events to wait for. If the device fails the rest of the
// uses stay.
void Allocator::record_events(Block* block) {
    while (!block->uses.empty()) {
        const Stream stream = block->uses.back().stream;
        std::shared_ptr<const OwnedEvent> event(new OwnedEvent{device_, device_.record(stream)});
        events_[stream].push_back({std::move(event), block});
        ++block->events;
        block->uses.pop_back();
    }
}

// Blocks freed during a capture, or when the device failed to record.
void Allocator::record_deferred(const Context& context) {
    while (!deferred_.empty()) {
        Block* block = deferred_.front();
        // What was recorded during the capture is work of the graph, which orders itself: no event is needed.
        std::erase_if(block->uses, [](const Use& use) { return use.captured; });
        record_events(block);
        deferred_.pop_front();
        if (!block->events) free_block(block, context);
    }
}

void Allocator::event_passed(std::deque<Pending>& queue, const Context& context) {
    Block* block = queue.front().block;
    queue.pop_front();
    if (!--block->events && block->uses.empty()) free_block(block, context);
}

// Takes back the blocks whose events have passed. A queue a stream: one that is far behind holds up no other.
void Allocator::process_events(const Context& context) {
    if (!deferred_.empty()) [[unlikely]]
        record_deferred(context);
    for (auto at = events_.begin(); at != events_.end();) {
        auto& queue = at->second;
        while (!queue.empty() && device_.passed(queue.front().event->event)) event_passed(queue, context);
        at = queue.empty() ? events_.erase(at) : std::next(at);
    }
}

// Waits for all events there are, without the lock, and takes their blocks back.
void Allocator::synchronize_events(Locked& lock, const Context& context) {
    ++statistics_.num_sync_all_streams;
    record_deferred(context);
    if (events_.empty()) return;
    std::vector<std::shared_ptr<const OwnedEvent>> last;  // of each stream: the others come before it
    std::vector<Event> events;
    for (const auto& [stream, queue] : events_) {
        last.push_back(queue.back().event);
        events.push_back(last.back()->event);
    }
    lock.unlock();
    std::exception_ptr failure;
    try {
        device_.wait(events);
    } catch (...) { failure = std::current_exception(); }
    lock.lock();
    last.clear();
    if (failure) std::rethrow_exception(failure);
    if (captures_.empty()) process_events(context);
}

}  // namespace tritorch::allocator
