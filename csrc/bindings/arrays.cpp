// The few things that operators do to whole arrays at every call, without NumPy's search for what was meant.
#include "numpy.h"
#include "tensor.h"
#include "turned.h"

#include <algorithm>

namespace tritorch {

namespace {

PyObject* wrong_arguments(const char* signature) {
    PyErr_Format(PyExc_TypeError, "expected %s", signature);
    return nullptr;
}

// new_array(size, dtype): sizes that are no plain non-negative ints are left to NumPy's own error.
PyObject* new_array(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyTuple_Check(args[0]) || !PyArray_DescrCheck(args[1]))
        return wrong_arguments("new_array(size, dtype)");
    npy_intp dims[NPY_MAXDIMS];
    const Py_ssize_t ndim = PyTuple_GET_SIZE(args[0]);
    if (ndim > NPY_MAXDIMS)
        return PyErr_Format(PyExc_ValueError, "only tensors with up to %d dims are supported", NPY_MAXDIMS);
    for (Py_ssize_t i = 0; i < ndim; ++i) {
        dims[i] = PyNumber_AsSsize_t(PyTuple_GET_ITEM(args[0], i), PyExc_ValueError);
        if (dims[i] == -1 && PyErr_Occurred()) return nullptr;
        if (dims[i] < 0) return PyErr_Format(PyExc_ValueError, "negative dimensions are not allowed");
    }
    Py_INCREF(args[1]);
    return PyArray_Empty(static_cast<int>(ndim), dims, reinterpret_cast<PyArray_Descr*>(args[1]), 0);
}

PyObject* copy_into(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyArray_Check(args[0]) || !PyArray_Check(args[1]))
        return wrong_arguments("copy_into(target, source)");
    if (!copy_turned(as_array(args[0]), as_array(args[1])) &&
        PyArray_CopyInto(as_array(args[0]), as_array(args[1])) < 0)
        return nullptr;
    Py_RETURN_NONE;
}

PyObject* refuse_overlap(PyObject*, PyObject* object) {
    if (!PyArray_Check(object)) return wrong_arguments("refuse_overlap(array)");
    PyArrayObject* array = as_array(object);
    if (PyArray_SIZE(array) == 0) Py_RETURN_NONE;
    for (int dim = 0; dim < PyArray_NDIM(array); ++dim)
        if (PyArray_STRIDE(array, dim) == 0 && PyArray_DIM(array, dim) > 1) {
            PyErr_SetString(
                PyExc_RuntimeError,
                "unsupported operation: more than one element of the written-to tensor refers to a single "
                "memory location. Please clone() the tensor before performing the operation.");
            return nullptr;
        }
    Py_RETURN_NONE;
}

// The arrays of a list or tuple of tensors, or None: something else is in it.
PyObject* arrays_of(PyObject*, PyObject* tensors) {
    if (!PyList_Check(tensors) && !PyTuple_Check(tensors)) Py_RETURN_NONE;
    const Py_ssize_t length = PySequence_Fast_GET_SIZE(tensors);
    Ref list = Ref::steal(PyList_New(length));
    for (Py_ssize_t i = 0; list && i < length; ++i) {
        PyObject* item = PySequence_Fast_ITEMS(tensors)[i];
        if (!is_tensor(item) || !as_tensor(item)->array) Py_RETURN_NONE;
        PyList_SET_ITEM(list.get(), i, Py_NewRef(as_tensor(item)->array));
    }
    return list.release();
}

// Whether a list holds arrays of one dtype and rank, which must not be 0.
bool is_uniform(PyObject* list) {
    if (!PyList_Check(list) || PyList_GET_SIZE(list) == 0) return false;
    PyObject* front = PyList_GET_ITEM(list, 0);
    if (!PyArray_Check(front)) return false;
    for (Py_ssize_t i = 1; i < PyList_GET_SIZE(list); ++i) {
        PyObject* item = PyList_GET_ITEM(list, i);
        if (!PyArray_Check(item) || PyArray_DESCR(as_array(item)) != PyArray_DESCR(as_array(front)) ||
            PyArray_NDIM(as_array(item)) != PyArray_NDIM(as_array(front)))
            return false;
    }
    return true;
}

PyObject* concatenated(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return wrong_arguments("concatenated(arrays, dim)");
    const long dim = PyLong_AsLong(args[1]);
    if (dim == -1 && PyErr_Occurred()) return nullptr;
    if (!is_uniform(args[0]) || PyArray_NDIM(as_array(PyList_GET_ITEM(args[0], 0))) == 0) Py_RETURN_NONE;
    PyObject* made = PyArray_Concatenate(args[0], static_cast<int>(dim));
    if (made || !(PyErr_ExceptionMatches(PyExc_ValueError))) return made;
    PyErr_Clear();
    Py_RETURN_NONE;
}

PyObject* stacked(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return wrong_arguments("stacked(arrays, dim)");
    long dim = PyLong_AsLong(args[1]);
    if (dim == -1 && PyErr_Occurred()) return nullptr;
    if (!is_uniform(args[0])) Py_RETURN_NONE;
    const Py_ssize_t length = PyList_GET_SIZE(args[0]);
    PyArrayObject* front = as_array(PyList_GET_ITEM(args[0], 0));
    const int ndim = PyArray_NDIM(front);
    if (dim < 0) dim += ndim + 1;
    if (dim < 0 || dim > ndim || ndim + 1 > NPY_MAXDIMS) Py_RETURN_NONE;
    npy_intp dims[NPY_MAXDIMS], strides[NPY_MAXDIMS];
    std::copy_n(PyArray_DIMS(front), dim, dims);
    dims[dim] = length;
    std::copy(PyArray_DIMS(front) + dim, PyArray_DIMS(front) + ndim, dims + dim + 1);
    for (Py_ssize_t i = 1; i < length; ++i)
        if (!std::equal(PyArray_DIMS(front), PyArray_DIMS(front) + ndim,
                        PyArray_DIMS(as_array(PyList_GET_ITEM(args[0], i)))))
            Py_RETURN_NONE;
    Py_INCREF(PyArray_DESCR(front));
    Ref out = Ref::steal(PyArray_Empty(ndim + 1, dims, PyArray_DESCR(front), 0));
    if (!out) return nullptr;
    PyArrayObject* whole = as_array(out.get());
    std::copy_n(PyArray_STRIDES(whole), dim, strides);
    std::copy(PyArray_STRIDES(whole) + dim + 1, PyArray_STRIDES(whole) + ndim + 1, strides + dim);
    for (Py_ssize_t i = 0; i < length; ++i) {
        Py_INCREF(PyArray_DESCR(front));
        const Ref slot = Ref::steal(PyArray_NewFromDescr(
            &PyArray_Type, PyArray_DESCR(front), ndim, PyArray_DIMS(front), strides,
            PyArray_BYTES(whole) + i * PyArray_STRIDE(whole, dim), NPY_ARRAY_WRITEABLE, nullptr));
        if (!slot || PyArray_CopyInto(as_array(slot.get()), as_array(PyList_GET_ITEM(args[0], i))) < 0)
            return nullptr;
    }
    return out.release();
}

// The first element that is not in [low, high) of an int64 array, or None.
PyObject* place_outside(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3 || !PyArray_Check(args[0]) || PyArray_TYPE(as_array(args[0])) != NPY_INT64)
        return wrong_arguments("place_outside(int64 array, low, high)");
    const Py_ssize_t low = PyLong_AsSsize_t(args[1]), high = PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred()) return nullptr;
    const Ref flat = Ref::steal(PyArray_Ravel(as_array(args[0]), NPY_CORDER));
    if (!flat) return nullptr;
    const auto* begin = static_cast<const npy_int64*>(PyArray_DATA(as_array(flat.get())));
    const auto* end = begin + PyArray_SIZE(as_array(flat.get()));
    const auto* wrong = std::find_if(begin, end, [&](npy_int64 i) { return i < low || i >= high; });
    if (wrong == end) Py_RETURN_NONE;
    return PyLong_FromLongLong(*wrong);
}

PyMethodDef functions[] = {
    {"new_array", method(new_array), METH_FASTCALL, "new_array(size, dtype)\n\nnp.empty of a tuple of ints."},
    {"copy_into", method(copy_into), METH_FASTCALL,
     "copy_into(target, source)\n\nWrites an array, broadcast and cast, into another."},
    {"refuse_overlap", refuse_overlap, METH_O,
     "refuse_overlap(array)\n\nRaises torch's error for a target that shows one element in several places."},
    {"arrays_of", arrays_of, METH_O,
     "arrays_of(tensors)\n\nThe arrays of a list or tuple of tensors, or None: something else is in it."},
    {"concatenated", method(concatenated), METH_FASTCALL,
     "concatenated(arrays, dim)\n\nA list of arrays side by side, or None: they differ in dtype, rank or "
     "sizes."},
    {"stacked", method(stacked), METH_FASTCALL,
     "stacked(arrays, dim)\n\nA list of arrays along a new dim, or None: they differ in dtype or shape."},
    {"place_outside", method(place_outside), METH_FASTCALL,
     "place_outside(index, low, high)\n\nThe first element of an int64 array that is not in [low, high), or "
     "None."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
