#include "trace.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace tritorch::allocator {

const char* name_of(Action action) noexcept {
    switch (action) {
        case Action::alloc: return "alloc";
        case Action::free_requested: return "free_requested";
        case Action::free_completed: return "free_completed";
        case Action::segment_alloc: return "segment_alloc";
        case Action::segment_free: return "segment_free";
        case Action::segment_map: return "segment_map";
        case Action::segment_unmap: return "segment_unmap";
        case Action::snapshot: return "snapshot";
        case Action::oom: return "oom";
    }
    return "";
}

void Ring::set_limit(std::size_t limit) {
    std::vector<Entry> all = entries();
    limit_ = std::max<std::size_t>(limit, 1);
    if (all.size() > limit_) all.erase(all.begin(), all.end() - std::ptrdiff_t(limit_));
    kept_ = std::move(all);
    next_ = 0;
}

void Ring::add(Entry entry) {
    if (kept_.size() < limit_) {
        kept_.push_back(std::move(entry));
        return;
    }
    kept_[next_] = std::move(entry);
    next_ = (next_ + 1) % limit_;
}

void Ring::clear() {
    kept_.clear();
    next_ = 0;
}

std::vector<Entry> Ring::entries() const {
    std::vector<Entry> all(kept_.begin() + std::ptrdiff_t(next_), kept_.end());
    all.insert(all.end(), kept_.begin(), kept_.begin() + std::ptrdiff_t(next_));
    return all;
}

std::int64_t now_us() noexcept {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

}  // namespace tritorch::allocator
