// The nodes that Python's tensors hang on, and the objects by which Python sees them.
//
// Note [Faces of nodes]
// A node is a C++ object with its own count. Python sees it through a face, `_C.Node` (of a class named after
// the operator), that owns the node; the node knows its face without owning it, so that `x.grad_fn is
// x.grad_fn` as long as somebody holds it.
#pragma once

#include "../autograd/engine.h"
#include "../autograd/node.h"
#include "gradients.h"
#include "py.h"
#include "saved.h"
#include "tensor.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tritorch {

// What few nodes have: made on demand.
struct NodeExtras {
    Ref metadata;  // dict; anomaly mode keeps the stack and the parent node here
};

// Every node that a tensor of Python's can have: with its face and what its gradients look like. All under
// the GIL.
class PyNode : public autograd::Node {
  public:
    using Node::Node;
    ~PyNode() override;

    // The shape and dtype that gradient `index` must have.
    virtual const Metadata& metadata(std::uint32_t index) = 0;
    // The class of its face is called so: "AddBackward0".
    virtual Ref class_name() const = 0;
    // An attribute that only this kind of node has; null without an error where there is none.
    virtual PyObject* attribute(PyObject* name) { return (void)name, nullptr; }
    // Visits what Python objects it owns, for the garbage collector.
    virtual int traverse(visitproc visit, void* arg) const;
    virtual void clear_references() {}
    std::string name() const override;
    void on_error() noexcept override;  // anomaly.cpp

    // Its forward made this array now: where that is on a device, the node runs there, on the thread's
    // stream.
    void stand_by(PyObject* array) noexcept;
    // It adds to what is the leaf's: on the stream of the caller of the pass.
    void stand_by_leaf(PyObject* array) noexcept;

    PyObject* face = nullptr;  // borrowed
    std::unique_ptr<NodeExtras> extras;

    // Nodes come and go under the GIL: from Python's own arena.
    static void* operator new(std::size_t size) {
        void* memory = PyObject_Malloc(size);
        if (!memory) throw std::bad_alloc();
        return memory;
    }
    static void operator delete(void* memory) noexcept { PyObject_Free(memory); }
};

inline PyNode& as_py_node(autograd::Node& node) noexcept { return static_cast<PyNode&>(node); }

// OpBackward: the derivative of an operator, shared by all its nodes.
struct OpBackward {
    PyObject_HEAD PyObject* name;  // str
    PyObject* function;            // see OpNode::run
    PyObject* saved_names;         // tuple of str, or null
    bool lazy;                     // the function is handed the node, and unpacks what was saved itself
};
extern PyTypeObject* op_backward_type;

// The node of one call of an operator.
class OpNode final : public PyNode {
  public:
    OpNode(OpBackward* op, std::uint32_t outputs);
    ~OpNode() override;

    void run(autograd::Values& gradients, autograd::Values& results) override;
    void release_saved() override { saved.release(); }
    const Metadata& metadata(std::uint32_t index) override { return outputs_[index]; }
    Ref class_name() const override { return Ref::share(op_->name); }
    PyObject* attribute(PyObject* name) override;
    int traverse(visitproc visit, void* arg) const override;
    void clear_references() override { saved.release(); }

    void set_output(std::uint32_t index, PyObject* array) {
        outputs_[index] = Metadata(array);
        if (is_device_array(array)) stand_by(array);
    }
    // One edge for each tensor, number or None in `inputs`; a list has one for each of its items. Where the
    // operator has written `written`, the edges lead to what was there before. Throws CarriedError.
    void connect(PyObject* inputs, TensorObject* written);

    SavedTuple saved;

  private:
    std::uint64_t needed_positions() const;
    void spread(PyObject* returned, autograd::Values& results) const;

    OpBackward* op_;  // owned
    std::uint32_t positions_ = 0;
    // How many edges each position has, or `single` for one that is no list; empty where there are no lists.
    static constexpr std::int32_t single = -1;
    std::vector<std::int32_t> lengths_;
    autograd::SmallVector<Metadata, 1> outputs_;
};

// The end of the graph at a leaf: adds what comes to the leaf's `.grad`.
class AccumulateGrad final : public PyNode {
  public:
    explicit AccumulateGrad(TensorObject* leaf);
    ~AccumulateGrad() override;

    void run(autograd::Values& gradients, autograd::Values& results) override;
    const Metadata& metadata(std::uint32_t) override;
    Ref class_name() const override;
    PyObject* attribute(PyObject* name) override;
    int traverse(visitproc visit, void* arg) const override;
    TensorObject* leaf() const noexcept { return leaf_; }

  private:
    void accumulate(autograd::Value gradient);
    void call_post_hooks();

    TensorObject* leaf_;  // owned
    Metadata metadata_;
    bool busy_ = false;  // see Note [One writer of .grad]
};

// The node by which the base of `view` takes part in the write: see copy_slices.cpp. `own_edges` are the
// edges of `write` that lead to what the view was before. Throws CarriedError.
autograd::NodePtr make_copy_slices(TensorObject* view, autograd::Pointer<OpNode> write,
                                   const std::vector<std::uint32_t>& own_edges);

// ---- between tensors and nodes -------------------------------------------------------------------------

// Where the gradient of a tensor flows: to the node that made it, or, for a leaf, to its accumulator; nowhere
// for a constant. Throws CarriedError.
autograd::Edge gradient_edge(TensorObject* tensor);
// The leaf's accumulator, made if there is none now.
autograd::NodePtr accumulator_of(TensorObject* leaf);
// Puts a node of `op_backward` between `inputs` and `outs`: _C.record(). Throws CarriedError.
void record(PyObject* op_backward, PyObject* outs, PyObject* inputs, PyObject* saved);
// The node's face: a new reference, None for null; null with an error set.
PyObject* face_of(autograd::Node* node);
// The node behind a face, or null with TypeError set.
PyNode* node_behind(PyObject* face);
// The node whose run() the calling thread is in, or null.
PyNode* running_node() noexcept;

// ---- hooks.cpp -----------------------------------------------------------------------------------------

// Gives a tensor that was written in place its new producer. Its hooks stay with the old one; only what
// retain_grad() asked for goes along.
void rebase_history(TensorObject* tensor, autograd::NodePtr node, std::uint32_t output_nr);
// Gives a fresh accumulator the hooks that its leaf has.
void adopt_leaf_hooks(AccumulateGrad& node);
// Has `tensor.grad` filled though it is no leaf. Throws CarriedError.
void retain_grad(TensorObject* tensor);
// Visits the dicts of hooks.
int traverse_hooks(const autograd::NodeHooks* hooks, visitproc visit, void* arg);
// register_hook and register_prehook of a node.
PyObject* register_node_hook(PyNode& node, PyObject* hook, bool before);

// ---- anomaly.cpp ---------------------------------------------------------------------------------------

// Under anomaly mode: keeps the stack and the node that runs. Throws CarriedError.
void remember_forward(PyNode& node);
// Throws torch's error if one of the results has a NaN, in anomaly mode with check_nan.
void check_anomaly(const autograd::Node& node, const autograd::Values& results);

}  // namespace tritorch
