#include "recipe.h"

#include "node.h"
#include "numpy.h"

#include <string_view>

namespace tritorch {

std::unique_ptr<Recipe> Recipe::parse(PyObject* op_backward, PyObject* saved) {
    if (Py_TYPE(op_backward) != op_backward_type || !PyTuple_Check(saved)) {
        PyErr_SetString(PyExc_TypeError, "Fast.record(op_backward, saved: tuple)");
        return nullptr;
    }
    auto recipe = std::make_unique<Recipe>();
    recipe->op_backward_ = Ref::share(op_backward);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(saved); ++i) {
        PyObject* item = PyTuple_GET_ITEM(saved, i);
        const char* word;
        PyObject* argument = nullptr;
        Saved entry;
        if (!PyTuple_Check(item)) {
            PyErr_Format(PyExc_TypeError, "Fast.record: expected a tuple, got %R", item);
            return nullptr;
        }
        if (!PyArg_ParseTuple(item, "s|OI", &word, &argument, &entry.users)) return nullptr;
        const std::string_view what(word);
        if (what == "out") {
            entry.what = What::out;
        } else if (what == "value" && argument) {
            entry.value = Ref::share(argument);
        } else if ((what == "input" || what == "shape" || what == "argument") && argument) {
            entry.what = what == "input" ? What::input : what == "shape" ? What::shape : What::argument;
            entry.input = static_cast<int>(PyLong_AsLong(argument));
            if (PyErr_Occurred()) return nullptr;
            if (entry.input < 0 || entry.input > 1) {
                PyErr_Format(PyExc_ValueError, "Fast.record: there is no input %d", entry.input);
                return nullptr;
            }
        } else {
            PyErr_Format(PyExc_ValueError, "Fast.record: cannot save %R", item);
            return nullptr;
        }
        recipe->saved_.push_back(std::move(entry));
    }
    return recipe;
}

Ref Recipe::value_of(const Saved& saved, PyObject* out, PyObject* const* inputs, PyObject* const* arguments,
                     unsigned needed) const {
    if (saved.users && !(saved.users & needed)) return Ref::share(Py_None);
    switch (saved.what) {
        case What::input: return Ref::share(inputs[saved.input]);
        case What::shape:
            return Ref::steal(is_tensor(inputs[saved.input]) ? shape_of(as_tensor(inputs[saved.input])->array)
                                                             : PyTuple_New(0));
        case What::out: return Ref::share(out);
        case What::argument: return Ref::share(arguments[saved.input]);
        case What::value: break;
    }
    return saved.value;
}

int Recipe::record(PyObject* out, PyObject* const* inputs, int count, PyObject* const* arguments) const {
    unsigned needed = 0;
    for (int i = 0; i < count; ++i)
        if (is_tensor(inputs[i]) && requires_grad_of(as_tensor(inputs[i]))) needed |= 1u << i;

    const Ref from = Ref::steal(PyTuple_New(count));
    const Ref kept = Ref::steal(PyTuple_New(static_cast<Py_ssize_t>(saved_.size())));
    if (!from || !kept) return -1;
    for (int i = 0; i < count; ++i) PyTuple_SET_ITEM(from.get(), i, Py_NewRef(inputs[i]));
    for (size_t i = 0; i < saved_.size(); ++i) {
        Ref value = value_of(saved_[i], out, inputs, arguments, needed);
        if (!value) return -1;
        PyTuple_SET_ITEM(kept.get(), static_cast<Py_ssize_t>(i), value.release());
    }
    try {
        tritorch::record(op_backward_.get(), out, from.get(), kept.get());
    } catch (...) {
        restore_current_exception();
        return -1;
    }
    return 0;
}

}  // namespace tritorch
