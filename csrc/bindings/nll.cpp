// The negative log likelihood of targets, and its gradient: functions of arrays (N, classes, S) and targets
// (N, S), float32 or float64 of one dtype.
#include "context.h"
#include "numpy.h"

#include <cstring>

namespace tritorch {

namespace {

using Index = npy_int64;

// What both directions are given, in C order.
struct Targets {
    npy_intp images = 0, classes = 0, places = 0;
    Ref target, weight;
    Index ignored = 0;
    bool mean = false, each = false;  // else the sum

    // Sizes first. False with an error set.
    bool take(PyObject* targets, PyObject* weights, const char* reduction, int type) {
        mean = !std::strcmp(reduction, "mean");
        each = !std::strcmp(reduction, "none");
        target = Ref::steal(PyArray_FROM_OTF(targets, NPY_INT64, NPY_ARRAY_CARRAY_RO));
        if (weights != Py_None) weight = Ref::steal(PyArray_FROM_OTF(weights, type, NPY_ARRAY_CARRAY_RO));
        if (PyErr_Occurred()) return false;
        if (PyArray_SIZE(as_array(target.get())) != images * places ||
            (weight && PyArray_SIZE(as_array(weight.get())) != classes)) {
            PyErr_SetString(PyExc_ValueError, "nll: sizes do not fit");
            return false;
        }
        const Index* t = indices();
        for (npy_intp i = 0; i < images * places; ++i)
            if (t[i] != ignored && (t[i] < 0 || t[i] >= classes)) {
                PyErr_Format(PyExc_IndexError, "Target %lld is out of bounds.", static_cast<long long>(t[i]));
                return false;
            }
        return true;
    }
    const Index* indices() const { return static_cast<const Index*>(PyArray_DATA(as_array(target.get()))); }
    template <class T>
    const T* weights() const {
        return weight ? static_cast<const T*>(PyArray_DATA(as_array(weight.get()))) : nullptr;
    }
    // visit(index of the target, place of its element in the table, its weight) for each that counts.
    template <class T, class Visit>
    void each_kept(Visit visit) const {
        const Index* t = indices();
        const T* w = weights<T>();
        for (npy_intp n = 0, i = 0; n < images; ++n)
            for (npy_intp s = 0; s < places; ++s, ++i)
                if (t[i] != ignored) visit(i, (n * classes + t[i]) * places + s, w ? w[t[i]] : T(1));
    }
};

bool is_float(PyObject* object) {
    return PyArray_Check(object) &&
           (PyArray_TYPE(as_array(object)) == NPY_FLOAT || PyArray_TYPE(as_array(object)) == NPY_DOUBLE);
}

PyObject* refused(const char* name) {
    return PyErr_Format(PyExc_TypeError, "%s: expected arrays of float32 or float64, of one dtype", name);
}

template <class T>
T* data(const Ref& array) {
    return static_cast<T*>(PyArray_DATA(as_array(array.get())));
}

template <class T>
void fill(const Targets& targets, const T* input, T* loss, T* total) {
    double sum = 0, weights = 0;
    if (targets.each) std::memset(loss, 0, targets.images * targets.places * sizeof(T));
    targets.each_kept<T>([&](npy_intp i, npy_intp place, T weight) {
        const T value = -input[place] * weight;
        weights += weight;
        if (targets.each) loss[i] = value;
        else sum += value;
    });
    *total = static_cast<T>(weights);
    if (!targets.each) *loss = static_cast<T>(targets.mean ? sum / weights : sum);
}

// (input, target, weight or None, reduction, ignore_index): (loss, total weight).
PyObject* nll(PyObject*, PyObject* args) {
    PyObject *given, *target, *weight;
    const char* reduction;
    Targets targets;
    long long ignored;
    if (!PyArg_ParseTuple(args, "OOOsL:nll", &given, &target, &weight, &reduction, &ignored)) return nullptr;
    if (!is_float(given) || PyArray_NDIM(as_array(given)) != 3) return refused("nll");
    const Ref input = Ref::steal(PyArray_FromArray(as_array(given), nullptr, NPY_ARRAY_CARRAY_RO));
    if (!input) return nullptr;
    const int type = PyArray_TYPE(as_array(given));
    const npy_intp* shape = PyArray_DIMS(as_array(given));
    targets.images = shape[0], targets.classes = shape[1], targets.places = shape[2],
    targets.ignored = ignored;
    if (!targets.take(target, weight, reduction, type)) return nullptr;
    npy_intp of_each[2] = {shape[0], shape[2]};
    Ref loss = Ref::steal(PyArray_SimpleNew(targets.each ? 2 : 0, of_each, type)),
        total = Ref::steal(PyArray_SimpleNew(0, nullptr, type));
    if (!loss || !total) return nullptr;
    if (type == NPY_FLOAT) fill(targets, data<const float>(input), data<float>(loss), data<float>(total));
    else fill(targets, data<const double>(input), data<double>(loss), data<double>(total));
    return Py_BuildValue("(NN)", loss.release(), total.release());
}

template <class T>
void fill_back(const Targets& targets, const T* grad, bool many, const T* total, T* out) {
    targets.each_kept<T>([&](npy_intp i, npy_intp place, T weight) {
        const T slope = many ? grad[i] : *grad;
        out[place] = -(targets.mean ? slope / *total : slope) * weight;
    });
}

// (grad, target, weight or None, (N, classes, S), reduction, ignore_index, total weight): the input's
// gradient.
PyObject* nll_back(PyObject*, PyObject* args) {
    PyObject *given, *target, *weight, *whole;
    const char* reduction;
    Targets targets;
    long long ignored;
    npy_intp shape[3];
    if (!PyArg_ParseTuple(args, "OOO(nnn)sLO:nll_back", &given, &target, &weight, &shape[0], &shape[1],
                          &shape[2], &reduction, &ignored, &whole))
        return nullptr;
    if (!is_float(given)) return refused("nll_back");
    const int type = PyArray_TYPE(as_array(given));
    const Ref grad = Ref::steal(PyArray_FromArray(as_array(given), nullptr, NPY_ARRAY_CARRAY_RO)),
              total = Ref::steal(PyArray_FROM_OTF(whole, type, NPY_ARRAY_CARRAY_RO));
    if (!grad || !total) return nullptr;
    targets.images = shape[0], targets.classes = shape[1], targets.places = shape[2],
    targets.ignored = ignored;
    if (!targets.take(target, weight, reduction, type)) return nullptr;
    const npy_intp count = PyArray_SIZE(as_array(grad.get()));
    const bool many = targets.each;
    if (PyArray_SIZE(as_array(total.get())) != 1 || count != (many ? targets.images * targets.places : 1)) {
        PyErr_SetString(PyExc_ValueError, "nll_back: sizes do not fit");
        return nullptr;
    }
    Ref out = Ref::steal(PyArray_ZEROS(3, shape, type, 0));
    if (!out) return nullptr;
    if (type == NPY_FLOAT)
        fill_back(targets, data<const float>(grad), many, data<const float>(total), data<float>(out));
    else fill_back(targets, data<const double>(grad), many, data<const double>(total), data<double>(out));
    return out.release();
}

PyMethodDef functions[] = {{"nll", nll, METH_VARARGS,
                            "nll(input, target, weight, reduction, ignore_index)\n\n(loss, total weight) of "
                            "input (N, classes, S) and target "
                            "(N, S); IndexError for a target that is no class."},
                           {"nll_back", nll_back, METH_VARARGS,
                            "nll_back(grad, target, weight, shape, reduction, ignore_index, "
                            "total_weight)\n\nThe gradient of nll's input."},
                           {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
