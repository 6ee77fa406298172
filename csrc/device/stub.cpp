// The driver that does nothing: what is left of a call is the library's own cost (perf/). Addresses are given
// out and never taken back to use; nothing stands behind them.
#include "table.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace tritorch::device {

namespace {

constexpr std::size_t card = std::size_t(64) << 30;
std::atomic<std::uintptr_t> next_handle = 1;
std::atomic<CUdeviceptr> next_address = 0;

template <class Handle>
CUresult hand_out(Handle* handle) {
    *handle = reinterpret_cast<Handle>(next_handle++ << 4);
    return SUCCESS;
}

int attribute(int which) {
    switch (which) {
        case COMPUTE_MAJOR: return 9;
        case MULTIPROCESSOR_COUNT: return 132;
        case WARP_SIZE: return 32;
        case MAX_THREADS_PER_BLOCK: return 1024;
        case MAX_THREADS_PER_MULTIPROCESSOR: return 2048;
        case MAX_REGISTERS_PER_MULTIPROCESSOR: return 65536;
        case MAX_SHARED_PER_BLOCK: return 49152;
        case MAX_SHARED_OPTIN: return 232448;
        case MAX_SHARED_PER_MULTIPROCESSOR: return 233472;
        case L2_CACHE_SIZE: return 50 << 20;
        default: return 0;
    }
}

}  // namespace

std::string fill_stub(Table& t) {
    // An address is only a name, but one that the host must not read: pages without access.
    void* space = mmap(nullptr, card, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED) return "the stub driver could not reserve its address space";
    next_address = reinterpret_cast<CUdeviceptr>(space);

    t.cuInit = [](unsigned) { return 0; };
    t.cuDriverGetVersion = [](int* version) { return *version = 12080, 0; };
    t.cuDeviceGetCount = [](int* count) { return *count = 1, 0; };
    t.cuDeviceGet = [](CUdevice* device, int) { return *device = 0, 0; };
    t.cuDeviceGetName = [](char* name, int bytes, CUdevice) {
        return std::strncpy(name, "tritorch stub device (does nothing)", bytes), 0;
    };
    t.cuDeviceGetUuid = [](void* uuid, CUdevice) { return std::memset(uuid, 0, 16), 0; };
    t.cuDeviceGetAttribute = [](int* value, int which, CUdevice) { return *value = attribute(which), 0; };
    t.cuDeviceTotalMem = [](std::size_t* bytes, CUdevice) { return *bytes = card, 0; };
    t.cuDeviceCanAccessPeer = [](int* can, CUdevice, CUdevice) { return *can = 0, 0; };
    t.cuDevicePrimaryCtxRetain = [](CUcontext* context, CUdevice) { return hand_out(context); };
    t.cuCtxSetCurrent = [](CUcontext) { return 0; };
    t.cuCtxGetCurrent = [](CUcontext* context) { return *context = nullptr, 0; };
    t.cuCtxSynchronize = [] { return 0; };
    t.cuCtxGetStreamPriorityRange = [](int* least, int* greatest) { return *least = 0, *greatest = -5, 0; };
    t.cuMemGetInfo = [](std::size_t* free, std::size_t* total) { return *free = *total = card, 0; };
    t.cuMemAlloc = [](CUdeviceptr* pointer, std::size_t bytes) {
        return *pointer = next_address.fetch_add((bytes + 511) & ~std::size_t(511)), 0;
    };
    t.cuMemFree = [](CUdeviceptr) { return 0; };
    t.cuMemHostAlloc = [](void** pointer, std::size_t bytes, unsigned) -> CUresult {
        *pointer = std::aligned_alloc(4096, (bytes + 4095) & ~std::size_t(4095));
        return *pointer ? SUCCESS : OUT_OF_MEMORY;
    };
    t.cuMemFreeHost = [](void* pointer) { return std::free(pointer), 0; };
    t.cuMemcpyHtoDAsync = [](CUdeviceptr, const void*, std::size_t, CUstream) { return 0; };
    t.cuMemcpyDtoHAsync = [](void* to, CUdeviceptr, std::size_t bytes, CUstream) {
        return std::memset(to, 0, bytes), 0;
    };
    t.cuMemcpyDtoDAsync = [](CUdeviceptr, CUdeviceptr, std::size_t, CUstream) { return 0; };
    t.cuMemsetD8Async = [](CUdeviceptr, unsigned char, std::size_t, CUstream) { return 0; };
    t.cuMemsetD16Async = [](CUdeviceptr, unsigned short, std::size_t, CUstream) { return 0; };
    t.cuMemsetD32Async = [](CUdeviceptr, unsigned, std::size_t, CUstream) { return 0; };
    t.cuStreamCreateWithPriority = [](CUstream* stream, unsigned, int) { return hand_out(stream); };
    t.cuStreamDestroy = [](CUstream) { return 0; };
    t.cuStreamQuery = [](CUstream) { return 0; };
    t.cuStreamSynchronize = [](CUstream) { return 0; };
    t.cuStreamWaitEvent = [](CUstream, CUevent, unsigned) { return 0; };
    t.cuStreamBeginCapture = [](CUstream, int) { return 0; };
    t.cuStreamEndCapture = [](CUstream, CUgraph* graph) { return hand_out(graph); };
    t.cuStreamIsCapturing = [](CUstream, int* status) { return *status = CAPTURE_NONE, 0; };
    t.cuThreadExchangeStreamCaptureMode = [](int*) { return 0; };
    t.cuGraphInstantiate = [](CUgraphExec* executable, CUgraph, unsigned long long) {
        return hand_out(executable);
    };
    t.cuGraphLaunch = [](CUgraphExec, CUstream) { return 0; };
    t.cuGraphDestroy = [](CUgraph) { return 0; };
    t.cuGraphExecDestroy = [](CUgraphExec) { return 0; };
    t.cuGraphGetNodes = [](CUgraph, void**, std::size_t* count) { return *count = 0, 0; };
    t.cuEventCreate = [](CUevent* event, unsigned) { return hand_out(event); };
    t.cuEventDestroy = [](CUevent) { return 0; };
    t.cuEventRecord = [](CUevent, CUstream) { return 0; };
    t.cuEventQuery = [](CUevent) { return 0; };
    t.cuEventSynchronize = [](CUevent) { return 0; };
    t.cuEventElapsedTime = [](float* milliseconds, CUevent, CUevent) { return *milliseconds = 0, 0; };
    t.cuModuleLoadData = [](CUmodule* module, const void*) { return hand_out(module); };
    t.cuModuleUnload = [](CUmodule) { return 0; };
    t.cuModuleGetFunction = [](CUfunction* function, CUmodule, const char*) { return hand_out(function); };
    t.cuFuncSetAttribute = [](CUfunction, int, int) { return 0; };
    t.cuFuncGetAttribute = [](int* value, int, CUfunction) { return *value = 0, 0; };
    t.cuLaunchKernelEx = [](const CUlaunchConfig*, CUfunction, void**, void**) { return 0; };
    t.cuGetErrorName = [](CUresult, const char** text) { return *text = "CUDA_ERROR_UNKNOWN", 0; };
    t.cuGetErrorString = [](CUresult, const char** text) { return *text = "unknown error", 0; };
    t.cuIpcGetMemHandle = [](CUipcMemHandle*, CUdeviceptr) -> CUresult { return NOT_SUPPORTED; };
    t.cuIpcOpenMemHandle = [](CUdeviceptr*, CUipcMemHandle, unsigned) -> CUresult { return NOT_SUPPORTED; };
    t.cuIpcCloseMemHandle = [](CUdeviceptr) -> CUresult { return NOT_SUPPORTED; };
    return "";
}

}  // namespace tritorch::device
