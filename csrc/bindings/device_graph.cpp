// Capture and graphs for Python: flat functions on integers.
#include "device.h"

namespace tritorch {

namespace {

// (device, stream)
bool parse_stream(PyObject* const* args, Py_ssize_t count, const char* usage, int* device, CUstream* stream) {
    if (count != 2) return PyErr_SetString(PyExc_TypeError, usage), false;
    *device = int(PyLong_AsLong(args[0]));
    return !PyErr_Occurred() && handle_from(args[1], stream);
}

PyObject* capture_begin(PyObject*, PyObject* args) {
    int device, mode;
    PyObject* object;
    CUstream stream;
    if (!PyArg_ParseTuple(args, "iOi:capture_begin", &device, &object, &mode) ||
        !handle_from(object, &stream))
        return nullptr;
    return guarded_none([&] {
        const device::DeviceGuard scope(device);
        TRITORCH_CALL(cuStreamBeginCapture, stream, mode);
    });
}

PyObject* capture_end(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int device;
    CUstream stream;
    if (!parse_stream(args, count, "capture_end(device, stream)", &device, &stream)) return nullptr;
    return guarded([&] {
        const device::DeviceGuard scope(device);
        CUgraph graph = nullptr;
        TRITORCH_CALL(cuStreamEndCapture, stream, &graph);
        return handle_object(graph);
    });
}

PyObject* capture_status(PyObject*, PyObject* const* args, Py_ssize_t count) {
    int device;
    CUstream stream;
    if (!parse_stream(args, count, "capture_status(device, stream)", &device, &stream)) return nullptr;
    return guarded([&] {
        const device::DeviceGuard scope(device);
        int status = device::CAPTURE_NONE;
        TRITORCH_CALL(cuStreamIsCapturing, stream, &status);
        return PyLong_FromLong(status);
    });
}

PyObject* graph_nodes(PyObject*, PyObject* object) {
    CUgraph graph;
    if (!handle_from(object, &graph)) return nullptr;
    return guarded([&] {
        std::size_t count = 0;
        TRITORCH_CALL(cuGraphGetNodes, graph, nullptr, &count);
        return PyLong_FromSize_t(count);
    });
}

PyObject* graph_instantiate(PyObject*, PyObject* object) {
    CUgraph graph;
    if (!handle_from(object, &graph)) return nullptr;
    return guarded([&] {
        CUgraphExec executable = nullptr;
        TRITORCH_CALL(cuGraphInstantiate, &executable, graph, 0);
        return handle_object(executable);
    });
}

PyObject* graph_launch(PyObject*, PyObject* args) {
    int device;
    PyObject *object, *handle;
    CUgraphExec executable;
    CUstream stream;
    if (!PyArg_ParseTuple(args, "iOO:graph_launch", &device, &object, &handle) ||
        !handle_from(object, &executable) || !stream_from(handle, device, &stream))
        return nullptr;
    return guarded_none([&] {
        const device::DeviceGuard scope(device);
        TRITORCH_CALL(cuGraphLaunch, executable, stream);
        after_launch();
    });
}

PyObject* graph_destroy(PyObject*, PyObject* object) {
    CUgraph graph;
    if (!handle_from(object, &graph)) return nullptr;
    return guarded_none([&] { TRITORCH_CALL(cuGraphDestroy, graph); });
}

PyObject* graph_exec_destroy(PyObject*, PyObject* object) {
    CUgraphExec executable;
    if (!handle_from(object, &executable)) return nullptr;
    return guarded_none([&] { TRITORCH_CALL(cuGraphExecDestroy, executable); });
}

PyMethodDef functions[] = {
    {"capture_begin", capture_begin, METH_VARARGS,
     "capture_begin(device, stream, mode)\n\nmode: 0 global, 1 of this thread, 2 relaxed. Not on the default "
     "stream."},
    {"capture_end", method(capture_end), METH_FASTCALL, "capture_end(device, stream) -> int\n\nThe graph."},
    {"capture_status", method(capture_status), METH_FASTCALL,
     "capture_status(device, stream) -> int\n\n0 none, 1 active, 2 invalidated."},
    {"graph_nodes", graph_nodes, METH_O, "graph_nodes(graph) -> int\n\nHow many."},
    {"graph_instantiate", graph_instantiate, METH_O, "graph_instantiate(graph) -> int\n\nWhat is launched."},
    {"graph_launch", graph_launch, METH_VARARGS, "graph_launch(device, executable, stream)"},
    {"graph_destroy", graph_destroy, METH_O, "graph_destroy(graph)"},
    {"graph_exec_destroy", graph_exec_destroy, METH_O, "graph_exec_destroy(executable)"},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
