// The context in which NumPy runs for us, and run(): see Note [NumPy context].
#include "context.h"

#include "host.h"
#include "numpy.h"

#include <mutex>
#include <vector>

namespace tritorch {

namespace {

// Contexts outlive their threads: one that ends hands its own to the next that begins, without touching
// Python.
std::mutex idle_lock;
std::vector<PyObject*> idle;

struct ThreadContext {
    PyObject* context = nullptr;
    int depth = 0;

    ~ThreadContext() {
        if (!context) return;
        const std::lock_guard lock(idle_lock);
        idle.push_back(context);
    }
};
thread_local ThreadContext thread_context;

PyObject* take_idle() {
    const std::lock_guard lock(idle_lock);
    if (idle.empty()) return nullptr;
    PyObject* context = idle.back();
    idle.pop_back();
    return context;
}

PyObject* make_context() {
    if (PyObject* context = take_idle()) return context;
    Ref context = Ref::steal(PyContext_New());
    const Ref numpy = Ref::steal(PyImport_ImportModule("numpy"));
    const Ref seterr = numpy ? Ref::steal(PyObject_GetAttrString(numpy.get(), "seterr")) : Ref();
    const Ref keywords = Ref::steal(Py_BuildValue("{s:s}", "all", "ignore"));
    const Ref nothing = Ref::steal(PyTuple_New(0));
    if (!context || !seterr || !keywords || !nothing || PyContext_Enter(context.get()) < 0) return nullptr;
    const Ref old = Ref::steal(PyObject_Call(seterr.get(), nothing.get(), keywords.get()));
    const bool ready = old && use_host_allocator() == 0;
    if (PyContext_Exit(context.get()) < 0 || !ready) return nullptr;
    return context.release();
}

// Note [Dispatch]
// A loop is called with arrays; where one of them is on a device, what runs instead is what `device_loops`
// has for it, and where one stands for a value that is not computed yet, what `symbol_loops` has: that notes
// the call. The tables are dicts whose __missing__ makes the entry.
PyObject* device_loops = nullptr;
PyObject* symbol_loops = nullptr;

PyObject* table_for(PyObject* array) {
    if (is_symbol_array(array)) return symbol_loops;
    return is_device_array(array) ? device_loops : nullptr;
}

// The table that the arrays among the arguments ask for: that of symbols, if one is; null for the host.
PyObject* table_among(PyObject* const* args, Py_ssize_t count) {
    if (!device_array_type) return nullptr;
    PyObject* found = nullptr;
    for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* table = table_for(args[i]);
        for (Py_ssize_t k = 0; PyList_CheckExact(args[i]) && k < PyList_GET_SIZE(args[i]) && !table; ++k)
            table = table_for(PyList_GET_ITEM(args[i], k));
        if (table && (!symbol_loops || table == symbol_loops)) return table;
        if (table) found = table;
    }
    return found;
}

PyObject* run_from(PyObject* table, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    const Ref loop = Ref::steal(PyObject_GetItem(table, args[0]));
    if (!loop) return nullptr;
    return unless_killed([&] {
        return PyObject_Vectorcall(loop.get(), args + 1, (count - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    });
}

PyObject* run(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (count == 0) {
        PyErr_SetString(PyExc_TypeError, "run() needs a function to call");
        return nullptr;
    }
    if (PyObject* table = table_among(args + 1, count - 1)) return run_from(table, args, count, names);
    const NumpyContext context;
    if (!context) return nullptr;
    return unless_killed([&] {
        return PyObject_Vectorcall(args[0], args + 1, (count - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    });
}

PyObject* dispatch(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (count == 0) {
        PyErr_SetString(PyExc_TypeError, "dispatch() needs a function to call");
        return nullptr;
    }
    if (PyObject* table = table_among(args + 1, count - 1)) return run_from(table, args, count, names);
    return unless_killed([&] {
        return PyObject_Vectorcall(args[0], args + 1, (count - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    });
}

PyObject* set_device_loops(PyObject*, PyObject* loops) {
    Py_XSETREF(device_loops, Py_NewRef(loops));
    Py_RETURN_NONE;
}

PyObject* set_symbol_loops(PyObject*, PyObject* loops) {
    Py_XSETREF(symbol_loops, Py_NewRef(loops));
    Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"run", method(run), METH_FASTCALL | METH_KEYWORDS,
     "run(function, *args, **kwargs)\n\nCalls a NumPy function without floating-point "
     "warnings and with memory from "
     "the host allocator. With an array on a device among the arguments, calls what "
     "the device has for the function."},
    {"dispatch", method(dispatch), METH_FASTCALL | METH_KEYWORDS,
     "dispatch(function, *args, **kwargs)\n\nAs run(), without the NumPy context."},
    {"set_device_loops", set_device_loops, METH_O,
     "set_device_loops(table)\n\nThe mapping from functions on host arrays to those on "
     "device arrays."},
    {"set_symbol_loops", set_symbol_loops, METH_O,
     "set_symbol_loops(table)\n\nThe same for arrays that stand for values not computed yet."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

NumpyContext::NumpyContext() noexcept : entered_(true) {
    ThreadContext& mine = thread_context;
    if (mine.depth++ > 0) return;
    if (!mine.context) mine.context = make_context();
    if (!mine.context || PyContext_Enter(mine.context) < 0) {
        --mine.depth;
        entered_ = false;
    }
}

NumpyContext::~NumpyContext() {
    if (!entered_ || --thread_context.depth > 0) return;
    // The exit may not lose the error with which the scope ends.
    if (PyErr_Occurred()) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        if (PyContext_Exit(thread_context.context) < 0) PyErr_WriteUnraisable(thread_context.context);
        PyErr_Restore(type, value, traceback);
    } else if (PyContext_Exit(thread_context.context) < 0) {
        PyErr_WriteUnraisable(thread_context.context);
    }
}

}  // namespace tritorch
