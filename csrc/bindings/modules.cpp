// The two slots that every forward of a network goes through: a module's members by name, and its call.
//
// Note [Quick modules]: nn.Module says both in Python, in `__getattr__` and `__call__`. A class that has
// these from Module itself, and no `__getattribute__`, gets the same two here, in its type's slots; a class
// that defines its own keeps them, and so does one that is given them later, for then Python sets the slot
// anew.
#include "py.h"

#include <array>

namespace tritorch {

namespace {

constexpr std::array<const char*, 3> kMembers = {"_parameters", "_buffers", "_modules"};
constexpr std::array<const char*, 4> kHooks = {"_forward_hooks", "_forward_pre_hooks", "_backward_hooks",
                                               "_backward_pre_hooks"};

std::array<PyObject*, kMembers.size()> members;  // interned, for the life of the process
std::array<PyObject*, kHooks.size()> hooks;
PyObject* forward_name = nullptr;
PyObject* call_name = nullptr;
PyObject* shared_hooks = nullptr;  // a tuple of dicts: the hooks of all modules

// What `object.__getattribute__` finds, else the member of that name, else torch's error.
PyObject* get_member(PyObject* self, PyObject* name) {
    if (PyObject* found = _PyObject_GenericGetAttrWithDict(self, name, nullptr, 1)) return found;
    if (PyErr_Occurred()) return nullptr;
    const Ref state = Ref::steal(PyObject_GenericGetDict(self, nullptr));
    if (!state) return nullptr;
    for (PyObject* kind : members) {
        PyObject* named = PyDict_GetItemWithError(state.get(), kind);
        PyObject* member = named && PyDict_Check(named) ? PyDict_GetItemWithError(named, name) : nullptr;
        if (member) return Ref::share(member).release();
        if (PyErr_Occurred()) return nullptr;
    }
    PyErr_Format(PyExc_AttributeError, "'%.200s' object has no attribute '%U'", Py_TYPE(self)->tp_name, name);
    return nullptr;
}

bool is_empty_dict(PyObject* object) {
    return object && PyDict_Check(object) && PyDict_GET_SIZE(object) == 0;
}

// Whether nothing is to run but the forward. False with an error set is an error.
bool has_no_hooks(PyObject* self) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shared_hooks); ++i)
        if (!is_empty_dict(PyTuple_GET_ITEM(shared_hooks, i))) return false;
    const Ref state = Ref::steal(PyObject_GenericGetDict(self, nullptr));
    if (!state) return false;
    for (PyObject* kind : hooks)
        if (!is_empty_dict(PyDict_GetItemWithError(state.get(), kind))) return false;
    return true;
}

// The forward; by way of `Module.__call__`, which runs the hooks, where there are any.
PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
    PyObject* name = has_no_hooks(self) ? forward_name : call_name;
    if (PyErr_Occurred()) return nullptr;
    const Ref function = Ref::steal(PyObject_GetAttr(self, name));
    return function ? unless_killed([&] { return PyObject_Call(function.get(), args, kwargs); }) : nullptr;
}

// quicken_module(cls, getattr, call): puts the slots into a class, each if it is asked for.
PyObject* quicken(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3 || !PyType_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "quicken_module() takes a class and two flags");
        return nullptr;
    }
    PyTypeObject* type = reinterpret_cast<PyTypeObject*>(args[0]);
    const int wants_getattr = PyObject_IsTrue(args[1]), wants_call = PyObject_IsTrue(args[2]);
    if (wants_getattr < 0 || wants_call < 0) return nullptr;
    if (wants_getattr) type->tp_getattro = get_member;
    if (wants_call) type->tp_call = call;
    PyType_Modified(type);
    Py_RETURN_NONE;
}

// set_module_hooks(dict, ...): the hooks of all modules, which are looked at before each call.
PyObject* set_hooks(PyObject*, PyObject* dicts) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(dicts); ++i)
        if (!PyDict_Check(PyTuple_GET_ITEM(dicts, i))) {
            PyErr_SetString(PyExc_TypeError, "set_module_hooks() takes dicts");
            return nullptr;
        }
    Py_XSETREF(shared_hooks, Py_NewRef(dicts));
    Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"quicken_module", method(quicken), METH_FASTCALL, "Puts the quick slots into a class of modules."},
    {"set_module_hooks", method(set_hooks), METH_VARARGS, "The dicts of hooks that all modules share."},
    {nullptr, nullptr, 0, nullptr}};

bool intern(PyObject*& place, const char* text) {
    return (place = PyUnicode_InternFromString(text)) != nullptr;
}

int init(PyObject* module) {
    for (std::size_t i = 0; i < kMembers.size(); ++i)
        if (!intern(members[i], kMembers[i])) return -1;
    for (std::size_t i = 0; i < kHooks.size(); ++i)
        if (!intern(hooks[i], kHooks[i])) return -1;
    if (!intern(forward_name, "forward") || !intern(call_name, "__call__")) return -1;
    if (!(shared_hooks = PyTuple_New(0))) return -1;
    return PyModule_AddFunctions(module, functions);
}

const Subject subject(init);

}  // namespace

}  // namespace tritorch
