// The rows of csrc/reduce/rows.h for Python: functions of arrays that give arrays, float32 or float64 of one
// dtype, in C order (others are copied first).
#include "../reduce/rows.h"

#include "tables.h"

namespace tritorch {

namespace {

using namespace tables;

reduce::Table table(const Ref& array, npy_intp width, int threads) {
    return {width ? PyArray_SIZE(as_array(array.get())) / width : 0, width, threads};
}

// (array, logarithm, threads): along the last dim.
PyObject* softmax(PyObject*, PyObject* args) {
    PyObject* object;
    int logarithm, threads;
    if (!PyArg_ParseTuple(args, "Opi:softmax", &object, &logarithm, &threads)) return nullptr;
    const Ref in = table_of(object);
    if (!in) return nullptr;
    if (!PyArray_NDIM(as_array(in.get()))) return wrong_sizes();
    Ref out = like(in.get());
    if (!out) return nullptr;
    const auto rows =
        table(in, PyArray_DIM(as_array(in.get()), PyArray_NDIM(as_array(in.get())) - 1), threads);
    typed(in, [&]<class T>(T) { reduce::softmax(rows, logarithm, data<const T>(in), data<T>(out)); });
    return out.release();
}

// (grad, out, logarithm, threads)
PyObject* softmax_back(PyObject*, PyObject* args) {
    PyObject *grad_object, *out_object;
    int logarithm, threads;
    if (!PyArg_ParseTuple(args, "OOpi:softmax_back", &grad_object, &out_object, &logarithm, &threads))
        return nullptr;
    const Ref out = table_of(out_object);
    if (!out) return nullptr;
    const Ref grad = table_of(grad_object, PyArray_TYPE(as_array(out.get())));
    if (!grad) return nullptr;
    if (!PyArray_NDIM(as_array(out.get())) || !same_size(grad, out)) return wrong_sizes();
    Ref result = like(out.get());
    if (!result) return nullptr;
    const auto rows =
        table(out, PyArray_DIM(as_array(out.get()), PyArray_NDIM(as_array(out.get())) - 1), threads);
    typed(out, [&]<class T>(T) {
        reduce::softmax_back(rows, logarithm, data<const T>(grad), data<const T>(out), data<T>(result));
    });
    return result.release();
}

// (array, weight or None, bias or None, dims, eps, threads): (out, mean, rstd) over the last `dims` dims.
PyObject* standardize(PyObject*, PyObject* args) {
    PyObject *object, *weight_object, *bias_object;
    int dims, threads;
    double eps;
    if (!PyArg_ParseTuple(args, "OOOidi:standardize", &object, &weight_object, &bias_object, &dims, &eps,
                          &threads))
        return nullptr;
    const Ref in = table_of(object);
    if (!in) return nullptr;
    PyArrayObject* array = as_array(in.get());
    const int ndim = PyArray_NDIM(array), type = PyArray_TYPE(array);
    if (dims < 1 || dims > ndim) return wrong_sizes();
    npy_intp width = 1, shape[NPY_MAXDIMS];
    for (int d = 0; d < ndim; ++d) {
        shape[d] = d < ndim - dims ? PyArray_DIM(array, d) : 1;
        if (d >= ndim - dims) width *= PyArray_DIM(array, d);
    }
    const Ref weight = weight_object == Py_None ? Ref() : table_of(weight_object, type);
    const Ref bias = bias_object == Py_None || PyErr_Occurred() ? Ref() : table_of(bias_object, type);
    if (PyErr_Occurred()) return nullptr;
    for (const Ref* x : {&weight, &bias})
        if (*x && PyArray_SIZE(as_array(x->get())) != width) return wrong_sizes();
    Ref out = like(in.get()), mean = Ref::steal(PyArray_SimpleNew(ndim, shape, type)),
        rstd = Ref::steal(PyArray_SimpleNew(ndim, shape, type));
    if (!out || !mean || !rstd) return nullptr;
    const auto rows = table(in, width, threads);
    typed(in, [&]<class T>(T) {
        reduce::standardize<T>(rows, eps, data<const T>(in), data<const T>(weight), data<const T>(bias),
                               data<T>(out), data<T>(mean), data<T>(rstd));
    });
    return Py_BuildValue("(NNN)", out.release(), mean.release(), rstd.release());
}

// (grad, input, weight or None, mean, rstd, (of input, of weight, of bias)): those gradients, None where not
// asked for.
PyObject* standardize_back(PyObject*, PyObject* args) {
    PyObject* objects[5];
    int of_input, of_weight, of_bias, threads;
    if (!PyArg_ParseTuple(args, "OOOOO(ppp)i:standardize_back", &objects[0], &objects[1], &objects[2],
                          &objects[3], &objects[4], &of_input, &of_weight, &of_bias, &threads))
        return nullptr;
    const Ref in = table_of(objects[1]);
    if (!in) return nullptr;
    const int type = PyArray_TYPE(as_array(in.get()));
    Ref others[5];
    for (int i : {0, 2, 3, 4}) {
        if (i == 2 && objects[i] == Py_None) continue;
        others[i] = table_of(objects[i], type);
        if (!others[i]) return nullptr;
    }
    const auto& [grad, unused, weight, mean, rstd] = others;
    const npy_intp size = PyArray_SIZE(as_array(in.get())), rows = PyArray_SIZE(as_array(mean.get()));
    const npy_intp width = rows ? size / rows : 0;
    if (!same_size(grad, in) || !same_size(mean, rstd) || rows * width != size ||
        (weight && PyArray_SIZE(as_array(weight.get())) != width))
        return wrong_sizes();
    const Ref in_grad = of_input ? like(in.get()) : Ref(),
              weight_grad = of_weight ? Ref::steal(PyArray_SimpleNew(1, &width, type)) : Ref(),
              bias_grad = of_bias ? Ref::steal(PyArray_SimpleNew(1, &width, type)) : Ref();
    if (PyErr_Occurred()) return nullptr;
    typed(in, [&]<class T>(T) {
        reduce::standardize_back<T>({rows, width, threads}, data<const T>(grad), data<const T>(in),
                                    data<const T>(weight), data<const T>(mean), data<const T>(rstd),
                                    data<T>(in_grad), data<T>(weight_grad), data<T>(bias_grad));
    });
    const auto given = [](const Ref& array) { return array ? array.get() : Py_None; };
    return Py_BuildValue("(OOO)", given(in_grad), given(weight_grad), given(bias_grad));
}

PyMethodDef functions[] = {
    {"softmax", softmax, METH_VARARGS,
     "softmax(array, logarithm, threads)\n\nSoftmax along the last dim, or its logarithm."},
    {"softmax_back", softmax_back, METH_VARARGS,
     "softmax_back(grad, out, logarithm, threads)\n\nThe gradient of what softmax() was given."},
    {"standardize", standardize, METH_VARARGS,
     "standardize(array, weight, bias, dims, eps, threads)\n\n(out, mean, rstd) over the last `dims` dims; "
     "weight and "
     "bias, of their shape, may be None."},
    {"standardize_back", standardize_back, METH_VARARGS,
     "standardize_back(grad, array, weight, mean, rstd, (of_input, of_weight, of_bias), threads)\n\nThose "
     "gradients: "
     "None where not asked for; weight's and bias' in one dim."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
