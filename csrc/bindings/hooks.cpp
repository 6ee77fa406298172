// Hooks of tensors and nodes. The order in which they run is the engine's: hooks of the tensors, retain_grad,
// hooks before the node, the node, hooks after it, and in a leaf's accumulator the post-accumulate-grad hooks
// last.
//
// Note [Where hooks live]
// Hooks stand in OrderedDicts, id -> callable, which the handles that Python holds know weakly. A leaf keeps
// its dicts itself, as its accumulator comes and goes; everything else keeps them on the node, so that a hook
// stays with the value it was registered on when its tensor is written in place.
#include "node.h"

namespace tritorch {

namespace {

PyObject* ordered_dict = nullptr;  // collections.OrderedDict: a plain dict can't be referred to weakly
PyObject* handle_type = nullptr;   // RemovableHandle

struct OutputHooks {
    std::uint32_t output;
    Ref hooks;     // dict
    Ref retained;  // weak reference to the tensor that called retain_grad()
};

std::string name_of(PyObject* hook) {
    const Ref name = Ref::steal(PyObject_GetAttrString(hook, "__name__"));
    const char* text = name && PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8(name.get()) : nullptr;
    PyErr_Clear();  // a callable object has no name
    return text ? text : "<unknown>";
}

std::string type_text(TensorObject* tensor) {
    const Ref type = checked(PyObject_CallMethod(as_object(tensor), "type", nullptr));
    const char* text = PyUnicode_AsUTF8(type.get());
    if (!text) throw CarriedError();
    return text;
}

[[noreturn]] void refuse(PyObject* exception, const std::string& text) {
    PyErr_SetString(exception, text.c_str());
    throw CarriedError();
}

PyObject* or_none(const autograd::Value& value) { return value ? as_object(tensor_in(value)) : Py_None; }

// A hook gave `replacement` for `value`: torch's checks.
void replace(autograd::Value& value, PyObject* replacement, PyObject* hook) {
    if (replacement == Py_None) {
        value = autograd::Value();
        return;
    }
    if (!is_tensor(replacement)) {
        refuse(PyExc_TypeError,
               std::string("expected Variable, but hook returned '") + Py_TYPE(replacement)->tp_name + "'");
    }
    if (!value) refuse(PyExc_RuntimeError, "can't replace a None gradient with a non-None value");
    const Metadata before(tensor_in(value)->array), after(as_tensor(replacement)->array);
    if (before.descr() != after.descr() && !PyArray_EquivTypes(before.descr(), after.descr())) {
        refuse(PyExc_RuntimeError, "hook '" + name_of(hook) + "' has changed the type of value (was " +
                                       type_text(tensor_in(value)) + " got " +
                                       type_text(as_tensor(replacement)) + ")");
    }
    if (!before.same_shape(after.dims(), after.ndim())) {
        refuse(PyExc_RuntimeError, "hook '" + name_of(hook) + "' has changed the size of value");
    }
    value = autograd::Value(Py_NewRef(replacement));
}

// The hooks at this moment: one may remove itself.
template <class Use>
void for_each_hook(const Ref& hooks, Use use) {
    if (!hooks) return;
    const Ref list = checked(PyMapping_Values(hooks.get()));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.get()); ++i) use(PyList_GET_ITEM(list.get(), i));
}

Ref as_tuple(const autograd::Values& values) {
    Ref tuple = checked(PyTuple_New(values.size()));
    for (std::uint32_t i = 0; i < values.size(); ++i)
        PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(or_none(values[i])));
    return tuple;
}

void replace_all(autograd::Values& values, PyObject* returned, PyObject* hook) {
    if (returned == Py_None) return;
    if (!PyTuple_Check(returned)) {
        refuse(PyExc_TypeError,
               std::string("expected tuple, but hook returned '") + Py_TYPE(returned)->tp_name + "'");
    }
    if (PyTuple_GET_SIZE(returned) != values.size()) {
        refuse(PyExc_RuntimeError, "hook '" + name_of(hook) +
                                       "' has returned an incorrect number of values (got " +
                                       std::to_string(PyTuple_GET_SIZE(returned)) + ", but expected " +
                                       std::to_string(values.size()) + ")");
    }
    for (std::uint32_t i = 0; i < values.size(); ++i) replace(values[i], PyTuple_GET_ITEM(returned, i), hook);
}

class PyHooks final : public autograd::NodeHooks {
  public:
    void of_tensors(autograd::Node&, autograd::Values& gradients) override {
        for (std::size_t i = 0; i < outputs_.size(); ++i) {
            const std::uint32_t output = outputs_[i].output;
            for_each_hook(outputs_[i].hooks, [&](PyObject* hook) {
                const Ref result = call(hook, or_none(gradients[output]));
                if (result.get() != Py_None) replace(gradients[output], result.get(), hook);
            });
        }
        for (std::size_t i = 0; i < outputs_.size(); ++i) {
            if (outputs_[i].retained && gradients[outputs_[i].output]) {
                keep(outputs_[i].retained.get(), tensor_in(gradients[outputs_[i].output]));
            }
        }
    }

    void before(autograd::Node&, autograd::Values& gradients) override {
        for_each_hook(before_, [&](PyObject* hook) {
            const Ref result = call(hook, as_tuple(gradients).get());
            replace_all(gradients, result.get(), hook);
        });
    }

    bool has_after() const override { return after_ && PyObject_IsTrue(after_.get()) == 1; }

    void after(autograd::Node&, autograd::Values& results, const autograd::Values& gradients) override {
        const Ref came = as_tuple(gradients);
        for_each_hook(after_, [&](PyObject* hook) {
            const Ref result = call(hook, as_tuple(results).get(), came.get());
            replace_all(results, result.get(), hook);
        });
    }

    OutputHooks& of_output(std::uint32_t output) {
        for (OutputHooks& known : outputs_) {
            if (known.output == output) return known;
        }
        return outputs_.emplace_back(OutputHooks{output, {}, {}});
    }
    Ref& node_hooks(bool before) { return before ? before_ : after_; }

    int traverse(visitproc visit, void* arg) const {
        for (const OutputHooks& output : outputs_) {
            if (const int stop = output.hooks.traverse(visit, arg)) return stop;
        }
        const int stop = before_.traverse(visit, arg);
        return stop ? stop : after_.traverse(visit, arg);
    }

  private:
    // What retain_grad() does with a gradient.
    static void keep(PyObject* weak_tensor, TensorObject* gradient) {
        const Ref tensor = Ref::share(PyWeakref_GetObject(weak_tensor));
        if (tensor.get() == Py_None) return;
        const Ref known = ensure_meta(as_tensor(tensor.get())).grad;
        Ref kept;
        if (known) {
            kept = call(TRITORCH_OPERATOR(add), known.get(), as_object(gradient));
        } else if (modes().grad && is_recorded(gradient)) {
            kept = call(TRITORCH_OPERATOR(clone), as_object(gradient));
        } else {
            kept = copy_like(gradient, gradient);
        }
        ensure_meta(as_tensor(tensor.get())).grad = std::move(kept);
    }

    std::vector<OutputHooks> outputs_;
    Ref before_, after_;
};

PyHooks& hooks_of(autograd::Node& node) {
    if (!node.hooks()) node.set_hooks(std::make_unique<PyHooks>());
    return static_cast<PyHooks&>(*node.hooks());
}

Ref& ensure_dict(Ref& dict) {
    if (!dict) dict = call(ordered_dict);
    return dict;
}

// Adds the hook to the dict and gives Python the handle.
Ref add_hook(Ref& dict, PyObject* hook) {
    if (!handle_type) refuse(PyExc_RuntimeError, "set_removable_handle() has not been called");
    Ref handle = call(handle_type, ensure_dict(dict).get());
    const Ref id = checked(PyObject_GetAttrString(handle.get(), "id"));
    if (PyObject_SetItem(dict.get(), id.get(), hook) < 0) throw CarriedError();
    return handle;
}

TensorObject* hookable(PyObject* object) {
    if (!is_tensor(object)) {
        refuse(PyExc_TypeError, std::string("expected a Tensor, got ") + Py_TYPE(object)->tp_name);
    }
    TensorObject* tensor = as_tensor(object);
    if (!requires_grad_of(tensor)) {
        refuse(PyExc_RuntimeError, "cannot register a hook on a tensor that doesn't require gradient");
    }
    return tensor;
}

autograd::Node* producer_of(TensorObject* tensor) {
    autograd::Node* node = grad_fn_of(tensor);
    if (!node && PyErr_Occurred()) throw CarriedError();
    return node;
}

Ref register_on_tensor(PyObject* object, PyObject* hook) {
    TensorObject* tensor = hookable(object);
    if (autograd::Node* node = producer_of(tensor)) {
        return add_hook(hooks_of(*node).of_output(tensor->meta->output_nr).hooks, hook);
    }
    Ref handle = add_hook(ensure_meta(tensor).hooks, hook);
    if (tensor->meta->accumulator) adopt_leaf_hooks(static_cast<AccumulateGrad&>(*tensor->meta->accumulator));
    return handle;
}

Ref register_post_accumulate(PyObject* object, PyObject* hook) {
    TensorObject* tensor = hookable(object);
    if (producer_of(tensor)) {
        refuse(PyExc_RuntimeError, "post accumulate grad hooks cannot be registered on non-leaf tensors");
    }
    return add_hook(ensure_meta(tensor).post_accumulate, hook);
}

// Runs `body`, which gives a Ref or throws, as a Python function.
template <class Body>
PyObject* python_call(Body body) {
    try {
        return body().release();
    } catch (...) {
        restore_current_exception();
        return nullptr;
    }
}

PyObject* python_register_tensor_hook(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return python_call([&] {
        if (count != 2) refuse(PyExc_TypeError, "register_tensor_hook(tensor, hook)");
        return register_on_tensor(args[0], args[1]);
    });
}

PyObject* python_register_post_accumulate(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return python_call([&] {
        if (count != 2) refuse(PyExc_TypeError, "register_post_accumulate_grad_hook(tensor, hook)");
        return register_post_accumulate(args[0], args[1]);
    });
}

PyObject* python_retain_grad(PyObject*, PyObject* object) {
    return python_call([&] {
        if (!is_tensor(object)) refuse(PyExc_TypeError, "retain_grad: expected a Tensor");
        retain_grad(as_tensor(object));
        return Ref::share(Py_None);
    });
}

PyObject* set_removable_handle(PyObject*, PyObject* type) {
    Py_INCREF(type);
    Py_XSETREF(handle_type, type);
    Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"register_tensor_hook", method(python_register_tensor_hook), METH_FASTCALL,
     "register_tensor_hook(tensor, hook)\n\nhook(grad) runs when the gradient of the tensor is known; it may "
     "give "
     "another. Gives a handle to remove it."},
    {"register_post_accumulate_grad_hook", method(python_register_post_accumulate), METH_FASTCALL,
     "register_post_accumulate_grad_hook(leaf, hook)\n\nhook(leaf) runs after its grad has been added to."},
    {"retain_grad", python_retain_grad, METH_O,
     "retain_grad(tensor)\n\nHas the grad of a tensor kept that is no leaf."},
    {"set_removable_handle", set_removable_handle, METH_O,
     "set_removable_handle(cls)\n\ncls(dict) makes the handle of a hook that stands in the dict under its "
     "`id`."},
    {nullptr}};

int init(PyObject* module) {
    const Ref collections = Ref::steal(PyImport_ImportModule("collections"));
    if (!collections) return -1;
    ordered_dict = PyObject_GetAttrString(collections.get(), "OrderedDict");
    return ordered_dict ? PyModule_AddFunctions(module, functions) : -1;
}
const Subject subject(init);

}  // namespace

void retain_grad(TensorObject* tensor) {
    if (!requires_grad_of(tensor)) {
        refuse(PyExc_RuntimeError, "can't retain_grad on Tensor that has requires_grad=False");
    }
    autograd::Node* node = producer_of(tensor);
    if (!node || tensor->meta->retains_grad) return;
    hooks_of(*node).of_output(tensor->meta->output_nr).retained =
        checked(PyWeakref_NewRef(as_object(tensor), nullptr));
    tensor->meta->retains_grad = true;
}

void rebase_history(TensorObject* tensor, autograd::NodePtr node, std::uint32_t output_nr) {
    AutogradMeta& meta = ensure_meta(tensor);
    const autograd::NodePtr old = meta.grad_fn;
    const std::uint32_t old_output = meta.output_nr;
    set_history(tensor, node, output_nr);
    if (!meta.retains_grad || !old || !old->hooks()) return;
    Ref& was = hooks_of(*old).of_output(old_output).retained;
    hooks_of(*node).of_output(output_nr).retained = std::exchange(was, Ref());
}

void adopt_leaf_hooks(AccumulateGrad& node) {
    if (node.leaf()->meta->hooks) hooks_of(node).of_output(0).hooks = node.leaf()->meta->hooks;
}

int traverse_hooks(const autograd::NodeHooks* hooks, visitproc visit, void* arg) {
    return hooks ? static_cast<const PyHooks*>(hooks)->traverse(visit, arg) : 0;
}

PyObject* register_node_hook(PyNode& node, PyObject* hook, bool before) {
    return python_call([&] { return add_hook(hooks_of(node).node_hooks(before), hook); });
}

}  // namespace tritorch
