// Between the engine and Python: exceptions that travel through C++ and across threads, and calls that are
// safe where the interpreter may end at any moment.
#pragma once

#include "../autograd/value.h"
#include "py.h"

#include <cstddef>
#include <exception>

namespace tritorch {

// A Python exception taken out of the interpreter's hands: thrown, kept, rethrown and dropped from any
// thread.
class CarriedError : public std::exception {
  public:
    // Takes the exception that is set now.
    CarriedError();
    CarriedError(CarriedError&&) = default;
    // A copy would need the GIL; the language asks for the signature, nothing calls it.
    CarriedError(const CarriedError& other) : exception_(other.exception_.share()) {}

    const char* what() const noexcept override { return "a Python exception"; }
    // Sets it again, with its traceback.
    void restore() const noexcept;

  private:
    autograd::Value exception_;  // dropped through the reap queue where the GIL is not held
};

// Sets the Python error for whatever C++ exception is being handled.
void restore_current_exception() noexcept;

// Throws what is set where a new reference is missing.
inline Ref checked(PyObject* result) {
    if (!result) throw CarriedError();
    return Ref::steal(result);
}

// Calls a Python object; throws CarriedError. `args` has room for one more item in front.
Ref call_with(PyObject* function, PyObject** args, std::size_t count);
template <class... Arguments>
Ref call(PyObject* function, Arguments... arguments) {
    PyObject* args[] = {nullptr, arguments...};
    return call_with(function, args + 1, sizeof...(arguments));
}

}  // namespace tritorch
