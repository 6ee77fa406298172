// The simulated driver's streams and events.
#include "world.h"

#include <algorithm>

namespace tritorch::device::sim {

namespace {

Event* find_event(World& all, CUevent handle) {
    auto* event = reinterpret_cast<Event*>(handle);
    return all.events.contains(event) ? event : nullptr;
}

// What may not be done while a stream is captured spoils the capture.
CUresult refuse(Capture& capture) {
    capture.invalid = true;
    return STREAM_CAPTURE_UNSUPPORTED;
}

CUresult stream_create(CUstream* handle, unsigned flags, int) {
    World& all = world();
    const Lock lock(all.lock);
    const Device* device = this_device(all);
    if (!device) return INVALID_CONTEXT;
    if (faulty(all, "stream")) return OUT_OF_MEMORY;
    // A blocking stream's implicit order with the default stream is not simulated; the library makes none.
    if (flags != STREAM_NON_BLOCKING) return NOT_SUPPORTED;
    auto* stream = new Stream;
    stream->device = device->legacy.device;
    stream->slot = all.next_slot++;
    all.streams.insert(stream);
    *handle = reinterpret_cast<CUstream>(stream);
    return SUCCESS;
}

CUresult stream_destroy(CUstream handle) {
    World& all = world();
    Lock lock(all.lock);
    Stream* stream = handle ? find_stream(all, handle) : nullptr;
    if (!stream) return INVALID_HANDLE;
    if (const CUresult bad = run_until(lock, stream, [&] { return stream->idle(); })) return bad;
    all.streams.erase(stream);
    delete stream;
    return SUCCESS;
}

CUresult stream_query(CUstream handle) {
    World& all = world();
    const Lock lock(all.lock);
    const Stream* stream = find_stream(all, handle);
    if (!stream) return INVALID_HANDLE;
    if (stream->capture) return refuse(*stream->capture);
    if (!stream->idle()) return NOT_READY;
    join(all.host, *stream->clock);
    return take_failure(all);
}

CUresult stream_synchronize(CUstream handle) {
    World& all = world();
    Lock lock(all.lock);
    const Stream* stream = find_stream(all, handle);
    if (!stream) return INVALID_HANDLE;
    if (stream->capture) return refuse(*stream->capture);
    const std::shared_ptr<const Clock> reached = stream->clock;
    if (const CUresult bad = run_until(lock, stream, [&] { return stream->idle(); })) return bad;
    join(all.host, *reached);
    return take_failure(all);
}

CUresult stream_wait(CUstream handle, CUevent awaited, unsigned) {
    World& all = world();
    TaskPointer task = make_task("wait for an event");
    task->cost = 0;
    const Lock lock(all.lock);
    Stream* stream = find_stream(all, handle);
    Event* event = find_event(all, awaited);
    if (!stream || !event) return INVALID_HANDLE;
    if (faulty(all, "event")) return UNKNOWN;
    if (faulty(all, "wait")) return SUCCESS;
    if (!event->last) return SUCCESS;  // never recorded: nothing to wait for
    const std::shared_ptr<Record>& last = event->last;
    if (last->capture || stream->capture) {
        if (last->capture != stream->capture && (stream->capture || !handle)) {
            if (stream->capture) stream->capture->invalid = true;
            return handle ? STREAM_CAPTURE_ISOLATION : STREAM_CAPTURE_IMPLICIT;
        }
        stream->capture = last->capture;  // a stream that waits for a captured one is captured too
        stream->last_nodes.insert(stream->last_nodes.end(), last->nodes.begin(), last->nodes.end());
        return SUCCESS;
    }
    task->waits = last;
    enqueue(all, *stream, std::move(task));
    return SUCCESS;
}

CUresult context_synchronize() {
    World& all = world();
    Lock lock(all.lock);
    Device* device = this_device(all);
    if (!device) return INVALID_CONTEXT;
    const int index = device->legacy.device;
    for (Stream* stream : all.streams)
        if (stream->device == index && stream->capture) return refuse(*stream->capture);
    const auto each = [&](auto body) {
        body(device->legacy);
        for (Stream* stream : all.streams)
            if (stream->device == index) body(*stream);
    };
    const auto idle = [&] {
        bool all_idle = true;
        each([&](const Stream& stream) { all_idle = all_idle && stream.idle(); });
        return all_idle;
    };
    if (const CUresult bad = run_until(lock, nullptr, idle)) return bad;
    each([&](const Stream& stream) { join(all.host, *stream.clock); });
    return take_failure(all);
}

// ---- events -----------------------------------------------------------------------------------------------

CUresult event_create(CUevent* handle, unsigned flags) {
    World& all = world();
    const Lock lock(all.lock);
    if (!this_device(all)) return INVALID_CONTEXT;
    if (faulty(all, "event")) return OUT_OF_MEMORY;
    auto* event = new Event;
    event->timed = !(flags & EVENT_DISABLE_TIMING);
    all.events.insert(event);
    *handle = reinterpret_cast<CUevent>(event);
    return SUCCESS;
}

CUresult event_destroy(CUevent handle) {
    World& all = world();
    const Lock lock(all.lock);
    Event* event = find_event(all, handle);
    if (!event) return INVALID_HANDLE;
    all.events.erase(event);
    delete event;
    return SUCCESS;
}

CUresult event_record(CUevent handle, CUstream where) {
    World& all = world();
    TaskPointer task = make_task("record an event");
    task->cost = 0;
    const Lock lock(all.lock);
    Event* event = find_event(all, handle);
    Stream* stream = find_stream(all, where);
    if (!event || !stream) return INVALID_HANDLE;
    if (faulty(all, "event")) return UNKNOWN;
    event->last = task->records = std::make_shared<Record>();
    if (stream->capture) {
        event->last->capture = stream->capture;
        event->last->nodes = stream->last_nodes;
        return SUCCESS;
    }
    enqueue(all, *stream, std::move(task));
    return SUCCESS;
}

CUresult event_query(CUevent handle) {
    World& all = world();
    const Lock lock(all.lock);
    const Event* event = find_event(all, handle);
    if (!event) return INVALID_HANDLE;
    if (!event->last) return SUCCESS;
    if (event->last->capture) return refuse(*event->last->capture);
    if (!event->last->done) return NOT_READY;
    join(all.host, event->last->clock);
    return take_failure(all);
}

CUresult event_synchronize(CUevent handle) {
    World& all = world();
    Lock lock(all.lock);
    const Event* event = find_event(all, handle);
    if (!event) return INVALID_HANDLE;
    if (!event->last) return SUCCESS;
    const std::shared_ptr<Record> last = event->last;
    if (last->capture) return refuse(*last->capture);
    if (const CUresult bad = run_until(lock, nullptr, [&] { return last->done; })) return bad;
    join(all.host, last->clock);
    return take_failure(all);
}

CUresult event_elapsed(float* milliseconds, CUevent from, CUevent to) {
    World& all = world();
    const Lock lock(all.lock);
    const Event *start = find_event(all, from), *end = find_event(all, to);
    if (!start || !end || !start->timed || !end->timed || !start->last || !end->last) return INVALID_HANDLE;
    if (!start->last->done || !end->last->done) return NOT_READY;
    *milliseconds = float((end->last->time - start->last->time) / 1000);
    return SUCCESS;
}

}  // namespace

void fill_stream_calls(Table& t) {
    t.cuCtxSynchronize = context_synchronize;
    t.cuCtxGetStreamPriorityRange = [](int* least, int* greatest) { return *least = 0, *greatest = -5, 0; };
    t.cuStreamCreateWithPriority = stream_create;
    t.cuStreamDestroy = stream_destroy;
    t.cuStreamQuery = stream_query;
    t.cuStreamSynchronize = stream_synchronize;
    t.cuStreamWaitEvent = stream_wait;
    t.cuEventCreate = event_create;
    t.cuEventDestroy = event_destroy;
    t.cuEventRecord = event_record;
    t.cuEventQuery = event_query;
    t.cuEventSynchronize = event_synchronize;
    t.cuEventElapsedTime = event_elapsed;
}

}  // namespace tritorch::device::sim
