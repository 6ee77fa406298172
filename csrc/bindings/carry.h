// Between the engine and Python: exceptions that travel through C++ and across threads, and calls that are safe where
// the interpreter may end at any moment.
#pragma once

#include "../autograd/value.h"
#include "py.h"

#include <cstddef>
#include <exception>

namespace tritorch {

// A Python exception taken out of the interpreter's hands: thrown, kept, rethrown and dropped from any thread.
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
    autograd::Value exception_; // dropped through the reap queue where the GIL is not held
};

// Sets the Python error for whatever C++ exception is being handled.
void restore_current_exception() noexcept;

// Throws what is set where a new reference is missing.
inline Ref checked(PyObject* result) {
    if (!result) throw CarriedError();
    return Ref::steal(result);
}

// Note [Leaving at exit]
// When the interpreter ends, Python (before 3.14) kills every other thread that asks for the GIL, by unwinding its
// stack. C++ frames would run destructors without the GIL, or call std::terminate: torch aborts. So
// - an atexit handler asks the threads that are in the engine to leave it, and waits a moment for them; whoever comes
//   to a boundary between two nodes, or wants to enter, sleeps until the process is gone;
// - a thread that is in Python code at that time is caught by call(), innermost, and sleeps there.
// No thread is joined, nothing that they use is destroyed.
[[noreturn]] void sleep_until_exit() noexcept;

// Calls a Python object; throws CarriedError. `args` has room for one more item in front.
Ref call_with(PyObject* function, PyObject** args, std::size_t count);
template <class... Arguments>
Ref call(PyObject* function, Arguments... arguments) {
    PyObject* args[] = {nullptr, arguments...};
    return call_with(function, args + 1, sizeof...(arguments));
}

} // namespace tritorch
