// What functions of tables of float32 or float64 share: their arguments as arrays in C order, and their
// results.
#pragma once

#include "context.h"
#include "lines.h"
#include "numpy.h"

namespace tritorch::tables {

inline constexpr npy_intp worth_releasing = npy_intp(1) << 14;  // elements

// An array in C order, of type `type` where that is given; empty with an error set for what it cannot take.
inline Ref table_of(PyObject* object, int type = -1) {
    if (!PyArray_Check(object) ||
        (PyArray_TYPE(as_array(object)) != NPY_FLOAT && PyArray_TYPE(as_array(object)) != NPY_DOUBLE) ||
        (type >= 0 && PyArray_TYPE(as_array(object)) != type)) {
        PyErr_SetString(PyExc_TypeError, "expected arrays of float32 or float64, of one dtype");
        return {};
    }
    return Ref::steal(
        PyArray_FromArray(as_array(object), nullptr, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_NOTSWAPPED));
}

inline Ref like(PyObject* array) {
    return Ref::steal(PyArray_SimpleNew(PyArray_NDIM(as_array(array)), PyArray_DIMS(as_array(array)),
                                        PyArray_TYPE(as_array(array))));
}

template <class T>
T* data(const Ref& array) {
    return array ? static_cast<T*>(PyArray_DATA(as_array(array.get()))) : nullptr;
}

inline bool same_size(const Ref& a, const Ref& b) {
    return PyArray_SIZE(as_array(a.get())) == PyArray_SIZE(as_array(b.get()));
}

// Calls work(a zero of the type of `array`) without the GIL, if that is worth it.
template <class Work>
void typed(const Ref& array, Work work) {
    PyArrayObject* a = as_array(array.get());
    without_gil_if(PyArray_SIZE(a) >= worth_releasing, [&] {
        if (PyArray_TYPE(a) == NPY_FLOAT) work(0.0f);
        else work(0.0);
    });
}

inline PyObject* wrong_sizes() {
    PyErr_SetString(PyExc_ValueError, "sizes do not fit");
    return nullptr;
}

}  // namespace tritorch::tables
