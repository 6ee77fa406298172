// The plain case of an elementwise operator, without the operator's Python at all.
//
// Note [Direct loops]
// A NumPy ufunc spends most of a small call on finding out what to do. Where nothing is to be found out (one
// dtype, C order, equal shapes or one single element), we allocate the result and call the ufunc's own inner
// loop. That never looks at the floating-point status, so it needs no context either. Everything else that is
// plain goes through the ufunc inside our context (Note [NumPy context]); what is not plain is left to the
// caller, by returning None.
#include "context.h"
#include "numpy.h"
#include "recipe.h"
#include "tensor.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace tritorch {

namespace {

constexpr npy_intp large = npy_intp(1) << 20;  // bytes: beyond, the slow path has threads and recycled memory

constexpr npy_intp cached_elements =
    4096;  // from here on a result may be a block that the host allocator keeps

struct Loop {
    PyUFuncGenericFunction function = nullptr;
    void* data = nullptr;
    int out_type = 0;
};

struct Fast {
    PyObject_HEAD PyUFuncObject* ufunc;
    bool allowed[NPY_NTYPES_LEGACY];  // by type number: the kind was named
    bool user_floats;                 // 'V' was named
    Loop loops[NPY_NTYPES_LEGACY];    // by type number of the (equal) inputs
    bool constant;                    // the result has no gradient: a comparison
    int numbers;                      // by bit: the inputs that may be Python numbers
    Recipe* recipe;                   // owned; without one, what must be recorded is not plain

    PyObject* object() const { return reinterpret_cast<PyObject*>(ufunc); }
    bool allows(int type_num) const { return type_num < NPY_NTYPES_LEGACY ? allowed[type_num] : user_floats; }
};
PyTypeObject* fast_type = nullptr;

bool all_equal(const char* types, int count, int type_num) {
    return std::all_of(types, types + count, [&](char type) { return type == type_num; });
}

PyObject* fast_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    PyObject* ufunc;
    const char* kinds;
    int bool_out = 0, numbers = 3;
    static const char* names[] = {"ufunc", "kinds", "bool_out", "numbers", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!s|pi:Fast", const_cast<char**>(names), &PyUFunc_Type,
                                     &ufunc, &kinds, &bool_out, &numbers))
        return nullptr;
    auto* info = reinterpret_cast<PyUFuncObject*>(ufunc);
    if (info->nin > 2 || info->nout != 1 || info->core_enabled) {
        PyErr_Format(PyExc_ValueError, "Fast: %R is not elementwise with one or two inputs and one output",
                     ufunc);
        return nullptr;
    }
    auto* self = reinterpret_cast<Fast*>(type->tp_alloc(type, 0));
    if (!self) return nullptr;
    self->ufunc = reinterpret_cast<PyUFuncObject*>(Py_NewRef(ufunc));
    self->constant = bool_out;
    self->numbers = numbers;
    self->user_floats = std::strchr(kinds, 'V') != nullptr;
    for (int type_num = 0; type_num < NPY_NTYPES_LEGACY; ++type_num) {
        if (!PyTypeNum_ISBOOL(type_num) && !PyTypeNum_ISNUMBER(type_num)) continue;
        const Ref descr = Ref::steal(reinterpret_cast<PyObject*>(PyArray_DescrFromType(type_num)));
        self->allowed[type_num] =
            std::strchr(kinds, reinterpret_cast<PyArray_Descr*>(descr.get())->kind) != nullptr;
        for (int i = 0; i < info->ntypes && !self->loops[type_num].function; ++i) {
            const char* types = info->types + i * info->nargs;
            const int out = types[info->nin];
            if (all_equal(types, info->nin, type_num) && out == (bool_out ? int(NPY_BOOL) : type_num))
                self->loops[type_num] = {info->functions[i], info->data ? info->data[i] : nullptr, out};
        }
        // A loop that exists only for other dtypes would promote: not plain.
        if (!self->loops[type_num].function) self->allowed[type_num] = false;
    }
    return reinterpret_cast<PyObject*>(self);
}

void fast_dealloc(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    Py_DECREF(reinterpret_cast<Fast*>(object)->ufunc);
    delete reinterpret_cast<Fast*>(object)->recipe;
    type->tp_free(object);
    Py_DECREF(type);
}

PyObject* fast_record(PyObject* object, PyObject* args) {
    PyObject *op_backward, *saved;
    if (!PyArg_ParseTuple(args, "OO:record", &op_backward, &saved)) return nullptr;
    auto recipe = Recipe::parse(op_backward, saved);
    if (!recipe) return nullptr;
    delete std::exchange(reinterpret_cast<Fast*>(object)->recipe, recipe.release());
    Py_RETURN_NONE;
}

PyMethodDef methods[] = {{"record", fast_record, METH_VARARGS,
                          "record(op_backward, saved)\n\nLets fast1 and fast2 record by themselves. `saved` "
                          "has a tuple for each thing that "
                          "the derivative is handed: ('input', i), ('shape', i), ('out',) or ('value', "
                          "object); a third item is a bit mask "
                          "of the inputs whose gradients ask for it, without which it is None."},
                         {nullptr}};

PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "Fast(ufunc, kinds, bool_out=False, numbers=3)\n\nA ufunc for fast1 and fast2: `kinds` names the "
         "NumPy kinds for which a call on equal dtypes is exactly torch's.")},
    {Py_tp_new, reinterpret_cast<void*>(fast_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(fast_dealloc)},
    {Py_tp_methods, methods},
    {0, nullptr}};
PyType_Spec spec = {"tritorch._C.Fast", sizeof(Fast), 0, Py_TPFLAGS_DEFAULT, slots};

bool needs_grad(const Fast* fast, PyObject* object) {
    return modes().grad && !fast->constant && is_tensor(object) && requires_grad_of(as_tensor(object));
}

// The array of a tensor that a fast path may read, or null.
PyArrayObject* plain_array(const Fast* fast, PyObject* object) {
    if (!is_plain_tensor(object)) return nullptr;
    const TensorObject* tensor = as_tensor(object);
    if (!tensor->array || !PyArray_CheckExact(tensor->array)) return nullptr;
    PyArrayObject* array = as_array(tensor->array);
    return fast->allows(PyArray_TYPE(array)) && PyArray_NBYTES(array) <= large ? array : nullptr;
}

// Whether inner loops may walk it as one run of elements.
bool is_run(PyArrayObject* array) {
    return PyArray_CHKFLAGS(array, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED) &&
           PyArray_ISNBO(PyArray_DESCR(array)->byteorder);
}

bool same_shape(PyArrayObject* a, PyArrayObject* b) {
    return PyArray_NDIM(a) == PyArray_NDIM(b) &&
           std::equal(PyArray_DIMS(a), PyArray_DIMS(a) + PyArray_NDIM(a), PyArray_DIMS(b));
}

// One input of a direct loop.
struct Operand {
    char* data;
    npy_intp step;
};

Operand run_of(PyArrayObject* array, bool single) {
    return {PyArray_BYTES(array), single ? 0 : PyArray_ITEMSIZE(array)};
}

void call_loop(const Loop& loop, int inputs, const Operand* in, char* out, npy_intp out_step,
               npy_intp count) {
    if (count == 0) return;
    char* data[3] = {in[0].data};
    npy_intp steps[3] = {in[0].step};
    if (inputs == 2) {
        data[1] = in[1].data;
        steps[1] = in[1].step;
    }
    data[inputs] = out;
    steps[inputs] = out_step;
    loop.function(data, &count, steps, loop.data);
}

// An array of C order for the result; a large one comes from the host allocator.
PyObject* new_result(PyArrayObject* like, int type_num) {
    if (PyArray_SIZE(like) < cached_elements)
        return PyArray_SimpleNew(PyArray_NDIM(like), PyArray_DIMS(like), type_num);
    const NumpyContext context;
    return context ? PyArray_SimpleNew(PyArray_NDIM(like), PyArray_DIMS(like), type_num) : nullptr;
}

PyObject* direct(const Loop& loop, int inputs, const Operand* in, PyArrayObject* like) {
    PyObject* out = new_result(like, loop.out_type);
    if (!out) return nullptr;
    call_loop(loop, inputs, in, PyArray_BYTES(as_array(out)), PyArray_ITEMSIZE(as_array(out)),
              PyArray_SIZE(like));
    return wrap_array(out);
}

// The last dimensions of `big` are those of `row`: a bias, mostly. Many short rows NumPy does better itself.
bool is_row_of(PyArrayObject* row, PyArrayObject* big) {
    const int missing = PyArray_NDIM(big) - PyArray_NDIM(row);
    const npy_intp length = PyArray_SIZE(row);
    return missing > 0 && (length >= 16 || PyArray_SIZE(big) <= 64 * length) &&
           std::equal(PyArray_DIMS(row), PyArray_DIMS(row) + PyArray_NDIM(row), PyArray_DIMS(big) + missing);
}

// Operand `row` again for each of the rows of the other.
PyObject* direct_rows(const Loop& loop, Operand* in, int row, npy_intp length, PyArrayObject* big) {
    PyObject* out = new_result(big, loop.out_type);
    if (!out) return nullptr;
    char* to = PyArray_BYTES(as_array(out));
    const npy_intp out_step = PyArray_ITEMSIZE(as_array(out)), rows = length ? PyArray_SIZE(big) / length : 0;
    for (npy_intp i = 0; i < rows; ++i) {
        call_loop(loop, 2, in, to, out_step, length);
        in[1 - row].data += length * in[1 - row].step;
        to += length * out_step;
    }
    return wrap_array(out);
}

// Errors of the fast path are not reported: the slow path makes torch's message for them.
PyObject* through_ufunc(const Fast* fast, PyObject* const* arrays, int count) {
    PyObject* result = nullptr;
    {
        const NumpyContext context;
        if (context) {
            result =
                unless_killed([&] { return PyObject_Vectorcall(fast->object(), arrays, count, nullptr); });
        }
    }
    if (result) return wrap_any(result);
    PyErr_Clear();
    Py_RETURN_NONE;
}

template <class T>
bool store_integer(void* to, long long value) {
    if (!std::in_range<T>(value)) return false;
    const T narrow = static_cast<T>(value);
    std::memcpy(to, &narrow, sizeof(T));
    return true;
}

template <class T, class Number>
bool store_real(void* to, Number value, bool complex) {
    const T pair[2] = {static_cast<T>(value), T(0)};
    std::memcpy(to, pair, complex ? sizeof(pair) : sizeof(T));
    return true;
}

template <class Number>
bool store_float(void* to, int type_num, Number value) {
    switch (type_num) {
        case NPY_FLOAT: return store_real<float>(to, value, false);
        case NPY_DOUBLE: return store_real<double>(to, value, false);
        case NPY_CFLOAT: return store_real<float>(to, value, true);
        case NPY_CDOUBLE: return store_real<double>(to, value, true);
        default: return false;  // half precision: torch computes with the number unrounded
    }
}

// Writes a Python number as an element of the dtype, if that dtype is what torch would compute in.
bool store_number(void* to, int type_num, PyObject* number) {
    if (PyFloat_CheckExact(number)) return store_float(to, type_num, PyFloat_AS_DOUBLE(number));
    if (!PyLong_CheckExact(number)) return false;
    int overflow;
    const long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow) return false;
    switch (type_num) {
        case NPY_BYTE: return store_integer<npy_byte>(to, value);
        case NPY_UBYTE: return store_integer<npy_ubyte>(to, value);
        case NPY_SHORT: return store_integer<npy_short>(to, value);
        case NPY_USHORT: return store_integer<npy_ushort>(to, value);
        case NPY_INT: return store_integer<npy_int>(to, value);
        case NPY_UINT: return store_integer<npy_uint>(to, value);
        case NPY_LONG: return store_integer<npy_long>(to, value);
        case NPY_ULONG: return store_integer<npy_ulong>(to, value);
        case NPY_LONGLONG: return store_integer<npy_longlong>(to, value);
        case NPY_ULONGLONG: return store_integer<npy_ulonglong>(to, value);
        default: return store_float(to, type_num, value);
    }
}

const Fast* fast_of(PyObject* object, int inputs) {
    if (Py_TYPE(object) == fast_type && reinterpret_cast<Fast*>(object)->ufunc->nin == inputs)
        return reinterpret_cast<Fast*>(object);
    PyErr_Format(PyExc_TypeError, "expected a Fast of a ufunc with %d inputs, got %R", inputs, object);
    return nullptr;
}

PyObject* tensor_with_number(const Fast* fast, PyArrayObject* array, PyObject* number, bool number_first) {
    const Loop* loop = PyArray_TYPE(array) < NPY_NTYPES_LEGACY ? &fast->loops[PyArray_TYPE(array)] : nullptr;
    alignas(16) char element[16];
    if (!loop || !store_number(element, PyArray_TYPE(array), number)) Py_RETURN_NONE;
    if (is_run(array)) {
        Operand in[2] = {run_of(array, false), {element, 0}};
        if (number_first) std::swap(in[0], in[1]);
        return direct(*loop, 2, in, array);
    }
    const Ref single = Ref::steal(PyArray_SimpleNew(0, nullptr, PyArray_TYPE(array)));
    if (!single) return nullptr;
    std::memcpy(PyArray_DATA(as_array(single.get())), element, PyArray_ITEMSIZE(array));
    PyObject* arrays[2] = {reinterpret_cast<PyObject*>(array), single.get()};
    if (number_first) std::swap(arrays[0], arrays[1]);
    return through_ufunc(fast, arrays, 2);
}

PyObject* tensor_alone(const Fast* fast, PyArrayObject* a) {
    if (PyArray_TYPE(a) < NPY_NTYPES_LEGACY && is_run(a)) {
        const Operand in = run_of(a, false);
        return direct(fast->loops[PyArray_TYPE(a)], 1, &in, a);
    }
    PyObject* array = reinterpret_cast<PyObject*>(a);
    return through_ufunc(fast, &array, 1);
}

PyObject* tensor_with_tensor(const Fast* fast, PyArrayObject* a, PyArrayObject* b) {
    if (PyArray_TYPE(a) != PyArray_TYPE(b)) Py_RETURN_NONE;
    if (PyArray_TYPE(a) < NPY_NTYPES_LEGACY && is_run(a) && is_run(b)) {
        const Loop& loop = fast->loops[PyArray_TYPE(a)];
        const bool same = same_shape(a, b);
        const bool single_b = !same && PyArray_SIZE(b) == 1 && PyArray_NDIM(b) <= PyArray_NDIM(a);
        const bool single_a =
            !same && !single_b && PyArray_SIZE(a) == 1 && PyArray_NDIM(a) <= PyArray_NDIM(b);
        Operand in[2] = {run_of(a, single_a), run_of(b, single_b)};
        if (same || single_a || single_b) return direct(loop, 2, in, single_a ? b : a);
        if (is_row_of(b, a)) return direct_rows(loop, in, 1, PyArray_SIZE(b), a);
        if (is_row_of(a, b)) return direct_rows(loop, in, 0, PyArray_SIZE(a), b);
    }
    PyObject* arrays[2] = {reinterpret_cast<PyObject*>(a), reinterpret_cast<PyObject*>(b)};
    return through_ufunc(fast, arrays, 2);
}

// Records the result (stolen), if there is one.
PyObject* recorded(const Fast* fast, PyObject* result, PyObject* const* inputs, int count) {
    if (!result || result == Py_None || fast->recipe->record(result, inputs, count) == 0) return result;
    Py_DECREF(result);
    return nullptr;
}

PyObject* fast1(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "fast1(fast, a)");
    const Fast* fast = fast_of(args[0], 1);
    if (!fast) return nullptr;
    PyArrayObject* a = plain_array(fast, args[1]);
    const bool recording = a && needs_grad(fast, args[1]);
    if (!a || (recording && !fast->recipe)) Py_RETURN_NONE;
    PyObject* result = tensor_alone(fast, a);
    return recording ? recorded(fast, result, args + 1, 1) : result;
}

PyObject* fast2(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3) return PyErr_Format(PyExc_TypeError, "fast2(fast, a, b)");
    const Fast* fast = fast_of(args[0], 2);
    if (!fast) return nullptr;
    const bool recording = needs_grad(fast, args[1]) || needs_grad(fast, args[2]);
    if (recording && !fast->recipe) Py_RETURN_NONE;
    PyArrayObject* a = plain_array(fast, args[1]);
    PyArrayObject* b = plain_array(fast, args[2]);
    PyObject* result = Py_None;
    if (a && b) result = tensor_with_tensor(fast, a, b);
    else if (a && (fast->numbers & 2) && !is_tensor(args[2]))
        result = tensor_with_number(fast, a, args[2], false);
    else if (b && (fast->numbers & 1) && !is_tensor(args[1]))
        result = tensor_with_number(fast, b, args[1], true);
    else Py_RETURN_NONE;
    return recording ? recorded(fast, result, args + 1, 2) : result;
}

// Whether two runs of equal length are the same memory or none of the same.
bool may_write_over(PyArrayObject* to, PyArrayObject* from) {
    const char *p = PyArray_BYTES(to), *q = PyArray_BYTES(from);
    return p == q || p + PyArray_NBYTES(to) <= q || q + PyArray_NBYTES(from) <= p;
}

// a = ufunc(a[, b]) in a's own memory, where that is plain: returns a, or None having done nothing.
PyObject* fast_into(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 && count != 3) return PyErr_Format(PyExc_TypeError, "fast_into(fast, a[, b])");
    const int inputs = static_cast<int>(count) - 1;
    const Fast* fast = fast_of(args[0], inputs);
    if (!fast) return nullptr;
    PyArrayObject* a = plain_array(fast, args[1]);
    if (needs_grad(fast, args[1]) || (inputs == 2 && needs_grad(fast, args[2]))) Py_RETURN_NONE;
    if (!a || PyArray_TYPE(a) >= NPY_NTYPES_LEGACY || !is_run(a) || !PyArray_ISWRITEABLE(a)) Py_RETURN_NONE;
    TensorObject* tensor = as_tensor(args[1]);
    const Loop& loop = fast->loops[PyArray_TYPE(a)];
    if (loop.out_type != PyArray_TYPE(a) || (tensor->inference && !modes().inference)) Py_RETURN_NONE;

    alignas(16) char element[16];
    Operand in[2] = {run_of(a, false), {element, 0}};
    if (inputs == 2) {
        if (PyArrayObject* b = plain_array(fast, args[2])) {
            if (PyArray_TYPE(b) != PyArray_TYPE(a) || !is_run(b) || !same_shape(a, b) ||
                !may_write_over(a, b))
                Py_RETURN_NONE;
            in[1] = run_of(b, false);
        } else if (is_tensor(args[2]) || !(fast->numbers & 2) ||
                   !store_number(element, PyArray_TYPE(a), args[2])) {
            Py_RETURN_NONE;
        }
    }
    call_loop(loop, inputs, in, in[0].data, in[0].step, PyArray_SIZE(a));
    return bump_version(tensor) < 0 ? nullptr : Py_NewRef(args[1]);
}

PyMethodDef functions[] = {
    {"fast1", method(fast1), METH_FASTCALL, "fast1(fast, a)\n\nThe result, or None: take the slow path."},
    {"fast2", method(fast2), METH_FASTCALL,
     "fast2(fast, a, b)\n\nThe result, or None: take the slow path. One of the two may be a Python int or "
     "float."},
    {"fast_into", method(fast_into), METH_FASTCALL,
     "fast_into(fast, a[, b])\n\nIn place: returns a, with its version bumped, or None with nothing done."},
    {nullptr}};

int init(PyObject* module) {
    fast_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (!fast_type || PyModule_AddObjectRef(module, "Fast", reinterpret_cast<PyObject*>(fast_type)) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
const Subject subject(init);

}  // namespace

}  // namespace tritorch
