// The pools of csrc/conv for Python. Windows come as three pairs of int64 arrays: first and last positions
// along each dim.
#include "../conv/pool.h"
#include "numpy.h"

namespace tritorch {

namespace {

struct Call {
    conv::Windows windows;
    PyArrayObject *in = nullptr, *out = nullptr, *extra = nullptr;  // extra: indices or scales
    int threads = 1;

    // (in, out, extra, planes, size, (first, ...), (last, ...), step, threads)
    bool parse(PyObject* args, int extra_type) {
        PyObject *first, *last;
        auto& w = windows;
        if (!PyArg_ParseTuple(args, "O!O!O!L(LLL)O!O!(LLL)i", &PyArray_Type, &in, &PyArray_Type, &out,
                              &PyArray_Type, &extra, &w.planes, &w.size[0], &w.size[1], &w.size[2],
                              &PyTuple_Type, &first, &PyTuple_Type, &last, &w.step[0], &w.step[1], &w.step[2],
                              &threads))
            return false;
        if (PyTuple_GET_SIZE(first) != 3 || PyTuple_GET_SIZE(last) != 3) return refuse();
        for (int dim = 0; dim < 3; ++dim)
            if (!ranges(dim, PyTuple_GET_ITEM(first, dim), PyTuple_GET_ITEM(last, dim))) return refuse();
        const int wanted = extra_type < 0 ? PyArray_TYPE(in) : extra_type;
        const npy_intp positions = extra_type < 0 ? w.positions() : w.planes * w.positions();
        return (fits(in, w.planes * w.pixels(), PyArray_TYPE(in)) &&
                fits(out, w.planes * w.positions(), PyArray_TYPE(in)) && fits(extra, positions, wanted)) ||
               refuse();
    }
    static bool fits(PyArrayObject* array, npy_intp elements, int type) {
        return PyArray_ISCARRAY_RO(array) && PyArray_SIZE(array) == elements && PyArray_TYPE(array) == type;
    }
    bool ranges(int dim, PyObject* first, PyObject* last) {
        if (!PyArray_Check(first) || !PyArray_Check(last)) return false;
        const npy_intp count = PyArray_SIZE(as_array(first));
        if (!fits(as_array(first), count, NPY_INT64) || !fits(as_array(last), count, NPY_INT64)) return false;
        windows.out[dim] = count;
        windows.first[dim] = static_cast<const std::int64_t*>(PyArray_DATA(as_array(first)));
        windows.last[dim] = static_cast<const std::int64_t*>(PyArray_DATA(as_array(last)));
        for (npy_intp i = 0; i < count; ++i)
            if (windows.first[dim][i] < 0 || windows.last[dim][i] > windows.size[dim] ||
                windows.first[dim][i] >= windows.size[dim])
                return false;
        return true;
    }
    static bool refuse() {
        PyErr_SetString(PyExc_TypeError,
                        "pool: expected C-contiguous arrays and windows that fit the sizes given");
        return false;
    }
    template <class T>
    T* data(PyArrayObject* array) const {
        return static_cast<T*>(PyArray_DATA(array));
    }
};

template <class T>
void run_max(const Call& c) {
    conv::max_pool<T>(c.windows, c.data<T>(c.in), c.data<T>(c.out), c.data<std::int64_t>(c.extra), c.threads);
}

PyObject* max_pool(PyObject*, PyObject* args) {
    Call call;
    if (!call.parse(args, NPY_INT64)) return nullptr;
    if (!PyArray_ISWRITEABLE(call.out) || !PyArray_ISWRITEABLE(call.extra)) return Call::refuse(), nullptr;
    const int type = PyArray_TYPE(call.in);
    if (type != NPY_FLOAT && type != NPY_DOUBLE && type != NPY_INT64) return Call::refuse(), nullptr;
    {
        const WithoutGil others;
        if (type == NPY_FLOAT) run_max<float>(call);
        else if (type == NPY_DOUBLE) run_max<double>(call);
        else run_max<std::int64_t>(call);
    }
    Py_RETURN_NONE;
}

template <class T>
void run_sum(const Call& c, bool forward) {
    if (forward)
        conv::sum_pool<T>(c.windows, c.data<T>(c.in), c.data<T>(c.extra), c.data<T>(c.out), c.threads);
    else conv::spread_pool<T>(c.windows, c.data<T>(c.out), c.data<T>(c.extra), c.data<T>(c.in), c.threads);
}

PyObject* sums(PyObject* args, bool forward) {
    Call call;
    if (!call.parse(args, -1)) return nullptr;
    if (!PyArray_ISWRITEABLE(forward ? call.out : call.in)) return Call::refuse(), nullptr;
    const int type = PyArray_TYPE(call.in);
    if (type != NPY_FLOAT && type != NPY_DOUBLE) return Call::refuse(), nullptr;
    {
        const WithoutGil others;
        if (type == NPY_FLOAT) run_sum<float>(call, forward);
        else run_sum<double>(call, forward);
    }
    Py_RETURN_NONE;
}

PyObject* sum_pool(PyObject*, PyObject* args) { return sums(args, true); }
PyObject* spread_pool(PyObject*, PyObject* args) { return sums(args, false); }

PyMethodDef functions[] = {{"max_pool", max_pool, METH_VARARGS,
                            "max_pool(in, out, indices, planes, size, first, last, step, "
                            "threads)\n\nfloat32, float64 or int64; first and last "
                            "are triples of int64 arrays."},
                           {"sum_pool", sum_pool, METH_VARARGS,
                            "sum_pool(in, out, scale, planes, size, first, last, step, threads)\n\nfloat32 "
                            "or float64; scale has one number a "
                            "window of a plane."},
                           {"spread_pool", spread_pool, METH_VARARGS,
                            "spread_pool(in, out, scale, planes, size, first, last, step, threads)\n\nThe "
                            "transpose of sum_pool: writes in."},
                           {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
