// SizeBase: the tuple under tritorch.Size. `x.shape[0]` stands in everybody's inner loops, so what keeps a
// Size a Size (slices, + and *) and checks its items is done in slots here; the rest is Python (shape.py).
#include "py.h"

namespace tritorch {

namespace {

PyTypeObject* size_base = nullptr;  // owned, for the life of the process

bool is_size(PyObject* object) { return PyObject_TypeCheck(object, size_base); }

// The items of an exact tuple (stolen; may be null with an error set) as an object of `type`.
PyObject* as_size(PyTypeObject* type, PyObject* items) {
    const Ref owned = Ref::steal(items);
    if (!items || !PyTuple_CheckExact(items)) return owned.new_reference();
    const Py_ssize_t count = PyTuple_GET_SIZE(items);
    PyObject* size = type->tp_alloc(type, count);
    if (!size) return nullptr;
    for (Py_ssize_t i = 0; i < count; ++i)
        PyTuple_SET_ITEM(size, i, Ref::share(PyTuple_GET_ITEM(items, i)).release());
    return size;
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    Ref size = Ref::steal(PyTuple_Type.tp_new(type, args, kwargs));
    if (!size) return nullptr;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(size.get()); ++i) {
        PyObject* item = PyTuple_GET_ITEM(size.get(), i);
        if (PyLong_CheckExact(item)) continue;
        PyObject* index = PyNumber_Index(item);  // of a NumPy integer, or a 0-dim tensor
        if (index && !PyLong_CheckExact(index)) Py_SETREF(index, PyNumber_Long(index));  // of a bool
        if (!index) {
            if (PyErr_ExceptionMatches(PyExc_TypeError))
                PyErr_Format(PyExc_TypeError, "tritorch.Size() takes an iterable of 'int' (item %zd is '%s')",
                             i, Py_TYPE(item)->tp_name);
            return nullptr;
        }
        PyTuple_SET_ITEM(size.get(), i, index);  // nobody else has seen this tuple yet
        Py_DECREF(item);
    }
    return size.release();
}

PyObject* subscript(PyObject* self, PyObject* key) {
    return as_size(Py_TYPE(self), PyTuple_Type.tp_as_mapping->mp_subscript(self, key));
}

// Both `Size + tuple` and `tuple + Size` come here.
PyObject* add(PyObject* left, PyObject* right) {
    if (PyTuple_Check(left) && PyTuple_Check(right))
        return as_size(Py_TYPE(is_size(left) ? left : right),
                       PyTuple_Type.tp_as_sequence->sq_concat(left, right));
    if (!is_size(left)) Py_RETURN_NOTIMPLEMENTED;
    PyErr_Format(PyExc_TypeError, "can only concatenate tuple (not %s) to tritorch.Size",
                 Py_TYPE(right)->tp_name);
    return nullptr;
}

PyObject* repeat(PyObject* self, Py_ssize_t count) {
    return as_size(Py_TYPE(self), PyTuple_Type.tp_as_sequence->sq_repeat(self, count));
}

PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("The tuple of ints under tritorch.Size.")},
                       {Py_tp_new, reinterpret_cast<void*>(make)},
                       {Py_mp_subscript, reinterpret_cast<void*>(subscript)},
                       {Py_nb_add, reinterpret_cast<void*>(add)},
                       {Py_sq_repeat, reinterpret_cast<void*>(repeat)},
                       {0, nullptr}};

PyType_Spec spec = {"tritorch._C.SizeBase", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

int init(PyObject* module) {
    PyObject* type = PyType_FromSpecWithBases(&spec, reinterpret_cast<PyObject*>(&PyTuple_Type));
    if (!type) return -1;
    size_base = reinterpret_cast<PyTypeObject*>(type);
    return PyModule_AddObjectRef(module, "SizeBase", type);
}

const Subject subject(init);

}  // namespace

}  // namespace tritorch
