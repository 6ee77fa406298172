// The simulated cards' memory: addresses without access, and what stands behind them.
#include "check.h"

#include <sys/mman.h>

#include <algorithm>

namespace tritorch::device::sim {

namespace {

constexpr std::size_t page = 4096, granule = 512;
constexpr std::size_t gap = std::size_t(64)
                            << 10;  // of addresses between two segments, so that none is next to another

std::size_t up(std::size_t bytes, std::size_t multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
}

// The first address from `from` on where `bytes` are free, or 0.
CUdeviceptr search(const World& all, const Device& device, CUdeviceptr from, std::size_t bytes) {
    const CUdeviceptr end = device.base + World::span;
    CUdeviceptr at = from;
    for (bool moved = true; moved;) {
        moved = false;
        if (at + bytes + gap > end) return 0;
        const auto collide = [&](const auto& map, auto size_of) {
            auto next = map.lower_bound(at);
            if (next != map.begin()) {
                const auto before = std::prev(next);
                const CUdeviceptr stop = before->first + size_of(before->second) + gap;
                if (stop > at) return up(stop, page);
            }
            if (next != map.end() && next->first < at + bytes + gap)
                return up(next->first + size_of(next->second) + gap, page);
            return std::size_t(0);
        };
        if (const std::size_t to = collide(device.segments, [](std::size_t n) { return n; })) {
            at = to;
            moved = true;
        } else if (const std::size_t past =
                       collide(all.dying, [](const World::Dying& one) { return one.bytes; })) {
            at = past;
            moved = true;
        }
    }
    return at;
}

}  // namespace

std::string reserve(World& all, int devices) {
    const std::size_t bytes = World::span * devices;
    void* space = mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED ||
        mprotect(static_cast<char*>(space) + bytes, bytes, PROT_READ | PROT_WRITE) != 0)
        return "the simulated device could not reserve its address space";
    all.space = reinterpret_cast<CUdeviceptr>(space);
    all.delta = bytes;
    if (std::string why = watch().reserve(all.space, bytes); !why.empty()) return why;
    for (int i = 0; i < devices; ++i) {
        Device& device = all.devices.emplace_back();
        device.base = device.cursor = all.space + i * World::span;
        device.legacy.device = i;
        device.legacy.slot = all.next_slot++;
    }
    return "";
}

CUresult allocate(World& all, Device& device, std::size_t bytes, CUdeviceptr* pointer) {
    if (!bytes) return INVALID_VALUE;
    const std::size_t size = up(bytes, granule);
    if (size > all.card || device.used > all.card - size) return OUT_OF_MEMORY;
    // Addresses are used again as late as can be: a stale one meets nobody's memory.
    CUdeviceptr at = search(all, device, device.cursor, size);
    if (!at) at = search(all, device, device.base, size);
    if (!at) return OUT_OF_MEMORY;
    device.cursor = up(at + size + gap, page);
    device.segments[at] = size;
    device.used += size;
    *pointer = at;
    return SUCCESS;
}

CUresult release(World& all, CUdeviceptr pointer) {
    if (pointer < all.space) return INVALID_VALUE;
    const std::size_t index = (pointer - all.space) / World::span;
    if (index >= all.devices.size()) return INVALID_VALUE;
    Device& device = all.devices[index];
    const auto found = device.segments.find(pointer);
    if (found == device.segments.end()) return INVALID_VALUE;
    // The driver would first wait for the work that was given to the device: here it may still use the pages.
    all.dying[pointer] = {pointer, found->second, all.enqueued};
    device.used -= found->second;
    device.segments.erase(found);
    reclaim(all);
    return SUCCESS;
}

std::uint64_t oldest_pending(const World& all) {
    std::uint64_t oldest = all.enqueued + 1;
    const auto look = [&](const Stream& stream) {
        if (stream.running) oldest = std::min(oldest, stream.running);
        else if (!stream.queue.empty()) oldest = std::min(oldest, stream.queue.front()->id);
    };
    for (const Device& device : all.devices) look(device.legacy);
    for (const Stream* stream : all.streams) look(*stream);
    return oldest;
}

void reclaim(World& all) {
    const std::uint64_t oldest = oldest_pending(all);
    watch().bury(oldest);
    std::erase_if(all.dying, [&](const auto& item) {
        const World::Dying& one = item.second;
        if (one.after >= oldest) return false;
        watch().forget(one.start, one.bytes);
        const std::size_t first = up(one.start, page), last = (one.start + one.bytes) / page * page;
        if (first < last) madvise(behind(all, first), last - first, MADV_DONTNEED);
        return true;
    });
}

bool is_live(const World& all, CUdeviceptr pointer, std::size_t bytes) {
    if (pointer < all.space) return false;
    const std::size_t index = (pointer - all.space) / World::span;
    if (index >= all.devices.size()) return false;
    const auto& segments = all.devices[index].segments;
    auto next = segments.upper_bound(pointer);
    if (next == segments.begin()) return false;
    --next;
    return pointer + bytes <= next->first + next->second;
}

std::uint64_t delta() { return world().delta; }

std::vector<Extent> segments() {
    World& all = world();
    const Lock lock(all.lock);
    std::vector<Extent> found;
    for (const Device& device : all.devices)
        for (const auto& [start, bytes] : device.segments) found.push_back({start, start + bytes});
    return found;
}

}  // namespace tritorch::device::sim
