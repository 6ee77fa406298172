// Everything that one node saves, tensors or not: see Note [Saved tensors].
#include "saved.h"

namespace tritorch {

namespace {

using Role = SavedVariable::Role;

bool is_sequence(PyObject* object) { return PyTuple_CheckExact(object) || PyList_CheckExact(object); }

bool is_among(PyObject* object, PyObject* outs) {
    if (object == outs) return true;
    if (!is_sequence(outs)) return false;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(outs); ++i)
        if (object == PySequence_Fast_GET_ITEM(outs, i)) return true;
    return false;
}

bool has_tensor(PyObject* sequence) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i)
        if (is_tensor(PySequence_Fast_GET_ITEM(sequence, i))) return true;
    return false;
}

int save_item(SavedItem& item, PyObject* object, PyObject* outs, Role of_outs, const Version* written,
              bool& has_tensors) {
    if (is_tensor(object)) {
        item.kind = SavedItem::Kind::tensor;
        has_tensors = true;
        return item.tensor.save(as_tensor(object), is_among(object, outs) ? of_outs : Role::input, written);
    }
    if (!is_sequence(object) || !has_tensor(object)) {
        item.object = Ref::share(object);
        return 0;
    }
    item.kind = SavedItem::Kind::sequence;
    item.object = Ref::share(reinterpret_cast<PyObject*>(Py_TYPE(object)));
    item.length = PySequence_Fast_GET_SIZE(object);
    item.nested = std::make_unique<SavedItem[]>(item.length);
    for (Py_ssize_t i = 0; i < item.length; ++i)
        if (save_item(item.nested[i], PySequence_Fast_GET_ITEM(object, i), outs, of_outs, written,
                      has_tensors) < 0)
            return -1;
    return 0;
}

PyObject* unpack_one(SavedItem& item, autograd::Node* saved_for) {
    switch (item.kind) {
        case SavedItem::Kind::object: return item.object.new_reference();
        case SavedItem::Kind::tensor: return item.tensor.unpack(saved_for);
        case SavedItem::Kind::sequence: break;
    }
    Ref tuple = Ref::steal(PyTuple_New(item.length));
    for (Py_ssize_t i = 0; tuple && i < item.length; ++i) {
        PyObject* each = unpack_one(item.nested[i], saved_for);
        if (!each) return nullptr;
        PyTuple_SET_ITEM(tuple.get(), i, each);
    }
    const bool wants_list = item.object.get() == reinterpret_cast<PyObject*>(&PyList_Type);
    return tuple && wants_list ? PySequence_List(tuple.get()) : tuple.release();
}

void release_one(SavedItem& item) noexcept {
    item.tensor.release();
    if (item.kind == SavedItem::Kind::object) item.object = Ref::share(Py_None);
    for (Py_ssize_t i = 0; i < item.length; ++i) release_one(item.nested[i]);
}

int traverse_one(const SavedItem& item, visitproc visit, void* arg) {
    if (const int stop = item.object.traverse(visit, arg)) return stop;
    if (const int stop = item.tensor.traverse(visit, arg)) return stop;
    for (Py_ssize_t i = 0; i < item.length; ++i)
        if (const int stop = traverse_one(item.nested[i], visit, arg)) return stop;
    return 0;
}

}  // namespace

int SavedTuple::save(PyObject* tuple, PyObject* outs, Role of_outs, const Version* written) {
    const auto count = static_cast<uint32_t>(PyTuple_GET_SIZE(tuple));
    items_.resize(count);
    for (uint32_t i = 0; i < count; ++i)
        if (save_item(items_[i], PyTuple_GET_ITEM(tuple, i), outs, of_outs, written, has_tensors_) < 0)
            return -1;
    return 0;
}

PyObject* SavedTuple::unpack(autograd::Node* saved_for) {
    Ref tuple = Ref::steal(PyTuple_New(items_.size()));
    for (uint32_t i = 0; tuple && i < items_.size(); ++i) {
        PyObject* each = unpack_one(items_[i], saved_for);
        if (!each) return nullptr;
        PyTuple_SET_ITEM(tuple.get(), i, each);
    }
    return tuple.release();
}

PyObject* SavedTuple::unpack_item(uint32_t i, autograd::Node* saved_for) {
    return unpack_one(items_[i], saved_for);
}

SavedVariable* SavedTuple::variable(uint32_t i) {
    return items_[i].kind == SavedItem::Kind::tensor ? &items_[i].tensor : nullptr;
}

void SavedTuple::release() noexcept {
    if (!has_tensors_) return;
    for (SavedItem& item : items_) release_one(item);
}

int SavedTuple::traverse(visitproc visit, void* arg) const {
    for (const SavedItem& item : items_)
        if (const int stop = traverse_one(item, visit, arg)) return stop;
    return 0;
}

}  // namespace tritorch
