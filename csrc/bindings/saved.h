// What a node keeps of the tensors that its derivative names.
//
// Note [Saved tensors]
// - An input, or an output that is a leaf, is kept as the very tensor: no cycle can arise, for its grad_fn is
//   another node.
// - An output of the node itself is kept without its history (array and version): a tensor would own the node
// that
//   owns it. unpack() builds it anew with grad_fn = the node that asks.
// - A view written in place is an output whose history comes from its base: it is kept as the base's array
// and the
//   replay of the view, and unpack() replays it on the base as that node (CopySlices) made it.
// - Under saved_tensors_hooks what pack_hook returns is kept instead, and versions go unchecked, as in torch.
// Otherwise unpack() compares the storage's version with that at the time of saving. All of it needs the GIL.
#pragma once

#include "../autograd/small_vector.h"
#include "tensor.h"

#include <memory>

namespace tritorch {

class SavedVariable {
  public:
    enum class Role : uint8_t { input, output, written_view };

    SavedVariable() noexcept;
    SavedVariable(SavedVariable&&) noexcept;
    SavedVariable& operator=(SavedVariable&&) noexcept;
    ~SavedVariable();

    // Keeps `tensor`, after the history of an output has been set. Where the operator wrote to the storage
    // that counts in `written`, an input on it is no more what the operator saw: unpacking it will fail. -1
    // with an error set.
    int save(TensorObject* tensor, Role role, const Version* written = nullptr);
    // The tensor (new reference), or null with an error set: released, or written since. `saved_for` is the
    // node that made the output.
    PyObject* unpack(autograd::Node* saved_for);
    void release() noexcept;
    // Replaces what is kept by what `pack` makes of it. -1 with an error set.
    int register_hooks(PyObject* pack, PyObject* unpack);
    int traverse(visitproc visit, void* arg) const;

  private:
    struct Extra;  // what only hooks, written views and anomaly mode need

    Extra& extra();
    int pack(TensorObject* tensor, PyObject* pack_hook, PyObject* unpack_hook);
    PyObject* unpack_packed(autograd::Node* saved_for);
    PyObject* bare_tensor() const;  // on the kept array and version, without history
    PyObject* modified(uint32_t now, autograd::Node* saved_for) const;

    PyObject* held_ = nullptr;    // the tensor if original_, else its array; owned
    Version* version_ = nullptr;  // of an array; owned
    uint32_t saved_version_ = 0;
    uint32_t output_nr_ = 0;
    bool original_ = false;
    bool requires_grad_ = false;
    std::unique_ptr<Extra> extra_;
};

// Anything that a derivative names.
struct SavedItem {
    enum class Kind : uint8_t { object, tensor, sequence };

    Kind kind = Kind::object;
    SavedVariable tensor;
    Ref object;                           // of an object; of a sequence its type: list or tuple
    std::unique_ptr<SavedItem[]> nested;  // of a sequence
    Py_ssize_t length = 0;
};

// The `saved` of one record(): a tuple of anything, in which tensors (also one list or tuple deep) are
// SavedVariables.
class SavedTuple {
  public:
    // Those that are `outs`, or among them where that is a tuple or list, are kept in the role `of_outs`,
    // others as inputs. -1 with an error set.
    int save(PyObject* tuple, PyObject* outs, SavedVariable::Role of_outs, const Version* written = nullptr);
    // The tuple again (new reference), or null with an error set.
    PyObject* unpack(autograd::Node* saved_for);
    // Item i alone: `_saved_<name>` of a node.
    PyObject* unpack_item(uint32_t i, autograd::Node* saved_for);
    uint32_t size() const noexcept { return items_.size(); }
    // The variable at item i, or null where that is no tensor.
    SavedVariable* variable(uint32_t i);
    // Lets go of the tensors and everything else. A tuple that never held a tensor stays: such a graph can
    // run twice.
    void release() noexcept;
    int traverse(visitproc visit, void* arg) const;

  private:
    autograd::SmallVector<SavedItem, 2> items_;
    bool has_tensors_ = false;
};

}  // namespace tritorch
