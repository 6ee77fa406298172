// Devices as the bindings see them: errors of the driver as Python's, arrays that lie on a device, and the
// memory under them.
#pragma once

#include "../device/runtime.h"
#include "numpy.h"

#include <cstring>

namespace tritorch {

// One block that a MemorySource gave: where, and what it needs to know to take it back.
struct Block {
    CUdeviceptr pointer = 0;
    std::size_t bytes = 0;  // as asked for
    void* handle = nullptr;
};

// Where device memory comes from. Called with the GIL held; never runs Python, never waits for a thread that
// may want the GIL. allocate() throws; the others do not.
class MemorySource {
  public:
    virtual ~MemorySource() = default;
    virtual Block allocate(std::size_t bytes, int device, CUstream stream) = 0;
    virtual void free(const Block& block, int device, CUstream stream) noexcept = 0;
    // The block is used on `stream` too: it is not given out again before what that stream has been given
    // until free() is done.
    virtual void record_stream(const Block& block, int device, CUstream stream) = 0;
};
MemorySource& memory_source() noexcept;

// The owner of a block: `_C.Memory`. It is the base of the array that lies in it.
struct MemoryObject {
    PyObject_HEAD Block block;
    CUstream stream;  // the stream it was allocated for
    int device;
    PyObject* owner;  // of memory that the allocator did not give: kept, and null for the allocator's
};
PyTypeObject* memory_type() noexcept;
// A new reference, or null with an error set. No bytes are no block: the pointer is null.
PyObject* new_memory(std::size_t bytes, int device, CUstream stream);
// Memory of somebody else's, which lives as long as `owner`; who orders its uses is the other's affair.
PyObject* new_foreign_memory(CUdeviceptr pointer, std::size_t bytes, int device, PyObject* owner);

// After a launch: on the simulated device the caller may have to wait for room in the queue. Lets the GIL go
// meanwhile.
void after_launch();

// Sets the Python error for the C++ exception that is being handled.
void raise_from_exception() noexcept;
// Runs `body`, whose exceptions become Python errors; gives `failed` then.
template <class Body, class Value>
Value guarded(Value failed, Body body) noexcept {
    try {
        return body();
    } catch (...) {
        raise_from_exception();
        return failed;
    }
}
template <class Body>
PyObject* guarded(Body body) noexcept {
    return guarded(static_cast<PyObject*>(nullptr), body);
}
template <class Body>
PyObject* guarded_none(Body body) noexcept {
    return guarded([&] {
        body();
        return Py_NewRef(Py_None);
    });
}

// ---- arrays ----------------------------------------------------------------------------------------------

// The memory under a device array (borrowed), or null.
MemoryObject* memory_under(PyObject* array) noexcept;
// The same, or null with an error set.
MemoryObject* memory_of(PyObject* array) noexcept;
// The array's memory is used on `stream` too, where it was allocated on another: see record_stream().
void use_on(PyObject* array, CUstream stream);
// The same for the stream that the thread has on the array's device. Nothing for an array on the host.
void use_here(PyObject* array);
// An array over fresh memory on the thread's current stream of `device`; `strides` in bytes or null. Steals
// `descr`. A new reference, or null with an error set.
PyObject* new_device_array(PyArray_Descr* descr, int ndim, const npy_intp* dims, const npy_intp* strides,
                           int device);

// ---- arguments -------------------------------------------------------------------------------------------

// Streams, events, modules and functions are integers in Python.
template <class Handle>
PyObject* handle_object(Handle handle) {
    return PyLong_FromVoidPtr(reinterpret_cast<void*>(handle));
}
template <class Handle>
bool handle_from(PyObject* object, Handle* handle) {
    void* pointer = PyLong_AsVoidPtr(object);
    *handle = reinterpret_cast<Handle>(pointer);
    return pointer || !PyErr_Occurred();
}
// The same for a stream, where None is the thread's current one.
bool stream_from(PyObject* object, int device, CUstream* stream);

}  // namespace tritorch
