// Memory shared with other libraries: DLPack's capsules, and device memory that somebody else owns. What the
// capsules mean, and who waits for whom, is said in runtime/exchange.py. The structures are those of
// DLPack 1.0, declared from its public documentation.
#include "device.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace tritorch {

namespace {

struct DLDevice {
    std::int32_t type, id;
};
struct DLDataType {
    std::uint8_t code, bits;
    std::uint16_t lanes;
};
struct DLTensor {
    void* data;
    DLDevice device;
    std::int32_t ndim;
    DLDataType dtype;
    std::int64_t* shape;
    std::int64_t* strides;  // in elements; null: C order
    std::uint64_t byte_offset;
};
struct Plain {  // DLManagedTensor
    DLTensor tensor;
    void* context;
    void (*deleter)(Plain*);
};
struct Versioned {  // DLManagedTensorVersioned
    std::uint32_t major, minor;
    void* context;
    void (*deleter)(Versioned*);
    std::uint64_t flags;
    DLTensor tensor;
};
constexpr std::uint64_t read_only = 1;

// The names of a capsule before and after somebody took what is in it.
template <class Managed>
struct Names;
template <>
struct Names<Plain> {
    static constexpr const char *fresh = "dltensor", *used = "used_dltensor";
};
template <>
struct Names<Versioned> {
    static constexpr const char *fresh = "dltensor_versioned", *used = "used_dltensor_versioned";
};

// ---- out --------------------------------------------------------------------------------------------------

// What an exported tensor holds: the array, and its sizes.
template <class Managed>
struct Export {
    Managed managed = {};
    PyObject* array = nullptr;
    std::vector<std::int64_t> sizes;
};

// Called once, by whoever took the capsule, from any thread.
template <class Managed>
void end_export(Managed* managed) {
    auto* self = static_cast<Export<Managed>*>(managed->context);
    if (Py_IsInitialized()) {  // else the process ends, and its memory with it
        const WithGil python;
        Py_DECREF(self->array);
        delete self;
    }
}

// The capsule's own end: nobody took what is in it.
template <class Managed>
void end_capsule(PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, Names<Managed>::fresh)) return;
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Names<Managed>::fresh));
    if (managed->deleter) managed->deleter(managed);
}

template <class Managed>
PyObject* capsule_of(PyObject* array, DLDevice device, DLDataType dtype) {
    auto self = std::make_unique<Export<Managed>>();
    PyArrayObject* source = as_array(array);
    const int ndim = PyArray_NDIM(source);
    const npy_intp item = PyArray_ITEMSIZE(source);
    self->sizes.resize(2 * std::size_t(ndim) + 1);
    for (int i = 0; i < ndim; ++i) {
        self->sizes[i] = PyArray_DIM(source, i);
        if (PyArray_STRIDE(source, i) % item)
            return PyErr_Format(PyExc_BufferError,
                                "__dlpack__: strides that are no multiple of the item's size");
        self->sizes[ndim + i] = PyArray_STRIDE(source, i) / item;
    }
    void* data = PyArray_SIZE(source) ? PyArray_DATA(source) : nullptr;
    self->managed.tensor = {data, device, ndim, dtype, self->sizes.data(), self->sizes.data() + ndim, 0};
    self->managed.context = self.get();
    self->managed.deleter = end_export<Managed>;
    if constexpr (std::is_same_v<Managed, Versioned>) {
        self->managed.major = 1;
        self->managed.flags = PyArray_ISWRITEABLE(source) ? 0 : read_only;
    }
    PyObject* capsule = PyCapsule_New(&self->managed, Names<Managed>::fresh, end_capsule<Managed>);
    if (capsule) self.release()->array = Py_NewRef(array);
    return capsule;
}

// (array, device type, device id, code, bits, versioned)
PyObject* dlpack_export(PyObject*, PyObject* args) {
    PyObject* array;
    int type, id, code, bits, versioned;
    if (!PyArg_ParseTuple(args, "O!iiiip:dlpack_export", &PyArray_Type, &array, &type, &id, &code, &bits,
                          &versioned))
        return nullptr;
    const DLDevice device{type, id};
    const DLDataType dtype{std::uint8_t(code), std::uint8_t(bits), 1};
    return guarded([&] {
        return versioned ? capsule_of<Versioned>(array, device, dtype)
                         : capsule_of<Plain>(array, device, dtype);
    });
}

// ---- in ---------------------------------------------------------------------------------------------------

constexpr const char* owner_name = "tritorch DLPack owner";

template <class Managed>
void end_import(PyObject* owner) {
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(owner, owner_name));
    if (managed->deleter) managed->deleter(managed);
}

PyObject* tuple_of(const std::int64_t* numbers, int count) {
    Ref made = Ref::steal(PyTuple_New(count));
    for (int i = 0; made && i < count; ++i) {
        PyObject* one = PyLong_FromLongLong(numbers[i]);
        if (!one) return nullptr;
        PyTuple_SET_ITEM(made.get(), i, one);
    }
    return made.release();
}

template <class Managed>
PyObject* taken(PyObject* capsule) {
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Names<Managed>::fresh));
    const DLTensor& tensor = managed->tensor;
    bool writable = true;
    if constexpr (std::is_same_v<Managed, Versioned>) {
        if (managed->major != 1)
            return PyErr_Format(PyExc_BufferError, "from_dlpack: expected DLPack 1, got version %d",
                                int(managed->major));
        writable = !(managed->flags & read_only);
    }
    if (tensor.dtype.lanes != 1)
        return PyErr_Format(PyExc_BufferError, "from_dlpack: expected one lane an element, got %d",
                            tensor.dtype.lanes);
    const Ref shape = Ref::steal(tuple_of(tensor.shape, tensor.ndim));
    const Ref strides =
        tensor.strides ? Ref::steal(tuple_of(tensor.strides, tensor.ndim)) : Ref::share(Py_None);
    if (!shape || !strides) return nullptr;
    Ref owner = Ref::steal(PyCapsule_New(managed, owner_name, end_import<Managed>));
    if (!owner || PyCapsule_SetName(capsule, Names<Managed>::used) < 0) {
        if (owner) PyCapsule_SetDestructor(owner.get(), nullptr);  // the capsule still answers for it
        return nullptr;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(tensor.data) + tensor.byte_offset;
    return Py_BuildValue("(OKiiiiOOO)", owner.get(), static_cast<unsigned long long>(address),
                         int(tensor.device.type), int(tensor.device.id), int(tensor.dtype.code),
                         int(tensor.dtype.bits), shape.get(), strides.get(), writable ? Py_True : Py_False);
}

PyObject* dlpack_import(PyObject*, PyObject* capsule) {
    if (PyCapsule_IsValid(capsule, Names<Versioned>::fresh)) return taken<Versioned>(capsule);
    if (PyCapsule_IsValid(capsule, Names<Plain>::fresh)) return taken<Plain>(capsule);
    return PyErr_Format(
        PyExc_BufferError,
        "from_dlpack: expected a DLPack capsule that nobody has taken: it can be consumed only once");
}

// (pointer, nbytes, device, owner)
PyObject* memory_foreign(PyObject*, PyObject* args) {
    unsigned long long pointer;
    Py_ssize_t bytes;
    int device;
    PyObject* owner;
    if (!PyArg_ParseTuple(args, "KniO:memory_foreign", &pointer, &bytes, &device, &owner)) return nullptr;
    return new_foreign_memory(pointer, std::size_t(bytes), device, owner);
}

PyMethodDef functions[] = {
    {"dlpack_export", dlpack_export, METH_VARARGS,
     "dlpack_export(array, device_type, device_id, code, bits, versioned) -> capsule\n\nIt keeps the array."},
    {"dlpack_import", dlpack_import, METH_O,
     "dlpack_import(capsule) -> tuple\n\n(owner, address, device_type, device_id, code, bits, shape, strides "
     "or None, "
     "writable): the memory lives as long as the owner. Strides count elements."},
    {"memory_foreign", memory_foreign, METH_VARARGS,
     "memory_foreign(pointer, nbytes, device, owner) -> Memory\n\nDevice memory of somebody else, who is "
     "kept."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
