// The columns of csrc/conv for Python: image_to_columns and columns_to_image on C-contiguous float32 or
// float64 arrays.
#include "../conv/columns.h"
#include "numpy.h"

namespace tritorch {

namespace {

bool is_matrix_of(PyArrayObject* array, npy_intp elements, int type) {
    return PyArray_ISCARRAY_RO(array) && PyArray_TYPE(array) == type && PyArray_SIZE(array) == elements;
}

struct Call {
    conv::Geometry geometry;
    PyArrayObject *image = nullptr, *columns = nullptr;
    int threads = 1;

    // (image, columns, channels, size, kernel, stride, padding, dilation, out, threads); the six are triples.
    bool parse(PyObject* args, bool to_columns) {
        auto& g = geometry;
        if (!PyArg_ParseTuple(args, "O!O!L(LLL)(LLL)(LLL)(LLL)(LLL)(LLL)i", &PyArray_Type, &image,
                              &PyArray_Type, &columns, &g.channels, &g.size[0], &g.size[1], &g.size[2],
                              &g.kernel[0], &g.kernel[1], &g.kernel[2], &g.stride[0], &g.stride[1],
                              &g.stride[2], &g.padding[0], &g.padding[1], &g.padding[2], &g.dilation[0],
                              &g.dilation[1], &g.dilation[2], &g.out[0], &g.out[1], &g.out[2], &threads))
            return false;
        const int type = PyArray_TYPE(image);
        const npy_intp pixels = g.channels * g.size[0] * g.size[1] * g.size[2];
        if ((type == NPY_FLOAT || type == NPY_DOUBLE) && is_matrix_of(image, pixels, type) &&
            is_matrix_of(columns, g.rows() * g.columns(), type) &&
            PyArray_ISWRITEABLE(to_columns ? columns : image))
            return true;
        PyErr_SetString(PyExc_TypeError,
                        "columns: expected C-contiguous float32 or float64 arrays of the geometry's sizes");
        return false;
    }
    template <class T>
    void run(bool to_columns) const {
        auto* picture = static_cast<T*>(PyArray_DATA(image));
        auto* matrix = static_cast<T*>(PyArray_DATA(columns));
        if (to_columns) conv::image_to_columns<T>(geometry, picture, matrix, threads);
        else conv::columns_to_image<T>(geometry, matrix, picture, threads);
    }
};

PyObject* transform(PyObject* args, bool to_columns) {
    Call call;
    if (!call.parse(args, to_columns)) return nullptr;
    {
        const WithoutGil others;
        if (PyArray_TYPE(call.image) == NPY_FLOAT) call.run<float>(to_columns);
        else call.run<double>(to_columns);
    }
    Py_RETURN_NONE;
}

PyObject* image_to_columns(PyObject*, PyObject* args) { return transform(args, true); }
PyObject* columns_to_image(PyObject*, PyObject* args) { return transform(args, false); }

PyMethodDef functions[] = {
    {"image_to_columns", image_to_columns, METH_VARARGS,
     "image_to_columns(image, columns, channels, size, kernel, stride, padding, dilation, out, threads)\n\n"
     "Fills columns with the windows of the image; the geometry is triples (depth, height, width)."},
    {"columns_to_image", columns_to_image, METH_VARARGS,
     "columns_to_image(image, columns, channels, size, kernel, stride, padding, dilation, out, threads)\n\n"
     "The transpose of image_to_columns: sums the windows into the image."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
