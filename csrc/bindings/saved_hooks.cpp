// push, pop and disable of saved_tensors_hooks: see Note [Saved tensors].
#include "saved_hooks.h"

#include <vector>

namespace tritorch {

namespace {

// The pairs own their callables. A thread that ends inside a `with` block (it was killed) leaks them: its end
// has no GIL to release them with.
struct HookStack {
    std::vector<SavedHooks> pairs;
    PyObject* refusal = nullptr;  // the message while disabled
};
thread_local HookStack stack;
// Read at every save: whether to look at the stack at all.
constinit thread_local bool active __attribute__((tls_model("initial-exec"))) = false;

PyObject* push(PyObject*, PyObject* args) {
    PyObject *pack, *unpack;
    if (!PyArg_ParseTuple(args, "OO:push_saved_tensors_hooks", &pack, &unpack)) return nullptr;
    if (stack.refusal) {
        PyErr_SetObject(PyExc_RuntimeError, stack.refusal);
        return nullptr;
    }
    stack.pairs.push_back({Py_NewRef(pack), Py_NewRef(unpack)});
    active = true;
    Py_RETURN_NONE;
}

PyObject* pop(PyObject*, PyObject*) {
    if (stack.pairs.empty()) {
        PyErr_SetString(PyExc_RuntimeError, "pop_saved_tensors_hooks: no hooks are set in this thread");
        return nullptr;
    }
    const Ref pack = Ref::steal(stack.pairs.back().pack), unpack = Ref::steal(stack.pairs.back().unpack);
    stack.pairs.pop_back();
    active = !stack.pairs.empty();
    Py_RETURN_NONE;
}

PyObject* disable(PyObject*, PyObject* message) {
    if (message != Py_None && !stack.pairs.empty()) {
        PyErr_SetObject(PyExc_RuntimeError, message);
        return nullptr;
    }
    PyObject* before = std::exchange(stack.refusal, message == Py_None ? nullptr : Py_NewRef(message));
    return before ? before : Py_NewRef(Py_None);
}

PyMethodDef functions[] = {
    {"push_saved_tensors_hooks", push, METH_VARARGS, "push_saved_tensors_hooks(pack, unpack)"},
    {"pop_saved_tensors_hooks", pop, METH_NOARGS, "pop_saved_tensors_hooks()"},
    {"disable_saved_tensors_hooks", disable, METH_O,
     "disable_saved_tensors_hooks(message or None)\n\nRefuses hooks with that message, or allows them again; "
     "returns "
     "what was set before."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

const SavedHooks* default_saved_hooks() noexcept { return active ? &stack.pairs.back() : nullptr; }

}  // namespace tritorch
