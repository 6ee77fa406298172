// Recording: how a call of an operator becomes a node, and what may be written in place.
#include "node.h"

namespace tritorch {

namespace {

using OpNodePtr = autograd::Pointer<OpNode>;

bool is_list(PyObject* object) { return PyTuple_Check(object) || PyList_Check(object); }

bool is_differentiable(PyObject* object) {
    return is_tensor(object) && is_differentiable_kind(kind_of(as_tensor(object)->array));
}

void expect_arguments(const char* function, PyObject* const* args, Py_ssize_t count) {
    if (count == 4 && Py_TYPE(args[0]) == op_backward_type && PyTuple_Check(args[2]) &&
        PyTuple_Check(args[3]))
        return;
    PyErr_Format(PyExc_TypeError, "%s(op_backward, outs, inputs: tuple, saved: tuple)", function);
    throw CarriedError();
}

OpNodePtr make_node(PyObject* op, std::uint32_t outputs, PyObject* inputs, TensorObject* written) {
    auto node = OpNodePtr::adopt(new OpNode(reinterpret_cast<OpBackward*>(op), outputs));
    node->connect(inputs, written);
    if (anomaly_mode) remember_forward(*node);
    return node;
}

// Makes `node` the producer of an output, unless it has no gradient.
void own_output(const OpNodePtr& node, std::uint32_t index, PyObject* out) {
    if (!is_differentiable(out)) {
        if (PyErr_Occurred()) throw CarriedError();
        return;
    }
    node->set_output(index, as_tensor(out)->array);
    rebase_history(as_tensor(out), node, index);
}

// The edges of `inputs` that belong to `tensor` itself.
std::vector<std::uint32_t> edges_of(PyObject* inputs, PyObject* tensor) {
    std::vector<std::uint32_t> found;
    std::uint32_t edge = 0;
    auto look_at = [&](PyObject* item) {
        if (item == tensor) found.push_back(edge);
        ++edge;
    };
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(inputs); ++i) {
        PyObject* item = PyTuple_GET_ITEM(inputs, i);
        if (!is_list(item)) {
            look_at(item);
            continue;
        }
        for (Py_ssize_t j = 0; j < PySequence_Fast_GET_SIZE(item); ++j)
            look_at(PySequence_Fast_GET_ITEM(item, j));
    }
    return found;
}

void record_inplace(PyObject* const* args, Py_ssize_t count) {
    expect_arguments("record_inplace", args, count);
    if (!is_tensor(args[1])) {
        PyErr_Format(PyExc_TypeError, "record_inplace: expected a Tensor, got %s", Py_TYPE(args[1])->tp_name);
        throw CarriedError();
    }
    TensorObject* tensor = as_tensor(args[1]);
    ViewMeta* view = view_meta(tensor);
    if (view && check_view_write(tensor, false) < 0) throw CarriedError();
    const OpNodePtr node = make_node(args[0], 1, args[2], tensor);
    node->set_output(0, tensor->array);
    auto role = SavedVariable::Role::output;
    if (!view) {
        rebase_history(tensor, node, 0);
    } else {
        role = SavedVariable::Role::written_view;
        TensorObject* base = as_tensor(view->base.get());
        rebase_history(base, make_copy_slices(tensor, node, edges_of(args[2], args[1])), 0);
        view = view_meta(tensor);
        view->attr_version = version_value(tensor) - 1;  // out of date, however the caller counts
        tensor->requires_grad = true;
        if (!grad_fn_of(tensor)) throw CarriedError();
    }
    if (node->saved.save(args[3], args[1], role, tensor->version) < 0) throw CarriedError();
}

// torch's check_inplace, before a write to a tensor while grad mode is on. `recording`: some operand requires
// grad, and the tensor will.
void check_inplace(PyObject* object, bool recording) {
    if (!is_tensor(object)) {
        PyErr_Format(PyExc_TypeError, "check_inplace: expected a Tensor, got %s", Py_TYPE(object)->tp_name);
        throw CarriedError();
    }
    TensorObject* tensor = as_tensor(object);
    const bool requires_grad = requires_grad_of(tensor);
    if (!modes().grad || !(requires_grad || recording)) return;
    const auto refuse = [](const char* text) {
        PyErr_SetString(PyExc_RuntimeError, text);
        throw CarriedError();
    };
    if (const ViewMeta* view = view_meta(tensor)) {
        if (check_view_write(tensor, false) < 0) throw CarriedError();
        if (requires_grad && is_leaf(as_tensor(view->base.get()))) {
            refuse("a view of a leaf Variable that requires grad is being used in an in-place operation.");
        }
    }
    // Also brings a view's history up to date, for the edges that record_inplace() makes.
    if (!grad_fn_of(tensor) && PyErr_Occurred()) throw CarriedError();
    if (requires_grad && is_leaf(tensor))
        refuse("a leaf Variable that requires grad is being used in an in-place operation.");
}

}  // namespace

void record(PyObject* op_backward, PyObject* outs, PyObject* inputs, PyObject* saved) {
    const bool several = is_list(outs);
    const auto outputs = several ? static_cast<std::uint32_t>(PySequence_Fast_GET_SIZE(outs)) : 1;
    const OpNodePtr node = make_node(op_backward, outputs, inputs, nullptr);
    if (several) {
        for (std::uint32_t i = 0; i < outputs; ++i) own_output(node, i, PySequence_Fast_GET_ITEM(outs, i));
    } else {
        own_output(node, 0, outs);
    }
    if (node->saved.save(saved, outs, SavedVariable::Role::output) < 0) throw CarriedError();
}

namespace {

// ---- Python ---------------------------------------------------------------------------------------------

template <class Body>
PyObject* python_call(Body body) {
    try {
        body();
    } catch (...) {
        restore_current_exception();
        return nullptr;
    }
    Py_RETURN_NONE;
}

PyObject* python_record(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return python_call([&] {
        expect_arguments("record", args, count);
        record(args[0], args[1], args[2], args[3]);
    });
}
PyObject* python_record_inplace(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return python_call([&] { record_inplace(args, count); });
}
PyObject* python_check_inplace(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return python_call([&] {
        if (count < 1) {
            PyErr_SetString(PyExc_TypeError, "check_inplace(tensor, recording=False, *operands)");
            throw CarriedError();
        }
        const bool recording = count > 1 && args[1] == Py_True;
        check_inplace(args[0], recording);
        // A history that cannot be made anew has to be known before the write, too.
        for (Py_ssize_t i = 2; recording && i < count; ++i) {
            if (is_tensor(args[i]) && !grad_fn_of(as_tensor(args[i])) && PyErr_Occurred())
                throw CarriedError();
        }
    });
}
PyObject* set_custom_view(PyObject*, PyObject* tensor) {
    return python_call([&] {
        if (is_tensor(tensor) && view_meta(as_tensor(tensor))) {
            view_meta(as_tensor(tensor))->creation = CreationMeta::custom;
        }
    });
}

PyMethodDef functions[] = {{"record", method(python_record), METH_FASTCALL,
                            "record(op_backward, outs, inputs, saved)\n\nPuts a node between the inputs and "
                            "the outputs that have gradients."},
                           {"record_inplace", method(python_record_inplace), METH_FASTCALL,
                            "record_inplace(op_backward, tensor, inputs, saved)\n\nThe same after a write to "
                            "`tensor`, whose version has been "
                            "bumped."},
                           {"check_inplace", method(python_check_inplace), METH_FASTCALL,
                            "check_inplace(tensor, recording=False, *operands)\n\nRaises torch's error where "
                            "a tensor may not be written under "
                            "grad mode; `recording` where what is written requires grad."},
                           {"set_custom_view", set_custom_view, METH_O,
                            "set_custom_view(tensor)\n\nMarks a view that a custom Function returned: it may "
                            "not be written in place."},
                           {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
