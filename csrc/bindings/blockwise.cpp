// _C.Program: a pointwise program (csrc/blockwise) made from Python and run on tensors. The optimizers'
// updates are such programs, traced from their formulas (optim/_kernels.py).
#include "../blockwise/program.h"
#include "numpy.h"
#include "tensor.h"

#include <array>
#include <bitset>
#include <optional>

namespace tritorch {

namespace {

using blockwise::Code;
using blockwise::Instruction;
using blockwise::Program;

constexpr std::size_t most = 32;  // arrays or scalars of a program
constexpr std::size_t worth_releasing = 1U
                                        << 14;  // elements from which other Python threads may run meanwhile

struct ProgramObject {
    PyObject_HEAD Program program;
    std::bitset<most> written;  // which of the arrays
};

PyTypeObject* program_type = nullptr;  // owned, for the life of the process

// code is a bytes object of seven bytes an instruction: code, out, a, b, c, s, t.
PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    static const char* names[] = {"code", "arrays", "buffers", "scalars", nullptr};
    const unsigned char* bytes;
    Py_ssize_t size;
    unsigned char arrays, buffers, scalars;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y#bbb", const_cast<char**>(names), &bytes, &size, &arrays,
                                     &buffers, &scalars))
        return nullptr;
    Program program{{}, arrays, buffers, scalars};
    std::bitset<most> written;
    bool valid = size % 7 == 0 && arrays && arrays <= most && scalars <= most && arrays <= buffers;
    for (Py_ssize_t i = 0; valid && i < size; i += 7) {
        const Instruction op{static_cast<Code>(bytes[i]),
                             bytes[i + 1],
                             bytes[i + 2],
                             bytes[i + 3],
                             bytes[i + 4],
                             bytes[i + 5],
                             bytes[i + 6]};
        // a program without scalars still reads number 0, which run() provides
        valid = op.code < Code::count && op.out < buffers && op.a < buffers && op.b < buffers &&
                op.c < buffers && op.s < std::max<unsigned char>(scalars, 1) &&
                op.t < std::max<unsigned char>(scalars, 1);
        if (valid && op.out < arrays) written.set(op.out);
        program.code.push_back(op);
    }
    if (!valid) {
        PyErr_SetString(PyExc_ValueError, "Program: malformed code");
        return nullptr;
    }
    auto* self = reinterpret_cast<ProgramObject*>(type->tp_alloc(type, 0));
    if (!self) return nullptr;
    new (&self->program) Program(std::move(program));
    new (&self->written) std::bitset<most>(written);
    return reinterpret_cast<PyObject*>(self);
}

void destroy(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    reinterpret_cast<ProgramObject*>(object)->program.~Program();
    type->tp_free(object);
    Py_DECREF(type);
}

// The arrays of the tensors as runs of real elements of one type, if that is what they are.
struct Runs {
    std::array<void*, most> data;
    std::size_t length;
    bool is_double;
};

std::optional<Runs> runs_of(const ProgramObject* self, PyObject* const* tensors) {
    Runs runs;
    PyArrayObject* first = nullptr;
    bool c_order = true, f_order = true;
    for (std::size_t i = 0; i < self->program.arrays; ++i) {
        if (!is_tensor(tensors[i]) || !is_host_array(as_tensor(tensors[i])->array)) return std::nullopt;
        PyArrayObject* array = as_array(as_tensor(tensors[i])->array);
        if (!first) first = array;
        c_order = c_order && PyArray_IS_C_CONTIGUOUS(array);
        f_order = f_order && PyArray_IS_F_CONTIGUOUS(array);
        if (!(c_order || f_order) || !PyArray_ISALIGNED(array) || !PyArray_ISNOTSWAPPED(array) ||
            PyArray_TYPE(array) != PyArray_TYPE(first) || !PyArray_SAMESHAPE(array, first) ||
            (self->written[i] && !PyArray_ISWRITEABLE(array)))
            return std::nullopt;
        runs.data[i] = PyArray_DATA(array);
    }
    runs.length = static_cast<std::size_t>(PyArray_SIZE(first));
    switch (PyArray_TYPE(first)) {
        case NPY_CFLOAT: runs.length *= 2; [[fallthrough]];
        case NPY_FLOAT: runs.is_double = false; return runs;
        case NPY_CDOUBLE: runs.length *= 2; [[fallthrough]];
        case NPY_DOUBLE: runs.is_double = true; return runs;
        default: return std::nullopt;
    }
}

template <class T>
void run_as(const Program& program, const Runs& runs, const double* scalars, unsigned threads) {
    std::array<T*, most> arrays;
    for (std::size_t i = 0; i < program.arrays; ++i) arrays[i] = static_cast<T*>(runs.data[i]);
    blockwise::run(program, arrays.data(), scalars, runs.length, threads);
}

void run_runs(const Program& program, const Runs& runs, const double* scalars, unsigned threads) {
    if (runs.is_double) run_as<double>(program, runs, scalars, threads);
    else run_as<float>(program, runs, scalars, threads);
}

// run(tensors, scalars, threads): True, or False having done nothing.
PyObject* run(PyObject* object, PyObject* const* args, Py_ssize_t count) {
    auto* self = reinterpret_cast<ProgramObject*>(object);
    const Program& program = self->program;
    if (count != 3 || !PyTuple_Check(args[0]) || !PyTuple_Check(args[1]) ||
        PyTuple_GET_SIZE(args[0]) != program.arrays || PyTuple_GET_SIZE(args[1]) != program.scalars)
        return PyErr_Format(PyExc_TypeError, "run(tuple of %d tensors, tuple of %d floats, threads)",
                            static_cast<int>(program.arrays), static_cast<int>(program.scalars));
    std::array<double, most> scalars{};
    for (std::size_t i = 0; i < program.scalars; ++i)
        scalars[i] = PyFloat_AsDouble(PyTuple_GET_ITEM(args[1], static_cast<Py_ssize_t>(i)));
    const long threads = PyLong_AsLong(args[2]);
    if (PyErr_Occurred()) return nullptr;
    PyObject* const* tensors = &PyTuple_GET_ITEM(args[0], 0);
    const std::optional<Runs> runs = runs_of(self, tensors);
    if (!runs) Py_RETURN_FALSE;
    for (std::size_t i = 0; i < program.arrays; ++i)
        if (self->written[i] && bump_version(as_tensor(tensors[i])) < 0) return nullptr;
    const auto workers = static_cast<unsigned>(threads > 1 ? threads : 1);
    if (runs->length >= worth_releasing) {
        const Ref alive = Ref::share(args[0]);
        const WithoutGil others_run;
        run_runs(program, *runs, scalars.data(), workers);
    } else {
        run_runs(program, *runs, scalars.data(), workers);
    }
    Py_RETURN_TRUE;
}

PyMethodDef methods[] = {
    {"run", method(run), METH_FASTCALL,
     "run(tensors, scalars, threads)\n\nRuns on the arrays of the tensors, in place, and bumps the versions "
     "of "
     "those written. False, with nothing done, unless all are contiguous float32 or float64 (or complex, as "
     "pairs) on the CPU, of one shape and dtype."},
    {nullptr}};

PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("Program(code, arrays, buffers, scalars)")},
                       {Py_tp_new, reinterpret_cast<void*>(make)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
                       {Py_tp_methods, methods},
                       {0, nullptr}};

PyType_Spec spec = {"tritorch._C.Program", sizeof(ProgramObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};

int init(PyObject* module) {
    program_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (!program_type) return -1;
    return PyModule_AddObjectRef(module, "Program", reinterpret_cast<PyObject*>(program_type));
}

const Subject subject(init);

}  // namespace

}  // namespace tritorch
