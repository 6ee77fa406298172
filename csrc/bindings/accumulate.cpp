// AccumulateGrad: where gradients come to rest.
#include "device.h"
#include "node.h"

#include <chrono>
#include <thread>

namespace tritorch {

AccumulateGrad::AccumulateGrad(TensorObject* leaf)
    : PyNode(runs_first, 1), leaf_(leaf), metadata_(leaf->array) {
    Py_INCREF(as_object(leaf_));
    stand_by_leaf(leaf->array);
}

AccumulateGrad::~AccumulateGrad() {
    AutogradMeta* meta = leaf_->meta;
    if (meta && meta->accumulator == this) meta->accumulator = nullptr;
    Py_DECREF(as_object(leaf_));
}

// The leaf's data may have been replaced (`x.data = ...`) since the graph was built.
const Metadata& AccumulateGrad::metadata(std::uint32_t) {
    PyArrayObject* array = host_array(leaf_);
    const bool current = array && metadata_.on_host() && PyArray_DESCR(array) == metadata_.descr() &&
                         metadata_.same_shape(PyArray_DIMS(array), PyArray_NDIM(array));
    if (!current) metadata_ = Metadata(leaf_->array);
    return metadata_;
}

// Note [One writer of .grad]
// Two passes may reach a leaf at once, and NumPy lets go of the GIL while it adds large arrays: without more,
// one of the sums would be lost. A plain flag under the GIL keeps the second thread out; it waits without the
// GIL, as the first needs that to finish.
void AccumulateGrad::run(autograd::Values& gradients, autograd::Values&) {
    if (!gradients[0] || !leaf_->requires_grad) return;
    while (busy_) {
        autograd::runtime().leave();
        std::this_thread::sleep_for(std::chrono::microseconds(20));
        autograd::runtime().enter();
    }
    struct Busy {
        bool& flag;
        explicit Busy(bool& flag) : flag(flag) { flag = true; }
        ~Busy() { flag = false; }
    };
    {
        const Busy busy(busy_);
        accumulate(std::move(gradients[0]));
    }
    if (leaf_->meta && leaf_->meta->post_accumulate) call_post_hooks();
}

void AccumulateGrad::accumulate(autograd::Value gradient) {
    AutogradMeta& meta = ensure_meta(leaf_);
    TensorObject* tensor = tensor_in(gradient);
    if (!meta.grad) {
        // torch takes the gradient over where nobody else has it. Beyond torch: nor its memory, so that the
        // gradients of two leaves never share theirs.
        const bool ours = !modes().grad && is_plain_tensor(as_object(tensor)) && Py_REFCNT(tensor) == 1 &&
                          is_sole_owner(tensor) && has_layout_of(tensor, leaf_);
        if (modes().grad && is_recorded(tensor)) {
            meta.grad = call(TRITORCH_OPERATOR(clone), as_object(tensor));
        } else if (!ours) {
            Ref copy = copy_like(tensor, leaf_);
            ensure_meta(leaf_).grad = std::move(copy);
        } else if (tensor->meta) {
            meta.grad = checked(detach(tensor));
        } else {
            meta.grad = take(gradient);
        }
        return;
    }
    const Ref sum = meta.grad;
    use_here(as_tensor(sum.get())->array);
    if (!modes().grad) {
        add_in_place(as_tensor(sum.get()), tensor);
        return;
    }
    Ref total = call(TRITORCH_OPERATOR(add), sum.get(), as_object(tensor));
    ensure_meta(leaf_).grad = std::move(total);
}

void AccumulateGrad::call_post_hooks() {
    const Ref hooks =
        checked(PyMapping_Values(leaf_->meta->post_accumulate.get()));  // a hook may remove itself
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(hooks.get()); ++i) {
        const Ref result = call(PyList_GET_ITEM(hooks.get(), i), as_object(leaf_));
        if (result.get() == Py_None || is_tensor(result.get())) continue;
        PyErr_Format(PyExc_TypeError, "expected Variable, but hook returned '%s'",
                     Py_TYPE(result.get())->tp_name);
        throw CarriedError();
    }
}

Ref AccumulateGrad::class_name() const { return checked(PyUnicode_FromString("AccumulateGrad")); }

PyObject* AccumulateGrad::attribute(PyObject* name) {
    if (PyUnicode_CompareWithASCIIString(name, "variable") == 0) return Py_NewRef(as_object(leaf_));
    return nullptr;
}

int AccumulateGrad::traverse(visitproc visit, void* arg) const {
    Py_VISIT(as_object(leaf_));
    return PyNode::traverse(visit, arg);
}

// ---- edges -----------------------------------------------------------------------------------------------

autograd::NodePtr accumulator_of(TensorObject* leaf) {
    AutogradMeta& meta = ensure_meta(leaf);
    if (meta.accumulator && meta.accumulator->retain_if_alive())
        return autograd::NodePtr::adopt(meta.accumulator);
    auto made = autograd::Pointer<AccumulateGrad>::adopt(new AccumulateGrad(leaf));
    adopt_leaf_hooks(*made);
    meta.accumulator = made.get();
    return made;
}

autograd::Edge gradient_edge(TensorObject* tensor) {
    if (autograd::Node* node = grad_fn_of(tensor)) return {autograd::NodePtr(node), tensor->meta->output_nr};
    if (PyErr_Occurred()) throw CarriedError();
    if (!tensor->requires_grad) return {};
    return {accumulator_of(tensor), 0};
}

}  // namespace tritorch
