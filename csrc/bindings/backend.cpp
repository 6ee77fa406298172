// set_backend(add=..., clone=..., ...): see backend.h.
#include "backend.h"

namespace tritorch {

Backend backend;

namespace {

struct Entry {
    const char* name;
    PyObject** slot;
};
#define ENTRY(name) {#name, &backend.name},
const Entry entries[] = {TRITORCH_BACKEND(ENTRY)};
#undef ENTRY

PyObject* set_backend(PyObject*, PyObject* args, PyObject* keywords) {
    if (PyTuple_GET_SIZE(args) != 0) {
        PyErr_SetString(PyExc_TypeError, "set_backend() takes keyword arguments only");
        return nullptr;
    }
    PyObject *key, *value;
    for (Py_ssize_t at = 0; keywords && PyDict_Next(keywords, &at, &key, &value);) {
        PyObject** slot = nullptr;
        for (const Entry& entry : entries)
            if (PyUnicode_CompareWithASCIIString(key, entry.name) == 0) slot = entry.slot;
        if (!slot) {
            PyErr_Format(PyExc_TypeError, "set_backend() has no operator %R", key);
            return nullptr;
        }
        Py_INCREF(value);
        Py_XSETREF(*slot, value);
    }
    Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"set_backend", method(set_backend), METH_VARARGS | METH_KEYWORDS,
     "set_backend(*, add, add_, clone, sum_to_size, to, as_strided, zeros_like, new_zeros, real)\n\n"
     "The operators that the engine calls where plain arrays will not do."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
