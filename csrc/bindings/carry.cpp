#include "carry.h"

#include <new>

namespace tritorch {

CarriedError::CarriedError() {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!type) {  // a caller's mistake that must not pass in silence
        PyErr_SetString(PyExc_SystemError, "the engine was told of an error, but none is set");
        PyErr_Fetch(&type, &value, &traceback);
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback) PyException_SetTraceback(value, traceback);
    Py_XDECREF(traceback);
    Py_DECREF(type);
    exception_ = autograd::Value(value);
}

void CarriedError::restore() const noexcept {
    auto* value = static_cast<PyObject*>(exception_.get());
    PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(value))), Py_NewRef(value),
                  PyException_GetTraceback(value));
}

void restore_current_exception() noexcept {
    try {
        throw;
    } catch (const CarriedError& error) { error.restore(); } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) { PyErr_SetString(PyExc_RuntimeError, error.what()); }
}

Ref call_with(PyObject* function, PyObject** args, std::size_t count) {
    return checked(unless_killed([&] {
        return PyObject_Vectorcall(function, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
    }));
}

}  // namespace tritorch
