// Views and their history.
//
// Note [View history]
// A view remembers its root base and how to make itself again from it (view_fn, or the geometry of its
// array). When the storage is written through the base or another view, the grad_fn a view had is out of
// date: its attr_version differs from the storage's version. grad_fn_of() then replays the view on the base,
// whose history the write has rebased, and takes that result's grad_fn. Where a view may not be written at
// all, check_view_write() says so.
#include "backend.h"
#include "node.h"
#include "numpy.h"
#include "tensor.h"

#include <utility>

namespace tritorch {

namespace {

PyObject* tuple_of(const npy_intp* values, int count, npy_intp divisor) {
    PyObject* tuple = PyTuple_New(count);
    for (int i = 0; tuple && i < count; ++i) {
        PyObject* item = PyLong_FromSsize_t(values[i] / divisor);
        if (!item) {
            Py_DECREF(tuple);
            return nullptr;
        }
        PyTuple_SET_ITEM(tuple, i, item);
    }
    return tuple;
}

// (size, stride, storage_offset) of an array as a window on its root's storage, in elements.
PyObject* geometry_of(PyObject* array, PyObject* root) {
    if (!PyArray_Check(array) || !PyArray_Check(root)) {
        PyErr_SetString(PyExc_RuntimeError, "as_strided: a view of this device must give a view_fn");
        return nullptr;
    }
    PyArrayObject *view = as_array(array), *base = as_array(root);
    const npy_intp itemsize = PyArray_ITEMSIZE(view);
    const Ref size = Ref::steal(tuple_of(PyArray_DIMS(view), PyArray_NDIM(view), 1));
    const Ref stride = Ref::steal(tuple_of(PyArray_STRIDES(view), PyArray_NDIM(view), itemsize));
    if (!size || !stride) return nullptr;
    const npy_intp offset = (PyArray_BYTES(view) - PyArray_BYTES(base)) / itemsize;
    return Py_BuildValue("(OOn)", size.get(), stride.get(), static_cast<Py_ssize_t>(offset));
}

PyObject* apply_as_strided(PyObject* geometry, PyObject* base) {
    if (!backend.as_strided) {
        PyErr_SetString(PyExc_RuntimeError, "set_backend() has not been given as_strided");
        return nullptr;
    }
    return PyObject_CallFunctionObjArgs(backend.as_strided, base, PyTuple_GET_ITEM(geometry, 0),
                                        PyTuple_GET_ITEM(geometry, 1), PyTuple_GET_ITEM(geometry, 2),
                                        nullptr);
}

PyObject* apply_both(PyObject* pair, PyObject* base) {
    const Ref inner =
        Ref::steal(unless_killed([&] { return PyObject_CallOneArg(PyTuple_GET_ITEM(pair, 0), base); }));
    return inner ? unless_killed([&] { return PyObject_CallOneArg(PyTuple_GET_ITEM(pair, 1), inner.get()); })
                 : nullptr;
}

PyMethodDef as_strided_def = {"as_strided_view", apply_as_strided, METH_O, "Replays a view by its geometry."};
PyMethodDef compose_def = {"view_of_view", apply_both, METH_O, "Replays a view of a view."};

// What makes the view on `array` again from a tensor on `root`, by the geometry of both.
Ref geometry_replay(PyObject* array, PyObject* root) {
    const Ref geometry = Ref::steal(geometry_of(array, root));
    return geometry ? Ref::steal(PyCFunction_New(&as_strided_def, geometry.get())) : Ref();
}

int rebuild_history(TensorObject* view) {
    if (check_view_write(view, true) < 0) return -1;
    const ModeGuard recording(true);
    PyObject* base = view->meta->view.base.get();
    const Ref replay = replay_of(view);
    const Ref again =
        replay ? Ref::steal(unless_killed([&] { return PyObject_CallOneArg(replay.get(), base); })) : Ref();
    if (!again) return -1;
    if (!is_tensor(again.get())) {
        PyErr_Format(PyExc_TypeError, "a view_fn must return a Tensor, not %s",
                     Py_TYPE(again.get())->tp_name);
        return -1;
    }
    autograd::Node* producer = grad_fn_of(as_tensor(again.get()));
    if (!producer && PyErr_Occurred()) return -1;
    if (producer) {
        rebase_history(view, autograd::NodePtr(producer), as_tensor(again.get())->meta->output_nr);
    } else {  // the base has been detached meanwhile
        clear_history(view);
        view->meta->view.attr_version = version_value(view);
    }
    return 0;
}

}  // namespace

Ref replay_of(TensorObject* view) {
    const ViewMeta& meta = view->meta->view;
    return meta.view_fn ? meta.view_fn : geometry_replay(view->array, as_tensor(meta.base.get())->array);
}

autograd::Node* grad_fn_of(TensorObject* tensor) {
    AutogradMeta* meta = tensor->meta;
    if (!meta) return nullptr;
    if (meta->view.base && meta->view.attr_version != version_value(tensor) &&
        (meta->grad_fn || as_tensor(meta->view.base.get())->requires_grad) && rebuild_history(tensor) < 0)
        return nullptr;
    return meta->grad_fn.get();
}

PyObject* make_view(TensorObject* parent, PyObject* array, PyObject* view_fn, CreationMeta creation) {
    PyObject* object = wrap_array(array);
    if (!object) return nullptr;
    TensorObject* view = as_tensor(object);
    view->inference = parent->inference;
    if (parent->inference) return object;

    Ref holder = Ref::steal(object);
    const ViewMeta* above = view_meta(parent);
    Ref replay = Ref::share(view_fn);
    if (above && (view_fn || above->view_fn)) {  // a view_fn above may have changed what strides count
        const Ref first = replay_of(parent);
        const Ref second =
            view_fn ? Ref::share(view_fn) : geometry_replay(as_tensor(object)->array, parent->array);
        const Ref pair = first && second ? Ref::steal(PyTuple_Pack(2, first.get(), second.get())) : Ref();
        replay = pair ? Ref::steal(PyCFunction_New(&compose_def, pair.get())) : Ref();
        if (!replay) return nullptr;
    }
    view->version = retain(version_of(parent));
    ViewMeta& meta = ensure_meta(view).view;
    meta.base = above ? above->base : Ref::share(as_object(parent));
    meta.view_fn = std::move(replay);
    meta.attr_version = view->version->value;
    // What a view of a view may not do stays forbidden to it.
    meta.creation = above && above->creation != CreationMeta::plain && creation == CreationMeta::plain
                        ? above->creation
                        : creation;
    return holder.release();
}

PyObject* detach(TensorObject* tensor) {
    Py_INCREF(tensor->array);
    PyObject* result = wrap_array(tensor->array);
    if (!result) return nullptr;
    as_tensor(result)->inference = tensor->inference;
    if (!tensor->inference) as_tensor(result)->version = retain(version_of(tensor));
    return result;
}

PyObject* alias_data(TensorObject* tensor) {
    Py_INCREF(tensor->array);
    PyObject* result = wrap_array(tensor->array);
    if (result) as_tensor(result)->inference = tensor->inference;
    return result;
}

std::string short_name(const autograd::Node& node) {
    const std::string name = node.name();
    const size_t end = name.rfind("Backward");
    return end == std::string::npos || end == 0 ? name : name.substr(0, end);
}

int check_view_write(TensorObject* view, bool indirect) {
    const AutogradMeta& meta = *view->meta;
    const CreationMeta creation = meta.view.creation;
    if (creation == CreationMeta::plain) return 0;

    const std::string object = indirect ? "its base or another view of its base has been" : "is being";
    const std::string origin =
        meta.grad_fn ? "Output " + std::to_string(meta.output_nr) + " of " + short_name(*meta.grad_fn) : "";
    const bool of_mode = creation == CreationMeta::inference || creation == CreationMeta::no_grad;
    std::string text;
    if (of_mode || !meta.grad_fn) {
        text = meta.grad_fn ? origin + " is a view of a view which was created in" : "A view was created in";
        text += creation == CreationMeta::inference
                    ? " inference mode and " + object + " modified inplace in normal mode."
                    : " no_grad mode and " + object + " modified inplace with grad mode enabled.";
    } else {
        text = origin + " is a view and " + object + " modified inplace.";
    }
    const auto ambiguous = [](const std::string& mode) {
        return " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify "
               "your code by "
               "moving both the view and the inplace either both inside the " +
               mode +
               " block (if you don't want the inplace to be tracked) or both outside (if you want the "
               "inplace "
               "to be tracked).";
    };
    switch (creation) {
        case CreationMeta::multi_output:
            text +=
                " This view is the output of a function that returns multiple views. Such functions do not "
                "allow the "
                "output views to be modified inplace. You should replace the inplace operation by an "
                "out-of-place "
                "one.";
            break;
        case CreationMeta::no_grad: text += ambiguous("no_grad"); break;
        case CreationMeta::inference: text += ambiguous("inference_mode"); break;
        case CreationMeta::custom:
            text +=
                " This view was created inside a custom Function (or because an input was returned as-is) "
                "and the "
                "autograd logic to handle view+inplace would override the custom backward associated with "
                "the custom "
                "Function, leading to incorrect gradients. This behavior is forbidden. You can fix this by "
                "cloning "
                "the output of the custom Function.";
            break;
        case CreationMeta::plain: break;
    }
    PyErr_SetString(PyExc_RuntimeError, text.c_str());
    return -1;
}

}  // namespace tritorch
