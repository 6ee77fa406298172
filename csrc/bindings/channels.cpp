// The channels of csrc/reduce/channels.h for Python.
#include "../reduce/channels.h"

#include "tables.h"

namespace tritorch {

namespace {

using namespace tables;

// (images, channels, area) of an array whose second dim is that of channels; false with an error set else.
bool images_of(const Ref& array, int threads, reduce::Images& to) {
    PyArrayObject* a = as_array(array.get());
    if (PyArray_NDIM(a) < 2) return wrong_sizes() != nullptr;
    to = {PyArray_DIM(a, 0), PyArray_DIM(a, 1), 1, threads};
    for (int d = 2; d < PyArray_NDIM(a); ++d) to.area *= PyArray_DIM(a, d);
    return true;
}

bool of_size(const Ref& array, npy_intp size) {
    return !array || PyArray_SIZE(as_array(array.get())) == size;
}

// (array, weight or None, bias or None, eps, threads): (out, mean, rstd) over all dims but the second.
PyObject* standardize_channels(PyObject*, PyObject* args) {
    PyObject *object, *weight_object, *bias_object;
    int threads;
    double eps;
    if (!PyArg_ParseTuple(args, "OOOdi:standardize_channels", &object, &weight_object, &bias_object, &eps,
                          &threads))
        return nullptr;
    const Ref in = table_of(object);
    reduce::Images images;
    if (!in || !images_of(in, threads, images)) return nullptr;
    const int ndim = PyArray_NDIM(as_array(in.get())), type = PyArray_TYPE(as_array(in.get()));
    const Ref weight = weight_object == Py_None ? Ref() : table_of(weight_object, type);
    const Ref bias = bias_object == Py_None || PyErr_Occurred() ? Ref() : table_of(bias_object, type);
    if (PyErr_Occurred()) return nullptr;
    if (!of_size(weight, images.channels) || !of_size(bias, images.channels)) return wrong_sizes();
    npy_intp shape[NPY_MAXDIMS];
    for (int d = 0; d < ndim; ++d) shape[d] = d == 1 ? images.channels : 1;
    Ref out = like(in.get()), mean = Ref::steal(PyArray_SimpleNew(ndim, shape, type)),
        rstd = Ref::steal(PyArray_SimpleNew(ndim, shape, type));
    if (!out || !mean || !rstd) return nullptr;
    typed(in, [&]<class T>(T) {
        reduce::standardize_channels<T>(images, eps, data<const T>(in), data<const T>(weight),
                                        data<const T>(bias), data<T>(out), data<T>(mean), data<T>(rstd));
    });
    return Py_BuildValue("(NNN)", out.release(), mean.release(), rstd.release());
}

// (grad, input, weight or None, mean, rstd, (of input, of weight, of bias), threads): those gradients, None
// where not asked for.
PyObject* standardize_channels_back(PyObject*, PyObject* args) {
    PyObject* objects[5];
    int of_input, of_weight, of_bias, threads;
    if (!PyArg_ParseTuple(args, "OOOOO(ppp)i:standardize_channels_back", &objects[0], &objects[1],
                          &objects[2], &objects[3], &objects[4], &of_input, &of_weight, &of_bias, &threads))
        return nullptr;
    const Ref in = table_of(objects[1]);
    reduce::Images images;
    if (!in || !images_of(in, threads, images)) return nullptr;
    const int type = PyArray_TYPE(as_array(in.get()));
    Ref others[5];
    for (int i : {0, 2, 3, 4}) {
        if (i == 2 && objects[i] == Py_None) continue;
        others[i] = table_of(objects[i], type);
        if (!others[i]) return nullptr;
    }
    const auto& [grad, unused, weight, mean, rstd] = others;
    npy_intp channels = images.channels;
    if (!same_size(grad, in) || !of_size(weight, channels) || !of_size(mean, channels) ||
        !of_size(rstd, channels))
        return wrong_sizes();
    const Ref in_grad = of_input ? like(in.get()) : Ref(),
              weight_grad = of_weight ? Ref::steal(PyArray_SimpleNew(1, &channels, type)) : Ref(),
              bias_grad = of_bias ? Ref::steal(PyArray_SimpleNew(1, &channels, type)) : Ref();
    if (PyErr_Occurred()) return nullptr;
    typed(in, [&]<class T>(T) {
        reduce::standardize_channels_back<T>(images, data<const T>(grad), data<const T>(in),
                                             data<const T>(weight), data<const T>(mean), data<const T>(rstd),
                                             data<T>(in_grad), data<T>(weight_grad), data<T>(bias_grad));
    });
    const auto given = [](const Ref& array) { return array ? array.get() : Py_None; };
    return Py_BuildValue("(OOO)", given(in_grad), given(weight_grad), given(bias_grad));
}

PyMethodDef functions[] = {{"standardize_channels", standardize_channels, METH_VARARGS,
                            "standardize_channels(array, weight, bias, eps, threads)\n\n(out, mean, rstd) "
                            "over all dims but the second; "
                            "weight and bias, one element for each channel, may be None."},
                           {"standardize_channels_back", standardize_channels_back, METH_VARARGS,
                            "standardize_channels_back(grad, array, weight, mean, rstd, (of_input, "
                            "of_weight, of_bias), threads)\n\nThose "
                            "gradients: None where not asked for; weight's and bias' in one dim."},
                           {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
