// The life of a tensor object: allocation, version counter, graph fields, destruction. Its Python face is in
// tensor_type.cpp, views are in views.cpp.
#include "tensor.h"

#include "node.h"
#include "numpy.h"

#include <new>

namespace tritorch {

Types types;
bool anomaly_mode = false;

namespace {
// Read on every operator: the fixed offset of initial-exec spares the call to __tls_get_addr.
constinit thread_local Modes thread_modes __attribute__((tls_model("initial-exec")));

// Note [Free list of tensors]
// Dead objects of exactly Tensor are kept for the next result. Their memory stays typed and initialised by
// tp_alloc; revive() gives them a count, a type and the garbage collector's attention again.
constexpr int free_capacity = 256;
TensorObject* free_tensors[free_capacity];
int free_count = 0;

TensorObject* revive(PyTypeObject* type) {
    TensorObject* self = free_tensors[--free_count];
    PyObject_Init(as_object(self), type);
    self->version = nullptr;
    self->meta = nullptr;
    self->dict = nullptr;
    self->weakrefs = nullptr;
    self->requires_grad = false;
    return self;
}
}  // namespace

Modes& modes() noexcept { return thread_modes; }

PyObject* wrap_array(PyObject* array) {
    PyTypeObject* type = types.tensor ? types.tensor : types.base;
    if (free_count == 0 || type != types.tensor) return wrap_array_as(type, array);
    TensorObject* self = revive(type);
    self->array = array;
    self->inference = thread_modes.inference;
    PyObject_GC_Track(self);
    return as_object(self);
}

PyObject* wrap_array_as(PyTypeObject* type, PyObject* array) {
    PyObject* self = type->tp_alloc(type, 0);  // zeroed and tracked
    if (!self) {
        Py_DECREF(array);
        return nullptr;
    }
    as_tensor(self)->array = array;
    as_tensor(self)->inference = thread_modes.inference;
    return self;
}

AutogradMeta& ensure_meta(TensorObject* tensor) {
    if (!tensor->meta) tensor->meta = new AutogradMeta;
    return *tensor->meta;
}

Version* version_of(TensorObject* tensor) {
    if (!tensor->version) tensor->version = new Version;
    return tensor->version;
}

void release(Version* version) noexcept {
    if (version && --version->references == 0) delete version;
}

int bump_version(TensorObject* tensor) {
    if (tensor->inference) {
        if (thread_modes.inference) return 0;
        PyErr_SetString(
            PyExc_RuntimeError,
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a "
            "clone to get a normal tensor before doing inplace update.");
        return -1;
    }
    Version* version = version_of(tensor);
    ++version->value;
    if (anomaly_mode) version->mutator = source_line();
    return 0;
}

void set_history(TensorObject* tensor, autograd::NodePtr node, uint32_t output_nr) {
    AutogradMeta& meta = ensure_meta(tensor);
    meta.grad_fn = std::move(node);
    meta.output_nr = output_nr;
    tensor->requires_grad = true;
    if (meta.view.base) meta.view.attr_version = version_value(tensor);
}

void clear_history(TensorObject* tensor) {
    if (tensor->meta) {
        const autograd::NodePtr dropped = std::move(tensor->meta->grad_fn);
        tensor->meta->output_nr = 0;
    }
    tensor->requires_grad = false;
}

// ---- the garbage collector's slots ---------------------------------------------------------------

int tensor_traverse(PyObject* object, visitproc visit, void* arg) {
    const TensorObject* self = as_tensor(object);
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->dict);
    if (const AutogradMeta* meta = self->meta) {
        Py_VISIT(meta->grad.get());
        Py_VISIT(meta->hooks.get());
        Py_VISIT(meta->post_accumulate.get());
        Py_VISIT(meta->view.base.get());
        Py_VISIT(meta->view.view_fn.get());
        // A node that nobody else owns belongs to the tensor: what its hooks and saved values lead back to is
        // a cycle.
        autograd::Node* node = meta->grad_fn.get();
        return node && node->unique() ? as_py_node(*node).traverse(visit, arg) : 0;
    }
    return 0;
}

int tensor_clear(PyObject* object) {
    TensorObject* self = as_tensor(object);
    Py_CLEAR(self->dict);
    // The view's base stays: a view without one would change its meaning under whoever still looks at it, and
    // bases make no cycle of their own.
    if (AutogradMeta* meta = self->meta) {
        meta->grad.reset();
        meta->hooks.reset();
        meta->post_accumulate.reset();
        meta->view.view_fn.reset();
        const autograd::NodePtr dropped = std::move(meta->grad_fn);
    }
    return 0;
}

void tensor_dealloc(PyObject* object) {
    TensorObject* self = as_tensor(object);
    PyTypeObject* type = Py_TYPE(object);
    if (type->tp_finalize && PyObject_CallFinalizerFromDealloc(object) < 0) return;  // it lives on
    PyObject_GC_UnTrack(object);
    if (self->weakrefs) PyObject_ClearWeakRefs(object);
    if (AutogradMeta* meta = std::exchange(self->meta, nullptr)) delete meta;
    release(std::exchange(self->version, nullptr));
    Py_CLEAR(self->dict);
    Py_CLEAR(self->array);
    if (type == types.tensor && free_count < free_capacity) free_tensors[free_count++] = self;
    else type->tp_free(object);
    Py_DECREF(type);
}

}  // namespace tritorch
