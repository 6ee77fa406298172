// The simulated driver's entry points: devices, memory and copies; and the simulator's controls.
#include "check.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace tritorch::device::sim {

namespace {

thread_local int context = -1;

struct Text {
    int code;
    const char *name, *text;
};
constexpr Text texts[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {STREAM_CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {STREAM_CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {STREAM_CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {STREAM_CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};
const Text& text_of(int code) {
    for (const Text& one : texts)
        if (one.code == code) return one;
    return texts[std::size(texts) - 1];
}

int attribute(int which) {
    switch (which) {
        case COMPUTE_MAJOR: return 9;
        case COMPUTE_MINOR: return 0;
        case MULTIPROCESSOR_COUNT: return 4;
        case WARP_SIZE: return 32;
        case MAX_THREADS_PER_BLOCK: return 1024;
        case MAX_THREADS_PER_MULTIPROCESSOR: return 2048;
        case MAX_REGISTERS_PER_MULTIPROCESSOR: return 65536;
        case MAX_SHARED_PER_BLOCK: return 49152;
        case MAX_SHARED_OPTIN: return 232448;
        case MAX_SHARED_PER_MULTIPROCESSOR: return 233472;
        case L2_CACHE_SIZE: return 1 << 20;
        case CLOCK_RATE: return 1000000;
        case MEMORY_CLOCK_RATE: return 1000000;
        case MEMORY_BUS_WIDTH: return 512;
        default: return 0;
    }
}

// ---- copies -----------------------------------------------------------------------------------------------

bool is_pinned(const World& all, const void* pointer, std::size_t bytes) {
    auto next = all.pinned.upper_bound(const_cast<void*>(pointer));
    if (next == all.pinned.begin()) return false;
    --next;
    return static_cast<const char*>(pointer) + bytes <= static_cast<const char*>(next->first) + next->second;
}

TaskPointer make_copy(const char* name, std::size_t bytes) {
    TaskPointer task = make_task(name);
    task->is_copy = true;
    task->cost = 2 + double(bytes) / 50e3;
    return task;
}

// The checks that every copy begins with; SUCCESS when it may be enqueued on `stream`.
CUresult admit(World& all, Stream* stream, CUdeviceptr pointer, std::size_t bytes) {
    if (faulty(all, "copy")) return UNKNOWN;
    if (!stream) return INVALID_HANDLE;
    return is_live(all, pointer, bytes) ? SUCCESS : INVALID_VALUE;
}

CUresult copy_to_device(CUdeviceptr to, const void* from, std::size_t bytes, CUstream handle) {
    World& all = world();
    TaskPointer task = make_copy("copy from host", bytes);
    const Lock lock(all.lock);
    Stream* stream = find_stream(all, handle);
    if (const CUresult bad = admit(all, stream, to, bytes)) return bad;
    if (is_pinned(all, from, bytes)) {
        task->body = [&all, to, from, bytes](const Task& self) {
            watch_write(all, self, to, bytes);
            std::memcpy(behind(all, to), from, bytes);
            return SUCCESS;
        };
    } else {  // pageable memory is staged: the caller may change it at once
        const auto* first = static_cast<const char*>(from);
        task->body = [&all, to, bytes, staged = std::vector<char>(first, first + bytes)](const Task& self) {
            watch_write(all, self, to, bytes);
            std::memcpy(behind(all, to), staged.data(), bytes);
            return SUCCESS;
        };
    }
    enqueue(all, *stream, std::move(task));
    return SUCCESS;
}

CUresult copy_to_host(void* to, CUdeviceptr from, std::size_t bytes, CUstream handle) {
    World& all = world();
    TaskPointer task = make_copy("copy to host", bytes);
    Lock lock(all.lock);
    Stream* stream = find_stream(all, handle);
    if (const CUresult bad = admit(all, stream, from, bytes)) return bad;
    task->body = [&all, to, from, bytes](const Task& self) {
        watch_read(all, self, from, bytes);
        std::memcpy(to, behind(all, from), bytes);
        return SUCCESS;
    };
    enqueue(all, *stream, std::move(task));
    if (stream->capture || is_pinned(all, to, bytes)) return SUCCESS;
    // To pageable memory the call returns when the copy is done.
    if (const CUresult bad = run_until(lock, stream, [&] { return stream->idle(); })) return bad;
    join(all.host, *stream->clock);
    return take_failure(all);
}

CUresult copy_on_device(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream handle) {
    World& all = world();
    TaskPointer task = make_copy("copy on device", bytes);
    const Lock lock(all.lock);
    Stream* stream = find_stream(all, handle);
    if (const CUresult bad = admit(all, stream, to, bytes)) return bad;
    if (!is_live(all, from, bytes)) return INVALID_VALUE;
    task->body = [&all, to, from, bytes](const Task& self) {
        watch_copy(all, self, to, from, bytes);
        std::memmove(behind(all, to), behind(all, from), bytes);
        return SUCCESS;
    };
    enqueue(all, *stream, std::move(task));
    return SUCCESS;
}

template <class T>
CUresult set_memory(CUdeviceptr to, T value, std::size_t count, CUstream handle) {
    World& all = world();
    TaskPointer task = make_task("memset");
    task->is_copy = true;
    const Lock lock(all.lock);
    Stream* stream = find_stream(all, handle);
    if (const CUresult bad = admit(all, stream, to, count * sizeof(T))) return bad;
    if (to % sizeof(T)) return INVALID_VALUE;
    task->body = [&all, to, value, count](const Task& self) {
        watch_write(all, self, to, count * sizeof(T));
        std::fill_n(static_cast<T*>(behind(all, to)), count, value);
        return SUCCESS;
    };
    enqueue(all, *stream, std::move(task));
    return SUCCESS;
}

// ---- memory -----------------------------------------------------------------------------------------------

CUresult memory_info(std::size_t* free, std::size_t* total) {
    World& all = world();
    const Lock lock(all.lock);
    const Device* device = this_device(all);
    if (!device) return INVALID_CONTEXT;
    *total = all.card;
    *free = all.card > device->used ? all.card - device->used : 0;
    return SUCCESS;
}

CUresult host_allocate(void** pointer, std::size_t bytes, unsigned) {
    World& all = world();
    const Lock lock(all.lock);
    if (faulty(all, "host")) return OUT_OF_MEMORY;
    void* made = std::aligned_alloc(4096, (std::max<std::size_t>(bytes, 1) + 4095) & ~std::size_t(4095));
    if (!made) return OUT_OF_MEMORY;
    all.pinned[made] = bytes;
    *pointer = made;
    return SUCCESS;
}

CUresult host_free(void* pointer) {
    World& all = world();
    Lock lock(all.lock);
    if (!all.pinned.contains(pointer)) return INVALID_VALUE;
    // As the driver does: what was given to the device may still use it.
    if (const CUresult bad = run_until(lock, nullptr, [&] { return all.pending == 0; })) return bad;
    all.pinned.erase(pointer);
    std::free(pointer);
    return SUCCESS;
}

}  // namespace

World& world() {
    static World* const one = new World;
    return *one;
}

bool faulty(World& all, const char* kind) {
    if (all.faults.empty()) return false;
    const auto found = all.faults.find(kind);
    if (found == all.faults.end()) return false;
    bool met = false;
    for (std::uint64_t& left : found->second) met = --left == 0 || met;
    if (!met) return false;
    std::erase(found->second, 0);
    if (found->second.empty()) all.faults.erase(found);
    return true;
}

Device* this_device(World& all) {
    return context >= 0 && std::size_t(context) < all.devices.size() ? &all.devices[context] : nullptr;
}

Stream* find_stream(World& all, CUstream handle) {
    if (!handle) {
        Device* device = this_device(all);
        return device ? &device->legacy : nullptr;
    }
    auto* stream = reinterpret_cast<Stream*>(handle);
    return all.streams.contains(stream) ? stream : nullptr;
}

TaskPointer make_task(const char* name) {
    auto task = std::make_unique<Task>();
    task->name = name;
    if (const auto where = world().hooks.where) task->where = where();
    return task;
}

void fill_memory_calls(Table& t) {
    t.cuMemGetInfo = memory_info;
    t.cuMemAlloc = [](CUdeviceptr* pointer, std::size_t bytes) -> CUresult {
        World& all = world();
        const Lock lock(all.lock);
        if (faulty(all, "malloc")) return OUT_OF_MEMORY;
        Device* device = this_device(all);
        return device ? allocate(all, *device, bytes, pointer) : INVALID_CONTEXT;
    };
    t.cuMemFree = [](CUdeviceptr pointer) -> CUresult {
        World& all = world();
        const Lock lock(all.lock);
        return faulty(all, "free") ? UNKNOWN : release(all, pointer);
    };
    t.cuMemHostAlloc = host_allocate;
    t.cuMemFreeHost = host_free;
    t.cuMemcpyHtoDAsync = copy_to_device;
    t.cuMemcpyDtoHAsync = copy_to_host;
    t.cuMemcpyDtoDAsync = copy_on_device;
    t.cuMemsetD8Async = set_memory<unsigned char>;
    t.cuMemsetD16Async = set_memory<unsigned short>;
    t.cuMemsetD32Async = set_memory<unsigned>;
    t.cuIpcGetMemHandle = [](CUipcMemHandle*, CUdeviceptr) -> CUresult { return NOT_SUPPORTED; };
    t.cuIpcOpenMemHandle = [](CUdeviceptr*, CUipcMemHandle, unsigned) -> CUresult { return NOT_SUPPORTED; };
    t.cuIpcCloseMemHandle = [](CUdeviceptr) -> CUresult { return NOT_SUPPORTED; };
}

// ---- controls
// -----------------------------------------------------------------------------------------------

void set_hooks(const Hooks& hooks) { world().hooks = hooks; }

void set_seed(std::uint64_t seed) {
    World& all = world();
    const Lock lock(all.lock);
    all.seed = seed;
    all.random.seed(seed);
    all.picks = 0;
}

void set_card_size(std::size_t bytes) {
    World& all = world();
    const Lock lock(all.lock);
    all.card = std::min(bytes, World::span / 2);
}

std::size_t card_size() {
    World& all = world();
    const Lock lock(all.lock);
    return all.card;
}

void fail_nth(const std::string& kind, std::uint64_t n, bool also) {
    World& all = world();
    const Lock lock(all.lock);
    if (!also) all.faults.erase(kind);
    if (n) all.faults[kind].push_back(n);
}

std::vector<std::pair<std::string, std::uint64_t>> faults() {
    World& all = world();
    const Lock lock(all.lock);
    std::vector<std::pair<std::string, std::uint64_t>> next;
    for (const auto& [kind, left] : all.faults)
        next.emplace_back(kind, *std::min_element(left.begin(), left.end()));
    return next;
}

std::vector<Finding> take_findings() {
    World& all = world();
    const Lock lock(all.lock);
    return std::exchange(all.findings, {});
}

void add_finding(std::string kind, std::string text) {
    World& all = world();
    const Lock lock(all.lock);
    all.findings.push_back({std::move(kind), std::move(text)});
}

}  // namespace tritorch::device::sim

namespace tritorch::device {

std::string fill_simulated(Table& t) {
    using namespace sim;
    World& all = world();
    const char* wanted = std::getenv("TRITORCH_SIM_DEVICES");
    const int devices = std::clamp(wanted ? std::atoi(wanted) : 1, 1, 8);
    {
        const Lock lock(all.lock);
        if (const std::string why = reserve(all, devices); !why.empty()) return why;
    }
    t.cuInit = [](unsigned) { return 0; };
    t.cuDriverGetVersion = [](int* version) { return *version = 12080, 0; };
    t.cuDeviceGetCount = [](int* count) { return *count = int(world().devices.size()), 0; };
    t.cuDeviceGet = [](CUdevice* device, int ordinal) -> CUresult {
        if (ordinal < 0 || std::size_t(ordinal) >= world().devices.size()) return INVALID_DEVICE;
        *device = ordinal;
        return SUCCESS;
    };
    t.cuDeviceGetName = [](char* name, int bytes, CUdevice) {
        std::snprintf(name, bytes, "tritorch simulated device");
        return 0;
    };
    t.cuDeviceGetUuid = [](void* uuid, CUdevice device) {
        std::memset(uuid, 0, 16);
        static_cast<char*>(uuid)[15] = char(device + 1);
        return 0;
    };
    t.cuDeviceGetAttribute = [](int* value, int which, CUdevice) {
        return *value = sim::attribute(which), 0;
    };
    t.cuDeviceTotalMem = [](std::size_t* bytes, CUdevice) { return *bytes = card_size(), 0; };
    t.cuDeviceCanAccessPeer = [](int* can, CUdevice device, CUdevice peer) {
        return *can = device != peer, 0;
    };
    t.cuDevicePrimaryCtxRetain = [](CUcontext* made, CUdevice device) {
        *made = reinterpret_cast<CUcontext>(&world().devices[device]);
        return 0;
    };
    t.cuCtxSetCurrent = [](CUcontext wanted) -> CUresult {
        World& all = world();
        for (std::size_t i = 0; i < all.devices.size(); ++i)
            if (reinterpret_cast<CUcontext>(&all.devices[i]) == wanted) return sim::context = int(i), SUCCESS;
        return INVALID_CONTEXT;
    };
    t.cuCtxGetCurrent = [](CUcontext* current) {
        *current = reinterpret_cast<CUcontext>(this_device(world()));
        return 0;
    };
    t.cuGetErrorName = [](CUresult code, const char** text) { return *text = text_of(code).name, 0; };
    t.cuGetErrorString = [](CUresult code, const char** text) { return *text = text_of(code).text, 0; };
    fill_memory_calls(t);
    fill_stream_calls(t);
    fill_launch_calls(t);
    fill_graph_calls(t);
    return "";
}

}  // namespace tritorch::device
