// The thread's stack of saved_tensors_hooks.
#pragma once

#include "py.h"

namespace tritorch {

struct SavedHooks {
    PyObject* pack;
    PyObject* unpack;
};
// The innermost pair, valid until the stack changes; null where there is none.
const SavedHooks* default_saved_hooks() noexcept;

}  // namespace tritorch
