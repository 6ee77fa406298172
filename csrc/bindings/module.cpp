// tritorch._C: brings every subject of the bindings together.
#define TRITORCH_IMPORT_NUMPY
#include "numpy.h"

#include <pybind11/pybind11.h>

#include <vector>

namespace tritorch {

namespace {
std::vector<Subject::Init>& subjects() {
    static std::vector<Subject::Init> all;
    return all;
}
}  // namespace

Subject::Subject(Init init) { subjects().push_back(init); }

}  // namespace tritorch

PYBIND11_MODULE(_C, module) {
    module.doc() = "The compiled part of tritorch: tensors, autograd engine, host memory, random numbers.";
    if (_import_array() < 0 || _import_umath() < 0) throw pybind11::error_already_set();
    for (const auto init : tritorch::subjects())
        if (init(module.ptr()) < 0) throw pybind11::error_already_set();
}
