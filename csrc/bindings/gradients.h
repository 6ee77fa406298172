// The engine's arithmetic on gradients: do they fit, what is their sum, who else sees them. Plain arrays
// outside the graph are handled here; whatever is recorded, or lives on a device, goes through the operators
// of backend.h.
#pragma once

#include "../autograd/node.h"
#include "backend.h"
#include "carry.h"
#include "numpy.h"
#include "tensor.h"

#include <memory>

namespace tritorch {

inline TensorObject* tensor_in(const autograd::Value& value) noexcept {
    return static_cast<TensorObject*>(value.get());
}
inline autograd::Value into_value(Ref tensor) noexcept { return autograd::Value(tensor.release()); }
inline bool is_recorded(const TensorObject* tensor) noexcept { return tensor->requires_grad; }
inline PyArrayObject* host_array(const TensorObject* tensor) noexcept {
    return is_host_array(tensor->array) ? as_array(tensor->array) : nullptr;
}

// An operator of backend.h, borrowed; throws where set_backend() has not been given it.
PyObject* required_operator(PyObject* function, const char* name);
#define TRITORCH_OPERATOR(name) required_operator(backend.name, #name)

// Shape and dtype of an output of a forward operator: what its gradient must look like.
class Metadata {
  public:
    Metadata() noexcept = default;
    // Throws CarriedError for an array that has no shape or dtype.
    explicit Metadata(PyObject* array);

    int ndim() const noexcept { return ndim_; }
    const npy_intp* dims() const noexcept { return ndim_ <= inline_dims ? few_ : many_.get(); }
    PyArray_Descr* descr() const noexcept { return reinterpret_cast<PyArray_Descr*>(descr_.get()); }
    PyObject* device() const noexcept { return device_ ? device_.get() : types.cpu; }
    bool on_host() const noexcept { return !device_; }
    explicit operator bool() const noexcept { return static_cast<bool>(descr_); }

    Ref shape() const;  // a tuple
    Ref dtype() const;  // tritorch's
    bool same_shape(const npy_intp* dims, int ndim) const noexcept;

  private:
    static constexpr int inline_dims = 4;

    npy_intp* allocate(int ndim);

    Ref descr_;
    Ref device_;  // empty: the host
    int ndim_ = 0;
    npy_intp few_[inline_dims] = {};
    std::unique_ptr<npy_intp[]> many_;
};

// The gradient, summed to the shape and cast to the dtype that `wanted` says; throws torch's error where it
// can't be. `node` and `index` name it there.
void fit(autograd::Value& gradient, const Metadata& wanted, const autograd::Node& node, std::uint32_t index);

// into + more, in place if nobody else sees `into` and grad mode is off.
void add_gradient(autograd::Value& into, autograd::Value more);
// Writes target += gradient, both outside the graph and of one shape and dtype.
void add_in_place(TensorObject* target, TensorObject* gradient);

// Whether this reference is the only way to the tensor's memory.
bool is_sole_owner(const TensorObject* tensor) noexcept;
// A copy outside the graph in the memory layout of `like`.
Ref copy_like(TensorObject* gradient, TensorObject* like);
// Whether the gradient lies in memory as `like` does (where that is dense), else contiguously.
bool has_layout_of(TensorObject* gradient, TensorObject* like) noexcept;

bool has_nan(TensorObject* gradient);

// Lets go of what the engine holds, as an owned reference; empty for none.
inline Ref take(autograd::Value& value) noexcept {
    return Ref::steal(static_cast<PyObject*>(value.detach()));
}

}  // namespace tritorch
