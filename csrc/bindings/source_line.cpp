// Where in the user's program we are: under anomaly mode, the error about a tensor that was written names the
// lines of its saver and of its mutator.
//
// Without anomaly mode nothing is kept. A frame as Python shows it costs an allocation and holds its locals;
// the interpreter's own frames could be read for a few nanoseconds, but their layout changes from version to
// version.
#include "tensor.h"

#include <string>
#include <string_view>

namespace tritorch {

namespace {

// The folder of the package, with its separator: code in it, and code that it generates, is not the user's.
const std::string& package_folder() {
    static const std::string folder = [] {
        const Ref package = Ref::steal(PyImport_ImportModule("tritorch"));
        const Ref file = Ref::steal(package ? PyObject_GetAttrString(package.get(), "__file__") : nullptr);
        const char* path = file ? PyUnicode_AsUTF8(file.get()) : nullptr;
        if (!path) PyErr_Clear();
        const std::string whole = path ? path : "";
        return whole.substr(0, whole.find_last_of("/\\") + 1);
    }();
    return folder;
}

bool is_ours(std::string_view file) {
    return file.starts_with("<tritorch") || (!package_folder().empty() && file.starts_with(package_folder()));
}

}  // namespace

Ref source_line() {
    PyFrameObject* innermost = PyEval_GetFrame();
    Ref frame = Ref::share(reinterpret_cast<PyObject*>(innermost));
    while (frame) {
        auto* here = reinterpret_cast<PyFrameObject*>(frame.get());
        const Ref code = Ref::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(here)));
        PyObject* file = reinterpret_cast<PyCodeObject*>(code.get())->co_filename;
        const char* path = PyUnicode_AsUTF8(file);
        if (path && !is_ours(path)) {
            Ref line = Ref::steal(PyUnicode_FromFormat("%U:%d", file, PyFrame_GetLineNumber(here)));
            if (!line) PyErr_Clear();
            return line;
        }
        if (!path) PyErr_Clear();
        frame = Ref::steal(reinterpret_cast<PyObject*>(PyFrame_GetBack(here)));
    }
    return Ref();
}

}  // namespace tritorch
