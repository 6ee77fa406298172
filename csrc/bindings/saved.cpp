// Saving and giving back one tensor: see Note [Saved tensors]. Tuples of them are in saved_tuple.cpp.
#include "saved.h"

#include "device.h"
#include "node.h"
#include "numpy.h"
#include "saved_hooks.h"

#include <string>

namespace tritorch {

namespace {

const char* const freed_text =
    "Trying to backward through the graph a second time (or directly access saved tensors after they have "
    "already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or "
    "autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to "
    "access "
    "saved tensors after calling backward.";

}  // namespace

struct SavedVariable::Extra {
    Ref unpack_hook;  // under hooks: what makes the tensor again,
    Ref packed;       // of what pack_hook returned
    // Under hooks, where the gradient of the tensor goes: its producer, or the leaf itself.
    autograd::NodePtr grad_fn;
    Ref leaf;
    bool is_output = false;
    Ref base_array;  // of a written view: its root,
    Ref replay;      // and how to view it
    Ref saver;       // under anomaly mode: "file:line"
};

SavedVariable::SavedVariable() noexcept = default;
SavedVariable::SavedVariable(SavedVariable&& other) noexcept { *this = std::move(other); }

SavedVariable& SavedVariable::operator=(SavedVariable&& other) noexcept {
    std::swap(held_, other.held_);
    std::swap(version_, other.version_);
    std::swap(extra_, other.extra_);
    saved_version_ = other.saved_version_;
    output_nr_ = other.output_nr_;
    original_ = other.original_;
    requires_grad_ = other.requires_grad_;
    return *this;
}

SavedVariable::~SavedVariable() { release(); }

void SavedVariable::release() noexcept {
    extra_.reset();
    tritorch::release(std::exchange(version_, nullptr));
    Py_CLEAR(held_);
}

SavedVariable::Extra& SavedVariable::extra() {
    if (!extra_) extra_ = std::make_unique<Extra>();
    return *extra_;
}

int SavedVariable::save(TensorObject* tensor, Role role, const Version* written) {
    if (tensor->inference) {
        PyErr_SetString(
            PyExc_RuntimeError,
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
            "inference mode in computation tracked by autograd. To work around this, you can make a clone "
            "to get a normal tensor and use it in autograd, or use `tritorch.no_grad()` instead of "
            "`tritorch.inference_mode()`.");
        return -1;
    }
    saved_version_ = version_value(tensor);
    if (written && role == Role::input && tensor->version == written) --saved_version_;
    requires_grad_ = requires_grad_of(tensor);
    output_nr_ = tensor->meta ? tensor->meta->output_nr : 0;
    original_ = role == Role::input || (role == Role::output && is_leaf(tensor));
    if (original_) {
        held_ = Py_NewRef(as_object(tensor));
    } else {
        held_ = Py_NewRef(tensor->array);
        version_ = retain(version_of(tensor));
        if (role == Role::written_view && view_meta(tensor)) {
            extra().base_array = Ref::share(as_tensor(view_meta(tensor)->base.get())->array);
            extra().replay = replay_of(tensor);
            if (!extra().replay) return -1;
        }
    }
    if (const SavedHooks* hooks = default_saved_hooks()) {
        const Ref pack_hook = Ref::share(hooks->pack), unpack_hook = Ref::share(hooks->unpack);
        return pack(tensor, pack_hook.get(), unpack_hook.get());
    }
    if (anomaly_mode) extra().saver = source_line();
    return 0;
}

PyObject* SavedVariable::bare_tensor() const {
    PyObject* object = wrap_array(Py_NewRef(held_));
    if (!object) return nullptr;
    as_tensor(object)->inference = false;
    as_tensor(object)->version = retain(version_);
    return object;
}

// ---- giving back -----------------------------------------------------------------------------------

PyObject* SavedVariable::unpack(autograd::Node* saved_for) {
    if (extra_ && extra_->unpack_hook) return unpack_packed(saved_for);
    if (!held_) {
        PyErr_SetString(PyExc_RuntimeError, freed_text);
        return nullptr;
    }
    const uint32_t now = original_ ? version_value(as_tensor(held_)) : version_->value;
    if (now != saved_version_) return modified(now, saved_for);
    PyObject* array = original_ ? as_tensor(held_)->array : held_;
    if (is_device_array(array)) use_here(array);  // the node lets go of it, maybe, before its stream is done
    if (original_) return Py_NewRef(held_);
    Ref tensor = Ref::steal(bare_tensor());
    if (!tensor || !requires_grad_ || !saved_for) return tensor.release();
    if (extra_ && extra_->replay) {
        if (!modes().grad) return tensor.release();
        const Ref root = Ref::steal(wrap_array(extra_->base_array.new_reference()));
        if (!root) return nullptr;
        as_tensor(root.get())->version = retain(version_);
        set_history(as_tensor(root.get()), autograd::NodePtr(saved_for), 0);
        return unless_killed([&] { return PyObject_CallOneArg(extra_->replay.get(), root.get()); });
    }
    set_history(as_tensor(tensor.get()), autograd::NodePtr(saved_for), output_nr_);
    return tensor.release();
}

PyObject* SavedVariable::modified(uint32_t now, autograd::Node* saved_for) const {
    const TensorObject* tensor = original_ ? as_tensor(held_) : nullptr;
    const Version* version = tensor ? tensor->version : version_;
    const autograd::Node* producer = !tensor        ? saved_for
                                     : tensor->meta ? tensor->meta->grad_fn.get()
                                                    : nullptr;
    std::string text =
        "one of the variables needed for gradient computation has been modified by an inplace operation: [" +
        describe_array(tensor ? tensor->array : held_) + "]";
    if (producer)
        text += ", which is output " + std::to_string(output_nr_) + " of " + short_name(*producer) + ",";
    text += " is at version " + std::to_string(now) + "; expected version " + std::to_string(saved_version_) +
            " instead. Hint: ";
    text += anomaly_mode
                ? "the backtrace further above shows the operation that failed to compute its gradient. "
                  "The variable in question was changed in there or anywhere later. Good luck!"
                : "enable anomaly detection to find the operation that failed to compute its gradient, with "
                  "tritorch.autograd.set_detect_anomaly(True, check_nan=False).";
    if (extra_ && extra_->saver)
        text += std::string(" It was saved at ") + PyUnicode_AsUTF8(extra_->saver.get()) + ".";
    if (version && version->mutator)
        text += std::string(" It was last written at ") + PyUnicode_AsUTF8(version->mutator.get()) + ".";
    PyErr_SetString(PyExc_RuntimeError, text.c_str());
    return nullptr;
}

// ---- hooks -----------------------------------------------------------------------------------------

int SavedVariable::register_hooks(PyObject* pack_hook, PyObject* unpack_hook) {
    const auto refuse = [](const char* text) {
        PyErr_SetString(PyExc_RuntimeError, text);
        return -1;
    };
    if (extra_ && extra_->unpack_hook)
        return refuse(
            "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair "
            "of hooks is allowed at a time.");
    if (!held_)
        return refuse(
            "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of "
            "the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if "
            "you need to backward through the graph a second time or if you need to access saved variables "
            "after calling backward.");
    const Ref tensor = Ref::steal(original_ ? Py_NewRef(held_) : bare_tensor());
    return tensor ? pack(as_tensor(tensor.get()), pack_hook, unpack_hook) : -1;
}

int SavedVariable::pack(TensorObject* tensor, PyObject* pack_hook, PyObject* unpack_hook) {
    // An output goes to the hook without its history: a hook that keeps its argument would close a cycle.
    const Ref given = Ref::steal(original_ ? Py_NewRef(as_object(tensor)) : bare_tensor());
    if (!given) return -1;
    const uint32_t before = version_value(as_tensor(given.get()));
    Ref packed;
    {
        const ModeGuard unrecorded(false);
        packed = Ref::steal(unless_killed([&] { return PyObject_CallOneArg(pack_hook, given.get()); }));
    }
    if (!packed) return -1;
    if (version_value(as_tensor(given.get())) != before) {
        PyErr_SetString(
            PyExc_RuntimeError,
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack "
            "hook cannot be modified by in-place operations as this can lead to unexpected side-effects. "
            "Please open an issue if you need to perform in-place operations on the input to a pack "
            "hook.");
        return -1;
    }
    Extra& kept = extra();
    kept.packed = std::move(packed);
    kept.unpack_hook = Ref::share(unpack_hook);
    kept.is_output = !original_;
    if (original_ && requires_grad_) {
        kept.grad_fn = autograd::NodePtr(grad_fn_of(tensor));
        if (!kept.grad_fn && PyErr_Occurred()) return -1;
        if (!kept.grad_fn) kept.leaf = given;  // the graph owns it anyway, through its accumulator
    }
    tritorch::release(std::exchange(version_, nullptr));
    Py_CLEAR(held_);
    return 0;
}

PyObject* SavedVariable::unpack_packed(autograd::Node* saved_for) {
    const Ref data = Ref::steal(
        unless_killed([&] { return PyObject_CallOneArg(extra_->unpack_hook.get(), extra_->packed.get()); }));
    if (!data) return nullptr;
    if (!is_tensor(data.get())) {
        PyErr_Format(PyExc_TypeError,
                     "Output of saved tensor unpack_hook expected to be a Tensor but got result of type %s",
                     Py_TYPE(data.get())->tp_name);
        return nullptr;
    }
    if (!requires_grad_ || data.get() == extra_->leaf.get()) return data.new_reference();
    Ref tensor = Ref::steal(detach(as_tensor(data.get())));
    if (!tensor) return nullptr;
    if (extra_->is_output && saved_for)
        set_history(as_tensor(tensor.get()), autograd::NodePtr(saved_for), output_nr_);
    else if (extra_->grad_fn) set_history(as_tensor(tensor.get()), extra_->grad_fn, output_nr_);
    else if (extra_->leaf)
        set_history(as_tensor(tensor.get()), accumulator_of(as_tensor(extra_->leaf.get())), 0);
    return tensor.release();
}

int SavedVariable::traverse(visitproc visit, void* arg) const {
    Py_VISIT(held_);
    if (!extra_) return 0;
    for (const Ref* each : {&extra_->unpack_hook, &extra_->packed, &extra_->leaf, &extra_->replay})
        if (const int stop = each->traverse(visit, arg)) return stop;
    return 0;
}

}  // namespace tritorch
