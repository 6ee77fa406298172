// What happened, for who wants to know: statistics, snapshots, the history, observers, the report of a
// refusal.
#include "allocator.h"

#include <iomanip>
#include <locale>
#include <sstream>

namespace tritorch::allocator {

Statistics Allocator::statistics() {
    const Locked lock(*this);
    return statistics_;
}

void Allocator::reset_accumulated_statistics() {
    const Locked lock(*this);
    statistics_.reset_accumulated();
}

void Allocator::reset_peak_statistics() {
    const Locked lock(*this);
    statistics_.reset_peak();
}

Settings Allocator::settings() {
    const Locked lock(*this);
    return settings_;
}

std::vector<SegmentInfo> Allocator::snapshot() {
    const Locked lock(*this);
    std::vector<SegmentInfo> segments;
    std::size_t active = 0;
    for (const auto& [address, segment] : segments_) {
        const Shelf& shelf = *segment.first->shelf;
        SegmentInfo info;
        info.address = address;
        info.stream = shelf.stream;
        info.large = shelf.pool->kind == large_pool;
        info.pool = shelf.pool->owner ? shelf.pool->owner->id : PoolId{0, 0};
        info.context = segment.context;
        for (const Block* block = segment.first; block; block = block->next) {
            const bool in_use = !block->idle();
            info.blocks.push_back(
                {block->address, block->size, block->requested, block->allocated, in_use, block->context});
            info.total_size += block->size;
            if (block->allocated) info.allocated_size += block->size;
            if (in_use) {
                info.active_size += block->size;
                info.requested_size += block->requested;
            }
        }
        active += info.active_size;
        segments.push_back(std::move(info));
    }
    note(Action::snapshot, 0, active, nullptr, nullptr, nullptr);
    return segments;
}

std::vector<Entry> Allocator::history() {
    const Locked lock(*this);
    return ring_.entries();
}

void Allocator::record_history(History history) {
    const Locked lock(*this);
    if (history.contexts != Contexts::never && !history.recorder)
        throw std::invalid_argument("record_history: expected a recorder of contexts");
    if (history.clear || !history.enabled) ring_.clear();
    ring_.set_limit(history.max_entries);
    history_ = std::move(history);
    contexts_ = history_.enabled ? history_.contexts : Contexts::never;
    noting_ = history_.enabled || trace_observers_;
}

void Allocator::observe_trace(TraceObserver observer) {
    const Locked lock(*this);
    auto all = trace_observers_ ? *trace_observers_ : std::vector<TraceObserver>();
    all.push_back(std::move(observer));
    trace_observers_ = std::make_shared<const std::vector<TraceObserver>>(std::move(all));
    noting_ = true;
}

void Allocator::observe_out_of_memory(MemoryObserver observer) {
    const Locked lock(*this);
    auto all = memory_observers_ ? *memory_observers_ : std::vector<MemoryObserver>();
    all.push_back(std::move(observer));
    memory_observers_ = std::make_shared<const std::vector<MemoryObserver>>(std::move(all));
}

void Allocator::on_low_memory(std::function<bool()> callback) {
    const Locked lock(*this);
    auto all = callbacks_ ? *callbacks_ : std::vector<std::function<bool()>>();
    all.push_back(std::move(callback));
    callbacks_ = std::make_shared<const std::vector<std::function<bool()>>>(std::move(all));
}

// Where in the program we are, if contexts of this level are wanted. The recorder may wait for the runtime.
Context Allocator::gather(Contexts level) {
    if (contexts_.load(std::memory_order_relaxed) < level) [[likely]]
        return nullptr;
    std::function<Context()> recorder;
    {
        const Locked lock(*this);
        if (contexts_ >= level) recorder = history_.recorder;
    }
    return recorder ? recorder() : nullptr;
}

void Allocator::add_note(Action action, Address address, std::size_t size, Stream stream, const Pool* pool,
                         const Context& context) {
    const PoolId id = pool && pool->owner ? pool->owner->id : PoolId{0, 0};
    Entry entry{
        action, address, size, stream, id, now_us(), contexts_ >= Contexts::alloc ? context : nullptr};
    if (trace_observers_) pending_.push_back(entry);
    if (history_.enabled && !(history_.skipped >> int(action) & 1)) ring_.add(std::move(entry));
}

void Allocator::unlock_and_tell() {
    const std::vector<Entry> entries = std::exchange(pending_, {});
    const auto observers = trace_observers_;
    mutex_.unlock();
    for (const Entry& entry : entries)
        for (const TraceObserver& observer : *observers) observer(entry);
}

std::string readable(std::size_t bytes) {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << std::fixed << std::setprecision(2);
    if (bytes <= 1024) text << bytes << " bytes";
    else if (bytes <= MiB) text << double(bytes) / 1024 << " KiB";
    else if (bytes <= 1024 * MiB) text << double(bytes) / double(MiB) << " MiB";
    else text << double(bytes) / double(1024 * MiB) << " GiB";
    return text.str();
}

void Allocator::refuse(Locked& lock, Shelf& shelf, std::size_t size, const Context& context) {
    const std::size_t wanted = settings_.segment_size(size);
    const MemoryInfo memory = device_.memory();
    note(Action::oom, memory.free, size, shelf.stream, shelf.pool, context);
    ++statistics_.num_ooms;

    const auto allocated = std::size_t(statistics_.allocated_bytes.of[all_pools].current);
    const auto reserved = std::size_t(statistics_.reserved_bytes.of[all_pools].current);
    std::size_t in_private_pools = 0;
    for (const auto& [id, pool] : private_pools_)
        for (const Pool* part : {&pool->small, &pool->large})
            for (const Block* block : part->free_blocks()) in_private_pools += block->size;

    std::ostringstream text;
    text << "CUDA out of memory. Tried to allocate " << readable(wanted) << ". GPU " << device_.index()
         << " has a total capacity of " << readable(memory.total) << " of which " << readable(memory.free)
         << " is free. ";
    if (limited_) text << readable(allowed_) << " allowed; ";
    text << "Of the allocated memory " << readable(allocated + in_private_pools)
         << " is allocated by tritorch, ";
    if (in_private_pools)
        text << "with " << readable(in_private_pools) << " allocated in private pools (e.g., CUDA Graphs), ";
    text << "and " << readable(reserved - allocated - in_private_pools)
         << " is reserved by tritorch but unallocated. If reserved but unallocated memory is large try "
            "setting "
            "TRITORCH_CUDA_ALLOC_CONF=max_split_size_mb:<MB> to avoid fragmentation.";

    const auto observers = memory_observers_;
    const std::size_t allowed = limited_ ? allowed_ : memory.total;
    lock.unlock();
    if (observers)
        for (const MemoryObserver& observer : *observers)
            observer(device_.index(), wanted, allowed, memory.free);
    throw OutOfMemory(text.str());
}

}  // namespace tritorch::allocator
