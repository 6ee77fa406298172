#include "cache.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace tritorch::host {

namespace {

bool is_page_aligned(const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % Cache::page == 0;
}

void* map_pages(std::size_t size) {
    void* pointer = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pointer == MAP_FAILED ? nullptr : pointer;
}

// Maps too much and gives the ends back, so that what stays begins at a huge page.
void* map_aligned(std::size_t size) {
    if (size < Cache::huge_page) return map_pages(size);
    auto* start = static_cast<char*>(map_pages(size + Cache::huge_page));
    if (!start) return nullptr;
    const std::size_t lead = -reinterpret_cast<std::uintptr_t>(start) % Cache::huge_page;
    if (lead) munmap(start, lead);
    munmap(start + lead + size, Cache::huge_page - lead);
#ifdef MADV_HUGEPAGE
    madvise(start + lead, size, MADV_HUGEPAGE);  // advice: where it is refused, small pages do
#endif
    return start + lead;
}

std::size_t default_limit() {
    constexpr std::size_t most = std::size_t(2) << 30;
    const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? std::min(most, std::size_t(pages) / 8 * std::size_t(bytes)) : most;
}

}  // namespace

Cache::Cache() {
    counts_.limit_bytes = default_limit();
    // A fork in the middle of another thread's allocation may not leave the child with a lock that nobody
    // holds.
    pthread_atfork([] { instance().lock_.lock(); }, [] { instance().lock_.unlock(); },
                   [] { instance().lock_.unlock(); });
}

Cache& Cache::instance() {
    static Cache& cache = *new Cache;
    return cache;
}

std::size_t Cache::round_up(std::size_t size) {
    const std::size_t step = std::bit_floor(size) / 4;
    return (size + step - 1) / step * step;
}

void* Cache::take(std::size_t size, bool& fresh) {
    const std::lock_guard lock(lock_);
    ++counts_.allocations;
    void* pointer = nullptr;
    if (const auto found = by_size_.find(size); found != by_size_.end() && !found->second.empty()) {
        const IdleList::iterator idle = found->second.back();
        found->second.pop_back();
        pointer = idle->pointer;
        idle_.erase(idle);
        counts_.cached_bytes -= size;
        ++counts_.hits;
        fresh = false;
    } else {
        pointer = map_aligned(size);
        if (!pointer) {  // what lies idle may be just what is missing
            trim_to(0);
            pointer = map_aligned(size);
        }
        if (!pointer) return nullptr;
        ++counts_.maps;
        fresh = true;
    }
    live_.emplace(pointer, size);
    counts_.live_bytes += size;
    counts_.peak_bytes = std::max(counts_.peak_bytes, counts_.live_bytes);
    return pointer;
}

void* Cache::allocate(std::size_t size) {
    if (size < smallest) return std::malloc(size);
    if (size > std::numeric_limits<std::size_t>::max() / 4) return nullptr;
    bool fresh;
    return take(round_up(size), fresh);
}

void* Cache::allocate_zeroed(std::size_t count, std::size_t size) {
    if (size && count > std::numeric_limits<std::size_t>::max() / 4 / size) return nullptr;
    if (count * size < smallest) return std::calloc(count, size);
    bool fresh;
    void* pointer = take(round_up(count * size), fresh);
    if (pointer && !fresh) std::memset(pointer, 0, count * size);
    return pointer;
}

void Cache::free(void* pointer) {
    if (is_page_aligned(pointer)) {
        const std::lock_guard lock(lock_);
        if (const auto found = live_.find(pointer); found != live_.end()) {
            const std::size_t size = found->second;
            live_.erase(found);
            counts_.live_bytes -= size;
            by_size_[size].push_back(idle_.insert(idle_.end(), {pointer, size}));
            counts_.cached_bytes += size;
            trim_to(counts_.limit_bytes);
            return;
        }
    }
    std::free(pointer);
}

void* Cache::reallocate(void* pointer, std::size_t size) {
    std::size_t held = 0;
    if (pointer && is_page_aligned(pointer)) {
        const std::lock_guard lock(lock_);
        if (const auto found = live_.find(pointer); found != live_.end()) held = found->second;
    }
    if (!held && size < smallest) return std::realloc(pointer, size);
    if (held && size <= held && size > held / 2) return pointer;
    if (!held) {
        // From malloc to a block: how much there is to copy is malloc's secret, so malloc grows it first.
        void* grown = std::realloc(pointer, size);
        void* block = grown ? allocate(size) : nullptr;
        if (!block) return grown;
        std::memcpy(block, grown, size);
        std::free(grown);
        return block;
    }
    void* block = allocate(size);
    if (!block) return nullptr;
    std::memcpy(block, pointer, std::min(size, held));
    free(pointer);
    return block;
}

void Cache::trim_to(std::size_t bytes) {
    while (counts_.cached_bytes > bytes) {
        const IdleList::iterator oldest = idle_.begin();
        // Within a class, too, the oldest stands in front.
        std::vector<IdleList::iterator>& same = by_size_[oldest->size];
        same.erase(same.begin());
        munmap(oldest->pointer, oldest->size);
        counts_.cached_bytes -= oldest->size;
        ++counts_.unmaps;
        idle_.erase(oldest);
    }
}

void Cache::empty() {
    const std::lock_guard lock(lock_);
    trim_to(0);
}

void Cache::set_limit(std::size_t bytes) {
    const std::lock_guard lock(lock_);
    counts_.limit_bytes = bytes;
    trim_to(bytes);
}

Statistics Cache::statistics() {
    const std::lock_guard lock(lock_);
    return counts_;
}

void Cache::reset_peak() {
    const std::lock_guard lock(lock_);
    counts_.peak_bytes = counts_.live_bytes;
}

}  // namespace tritorch::host
