// The plain case of small products, without the operator's Python: contiguous or strided float32 and
// float64 on the CPU. They return None for "not plain", as the fast paths of fast.cpp do; recording is left
// to the caller.
//
// Note [Small products]
// Below a few thousand multiplications the search of np.matmul for the right BLAS call costs more than the
// product; larger ones are NumPy's.
#include "numpy.h"
#include "tensor.h"

namespace tritorch {

namespace {

constexpr npy_intp small_product = 4096;  // multiplications

// The array of a tensor that can be read here, or null: float32 or float64.
PyArrayObject* plain_array(PyObject* object) {
    if (!is_plain_tensor(object)) return nullptr;
    const TensorObject* tensor = as_tensor(object);
    if (!tensor->array || !PyArray_CheckExact(tensor->array)) return nullptr;
    PyArrayObject* array = as_array(tensor->array);
    const int type = PyArray_TYPE(array);
    return (type == NPY_FLOAT || type == NPY_DOUBLE) && PyArray_ISALIGNED(array) ? array : nullptr;
}

// A matrix with any strides, in elements.
template <class T>
struct Matrix {
    const T* data;
    npy_intp row, column;
};

template <class T>
Matrix<T> matrix_of(PyArrayObject* array, bool transposed) {
    const npy_intp size = sizeof(T), first = PyArray_STRIDE(array, 0) / size,
                   second = PyArray_STRIDE(array, 1) / size;
    return {static_cast<const T*>(PyArray_DATA(array)), transposed ? second : first,
            transposed ? first : second};
}

template <class T>
void multiply(Matrix<T> a, Matrix<T> b, const T* bias, npy_intp bias_step, T* out, npy_intp n, npy_intp k,
              npy_intp m) {
    for (npy_intp i = 0; i < n; ++i)
        for (npy_intp j = 0; j < m; ++j) {
            T sum = 0;
            for (npy_intp l = 0; l < k; ++l)
                sum += a.data[i * a.row + l * a.column] * b.data[l * b.row + j * b.column];
            *out++ = bias ? sum + bias[j * bias_step] : sum;
        }
}

// a @ b (or a @ b.T) + bias of two-dimensional arrays, or None.
PyObject* product(PyArrayObject* a, PyArrayObject* b, bool transposed, PyArrayObject* bias) {
    const int type = PyArray_TYPE(a);
    if (PyArray_TYPE(b) != type || PyArray_NDIM(a) != 2 || PyArray_NDIM(b) != 2) Py_RETURN_NONE;
    const npy_intp n = PyArray_DIM(a, 0), k = PyArray_DIM(a, 1), m = PyArray_DIM(b, transposed ? 0 : 1);
    if (PyArray_DIM(b, transposed ? 1 : 0) != k || n * k * m > small_product) Py_RETURN_NONE;
    if (bias && (PyArray_TYPE(bias) != type || PyArray_NDIM(bias) != 1 || PyArray_DIM(bias, 0) != m))
        Py_RETURN_NONE;
    npy_intp dims[2] = {n, m};
    PyObject* out = PyArray_SimpleNew(2, dims, type);
    if (!out) return nullptr;
    void* to = PyArray_DATA(as_array(out));
    const npy_intp step = bias ? PyArray_STRIDE(bias, 0) / PyArray_ITEMSIZE(bias) : 0;
    const void* added = bias ? PyArray_DATA(bias) : nullptr;
    if (type == NPY_FLOAT)
        multiply<float>(matrix_of<float>(a, false), matrix_of<float>(b, transposed),
                        static_cast<const float*>(added), step, static_cast<float*>(to), n, k, m);
    else
        multiply<double>(matrix_of<double>(a, false), matrix_of<double>(b, transposed),
                         static_cast<const double*>(added), step, static_cast<double*>(to), n, k, m);
    return wrap_array(out);
}

PyObject* lean_matmul(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "lean_matmul(a, b)");
    PyArrayObject *a = plain_array(args[0]), *b = a ? plain_array(args[1]) : nullptr;
    if (!b) Py_RETURN_NONE;
    return product(a, b, false, nullptr);
}

PyObject* lean_linear(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3) return PyErr_Format(PyExc_TypeError, "lean_linear(input, weight, bias)");
    PyArrayObject *a = plain_array(args[0]), *b = a ? plain_array(args[1]) : nullptr;
    if (!b) Py_RETURN_NONE;
    PyArrayObject* bias = args[2] == Py_None ? nullptr : plain_array(args[2]);
    if (args[2] != Py_None && !bias) Py_RETURN_NONE;
    return product(a, b, true, bias);
}

PyMethodDef functions[] = {
    {"lean_matmul", method(lean_matmul), METH_FASTCALL,
     "lean_matmul(a, b)\n\nThe product of two small matrices, or None."},
    {"lean_linear", method(lean_linear), METH_FASTCALL,
     "lean_linear(input, weight, bias)\n\ninput @ weight.T + bias of small matrices, or None."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
