// The few conveniences that every binding uses around raw CPython: one owning reference, one GIL guard
// each way, and the way a subject adds itself to the module.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../allocator/lock.h"
#include "leaving.h"

#include <cassert>
#include <utility>

namespace tritorch {

// An owned reference to a Python object. The GIL must be held wherever one is copied or destroyed.
class Ref {
  public:
    Ref() noexcept = default;
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Ref(const Ref& other) noexcept : object_(other.object_) { Py_XINCREF(object_); }
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() { Py_XDECREF(object_); }

    static Ref steal(PyObject* object) noexcept { return Ref(object); }
    static Ref share(PyObject* object) noexcept {
        Py_XINCREF(object);
        return Ref(object);
    }

    PyObject* get() const noexcept { return object_; }
    PyObject* release() noexcept { return std::exchange(object_, nullptr); }
    PyObject* new_reference() const noexcept {
        Py_XINCREF(object_);
        return object_;
    }
    void reset() noexcept { Py_CLEAR(object_); }
    explicit operator bool() const noexcept { return object_ != nullptr; }

    // For tp_traverse and tp_clear.
    int traverse(visitproc visit, void* arg) const {
        Py_VISIT(object_);
        return 0;
    }

  private:
    explicit Ref(PyObject* object) noexcept : object_(object) {}
    PyObject* object_ = nullptr;
};

// Holds the GIL for a scope, from any thread.
class WithGil {
  public:
    WithGil() {
        assert(allocator::locks_held == 0);  // Note [The allocator's lock]
        state_ = unless_killed(PyGILState_Ensure);
    }
    ~WithGil() { PyGILState_Release(state_); }
    WithGil(const WithGil&) = delete;
    WithGil& operator=(const WithGil&) = delete;

  private:
    PyGILState_STATE state_;
};

// Lets other threads run for a scope that touches no Python object.
class WithoutGil {
  public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    ~WithoutGil() {
        unless_killed([this] { PyEval_RestoreThread(state_); });
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

  private:
    PyThreadState* state_;
};

// The pointer that PyMethodDef wants, from a function with any of the calling conventions.
template <class Function>
PyCFunction method(Function* function) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// A file of bindings holds one `const Subject subject(init);` and so joins the module by being linked. `init`
// adds the subject's functions and types and returns 0, or -1 with an error set. The order is unspecified: no
// subject relies on another's.
struct Subject {
    using Init = int (*)(PyObject* module);
    explicit Subject(Init init);
};

}  // namespace tritorch
