// The driver's entry points as a table, with the C signatures of CUDA's driver API. Three things fill it:
// libcuda.so.1 when there is a GPU, the simulated device (csrc/device/sim), and a stub that does nothing and
// costs nothing. Everything above is the same code for all three.
//
// The types and numbers are declared here, from the API's public documentation: no CUDA toolkit is needed to
// build or to run.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

extern "C" {
using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphExec = struct CUgraphExec_st*;

struct CUlaunchAttribute {
    int id;
    char pad[4];
    union {
        char bytes[64];
        int cooperative;
        struct {
            unsigned x, y, z;
        } cluster;
    } value;
};
struct CUlaunchConfig {
    unsigned grid_x, grid_y, grid_z;
    unsigned block_x, block_y, block_z;
    unsigned shared_bytes;
    CUstream stream;
    CUlaunchAttribute* attributes;
    unsigned attribute_count;
};
struct CUipcMemHandle {
    char reserved[64];
};
}

namespace tritorch::device {

// The results that the library itself tells apart.
enum Result : int {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    ILLEGAL_STATE = 401,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    LAUNCH_OUT_OF_RESOURCES = 701,
    LAUNCH_FAILED = 719,
    NOT_SUPPORTED = 801,
    STREAM_CAPTURE_UNSUPPORTED = 900,
    STREAM_CAPTURE_INVALIDATED = 901,
    STREAM_CAPTURE_UNMATCHED = 903,
    STREAM_CAPTURE_UNJOINED = 904,
    STREAM_CAPTURE_ISOLATION = 905,
    STREAM_CAPTURE_IMPLICIT = 906,
    UNKNOWN = 999,
};

// Numbers of the driver's enumerations.
enum Attribute : int {
    MAX_THREADS_PER_BLOCK = 1,
    MAX_SHARED_PER_BLOCK = 8,
    WARP_SIZE = 10,
    CLOCK_RATE = 13,
    MULTIPROCESSOR_COUNT = 16,
    INTEGRATED = 18,
    MEMORY_CLOCK_RATE = 36,
    MEMORY_BUS_WIDTH = 37,
    L2_CACHE_SIZE = 38,
    MAX_THREADS_PER_MULTIPROCESSOR = 39,
    COMPUTE_MAJOR = 75,
    COMPUTE_MINOR = 76,
    MAX_REGISTERS_PER_MULTIPROCESSOR = 82,
    MAX_SHARED_PER_MULTIPROCESSOR = 81,
    MAX_SHARED_OPTIN = 97,
};
constexpr unsigned STREAM_NON_BLOCKING = 1;
constexpr unsigned EVENT_BLOCKING_SYNC = 1, EVENT_DISABLE_TIMING = 2, EVENT_INTERPROCESS = 4;
constexpr int CAPTURE_GLOBAL = 0, CAPTURE_THREAD_LOCAL = 1, CAPTURE_RELAXED = 2;
constexpr int CAPTURE_NONE = 0, CAPTURE_ACTIVE = 1, CAPTURE_INVALIDATED = 2;
// Keys of the `extra` list of a launch whose parameters come as one buffer.
inline void* const LAUNCH_BUFFER_POINTER = reinterpret_cast<void*>(1);
inline void* const LAUNCH_BUFFER_SIZE = reinterpret_cast<void*>(2);

// DO(field, name in the library, parameters)
#define TRITORCH_DRIVER(DO)                                                                          \
    DO(cuInit, "cuInit", (unsigned flags))                                                           \
    DO(cuDriverGetVersion, "cuDriverGetVersion", (int* version))                                     \
    DO(cuDeviceGetCount, "cuDeviceGetCount", (int* count))                                           \
    DO(cuDeviceGet, "cuDeviceGet", (CUdevice * device, int ordinal))                                 \
    DO(cuDeviceGetName, "cuDeviceGetName", (char* name, int bytes, CUdevice device))                 \
    DO(cuDeviceGetUuid, "cuDeviceGetUuid_v2", (void* uuid, CUdevice device))                         \
    DO(cuDeviceGetAttribute, "cuDeviceGetAttribute", (int* value, int attribute, CUdevice device))   \
    DO(cuDeviceTotalMem, "cuDeviceTotalMem_v2", (std::size_t* bytes, CUdevice device))               \
    DO(cuDeviceCanAccessPeer, "cuDeviceCanAccessPeer", (int* can, CUdevice device, CUdevice peer))   \
    DO(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (CUcontext * context, CUdevice device)) \
    DO(cuCtxSetCurrent, "cuCtxSetCurrent", (CUcontext context))                                      \
    DO(cuCtxGetCurrent, "cuCtxGetCurrent", (CUcontext * context))                                    \
    DO(cuCtxSynchronize, "cuCtxSynchronize", ())                                                     \
    DO(cuCtxGetStreamPriorityRange, "cuCtxGetStreamPriorityRange", (int* least, int* greatest))      \
    DO(cuMemGetInfo, "cuMemGetInfo_v2", (std::size_t* free, std::size_t* total))                     \
    DO(cuMemAlloc, "cuMemAlloc_v2", (CUdeviceptr * pointer, std::size_t bytes))                      \
    DO(cuMemFree, "cuMemFree_v2", (CUdeviceptr pointer))                                             \
    DO(cuMemHostAlloc, "cuMemHostAlloc", (void** pointer, std::size_t bytes, unsigned flags))        \
    DO(cuMemFreeHost, "cuMemFreeHost", (void* pointer))                                              \
    DO(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2",                                                    \
       (CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream))                       \
    DO(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2",                                                    \
       (void* to, CUdeviceptr from, std::size_t bytes, CUstream stream))                             \
    DO(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2",                                                    \
       (CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream))                       \
    DO(cuMemsetD8Async, "cuMemsetD8Async",                                                           \
       (CUdeviceptr to, unsigned char value, std::size_t count, CUstream stream))                    \
    DO(cuMemsetD16Async, "cuMemsetD16Async",                                                         \
       (CUdeviceptr to, unsigned short value, std::size_t count, CUstream stream))                   \
    DO(cuMemsetD32Async, "cuMemsetD32Async",                                                         \
       (CUdeviceptr to, unsigned value, std::size_t count, CUstream stream))                         \
    DO(cuStreamCreateWithPriority, "cuStreamCreateWithPriority",                                     \
       (CUstream * stream, unsigned flags, int priority))                                            \
    DO(cuStreamDestroy, "cuStreamDestroy_v2", (CUstream stream))                                     \
    DO(cuStreamQuery, "cuStreamQuery", (CUstream stream))                                            \
    DO(cuStreamSynchronize, "cuStreamSynchronize", (CUstream stream))                                \
    DO(cuStreamWaitEvent, "cuStreamWaitEvent", (CUstream stream, CUevent event, unsigned flags))     \
    DO(cuStreamBeginCapture, "cuStreamBeginCapture_v2", (CUstream stream, int mode))                 \
    DO(cuStreamEndCapture, "cuStreamEndCapture", (CUstream stream, CUgraph * graph))                 \
    DO(cuStreamIsCapturing, "cuStreamIsCapturing", (CUstream stream, int* status))                   \
    DO(cuThreadExchangeStreamCaptureMode, "cuThreadExchangeStreamCaptureMode", (int* mode))          \
    DO(cuGraphInstantiate, "cuGraphInstantiateWithFlags",                                            \
       (CUgraphExec * executable, CUgraph graph, unsigned long long flags))                          \
    DO(cuGraphLaunch, "cuGraphLaunch", (CUgraphExec executable, CUstream stream))                    \
    DO(cuGraphDestroy, "cuGraphDestroy", (CUgraph graph))                                            \
    DO(cuGraphExecDestroy, "cuGraphExecDestroy", (CUgraphExec executable))                           \
    DO(cuGraphGetNodes, "cuGraphGetNodes", (CUgraph graph, void** nodes, std::size_t* count))        \
    DO(cuEventCreate, "cuEventCreate", (CUevent * event, unsigned flags))                            \
    DO(cuEventDestroy, "cuEventDestroy_v2", (CUevent event))                                         \
    DO(cuEventRecord, "cuEventRecord", (CUevent event, CUstream stream))                             \
    DO(cuEventQuery, "cuEventQuery", (CUevent event))                                                \
    DO(cuEventSynchronize, "cuEventSynchronize", (CUevent event))                                    \
    DO(cuEventElapsedTime, "cuEventElapsedTime", (float* milliseconds, CUevent start, CUevent end))  \
    DO(cuModuleLoadData, "cuModuleLoadData", (CUmodule * module, const void* image))                 \
    DO(cuModuleUnload, "cuModuleUnload", (CUmodule module))                                          \
    DO(cuModuleGetFunction, "cuModuleGetFunction",                                                   \
       (CUfunction * function, CUmodule module, const char* name))                                   \
    DO(cuFuncSetAttribute, "cuFuncSetAttribute", (CUfunction function, int attribute, int value))    \
    DO(cuFuncGetAttribute, "cuFuncGetAttribute", (int* value, int attribute, CUfunction function))   \
    DO(cuLaunchKernelEx, "cuLaunchKernelEx",                                                         \
       (const CUlaunchConfig* config, CUfunction function, void** parameters, void** extra))         \
    DO(cuGetErrorName, "cuGetErrorName", (CUresult result, const char** text))                       \
    DO(cuGetErrorString, "cuGetErrorString", (CUresult result, const char** text))                   \
    DO(cuIpcGetMemHandle, "cuIpcGetMemHandle", (CUipcMemHandle * handle, CUdeviceptr pointer))       \
    DO(cuIpcOpenMemHandle, "cuIpcOpenMemHandle_v2",                                                  \
       (CUdeviceptr * pointer, CUipcMemHandle handle, unsigned flags))                               \
    DO(cuIpcCloseMemHandle, "cuIpcCloseMemHandle", (CUdeviceptr pointer))

struct Table {
#define FIELD(field, name, parameters) CUresult(*field) parameters = nullptr;
    TRITORCH_DRIVER(FIELD)
#undef FIELD
};

// A driver call that failed: which, with what.
class DriverError : public std::runtime_error {
  public:
    DriverError(const char* call, CUresult code, const std::string& name, const std::string& text);
    const char* call;
    CUresult code;
    std::string name, text;
};
// There is nothing to run on, and why in one line.
class Unavailable : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

enum class Kind { cuda, simulated, stub };

// Each fills the table, or says in one line why it cannot ("" when it did).
std::string fill_from_library(Table& table);
std::string fill_simulated(Table& table);
std::string fill_stub(Table& table);

}  // namespace tritorch::device
