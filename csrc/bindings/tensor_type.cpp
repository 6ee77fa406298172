// TensorBase as Python sees it: the attributes that need C++, and the functions that make, share and mark
// tensors.
#include "node.h"
#include "numpy.h"
#include "tensor.h"

#include <structmember.h>

#include <cstddef>

namespace tritorch {

// tensor.cpp
int tensor_traverse(PyObject* object, visitproc visit, void* arg);
int tensor_clear(PyObject* object);
void tensor_dealloc(PyObject* object);

namespace {

PyObject* or_none(const Ref& value) { return value ? value.new_reference() : Py_NewRef(Py_None); }

bool has_array(PyObject* object) {
    if (as_tensor(object)->array) return true;
    PyErr_SetString(PyExc_RuntimeError, "the tensor has no array");
    return false;
}

// ---- attributes ----------------------------------------------------------------------------------

PyObject* get_dtype(PyObject* self, void*) {
    return has_array(self) ? Py_XNewRef(dtype_of(as_tensor(self)->array)) : nullptr;
}

PyObject* get_shape(PyObject* self, void*) {
    return has_array(self) ? shape_of(as_tensor(self)->array) : nullptr;
}

PyObject* get_ndim(PyObject* self, void*) {
    if (!has_array(self)) return nullptr;
    PyObject* array = as_tensor(self)->array;
    if (PyArray_Check(array)) return PyLong_FromLong(PyArray_NDIM(as_array(array)));
    const Ref shape = Ref::steal(shape_of(array));
    return shape ? PyLong_FromSsize_t(PyTuple_GET_SIZE(shape.get())) : nullptr;
}

PyObject* get_requires_grad(PyObject* self, void*) {
    return PyBool_FromLong(requires_grad_of(as_tensor(self)));
}

int set_requires_grad(PyObject* object, PyObject* value, void*) {
    TensorObject* self = as_tensor(object);
    const auto refuse = [](const char* text) {
        PyErr_SetString(PyExc_RuntimeError, text);
        return -1;
    };
    if (!value || !PyBool_Check(value)) return refuse("requires_grad must be a bool");
    const bool wanted = value == Py_True;
    if (!is_leaf(self))
        return refuse(wanted
                          ? "you can only change requires_grad flags of leaf variables."
                          : "you can only change requires_grad flags of leaf variables. If you want to use a "
                            "computed variable in a subgraph that doesn't require differentiation use "
                            "var_no_grad = var.detach().");
    if (wanted) {
        const char kind = has_array(object) ? kind_of(self->array) : 0;
        if (!kind) return -1;
        if (!is_differentiable_kind(kind))
            return refuse("only Tensors of floating point and complex dtype can require gradients");
        if (self->inference && !modes().inference)
            return refuse(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
    }
    self->requires_grad = wanted;
    return 0;
}

PyObject* get_grad(PyObject* self, void*) {
    const AutogradMeta* meta = as_tensor(self)->meta;
    return meta ? or_none(meta->grad) : Py_NewRef(Py_None);
}

int set_grad(PyObject* self, PyObject* value, void*) {
    if (value == Py_None) value = nullptr;
    if (value && !is_tensor(value)) {
        PyErr_Format(PyExc_TypeError, "assigned grad expected to be a Tensor or None but got grad of type %s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    if (value || as_tensor(self)->meta) ensure_meta(as_tensor(self)).grad = Ref::share(value);
    return 0;
}

PyObject* get_grad_fn(PyObject* self, void*) {
    autograd::Node* node = grad_fn_of(as_tensor(self));
    return !node && PyErr_Occurred() ? nullptr : face_of(node);
}

PyObject* get_output_nr(PyObject* self, void*) {
    const AutogradMeta* meta = as_tensor(self)->meta;
    return PyLong_FromUnsignedLong(meta ? meta->output_nr : 0);
}

// The CPU's arrays are NumPy's; any other says where it is.
PyObject* get_device(PyObject* self, void*) {
    PyObject* array = as_tensor(self)->array;
    return array ? device_of(array) : or_none(Ref::share(types.cpu));
}

PyObject* get_is_cuda(PyObject* self, void*) {
    PyObject* array = as_tensor(self)->array;
    return PyBool_FromLong(array && is_device_array(array));
}

PyObject* get_is_leaf(PyObject* self, void*) {
    const autograd::Node* node = grad_fn_of(as_tensor(self));  // as in torch, brings a view up to date
    return !node && PyErr_Occurred() ? nullptr : PyBool_FromLong(!node);
}

PyObject* get_retains_grad(PyObject* self, void*) {
    const AutogradMeta* meta = as_tensor(self)->meta;
    return PyBool_FromLong(meta && meta->retains_grad);
}

PyObject* get_version(PyObject* self, void*) {
    if (!as_tensor(self)->inference) return PyLong_FromUnsignedLong(version_value(as_tensor(self)));
    PyErr_SetString(PyExc_RuntimeError, "Inference tensors do not track version counter.");
    return nullptr;
}

PyObject* get_base(PyObject* self, void*) {
    const ViewMeta* view = view_meta(as_tensor(self));
    return view ? or_none(view->base) : Py_NewRef(Py_None);
}

PyObject* get_view_fn(PyObject* self, void*) {
    const ViewMeta* view = view_meta(as_tensor(self));
    return view ? or_none(view->view_fn) : Py_NewRef(Py_None);
}

PyObject* is_view(PyObject* self, PyObject*) {
    return PyBool_FromLong(view_meta(as_tensor(self)) != nullptr);
}

PyObject* is_inference(PyObject* self, PyObject*) { return PyBool_FromLong(as_tensor(self)->inference); }

// A number of NumPy's own in host memory, at once; all else in Python (tritorch/tensor.py).
PyObject* item(PyObject* self, PyObject*) {
    PyObject* array = as_tensor(self)->array;
    if (array && is_host_array(array)) {
        PyArrayObject* a = as_array(array);
        const int type = PyArray_TYPE(a);
        const bool plain = type <= NPY_CDOUBLE && type != NPY_LONGDOUBLE;
        if (plain && PyArray_ISBEHAVED_RO(a) && PyArray_SIZE(a) == 1)
            return PyArray_GETITEM(a, static_cast<char*>(PyArray_DATA(a)));
    }
    return PyObject_CallMethod(self, "_item", nullptr);
}

PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    PyObject* array;
    static const char* names[] = {"array", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:TensorBase", const_cast<char**>(names), &array))
        return nullptr;
    if (!PyArray_Check(array)) {
        array = PyArray_FromAny(array, nullptr, 0, 0, 0, nullptr);
        return array ? wrap_array_as(type, array) : nullptr;
    }
    return wrap_array_as(type, Py_NewRef(array));
}

// `_array` is a plain member, not a property: CPython specialises the access to a single load.
PyMemberDef members[] = {{"_array", T_OBJECT_EX, offsetof(TensorObject, array), 0,
                          "the np.ndarray or DeviceArray that holds the data"},
                         {"__dictoffset__", T_PYSSIZET, offsetof(TensorObject, dict), READONLY},
                         {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weakrefs), READONLY},
                         {nullptr}};

PyGetSetDef attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict},
    {"dtype", get_dtype, nullptr, "the tritorch.dtype of the elements"},
    {"device", get_device, nullptr, "the tritorch.device that holds the data"},
    {"is_cuda", get_is_cuda, nullptr, "whether the data is on a cuda device"},
    {"shape", get_shape, nullptr, "the sizes, as tritorch.Size"},
    {"ndim", get_ndim, nullptr, "the number of dimensions"},
    {"requires_grad", get_requires_grad, set_requires_grad, "whether gradients flow to this tensor"},
    {"_grad", get_grad, set_grad, "the accumulated gradient, unchecked"},
    {"grad_fn", get_grad_fn, nullptr, "the Node that made this tensor, or None for a leaf"},
    {"output_nr", get_output_nr, nullptr, "which output of grad_fn this tensor is"},
    {"is_leaf", get_is_leaf, nullptr, "whether no operator made this tensor"},
    {"retains_grad", get_retains_grad, nullptr,
     "whether retain_grad() was called on a tensor that is no leaf"},
    {"_version", get_version, nullptr, "the number of writes to the storage"},
    {"_base", get_base, nullptr, "the tensor that this one is a view of, or None"},
    {"_view_fn", get_view_fn, nullptr, "what makes this view from its base, or None"},
    {nullptr}};

PyMethodDef methods[] = {
    {"item", item, METH_NOARGS,
     "item($self, /)\n--\n\nThe one element as a Python number.\n\nRaises:\n    RuntimeError: if there is "
     "not "
     "exactly one element."},
    {"_is_view", is_view, METH_NOARGS, "Whether this tensor is a differentiable view."},
    {"is_inference", is_inference, METH_NOARGS, "Whether this tensor was made in inference mode."},
    {nullptr}};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("An array and its place in the graph; tritorch.Tensor derives "
                                  "from it.")},
    {Py_tp_new, reinterpret_cast<void*>(construct)},
    {Py_tp_dealloc, reinterpret_cast<void*>(tensor_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(tensor_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(tensor_clear)},
    {Py_tp_members, members},
    {Py_tp_getset, attributes},
    {Py_tp_methods, methods},
    {0, nullptr}};

PyType_Spec spec = {"tritorch._C.TensorBase", sizeof(TensorObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

// ---- functions -----------------------------------------------------------------------------------

bool expect_tensor(PyObject* object, const char* function) {
    if (is_tensor(object)) return true;
    PyErr_Format(PyExc_TypeError, "%s: expected a Tensor, got %s", function, Py_TYPE(object)->tp_name);
    return false;
}

// Python gives its classes generic slots that walk the bases on each call. Where a class adds no field to the
// object, ours do directly; slots of classes that derive from it find these and stop there.
PyTypeObject* adopt(PyObject* object) {
    auto* type = reinterpret_cast<PyTypeObject*>(object);
    if (type->tp_basicsize == sizeof(TensorObject)) {
        type->tp_dealloc = tensor_dealloc;
        type->tp_traverse = tensor_traverse;
        type->tp_clear = tensor_clear;
    }
    Py_INCREF(object);
    return type;
}

PyObject* set_types(PyObject*, PyObject* args) {
    PyObject *tensor, *parameter, *size, *cpu;
    if (!PyArg_ParseTuple(args, "OOOO:set_types", &tensor, &parameter, &size, &cpu)) return nullptr;
    const auto derives = [](PyObject* object, PyTypeObject* base) {
        return PyType_Check(object) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(object), base);
    };
    if (!derives(tensor, types.base) || (parameter != Py_None && !derives(parameter, types.base)) ||
        !derives(size, &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "set_types(Tensor, Parameter or None, Size, cpu_device)");
        return nullptr;
    }
    types.tensor = adopt(tensor);
    types.parameter = parameter == Py_None ? nullptr : adopt(parameter);
    types.size = reinterpret_cast<PyTypeObject*>(Py_NewRef(size));
    types.cpu = Py_NewRef(cpu);
    Py_RETURN_NONE;
}

PyObject* python_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count < 2 || count > 4) return PyErr_Format(PyExc_TypeError, "view(base, array[, view_fn[, multi]])");
    if (!expect_tensor(args[0], "view")) return nullptr;
    const int multi = count == 4 ? PyObject_IsTrue(args[3]) : 0;
    if (multi < 0) return nullptr;
    const CreationMeta creation = modes().inference ? CreationMeta::inference
                                  : !modes().grad   ? CreationMeta::no_grad
                                  : multi           ? CreationMeta::multi_output
                                                    : CreationMeta::plain;
    PyObject* view_fn = count > 2 && args[2] != Py_None ? args[2] : nullptr;
    return make_view(as_tensor(args[0]), Py_NewRef(args[1]), view_fn, creation);
}

// All of a list of arrays as views of one base, which are the outputs of one operator.
PyObject* python_views(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyList_Check(args[1]))
        return PyErr_Format(PyExc_TypeError, "views(base, list of arrays)");
    if (!expect_tensor(args[0], "views")) return nullptr;
    const CreationMeta creation = modes().inference ? CreationMeta::inference
                                  : !modes().grad   ? CreationMeta::no_grad
                                                    : CreationMeta::multi_output;
    Ref tuple = Ref::steal(PyTuple_New(PyList_GET_SIZE(args[1])));
    for (Py_ssize_t i = 0; tuple && i < PyList_GET_SIZE(args[1]); ++i) {
        PyObject* view =
            make_view(as_tensor(args[0]), Py_NewRef(PyList_GET_ITEM(args[1], i)), nullptr, creation);
        if (!view) return nullptr;
        PyTuple_SET_ITEM(tuple.get(), i, view);
    }
    return tuple.release();
}

PyObject* python_detach(PyObject*, PyObject* tensor) {
    return expect_tensor(tensor, "detach") ? detach(as_tensor(tensor)) : nullptr;
}

PyObject* python_forget(PyObject*, PyObject* tensor) {
    if (!expect_tensor(tensor, "forget")) return nullptr;
    clear_history(as_tensor(tensor));
    Py_RETURN_NONE;
}

// The in-place form of a view operator: `tensor` becomes the window that `view` of it is, with its history.
// What it is a view of stays.
PyObject* python_become(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "become(tensor, view)");
    if (!expect_tensor(args[0], "become") || !expect_tensor(args[1], "become")) return nullptr;
    TensorObject *self = as_tensor(args[0]), *view = as_tensor(args[1]);
    std::swap(self->array, view->array);
    if (view->meta && (view->meta->grad_fn || view_meta(self))) {
        AutogradMeta& meta = ensure_meta(self);
        std::swap(meta.grad_fn, view->meta->grad_fn);
        meta.output_nr = view->meta->output_nr;
        self->requires_grad = bool(meta.grad_fn);
        if (view_meta(self) && view_meta(view)) {
            std::swap(meta.view.view_fn, view->meta->view.view_fn);
            meta.view.attr_version = view->meta->view.attr_version;
        }
    }
    Py_RETURN_NONE;
}

PyObject* python_alias_data(PyObject*, PyObject* tensor) {
    return expect_tensor(tensor, "data") ? alias_data(as_tensor(tensor)) : nullptr;
}

PyObject* python_bump(PyObject*, PyObject* tensor) {
    if (!expect_tensor(tensor, "bump") || bump_version(as_tensor(tensor)) < 0) return nullptr;
    Py_RETURN_NONE;
}

// Of tensors whose storage nobody shares, either counter may not be there yet.
PyObject* shares_version(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !is_tensor(args[0]) || !is_tensor(args[1]))
        return PyErr_Format(PyExc_TypeError, "shares_version(tensor, tensor)");
    const Version *a = as_tensor(args[0])->version, *b = as_tensor(args[1])->version;
    return PyBool_FromLong(args[0] == args[1] || (a && a == b));
}

bool any_requires_grad(PyObject* const* items, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* item = items[i];
        if (is_tensor(item)) {
            if (requires_grad_of(as_tensor(item))) return true;
        } else if (PyList_CheckExact(item) || PyTuple_CheckExact(item)) {
            if (any_requires_grad(PySequence_Fast_ITEMS(item), PySequence_Fast_GET_SIZE(item))) return true;
        }
    }
    return false;
}

PyObject* needs_grad(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return PyBool_FromLong(modes().grad && any_requires_grad(args, count));
}

PyObject* is_grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(modes().grad); }

PyObject* is_inference_mode(PyObject*, PyObject*) { return PyBool_FromLong(modes().inference); }

PyObject* set_mode(PyObject* value, bool Modes::* mode) {
    const int truth = PyObject_IsTrue(value);
    if (truth < 0) return nullptr;
    modes().*mode = truth;
    Py_RETURN_NONE;
}

PyObject* set_grad_enabled(PyObject*, PyObject* value) { return set_mode(value, &Modes::grad); }

PyObject* set_inference_mode(PyObject*, PyObject* value) { return set_mode(value, &Modes::inference); }

PyMethodDef functions[] = {
    {"set_types", set_types, METH_VARARGS, "set_types(Tensor, Parameter, Size, cpu_device)"},
    {"views", method(python_views), METH_FASTCALL,
     "views(base, arrays)\n\nA tuple of views of `base`, the several outputs of one operator: they may not "
     "be written "
     "in place under grad mode."},
    {"become", method(python_become), METH_FASTCALL,
     "become(tensor, view)\n\nThe tensor becomes the window that a view of it is: transpose_, squeeze_ and "
     "their like."},
    {"forget", python_forget, METH_O,
     "forget(tensor)\n\nMakes it a constant: without history, and no gradient is asked for."},
    {"view", method(python_view), METH_FASTCALL,
     "view(base, array, view_fn=None, multi=False)\n\nA differentiable view of `base` on `array`; record() "
     "gives it "
     "its history."},
    {"detach", python_detach, METH_O, "detach(tensor)\n\nThe same array and version without a history."},
    {"alias_data", python_alias_data, METH_O,
     "alias_data(tensor)\n\nThe same array with a version of its own."},
    {"bump", python_bump, METH_O, "bump(tensor)\n\nCounts a write."},
    {"shares_version", method(shares_version), METH_FASTCALL,
     "shares_version(a, b)\n\nWhether a write to one is a write to the other."},
    {"needs_grad", method(needs_grad), METH_FASTCALL,
     "needs_grad(*args)\n\nWhether an operator on these (tensors, or lists of them) must be recorded."},
    {"is_grad_enabled", is_grad_enabled, METH_NOARGS, "Whether this thread records operators."},
    {"set_grad_enabled", set_grad_enabled, METH_O, "set_grad_enabled(mode)"},
    {"is_inference_mode", is_inference_mode, METH_NOARGS, "Whether this thread is in inference mode."},
    {"set_inference_mode", set_inference_mode, METH_O, "set_inference_mode(mode)"},
    {nullptr}};

int init(PyObject* module) {
    types.base = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (!types.base ||
        PyModule_AddObjectRef(module, "TensorBase", reinterpret_cast<PyObject*>(types.base)) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
const Subject subject(init);

}  // namespace

}  // namespace tritorch
