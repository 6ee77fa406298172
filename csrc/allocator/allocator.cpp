#include "allocator.h"

namespace tritorch::allocator {

Allocator::Allocator(Device& device, const Settings& settings) : device_(device), settings_(settings) {
    statistics_.max_split_size = std::int64_t(settings.max_split_size);
    if (settings.per_process_memory_fraction < 1) limit_memory(settings.per_process_memory_fraction);
}

Block* Allocator::allocate(std::size_t bytes, Stream stream) {
    if (bytes >= std::size_t(1) << 60)
        throw OutOfMemory("CUDA out of memory. Tried to allocate more than 1EB memory.");
    Context context = gather(Contexts::state);
    Locked lock(*this);
    // The driver forbids to ask for events while a graph is captured; their blocks wait.
    if (captures_.empty()) [[likely]]
        process_events(context);
    const std::size_t size = settings_.round(bytes);
    Shelf& shelf = pool_for(size, stream).shelf(stream);
    Block* block = take(shelf, size);
    if (!block) [[unlikely]]
        block = obtain(lock, shelf, size, context);
    hand_out(block, size, bytes, std::move(context));
    return block;
}

// Where no cached block fits. Whatever fails leaves nothing behind.
Block* Allocator::obtain(Locked& lock, Shelf& shelf, std::size_t size, const Context& context) {
    if (const auto callbacks = callbacks_) {
        lock.unlock();
        bool freed = false;
        for (const auto& callback : *callbacks) freed |= callback();
        lock.lock();
        if (freed)
            if (Block* block = take(shelf, size)) return block;
    }
    if (collects_garbage()) collect_garbage(context);
    if (Block* block = new_segment(shelf, size, context, false)) return block;
    if (release_oversize(shelf, size, context))
        if (Block* block = new_segment(shelf, size, context, false)) return block;
    if (captures_.empty()) {
        // Beyond torch: a block whose events have passed by now may do, even one that is part of a segment in
        // use.
        synchronize_events(lock, context);
        if (Block* block = take(shelf, size)) return block;
        if (captures_.empty()) release_cached(context);  // none may have begun meanwhile
        if (Block* block = new_segment(shelf, size, context, true)) return block;
    }
    refuse(lock, shelf, size, context);
}

Pool& Allocator::pool_for(std::size_t size, Stream stream) {
    for (const Capture& capture : captures_) {
        if (!capture.filter(stream)) continue;
        PrivatePool& pool = *private_pools_.at(capture.id);
        return size <= small_limit ? pool.small : pool.large;
    }
    return size <= small_limit ? small_ : large_;
}

// The best fit, out of its shelf; null if there is none.
Block* Allocator::take(Shelf& shelf, std::size_t size) {
    if (collects_garbage()) ++shelf.pool->searches;
    Block* block = shelf.free.at_least(size);
    if (!block) return nullptr;
    const std::size_t limit = settings_.max_split_size;
    if (size < limit && block->size >= limit) return nullptr;
    if (size >= limit && block->size >= size + settings_.max_non_split_rounding_size) return nullptr;
    shelf.free.erase(block);
    return block;
}

bool Allocator::worth_splitting(const Block* block, std::size_t size) const {
    const std::size_t rest = block->size - size;
    if (block->shelf->pool->kind == small_pool) return rest >= smallest_block;
    return size < settings_.max_split_size && rest > small_limit;
}

void Allocator::hand_out(Block* block, std::size_t size, std::size_t bytes, Context context) {
    const PoolKind kind = block->shelf->pool->kind;
    const bool was_split = block->split();
    if (worth_splitting(block, size)) {
        Block* rest = new_block();
        rest->address = block->address + size;
        rest->size = block->size - size;
        rest->shelf = block->shelf;
        rest->segment = block->segment;
        rest->previous = block;
        rest->next = block->next;
        if (rest->next) rest->next->previous = rest;
        block->next = rest;
        block->size = size;
        shelve(rest);
        if (was_split) {
            statistics_.inactive_split_bytes.decrease(kind, std::int64_t(size));
        } else {
            statistics_.inactive_split_bytes.increase(kind, std::int64_t(rest->size));
            statistics_.inactive_split.increase(kind, 1);
        }
    } else if (was_split) {
        statistics_.inactive_split_bytes.decrease(kind, std::int64_t(block->size));
        statistics_.inactive_split.decrease(kind, 1);
    }

    block->allocated = true;
    block->requested = bytes;
    block->context = std::move(context);
    note(Action::alloc, block->address, bytes, block->stream(), block->shelf->pool, block->context);

    const std::int64_t taken = std::int64_t(block->size);
    statistics_.allocation.increase(kind, 1);
    statistics_.allocated_bytes.increase(kind, taken);
    statistics_.active.increase(kind, 1);
    statistics_.active_bytes.increase(kind, taken);
    statistics_.requested_bytes.increase(kind, std::int64_t(bytes));
    if (block->size >= settings_.max_split_size) statistics_.oversize_allocations.increase(1);
}

void Allocator::free(Block* block) {
    const Context context = gather(Contexts::all);
    const Locked lock(*this);
    if (!block->allocated) throw std::logic_error("invalid device pointer: the block is not allocated");
    block->allocated = false;
    const PoolKind kind = block->shelf->pool->kind;
    statistics_.allocation.decrease(kind, 1);
    statistics_.allocated_bytes.decrease(kind, std::int64_t(block->size));
    if (block->size >= settings_.max_split_size) statistics_.oversize_allocations.decrease(1);
    note(Action::free_requested, block->address, block->requested, block->stream(), block->shelf->pool,
         context ? context : block->context);
    if (block->uses.empty()) [[likely]] {
        free_block(block, context);
    } else if (!captures_.empty()) {
        deferred_.push_back(block);
    } else {
        // Who frees is often a destructor, which cannot answer for the device: a failed record is tried again
        // by the next allocate(), and what is wrong then shows there.
        try {
            record_events(block);
        } catch (const std::exception&) { deferred_.push_back(block); }
    }
}

void Allocator::record_stream(Block* block, Stream stream) {
    const Locked lock(*this);
    if (stream == block->stream()) return;
    const bool captured = !captures_.empty();
    for (Use& use : block->uses) {
        if (use.stream != stream) continue;
        use.captured = use.captured && captured;
        return;
    }
    block->uses.push_back({stream, captured});
}

void Allocator::shelve(Block* block) {
    block->shelved_at = block->shelf->pool->searches;
    block->shelf->free.insert(block);
}

// Puts a block that nobody uses back on its shelf, as one with its free neighbours.
void Allocator::free_block(Block* block, const Context& context) {
    Pool& pool = *block->shelf->pool;
    note(Action::free_completed, block->address, block->requested, block->stream(), &pool,
         context ? context : block->context);
    block->context.reset();
    const std::int64_t freed = std::int64_t(block->size), requested = std::int64_t(block->requested);
    std::int64_t blocks = 0, bytes = 0;  // the change of what is inactive and split

    const auto absorb = [&](Block* other) {
        if (!other || !other->idle()) return false;
        other->shelf->free.erase(other);
        --blocks;
        bytes -= std::int64_t(other->size);
        return true;
    };
    const auto join = [this](Block* low, Block* high) {
        low->size += high->size;
        low->next = high->next;
        if (low->next) low->next->previous = low;
        recycle(high);
        return low;
    };
    if (absorb(block->previous)) block = join(block->previous, block);
    if (absorb(block->next)) join(block, block->next);
    shelve(block);
    if (block->split()) {
        ++blocks;
        bytes += std::int64_t(block->size);
    }

    const PoolKind kind = pool.kind;
    statistics_.inactive_split.change(kind, blocks);
    statistics_.inactive_split_bytes.change(kind, bytes);
    statistics_.active.decrease(kind, 1);
    statistics_.active_bytes.decrease(kind, freed);
    statistics_.requested_bytes.decrease(kind, requested);
}

Block* Allocator::new_block() {
    if (!spare_) {
        spare_ = &blocks_.emplace_back();
        spare_->left = nullptr;
    }
    Block* block = spare_;
    spare_ = block->left;
    block->previous = block->next = block->left = block->right = nullptr;
    return block;
}

void Allocator::recycle(Block* block) {
    block->uses.clear();
    block->context.reset();
    block->left = spare_;
    spare_ = block;
}

}  // namespace tritorch::allocator
