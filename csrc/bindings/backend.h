// The tensor operators that C++ itself needs, in the uncommon cases where NumPy alone will not do: given once
// by Python through set_backend(), and recorded like any other operator.
#pragma once

#include "py.h"

namespace tritorch {

// One name a callable, in the order of the fields: set_backend() takes them as keywords.
#define TRITORCH_BACKEND(DO) \
    DO(add)                  \
    DO(add_)                 \
    DO(clone)                \
    DO(sum_to_size)          \
    DO(to)                   \
    DO(as_strided)           \
    DO(zeros_like)           \
    DO(new_zeros)            \
    DO(real)

// Borrowed for the life of the process; null before set_backend().
struct Backend {
#define FIELD(name) PyObject* name = nullptr;
    TRITORCH_BACKEND(FIELD)
#undef FIELD
};
extern Backend backend;

}  // namespace tritorch
