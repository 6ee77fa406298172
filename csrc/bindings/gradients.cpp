#include "gradients.h"

#include "context.h"
#include "device.h"

#include <algorithm>
#include <sstream>

namespace tritorch {

namespace {

// A function of NumPy's, looked up once.
PyObject* numpy_function(const char* name) {
    const Ref module = checked(PyImport_ImportModule("numpy"));
    return checked(PyObject_GetAttrString(module.get(), name)).release();
}

bool has_shape(PyArrayObject* array, const Metadata& wanted) {
    return wanted.same_shape(PyArray_DIMS(array), PyArray_NDIM(array));
}
bool same_shape(PyArrayObject* a, PyArrayObject* b) {
    return PyArray_NDIM(a) == PyArray_NDIM(b) &&
           PyArray_CompareLists(PyArray_DIMS(a), PyArray_DIMS(b), PyArray_NDIM(a));
}
bool same_dtype(PyArray_Descr* a, PyArray_Descr* b) { return a == b || PyArray_EquivTypes(a, b); }

// ---- sums in place -----------------------------------------------------------------------------------

template <class T>
void add_loop(void* into, const void* more, npy_intp count) {
    auto* a = static_cast<T*>(into);
    const auto* b = static_cast<const T*>(more);
    for (npy_intp i = 0; i < count; ++i) a[i] += b[i];
}

// For the many small gradients: one loop, nothing to look up. Larger ones let NumPy release the GIL.
bool add_directly(PyArrayObject* into, PyArrayObject* more) {
    constexpr npy_intp small = 4096;
    const npy_intp count = PyArray_SIZE(into);
    const int aligned = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED;
    if (count > small || (PyArray_FLAGS(into) & PyArray_FLAGS(more) & aligned) != aligned) return false;
    switch (PyArray_TYPE(into)) {
        case NPY_FLOAT: add_loop<float>(PyArray_DATA(into), PyArray_DATA(more), count); return true;
        case NPY_DOUBLE: add_loop<double>(PyArray_DATA(into), PyArray_DATA(more), count); return true;
        case NPY_CFLOAT: add_loop<float>(PyArray_DATA(into), PyArray_DATA(more), 2 * count); return true;
        case NPY_CDOUBLE: add_loop<double>(PyArray_DATA(into), PyArray_DATA(more), 2 * count); return true;
        default: return false;
    }
}

Ref numpy_add(PyArrayObject* a, PyArrayObject* b, PyArrayObject* out) {
    static PyObject* add = numpy_function("add");
    const NumpyContext context;
    if (!context) throw CarriedError();
    PyObject *left = reinterpret_cast<PyObject*>(a), *right = reinterpret_cast<PyObject*>(b);
    return out ? call(add, left, right, reinterpret_cast<PyObject*>(out)) : call(add, left, right);
}

// ---- fitting -----------------------------------------------------------------------------------------

std::string brackets(const npy_intp* dims, int ndim) {
    std::ostringstream text;
    text << '[';
    for (int i = 0; i < ndim; ++i) text << (i ? ", " : "") << dims[i];
    text << ']';
    return text.str();
}

[[noreturn]] void refuse(const autograd::Node& node, std::uint32_t index, const std::string& what) {
    const std::string who = node.name();
    PyErr_Format(PyExc_RuntimeError, "Function %s returned an invalid gradient at index %u - %s", who.c_str(),
                 index, what.c_str());
    throw CarriedError();
}

// Whether a tensor of the wanted shape could have been expanded to these dims.
bool expands_to(const Metadata& wanted, const Metadata& dims) {
    const int extra = dims.ndim() - wanted.ndim();
    if (extra < 0) return false;
    for (int i = 0; i < wanted.ndim(); ++i) {
        if (wanted.dims()[i] != 1 && wanted.dims()[i] != dims.dims()[extra + i]) return false;
    }
    return true;
}

// Sums a small array over the dims that `wanted` lacks or has as 1.
Ref sum_small(PyArrayObject* array, const Metadata& wanted) {
    static PyObject* reduce =
        checked(PyObject_GetAttrString(Ref::steal(numpy_function("add")).get(), "reduce")).release();
    const int extra = PyArray_NDIM(array) - wanted.ndim();
    const Ref axes = checked(PyList_New(0));
    for (int i = 0; i < PyArray_NDIM(array); ++i) {
        if (i >= extra && wanted.dims()[i - extra] == PyArray_DIM(array, i)) continue;
        const Ref axis = checked(PyLong_FromLong(i));
        if (PyList_Append(axes.get(), axis.get()) < 0) throw CarriedError();
    }
    const Ref over = checked(PyList_AsTuple(axes.get()));
    Ref sum;
    {
        const NumpyContext context;
        if (!context) throw CarriedError();
        sum = call(reduce, reinterpret_cast<PyObject*>(array), over.get());
    }
    const Ref whole =
        checked(PyArray_FromAny(sum.get(), nullptr, 0, 0, 0, nullptr));  // a full sum gives a scalar
    PyArray_Dims shape{const_cast<npy_intp*>(wanted.dims()), wanted.ndim()};
    return checked(PyArray_Newshape(as_array(whole.get()), &shape, NPY_CORDER));
}

bool sums_exactly_enough(PyArrayObject* array) {
    constexpr npy_intp small =
        1 << 14;  // NumPy adds row by row: beyond, the operator's own summation is closer
    const int type = PyArray_TYPE(array);
    return PyArray_SIZE(array) <= small &&
           (type == NPY_FLOAT || type == NPY_DOUBLE || type == NPY_CFLOAT || type == NPY_CDOUBLE);
}

void sum_to(autograd::Value& gradient, const Metadata& wanted) {
    TensorObject* tensor = tensor_in(gradient);
    PyArrayObject* array = host_array(tensor);
    const bool plain = array && (!modes().grad || !is_recorded(tensor));
    if (plain && sums_exactly_enough(array)) {
        gradient = into_value(checked(wrap_array(sum_small(array, wanted).release())));
        return;
    }
    const Ref shape = wanted.shape();
    gradient = into_value(call(TRITORCH_OPERATOR(sum_to_size), as_object(tensor), shape.get()));
}

}  // namespace

PyObject* required_operator(PyObject* function, const char* name) {
    if (function) return function;
    PyErr_Format(PyExc_RuntimeError, "set_backend() has not been given %s", name);
    throw CarriedError();
}

// ---- Metadata ----------------------------------------------------------------------------------------

npy_intp* Metadata::allocate(int ndim) {
    ndim_ = ndim;
    if (ndim <= inline_dims) return few_;
    many_ = std::make_unique<npy_intp[]>(ndim);
    return many_.get();
}

Metadata::Metadata(PyObject* object) {
    if (PyArray_Check(object)) {
        PyArrayObject* array = as_array(object);
        descr_ = Ref::share(reinterpret_cast<PyObject*>(PyArray_DESCR(array)));
        std::copy_n(PyArray_DIMS(array), PyArray_NDIM(array), allocate(PyArray_NDIM(array)));
        if (!is_host_array(object)) device_ = checked(device_of(object));
        return;
    }
    descr_ = checked(PyObject_GetAttrString(object, "dtype"));
    device_ = checked(PyObject_GetAttrString(object, "device"));
    const Ref shape = checked(PySequence_Tuple(checked(PyObject_GetAttrString(object, "shape")).get()));
    npy_intp* dims = allocate(static_cast<int>(PyTuple_GET_SIZE(shape.get())));
    for (int i = 0; i < ndim_; ++i) dims[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape.get(), i));
    if (PyErr_Occurred()) throw CarriedError();
}

Ref Metadata::shape() const {
    Ref tuple = checked(PyTuple_New(ndim_));
    for (int i = 0; i < ndim_; ++i) {
        PyTuple_SET_ITEM(tuple.get(), i, checked(PyLong_FromSsize_t(dims()[i])).release());
    }
    return types.size ? call(reinterpret_cast<PyObject*>(types.size), tuple.get()) : tuple;
}

Ref Metadata::dtype() const {
    npy_intp none = 0;  // dtype_of() reads arrays
    Py_INCREF(descr_.get());
    const Ref empty =
        checked(PyArray_NewFromDescr(&PyArray_Type, descr(), 1, &none, nullptr, nullptr, 0, nullptr));
    PyObject* dtype = dtype_of(empty.get());
    if (!dtype) throw CarriedError();
    return Ref::share(dtype);
}

bool Metadata::same_shape(const npy_intp* other, int ndim) const noexcept {
    return ndim == ndim_ && std::equal(other, other + ndim, dims());
}

// ---- what the engine asks for ---------------------------------------------------------------------------

void fit(autograd::Value& gradient, const Metadata& wanted, const autograd::Node& node, std::uint32_t index) {
    TensorObject* tensor = tensor_in(gradient);
    PyArrayObject* array = host_array(tensor);
    if (array && wanted.on_host() && has_shape(array, wanted) && PyArray_DESCR(array) == wanted.descr())
        return;

    const Metadata given(tensor->array);
    if (!wanted.same_shape(given.dims(), given.ndim())) {
        if (!expands_to(wanted, given)) {
            refuse(node, index,
                   "got " + brackets(given.dims(), given.ndim()) + " but expected shape compatible with " +
                       brackets(wanted.dims(), wanted.ndim()));
        }
        sum_to(gradient, wanted);
    }
    if (given.descr()->kind == 'c' && wanted.descr()->kind != 'c') {
        gradient = into_value(call(TRITORCH_OPERATOR(real), as_object(tensor_in(gradient))));
    }
    if (given.on_host() != wanted.on_host() && given.ndim() != 0) {
        const Ref want = checked(PyObject_Str(wanted.device())), got = checked(PyObject_Str(given.device()));
        refuse(node, index,
               std::string("expected device ") + PyUnicode_AsUTF8(want.get()) + " but got " +
                   PyUnicode_AsUTF8(got.get()));
    }
    PyObject* descr = reinterpret_cast<PyObject*>(Metadata(tensor_in(gradient)->array).descr());
    if (!same_dtype(reinterpret_cast<PyArray_Descr*>(descr), wanted.descr()) ||
        given.on_host() != wanted.on_host()) {
        const Ref dtype = wanted.dtype();
        gradient = into_value(
            call(TRITORCH_OPERATOR(to), as_object(tensor_in(gradient)), dtype.get(), wanted.device()));
    }
}

void add_gradient(autograd::Value& into, autograd::Value more) {
    TensorObject *a = tensor_in(into), *b = tensor_in(more);
    PyArrayObject *left = host_array(a), *right = host_array(b);
    const bool recorded = is_recorded(a) || is_recorded(b);
    const bool on_device = is_device_array(a->array) && is_device_array(b->array);
    if (on_device && !(modes().grad && recorded) && !is_recorded(a) && Py_REFCNT(a) == 1 &&
        is_sole_owner(a) && same_shape(as_array(a->array), as_array(b->array)) &&
        same_dtype(PyArray_DESCR(as_array(a->array)), PyArray_DESCR(as_array(b->array)))) {
        call(TRITORCH_OPERATOR(add_), as_object(a), as_object(b));
        return;
    }
    if (!left || !right || (modes().grad && recorded) || !same_shape(left, right) ||
        !same_dtype(PyArray_DESCR(left), PyArray_DESCR(right))) {
        into = into_value(call(TRITORCH_OPERATOR(add), as_object(a), as_object(b)));
        return;
    }
    if (!is_recorded(a) && Py_REFCNT(a) == 1 && is_sole_owner(a)) {
        if (!add_directly(left, right)) numpy_add(left, right, left);
        return;
    }
    Ref sum = numpy_add(left, right, nullptr);
    into = into_value(checked(wrap_any(sum.release())));
}

void add_in_place(TensorObject* target, TensorObject* gradient) {
    PyArrayObject *left = host_array(target), *right = host_array(gradient);
    if (!left || !right || !same_shape(left, right) ||
        !same_dtype(PyArray_DESCR(left), PyArray_DESCR(right)) || !PyArray_ISWRITEABLE(left)) {
        call(TRITORCH_OPERATOR(add_), as_object(target), as_object(gradient));
        return;
    }
    if (!add_directly(left, right)) numpy_add(left, right, left);
    if (bump_version(target) < 0) throw CarriedError();
}

bool is_sole_owner(const TensorObject* tensor) noexcept {
    if (!PyArray_Check(tensor->array) || !PyArray_ISWRITEABLE(as_array(tensor->array))) return false;
    for (PyObject* array = tensor->array; array; array = PyArray_BASE(as_array(array))) {
        if (Py_REFCNT(array) != 1) return false;
        if (!PyArray_Check(array)) return Py_TYPE(array) == memory_type();
        if (!PyArray_BASE(as_array(array))) return PyArray_CHKFLAGS(as_array(array), NPY_ARRAY_OWNDATA);
    }
    return false;
}

// ---- layout --------------------------------------------------------------------------------------------

namespace {

// Without gaps or overlap, in some order of the dims.
bool is_dense(PyArrayObject* array) {
    if (PyArray_CHKFLAGS(array, NPY_ARRAY_C_CONTIGUOUS) || PyArray_CHKFLAGS(array, NPY_ARRAY_F_CONTIGUOUS))
        return true;
    int order[NPY_MAXDIMS];
    int count = 0;
    for (int i = 0; i < PyArray_NDIM(array); ++i) {
        if (PyArray_DIM(array, i) != 1) order[count++] = i;
    }
    std::sort(order, order + count,
              [&](int a, int b) { return PyArray_STRIDE(array, a) < PyArray_STRIDE(array, b); });
    npy_intp expected = PyArray_ITEMSIZE(array);
    for (int i = 0; i < count; ++i) {
        if (PyArray_STRIDE(array, order[i]) != expected) return false;
        expected *= PyArray_DIM(array, order[i]);
    }
    return true;
}

}  // namespace

bool has_layout_of(TensorObject* gradient, TensorObject* like) noexcept {
    if (!PyArray_Check(gradient->array) || !PyArray_Check(like->array)) return true;
    PyArrayObject *a = as_array(gradient->array), *b = as_array(like->array);
    if (PyArray_CHKFLAGS(b, NPY_ARRAY_C_CONTIGUOUS) || !is_dense(b))
        return PyArray_CHKFLAGS(a, NPY_ARRAY_C_CONTIGUOUS);
    for (int i = 0; i < PyArray_NDIM(a); ++i) {
        if (PyArray_DIM(a, i) != 1 && PyArray_STRIDE(a, i) != PyArray_STRIDE(b, i)) return false;
    }
    return true;
}

Ref copy_like(TensorObject* gradient, TensorObject* like) {
    PyArrayObject *source = host_array(gradient), *pattern = host_array(like);
    if (!source || !pattern) {
        const ModeGuard off(false);
        return call(TRITORCH_OPERATOR(clone), as_object(gradient));
    }
    PyArray_Descr* descr = PyArray_DESCR(source);
    Py_INCREF(descr);
    const NPY_ORDER order = is_dense(pattern) ? NPY_KEEPORDER : NPY_CORDER;
    Ref copy = checked(PyArray_NewLikeArray(pattern, order, descr, 0));
    if (PyArray_CopyInto(as_array(copy.get()), source) < 0) throw CarriedError();
    return checked(wrap_array(copy.release()));
}

bool has_nan(TensorObject* gradient) {
    static PyObject* isnan = numpy_function("isnan");
    Ref flags;
    if (host_array(gradient)) {
        flags = call(isnan, gradient->array);
    } else {
        flags = checked(PyObject_CallMethod(as_object(gradient), "isnan", nullptr));
    }
    const Ref any = checked(PyObject_CallMethod(flags.get(), "any", nullptr));
    const int truth = PyObject_IsTrue(any.get());
    if (truth < 0) throw CarriedError();
    return truth;
}

}  // namespace tritorch
