// NumPy's C API, and the little that the bindings ask of arrays. Include this, never NumPy's headers: one
// file (module.cpp) defines TRITORCH_IMPORT_NUMPY and fills the tables for all.
#pragma once

#include "py.h"

#include <string>

#define PY_ARRAY_UNIQUE_SYMBOL tritorch_array_api
#define PY_UFUNC_UNIQUE_SYMBOL tritorch_ufunc_api
#ifndef TRITORCH_IMPORT_NUMPY
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
#endif
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

namespace tritorch {

// The subclass of np.ndarray whose memory is on a device (runtime/array.py), named by set_device_array().
extern PyTypeObject* device_array_type;
inline bool is_device_array(PyObject* object) noexcept { return Py_TYPE(object) == device_array_type; }
// The subclass of np.ndarray that stands for a value not computed yet (fuse/trace.py), named by
// set_symbol_array().
extern PyTypeObject* symbol_array_type;
inline bool is_symbol_array(PyObject* object) noexcept { return Py_TYPE(object) == symbol_array_type; }
// An array whose memory the host may read.
inline bool is_host_array(PyObject* object) noexcept {
    return PyArray_Check(object) && !is_device_array(object) && !is_symbol_array(object);
}

inline PyArrayObject* as_array(PyObject* object) noexcept { return reinterpret_cast<PyArrayObject*>(object); }

// The tritorch.dtype of an array or DeviceArray: borrowed, or null with an error set.
PyObject* dtype_of(PyObject* array);
// The tritorch.device of an array: a new reference.
PyObject* device_of(PyObject* array);
// Its shape as tritorch.Size: a new reference.
PyObject* shape_of(PyObject* array);
// The kind character of its dtype, with 'V' for ml_dtypes' floats; 0 with an error set.
char kind_of(PyObject* array);
// "tritorch.FloatTensor [2, 3]", as error texts name a tensor.
std::string describe_array(PyObject* array);
// Whether gradients exist for it: floating or complex.
inline bool is_differentiable_kind(char kind) noexcept { return kind == 'f' || kind == 'c' || kind == 'V'; }

}  // namespace tritorch
