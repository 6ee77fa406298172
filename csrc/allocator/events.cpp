// Blocks that other streams use: each is free when an event recorded on every such stream, at its free, has
// passed.
#include "allocator.h"

namespace tritorch::allocator {

// An event for each of the block's uses, which become events to wait for. If the device fails the rest of the
// uses stay.
void Allocator::record_events(Block* block) {
    while (!block->uses.empty()) {
        const Stream stream = block->uses.back().stream;
        auto& queue = events_[stream];
        queue.push_back({nullptr, block});
        try {
            queue.back().event = device_.record(stream);
        } catch (...) {
            queue.pop_back();
            if (queue.empty()) events_.erase(stream);
            throw;
        }
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

void Allocator::event_passed(const Pending& pending, const Context& context) {
    device_.drop(pending.event);
    Block* block = pending.block;
    if (!--block->events && block->uses.empty()) free_block(block, context);
}

// Takes back the blocks whose events have passed. A queue a stream: one that is far behind holds up no other.
void Allocator::process_events(const Context& context) {
    if (!deferred_.empty()) [[unlikely]]
        record_deferred(context);
    for (auto at = events_.begin(); at != events_.end();) {
        auto& queue = at->second;
        while (!queue.empty() && device_.passed(queue.front().event)) {
            const Pending pending = queue.front();
            queue.pop_front();
            event_passed(pending, context);
        }
        at = queue.empty() ? events_.erase(at) : std::next(at);
    }
}

void Allocator::synchronize_events(const Context& context) {
    ++statistics_.num_sync_all_streams;
    record_deferred(context);
    for (auto at = events_.begin(); at != events_.end(); at = events_.erase(at)) {
        auto& queue = at->second;
        while (!queue.empty()) {
            device_.wait(queue.front().event);
            const Pending pending = queue.front();
            queue.pop_front();
            event_passed(pending, context);
        }
    }
}

}  // namespace tritorch::allocator
