// How C++ functions become NumPy ufuncs: a table of names and loops, added to `_C.ufuncs`.
#pragma once

#include "numpy.h"

#include <initializer_list>

namespace tritorch {

// One loop: the type of the inputs and of the output as NumPy's type number.
struct UfuncLoop {
    PyUFuncGenericFunction function;
    int type;
    void* data = nullptr;
};

// Makes a ufunc of `inputs` inputs and one output, all of one type, and adds it to `_C.ufuncs`. 0, or -1 with
// an error set. `name` and `doc` are literals.
int add_ufunc(PyObject* module, const char* name, int inputs, std::initializer_list<UfuncLoop> loops,
              const char* doc);

}  // namespace tritorch
