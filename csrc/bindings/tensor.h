// What a tensor is in C++: the Python object itself, its version counter, and its place in the graph.
//
// Note [GIL and tensors]
// Everything in this header belongs to the GIL: no counter here is atomic, no field is read without it.
// The engine's core (csrc/autograd) knows tensors only as opaque values that it moves.
#pragma once

#include "../autograd/node.h"
#include "py.h"

#include <cstdint>
#include <string>

namespace tritorch {

// ---- version counters ----------------------------------------------------------------------------

// Note [Version counter]
// Counts the writes to a storage. Views and detach() share it, `.data` does not. A tensor that nobody shares
// with and nobody wrote to has none yet (`version == nullptr` means zero): a fresh result costs no
// allocation. Inference tensors never have one.
struct Version {
    uint32_t references = 1;
    uint32_t value = 0;
    Ref mutator;  // under anomaly mode: "file:line" of the last write, else empty
};

// ---- the autograd part ---------------------------------------------------------------------------

// How a view came to be, which decides whether it may be written in place (torch's CreationMeta).
enum class CreationMeta : uint8_t {
    plain,
    no_grad,       // made while grad mode was off
    multi_output,  // one of several outputs of split, unbind...
    inference,     // made in inference mode from a normal tensor
    custom,        // returned by a custom autograd.Function
};

struct ViewMeta {
    Ref base;                   // the root base, a Tensor that is no view; empty in what is no view itself
    Ref view_fn;                // callable(base) -> view, or empty: as_strided with the array's geometry
    uint32_t attr_version = 0;  // version of the storage when `grad_fn` was last right
    CreationMeta creation = CreationMeta::plain;
};

// Present only on tensors that have some history, hook, gradient or base.
struct AutogradMeta {
    autograd::NodePtr grad_fn;
    uint32_t output_nr = 0;
    bool retains_grad = false;
    // The leaf's accumulator, not owned: it owns its leaf, and clears this field when it dies.
    autograd::Node* accumulator = nullptr;
    Ref grad;             // Tensor or empty
    Ref hooks;            // dict id -> callable: tensor hooks of a leaf
    Ref post_accumulate;  // dict id -> callable: post-accumulate-grad hooks of a leaf
    ViewMeta view;
};

// ---- the object ----------------------------------------------------------------------------------

struct TensorObject {
    PyObject_HEAD PyObject* array;  // np.ndarray on the CPU; otherwise an object with shape, strides, dtype
    Version* version;               // see Note [Version counter]
    AutogradMeta* meta;             // null: a constant
    PyObject* dict;
    PyObject* weakrefs;
    bool requires_grad;  // own flag of a leaf, or "has a grad_fn"; a view asks its base too:
                         // requires_grad_of()
    bool inference;      // made in inference mode
};

// Types and singletons named by set_types(); borrowed for the life of the process.
struct Types {
    PyTypeObject* base = nullptr;    // _C.TensorBase
    PyTypeObject* tensor = nullptr;  // tritorch.Tensor
    PyTypeObject* parameter = nullptr;
    PyTypeObject* size = nullptr;
    PyObject* cpu = nullptr;  // tritorch.device("cpu")
};
extern Types types;

inline bool is_plain_tensor(PyObject* object) noexcept {
    PyTypeObject* type = Py_TYPE(object);
    return type == types.tensor || type == types.parameter;
}
inline bool is_tensor(PyObject* object) noexcept {
    return is_plain_tensor(object) || PyType_IsSubtype(Py_TYPE(object), types.base);
}
inline TensorObject* as_tensor(PyObject* object) noexcept { return reinterpret_cast<TensorObject*>(object); }
inline PyObject* as_object(TensorObject* tensor) noexcept { return reinterpret_cast<PyObject*>(tensor); }

// ---- making tensors (all return new references, or null with an error set) ---------------------------

// A fresh tensor on `array` (the reference is stolen, also on failure): own version, no graph.
PyObject* wrap_array(PyObject* array);
PyObject* wrap_array_as(PyTypeObject* type, PyObject* array);
// The same from a NumPy scalar or anything np.asarray takes; a stolen ndarray goes straight through.
PyObject* wrap_any(PyObject* stolen);

// Shares array and version, without history. The type is Tensor.
PyObject* detach(TensorObject* tensor);
// Shares the array alone: `.data`.
PyObject* alias_data(TensorObject* tensor);
// A differentiable view of `parent` on `array` (stolen); no grad_fn yet: record() sets it. `view_fn` is
// borrowed, may be null, and replays from `parent`; for a view of a view the composition from the root is
// built here.
PyObject* make_view(TensorObject* parent, PyObject* array, PyObject* view_fn, CreationMeta creation);

// ---- reading and changing -------------------------------------------------------------------------

AutogradMeta& ensure_meta(TensorObject* tensor);  // throws std::bad_alloc only

inline uint32_t version_value(const TensorObject* tensor) noexcept {
    return tensor->version ? tensor->version->value : 0;
}
// The counter itself, made if it was not there yet (borrowed: it lives as long as the tensor).
Version* version_of(TensorObject* tensor);
inline Version* retain(Version* version) noexcept {
    ++version->references;
    return version;
}
void release(Version* version) noexcept;
// After a write. Returns -1 with torch's error for an inference tensor written outside inference mode.
int bump_version(TensorObject* tensor);

inline bool is_leaf(const TensorObject* tensor) noexcept { return !tensor->meta || !tensor->meta->grad_fn; }
inline ViewMeta* view_meta(const TensorObject* tensor) noexcept {
    return tensor->meta && tensor->meta->view.base ? &tensor->meta->view : nullptr;
}
inline bool requires_grad_of(const TensorObject* tensor) noexcept {
    if (tensor->requires_grad) return true;
    const ViewMeta* view = view_meta(tensor);
    return view && as_tensor(view->base.get())->requires_grad;
}
// The node that made the tensor (borrowed), or null for a leaf. For a view whose storage was written since,
// the history is first rebuilt from its base; that runs Python and can fail: null with an error set
// (PyErr_Occurred).
autograd::Node* grad_fn_of(TensorObject* tensor);
// What replays a view from its root base: callable(base) -> view. Empty with an error set.
Ref replay_of(TensorObject* view);
// The name of a node as error texts have it: "Exp" for "ExpBackward0".
std::string short_name(const autograd::Node& node);
// -1 with torch's error where a view of this creation may not be written in place under grad mode: by itself,
// or
// (`indirect`) through its base or another view of it.
int check_view_write(TensorObject* view, bool indirect);
// Sets the producer, with requires_grad; for a view also marks the history as up to date.
void set_history(TensorObject* tensor, autograd::NodePtr node, uint32_t output_nr);
void clear_history(TensorObject* tensor);  // a constant again: detach_()

// ---- thread-local modes ----------------------------------------------------------------------------

struct Modes {
    bool grad = true;
    bool inference = false;
};
Modes& modes() noexcept;
// Anomaly mode, process-wide as in torch; set by set_detect_anomaly.
extern bool anomaly_mode;
// "file:line" of the user's code that is running, or empty: source_line.cpp.
Ref source_line();
// Restores the modes of the calling thread at the end of a scope.
class ModeGuard {
  public:
    explicit ModeGuard(bool grad) noexcept : saved_(modes()) { modes().grad = grad; }
    ~ModeGuard() { modes() = saved_; }
    ModeGuard(const ModeGuard&) = delete;
    ModeGuard& operator=(const ModeGuard&) = delete;

  private:
    Modes saved_;
};

}  // namespace tritorch
