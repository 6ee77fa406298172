// Windows on an array: indexing by ints and slices, new shapes, given strides. NumPy has them all, but spends
// most of a small call on finding out what was meant; these know torch's rules and say so in torch's words.
#include "numpy.h"
#include "tensor.h"

#include <algorithm>

namespace tritorch {

namespace {

struct Geometry {
    int ndim = 0;
    npy_intp dims[NPY_MAXDIMS];
    npy_intp strides[NPY_MAXDIMS];
    char* data = nullptr;

    bool push(npy_intp size, npy_intp stride) {
        if (ndim == NPY_MAXDIMS) {
            PyErr_Format(PyExc_RuntimeError, "only tensors with up to %d dims are supported", NPY_MAXDIMS);
            return false;
        }
        dims[ndim] = size;
        strides[ndim++] = stride;
        return true;
    }
};

PyObject* window_on(PyArrayObject* array, Geometry& geometry) {
    Py_INCREF(PyArray_DESCR(array));
    PyObject* made = PyArray_NewFromDescr(Py_TYPE(array), PyArray_DESCR(array), geometry.ndim, geometry.dims,
                                          geometry.strides, geometry.data,
                                          PyArray_FLAGS(array) & NPY_ARRAY_WRITEABLE, nullptr);
    if (!made) return nullptr;
    Py_INCREF(array);
    if (PyArray_SetBaseObject(as_array(made), reinterpret_cast<PyObject*>(array)) == 0) return made;
    Py_DECREF(made);
    return nullptr;
}

PyArrayObject* expect_array(PyObject* object, const char* function) {
    if (PyArray_Check(object)) return as_array(object);
    PyErr_Format(PyExc_TypeError, "%s: expected an array, got %s", function, Py_TYPE(object)->tp_name);
    return nullptr;
}

// ---- indexing --------------------------------------------------------------------------------------

enum class Step { done, failed, advanced };

// One index on the next dimension of the array.
struct Indexer {
    PyArrayObject* array;
    int specified;  // dimensions that ints and slices name
    Geometry out;
    int dim = 0;    // the next dimension of the array
    int place = 0;  // of the item in the index, which is what torch's error names
    bool elided = false;

    void keep(int count) {
        for (; count > 0; --count, ++dim) out.push(PyArray_DIM(array, dim), PyArray_STRIDE(array, dim));
    }

    Step select(npy_intp index) {
        const npy_intp size = PyArray_DIM(array, dim);
        if (index < -size || index >= size) {
            PyErr_Format(PyExc_IndexError, "index %zd is out of bounds for dimension %d with size %zd",
                         static_cast<Py_ssize_t>(index), place, static_cast<Py_ssize_t>(size));
            return Step::failed;
        }
        out.data += (index < 0 ? index + size : index) * PyArray_STRIDE(array, dim);
        ++dim;
        return Step::done;
    }

    Step slice(PyObject* item) {
        Py_ssize_t start, stop, step;
        if (PySlice_Unpack(item, &start, &stop, &step) < 0) return Step::failed;
        if (step < 0) {
            PyErr_SetString(PyExc_ValueError, "step must be greater than zero");
            return Step::failed;
        }
        const npy_intp stride = PyArray_STRIDE(array, dim);
        const Py_ssize_t count = PySlice_AdjustIndices(PyArray_DIM(array, dim), &start, &stop, step);
        out.data += start * stride;
        ++dim;
        return out.push(count, stride * step) ? Step::done : Step::failed;
    }

    // What ints are: Python's, NumPy's, and 0-dim integer tensors (but not uint8, which are masks).
    Step integer(PyObject* item) {
        if (is_tensor(item)) {
            PyObject* value = as_tensor(item)->array;
            if (!value || !PyArray_Check(value) || PyArray_NDIM(as_array(value)) != 0) return Step::advanced;
            const int type = PyArray_TYPE(as_array(value));
            if (!PyTypeNum_ISINTEGER(type) || type == NPY_UBYTE) return Step::advanced;
            const Ref number = Ref::steal(
                is_device_array(value) ? PyObject_CallMethod(item, "item", nullptr)  // waits, and copies
                                       : PyArray_GETITEM(as_array(value), PyArray_BYTES(as_array(value))));
            const Py_ssize_t index = number ? PyNumber_AsSsize_t(number.get(), PyExc_IndexError) : -1;
            return index == -1 && PyErr_Occurred() ? Step::failed : select(index);
        }
        if (PyBool_Check(item) || !(PyLong_Check(item) || PyArray_IsScalar(item, Integer)))
            return Step::advanced;
        const Py_ssize_t index = PyNumber_AsSsize_t(item, PyExc_IndexError);
        return index == -1 && PyErr_Occurred() ? Step::failed : select(index);
    }

    Step apply(PyObject* item) {
        if (item == Py_None) {  // the stride that keeps a dense tensor dense
            const npy_intp stride = dim < PyArray_NDIM(array)
                                        ? PyArray_DIM(array, dim) * PyArray_STRIDE(array, dim)
                                        : PyArray_ITEMSIZE(array);
            return out.push(1, stride) ? Step::done : Step::failed;
        }
        if (item == Py_Ellipsis) {
            if (!elided) keep(PyArray_NDIM(array) - specified);
            elided = true;
            return Step::done;
        }
        return PySlice_Check(item) ? slice(item) : integer(item);
    }
};

PyObject* too_many(PyArrayObject* array, PyObject* index) {
    if (PyArray_NDIM(array) == 0 && PySlice_Check(index))
        PyErr_SetString(PyExc_IndexError, "slice() cannot be applied to a 0-dim tensor.");
    else if (PyArray_NDIM(array) == 0 && !PyTuple_Check(index))
        PyErr_SetString(
            PyExc_IndexError,
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
            "convert a 0-dim tensor to a number");
    else PyErr_Format(PyExc_IndexError, "too many indices for tensor of dimension %d", PyArray_NDIM(array));
    return nullptr;
}

// Whether the item may stand in a basic index, as far as its type tells.
bool may_be_basic(PyObject* item) {
    if (PyLong_CheckExact(item) || item == Py_None || item == Py_Ellipsis || PySlice_Check(item)) return true;
    return !PyBool_Check(item) && (is_tensor(item) || PyLong_Check(item) || PyArray_IsScalar(item, Integer));
}

PyObject* basic_index(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "basic_index(array, index)");
    PyArrayObject* array = expect_array(args[0], "basic_index");
    if (!array) return nullptr;
    PyObject* index = args[1];
    PyObject* const* items = &index;
    Py_ssize_t length = 1;
    if (PyTuple_Check(index)) {
        items = reinterpret_cast<PyTupleObject*>(index)->ob_item;
        length = PyTuple_GET_SIZE(index);
    }
    Indexer indexer{array, 0};
    for (Py_ssize_t i = 0; i < length; ++i) {
        if (!may_be_basic(items[i])) Py_RETURN_NONE;
        indexer.specified += items[i] != Py_None && items[i] != Py_Ellipsis;
    }
    indexer.out.data = PyArray_BYTES(array);
    const bool fits = indexer.specified <= PyArray_NDIM(array);
    for (Py_ssize_t i = 0; i < length && fits; ++i) {
        indexer.place = static_cast<int>(i);
        const Step step = indexer.apply(items[i]);
        if (step == Step::failed) return nullptr;
        if (step == Step::advanced) Py_RETURN_NONE;
    }
    if (!fits) {
        for (Py_ssize_t i = 0; i < length; ++i)
            if (is_tensor(items[i])) Py_RETURN_NONE;  // masks count for more: the caller knows
        return too_many(array, index);
    }
    indexer.keep(PyArray_NDIM(array) - indexer.dim);
    return window_on(array, indexer.out);
}

// ---- shapes ----------------------------------------------------------------------------------------

bool read_sizes(PyObject* sizes, npy_intp* out, int& count) {
    const bool tuple = PyTuple_Check(sizes);
    if (!tuple && !PyList_Check(sizes)) return false;
    const Py_ssize_t length = PySequence_Fast_GET_SIZE(sizes);
    PyObject** items = PySequence_Fast_ITEMS(sizes);
    if (length > NPY_MAXDIMS) return false;
    for (Py_ssize_t i = 0; i < length; ++i) {
        if (!PyLong_CheckExact(items[i])) return false;
        out[i] = PyLong_AsSsize_t(items[i]);
        if (out[i] == -1 && PyErr_Occurred()) {
            PyErr_Clear();
            return false;
        }
    }
    count = static_cast<int>(length);
    return true;
}

// Fills in the one -1. False where the sizes don't fit: the caller makes torch's message for it.
bool infer(Geometry& out, npy_intp numel) {
    npy_intp known = 1;
    int unknown = -1;
    for (int i = 0; i < out.ndim; ++i) {
        if (out.dims[i] >= 0) {
            if (__builtin_mul_overflow(known, out.dims[i], &known)) return false;
        } else {
            if (out.dims[i] != -1 || unknown >= 0) return false;
            unknown = i;
        }
    }
    if (unknown < 0) return known == numel;
    if (known == 0 || numel % known) return false;
    out.dims[unknown] = numel / known;
    return true;
}

void contiguous_strides(Geometry& out, npy_intp itemsize) {
    for (int i = out.ndim - 1; i >= 0; --i) {
        out.strides[i] = itemsize;
        itemsize *= std::max<npy_intp>(out.dims[i], 1);
    }
}

// The strides of `out.dims` on the array's memory. The old dimensions are cut into chunks within which memory
// is evenly spaced; each chunk must be the product of some of the new ones.
bool strides_of(PyArrayObject* array, Geometry& out) {
    if (PyArray_IS_C_CONTIGUOUS(array) || PyArray_SIZE(array) == 0) {
        contiguous_strides(out, PyArray_ITEMSIZE(array));
        return true;
    }
    const npy_intp *dims = PyArray_DIMS(array), *strides = PyArray_STRIDES(array);
    int to = out.ndim - 1;
    npy_intp step = strides[PyArray_NDIM(array) - 1], old_count = 1, new_count = 1;
    for (int dim = PyArray_NDIM(array) - 1; dim >= 0; --dim) {
        old_count *= dims[dim];
        if (dim > 0 && (dims[dim - 1] == 1 || strides[dim - 1] == old_count * step)) continue;
        while (to >= 0 && (new_count < old_count || out.dims[to] == 1)) {
            out.strides[to] = new_count * step;
            new_count *= out.dims[to--];
        }
        if (new_count != old_count) return false;
        if (dim > 0) {
            step = strides[dim - 1];
            old_count = new_count = 1;
        }
    }
    return to < 0;
}

PyObject* reshaped(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "reshaped(array, shape)");
    PyArrayObject* array = expect_array(args[0], "reshaped");
    if (!array) return nullptr;
    Geometry out;
    if (!read_sizes(args[1], out.dims, out.ndim) || !infer(out, PyArray_SIZE(array)) ||
        !strides_of(array, out))
        Py_RETURN_NONE;
    out.data = PyArray_BYTES(array);
    return window_on(array, out);
}

PyObject* expanded(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "expanded(array, shape)");
    PyArrayObject* array = expect_array(args[0], "expanded");
    if (!array) return nullptr;
    Geometry out;
    if (!read_sizes(args[1], out.dims, out.ndim)) Py_RETURN_NONE;
    const int lead = out.ndim - PyArray_NDIM(array);
    if (lead < 0) Py_RETURN_NONE;
    for (int i = 0; i < out.ndim; ++i) {
        const npy_intp size = i < lead ? -1 : PyArray_DIM(array, i - lead);
        if (i >= lead && out.dims[i] == -1) out.dims[i] = size;
        if (out.dims[i] < 0 || (i >= lead && size != 1 && size != out.dims[i])) Py_RETURN_NONE;
        out.strides[i] = size == out.dims[i] ? PyArray_STRIDE(array, i - lead) : 0;
    }
    out.data = PyArray_BYTES(array);
    return window_on(array, out);
}

// The windows side by side of the given lengths along a dimension; without lengths, its single places.
PyObject* pieces(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3) return PyErr_Format(PyExc_TypeError, "pieces(array, dim, sizes or None)");
    PyArrayObject* array = expect_array(args[0], "pieces");
    const int dim = array ? static_cast<int>(PyLong_AsLong(args[1])) : -1;
    if (dim < 0 || dim >= PyArray_NDIM(array)) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_IndexError, "pieces: no such dimension");
        return nullptr;
    }
    const bool single = args[2] == Py_None;
    if (!single && !PyTuple_Check(args[2]) && !PyList_Check(args[2]))
        return PyErr_Format(PyExc_TypeError, "pieces: expected sizes, got %s", Py_TYPE(args[2])->tp_name);
    Geometry out;
    out.ndim = PyArray_NDIM(array);
    std::copy_n(PyArray_DIMS(array), out.ndim, out.dims);
    std::copy_n(PyArray_STRIDES(array), out.ndim, out.strides);
    out.data = PyArray_BYTES(array);
    const npy_intp stride = out.strides[dim];
    const Py_ssize_t length = single ? out.dims[dim] : PySequence_Fast_GET_SIZE(args[2]);
    if (single) {
        std::copy(out.dims + dim + 1, out.dims + out.ndim, out.dims + dim);
        std::copy(out.strides + dim + 1, out.strides + out.ndim, out.strides + dim);
        --out.ndim;
    }
    Ref list = Ref::steal(PyList_New(length));
    for (Py_ssize_t i = 0; list && i < length; ++i) {
        const npy_intp size = single ? 1 : PyLong_AsSsize_t(PySequence_Fast_ITEMS(args[2])[i]);
        if (size == -1 && PyErr_Occurred()) return nullptr;
        if (!single) out.dims[dim] = size;
        PyObject* piece = window_on(array, out);
        if (!piece) return nullptr;
        PyList_SET_ITEM(list.get(), i, piece);
        out.data += size * stride;
    }
    return list.release();
}

PyObject* window(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3 && count != 4)
        return PyErr_Format(PyExc_TypeError, "window(array, shape, strides[, offset])");
    PyArrayObject* array = expect_array(args[0], "window");
    if (!array) return nullptr;
    Geometry out;
    int stride_count = 0;
    if (!read_sizes(args[1], out.dims, out.ndim) || !read_sizes(args[2], out.strides, stride_count) ||
        out.ndim != stride_count) {
        PyErr_SetString(PyExc_TypeError, "window: shape and strides must be as many ints");
        return nullptr;
    }
    const Py_ssize_t offset = count == 4 ? PyLong_AsSsize_t(args[3]) : 0;
    if (offset == -1 && PyErr_Occurred()) return nullptr;
    out.data = PyArray_BYTES(array) + offset;
    return window_on(array, out);
}

// The ints of a varargs shape, f(2, 3) or f((2, 3)), where they are plain; else None.
PyObject* plain_size(PyObject*, PyObject* args) {
    PyObject* sizes = args;
    if (PyTuple_Check(args) && PyTuple_GET_SIZE(args) == 1) {
        PyObject* only = PyTuple_GET_ITEM(args, 0);
        if (PyTuple_Check(only) || PyList_Check(only)) sizes = only;
    }
    if (!PyTuple_Check(sizes) && !PyList_Check(sizes)) Py_RETURN_NONE;
    const Py_ssize_t length = PySequence_Fast_GET_SIZE(sizes);
    for (Py_ssize_t i = 0; i < length; ++i)
        if (!PyLong_CheckExact(PySequence_Fast_ITEMS(sizes)[i])) Py_RETURN_NONE;
    return PyTuple_CheckExact(sizes) ? Py_NewRef(sizes) : PySequence_Tuple(sizes);
}

PyMethodDef functions[] = {
    {"basic_index", method(basic_index), METH_FASTCALL,
     "basic_index(array, index)\n\nThe window that ints, slices, None and Ellipsis name, or None if the "
     "index holds "
     "anything else."},
    {"reshaped", method(reshaped), METH_FASTCALL,
     "reshaped(array, shape)\n\nThe array in another shape (with one -1) without a copy, or None if there is "
     "no such "
     "window."},
    {"expanded", method(expanded), METH_FASTCALL,
     "expanded(array, shape)\n\nThe array repeated along dims of length one and new leading ones, or None "
     "where the sizes "
     "don't match."},
    {"pieces", method(pieces), METH_FASTCALL,
     "pieces(array, dim, sizes)\n\nThe windows of those lengths side by side along a dimension; without "
     "sizes (None) its "
     "single places, without that dimension. Nothing is checked."},
    {"window", method(window), METH_FASTCALL,
     "window(array, shape, strides[, offset])\n\nThe window with that geometry, in bytes. Nothing is "
     "checked."},
    {"plain_size", plain_size, METH_O,
     "plain_size(args)\n\nThe ints of a varargs shape, or None: something in it must be looked at."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
