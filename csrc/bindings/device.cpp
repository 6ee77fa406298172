// Devices, streams and events for Python: flat functions on integers; tritorch/cuda dresses them.
#include "device.h"

#include "../device/sim/sim.h"

namespace tritorch {

namespace {

using device::check;

PyObject* explain(PyObject*, PyObject*) {
    return guarded([] {
        const std::string& why = device::explanation();
        return why.empty() ? Py_NewRef(Py_None) : PyUnicode_FromString(why.c_str());
    });
}

PyObject* count(PyObject*, PyObject*) {
    return guarded([] { return PyLong_FromLong(device::device_count()); });
}

PyObject* kind(PyObject*, PyObject*) {
    return guarded([] {
        static const char* const names[] = {"cuda", "simulated", "stub"};
        return PyUnicode_FromString(names[int(device::kind())]);
    });
}

PyObject* driver_version(PyObject*, PyObject*) {
    return guarded([] {
        int version = 0;
        TRITORCH_CALL(cuDriverGetVersion, &version);
        return PyLong_FromLong(version);
    });
}

PyObject* properties(PyObject*, PyObject* index) {
    return guarded([&]() -> PyObject* {
        const long which = PyLong_AsLong(index);
        if (PyErr_Occurred()) return nullptr;
        const device::Properties& p = device::properties(int(which));
        return Py_BuildValue(
            "{s:s,s:s,s:n,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:O}", "name",
            p.name.c_str(), "uuid", p.uuid.c_str(), "total_memory", Py_ssize_t(p.total_memory), "major",
            p.major, "minor", p.minor, "multi_processor_count", p.multiprocessors, "warp_size", p.warp_size,
            "max_threads_per_block", p.threads_per_block, "max_threads_per_multi_processor",
            p.threads_per_multiprocessor, "regs_per_multiprocessor", p.registers_per_multiprocessor,
            "shared_memory_per_block", p.shared_per_block, "shared_memory_per_multiprocessor",
            p.shared_per_multiprocessor, "shared_memory_per_block_optin", p.shared_optin, "L2_cache_size",
            p.l2_bytes, "clock_rate", p.clock_khz, "memory_clock_rate", p.memory_clock_khz,
            "memory_bus_width", p.memory_bus_bits, "is_integrated", p.integrated ? Py_True : Py_False);
    });
}

PyObject* current(PyObject*, PyObject*) { return PyLong_FromLong(device::current_device()); }

PyObject* set_current(PyObject*, PyObject* index) {
    return guarded([&]() -> PyObject* {
        const long which = PyLong_AsLong(index);
        if (PyErr_Occurred()) return nullptr;
        device::set_current_device(int(which));
        Py_RETURN_NONE;
    });
}

PyObject* memory_info(PyObject*, PyObject* index) {
    return guarded([&]() -> PyObject* {
        const long which = PyLong_AsLong(index);
        if (PyErr_Occurred()) return nullptr;
        const device::DeviceGuard scope{int(which)};
        std::size_t free = 0, total = 0;
        TRITORCH_CALL(cuMemGetInfo, &free, &total);
        return Py_BuildValue("(nn)", Py_ssize_t(free), Py_ssize_t(total));
    });
}

PyObject* synchronize(PyObject*, PyObject* index) {
    const long which = PyLong_AsLong(index);
    if (PyErr_Occurred()) return nullptr;
    return guarded_none([&] {
        const device::DeviceGuard scope{int(which)};
        const WithoutGil others;
        device::synchronize(int(which));
    });
}

// ---- streams ---------------------------------------------------------------------------------------------

PyObject* stream_new(PyObject*, PyObject* args) {
    int device, priority = 0;
    if (!PyArg_ParseTuple(args, "i|i:stream_new", &device, &priority)) return nullptr;
    return guarded([&] {
        const device::DeviceGuard scope(device);
        return handle_object(device::stream_from_pool(device, priority));
    });
}

PyObject* stream_current(PyObject*, PyObject* index) {
    const long device = PyLong_AsLong(index);
    return PyErr_Occurred() ? nullptr : handle_object(device::current_stream(int(device)));
}

// (device, handle)
bool parse_stream(PyObject* const* args, Py_ssize_t count, const char* usage, int* device, CUstream* stream) {
    if (count != 2) return PyErr_SetString(PyExc_TypeError, usage), false;
    *device = int(PyLong_AsLong(args[0]));
    return !PyErr_Occurred() && handle_from(args[1], stream);
}

PyObject* stream_set(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int device;
    CUstream stream;
    if (!parse_stream(args, count, "stream_set(device, stream)", &device, &stream)) return nullptr;
    return guarded_none([&] { device::set_current_stream(device, stream); });
}

PyObject* stream_priority(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int device;
    CUstream stream;
    if (!parse_stream(args, count, "stream_priority(device, stream)", &device, &stream)) return nullptr;
    return PyLong_FromLong(device::stream_priority(device, stream));
}

PyObject* stream_synchronize(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int device;
    CUstream stream;
    if (!parse_stream(args, count, "stream_synchronize(device, stream)", &device, &stream)) return nullptr;
    return guarded_none([&] {
        const device::DeviceGuard scope(device);
        const WithoutGil others;
        TRITORCH_CALL(cuStreamSynchronize, stream);
    });
}

PyObject* stream_query(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int device;
    CUstream stream;
    if (!parse_stream(args, count, "stream_query(device, stream)", &device, &stream)) return nullptr;
    return guarded([&] {
        const device::DeviceGuard scope(device);
        if (device::kind() == device::Kind::simulated) {
            const WithoutGil others;
            device::sim::step();
        }
        const CUresult code = device::driver().cuStreamQuery(stream);
        if (code != device::NOT_READY) check(code, "cuStreamQuery");
        return PyBool_FromLong(code == device::SUCCESS);
    });
}

PyObject* stream_wait_event(PyObject*, PyObject* args) {
    int device;
    PyObject *stream_object, *event_object;
    CUstream stream;
    CUevent event;
    if (!PyArg_ParseTuple(args, "iOO:stream_wait_event", &device, &stream_object, &event_object) ||
        !handle_from(stream_object, &stream) || !handle_from(event_object, &event))
        return nullptr;
    return guarded_none([&] {
        const device::DeviceGuard scope(device);
        TRITORCH_CALL(cuStreamWaitEvent, stream, event, 0);
    });
}

// ---- events ----------------------------------------------------------------------------------------------

PyObject* event_new(PyObject*, PyObject* args) {
    int device;
    unsigned flags;
    if (!PyArg_ParseTuple(args, "iI:event_new", &device, &flags)) return nullptr;
    return guarded([&] {
        const device::DeviceGuard scope(device);
        CUevent event = nullptr;
        TRITORCH_CALL(cuEventCreate, &event, flags);
        return handle_object(event);
    });
}

PyObject* event_destroy(PyObject*, PyObject* object) {
    CUevent event;
    if (!handle_from(object, &event)) return nullptr;
    return guarded_none([&] { TRITORCH_CALL(cuEventDestroy, event); });
}

PyObject* event_record(PyObject*, PyObject* args) {
    int device;
    PyObject *stream_object, *event_object;
    CUstream stream;
    CUevent event;
    if (!PyArg_ParseTuple(args, "iOO:event_record", &device, &event_object, &stream_object) ||
        !handle_from(event_object, &event) || !handle_from(stream_object, &stream))
        return nullptr;
    return guarded_none([&] {
        const device::DeviceGuard scope(device);
        TRITORCH_CALL(cuEventRecord, event, stream);
    });
}

PyObject* event_query(PyObject*, PyObject* object) {
    CUevent event;
    if (!handle_from(object, &event)) return nullptr;
    return guarded([&] {
        if (device::kind() == device::Kind::simulated) {
            const WithoutGil others;
            device::sim::step();
        }
        const CUresult code = device::driver().cuEventQuery(event);
        if (code != device::NOT_READY) check(code, "cuEventQuery");
        return PyBool_FromLong(code == device::SUCCESS);
    });
}

PyObject* event_synchronize(PyObject*, PyObject* object) {
    CUevent event;
    if (!handle_from(object, &event)) return nullptr;
    return guarded_none([&] {
        const WithoutGil others;
        TRITORCH_CALL(cuEventSynchronize, event);
    });
}

PyObject* event_elapsed(PyObject*, PyObject* const* args, Py_ssize_t count) {
    CUevent start, end;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "event_elapsed(start, end)");
    if (!handle_from(args[0], &start) || !handle_from(args[1], &end)) return nullptr;
    return guarded([&] {
        float milliseconds = 0;
        TRITORCH_CALL(cuEventElapsedTime, &milliseconds, start, end);
        return PyFloat_FromDouble(milliseconds);
    });
}

PyMethodDef functions[] = {
    {"device_explain", explain, METH_NOARGS,
     "device_explain() -> str | None\n\nWhy there is no device to run on; None when there is one."},
    {"device_kind", kind, METH_NOARGS, "device_kind() -> 'cuda' | 'simulated' | 'stub'"},
    {"device_count", count, METH_NOARGS, "device_count() -> int\n\n0 where there is none."},
    {"driver_version", driver_version, METH_NOARGS, "driver_version() -> int\n\n12080 for 12.8."},
    {"device_properties", properties, METH_O, "device_properties(device) -> dict"},
    {"current_device", current, METH_NOARGS, "current_device() -> int\n\nOf the calling thread."},
    {"set_current_device", set_current, METH_O, "set_current_device(device)"},
    {"mem_get_info", memory_info, METH_O, "mem_get_info(device) -> (free, total)"},
    {"device_synchronize", synchronize, METH_O, "device_synchronize(device)"},
    {"stream_new", stream_new, METH_VARARGS,
     "stream_new(device, priority=0) -> int\n\nThe next of the 32 of that priority."},
    {"stream_current", stream_current, METH_O,
     "stream_current(device) -> int\n\nOf the calling thread; 0 is the default stream."},
    {"stream_set", method(stream_set), METH_FASTCALL, "stream_set(device, stream)"},
    {"stream_priority", method(stream_priority), METH_FASTCALL, "stream_priority(device, stream) -> int"},
    {"stream_synchronize", method(stream_synchronize), METH_FASTCALL, "stream_synchronize(device, stream)"},
    {"stream_query", method(stream_query), METH_FASTCALL, "stream_query(device, stream) -> bool"},
    {"stream_wait_event", stream_wait_event, METH_VARARGS, "stream_wait_event(device, stream, event)"},
    {"event_new", event_new, METH_VARARGS,
     "event_new(device, flags) -> int\n\nflags: 1 blocking wait, 2 without times, 4 interprocess."},
    {"event_destroy", event_destroy, METH_O, "event_destroy(event)"},
    {"event_record", event_record, METH_VARARGS, "event_record(device, event, stream)"},
    {"event_query", event_query, METH_O, "event_query(event) -> bool"},
    {"event_synchronize", event_synchronize, METH_O, "event_synchronize(event)"},
    {"event_elapsed", method(event_elapsed), METH_FASTCALL,
     "event_elapsed(start, end) -> float\n\nMilliseconds."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

bool stream_from(PyObject* object, int device, CUstream* stream) {
    if (object != Py_None) return handle_from(object, stream);
    *stream = device::current_stream(device);
    return true;
}

}  // namespace tritorch
