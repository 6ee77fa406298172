// Which task is next, and carrying it out (Note [Simulated device]).
#include "check.h"

#include <algorithm>

namespace tritorch::device::sim {

namespace {

thread_local const Task* running_task = nullptr;

// How contrary the next picks are.
enum Policy : unsigned { any, youngest, oldest, copies_last, needed_only, policies };

bool is_ready(const Stream& stream) {
    return !stream.running && !stream.queue.empty() &&
           (!stream.queue.front()->waits || stream.queue.front()->waits->done);
}

std::vector<Stream*> ready_streams(World& all) {
    std::vector<Stream*> ready;
    for (Device& device : all.devices)
        if (is_ready(device.legacy)) ready.push_back(&device.legacy);
    for (Stream* stream : all.streams)
        if (is_ready(*stream)) ready.push_back(stream);
    // By slot, not by address: a seed gives the same run in every process.
    std::sort(ready.begin(), ready.end(), [](Stream* a, Stream* b) { return a->slot < b->slot; });
    return ready;
}

Stream* pick(World& all, const Stream* wanted) {
    const std::vector<Stream*> ready = ready_streams(all);
    if (ready.empty()) return nullptr;
    const auto by_id = [](Stream* a, Stream* b) { return a->queue.front()->id < b->queue.front()->id; };
    if (all.seed == 0) return *std::min_element(ready.begin(), ready.end(), by_id);
    if (all.picks++ % 16 == 0) all.policy = unsigned(all.random() % policies);
    switch (all.policy) {
        case youngest: return *std::max_element(ready.begin(), ready.end(), by_id);
        case oldest: return *std::min_element(ready.begin(), ready.end(), by_id);
        case copies_last:
            for (Stream* stream : ready)
                if (!stream->queue.front()->is_copy) return stream;
            break;
        case needed_only:
            for (Stream* stream : ready)
                if (stream == wanted) return stream;
            break;
        default: break;
    }
    return ready[all.random() % ready.size()];
}

void carry_out(Lock& lock, World& all, Stream& stream) {
    TaskPointer task = std::move(stream.queue.front());
    stream.queue.pop_front();
    stream.running = task->id;
    all.busy = true;
    all.runner = std::this_thread::get_id();
    if (task->waits) stream.time = std::max(stream.time, task->waits->time);
    CUresult result = SUCCESS;
    if (task->body) {
        lock.unlock();
        running_task = task.get();
        result = task->body(*task);
        running_task = nullptr;
        task->body = nullptr;  // what it holds goes without the lock
        lock.lock();
    }
    stream.time += task->cost;
    if (task->records) {
        task->records->time = stream.time;
        task->records->done = true;
    }
    stream.running = 0;
    all.busy = false;
    all.runner = {};
    --all.pending;
    if (result != SUCCESS && all.failed == SUCCESS) all.failed = result;
    reclaim(all);
    all.changed.notify_all();
}

}  // namespace

void join(Clock& into, const Clock& other) {
    if (into.size() < other.size()) into.resize(other.size());
    for (std::size_t i = 0; i < other.size(); ++i) into[i] = std::max(into[i], other[i]);
}

const Task* current_task() noexcept { return running_task; }

void enqueue(World& all, Stream& stream, TaskPointer task) {
    if (stream.capture) return capture(all, stream, std::move(task));
    task->id = ++all.enqueued;
    if (!task->seen) task->seen = task->id;
    task->seq = ++stream.seq;
    task->slot = stream.slot;
    task->device = stream.device;
    auto clock = std::make_shared<Clock>(*stream.clock);
    join(*clock, all.host);
    if (task->waits) join(*clock, task->waits->clock);
    if (clock->size() <= std::size_t(stream.slot)) clock->resize(stream.slot + 1);
    (*clock)[stream.slot] = task->seq;
    if (task->records) task->records->clock = *clock;
    stream.clock = task->clock = std::move(clock);
    watch().note(*task);
    stream.queue.push_back(std::move(task));
    ++all.pending;
}

CUresult run_until(Lock& lock, const Stream* wanted, const std::function<bool()>& reached) {
    World& all = world();
    if (running_task) return ILLEGAL_STATE;  // a kernel cannot wait for its own device
    while (!reached()) {
        if (all.busy) {
            all.changed.wait(lock);
            continue;
        }
        Stream* stream = pick(all, wanted);
        if (!stream) return ILLEGAL_STATE;  // it waits for what nobody will do
        carry_out(lock, all, *stream);
    }
    return SUCCESS;
}

CUresult take_failure(World& all) { return std::exchange(all.failed, SUCCESS); }

void step() {
    World& all = world();
    Lock lock(all.lock);
    if (running_task || all.busy) return;
    const unsigned most = all.seed == 0 ? 4 : unsigned(all.random() % 4);
    for (unsigned i = 0; i < most && !all.busy; ++i)
        if (Stream* stream = pick(all, nullptr)) carry_out(lock, all, *stream);
}

void relieve() {
    World& all = world();
    Lock lock(all.lock);
    if (all.pending > most_pending && !running_task)
        run_until(lock, nullptr, [&] { return all.pending <= most_pending / 2; });
}

void drain() {
    World& all = world();
    Lock lock(all.lock);
    run_until(lock, nullptr, [&] { return all.pending == 0; });
}

std::size_t pending() {
    World& all = world();
    const Lock lock(all.lock);
    return all.pending;
}

}  // namespace tritorch::device::sim
