#include "check.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace tritorch::device::sim {

namespace {

constexpr std::size_t granule_bytes = 512, most_notes = std::size_t(1) << 20, most_findings = 1000;
constexpr unsigned char fresh = 0xFF, guard = 0xC5;
constexpr std::size_t large = std::size_t(1) << 28;  // bytes of a block that is not filled when it is born
constexpr std::uint64_t seq_bits = 48, seq_mask = (std::uint64_t(1) << seq_bits) - 1;

std::uint64_t pack(int slot, std::uint64_t seq) { return std::uint64_t(slot) << seq_bits | seq; }
std::size_t up(std::size_t bytes) { return (bytes + granule_bytes - 1) / granule_bytes * granule_bytes; }

bool comes_before(std::uint64_t who, const Task& task) {
    const std::size_t slot = who >> seq_bits;
    return !who || (slot < task.clock->size() && (who & seq_mask) <= (*task.clock)[slot]);
}

template <class T>
T* reserve_shadow(std::size_t count) {
    void* space = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return space == MAP_FAILED ? nullptr : static_cast<T*>(space);
}

// Zeroes bytes of a shadow; whole pages go back to the system.
void clear(void* from, std::size_t bytes) {
    constexpr std::uintptr_t page = 4096;
    const auto start = reinterpret_cast<std::uintptr_t>(from), end = start + bytes;
    const std::uintptr_t first = (start + page - 1) / page * page, last = end / page * page;
    if (first >= last) {
        std::memset(from, 0, bytes);
        return;
    }
    std::memset(from, 0, first - start);
    madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
    std::memset(reinterpret_cast<void*>(last), 0, end - last);
}

std::string at_line(const std::string& where) { return where.empty() ? "" : " at " + where; }

}  // namespace

Watch& watch() {
    static Watch* const one = new Watch;
    return *one;
}

void found(World& all, const char* kind, std::string text) {
    if (all.findings.size() < most_findings) all.findings.push_back({kind, std::move(text)});
}

std::string Watch::reserve(CUdeviceptr start, std::size_t bytes) {
    start_ = start;
    bytes_ = bytes;
    written_ = reserve_shadow<unsigned char>(bytes);
    granules_ = reserve_shadow<Granule>(bytes / granule_bytes);
    return written_ && granules_ ? "" : "the simulated device could not reserve its shadow memory";
}

void Watch::note(const Task& task) {
    const std::uint64_t key = pack(task.slot, task.seq);
    notes_[key] = task.name + at_line(task.where);
    noted_.push_back(key);
    if (noted_.size() <= most_notes) return;
    notes_.erase(noted_.front());
    noted_.pop_front();
}

std::string Watch::who(int slot, std::uint64_t seq) const {
    const auto found = notes_.find(pack(slot, seq));
    return (found == notes_.end() ? "an earlier task" : found->second) + " on stream " + std::to_string(slot);
}

void Watch::forget(CUdeviceptr start, std::size_t bytes) {
    Granule* first = granule(start);
    Granule* last = granule(start + up(bytes));
    for (Granule* one = first; one < last; ++one)
        if (one->more) free_readers_.push_back(one->more);
    clear(first, std::size_t(last - first) * sizeof(Granule));
    clear(written(start), bytes);
}

// ---- blocks -----------------------------------------------------------------------------------------------

void Watch::born(CUdeviceptr start, std::size_t bytes, std::uint64_t task, std::string where, bool captured) {
    lives_[start].push_back({start, start + bytes, task, ~std::uint64_t(0), std::move(where), captured});
}

bool Watch::died(CUdeviceptr start, std::uint64_t task, bool kept, Life* life) {
    const auto lives = lives_.find(start);
    if (lives == lives_.end() || lives->second.back().died != ~std::uint64_t(0)) return false;
    *life = lives->second.back();
    lives->second.back().died = task;
    if (!kept && !life->captured) dead_.emplace_back(task, start);
    return true;
}

void Watch::bury(std::uint64_t oldest_pending) {
    while (!dead_.empty() && dead_.front().first < oldest_pending) {
        const auto [task, start] = dead_.front();
        dead_.pop_front();
        const auto lives = lives_.find(start);
        std::erase_if(lives->second, [task = task](const Life& life) { return life.died == task; });
        if (lives->second.empty()) lives_.erase(lives);
    }
}

// Of the blocks that live for a task none overlaps another: the nearest below decides.
const Life* Watch::nearest(CUdeviceptr address, std::uint64_t task) const {
    const std::uint64_t now = task ? task : ~std::uint64_t(0) - 1;
    for (auto next = lives_.upper_bound(address); next != lives_.begin();) {
        --next;
        for (const Life& life : next->second)
            if (life.born < now && now < life.died) return &life;
    }
    return nullptr;
}

const Life* Watch::find(CUdeviceptr address, std::uint64_t task) const {
    const Life* life = nearest(address, task);
    return life && address < life->end ? life : nullptr;
}

std::string Watch::describe(CUdeviceptr address, std::uint64_t task) const {
    const Life* life = nearest(address, task);
    char text[32];
    std::snprintf(text, sizeof text, "%#llx", address);
    if (!life || address >= life->end + (CUdeviceptr(1) << 20)) return std::string(text) + ", in no block";
    const std::string of =
        "a block of " + std::to_string(life->end - life->start) + " bytes allocated" + at_line(life->where);
    return address < life->end ? "byte " + std::to_string(address - life->start) + " of " + of
                               : std::string(text) + ", " + std::to_string(address - life->end) +
                                     " bytes past the end of " + of;
}

// ---- order ------------------------------------------------------------------------------------------------

void Watch::race(World& all, const Task& task, const Use& other, bool wrote, bool write, CUdeviceptr at) {
    const std::uint64_t self = pack(task.slot, task.seq);
    if (!told_.insert(std::minmax(self, other.who)).second) return;
    found(all, "race",
          who(task.slot, task.seq) + (write ? " writes" : " reads") + " what " +
              who(int(other.who >> seq_bits), other.who & seq_mask) + (wrote ? " writes" : " reads") +
              ", and no event orders the two: " + describe(at, task.seen));
}

void Watch::use(World& all, const Task& task, CUdeviceptr start, std::size_t bytes, bool write) {
    const std::uint64_t self = pack(task.slot, task.seq);
    for (CUdeviceptr at = start / granule_bytes * granule_bytes; at < start + bytes; at += granule_bytes) {
        Granule& one = *granule(at);
        const auto first = std::uint16_t(std::max(at, start) - at);
        const auto last = std::uint16_t(std::min(at + granule_bytes, start + bytes) - at - 1);
        const auto conflicts = [&](const Use& other) {
            return other.who && other.who != self && other.first <= last && first <= other.last &&
                   !comes_before(other.who, task);
        };
        const auto place = [&](const Use& other) { return at + std::max(first, other.first); };
        if (conflicts(one.write)) race(all, task, one.write, true, write, place(one.write));
        Use& mine = write ? one.write : one.read;
        const Use now = mine.who == self ? Use{self, std::min(first, mine.first), std::max(last, mine.last)}
                                         : Use{self, first, last};
        if (write) {
            if (conflicts(one.read)) race(all, task, one.read, false, true, place(one.read));
            if (one.more) {
                for (const Use& other : readers_[one.more - 1])
                    if (conflicts(other)) race(all, task, other, false, true, place(other));
                readers_[one.more - 1].clear();
                free_readers_.push_back(std::exchange(one.more, 0));
            }
            one.write = now;
            if (one.read.who != self) one.read = {};
            continue;
        }
        if (one.read.who && one.read.who != self && !comes_before(one.read.who, task)) {
            if (!one.more) {
                if (free_readers_.empty()) {
                    readers_.emplace_back();
                    free_readers_.push_back(std::uint32_t(readers_.size()));
                }
                one.more = free_readers_.back();
                free_readers_.pop_back();
                readers_[one.more - 1].clear();
            }
            readers_[one.more - 1].push_back(one.read);
        }
        one.read = now;
    }
}

void watch_read(World& all, const Task& task, CUdeviceptr start, std::size_t bytes) {
    const Lock lock(all.lock);
    watch().use(all, task, start, bytes, false);
}

void watch_write(World& all, const Task& task, CUdeviceptr start, std::size_t bytes) {
    const Lock lock(all.lock);
    watch().use(all, task, start, bytes, true);
    std::memset(watch().written(start), 1, bytes);
}

void watch_copy(World& all, const Task& task, CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
    const Lock lock(all.lock);
    watch().use(all, task, from, bytes, false);
    watch().use(all, task, to, bytes, true);
    std::memmove(watch().written(to), watch().written(from), bytes);  // what was never written stays so
}

// ---- what allocators and kernels tell ---------------------------------------------------------------------

void block_born(CUdeviceptr start, std::size_t bytes, CUstream handle) {
    World& all = world();
    TaskPointer task = make_task("allocation");
    task->cost = 0;
    const Lock lock(all.lock);
    Stream* stream = find_stream(all, handle);
    if (!stream || !bytes) return;
    task->body = [&all, start, bytes](const Task& self) {
        if (bytes < large) {
            watch_write(all, self, start, bytes);
            std::memset(watch().written(start), 0, bytes);
            std::memset(behind(all, start), fresh, bytes);
        } else {  // no page of it is used before the program does
            const Lock inside(all.lock);
            watch().use(all, self, start, bytes, true);
            clear(watch().written(start), bytes);
            clear(behind(all, start), bytes);
        }
        std::memset(behind(all, start + bytes), guard, up(bytes) - bytes);
        return SUCCESS;
    };
    const std::string where = task->where;
    enqueue(all, *stream, std::move(task));
    watch().born(start, bytes, all.enqueued, where, stream->capture != nullptr);
}

void block_died(CUdeviceptr start, CUstream handle) {
    World& all = world();
    TaskPointer task = make_task("free");
    task->cost = 0;
    const Lock lock(all.lock);
    Stream* stream = find_stream(all, handle);
    auto life = std::make_shared<Life>();
    if (!stream || !watch().died(start, all.enqueued + 1, all.captures > 0, life.get())) return;
    if (life->captured && !stream->capture) return;
    task->body = [&all, life](const Task& self) {
        const std::size_t bytes = life->end - life->start, slack = up(bytes) - bytes;
        const auto* from = static_cast<const unsigned char*>(behind(all, life->end));
        const auto* touched =
            std::find_if(from, from + slack, [](unsigned char byte) { return byte != guard; });
        if (touched == from + slack) return SUCCESS;
        const Lock inside(all.lock);
        found(all, "guard",
              "byte " + std::to_string(touched - from) + " past the end of a block of " +
                  std::to_string(bytes) + " bytes was written: allocated" + at_line(life->where) + ", freed" +
                  at_line(self.where));
        return SUCCESS;
    };
    enqueue(all, *stream, std::move(task));
}

std::string check_access(const std::uint64_t* addresses, const bool* mask, std::size_t count,
                         std::size_t item, bool write) {
    World& all = world();
    Watch& shadow = watch();
    const Task* task = current_task();
    const std::uint64_t id = task ? task->seen : 0;
    const Lock lock(all.lock);
    const Life* life = nullptr;
    CUdeviceptr run_start = 0, run_end = 0;  // lanes next to each other are one use
    bool unwritten_told = false;
    const auto use_run = [&] {
        if (task && run_end > run_start) shadow.use(all, *task, run_start, run_end - run_start, write);
    };
    const std::string self = task ? shadow.who(task->slot, task->seq) : std::string("a kernel");
    for (std::size_t i = 0; i < count; ++i) {
        if (mask && !mask[i]) continue;
        const CUdeviceptr at = addresses[i];
        if (!life || at < life->start || at + item > life->end) {
            life = shadow.find(at, id);
            if (!life || at + item > life->end) {
                const std::string text = self + ": lane " + std::to_string(i) +
                                         (write ? " stores " : " loads ") + std::to_string(item) +
                                         " bytes at " + shadow.describe(life ? life->end : at, id);
                found(all, "bounds", text);
                return text;
            }
        }
        if (write) {
            std::memset(shadow.written(at), 1, item);
        } else if (!unwritten_told && std::memchr(shadow.written(at), 0, item)) {
            unwritten_told = true;
            found(all, "uninitialized",
                  self + ": lane " + std::to_string(i) + " loads " + std::to_string(item) +
                      " bytes that were never written: " + shadow.describe(at, id));
        }
        if (at == run_end) {
            run_end = at + item;
        } else if (at < run_start || at + item > run_end) {
            use_run();
            run_start = at;
            run_end = at + item;
        }
    }
    use_run();
    return "";
}

}  // namespace tritorch::device::sim
