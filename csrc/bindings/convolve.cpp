// The convolutions of csrc/conv for Python, on C-contiguous float32 or float64 arrays.
#include "../conv/convolve.h"

#include "numpy.h"

#include <new>
#include <optional>

namespace tritorch {

namespace {

bool is_of(PyArrayObject* array, npy_intp elements, int type) {
    return PyArray_ISCARRAY(array) && PyArray_TYPE(array) == type && PyArray_SIZE(array) == elements;
}

struct Call {
    conv::Batch batch;
    PyArrayObject *in = nullptr, *weight = nullptr, *out = nullptr, *bias = nullptr;
    int threads = 1;

    // (in, weight, out, bias or None, size, kernel, stride, padding, dilation, out size, groups, threads);
    // the six are triples.
    bool parse(PyObject* args) {
        auto& g = batch.geometry;
        PyObject* added;
        if (!PyArg_ParseTuple(args, "O!O!O!O(LLL)(LLL)(LLL)(LLL)(LLL)(LLL)Li", &PyArray_Type, &in,
                              &PyArray_Type, &weight, &PyArray_Type, &out, &added, &g.size[0], &g.size[1],
                              &g.size[2], &g.kernel[0], &g.kernel[1], &g.kernel[2], &g.stride[0],
                              &g.stride[1], &g.stride[2], &g.padding[0], &g.padding[1], &g.padding[2],
                              &g.dilation[0], &g.dilation[1], &g.dilation[2], &g.out[0], &g.out[1], &g.out[2],
                              &batch.groups, &threads))
            return false;
        if (added != Py_None && PyArray_Check(added)) bias = as_array(added);
        if (!fits(added == Py_None)) {
            PyErr_SetString(
                PyExc_TypeError,
                "convolve: expected C-contiguous float32 or float64 arrays of the geometry's sizes");
            return false;
        }
        return true;
    }
    bool fits(bool no_bias) {
        auto& g = batch.geometry;
        const int type = PyArray_TYPE(in);
        if ((type != NPY_FLOAT && type != NPY_DOUBLE) || batch.groups < 1 || PyArray_NDIM(in) < 2 ||
            PyArray_NDIM(weight) < 2)
            return false;
        for (int d = 0; d < 3; ++d) {
            if (g.size[d] < 0 || g.kernel[d] < 1 || g.stride[d] < 1 || g.dilation[d] < 1 ||
                g.padding[d] < 0 || g.out[d] < 0)
                return false;
            const std::int64_t reach = (g.out[d] - 1) * g.stride[d] + g.dilation[d] * (g.kernel[d] - 1) + 1;
            if (g.out[d] > 0 && reach > g.size[d] + 2 * g.padding[d]) return false;
        }
        batch.images = PyArray_DIM(in, 0);
        g.channels = PyArray_DIM(in, 1) / batch.groups;
        batch.filters = PyArray_DIM(weight, 0) / batch.groups;
        const npy_intp filters = batch.groups * batch.filters;
        return is_of(in, batch.images * batch.groups * g.channels * g.size[0] * g.size[1] * g.size[2],
                     type) &&
               is_of(weight, filters * g.rows(), type) &&
               is_of(out, batch.images * filters * g.columns(), type) &&
               (no_bias || (bias && is_of(bias, filters, type)));
    }
};

template <class T>
T* data(PyArrayObject* array) {
    return array ? static_cast<T*>(PyArray_DATA(array)) : nullptr;
}

// Calls work(call, a zero of the type) without the GIL.
template <class Work>
PyObject* convolution(PyObject* args, Work work) {
    Call call;
    if (!call.parse(args)) return nullptr;
    const auto& g = call.batch.geometry;
    const double products = 1.0 * PyArray_SIZE(call.out) * g.rows();
    constexpr double worth_releasing = 1e5, worth_a_thread = 4e6;
    if (products < worth_a_thread) call.threads = 1;
    try {
        std::optional<WithoutGil> others;
        if (products > worth_releasing) others.emplace();
        if (PyArray_TYPE(call.in) == NPY_FLOAT) work(call, 0.0f);
        else work(call, 0.0);
    } catch (const std::bad_alloc&) { return PyErr_NoMemory(); }
    Py_RETURN_NONE;
}

PyObject* convolve(PyObject*, PyObject* args) {
    return convolution(args, []<class T>(const Call& c, T) {
        conv::convolve<T>(c.batch, data<T>(c.in), data<T>(c.weight), data<T>(c.bias), data<T>(c.out),
                          c.threads);
    });
}

PyObject* convolve_input(PyObject*, PyObject* args) {
    return convolution(args, []<class T>(const Call& c, T) {
        conv::convolve_input<T>(c.batch, data<T>(c.out), data<T>(c.weight), data<T>(c.in), c.threads);
    });
}

PyObject* convolve_weight(PyObject*, PyObject* args) {
    return convolution(args, []<class T>(const Call& c, T) {
        conv::convolve_weight<T>(c.batch, data<T>(c.out), data<T>(c.in), data<T>(c.weight), c.threads);
    });
}

PyMethodDef functions[] = {
    {"convolve", convolve, METH_VARARGS,
     "convolve(in, weight, out, bias, size, kernel, stride, padding, dilation, out_size, groups, threads)\n\n"
     "Fills `out` (images, filters, *out_size); the geometry is triples (depth, height, width); bias may be "
     "None."},
    {"convolve_input", convolve_input, METH_VARARGS,
     "As convolve: fills `in` with the gradient of the input."},
    {"convolve_weight", convolve_weight, METH_VARARGS, "As convolve: fills `weight` with its gradient."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
