// Node and OpBackward as Python sees them.
#include "node.h"

#include "device.h"

#include <structmember.h>

#include <cstddef>

namespace tritorch {

PyTypeObject* op_backward_type = nullptr;

namespace {

PyTypeObject* node_type = nullptr;

struct Face {
    PyObject_HEAD PyNode* node;  // owned
    PyObject* weakrefs;
};

PyNode& node_of(PyObject* face) { return *reinterpret_cast<Face*>(face)->node; }

// The class `<name>` below Node, as the repr and type(...).__name__ want it.
PyObject* make_face_type(PyObject* name) {
    return PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type), "O(O){s:s,s:()}", name, node_type,
                                 "__module__", "builtins", "__slots__");
}

// One class a name: of an operator it is kept by its OpBackward, others share this dict.
PyObject* face_type_of(const PyNode& node) {
    static PyObject* by_name = PyDict_New();
    const Ref name = node.class_name();
    PyObject* known = by_name ? PyDict_GetItemWithError(by_name, name.get()) : nullptr;
    if (known || PyErr_Occurred()) return known;
    const Ref made = Ref::steal(make_face_type(name.get()));
    if (!made || PyDict_SetItem(by_name, name.get(), made.get()) < 0) return nullptr;
    return PyDict_GetItemWithError(by_name, name.get());
}

// ---- the type Node ---------------------------------------------------------------------------------------

int face_traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    // What a node owns is ours to report only if nobody else owns the node.
    const PyNode* node = reinterpret_cast<Face*>(self)->node;
    return node && node->unique() ? node->traverse(visit, arg) : 0;
}

int face_clear(PyObject* self) {
    if (PyNode* node = reinterpret_cast<Face*>(self)->node; node && node->unique()) node->clear_references();
    return 0;
}

void face_dealloc(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    auto* face = reinterpret_cast<Face*>(self);
    if (face->weakrefs) PyObject_ClearWeakRefs(self);
    if (PyNode* node = std::exchange(face->node, nullptr)) {
        node->face = nullptr;
        node->release();
    }
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* face_getattro(PyObject* self, PyObject* name) {
    PyObject* value = PyObject_GenericGetAttr(self, name);
    if (value || !PyErr_ExceptionMatches(PyExc_AttributeError)) return value;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    try {
        value = node_of(self).attribute(name);
    } catch (...) { restore_current_exception(); }
    if (value || PyErr_Occurred()) {
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(traceback);
        return value;
    }
    PyErr_Restore(type, error, traceback);
    return nullptr;
}

PyObject* get_name(PyObject* self, PyObject*) {
    const std::string name = node_of(self).name();
    return PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size()));
}

PyObject* get_sequence(PyObject* self, PyObject*) {
    return PyLong_FromUnsignedLongLong(node_of(self).sequence());
}

PyObject* get_next_functions(PyObject* self, void*) {
    const auto& edges = node_of(self).edges();
    Ref result = Ref::steal(PyTuple_New(edges.size()));
    for (std::uint32_t i = 0; result && i < edges.size(); ++i) {
        PyObject* face = face_of(edges[i].node.get());
        PyObject* pair = face ? Py_BuildValue("(NI)", face, edges[i].input) : nullptr;
        if (!pair) return nullptr;
        PyTuple_SET_ITEM(result.get(), i, pair);
    }
    return result.release();
}

PyObject* get_metadata(PyObject* self, void*) {
    PyNode& node = node_of(self);
    if (!node.extras) node.extras = std::make_unique<NodeExtras>();
    if (!node.extras->metadata) node.extras->metadata = Ref::steal(PyDict_New());
    return node.extras->metadata.new_reference();
}

PyObject* get_requires_grad(PyObject*, void*) { Py_RETURN_TRUE; }

PyStructSequence_Field input_metadata_fields[] = {{"shape", "the sizes that the gradient has"},
                                                  {"dtype", "its dtype"},
                                                  {"device", "its device"},
                                                  {nullptr, nullptr}};
PyStructSequence_Desc input_metadata_desc = {
    "tritorch._C.InputMetadata", "What the gradient of one output looks like.", input_metadata_fields, 3};
PyTypeObject* input_metadata_type = nullptr;

PyObject* get_input_metadata(PyObject* self, void*) {
    PyNode& node = node_of(self);
    try {
        Ref result = checked(PyTuple_New(node.inputs()));
        for (std::uint32_t i = 0; i < node.inputs(); ++i) {
            const Metadata& metadata = node.metadata(i);
            if (!metadata) {  // an output without a gradient
                PyTuple_SET_ITEM(result.get(), i, Py_NewRef(Py_None));
                continue;
            }
            Ref item = checked(PyStructSequence_New(input_metadata_type));
            PyStructSequence_SetItem(item.get(), 0, metadata.shape().release());
            PyStructSequence_SetItem(item.get(), 1, metadata.dtype().release());
            PyStructSequence_SetItem(item.get(), 2, Py_XNewRef(metadata.device()));
            PyTuple_SET_ITEM(result.get(), i, item.release());
        }
        return result.release();
    } catch (...) {
        restore_current_exception();
        return nullptr;
    }
}

PyObject* register_hook(PyObject* self, PyObject* hook) {
    return register_node_hook(node_of(self), hook, false);
}
PyObject* register_prehook(PyObject* self, PyObject* hook) {
    return register_node_hook(node_of(self), hook, true);
}

PyMemberDef node_members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(Face, weakrefs), READONLY},
                              {nullptr}};
PyMethodDef node_methods[] = {
    {"name", get_name, METH_NOARGS, "The name of the derivative."},
    {"_sequence_nr", get_sequence, METH_NOARGS, "Counts up with each recorded operator of a thread."},
    {"register_hook", register_hook, METH_O,
     "register_hook(fn)\n\nfn(grad_inputs, grad_outputs) runs after the node; may return other grad_inputs."},
    {"register_prehook", register_prehook, METH_O,
     "register_prehook(fn)\n\nfn(grad_outputs) runs before the node; may return other grad_outputs."},
    {nullptr}};
PyGetSetDef node_attributes[] = {
    {"next_functions", get_next_functions, nullptr,
     "where its gradients flow: a tuple of (Node or None, int)"},
    {"metadata", get_metadata, nullptr, "a dict for whoever wants to keep something here"},
    {"requires_grad", get_requires_grad, nullptr, "True"},
    {"_input_metadata", get_input_metadata, nullptr,
     "shape, dtype and device of each gradient that comes in"},
    {nullptr}};
PyType_Slot node_slots[] = {
    {Py_tp_doc, const_cast<char*>("A node of the graph: the derivative of one recorded call.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(face_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(face_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(face_clear)},
    {Py_tp_getattro, reinterpret_cast<void*>(face_getattro)},
    {Py_tp_members, node_members},
    {Py_tp_methods, node_methods},
    {Py_tp_getset, node_attributes},
    {0, nullptr}};
PyType_Spec node_spec = {
    "tritorch._C.Node", sizeof(Face), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    node_slots};

// ---- the type OpBackward
// -----------------------------------------------------------------------------------

PyObject* op_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    PyObject *name, *function, *saved_names = Py_None;
    int lazy = 0;
    static const char* names[] = {"name", "fn", "saved_names", "lazy", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "UO|Op:OpBackward", const_cast<char**>(names), &name,
                                     &function, &saved_names, &lazy)) {
        return nullptr;
    }
    Ref kept;
    if (saved_names != Py_None && !(kept = Ref::steal(PySequence_Tuple(saved_names)))) return nullptr;
    auto* self = reinterpret_cast<OpBackward*>(type->tp_alloc(type, 0));
    if (!self) return nullptr;
    self->name = Py_NewRef(name);
    self->function = Py_NewRef(function);
    self->saved_names = kept.release();
    self->lazy = lazy;
    return reinterpret_cast<PyObject*>(self);
}

int op_traverse(PyObject* object, visitproc visit, void* arg) {
    auto* self = reinterpret_cast<OpBackward*>(object);
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->function);
    return 0;
}

int op_clear(PyObject* object) {
    Py_CLEAR(reinterpret_cast<OpBackward*>(object)->function);
    return 0;
}

void op_dealloc(PyObject* object) {
    auto* self = reinterpret_cast<OpBackward*>(object);
    PyTypeObject* type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    Py_CLEAR(self->name);
    Py_CLEAR(self->function);
    Py_CLEAR(self->saved_names);
    type->tp_free(object);
    Py_DECREF(type);
}

PyMemberDef op_members[] = {
    {"name", T_OBJECT, offsetof(OpBackward, name), READONLY, "the name of its nodes"},
    {"fn", T_OBJECT, offsetof(OpBackward, function), READONLY, "the derivative"},
    {"saved_names", T_OBJECT, offsetof(OpBackward, saved_names), READONLY, "names of what is saved, or None"},
    {nullptr}};
PyType_Slot op_slots[] = {
    {Py_tp_doc, const_cast<char*>("OpBackward(name, fn, saved_names=None, lazy=False)\n\n"
                                  "The derivative of an operator: fn(needs, saved, *grads) gives one "
                                  "gradient an input. A lazy one is\n"
                                  "called fn(needs, node, *grads), and reads node.saved_tensors itself.")},
    {Py_tp_new, reinterpret_cast<void*>(op_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(op_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(op_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(op_clear)},
    {Py_tp_members, op_members},
    {0, nullptr}};
PyType_Spec op_spec = {"tritorch._C.OpBackward", sizeof(OpBackward), 0,
                       Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, op_slots};

int init(PyObject* module) {
    node_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&node_spec));
    op_backward_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&op_spec));
    input_metadata_type = PyStructSequence_NewType(&input_metadata_desc);
    if (!node_type || !op_backward_type || !input_metadata_type) return -1;
    if (PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(node_type)) < 0) return -1;
    return PyModule_AddObjectRef(module, "OpBackward", reinterpret_cast<PyObject*>(op_backward_type));
}
const Subject subject(init);

}  // namespace

// ---- PyNode
// ------------------------------------------------------------------------------------------------

PyNode::~PyNode() = default;

void PyNode::stand_by(PyObject* array) noexcept {
    if (device() != host || !is_device_array(array)) return;
    if (const MemoryObject* memory = memory_under(array))
        set_place({memory->device, device::current_stream(memory->device)});
}

void PyNode::stand_by_leaf(PyObject* array) noexcept {
    if (!is_device_array(array)) return;
    if (const MemoryObject* memory = memory_under(array)) set_device(memory->device);
}

std::string PyNode::name() const {
    const Ref name = class_name();
    const char* text = PyUnicode_AsUTF8(name.get());
    return text ? text : "";
}

int PyNode::traverse(visitproc visit, void* arg) const {
    if (extras) {
        if (const int stop = extras->metadata.traverse(visit, arg)) return stop;
    }
    return traverse_hooks(hooks(), visit, arg);
}

PyObject* face_of(autograd::Node* node) {
    if (!node) Py_RETURN_NONE;
    PyNode& known = as_py_node(*node);
    if (known.face) return Py_NewRef(known.face);
    auto* type = reinterpret_cast<PyTypeObject*>(face_type_of(known));
    if (!type) return nullptr;
    PyObject* face = type->tp_alloc(type, 0);
    if (!face) return nullptr;
    known.retain();
    reinterpret_cast<Face*>(face)->node = &known;
    known.face = face;
    return face;
}

PyNode* node_behind(PyObject* face) {
    if (PyObject_TypeCheck(face, node_type)) return &node_of(face);
    PyErr_Format(PyExc_TypeError, "expected a Node, got %s", Py_TYPE(face)->tp_name);
    return nullptr;
}

}  // namespace tritorch
