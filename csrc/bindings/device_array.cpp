// Arrays whose memory lies on a device: np.ndarray's shapes, strides and views over a device address, which
// NumPy never follows because every function that would is refused by the subclass. Their copies to and from
// the host.
#include "device.h"
#include "pinned.h"
#include "tensor.h"

#include <stdexcept>
#include <vector>

namespace tritorch {

namespace {

std::vector<PyObject*> devices;  // tritorch.device("cuda", i): owned, for the life of the process

// What stands for the address of no bytes: NumPy would allocate memory of its own for null.
char* const nowhere = reinterpret_cast<char*>(512);

PyObject* set_cuda_devices(PyObject*, PyObject* list) {
    const Ref items = Ref::steal(PySequence_Fast(list, "set_cuda_devices(list of devices)"));
    if (!items) return nullptr;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
        PyObject* item = Py_NewRef(PySequence_Fast_GET_ITEM(items.get(), i));
        if (std::size_t(i) < devices.size()) devices[i] = item;
        else devices.push_back(item);
    }
    Py_RETURN_NONE;
}

// At most NPY_MAXDIMS numbers of a tuple or list.
int read_sizes(PyObject* object, npy_intp* into, const char* what) {
    const Ref items = Ref::steal(PySequence_Fast(object, what));
    if (!items) return -1;
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(items.get());
    if (count > NPY_MAXDIMS) {
        PyErr_Format(PyExc_ValueError, "%s: at most %d dims", what, NPY_MAXDIMS);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; ++i) {
        into[i] = PyLong_AsSsize_t(PySequence_Fast_GET_ITEM(items.get(), i));
        if (into[i] == -1 && PyErr_Occurred()) return -1;
    }
    return int(count);
}

// (shape, np_dtype, device, strides=None)
PyObject* device_empty(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (count != 3 && count != 4)
        return PyErr_Format(PyExc_TypeError, "device_empty(shape, np_dtype, device, strides=None)");
    npy_intp dims[NPY_MAXDIMS], strides[NPY_MAXDIMS];
    const int ndim = read_sizes(args[0], dims, "device_empty: shape");
    if (ndim < 0) return nullptr;
    const bool strided = count == 4 && args[3] != Py_None;
    if (strided) {
        const int given = read_sizes(args[3], strides, "device_empty: strides");
        if (given < 0) return nullptr;
        if (given != ndim) return PyErr_Format(PyExc_ValueError, "device_empty: one stride a dim");
    }
    PyArray_Descr* descr = nullptr;
    if (PyArray_DescrCheck(args[1])) {
        descr = reinterpret_cast<PyArray_Descr*>(args[1]);
        Py_INCREF(descr);
    } else if (!PyArray_DescrConverter(args[1], &descr)) {
        return nullptr;
    }
    const int device = int(PyLong_AsLong(args[2]));
    if (device == -1 && PyErr_Occurred()) {
        Py_DECREF(descr);
        return nullptr;
    }
    return new_device_array(descr, ndim, dims, strided ? strides : nullptr, device);
}

// A view of a memory as an array, at an offset: what views with other dtypes and shared buffers are made of.
PyObject* device_view(PyObject*, PyObject* args) {
    PyObject *memory, *shape, *dtype, *strides_object;
    Py_ssize_t offset;
    if (!PyArg_ParseTuple(args, "O!nOOO:device_view", memory_type(), &memory, &offset, &shape, &dtype,
                          &strides_object))
        return nullptr;
    if (!device_array_type) return PyErr_Format(PyExc_RuntimeError, "device_view: no array type was named");
    npy_intp dims[NPY_MAXDIMS], strides[NPY_MAXDIMS];
    const int ndim = read_sizes(shape, dims, "device_view: shape");
    if (ndim < 0) return nullptr;
    const int given = read_sizes(strides_object, strides, "device_view: strides");
    if (given < 0) return nullptr;
    if (given != ndim) return PyErr_Format(PyExc_ValueError, "device_view: one stride a dim");
    PyArray_Descr* descr = nullptr;
    if (!PyArray_DescrConverter(dtype, &descr)) return nullptr;
    npy_intp low = offset, high = offset + PyDataType_ELSIZE(descr);
    bool empty = false;
    for (int i = 0; i < ndim; ++i) {
        if (dims[i] <= 0) empty = true;
        else (strides[i] < 0 ? low : high) += (dims[i] - 1) * strides[i];
    }
    const auto* owner = reinterpret_cast<MemoryObject*>(memory);
    if (!empty && (low < 0 || high > npy_intp(owner->block.bytes))) {
        Py_DECREF(descr);
        return PyErr_Format(PyExc_ValueError, "device_view: the view reaches outside the memory");
    }
    char* data = owner->block.pointer ? reinterpret_cast<char*>(owner->block.pointer) + offset : nowhere;
    PyObject* array = PyArray_NewFromDescr(device_array_type, descr, ndim, dims, strides, data,
                                           NPY_ARRAY_WRITEABLE, nullptr);
    if (!array) return nullptr;
    if (PyArray_SetBaseObject(as_array(array), Py_NewRef(memory)) < 0) {
        Py_DECREF(array);
        return nullptr;
    }
    return array;
}

PyObject* python_memory_of(PyObject*, PyObject* array) {
    return Py_XNewRef(reinterpret_cast<PyObject*>(memory_of(array)));
}

// ---- copies
// ------------------------------------------------------------------------------------------------

struct Copy {
    MemoryObject* memory = nullptr;
    CUdeviceptr device = 0;
    void* host = nullptr;
    std::size_t bytes = 0;
    CUstream stream = nullptr;
    bool non_blocking = false;

    // (device array, host array, stream or None, non_blocking), the arrays in this order or the other
    bool parse(PyObject* const* args, Py_ssize_t count, bool device_first, const char* usage) {
        PyObject* on_device = count == 4 ? args[device_first ? 0 : 1] : nullptr;
        PyObject* on_host = count == 4 ? args[device_first ? 1 : 0] : nullptr;
        if (!on_device || !is_device_array(on_device) || !PyArray_Check(on_host) ||
            is_device_array(on_host)) {
            PyErr_SetString(PyExc_TypeError, usage);
            return false;
        }
        memory = memory_of(on_device);
        if (!memory || !stream_from(args[2], memory->device, &stream)) return false;
        const int truth = PyObject_IsTrue(args[3]);
        if (truth < 0) return false;
        non_blocking = truth;
        bytes = std::size_t(PyArray_NBYTES(as_array(on_device)));
        if (!PyArray_ISONESEGMENT(as_array(on_device)) || !PyArray_ISONESEGMENT(as_array(on_host)) ||
            std::size_t(PyArray_NBYTES(as_array(on_host))) != bytes) {
            PyErr_Format(PyExc_ValueError, "%s: two contiguous arrays of as many bytes", usage);
            return false;
        }
        device = reinterpret_cast<CUdeviceptr>(PyArray_DATA(as_array(on_device)));
        host = PyArray_DATA(as_array(on_host));
        return true;
    }
    // Waits, or leaves word that the host memory is in use.
    void finish() const {
        if (!non_blocking) TRITORCH_CALL(cuStreamSynchronize, stream);
        else pinned_use(host, memory->device, stream);
    }
};

// Without the GIL: from pageable memory the driver may wait for the device before it stages the bytes.
PyObject* copy_to_device(PyObject*, PyObject* const* args, Py_ssize_t count) {
    Copy copy;
    if (!copy.parse(args, count, true, "copy_to_device(device_array, host_array, stream, non_blocking)"))
        return nullptr;
    return guarded_none([&] {
        if (!copy.bytes) return;
        const device::DeviceGuard scope(copy.memory->device);
        int status = device::CAPTURE_NONE;
        TRITORCH_CALL(cuStreamIsCapturing, copy.stream, &status);
        if (status != device::CAPTURE_NONE && !is_pinned_memory(copy.host))  // replays would read it again
            throw std::runtime_error(
                "Cannot copy between CPU and CUDA tensors during CUDA graph capture unless the CPU tensor is "
                "pinned. Please use tensor.pin_memory() or allocate the tensor with pin_memory=True.");
        const WithoutGil others;
        TRITORCH_CALL(cuMemcpyHtoDAsync, copy.device, copy.host, copy.bytes, copy.stream);
        copy.finish();
    });
}

PyObject* copy_to_host(PyObject*, PyObject* const* args, Py_ssize_t count) {
    Copy copy;
    if (!copy.parse(args, count, false, "copy_to_host(host_array, device_array, stream, non_blocking)"))
        return nullptr;
    if (!PyArray_ISWRITEABLE(as_array(args[0])))
        return PyErr_Format(PyExc_ValueError, "copy_to_host: the host array is read-only");
    return guarded_none([&] {
        if (!copy.bytes) return;
        const device::DeviceGuard scope(copy.memory->device);
        const WithoutGil others;
        TRITORCH_CALL(cuMemcpyDtoHAsync, copy.host, copy.device, copy.bytes, copy.stream);
        copy.finish();
    });
}

PyObject* copy_on_device(PyObject*, PyObject* args) {
    PyObject *to, *from, *handle = Py_None;
    Py_ssize_t bytes;
    CUstream stream;
    if (!PyArg_ParseTuple(args, "OOn|O:copy_on_device", &to, &from, &bytes, &handle)) return nullptr;
    const MemoryObject* memory = memory_of(to);
    if (!memory || !memory_of(from) || !stream_from(handle, memory->device, &stream)) return nullptr;
    if (bytes < 0 || bytes > PyArray_NBYTES(as_array(to)) || bytes > PyArray_NBYTES(as_array(from)) ||
        !PyArray_ISONESEGMENT(as_array(to)) || !PyArray_ISONESEGMENT(as_array(from)))
        return PyErr_Format(
            PyExc_ValueError,
            "copy_on_device(to, from, nbytes, stream=None): two contiguous arrays of at least "
            "so many bytes");
    return guarded_none([&] {
        if (!bytes) return;
        const device::DeviceGuard scope(memory->device);
        TRITORCH_CALL(cuMemcpyDtoDAsync, reinterpret_cast<CUdeviceptr>(PyArray_DATA(as_array(to))),
                      reinterpret_cast<CUdeviceptr>(PyArray_DATA(as_array(from))), std::size_t(bytes),
                      stream);
    });
}

// (array, pattern of 1, 2 or 4 bytes, stream=None)
PyObject* memset_device(PyObject*, PyObject* args) {
    PyObject *array, *handle = Py_None;
    Py_buffer pattern;
    CUstream stream;
    if (!PyArg_ParseTuple(args, "Oy*|O:memset_device", &array, &pattern, &handle)) return nullptr;
    unsigned value = 0;
    const std::size_t width = std::size_t(pattern.len);
    const bool fits = width == 1 || width == 2 || width == 4;
    if (fits) std::memcpy(&value, pattern.buf, width);
    PyBuffer_Release(&pattern);
    const MemoryObject* memory = memory_of(array);
    if (!memory || !stream_from(handle, memory->device, &stream)) return nullptr;
    const std::size_t bytes = std::size_t(PyArray_NBYTES(as_array(array)));
    if (!fits || bytes % width || !PyArray_ISONESEGMENT(as_array(array)))
        return PyErr_Format(
            PyExc_ValueError,
            "memset_device(array, pattern, stream=None): a contiguous array, and a pattern of "
            "1, 2 or 4 bytes that fills it");
    return guarded_none([&] {
        if (!bytes) return;
        const device::DeviceGuard scope(memory->device);
        const auto to = reinterpret_cast<CUdeviceptr>(PyArray_DATA(as_array(array)));
        if (width == 1) TRITORCH_CALL(cuMemsetD8Async, to, static_cast<unsigned char>(value), bytes, stream);
        else if (width == 2)
            TRITORCH_CALL(cuMemsetD16Async, to, static_cast<unsigned short>(value), bytes / 2, stream);
        else TRITORCH_CALL(cuMemsetD32Async, to, value, bytes / 4, stream);
    });
}

PyMethodDef functions[] = {
    {"set_cuda_devices", set_cuda_devices, METH_O,
     "set_cuda_devices(devices)\n\nWhat `device` of a tensor on cuda device i is."},
    {"device_empty", method(device_empty), METH_FASTCALL,
     "device_empty(shape, np_dtype, device, strides=None) -> DeviceArray\n\nOver fresh memory on the "
     "thread's "
     "current stream; strides in bytes, not negative."},
    {"device_view", device_view, METH_VARARGS,
     "device_view(memory, offset, shape, np_dtype, strides) -> DeviceArray\n\nBytes of a memory as an "
     "array."},
    {"memory_of", python_memory_of, METH_O, "memory_of(array) -> Memory\n\nThe memory under a device array."},
    {"copy_to_device", method(copy_to_device), METH_FASTCALL,
     "copy_to_device(device_array, host_array, stream, non_blocking)\n\nContiguous bytes; stream: a handle "
     "or "
     "None. From pageable memory the bytes are taken before it returns."},
    {"copy_to_host", method(copy_to_host), METH_FASTCALL,
     "copy_to_host(host_array, device_array, stream, non_blocking)\n\nInto pageable memory it returns when "
     "the "
     "bytes are there."},
    {"copy_on_device", copy_on_device, METH_VARARGS, "copy_on_device(to, from, nbytes, stream=None)"},
    {"memset_device", memset_device, METH_VARARGS,
     "memset_device(array, pattern, stream=None)\n\npattern: 1, 2 or 4 bytes."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

MemoryObject* memory_under(PyObject* at) noexcept {
    while (at && PyArray_Check(at)) at = PyArray_BASE(as_array(at));
    return at && Py_TYPE(at) == memory_type() ? reinterpret_cast<MemoryObject*>(at) : nullptr;
}

void use_on(PyObject* array, CUstream stream) {
    const MemoryObject* memory = memory_under(array);
    if (memory && memory->stream != stream && memory->block.pointer && !memory->owner)
        memory_source().record_stream(memory->block, memory->device, stream);
}

void use_here(PyObject* array) {
    if (!is_device_array(array)) return;
    if (const MemoryObject* memory = memory_under(array))
        use_on(array, device::current_stream(memory->device));
}

MemoryObject* memory_of(PyObject* array) noexcept {
    if (MemoryObject* memory = memory_under(array)) return memory;
    PyErr_Format(PyExc_TypeError, "expected an array on a device, got %s", Py_TYPE(array)->tp_name);
    return nullptr;
}

PyObject* device_of(PyObject* array) {
    if (is_symbol_array(array)) return PyObject_GetAttrString(array, "place");
    if (!is_device_array(array)) return Py_NewRef(types.cpu ? types.cpu : Py_None);
    const MemoryObject* memory = memory_under(array);
    if (!memory)
        return PyObject_GetAttrString(array, "device");  // over memory of another kind: it says itself
    if (std::size_t(memory->device) < devices.size()) return Py_NewRef(devices[memory->device]);
    return PyErr_Format(PyExc_RuntimeError, "cuda:%d was not named to the extension", memory->device);
}

PyObject* new_device_array(PyArray_Descr* descr, int ndim, const npy_intp* dims, const npy_intp* strides,
                           int device) {
    if (!device_array_type) {
        Py_DECREF(descr);
        return PyErr_Format(PyExc_RuntimeError, "device_empty: no array type was named");
    }
    // The bytes from the first to past the last element.
    std::size_t bytes = std::size_t(PyDataType_ELSIZE(descr));
    bool empty = false, fits = true;
    for (int i = 0; i < ndim; ++i) {
        if (dims[i] < 0 || (strides && strides[i] < 0)) fits = false;
        else if (dims[i] == 0) empty = true;
        else if (strides)
            fits = fits &&
                   !__builtin_add_overflow(bytes, std::size_t(dims[i] - 1) * std::size_t(strides[i]), &bytes);
        else fits = fits && !__builtin_mul_overflow(bytes, std::size_t(dims[i]), &bytes);
    }
    if (!fits || bytes > std::size_t(PY_SSIZE_T_MAX)) {
        Py_DECREF(descr);
        return PyErr_Format(PyExc_ValueError,
                            "device_empty: sizes and strides must not be negative or too large");
    }
    if (empty) bytes = 0;
    PyObject* memory = new_memory(bytes, device, device::current_stream(device));
    if (!memory) {
        Py_DECREF(descr);
        return nullptr;
    }
    const CUdeviceptr pointer = reinterpret_cast<MemoryObject*>(memory)->block.pointer;
    PyObject* array = PyArray_NewFromDescr(
        device_array_type, descr, ndim, const_cast<npy_intp*>(dims), const_cast<npy_intp*>(strides),
        pointer ? reinterpret_cast<char*>(pointer) : nowhere, NPY_ARRAY_WRITEABLE, nullptr);
    if (!array || PyArray_SetBaseObject(as_array(array), memory) < 0) {
        if (!array) Py_DECREF(memory);
        Py_XDECREF(array);
        return nullptr;
    }
    return array;
}

}  // namespace tritorch
