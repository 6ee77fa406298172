// NumPy's memory handler on the caching host allocator (Note [Host memory]), and its switches for Python.
#include "host.h"

#include "../host/cache.h"
#include "numpy.h"

#include <cstring>

namespace tritorch {

namespace {

using host::Cache;

void* allocate(void*, size_t size) { return Cache::instance().allocate(size); }
void* allocate_zeroed(void*, size_t count, size_t size) {
    return Cache::instance().allocate_zeroed(count, size);
}
void* reallocate(void*, void* pointer, size_t size) { return Cache::instance().reallocate(pointer, size); }
void release(void*, void* pointer, size_t) { Cache::instance().free(pointer); }

PyDataMem_Handler handler = {"tritorch", 1, {nullptr, allocate, allocate_zeroed, reallocate, release}};

PyObject* statistics(PyObject*, PyObject*) {
    const host::Statistics now = Cache::instance().statistics();
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K}", "allocations", now.allocations, "hits",
                         now.hits, "maps", now.maps, "unmaps", now.unmaps, "live_bytes",
                         uint64_t(now.live_bytes), "peak_bytes", uint64_t(now.peak_bytes), "cached_bytes",
                         uint64_t(now.cached_bytes), "limit_bytes", uint64_t(now.limit_bytes));
}

PyObject* empty_cache(PyObject*, PyObject*) {
    {
        const WithoutGil others;
        Cache::instance().empty();
    }
    Py_RETURN_NONE;
}

PyObject* reset_peak(PyObject*, PyObject*) {
    Cache::instance().reset_peak();
    Py_RETURN_NONE;
}

PyObject* set_limit(PyObject*, PyObject* bytes) {
    const size_t limit = PyLong_AsSize_t(bytes);
    if (PyErr_Occurred()) return nullptr;
    Cache::instance().set_limit(limit);
    Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"host_memory_stats", statistics, METH_NOARGS,
     "host_memory_stats() -> dict\n\nCounts and bytes of the blocks of 64 KiB and more."},
    {"host_empty_cache", empty_cache, METH_NOARGS,
     "host_empty_cache()\n\nGives idle blocks back to the system."},
    {"host_reset_peak", reset_peak, METH_NOARGS, "host_reset_peak()"},
    {"host_cache_limit", set_limit, METH_O,
     "host_cache_limit(bytes)\n\nThe most that may lie idle; by default an eighth of the memory, at most 2 "
     "GiB."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

int use_host_allocator() {
    const Ref capsule = Ref::steal(PyCapsule_New(&handler, "mem_handler", nullptr));
    if (!capsule) return -1;
    const Ref before = Ref::steal(PyDataMem_SetHandler(capsule.get()));
    return before ? 0 : -1;
}

}  // namespace tritorch
