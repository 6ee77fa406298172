// Note [Private pools]
// A captured graph is replayed with the addresses of its capture, so nobody else may get them while it lives:
// its streams allocate from a pool of its own. Several graphs may share one, each counted as a user. When the
// last user is gone (release_pool), tensors made by the capture may still live; the pool's segments go back
// to the device like other cached memory, as soon as they are whole and free, and the pool is forgotten with
// the last of them.
#include "allocator.h"

#include <algorithm>

namespace tritorch::allocator {

void Allocator::begin_allocate_to_pool(PoolId id, StreamFilter filter) {
    const Locked lock(*this);
    for (const Capture& capture : captures_)
        if (capture.id == id) throw std::logic_error("beginAllocateToPool: already recording to mempool_id");
    const auto found = private_pools_.find(id);
    if (found == private_pools_.end()) private_pools_.emplace(id, std::make_unique<PrivatePool>(id));
    else ++found->second->uses;
    captures_.push_back({id, std::move(filter)});
}

void Allocator::end_allocate_to_pool(PoolId id) {
    const Locked lock(*this);
    const auto found = std::find_if(captures_.begin(), captures_.end(),
                                    [&](const Capture& capture) { return capture.id == id; });
    if (found == captures_.end())
        throw std::logic_error("endAllocatePool: not currently recording to mempool_id");
    captures_.erase(found);
}

void Allocator::release_pool(PoolId id) {
    const Locked lock(*this);
    const auto found = private_pools_.find(id);
    if (found == private_pools_.end() || !found->second->uses)
        throw std::logic_error("releasePool: the pool has no user");
    --found->second->uses;
}

int Allocator::pool_uses(PoolId id) {
    const Locked lock(*this);
    const auto found = private_pools_.find(id);
    return found == private_pools_.end() ? 0 : found->second->uses;
}

void Allocator::release_private_pools(const Context& context) {
    for (auto at = private_pools_.begin(); at != private_pools_.end();) {
        PrivatePool& pool = *at->second;
        const bool captured = std::any_of(captures_.begin(), captures_.end(),
                                          [&](const Capture& capture) { return capture.id == pool.id; });
        if (pool.uses || captured) {
            ++at;
            continue;
        }
        release_whole_segments(pool.small, context);
        release_whole_segments(pool.large, context);
        at = pool.segments ? std::next(at) : private_pools_.erase(at);
    }
}

}  // namespace tritorch::allocator
