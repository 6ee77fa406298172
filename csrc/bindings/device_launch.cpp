// Modules and launches; kernels that are Python callables on the simulated device, and that device's
// controls.
#include "../allocator/allocator.h"
#include "../device/sim/sim.h"
#include "device.h"
#include "node.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <vector>

namespace tritorch {

namespace {

namespace sim = device::sim;

std::vector<PyObject*> kernels;  // by number: owned, for the life of the process
Ref last_error;                  // what a kernel raised, for the error of whoever waits next

// ---- kernels written in Python
// -----------------------------------------------------------------------------

CUresult run_kernel(const sim::Launch& launch) {
    const WithGil python;
    if (std::size_t(launch.callable) >= kernels.size()) return device::NOT_FOUND;
    const Ref grid = Ref::steal(Py_BuildValue("(III)", launch.grid[0], launch.grid[1], launch.grid[2]));
    const Ref parameters = Ref::steal(PyBytes_FromStringAndSize(
        reinterpret_cast<const char*>(launch.parameters.data()), Py_ssize_t(launch.parameter_bytes)));
    PyObject* args[] = {grid.get(), parameters.get()};
    const Ref result = Ref::steal(
        grid && parameters ? PyObject_Vectorcall(kernels[launch.callable], args, 2, nullptr) : nullptr);
    if (result) return device::SUCCESS;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value && traceback) PyException_SetTraceback(value, traceback);
    last_error = Ref::steal(value);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return device::LAUNCH_FAILED;
}

std::string place() {
    if (!PyGILState_Check()) return "";
    const Ref line = source_line();
    const char* text = line ? PyUnicode_AsUTF8(line.get()) : nullptr;
    if (line && !text) PyErr_Clear();
    const autograd::GraphTask* task = autograd::Engine::current();
    std::string found = text ? text : task ? task->where() : "";
    if (const PyNode* node = running_node(); node && task && !found.empty())
        found += ", backward of " + short_name(*node);
    return found;
}

PyObject* register_kernel(PyObject*, PyObject* args) {
    PyObject *callable, *sizes_object = nullptr;
    if (!PyArg_ParseTuple(args, "O|O:sim_register", &callable, &sizes_object)) return nullptr;
    if (!PyCallable_Check(callable))
        return PyErr_Format(PyExc_TypeError,
                            "sim_register(callable, sizes=()): a callable(grid, parameters)");
    std::vector<std::size_t> sizes;
    if (sizes_object) {
        const Ref items = Ref::steal(PySequence_Fast(sizes_object, "sim_register: sizes"));
        if (!items) return nullptr;
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
            sizes.push_back(PyLong_AsSize_t(PySequence_Fast_GET_ITEM(items.get(), i)));
            if (PyErr_Occurred()) return nullptr;
        }
    }
    const Ref name = Ref::steal(PyObject_GetAttrString(callable, "__name__"));
    const char* text = name && PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8(name.get()) : nullptr;
    PyErr_Clear();  // a callable without a name is as good
    const int number = sim::register_kernel(text ? text : "", std::move(sizes));
    kernels.resize(std::size_t(number) + 1);
    kernels[number] = Py_NewRef(callable);
    return PyLong_FromLong(number);
}

// ---- modules and launches
// ----------------------------------------------------------------------------------

PyObject* module_load(PyObject*, PyObject* args) {
    Py_buffer image;
    int device;
    if (!PyArg_ParseTuple(args, "y*i:module_load", &image, &device)) return nullptr;
    PyObject* result = guarded([&] {
        const device::DeviceGuard scope(device);
        // With a zero behind it: the image may be text.
        const std::string bytes(static_cast<const char*>(image.buf), std::size_t(image.len));
        CUmodule module = nullptr;
        TRITORCH_CALL(cuModuleLoadData, &module, bytes.c_str());
        return handle_object(module);
    });
    PyBuffer_Release(&image);
    return result;
}

PyObject* module_unload(PyObject*, PyObject* object) {
    CUmodule module;
    if (!handle_from(object, &module)) return nullptr;
    return guarded_none([&] { TRITORCH_CALL(cuModuleUnload, module); });
}

PyObject* module_function(PyObject*, PyObject* args) {
    PyObject* object;
    const char* name;
    CUmodule module;
    if (!PyArg_ParseTuple(args, "Os:module_function", &object, &name) || !handle_from(object, &module))
        return nullptr;
    return guarded([&] {
        CUfunction function = nullptr;
        TRITORCH_CALL(cuModuleGetFunction, &function, module, name);
        return handle_object(function);
    });
}

PyObject* function_attribute(PyObject*, PyObject* args) {
    PyObject *object, *value = Py_None;
    int attribute;
    CUfunction function;
    if (!PyArg_ParseTuple(args, "Oi|O:function_attribute", &object, &attribute, &value) ||
        !handle_from(object, &function))
        return nullptr;
    return guarded([&]() -> PyObject* {
        int number = 0;
        if (value == Py_None) {
            TRITORCH_CALL(cuFuncGetAttribute, &number, attribute, function);
        } else {
            number = int(PyLong_AsLong(value));
            if (PyErr_Occurred()) return nullptr;
            TRITORCH_CALL(cuFuncSetAttribute, function, attribute, number);
        }
        return PyLong_FromLong(number);
    });
}

// (function, (grid), (block), shared, device, stream or None, packed parameters)
PyObject* launch(PyObject*, PyObject* args) {
    PyObject *function_object, *handle;
    unsigned grid[3], block[3], shared;
    int device;
    Py_buffer parameters;
    CUfunction function;
    CUstream stream;
    if (!PyArg_ParseTuple(args, "O(III)(III)IiOy*:launch", &function_object, &grid[0], &grid[1], &grid[2],
                          &block[0], &block[1], &block[2], &shared, &device, &handle, &parameters))
        return nullptr;
    PyObject* result = nullptr;
    if (handle_from(function_object, &function) && stream_from(handle, device, &stream)) {
        result = guarded_none([&] {
            const device::DeviceGuard scope(device);
            const CUlaunchConfig config = {grid[0],  grid[1], grid[2], block[0], block[1],
                                           block[2], shared,  stream,  nullptr,  0};
            std::size_t bytes = std::size_t(parameters.len);
            void* extra[] = {device::LAUNCH_BUFFER_POINTER, parameters.buf, device::LAUNCH_BUFFER_SIZE,
                             &bytes, nullptr};
            TRITORCH_CALL(cuLaunchKernelEx, &config, function, nullptr, extra);
            after_launch();
        });
    }
    PyBuffer_Release(&parameters);
    return result;
}

// ---- controls of the simulated device
// ----------------------------------------------------------------------

PyObject* set_seed(PyObject*, PyObject* value) {
    const unsigned long long seed = PyLong_AsUnsignedLongLongMask(value);
    if (PyErr_Occurred()) return nullptr;
    sim::set_seed(seed);
    Py_RETURN_NONE;
}

PyObject* set_card(PyObject*, PyObject* value) {
    const std::size_t bytes = PyLong_AsSize_t(value);
    if (PyErr_Occurred()) return nullptr;
    sim::set_card_size(bytes);
    Py_RETURN_NONE;
}

PyObject* fail_nth(PyObject*, PyObject* args) {
    const char* kind;
    unsigned long long n;
    int also = 0;
    if (!PyArg_ParseTuple(args, "sK|p:sim_fail", &kind, &n, &also)) return nullptr;
    sim::fail_nth(kind, n, also != 0);
    Py_RETURN_NONE;
}

PyObject* faults(PyObject*, PyObject*) {
    return guarded([]() -> PyObject* {
        Ref dict = Ref::steal(PyDict_New());
        for (const auto& [kind, left] : sim::faults()) {
            const Ref number = Ref::steal(PyLong_FromUnsignedLongLong(left));
            if (!dict || !number || PyDict_SetItemString(dict.get(), kind.c_str(), number.get()) < 0)
                return nullptr;
        }
        return dict.release();
    });
}

PyObject* report(PyObject*, PyObject*) {
    return guarded([]() -> PyObject* {
        Ref list = Ref::steal(PyList_New(0));
        if (!list) return nullptr;
        for (const sim::Finding& one : sim::take_findings()) {
            const Ref item = Ref::steal(Py_BuildValue("(ss)", one.kind.c_str(), one.text.c_str()));
            if (!item || PyList_Append(list.get(), item.get()) < 0) return nullptr;
        }
        return list.release();
    });
}

// (addresses, itemsize, mask or None, write)
PyObject* check_access(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 4)
        return PyErr_Format(PyExc_TypeError, "sim_check(addresses, itemsize, mask or None, write)");
    const Ref addresses =
        Ref::steal(PyArray_FROM_OTF(args[0], NPY_UINT64, NPY_ARRAY_IN_ARRAY | NPY_ARRAY_FORCECAST));
    if (!addresses) return nullptr;
    const std::size_t item = PyLong_AsSize_t(args[1]);
    if (PyErr_Occurred()) return nullptr;
    const int write = PyObject_IsTrue(args[3]);
    if (write < 0) return nullptr;
    PyArrayObject* at = as_array(addresses.get());
    Ref mask;
    if (args[2] != Py_None) {
        const Ref given = Ref::steal(PyArray_FROM_OTF(args[2], NPY_BOOL, NPY_ARRAY_IN_ARRAY));
        if (!given) return nullptr;
        const Ref spread = Ref::steal(PyArray_SimpleNew(PyArray_NDIM(at), PyArray_DIMS(at), NPY_BOOL));
        if (!spread || PyArray_CopyInto(as_array(spread.get()), as_array(given.get())) < 0) return nullptr;
        mask = spread;
    }
    return guarded([&]() -> PyObject* {
        const auto* first = static_cast<const std::uint64_t*>(PyArray_DATA(at));
        const auto* lanes = mask ? static_cast<const bool*>(PyArray_DATA(as_array(mask.get()))) : nullptr;
        const std::size_t lane_count = std::size_t(PyArray_SIZE(at));
        const std::string wrong = sim::check_access(first, lanes, lane_count, item, write);
        if (!wrong.empty()) return PyErr_Format(PyExc_IndexError, "%s", wrong.c_str());
        PyObject* moved = PyArray_SimpleNew(PyArray_NDIM(at), PyArray_DIMS(at), NPY_UINT64);
        if (!moved) return nullptr;
        auto* into = static_cast<std::uint64_t*>(PyArray_DATA(as_array(moved)));
        const std::uint64_t distance = sim::delta();
        for (std::size_t i = 0; i < lane_count; ++i) into[i] = first[i] + distance;
        return moved;
    });
}

PyObject* step(PyObject*, PyObject*) {
    return guarded_none([] {
        const WithoutGil others;
        sim::step();
    });
}

PyObject* drain(PyObject*, PyObject*) {
    return guarded_none([] {
        const WithoutGil others;
        sim::drain();
    });
}

PyObject* pending(PyObject*, PyObject*) { return PyLong_FromSize_t(sim::pending()); }
PyObject* delta(PyObject*, PyObject*) { return PyLong_FromUnsignedLongLong(sim::delta()); }

PyObject* segments(PyObject*, PyObject*) {
    return guarded([]() -> PyObject* {
        const std::vector<sim::Extent> all = sim::segments();
        npy_intp dims[] = {npy_intp(all.size()), 2};
        PyObject* array = PyArray_SimpleNew(2, dims, NPY_UINT64);
        if (array && !all.empty())
            std::memcpy(PyArray_DATA(as_array(array)), all.data(), all.size() * sizeof(sim::Extent));
        return array;
    });
}

PyMethodDef functions[] = {
    {"module_load", module_load, METH_VARARGS,
     "module_load(image, device) -> int\n\nA cubin, or b'tritorch-sim:<number>' of sim_register()."},
    {"module_unload", module_unload, METH_O, "module_unload(module)"},
    {"module_function", module_function, METH_VARARGS, "module_function(module, name) -> int"},
    {"function_attribute", function_attribute, METH_VARARGS,
     "function_attribute(function, attribute, value=None) -> int\n\nReads one, or sets it."},
    {"launch", launch, METH_VARARGS,
     "launch(function, grid, block, shared, device, stream, parameters)\n\ngrid, block: three numbers; "
     "stream: "
     "a handle or None; parameters: packed bytes, each aligned to its size."},
    {"sim_register", register_kernel, METH_VARARGS,
     "sim_register(callable, sizes=()) -> int\n\nA kernel of the simulated device: callable(grid, "
     "parameters) "
     "runs it. sizes: bytes of each parameter, for launches by pointers."},
    {"sim_seed", set_seed, METH_O,
     "sim_seed(seed)\n\nThe order of what streams do at once; 0 is the order of enqueuing."},
    {"sim_card", set_card, METH_O, "sim_card(nbytes)\n\nThe size of every card from now on."},
    {"sim_fail", fail_nth, METH_VARARGS,
     "sim_fail(kind, n, also=False)\n\nThe n-th call from now on fails: 'malloc', 'free', 'copy', 'launch', "
     "'event', "
     "'stream', 'module', 'host', 'graph', or 'kernel' (when it runs); a 'wait' for an event is forgotten. "
     "n = 0: none. also: beside those that were asked for before."},
    {"sim_faults", faults, METH_NOARGS,
     "sim_faults() -> {kind: n}\n\nWhat sim_fail() asked for and has not happened yet."},
    {"sim_report", report, METH_NOARGS,
     "sim_report() -> [(kind, text)]\n\nWhat was found since the last call."},
    {"sim_check", method(check_access), METH_FASTCALL,
     "sim_check(addresses, itemsize, mask, write) -> uint64 array\n\nWhere the bytes lie in this process "
     "that "
     "the running kernel loads or stores, checked: bounds by live block (IndexError), and as findings bytes "
     "that were never written and uses that nothing orders. mask: None, or broadcast to the addresses."},
    {"sim_step", step, METH_NOARGS, "sim_step()\n\nRuns some tasks, as polling does."},
    {"sim_drain", drain, METH_NOARGS, "sim_drain()\n\nRuns all tasks; reports no failure."},
    {"sim_pending", pending, METH_NOARGS, "sim_pending() -> int\n\nTasks that have not run."},
    {"sim_delta", delta, METH_NOARGS,
     "sim_delta() -> int\n\nHow far above a device address its bytes lie in this process."},
    {"sim_segments", segments, METH_NOARGS,
     "sim_segments() -> uint64 array [n, 2]\n\nThe addresses [start, end) of what the driver has given out."},
    {nullptr}};

int init(PyObject* module) {
    sim::set_hooks({run_kernel, place});
    return PyModule_AddFunctions(module, functions);
}
const Subject subject(init);

}  // namespace

void after_launch() {
    if (device::kind() != device::Kind::simulated || sim::pending() <= sim::most_pending) return;
    const WithoutGil others;
    sim::relieve();
}

void raise_from_exception() noexcept {
    try {
        throw;
    } catch (const device::DriverError& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
        const bool of_kernel = error.code == device::LAUNCH_FAILED || error.code == device::ILLEGAL_ADDRESS;
        if (!of_kernel || !last_error) return;
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        PyErr_NormalizeException(&type, &value, &traceback);
        PyException_SetCause(value, last_error.release());
        PyErr_Restore(type, value, traceback);
    } catch (const device::Unavailable& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    } catch (const allocator::OutOfMemory& error) {
        const Ref errors = Ref::steal(PyImport_ImportModule("tritorch.errors"));
        const Ref type =
            Ref::steal(errors ? PyObject_GetAttrString(errors.get(), "OutOfMemoryError") : nullptr);
        if (type) PyErr_SetString(type.get(), error.what());
    } catch (const std::invalid_argument& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::bad_alloc&) { PyErr_NoMemory(); } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
}

}  // namespace tritorch
