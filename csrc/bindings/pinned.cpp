// Arrays in page-locked host memory: what the device copies to and from while the host goes on.
//
// Note [Pinned memory]
// The driver's own calls are slow, and its free waits for the device; so blocks are kept in the cache of
// csrc/allocator/pinned.h. A copy that does not wait names its stream to the block (pinned_use), and the
// block is given out again when that stream has done what it was given until the block's death.
#include "pinned.h"

#include "../allocator/pinned.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace tritorch {

namespace {

constexpr const char* capsule_name = "tritorch pinned memory";

// The cache knows streams by one pointer, and every device has a null stream: a stream is named with its
// device. Names live for ever, as the streams do.
using Place = std::pair<int, CUstream>;

allocator::Stream name_of(int device, CUstream stream) {
    static std::mutex lock;
    static auto* const places = new std::set<Place>;
    const std::lock_guard<std::mutex> alone(lock);
    return const_cast<Place*>(&*places->insert({device, stream}).first);
}

// The driver, as the cache asks for it. An event is the driver's with its device, whose context is entered.
class Host final : public allocator::PinnedSource {
  public:
    void* malloc(std::size_t bytes) override {
        device::enter(device::current_device());
        void* found = nullptr;
        const CUresult code = device::driver().cuMemHostAlloc(&found, bytes, 1);  // 1: for every context
        if (code == device::OUT_OF_MEMORY) return nullptr;
        device::check(code, "cuMemHostAlloc");
        return found;
    }
    void free(void* pointer) override {
        device::enter(device::current_device());
        TRITORCH_CALL(cuMemFreeHost, pointer);
    }
    allocator::Event record(allocator::Stream stream) override {
        const auto& [device, handle] = *static_cast<const Place*>(stream);
        auto event = std::make_unique<device::Event>(device, device::EVENT_DISABLE_TIMING);
        event->record(handle);
        return event.release();
    }
    bool passed(allocator::Event event) override {
        const auto* one = static_cast<const device::Event*>(event);
        device::enter(one->device());
        return one->passed();
    }
    void drop(allocator::Event event) noexcept override { delete static_cast<device::Event*>(event); }
};

// Never destroyed: memory may be given back after every static object is gone.
allocator::PinnedCache& cache() {
    static auto* const one = [] {
        const char* settings = std::getenv("TRITORCH_CUDA_ALLOC_CONF");
        return new allocator::PinnedCache(*new Host, allocator::Settings::parse(settings ? settings : ""));
    }();
    return *one;
}

void give_back(PyObject* capsule) {
    try {
        device::driver();
        cache().free(static_cast<allocator::PinnedBlock*>(PyCapsule_GetPointer(capsule, capsule_name)));
    } catch (const std::exception&) {
        // A forked child: the memory is its parent's. Or the driver would not take what the cache was to give
        // up: who frees cannot answer for it, and the next call of the driver meets the same trouble.
    }
}

// (shape, np_dtype)
PyObject* pinned_empty(PyObject*, PyObject* args) {
    PyArray_Dims shape = {nullptr, 0};
    PyArray_Descr* descr = nullptr;
    if (!PyArg_ParseTuple(args, "O&O&:pinned_empty", PyArray_IntpConverter, &shape, PyArray_DescrConverter,
                          &descr)) {
        PyDimMem_FREE(shape.ptr);
        return nullptr;
    }
    PyObject* array = guarded([&]() -> PyObject* {
        std::size_t bytes = std::size_t(PyDataType_ELSIZE(descr));
        bool fits = true;
        for (int i = 0; i < shape.len; ++i)
            fits = fits && shape.ptr[i] >= 0 &&
                   !__builtin_mul_overflow(bytes, std::size_t(shape.ptr[i]), &bytes);
        if (!fits || bytes > std::size_t(PY_SSIZE_T_MAX) / 2)
            return PyErr_Format(PyExc_ValueError, "pinned_empty: sizes must not be negative or too large");
        // No bytes are a block all the same: whether an array is pinned is asked of its address.
        allocator::PinnedBlock* block = cache().allocate(bytes ? bytes : 1);
        if (!block) device::fail(device::OUT_OF_MEMORY, "cuMemHostAlloc");
        PyObject* owner = PyCapsule_New(block, capsule_name, give_back);
        if (!owner) {
            cache().free(block);
            return nullptr;
        }
        Py_INCREF(descr);
        PyObject* made = PyArray_NewFromDescr(&PyArray_Type, descr, shape.len, shape.ptr, nullptr,
                                              block->pointer, NPY_ARRAY_CARRAY, nullptr);
        if (!made || PyArray_SetBaseObject(as_array(made), owner) < 0) {
            if (!made) Py_DECREF(owner);
            Py_XDECREF(made);
            return nullptr;
        }
        return made;
    });
    Py_DECREF(descr);
    PyDimMem_FREE(shape.ptr);
    return array;
}

PyObject* is_pinned(PyObject*, PyObject* array) {
    if (!PyArray_Check(array)) return PyErr_Format(PyExc_TypeError, "is_pinned(array)");
    return PyBool_FromLong(is_host_array(array) && device::initialized() &&
                           is_pinned_memory(PyArray_DATA(as_array(array))));
}

PyObject* empty_cache(PyObject*, PyObject*) {
    return guarded_none([] {
        const WithoutGil others;
        if (device::initialized()) cache().empty_cache();
    });
}

PyObject* statistics(PyObject*, PyObject*) {
    const allocator::PinnedStatistics now = cache().statistics();
    const auto number = [](std::int64_t value) { return static_cast<long long>(value); };
    return Py_BuildValue("{s:L,s:L,s:L,s:L}", "live_bytes", number(now.active_bytes.current), "cached_bytes",
                         number(now.allocated_bytes.current - now.active_bytes.current), "allocations",
                         number(now.active_requests.allocated), "driver_calls",
                         number(now.allocations.allocated));
}

PyMethodDef functions[] = {
    {"pinned_empty", pinned_empty, METH_VARARGS,
     "pinned_empty(shape, np_dtype) -> np.ndarray\n\nIn page-locked host memory, from a cache."},
    {"is_pinned", is_pinned, METH_O,
     "is_pinned(array) -> bool\n\nWhether it lies in memory of pinned_empty()."},
    {"pinned_empty_cache", empty_cache, METH_NOARGS,
     "pinned_empty_cache()\n\nGives idle pinned memory back to the driver. Waits for the device."},
    {"pinned_memory_stats", statistics, METH_NOARGS, "pinned_memory_stats() -> dict"},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

bool is_pinned_memory(const void* pointer) { return cache().find(pointer); }

void pinned_use(const void* pointer, int device, CUstream stream) {
    if (allocator::PinnedBlock* block = cache().find(pointer))
        cache().record_stream(block, name_of(device, stream));
}

}  // namespace tritorch
