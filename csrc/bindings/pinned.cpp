// Arrays in page-locked host memory (Note [Pinned memory]).
#include "../device/pinned.h"
#include "device.h"

namespace tritorch {

namespace {

using device::Pinned;
constexpr const char* capsule_name = "tritorch pinned memory";

void give_back(PyObject* capsule) { Pinned::instance().free(PyCapsule_GetPointer(capsule, capsule_name)); }

// (shape, np_dtype)
PyObject* pinned_empty(PyObject*, PyObject* args) {
    PyArray_Dims shape = {nullptr, 0};
    PyArray_Descr* descr = nullptr;
    if (!PyArg_ParseTuple(args, "O&O&:pinned_empty", PyArray_IntpConverter, &shape, PyArray_DescrConverter,
                          &descr)) {
        PyDimMem_FREE(shape.ptr);
        return nullptr;
    }
    PyObject* array = guarded([&]() -> PyObject* {
        std::size_t bytes = std::size_t(PyDataType_ELSIZE(descr));
        bool fits = true;
        for (int i = 0; i < shape.len; ++i)
            fits = fits && shape.ptr[i] >= 0 &&
                   !__builtin_mul_overflow(bytes, std::size_t(shape.ptr[i]), &bytes);
        if (!fits || bytes > std::size_t(PY_SSIZE_T_MAX) / 2)
            return PyErr_Format(PyExc_ValueError, "pinned_empty: sizes must not be negative or too large");
        void* block = Pinned::instance().allocate(bytes);
        PyObject* owner = PyCapsule_New(block, capsule_name, give_back);
        if (!owner) {
            Pinned::instance().free(block);
            return nullptr;
        }
        Py_INCREF(descr);
        PyObject* made = PyArray_NewFromDescr(&PyArray_Type, descr, shape.len, shape.ptr, nullptr, block,
                                              NPY_ARRAY_CARRAY, nullptr);
        if (!made || PyArray_SetBaseObject(as_array(made), owner) < 0) {
            if (!made) Py_DECREF(owner);
            Py_XDECREF(made);
            return nullptr;
        }
        return made;
    });
    Py_DECREF(descr);
    PyDimMem_FREE(shape.ptr);
    return array;
}

PyObject* is_pinned(PyObject*, PyObject* array) {
    if (!PyArray_Check(array)) return PyErr_Format(PyExc_TypeError, "is_pinned(array)");
    return PyBool_FromLong(is_host_array(array) && device::initialized() &&
                           Pinned::instance().holds(PyArray_DATA(as_array(array))));
}

PyObject* empty_cache(PyObject*, PyObject*) {
    return guarded_none([] {
        const WithoutGil others;
        if (device::initialized()) Pinned::instance().empty();
    });
}

PyObject* statistics(PyObject*, PyObject*) {
    const Pinned::Statistics now = Pinned::instance().statistics();
    return Py_BuildValue("{s:n,s:n,s:n,s:n}", "live_bytes", Py_ssize_t(now.live_bytes), "cached_bytes",
                         Py_ssize_t(now.cached_bytes), "allocations", Py_ssize_t(now.allocations),
                         "driver_calls", Py_ssize_t(now.driver_calls));
}

PyMethodDef functions[] = {
    {"pinned_empty", pinned_empty, METH_VARARGS,
     "pinned_empty(shape, np_dtype) -> np.ndarray\n\nIn page-locked host memory, from a cache."},
    {"is_pinned", is_pinned, METH_O,
     "is_pinned(array) -> bool\n\nWhether it lies in memory of pinned_empty()."},
    {"pinned_empty_cache", empty_cache, METH_NOARGS,
     "pinned_empty_cache()\n\nGives idle pinned memory back to the driver. Waits for the device."},
    {"pinned_memory_stats", statistics, METH_NOARGS, "pinned_memory_stats() -> dict"},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
