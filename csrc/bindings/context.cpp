// The context in which NumPy runs for us, and run(): see Note [NumPy context].
#include "context.h"

#include "host.h"

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

PyObject* run(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (count == 0) {
        PyErr_SetString(PyExc_TypeError, "run() needs a function to call");
        return nullptr;
    }
    const NumpyContext context;
    if (!context) return nullptr;
    return unless_killed([&] {
        return PyObject_Vectorcall(args[0], args + 1, (count - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    });
}

PyMethodDef functions[] = {{"run", method(run), METH_FASTCALL | METH_KEYWORDS,
                            "run(function, *args, **kwargs)\n\nCalls a NumPy function without floating-point "
                            "warnings and with memory from "
                            "the host allocator."},
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
