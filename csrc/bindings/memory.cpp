// `_C.Memory`, the owner of a block of device memory.
#include "../device/sim/sim.h"
#include "device.h"

#include <structmember.h>

#include <cstddef>
#include <exception>

namespace tritorch {

namespace {

namespace sim = device::sim;

PyTypeObject* type = nullptr;

MemoryObject* as_memory(PyObject* object) noexcept { return reinterpret_cast<MemoryObject*>(object); }

bool watched() { return device::initialized() && device::kind() == device::Kind::simulated; }

// It may die while an error is on its way: that stays as it is.
void watch_death(const MemoryObject* self) noexcept {
    if (!watched()) return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    try {
        const device::DeviceGuard scope(self->device);
        sim::block_died(self->block.pointer, self->stream);
    } catch (const device::Unavailable&) {  // a forked child: there is nothing to watch
    }
    PyErr_Restore(type, value, traceback);
}

void memory_dealloc(PyObject* object) {
    MemoryObject* self = as_memory(object);
    if (self->owner) {
        Py_DECREF(self->owner);
    } else if (self->block.pointer) {
        watch_death(self);
        memory_source().free(self->block, self->device, self->stream);
    }
    PyTypeObject* of = Py_TYPE(object);
    PyObject_Free(object);
    Py_DECREF(of);
}

PyObject* record_stream(PyObject* object, PyObject* handle) {
    CUstream stream;
    MemoryObject* self = as_memory(object);
    if (!handle_from(handle, &stream)) return nullptr;
    return guarded_none([&] {
        if (self->block.pointer && !self->owner)
            memory_source().record_stream(self->block, self->device, stream);
    });
}

PyObject* get_ptr(PyObject* self, void*) {
    return PyLong_FromUnsignedLongLong(as_memory(self)->block.pointer);
}
PyObject* get_nbytes(PyObject* self, void*) { return PyLong_FromSize_t(as_memory(self)->block.bytes); }
PyObject* get_stream(PyObject* self, void*) { return handle_object(as_memory(self)->stream); }

PyGetSetDef attributes[] = {{"ptr", get_ptr, nullptr, "the device address; 0 for no bytes"},
                            {"nbytes", get_nbytes, nullptr, "as asked for"},
                            {"stream", get_stream, nullptr, "the stream that it was allocated on"},
                            {nullptr}};
PyMemberDef members[] = {{"device", T_INT, offsetof(MemoryObject, device), READONLY, "the device's index"},
                         {nullptr}};
PyMethodDef methods[] = {{"record_stream", record_stream, METH_O,
                          "record_stream(stream)\n\nThe memory is used on that stream too: it is given out "
                          "again only when what the stream was given before its death is done."},
                         {nullptr}};
PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("A block of device memory; it is given back when this dies.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(memory_dealloc)},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {0, nullptr}};
PyType_Spec spec = {"tritorch._C.Memory", sizeof(MemoryObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

PyObject* allocate(PyObject*, PyObject* args) {
    Py_ssize_t bytes;
    int device;
    PyObject* handle = Py_None;
    CUstream stream;
    if (!PyArg_ParseTuple(args, "ni|O:memory_new", &bytes, &device, &handle) ||
        !stream_from(handle, device, &stream))
        return nullptr;
    if (bytes < 0) return PyErr_Format(PyExc_ValueError, "memory_new: negative size");
    return new_memory(std::size_t(bytes), device, stream);
}

PyMethodDef functions[] = {
    {"memory_new", allocate, METH_VARARGS,
     "memory_new(nbytes, device, stream=None) -> Memory\n\nstream: a handle; None is the thread's current "
     "one."},
    {nullptr}};

int init(PyObject* module) {
    type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (!type || PyModule_AddObjectRef(module, "Memory", reinterpret_cast<PyObject*>(type)) < 0) return -1;
    return PyModule_AddFunctions(module, functions);
}
const Subject subject(init);

}  // namespace

PyTypeObject* memory_type() noexcept { return type; }

PyObject* new_memory(std::size_t bytes, int device, CUstream stream) {
    MemoryObject* self = PyObject_New(MemoryObject, type);
    if (!self) return nullptr;
    self->block = Block{};
    self->stream = stream;
    self->device = device;
    self->owner = nullptr;
    if (bytes) {
        const bool done = guarded(false, [&] {
            self->block = memory_source().allocate(bytes, device, stream);
            if (watched()) {
                const device::DeviceGuard scope(device);
                sim::block_born(self->block.pointer, bytes, stream);
            }
            return true;
        });
        if (!done) {
            Py_DECREF(self);
            return nullptr;
        }
    }
    return reinterpret_cast<PyObject*>(self);
}

PyObject* new_foreign_memory(CUdeviceptr pointer, std::size_t bytes, int device, PyObject* owner) {
    MemoryObject* self = PyObject_New(MemoryObject, type);
    if (!self) return nullptr;
    self->block = {pointer, bytes, nullptr};
    self->stream = nullptr;
    self->device = device;
    self->owner = Py_NewRef(owner);
    return reinterpret_cast<PyObject*>(self);
}

}  // namespace tritorch
