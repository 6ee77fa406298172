// What goes along the lines of an array: extremes with their places, running sums and products. See
// csrc/reduce.
#include "../reduce/scan.h"

#include "context.h"
#include "lines.h"
#include "numpy.h"

#include <algorithm>
#include <limits>

namespace tritorch {

namespace {

constexpr npy_intp worth_releasing = npy_intp(1) << 14;  // elements

bool is_extremes_call(PyObject* array, long dim) {
    if (PyArray_Check(array) && dim >= 0 && dim < PyArray_NDIM(as_array(array))) return true;
    PyErr_SetString(PyExc_TypeError, "extremes(array, dim, keepdim, largest, with_values, threads)");
    return false;
}

PyObject* extremes(PyObject*, PyObject* args) {
    PyObject* object;
    int dim, keepdim, largest, with_values, threads;
    if (!PyArg_ParseTuple(args, "Oipppi:extremes", &object, &dim, &keepdim, &largest, &with_values,
                          &threads) ||
        !is_extremes_call(object, dim))
        return nullptr;
    const reduce::Type type = reduce_type_of(as_array(object));
    const NumpyContext context;  // for memory
    const Ref held = Ref::steal(context ? PyArray_FROM_OF(object, NPY_ARRAY_CARRAY_RO) : nullptr);
    if (!held) return nullptr;
    PyArrayObject* in = as_array(held.get());
    const reduce::Lines lines = lines_of(in, dim);
    if (!lines.size || lines.size > std::numeric_limits<std::int32_t>::max()) Py_RETURN_NONE;

    npy_intp shape[NPY_MAXDIMS];
    int ndim = 0;
    for (int d = 0; d < PyArray_NDIM(in); ++d)
        if (d != dim || keepdim) shape[ndim++] = d == dim ? 1 : PyArray_DIM(in, d);
    const Ref indices = Ref::steal(PyArray_SimpleNew(ndim, shape, NPY_INT64));
    const Ref values =
        Ref::steal(with_values ? PyArray_SimpleNew(ndim, shape, PyArray_TYPE(in)) : Py_NewRef(Py_None));
    if (!indices || !values) return nullptr;
    char* to = with_values ? PyArray_BYTES(as_array(values.get())) : nullptr;
    auto* places = static_cast<std::int64_t*>(PyArray_DATA(as_array(indices.get())));
    const bool found = without_gil_if(PyArray_SIZE(in) >= worth_releasing, [&] {
        return reduce::find_extremes(largest, type, PyArray_BYTES(in), to, places, lines, threads);
    });
    if (!found) Py_RETURN_NONE;
    return with_values ? PyTuple_Pack(2, values.get(), indices.get()) : indices.new_reference();
}

PyObject* scan(PyObject*, PyObject* args) {
    PyObject* object;
    int dim, products, threads;
    if (!PyArg_ParseTuple(args, "Oipi:scan", &object, &dim, &products, &threads)) return nullptr;
    if (!PyArray_Check(object) || dim < 0 || dim >= PyArray_NDIM(as_array(object)))
        return PyErr_Format(PyExc_TypeError, "scan(array, dim, products, threads)");
    const reduce::Type type = reduce_type_of(as_array(object));
    const NumpyContext context;
    const Ref held = Ref::steal(context ? PyArray_FROM_OF(object, NPY_ARRAY_CARRAY_RO) : nullptr);
    if (!held) return nullptr;
    PyArrayObject* in = as_array(held.get());
    Ref out = Ref::steal(PyArray_SimpleNew(PyArray_NDIM(in), PyArray_DIMS(in), PyArray_TYPE(in)));
    if (!out) return nullptr;
    const bool done = without_gil_if(PyArray_SIZE(in) >= worth_releasing, [&] {
        return !PyArray_SIZE(in) ||
               reduce::scan(products, type, PyArray_BYTES(in), PyArray_BYTES(as_array(out.get())),
                            lines_of(in, dim), threads);
    });
    if (!done) Py_RETURN_NONE;
    return out.release();
}

PyMethodDef functions[] = {{"extremes", extremes, METH_VARARGS,
                            "extremes(array, dim, keepdim, largest, with_values, threads)\n\n(values, "
                            "indices), or the indices, of the largest or "
                            "smallest of each line along dim: the first of equals, NaN before all. None "
                            "where there is no loop for the dtype."},
                           {"scan", scan, METH_VARARGS,
                            "scan(array, dim, products, threads)\n\nThe running sums or products along dim, "
                            "of int64, float32 and float64; of "
                            "others None."},
                           {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

reduce::Lines lines_of(PyArrayObject* array, int dim) {
    const npy_intp* const shape = PyArray_DIMS(array);
    reduce::Lines lines{1, shape[dim], 1};
    for (int d = 0; d < dim; ++d) lines.outer *= shape[d];
    for (int d = dim + 1; d < PyArray_NDIM(array); ++d) lines.inner *= shape[d];
    return lines;
}

}  // namespace tritorch
