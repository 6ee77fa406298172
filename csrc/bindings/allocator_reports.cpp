#include "allocator.h"

#include <frameobject.h>

namespace tritorch {

namespace py = pybind11;
using namespace allocator;

namespace {

py::dict stat_dict(const Stat& stat) {
    py::dict result;
    result["current"] = stat.current;
    result["peak"] = stat.peak;
    result["allocated"] = stat.allocated;
    result["freed"] = stat.freed;
    return result;
}

py::dict pool_stat_dict(const PoolStat& stat) {
    py::dict result;
    for (std::size_t i = 0; i < pool_names.size(); ++i) result[pool_names[i]] = stat_dict(stat.of[i]);
    return result;
}

py::int_ number(Stream stream) { return py::int_(reinterpret_cast<std::uintptr_t>(stream)); }

py::tuple pool_id(PoolId id) { return py::make_tuple(id.first, id.second); }

const char* text(PyObject* unicode) {
    const char* found = unicode ? PyUnicode_AsUTF8(unicode) : nullptr;
    if (!found) PyErr_Clear();
    return found ? found : "?";
}

}  // namespace

py::dict statistics_dict(Statistics statistics) {
    py::dict result;
    statistics.each_pool_stat(
        [&](const char* name, const PoolStat& stat) { result[name] = pool_stat_dict(stat); });
    py::dict pools;
    for (const auto& [id, stat] : statistics.reserved_bytes_by_private_pools)
        pools[pool_id(id)] = pool_stat_dict(stat);
    result["reserved_bytes_by_private_pools"] = pools;
    result["oversize_allocations"] = stat_dict(statistics.oversize_allocations);
    result["oversize_segments"] = stat_dict(statistics.oversize_segments);
    result["max_split_size"] = statistics.max_split_size;
    result["num_alloc_retries"] = statistics.num_alloc_retries;
    result["num_ooms"] = statistics.num_ooms;
    result["num_sync_all_streams"] = statistics.num_sync_all_streams;
    result["num_device_alloc"] = statistics.num_device_alloc;
    result["num_device_free"] = statistics.num_device_free;
    result["num_oom_rejections"] = 0;  // of a policy of torch's that nothing here sets
    return result;
}

py::list frames_list(const Context& context) {
    py::list result;
    if (!context) return result;
    for (const Frame& frame : *context) {
        py::dict one;
        one["filename"] = frame.file;
        one["line"] = frame.line;
        one["name"] = frame.name;
        result.append(one);
    }
    return result;
}

py::list segments_list(const std::vector<SegmentInfo>& segments, int device) {
    py::list result;
    for (const SegmentInfo& segment : segments) {
        py::dict one;
        one["device"] = device;
        one["address"] = segment.address;
        one["total_size"] = segment.total_size;
        one["allocated_size"] = segment.allocated_size;
        one["active_size"] = segment.active_size;
        one["requested_size"] = segment.requested_size;
        one["stream"] = number(segment.stream);
        one["segment_type"] = segment.large ? "large" : "small";
        one["segment_pool_id"] = pool_id(segment.pool);
        one["is_expandable"] = false;
        one["frames"] = frames_list(segment.context);
        py::list blocks;
        for (const BlockInfo& block : segment.blocks) {
            py::dict part;
            part["address"] = block.address;
            part["size"] = block.size;
            part["requested_size"] = block.requested;
            part["state"] = block.allocated ? "active_allocated"
                            : block.active  ? "active_pending_free"
                                            : "inactive";
            part["frames"] = frames_list(block.context);
            blocks.append(part);
        }
        one["blocks"] = blocks;
        result.append(one);
    }
    return result;
}

py::list entries_list(const std::vector<Entry>& entries, int device) {
    py::list result;
    for (const Entry& entry : entries) {
        py::dict one;
        one["action"] = name_of(entry.action);
        one[entry.action == Action::oom ? "device_free" : "addr"] = entry.address;
        one["size"] = entry.size;
        one["stream"] = number(entry.stream);
        one["segment_pool_id"] = pool_id(entry.pool);
        one["time_us"] = entry.time_us;
        one["device"] = device;
        one["frames"] = frames_list(entry.context);
        result.append(one);
    }
    return result;
}

Context current_frames() {
    const WithGil lock;
    auto frames = std::make_shared<std::vector<Frame>>();
    Ref frame = Ref::share(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
    while (frame) {
        auto* at = reinterpret_cast<PyFrameObject*>(frame.get());
        const Ref code = Ref::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(at)));
        const auto* of = reinterpret_cast<PyCodeObject*>(code.get());
        frames->push_back({text(of->co_filename), PyFrame_GetLineNumber(at), text(of->co_name)});
        frame = Ref::steal(reinterpret_cast<PyObject*>(PyFrame_GetBack(at)));
    }
    return frames;
}

}  // namespace tritorch
