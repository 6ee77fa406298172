// Reductions of csrc/reduce on arrays, and as a fast path: the plain case of sum, mean, amax... without the
// operator's Python, its node recorded.
#include "context.h"
#include "lines.h"
#include "numpy.h"
#include "recipe.h"
#include "tensor.h"

#include <bitset>
#include <cstring>
#include <string_view>

namespace tritorch {

namespace {

using reduce::Code;
using reduce::Type;
using Dims = std::bitset<NPY_MAXDIMS>;

constexpr std::string_view names[] = {"sum",     "nansum", "absolute", "squares", "distances",
                                      "product", "max",    "min",      "any",     "all"};
constexpr npy_intp worth_releasing = npy_intp(1) << 15;  // elements
constexpr npy_intp large = npy_intp(1) << 20;  // bytes: beyond, several threads are the caller's to ask for

Code code_of(PyObject* name) {
    const char* text = PyUnicode_AsUTF8(name);
    if (!text) return Code::none;
    for (std::size_t i = 0; i < std::size(names); ++i)
        if (names[i] == text) return static_cast<Code>(i);
    PyErr_Format(PyExc_ValueError, "there is no reduction %R", name);
    return Code::none;
}

bool is_bfloat16(PyArray_Descr* descr) {
    return PyDataType_ELSIZE(descr) == 2 && std::strstr(descr->typeobj->tp_name, "bfloat16");
}

int numpy_type(Type type, PyArrayObject* like) {
    switch (type) {
        case Type::int64: return NPY_INT64;
        case Type::float32: return NPY_FLOAT;
        default: return PyArray_TYPE(like);
    }
}

struct Request {
    Code code;
    PyArrayObject* in;
    Dims dims;
    bool keepdim;
    bool mean = false;  // divided by the number of elements that are reduced to one
    reduce::Job job{};

    npy_intp reduced() const {
        npy_intp count = 1;
        for (int d = 0; d < PyArray_NDIM(in); ++d)
            if (dims[d]) count *= PyArray_DIM(in, d);
        return count;
    }
};

// The result; empty without an error where there is no loop for it.
Ref reduced(Request& request) {
    PyArrayObject* in = request.in;
    const Type type = reduce_type_of(in), result = reduce::result_type(request.code, type);
    const npy_intp count = request.reduced();
    const bool extreme = request.code == Code::max || request.code == Code::min;
    if (result == Type::none || (extreme && count == 0 && PyArray_NDIM(in))) return {};

    npy_intp shape[NPY_MAXDIMS];
    int ndim = 0;
    for (int d = 0; d < PyArray_NDIM(in); ++d) {
        if (!request.dims[d]) shape[ndim++] = PyArray_DIM(in, d);
        else if (request.keepdim) shape[ndim++] = 1;
    }
    Ref out;
    {
        const NumpyContext context;  // for its memory
        if (context) out = Ref::steal(PyArray_SimpleNew(ndim, shape, numpy_type(result, in)));
    }
    if (!out) return {};
    auto* to = as_array(out.get());

    reduce::Job& job = request.job;
    job.in = PyArray_BYTES(in);
    job.out = PyArray_BYTES(to);
    if (request.mean) job.divisor = static_cast<double>(count);
    for (int d = 0, o = 0; d < PyArray_NDIM(in); ++d) {
        const bool kept = !request.dims[d];
        job.axes.add({PyArray_DIM(in, d), PyArray_STRIDE(in, d), kept ? PyArray_STRIDE(to, o) : 0, kept});
        o += kept || request.keepdim;
    }
    without_gil_if(PyArray_SIZE(in) >= worth_releasing, [&] { reduce::run(request.code, type, job); });
    return out;
}

// dims: a tuple of non-negative ints.
bool parse_dims(PyObject* tuple, int ndim, Dims& dims) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
        const long dim = PyLong_AsLong(PyTuple_GET_ITEM(tuple, i));
        if (dim < 0 || dim >= ndim) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "reduce: dim out of range");
            return false;
        }
        dims.set(dim);
    }
    return true;
}

PyObject* reduce_array(PyObject*, PyObject* args, PyObject* keywords) {
    static const char* words[] = {"name",    "array", "dims",   "keepdim", "threads",
                                  "divisor", "root",  "centre", nullptr};
    PyObject *name, *dims, *centre = nullptr;
    Request request{};
    int keepdim, root = 0;
    double divisor = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "UO!O!pi|dpO!:reduce", const_cast<char**>(words), &name,
                                     &PyArray_Type, &request.in, &PyTuple_Type, &dims, &keepdim,
                                     &request.job.threads, &divisor, &root, &PyArray_Type, &centre))
        return nullptr;
    request.code = code_of(name);
    if (request.code == Code::none || !parse_dims(dims, PyArray_NDIM(request.in), request.dims))
        return nullptr;
    if ((request.code == Code::distances) != (centre != nullptr) ||
        (centre && (PyArray_TYPE(as_array(centre)) != NPY_DOUBLE || !PyArray_ISCARRAY_RO(as_array(centre)) ||
                    PyArray_SIZE(as_array(centre)) * request.reduced() != PyArray_SIZE(request.in)))) {
        PyErr_SetString(PyExc_ValueError,
                        "reduce: distances want a float64 centre for each output, the others none");
        return nullptr;
    }
    const Ref aligned =
        PyArray_ISALIGNED(request.in)
            ? Ref()
            : Ref::steal(PyArray_FromArray(request.in, nullptr, NPY_ARRAY_ALIGNED));  // a copy
    if (PyErr_Occurred()) return nullptr;
    if (aligned) request.in = as_array(aligned.get());
    request.keepdim = keepdim;
    request.job.divisor = divisor;
    request.job.root = root;
    if (centre) request.job.centre = static_cast<const double*>(PyArray_DATA(as_array(centre)));
    Ref out = reduced(request);
    if (!out && !PyErr_Occurred()) Py_RETURN_NONE;
    return out.release();
}

// ---- the fast path ---------------------------------------------------------------------------------

struct Reducer {
    PyObject_HEAD Code code;
    bool mean;
    bool floats_only;
    Recipe* recipe;  // owned; without one, what must be recorded is not plain
};
PyTypeObject* reducer_type = nullptr;

PyObject* reducer_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    static const char* words[] = {"name", "mean", "floats_only", nullptr};
    PyObject* name;
    int mean = 0, floats_only = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "U|pp:Reducer", const_cast<char**>(words), &name, &mean,
                                     &floats_only))
        return nullptr;
    const Code code = code_of(name);
    if (code == Code::none) return nullptr;
    auto* self = reinterpret_cast<Reducer*>(type->tp_alloc(type, 0));
    if (!self) return nullptr;
    self->code = code;
    self->mean = mean;
    self->floats_only = floats_only;
    return reinterpret_cast<PyObject*>(self);
}

void reducer_dealloc(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    delete reinterpret_cast<Reducer*>(object)->recipe;
    type->tp_free(object);
    Py_DECREF(type);
}

PyObject* reducer_record(PyObject* object, PyObject* args) {
    PyObject *op_backward, *saved;
    if (!PyArg_ParseTuple(args, "OO:record", &op_backward, &saved)) return nullptr;
    auto recipe = Recipe::parse(op_backward, saved);
    if (!recipe) return nullptr;
    delete std::exchange(reinterpret_cast<Reducer*>(object)->recipe, recipe.release());
    Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"record", reducer_record, METH_VARARGS,
     "record(op_backward, saved)\n\nAs of Fast; the arguments are the tuple of dims, and keepdim."},
    {nullptr}};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("Reducer(name, mean=False, floats_only=False)\n\nA reduction for "
                                  "reduce_tensor.")},
    {Py_tp_new, reinterpret_cast<void*>(reducer_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(reducer_dealloc)},
    {Py_tp_methods, methods},
    {0, nullptr}};
PyType_Spec spec = {"tritorch._C.Reducer", sizeof(Reducer), 0, Py_TPFLAGS_DEFAULT, slots};

// One dim, as a user writes it. False: not plain (no int, out of range, given twice).
bool add_dim(PyObject* number, int ndim, Dims& dims) {
    if (!PyLong_CheckExact(number)) return false;
    int overflow;
    long dim = PyLong_AsLongAndOverflow(number, &overflow);
    if (dim < 0) dim += ndim;
    if (overflow || dim < 0 || dim >= ndim || dims[dim]) return false;
    dims.set(dim);
    return true;
}

// What a user's dim= names. None and an empty sequence are all dims.
bool read_dims(PyObject* dim, int ndim, Dims& dims) {
    if (PyLong_CheckExact(dim)) return add_dim(dim, ndim, dims);
    const bool sequence = PyTuple_CheckExact(dim) || PyList_CheckExact(dim);
    const Py_ssize_t count = sequence ? PySequence_Fast_GET_SIZE(dim) : 0;
    if (dim == Py_None || (sequence && !count)) {
        for (int d = 0; d < ndim; ++d) dims.set(d);
        return true;
    }
    for (Py_ssize_t i = 0; i < count; ++i)
        if (!add_dim(PySequence_Fast_GET_ITEM(dim, i), ndim, dims)) return false;
    return sequence;
}

PyObject* tuple_of(const Dims& dims, int ndim) {
    PyObject* tuple = PyTuple_New(static_cast<Py_ssize_t>(dims.count()));
    for (int d = 0, i = 0; tuple && d < ndim; ++d)
        if (dims[d]) PyTuple_SET_ITEM(tuple, i++, PyLong_FromLong(d));  // small ints: it cannot fail
    return tuple;
}

// (reducer, tensor, dim, keepdim): the result, recorded, or None: take the slow path.
PyObject* reduce_tensor(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 4 || Py_TYPE(args[0]) != reducer_type)
        return PyErr_Format(PyExc_TypeError, "reduce_tensor(reducer, tensor, dim, keepdim)");
    const auto* reducer = reinterpret_cast<Reducer*>(args[0]);
    if (!is_plain_tensor(args[1]) || !PyBool_Check(args[3])) Py_RETURN_NONE;
    const TensorObject* tensor = as_tensor(args[1]);
    if (!tensor->array || !PyArray_CheckExact(tensor->array)) Py_RETURN_NONE;
    Request request{reducer->code, as_array(tensor->array), {}, args[3] == Py_True, reducer->mean};
    const int type = PyArray_TYPE(request.in), ndim = PyArray_NDIM(request.in);
    const bool floats = type == NPY_FLOAT || type == NPY_DOUBLE;
    if ((reducer->floats_only ? !floats : type >= NPY_NTYPES_LEGACY || type == NPY_HALF) ||
        PyArray_NBYTES(request.in) > large || !read_dims(args[2], ndim, request.dims))
        Py_RETURN_NONE;
    const bool recording = floats && modes().grad && requires_grad_of(tensor);
    if (recording && !reducer->recipe) Py_RETURN_NONE;
    Ref out = reduced(request);
    if (!out) {
        if (PyErr_Occurred()) return nullptr;
        Py_RETURN_NONE;
    }
    PyObject* result = wrap_array(out.release());
    if (!result || !recording) return result;
    const Ref dims = Ref::steal(tuple_of(request.dims, ndim));
    PyObject* const arguments[2] = {dims.get(), args[3]};
    if (!dims || reducer->recipe->record(result, args + 1, 1, arguments) < 0) {
        Py_DECREF(result);
        return nullptr;
    }
    return result;
}

PyMethodDef functions[] = {
    {"reduce", method(reduce_array), METH_VARARGS | METH_KEYWORDS,
     "reduce(name, array, dims, keepdim, threads, divisor=1.0, root=False, centre=None)\n\nReduces an array "
     "over a tuple of "
     "dims; None where there is no loop for its dtype. Floats are divided, and the root taken then. `name`: "
     "sum, nansum, "
     "absolute, squares, distances (of squares, from centre), product, max, min, any, all. Halves give "
     "float32."},
    {"reduce_tensor", method(reduce_tensor), METH_FASTCALL,
     "reduce_tensor(reducer, tensor, dim, keepdim)\n\nThe result, recorded, or None: take the slow path."},
    {nullptr}};

int init(PyObject* module) {
    reducer_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (!reducer_type ||
        PyModule_AddObjectRef(module, "Reducer", reinterpret_cast<PyObject*>(reducer_type)) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
const Subject subject(init);

}  // namespace

reduce::Type reduce_type_of(PyArrayObject* array) {
    if (!PyArray_ISALIGNED(array) || PyArray_ISBYTESWAPPED(array)) return Type::none;
    switch (PyArray_TYPE(array)) {
        case NPY_BOOL: return Type::boolean;
        case NPY_UBYTE: return Type::uint8;
        case NPY_BYTE: return Type::int8;
        case NPY_SHORT: return Type::int16;
        case NPY_INT: return Type::int32;
        case NPY_LONG:
        case NPY_LONGLONG: return PyArray_ITEMSIZE(array) == 8 ? Type::int64 : Type::int32;
        case NPY_HALF: return Type::half;
        case NPY_FLOAT: return Type::float32;
        case NPY_DOUBLE: return Type::float64;
        default:
            return PyArray_TYPE(array) >= NPY_NTYPES_LEGACY && is_bfloat16(PyArray_DESCR(array))
                       ? Type::bfloat
                       : Type::none;
    }
}

}  // namespace tritorch
