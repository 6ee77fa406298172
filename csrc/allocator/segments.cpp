// Segments: asked of the device, and given back to it.
#include "allocator.h"

namespace tritorch::allocator {

// A block that is a whole new segment; null if the device, or the limit set on this process, has no room.
Block* Allocator::new_segment(Shelf& shelf, std::size_t size, const Context& context, bool retry) {
    if (retry) ++statistics_.num_alloc_retries;
    const std::size_t bytes = settings_.segment_size(size);
    if (limited_ && reserved_ + bytes > allowed_) return nullptr;
    const Address address = device_.malloc(bytes);
    if (!address) return nullptr;

    Block* block = new_block();
    block->address = address;
    block->size = bytes;
    block->shelf = &shelf;
    block->segment = &segments_.try_emplace(address, Segment{address, bytes, block, context}).first->second;

    const Pool& pool = *shelf.pool;
    reserved_ += bytes;
    ++statistics_.num_device_alloc;
    statistics_.segment.increase(pool.kind, 1);
    statistics_.reserved_bytes.increase(pool.kind, std::int64_t(bytes));
    if (pool.owner) {
        ++pool.owner->segments;
        statistics_.reserved_bytes_by_private_pools[pool.owner->id].increase(pool.kind, std::int64_t(bytes));
    }
    if (bytes >= settings_.max_split_size) statistics_.oversize_segments.increase(1);
    note(Action::segment_alloc, address, bytes, shelf.stream, &pool, context);
    return block;
}

// Gives back the segment of a free block that is not split.
void Allocator::release_segment(Block* block, const Context& context) {
    device_.free(block->address);  // if it throws, nothing has changed
    const Pool& pool = *block->shelf->pool;
    const std::int64_t bytes = std::int64_t(block->size);
    note(Action::segment_free, block->address, block->size, block->stream(), &pool,
         context ? context : block->segment->context);
    reserved_ -= block->size;
    ++statistics_.num_device_free;
    statistics_.segment.decrease(pool.kind, 1);
    statistics_.reserved_bytes.decrease(pool.kind, bytes);
    if (pool.owner) {
        --pool.owner->segments;
        statistics_.reserved_bytes_by_private_pools[pool.owner->id].decrease(pool.kind, bytes);
    }
    if (block->size >= settings_.max_split_size) statistics_.oversize_segments.decrease(1);
    block->shelf->free.erase(block);
    segments_.erase(block->address);
    recycle(block);
}

void Allocator::release_whole_segments(Pool& pool, const Context& context) {
    for (Block* block : pool.free_blocks())
        if (!block->split()) release_segment(block, context);
}

// Gives back just as many oversize blocks of the stream as the request needs; false if they are not enough.
bool Allocator::release_oversize(Shelf& shelf, std::size_t size, const Context& context) {
    const std::size_t limit = settings_.max_split_size;
    if (limit == no_limit) return false;
    const std::size_t wanted = std::max(size, limit);
    if (Block* block = shelf.free.at_least(wanted)) {
        release_segment(block, context);
        return true;
    }
    std::size_t released = 0;
    while (released < wanted) {
        Block* block = shelf.free.largest();
        if (!block || block->size < limit) break;
        released += block->size;
        release_segment(block, context);
    }
    return released >= wanted;
}

void Allocator::release_cached(const Context& context) {
    release_whole_segments(large_, context);
    release_whole_segments(small_, context);
    release_private_pools(context);
}

void Allocator::empty_cache() {
    const Context context = gather(Contexts::all);
    Locked lock(*this);
    if (captures_.empty()) synchronize_events(lock, context);
    if (captures_.empty())  // waiting for events, or the driver's free of memory that may be in use, would
                            // break one
        release_cached(context);
    else release_private_pools(context);
}

void Allocator::limit_memory(double fraction) {
    allowed_ = std::size_t(fraction * double(device_.memory().total));
    limited_ = true;
}

void Allocator::set_memory_fraction(double fraction) {
    const Locked lock(*this);
    limit_memory(fraction);
}

double Allocator::memory_fraction() {
    const Locked lock(*this);
    return limited_ ? double(allowed_) / double(device_.memory().total) : 1;
}

// Gives back whole segments of the large pool that lay unused for long, the longest first, until what is
// reserved is under the threshold. No event is waited for. An age is the number of searches in the pool since
// the block was freed.
void Allocator::collect_garbage(const Context& context) {
    const auto threshold = std::size_t(settings_.garbage_collection_threshold * double(allowed_));
    if (reserved_ <= threshold) return;
    const std::size_t target = reserved_ - threshold;
    const auto age = [this](const Block* block) { return large_.searches - block->shelved_at; };

    std::vector<Block*> whole;
    std::uint64_t ages = 0;
    for (Block* block : large_.free_blocks()) {
        if (block->split()) continue;
        whole.push_back(block);
        ages += age(block);
    }
    std::size_t reclaimed = 0;
    for (bool freed = true; freed && reclaimed < target && !whole.empty();) {
        const double average = double(ages) / double(whole.size());
        std::vector<Block*> younger;
        for (Block* block : whole) {
            if (double(age(block)) < average) {
                younger.push_back(block);
                continue;
            }
            reclaimed += block->size;
            ages -= age(block);
            release_segment(block, context);
        }
        freed = younger.size() < whole.size();
        whole = std::move(younger);
    }
}

}  // namespace tritorch::allocator
