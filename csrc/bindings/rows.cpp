// Rows of a table written where an index says: what scatter, index_add and the derivative of a gather do.
// `ufunc.at` of NumPy does it well for single elements, and slowly for rows.
#include "numpy.h"

#include <algorithm>
#include <complex>
#include <cstring>

namespace tritorch {

namespace {

using Index = npy_int64;

template <class T>
bool is_nan(T value) {
    return value != value;
}

// The combinations; NaN wins in max and min, as everywhere in torch.
struct Add {
    template <class T>
    static T apply(T a, T b) {
        return static_cast<T>(a + b);
    }
};
struct Either {  // the sum of bools, which C++ cannot tell from bytes
    static npy_bool apply(npy_bool a, npy_bool b) { return a | b; }
};
struct Multiply {
    template <class T>
    static T apply(T a, T b) {
        return static_cast<T>(a * b);
    }
};
struct Largest {
    template <class T>
    static T apply(T a, T b) {
        return is_nan(a) || a > b ? a : b;
    }
};
struct Smallest {
    template <class T>
    static T apply(T a, T b) {
        return is_nan(a) || a < b ? a : b;
    }
};

struct Table {
    char* out;
    const Index* index;
    const char* source;
    npy_intp rows, count, width;  // rows of out, entries of index, elements a row
};

template <class Combine, class T>
void combine(const Table& table) {
    T* out = reinterpret_cast<T*>(table.out);
    const T* source = reinterpret_cast<const T*>(table.source);
    const npy_intp width = table.width;
    for (npy_intp i = 0; i < table.count; ++i, source += width) {
        T* row = out + table.index[i] * width;
        for (npy_intp j = 0; j < width; ++j) row[j] = Combine::apply(row[j], source[j]);
    }
}

using Loop = void (*)(const Table&);

template <class Combine>
Loop real_loop(int type) {
    switch (type) {
        case NPY_BOOL: return combine<Combine, npy_bool>;
        case NPY_BYTE: return combine<Combine, npy_byte>;
        case NPY_UBYTE: return combine<Combine, npy_ubyte>;
        case NPY_SHORT: return combine<Combine, npy_short>;
        case NPY_USHORT: return combine<Combine, npy_ushort>;
        case NPY_INT: return combine<Combine, npy_int>;
        case NPY_UINT: return combine<Combine, npy_uint>;
        case NPY_LONG: return combine<Combine, npy_long>;
        case NPY_ULONG: return combine<Combine, npy_ulong>;
        case NPY_FLOAT: return combine<Combine, float>;
        case NPY_DOUBLE: return combine<Combine, double>;
        default: return nullptr;
    }
}

template <class Combine>
Loop any_loop(int type) {
    if (type == NPY_CFLOAT) return combine<Combine, std::complex<float>>;
    if (type == NPY_CDOUBLE) return combine<Combine, std::complex<double>>;
    return real_loop<Combine>(type);
}

Loop loop_for(const char* name, int type) {
    if (!std::strcmp(name, "add")) return type == NPY_BOOL ? combine<Either, npy_bool> : any_loop<Add>(type);
    if (!std::strcmp(name, "multiply")) return any_loop<Multiply>(type);
    if (!std::strcmp(name, "maximum")) return real_loop<Largest>(type);
    if (!std::strcmp(name, "minimum")) return real_loop<Smallest>(type);
    return nullptr;
}

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
    const Loop loop = loop_for(name, PyArray_TYPE(out));
    if (!loop || PyArray_TYPE(source) != PyArray_TYPE(out) || PyArray_TYPE(index) != NPY_INT64 ||
        PyArray_DIM(source, 1) != PyArray_DIM(out, 1) || PyArray_DIM(source, 0) != PyArray_DIM(index, 0) ||
        !PyArray_ISWRITEABLE(out)) {
        PyErr_Format(PyExc_TypeError, "combine_rows: no loop for %s of these arrays", name);
        return nullptr;
    }
    const Table table{PyArray_BYTES(out),  static_cast<const Index*>(PyArray_DATA(index)),
                      PyArray_BYTES(source), PyArray_DIM(out, 0), PyArray_DIM(index, 0), PyArray_DIM(out, 1)};
    const Index* end = table.index + table.count;
    const Index* wrong = std::find_if(table.index, end, [&](Index i) { return i < 0 || i >= table.rows; });
    if (wrong != end) return PyErr_Format(PyExc_IndexError, "index %lld out of range", static_cast<long long>(*wrong));
    {
        const WithoutGil others_run;
        loop(table);
    }
    return Py_NewRef(args[0]);
}

PyMethodDef functions[] = {
    {"combine_rows", method(combine_rows), METH_FASTCALL,
     "combine_rows(out, index, source, name)\n\nFor each i in order: out[index[i]] = name(out[index[i]], source[i]) for "
     "the rows of two tables; `name` is add, multiply, maximum or minimum."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
