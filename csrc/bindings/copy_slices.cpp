// CopySlices: a write into a view, as the view's base sees it.
//
// Note [Writes into views]
// After `view.mul_(x)` the base is another value than before: it was made by this node from what it was (and
// x). Backward, the gradient of the base is copied; the part that the view covers is replaced by what the
// write's own derivative makes of it, the rest passes through. The view's history is then rebuilt from its
// base, see Note [View history].
#include "node.h"

#include <algorithm>
#include <numeric>

namespace tritorch {

namespace {

class CopySlices final : public PyNode {
  public:
    CopySlices(TensorObject* base, Ref replay, autograd::Pointer<OpNode> write,
               std::vector<std::uint32_t> own_edges)
        : PyNode(next_sequence(), 1),
          metadata_(base->array),
          replay_(std::move(replay)),
          write_(std::move(write)),
          own_edges_(std::move(own_edges)) {
        stand_by(base->array);
        if (PyArrayObject* array = host_array(base)) {
            strides_.assign(PyArray_STRIDES(array), PyArray_STRIDES(array) + PyArray_NDIM(array));
        }
        autograd::Edge to_base = gradient_edge(base);
        for (std::uint32_t own : own_edges_) write_->replace_edge(own, to_base);
        add_edge(std::move(to_base));
        for (std::uint32_t i = 0; i < write_->edges().size(); ++i) {
            const autograd::Edge& edge = write_->edges()[i];
            add_edge(is_own(i) ? autograd::Edge() : autograd::Edge{edge.node, edge.input});
        }
    }

    void run(autograd::Values& gradients, autograd::Values& results) override;
    void release_saved() override { write_->release_saved(); }
    const Metadata& metadata(std::uint32_t) override { return metadata_; }
    Ref class_name() const override { return checked(PyUnicode_FromString("CopySlices")); }
    int traverse(visitproc visit, void* arg) const override {
        if (const int stop = replay_.traverse(visit, arg)) return stop;
        if (const int stop = write_->unique() ? write_->traverse(visit, arg) : 0) return stop;
        return PyNode::traverse(visit, arg);
    }
    void clear_references() override { write_->clear_references(); }

  private:
    bool is_own(std::uint32_t edge) const {
        return std::find(own_edges_.begin(), own_edges_.end(), edge) != own_edges_.end();
    }
    Ref copy_of(TensorObject* gradient) const;

    Metadata metadata_;
    std::vector<npy_intp> strides_;  // of the base on the host: a view without a view_fn counts in them
    Ref replay_;                     // callable(base) -> view
    autograd::Pointer<OpNode> write_;
    std::vector<std::uint32_t> own_edges_;
};

// A copy of the gradient that lies in memory as the base does.
Ref CopySlices::copy_of(TensorObject* gradient) const {
    PyArrayObject* source = host_array(gradient);
    if (!source || (modes().grad && is_recorded(gradient))) {
        return call(TRITORCH_OPERATOR(clone), as_object(gradient));
    }
    const int ndim = PyArray_NDIM(source);
    std::vector<npy_intp> order(ndim), dims(ndim), back(ndim);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [this](npy_intp a, npy_intp b) { return strides_[a] > strides_[b]; });
    for (int i = 0; i < ndim; ++i) {
        dims[i] = PyArray_DIM(source, order[i]);
        back[order[i]] = i;
    }
    Py_INCREF(PyArray_DESCR(source));
    const Ref packed = checked(PyArray_Empty(ndim, dims.data(), PyArray_DESCR(source), 0));
    PyArray_Dims permutation{back.data(), ndim};
    Ref copy = checked(PyArray_Transpose(as_array(packed.get()), &permutation));
    if (PyArray_CopyInto(as_array(copy.get()), source) < 0) throw CarriedError();
    return checked(wrap_array(copy.release()));
}

// Writes `value`, or zeros where it is empty, into a view of a gradient.
void overwrite(TensorObject* view, TensorObject* value) {
    PyArrayObject *target = host_array(view), *source = value ? host_array(value) : nullptr;
    if (modes().grad || !target || (value && !source)) {
        const char* name = value ? "copy_" : "zero_";
        checked(PyObject_CallMethod(as_object(view), name, value ? "O" : nullptr, as_object(value)));
        return;
    }
    const Ref zero = source ? Ref() : checked(PyLong_FromLong(0));
    if ((source ? PyArray_CopyInto(target, source) : PyArray_FillWithScalar(target, zero.get())) < 0) {
        throw CarriedError();
    }
}

void CopySlices::run(autograd::Values& gradients, autograd::Values& results) {
    results.resize(edges().size());
    if (!gradients[0]) return;
    const Ref whole = copy_of(tensor_in(gradients[0]));
    const Ref part = call(replay_.get(), whole.get());
    autograd::Values incoming, outgoing;
    if (modes().grad) {
        incoming.push_back(into_value(call(TRITORCH_OPERATOR(clone), part.get())));
    } else {
        incoming.push_back(into_value(copy_like(as_tensor(part.get()), as_tensor(part.get()))));
    }
    write_->run(incoming, outgoing);

    autograd::Value own;
    for (std::uint32_t i = 0; i < outgoing.size(); ++i) {
        if (!is_own(i)) {
            results[1 + i] = std::move(outgoing[i]);
        } else if (!own) {
            own = std::move(outgoing[i]);
        } else if (outgoing[i]) {
            add_gradient(own, std::move(outgoing[i]));
        }
    }
    if (!edges()[0]) return;
    overwrite(as_tensor(part.get()), own ? tensor_in(own) : nullptr);
    results[0] = autograd::Value(whole.new_reference());
}

}  // namespace

autograd::NodePtr make_copy_slices(TensorObject* view, autograd::Pointer<OpNode> write,
                                   const std::vector<std::uint32_t>& own_edges) {
    TensorObject* base = as_tensor(view_meta(view)->base.get());
    Ref replay = replay_of(view);
    if (!replay) throw CarriedError();
    auto node = autograd::Pointer<CopySlices>::adopt(
        new CopySlices(base, std::move(replay), std::move(write), own_edges));
    return node;
}

}  // namespace tritorch
