// What NumPy's arrays mean to a tensor: the table from NumPy's type numbers to tritorch's dtypes, shapes as
// Size, and wrap().
#include "numpy.h"
#include "tensor.h"

#include <utility>
#include <vector>

namespace tritorch {

PyTypeObject* device_array_type = nullptr;
PyTypeObject* symbol_array_type = nullptr;

namespace {

// Indexed by type number: NumPy's own are small and dense, those of ml_dtypes count up from NPY_USERDEF.
struct DtypeTable {
    PyObject* builtin[NPY_NTYPES_LEGACY] = {};
    std::vector<PyObject*> user;

    PyObject** at(int type_num) {
        if (type_num >= 0 && type_num < NPY_NTYPES_LEGACY) return &builtin[type_num];
        if (type_num < NPY_USERDEF) return nullptr;
        const auto index = static_cast<size_t>(type_num - NPY_USERDEF);
        return index < user.size() ? &user[index] : nullptr;
    }
};
DtypeTable dtypes;  // owned, for the life of the process

PyObject* no_dtype(PyObject* descr) {
    PyErr_Format(
        PyExc_TypeError,
        "can't convert np.ndarray of type %R. The only supported types are: float64, float32, float16, "
        "bfloat16, float8_e4m3fn, float8_e5m2, complex64, complex128, int64, int32, int16, int8, uint64, "
        "uint32, uint16, uint8, and bool.",
        descr);
    return nullptr;
}

PyObject* register_dtype(PyObject*, PyObject* const* args, Py_ssize_t count) {
    PyArray_Descr* descr = nullptr;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "register_dtype(np_dtype, dtype)");
        return nullptr;
    }
    if (!PyArray_DescrConverter(args[0], &descr)) return nullptr;
    const Ref holder = Ref::steal(reinterpret_cast<PyObject*>(descr));
    const int type_num = descr->type_num;
    if (type_num >= NPY_USERDEF && dtypes.user.size() <= size_t(type_num - NPY_USERDEF))
        dtypes.user.resize(size_t(type_num - NPY_USERDEF) + 1);
    if (!dtypes.at(type_num)) return no_dtype(args[0]);

    // C has more integer types than sizes: `long` and `long long` are one dtype to us.
    std::vector<int> same = {type_num};
    if (PyTypeNum_ISINTEGER(type_num)) {
        for (int other = NPY_BYTE; other <= NPY_ULONGLONG; ++other) {
            const Ref twin = Ref::steal(reinterpret_cast<PyObject*>(PyArray_DescrFromType(other)));
            if (other != type_num && PyArray_EquivTypenums(other, type_num)) same.push_back(other);
        }
    }
    for (int each : same) {
        Py_INCREF(args[1]);
        Py_XSETREF(*dtypes.at(each), args[1]);
    }
    Py_RETURN_NONE;
}

PyObject* size_of(const npy_intp* dims, int ndim) {
    PyTypeObject* type = types.size ? types.size : &PyTuple_Type;
    PyObject* size = type->tp_alloc(type, ndim);
    if (!size) return nullptr;
    for (int i = 0; i < ndim; ++i) {
        PyObject* dim = PyLong_FromSsize_t(dims[i]);
        if (!dim) {
            Py_DECREF(size);
            return nullptr;
        }
        PyTuple_SET_ITEM(size, i, dim);
    }
    return size;
}

PyObject* wrap(PyObject*, PyObject* object) {
    Py_INCREF(object);
    return wrap_any(object);
}

PyObject* wrap_as(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 2 || !PyType_Check(args[0]) ||
        !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(args[0]), types.base)) {
        PyErr_SetString(PyExc_TypeError, "wrap_as(cls, array): cls must be a subclass of TensorBase");
        return nullptr;
    }
    Py_INCREF(args[1]);
    return wrap_array_as(reinterpret_cast<PyTypeObject*>(args[0]), args[1]);
}

PyObject* set_device_array(PyObject*, PyObject* type) {
    if (!PyType_Check(type) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type), &PyArray_Type)) {
        PyErr_SetString(PyExc_TypeError, "set_device_array(cls): expected a subclass of np.ndarray");
        return nullptr;
    }
    PyObject* before =
        device_array_type ? reinterpret_cast<PyObject*>(device_array_type) : Py_NewRef(Py_None);
    device_array_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type));
    return before;
}

PyObject* set_symbol_array(PyObject*, PyObject* type) {
    if (!PyType_Check(type) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type), &PyArray_Type)) {
        PyErr_SetString(PyExc_TypeError, "set_symbol_array(cls): expected a subclass of np.ndarray");
        return nullptr;
    }
    symbol_array_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type));
    Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"set_symbol_array", set_symbol_array, METH_O,
     "set_symbol_array(cls)\n\nThe subclass of np.ndarray that stands for values not computed yet: its "
     "attribute "
     "`place` is the device that they will be on."},
    {"set_device_array", set_device_array, METH_O,
     "set_device_array(cls) -> the one before, or None\n\nThe subclass of np.ndarray whose memory is on a "
     "device."},
    {"register_dtype", method(register_dtype), METH_FASTCALL,
     "register_dtype(np_dtype, dtype)\n\nArrays of `np_dtype` make tensors of `dtype`."},
    {"wrap", wrap, METH_O,
     "wrap(array)\n\nA fresh Tensor on an array, a NumPy scalar, or what np.asarray takes."},
    {"wrap_as", method(wrap_as), METH_FASTCALL, "wrap_as(cls, array)\n\nA fresh tensor of a subclass."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }

const Subject subject(init);

}  // namespace

PyObject* dtype_of(PyObject* array) {
    if (PyArray_Check(array)) {
        PyArray_Descr* descr = PyArray_DESCR(as_array(array));
        PyObject** slot = dtypes.at(descr->type_num);
        if (slot && *slot) return *slot;
        return no_dtype(reinterpret_cast<PyObject*>(descr));
    }
    const Ref descr = Ref::steal(PyObject_GetAttrString(array, "dtype"));
    if (!descr) return nullptr;
    if (!PyArray_DescrCheck(descr.get())) return no_dtype(descr.get());
    PyObject** slot = dtypes.at(reinterpret_cast<PyArray_Descr*>(descr.get())->type_num);
    return slot && *slot ? *slot : no_dtype(descr.get());
}

PyObject* shape_of(PyObject* array) {
    if (PyArray_Check(array)) return size_of(PyArray_DIMS(as_array(array)), PyArray_NDIM(as_array(array)));
    const Ref shape = Ref::steal(PyObject_GetAttrString(array, "shape"));
    if (!shape) return nullptr;
    if (Py_TYPE(shape.get()) == types.size || !types.size) return shape.new_reference();
    return PyObject_CallOneArg(reinterpret_cast<PyObject*>(types.size), shape.get());
}

char kind_of(PyObject* array) {
    if (PyArray_Check(array)) return PyArray_DESCR(as_array(array))->kind;
    const Ref descr = Ref::steal(PyObject_GetAttrString(array, "dtype"));
    if (!descr) return 0;
    if (PyArray_DescrCheck(descr.get())) return reinterpret_cast<PyArray_Descr*>(descr.get())->kind;
    no_dtype(descr.get());
    return 0;
}

std::string describe_array(PyObject* array) {
    static const std::pair<const char*, const char*> types[] = {{"float32", "Float"},
                                                                {"float64", "Double"},
                                                                {"float16", "Half"},
                                                                {"bfloat16", "BFloat16"},
                                                                {"int64", "Long"},
                                                                {"int32", "Int"},
                                                                {"int16", "Short"},
                                                                {"int8", "Char"},
                                                                {"uint8", "Byte"},
                                                                {"bool", "Bool"},
                                                                {"uint16", "UInt16"},
                                                                {"uint32", "UInt32"},
                                                                {"uint64", "UInt64"},
                                                                {"complex64", "ComplexFloat"},
                                                                {"complex128", "ComplexDouble"},
                                                                {"float8_e4m3fn", "Float8_e4m3fn"},
                                                                {"float8_e5m2", "Float8_e5m2"}};
    const auto text_of = [](PyObject* object) {
        const Ref text = Ref::steal(object ? PyObject_Str(object) : nullptr);
        const char* bytes = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
        if (!bytes) PyErr_Clear();
        return std::string(bytes ? bytes : "?");
    };
    const Ref dtype = Ref::steal(PyObject_GetAttrString(array, "dtype"));
    std::string name = text_of(dtype.get());
    for (const auto& [numpy, tensor] : types)
        if (name == numpy) name = tensor;
    const Ref shape = Ref::steal(shape_of(array));
    const Ref dims = Ref::steal(shape ? PySequence_List(shape.get()) : nullptr);
    return "tritorch." + name + "Tensor " + text_of(dims.get());
}

PyObject* wrap_any(PyObject* stolen) {
    if (PyArray_CheckExact(stolen) || is_device_array(stolen) || is_symbol_array(stolen))
        return wrap_array(stolen);
    PyObject* array = PyArray_IsScalar(stolen, Generic) ? PyArray_FromScalar(stolen, nullptr)
                                                        : PyArray_FromAny(stolen, nullptr, 0, 0, 0, nullptr);
    Py_DECREF(stolen);
    return array ? wrap_array(array) : nullptr;
}

}  // namespace tritorch
