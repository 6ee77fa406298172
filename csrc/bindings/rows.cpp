// Rows of a table written where an index says: what scatter, index_add and the derivative of a gather do.
// `ufunc.at` of NumPy does it well for single elements, and slowly for rows.
#include "combine.h"

#include <algorithm>

namespace tritorch {

namespace {

using Index = npy_int64;

struct Table {
    char* out;
    const Index* index;
    const char* source;
    npy_intp rows, count, width;  // rows of out, entries of index, elements a row
};

using Loop = void (*)(const Table&);

template <class Combine, class T>
struct CombineRows {
    static void loop(const Table& table) {
        T* out = reinterpret_cast<T*>(table.out);
        const T* source = reinterpret_cast<const T*>(table.source);
        const npy_intp width = table.width;
        for (npy_intp i = 0; i < table.count; ++i, source += width) {
            T* row = out + table.index[i] * width;
            for (npy_intp j = 0; j < width; ++j) row[j] = Combine::apply(row[j], source[j]);
        }
    }
};

bool is_table(PyObject* object, int ndim, const char* what) {
    if (PyArray_Check(object) && PyArray_NDIM(as_array(object)) == ndim &&
        PyArray_ISCARRAY_RO(as_array(object)))
        return true;
    PyErr_Format(PyExc_TypeError, "combine_rows: %s must be a contiguous array of %d dimensions", what, ndim);
    return false;
}

PyObject* combine_rows(PyObject*, PyObject* const* args, Py_ssize_t count) {
    const char* name = count == 4 ? PyUnicode_AsUTF8(args[3]) : nullptr;
    if (!name) return PyErr_Format(PyExc_TypeError, "combine_rows(out, index, source, name)");
    if (!is_table(args[0], 2, "out") || !is_table(args[1], 1, "index") || !is_table(args[2], 2, "source"))
        return nullptr;
    PyArrayObject *out = as_array(args[0]), *index = as_array(args[1]), *source = as_array(args[2]);
    const Loop loop = combining_loop<CombineRows, Loop>(name, PyArray_TYPE(out));
    if (!loop || PyArray_TYPE(source) != PyArray_TYPE(out) || PyArray_TYPE(index) != NPY_INT64 ||
        PyArray_DIM(source, 1) != PyArray_DIM(out, 1) || PyArray_DIM(source, 0) != PyArray_DIM(index, 0) ||
        !PyArray_ISWRITEABLE(out)) {
        PyErr_Format(PyExc_TypeError, "combine_rows: no loop for %s of these arrays", name);
        return nullptr;
    }
    const Table table{PyArray_BYTES(out),    static_cast<const Index*>(PyArray_DATA(index)),
                      PyArray_BYTES(source), PyArray_DIM(out, 0),
                      PyArray_DIM(index, 0), PyArray_DIM(out, 1)};
    const Index* end = table.index + table.count;
    const Index* wrong = std::find_if(table.index, end, [&](Index i) { return i < 0 || i >= table.rows; });
    if (wrong != end)
        return PyErr_Format(PyExc_IndexError, "index %lld out of range", static_cast<long long>(*wrong));
    {
        const WithoutGil others_run;
        loop(table);
    }
    return Py_NewRef(args[0]);
}

PyMethodDef functions[] = {{"combine_rows", method(combine_rows), METH_FASTCALL,
                            "combine_rows(out, index, source, name)\n\nFor each i in order: out[index[i]] = "
                            "name(out[index[i]], source[i]) for "
                            "the rows of two tables; `name` is add, multiply, maximum or minimum."},
                           {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
