// Anomaly mode: nodes that remember where they were made, and a look for NaN at every gradient.
#include "node.h"

namespace tritorch {

namespace {

bool check_nan = true;

// The lines of traceback.format_list for the calling Python code, without those of generated operators.
Ref current_stack() {
    const Ref traceback = checked(PyImport_ImportModule("traceback"));
    const Ref frames = checked(PyObject_CallMethod(traceback.get(), "extract_stack", nullptr));
    const Ref kept = checked(PyList_New(0));
    for (Py_ssize_t i = 0; i < PySequence_Size(frames.get()); ++i) {
        const Ref frame = checked(PySequence_GetItem(frames.get(), i));
        const Ref file = checked(PyObject_GetAttrString(frame.get(), "filename"));
        const char* name = PyUnicode_AsUTF8(file.get());
        if (name && std::string_view(name).starts_with("<tritorch operator")) continue;
        if (PyList_Append(kept.get(), frame.get()) < 0) throw CarriedError();
    }
    return checked(PyObject_CallMethod(traceback.get(), "format_list", "O", kept.get()));
}

Ref item(const Ref& dict, const char* key) {
    return dict ? Ref::share(PyDict_GetItemString(dict.get(), key)) : Ref();
}

void warn(const std::string& text) {
    // A warning turned into an exception must not take the place of the error on its way.
    if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) PyErr_Clear();
}

std::string joined(const Ref& lines) {
    const Ref nothing = checked(PyUnicode_FromString(""));
    const Ref text = checked(PyUnicode_Join(nothing.get(), lines.get()));
    const char* utf8 = PyUnicode_AsUTF8(text.get());
    return utf8 ? utf8 : "";
}

void print_stack(PyNode& node, bool induced) {
    const Ref metadata = node.extras ? node.extras->metadata : Ref();
    const Ref stack = item(metadata, "traceback_");
    if (!stack) {
        warn("Error detected in " + node.name() +
             ". No forward pass information available. Enable detect anomaly during forward pass for more "
             "information.");
    } else if (!induced) {
        warn("Error detected in " + node.name() + ". Traceback of forward call that caused the error:\n" +
             joined(stack));
    } else {
        warn("\n\nPrevious calculation was induced by " + node.name() +
             ". Traceback of forward call that induced the previous calculation:\n" + joined(stack));
    }
    const Ref parent = item(metadata, "parent_");
    if (!parent) return;
    if (PyNode* above = node_behind(parent.get())) {
        print_stack(*above, true);
    } else {
        PyErr_Clear();  // users may write to a node's metadata
    }
}

PyObject* set_anomaly(PyObject*, PyObject* args) {
    int mode, nan = 1;
    if (!PyArg_ParseTuple(args, "p|p:set_anomaly", &mode, &nan)) return nullptr;
    anomaly_mode = mode;
    check_nan = nan;
    Py_RETURN_NONE;
}
PyObject* is_anomaly_enabled(PyObject*, PyObject*) { return PyBool_FromLong(anomaly_mode); }
PyObject* is_anomaly_check_nan_enabled(PyObject*, PyObject*) { return PyBool_FromLong(check_nan); }

PyMethodDef functions[] = {
    {"set_anomaly", set_anomaly, METH_VARARGS, "set_anomaly(mode, check_nan=True)"},
    {"is_anomaly_enabled", is_anomaly_enabled, METH_NOARGS, "Whether nodes remember where they were made."},
    {"is_anomaly_check_nan_enabled", is_anomaly_check_nan_enabled, METH_NOARGS,
     "Whether anomaly mode looks for NaN in gradients."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

void remember_forward(PyNode& node) {
    if (!node.extras) node.extras = std::make_unique<NodeExtras>();
    Ref& metadata = node.extras->metadata;
    if (!metadata) metadata = checked(PyDict_New());
    if (PyDict_SetItemString(metadata.get(), "traceback_", current_stack().get()) < 0) throw CarriedError();
    PyNode* parent = running_node();
    if (!parent) return;
    const Ref face = checked(face_of(parent));
    if (PyDict_SetItemString(metadata.get(), "parent_", face.get()) < 0) throw CarriedError();
}

void check_anomaly(const autograd::Node& node, const autograd::Values& results) {
    if (!anomaly_mode || !check_nan) return;
    const ModeGuard off(false);
    for (std::uint32_t i = 0; i < results.size(); ++i) {
        if (!results[i] || !has_nan(tensor_in(results[i]))) continue;
        PyErr_Format(PyExc_RuntimeError, "Function '%s' returned nan values in its %uth output.",
                     node.name().c_str(), i);
        throw CarriedError();
    }
}

void PyNode::on_error() noexcept {
    if (!anomaly_mode) return;
    try {
        print_stack(*this, false);
    } catch (...) {
        // the error on its way matters more than the report about it
        restore_current_exception();
        PyErr_WriteUnraisable(nullptr);
    }
}

}  // namespace tritorch
