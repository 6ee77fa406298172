// The node of a recorded operator: what it is handed, what it calls, what becomes of the result.
#include "node.h"

namespace tritorch {

namespace {

thread_local PyNode* running = nullptr;

class RunningNode {
  public:
    explicit RunningNode(PyNode* node) noexcept : outer_(std::exchange(running, node)) {}
    ~RunningNode() { running = outer_; }
    RunningNode(const RunningNode&) = delete;
    RunningNode& operator=(const RunningNode&) = delete;

  private:
    PyNode* outer_;
};

bool is_list(PyObject* object) { return PyList_Check(object) || PyTuple_Check(object); }

[[noreturn]] void wrong_count(const std::string& name, Py_ssize_t expected, Py_ssize_t got) {
    PyErr_Format(PyExc_RuntimeError,
                 "function %s returned an incorrect number of gradients (expected %zd, got %zd)",
                 name.c_str(), expected, got);
    throw CarriedError();
}

autograd::Value as_gradient(PyObject* object, const PyNode& node) {
    if (object == Py_None) return {};
    if (!is_tensor(object)) {
        PyErr_Format(PyExc_TypeError,
                     "function %s returned a gradient that is no Tensor and not None, but %s",
                     node.name().c_str(), Py_TYPE(object)->tp_name);
        throw CarriedError();
    }
    return autograd::Value(Py_NewRef(object));
}

}  // namespace

PyNode* running_node() noexcept { return running; }

OpNode::OpNode(OpBackward* op, std::uint32_t outputs)
    : PyNode(next_sequence(), outputs), op_(op), outputs_(outputs) {
    Py_INCREF(op_);
}

OpNode::~OpNode() { Py_DECREF(op_); }

// Note [Edges of a write]
// When record_inplace() runs, the version has been bumped already, so that every view of the storage seems
// out of date. Edges must lead to the history before the write: they are gathered with the counter one back,
// and a view whose history is rebuilt meanwhile stays marked as out of date.
void OpNode::connect(PyObject* inputs, TensorObject* written) {
    struct OneBack {
        Version* version;
        ~OneBack() {
            if (version) ++version->value;
        }
    } back{written && written->version && written->version->value ? written->version : nullptr};
    if (back.version) --back.version->value;

    auto add = [this](PyObject* item) {
        add_edge(is_tensor(item) ? gradient_edge(as_tensor(item)) : autograd::Edge());
    };
    positions_ = static_cast<std::uint32_t>(PyTuple_GET_SIZE(inputs));
    for (std::uint32_t i = 0; i < positions_; ++i) {
        PyObject* item = PyTuple_GET_ITEM(inputs, i);
        if (!is_list(item)) {
            add(item);
            if (!lengths_.empty()) lengths_[i] = single;
            continue;
        }
        if (lengths_.empty()) lengths_.assign(positions_, single);
        lengths_[i] = static_cast<std::int32_t>(PySequence_Fast_GET_SIZE(item));
        for (std::int32_t j = 0; j < lengths_[i]; ++j) add(PySequence_Fast_GET_ITEM(item, j));
    }
}

// A bit for each position of which somebody wants the gradient in this pass.
std::uint64_t OpNode::needed_positions() const {
    autograd::GraphTask* task = autograd::Engine::current();
    auto wanted = [&](std::uint32_t edge) {
        const autograd::Node* next = edges()[edge].node.get();
        return next && (!task || !task->selective() || task->wants(next));
    };
    std::uint64_t needed = 0;
    std::uint32_t edge = 0;
    for (std::uint32_t i = 0; i < positions_; ++i) {
        const std::int32_t length = lengths_.empty() || lengths_[i] == single ? 1 : lengths_[i];
        for (std::int32_t j = 0; j < length; ++j, ++edge) {
            if (i < 64 && wanted(edge)) needed |= std::uint64_t(1) << i;
        }
    }
    return needed;
}

// Calls function(needs, saved, *gradients), or function(needs, node, *gradients) for a lazy one.
void OpNode::run(autograd::Values& gradients, autograd::Values& results) {
    bool any = op_->lazy;
    for (const autograd::Value& gradient : gradients) any = any || gradient;
    if (!any) {
        results.resize(edges().size());
        return;
    }
    const RunningNode here(this);
    const Ref needs = checked(PyLong_FromUnsignedLongLong(needed_positions()));
    const Ref kept = checked(op_->lazy ? face_of(this) : saved.unpack(this));
    autograd::SmallVector<PyObject*, 6> args(3 + gradients.size());
    args[1] = needs.get();
    args[2] = kept.get();
    for (std::uint32_t i = 0; i < gradients.size(); ++i) {
        args[3 + i] = gradients[i] ? as_object(tensor_in(gradients[i])) : Py_None;
    }
    const Ref returned = call_with(op_->function, args.data() + 1, args.size() - 1);
    spread(returned.get(), results);
}

// One gradient an edge, from a tuple with one item a position; a single position may be returned bare.
void OpNode::spread(PyObject* returned, autograd::Values& results) const {
    results.reserve(edges().size());
    PyObject* const* items = &returned;
    if (PyTuple_Check(returned)) {
        const bool nested = positions_ != 1 || lengths_.empty() ||
                            (PyTuple_GET_SIZE(returned) == 1 && is_list(PyTuple_GET_ITEM(returned, 0)));
        if (nested) {
            if (PyTuple_GET_SIZE(returned) != positions_) {
                wrong_count(name(), positions_, PyTuple_GET_SIZE(returned));
            }
            items = &PyTuple_GET_ITEM(returned, 0);
        }
    } else if (positions_ != 1) {
        wrong_count(name(), positions_, 1);
    }
    for (std::uint32_t i = 0; i < positions_; ++i) {
        if (lengths_.empty() || lengths_[i] == single) {
            results.push_back(as_gradient(items[i], *this));
        } else if (items[i] == Py_None) {
            for (std::int32_t j = 0; j < lengths_[i]; ++j) results.push_back({});
        } else {
            if (!is_list(items[i])) wrong_count(name(), lengths_[i], 1);
            const Py_ssize_t got = PySequence_Fast_GET_SIZE(items[i]);
            if (got != lengths_[i]) wrong_count(name(), lengths_[i], got);
            for (std::int32_t j = 0; j < lengths_[i]; ++j) {
                results.push_back(as_gradient(PySequence_Fast_GET_ITEM(items[i], j), *this));
            }
        }
    }
}

// `_saved_<name>`, `saved_tensors`, and for a custom Function whatever its context has.
PyObject* OpNode::attribute(PyObject* name) {
    const char* text = PyUnicode_AsUTF8(name);
    if (!text) return nullptr;
    const std::string_view wanted(text);
    if (wanted == "saved_tensors") return saved.unpack(this);
    if (op_->saved_names && wanted.starts_with("_saved_")) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(op_->saved_names); ++i) {
            const char* known = PyUnicode_AsUTF8(PyTuple_GET_ITEM(op_->saved_names, i));
            if (known && wanted.substr(7) == known)
                return saved.unpack_item(static_cast<std::uint32_t>(i), this);
        }
    }
    if (!op_->lazy || wanted.starts_with("__")) return nullptr;
    const Ref context = Ref::steal(PyObject_GetAttrString(op_->function, "ctx"));
    if (context) return PyObject_GetAttr(context.get(), name);
    PyErr_Clear();  // any callable may be a lazy derivative
    return nullptr;
}

int OpNode::traverse(visitproc visit, void* arg) const {
    Py_VISIT(op_);
    if (const int stop = saved.traverse(visit, arg)) return stop;
    return PyNode::traverse(visit, arg);
}

}  // namespace tritorch
