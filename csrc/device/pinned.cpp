#include "pinned.h"

#include <algorithm>
#include <bit>

namespace tritorch::device {

Pinned& Pinned::instance() {
    static Pinned* const one = new Pinned;
    return *one;
}

Pinned::Blocks::iterator Pinned::find(const void* pointer) {
    auto next = blocks_.upper_bound(const_cast<void*>(pointer));
    if (next == blocks_.begin()) return blocks_.end();
    --next;
    const auto* end = static_cast<const char*>(next->first) + next->second.bytes;
    return next->second.live && static_cast<const char*>(pointer) < end ? next : blocks_.end();
}

bool Pinned::is_idle(Block& block) {
    std::erase_if(block.uses, [](const Event& event) { return event.passed(); });
    return block.uses.empty();
}

void* Pinned::allocate(std::size_t bytes) {
    const std::size_t size = std::bit_ceil(std::max<std::size_t>(bytes, 512));
    enter(current_device());
    const std::lock_guard<std::mutex> alone(lock_);
    std::vector<void*>& candidates = free_[size];
    const auto idle =
        std::find_if(candidates.begin(), candidates.end(), [&](void* at) { return is_idle(blocks_[at]); });
    void* found = nullptr;
    if (idle != candidates.end()) {
        found = *idle;
        candidates.erase(idle);
        counts_.cached_bytes -= size;
    } else {
        TRITORCH_CALL(cuMemHostAlloc, &found, size, 1);  // 1: pinned for every context
        ++counts_.driver_calls;
    }
    blocks_[found].bytes = size;
    blocks_[found].live = true;
    ++counts_.allocations;
    counts_.live_bytes += size;
    return found;
}

void Pinned::free(void* at) noexcept {
    const std::lock_guard<std::mutex> alone(lock_);
    Block& block = blocks_[at];
    block.live = false;
    counts_.live_bytes -= block.bytes;
    counts_.cached_bytes += block.bytes;
    free_[block.bytes].push_back(at);
}

bool Pinned::holds(const void* pointer) {
    const std::lock_guard<std::mutex> alone(lock_);
    return find(pointer) != blocks_.end();
}

void Pinned::used(const void* pointer, int device, CUstream stream) {
    const std::lock_guard<std::mutex> alone(lock_);
    const auto block = find(pointer);
    if (block == blocks_.end()) return;
    Event event(device, EVENT_DISABLE_TIMING);
    event.record(stream);
    block->second.uses.push_back(std::move(event));
}

void Pinned::empty() {
    std::vector<void*> idle;
    {
        const std::lock_guard<std::mutex> alone(lock_);
        for (auto& [bytes, list] : free_)
            std::erase_if(list, [&](void* at) {
                if (!is_idle(blocks_[at])) return false;
                counts_.cached_bytes -= blocks_[at].bytes;
                blocks_.erase(at);
                idle.push_back(at);
                return true;
            });
    }
    for (void* at : idle) TRITORCH_CALL(cuMemFreeHost, at);
}

Pinned::Statistics Pinned::statistics() {
    const std::lock_guard<std::mutex> alone(lock_);
    return counts_;
}

}  // namespace tritorch::device
