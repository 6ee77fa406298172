#include "runtime.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

namespace tritorch::device {

namespace {

constexpr int streams_a_priority = 32, most_priorities = 8, most_devices = 64;

// Set in a child that was forked after initialisation: the driver does not survive a fork.
std::atomic<bool> forked = false;
std::atomic<bool> ready = false;

struct Pool {
    std::mutex lock;
    std::array<std::array<CUstream, streams_a_priority>, most_priorities> streams{};
    std::array<std::uint32_t, most_priorities> next{};
};

struct World {
    Kind kind = Kind::cuda;
    Table table;
    std::string why;  // "" when usable
    int count = 0;
    int least_priority = 0, greatest_priority = 0;
    std::vector<Properties> properties;
    std::unique_ptr<std::atomic<CUcontext>[]> contexts;
    std::unique_ptr<Pool[]> pools;
    std::mutex lock;

    World() {
        const char* choice = std::getenv("TRITORCH_SIM");
        const std::string named = choice ? choice : "";
        kind = named == "stub" ? Kind::stub : named.empty() || named == "0" ? Kind::cuda : Kind::simulated;
        why = kind == Kind::stub        ? fill_stub(table)
              : kind == Kind::simulated ? fill_simulated(table)
                                        : fill_from_library(table);
        if (why.empty()) start();
        if (!why.empty()) {
            count = 0;
            return;
        }
        contexts = std::make_unique<std::atomic<CUcontext>[]>(count);
        pools = std::make_unique<Pool[]>(count);
        pthread_atfork(nullptr, nullptr, [] { forked = true; });
        ready = true;
    }

    void start() {
        if (const CUresult code = table.cuInit(0)) {
            why = code == NO_DEVICE ? "the driver finds no CUDA device" : "cuInit failed: " + text_of(code);
            return;
        }
        int found = 0;
        if (const CUresult code = table.cuDeviceGetCount(&found)) {
            why = "cuDeviceGetCount failed: " + text_of(code);
        } else if (!found) {
            why = "the driver finds no CUDA device";
        }
        for (int i = 0; why.empty() && i < std::min(found, most_devices); ++i) describe(i);
        count = int(properties.size());
    }

    void describe(int ordinal) {
        CUdevice device = 0;
        Properties p;
        char name[256] = "";
        unsigned char uuid[16] = {};
        table.cuDeviceGet(&device, ordinal);
        table.cuDeviceGetName(name, sizeof name, device);
        table.cuDeviceGetUuid(uuid, device);
        table.cuDeviceTotalMem(&p.total_memory, device);
        p.name = name;
        for (int i = 0; i < 16; ++i) {
            char digits[4];
            std::snprintf(digits, sizeof digits, "%02x", uuid[i]);
            if (i == 4 || i == 6 || i == 8 || i == 10) p.uuid.push_back('-');
            p.uuid.append(digits);
        }
        const auto ask = [&](Attribute attribute) {
            int value = 0;
            table.cuDeviceGetAttribute(&value, attribute, device);
            return value;
        };
        p.major = ask(COMPUTE_MAJOR);
        p.minor = ask(COMPUTE_MINOR);
        p.multiprocessors = ask(MULTIPROCESSOR_COUNT);
        p.warp_size = ask(WARP_SIZE);
        p.threads_per_block = ask(MAX_THREADS_PER_BLOCK);
        p.threads_per_multiprocessor = ask(MAX_THREADS_PER_MULTIPROCESSOR);
        p.registers_per_multiprocessor = ask(MAX_REGISTERS_PER_MULTIPROCESSOR);
        p.shared_per_block = ask(MAX_SHARED_PER_BLOCK);
        p.shared_per_multiprocessor = ask(MAX_SHARED_PER_MULTIPROCESSOR);
        p.shared_optin = ask(MAX_SHARED_OPTIN);
        p.l2_bytes = ask(L2_CACHE_SIZE);
        p.clock_khz = ask(CLOCK_RATE);
        p.memory_clock_khz = ask(MEMORY_CLOCK_RATE);
        p.memory_bus_bits = ask(MEMORY_BUS_WIDTH);
        p.integrated = ask(INTEGRATED);
        if (p.major < 8) {
            why = "tritorch needs compute capability 8.0 or higher, and " + p.name + " has " +
                  std::to_string(p.major) + "." + std::to_string(p.minor);
            return;
        }
        properties.push_back(std::move(p));
    }

    std::string text_of(CUresult code) const {
        const char *name = nullptr, *text = nullptr;
        table.cuGetErrorName(code, &name);
        table.cuGetErrorString(code, &text);
        return std::string(text ? text : "unknown error") + " (" + (name ? name : "?") + ", " +
               std::to_string(code) + ")";
    }
};

// Never destroyed: memory may be given back after every static object is gone.
World& world() {
    static World* const one = new World;
    return *one;
}

thread_local int thread_device = 0;
thread_local int thread_context = -1;  // the device whose context the driver has for this thread
thread_local std::array<CUstream, most_devices> thread_streams{};

void expect_device(int device) {
    if (device < 0 || device >= world().count)
        throw DriverError("cuDeviceGet", INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE",
                          "invalid device ordinal");
}

}  // namespace

DriverError::DriverError(const char* call, CUresult code, const std::string& name, const std::string& text)
    : std::runtime_error("CUDA error: " + text + "\n" + call + " failed with " + name + " (" +
                         std::to_string(code) + ")"),
      call(call),
      code(code),
      name(name),
      text(text) {}

const std::string& explanation() { return world().why; }
Kind kind() { return world().kind; }
bool initialized() noexcept { return ready; }

const Table& driver() {
    const World& all = world();
    if (!all.why.empty()) [[unlikely]]
        throw Unavailable(all.why);
    if (forked.load(std::memory_order_relaxed)) [[unlikely]]
        throw Unavailable(
            "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use "
            "the "
            "'spawn' start method");
    return all.table;
}

void fail(CUresult code, const char* call) {
    const char *name = nullptr, *text = nullptr;
    world().table.cuGetErrorName(code, &name);
    world().table.cuGetErrorString(code, &text);
    throw DriverError(call, code, name ? name : "CUDA_ERROR_UNKNOWN", text ? text : "unknown error");
}

int device_count() { return world().count; }

const Properties& properties(int device) {
    driver();
    expect_device(device);
    return world().properties[device];
}

int current_device() noexcept { return thread_device; }

void set_current_device(int device) {
    driver();
    expect_device(device);
    thread_device = device;
    enter(device);
}

void enter(int device) {
    if (thread_context == device && !forked.load(std::memory_order_relaxed)) [[likely]]
        return;
    const Table& calls = driver();
    expect_device(device);
    World& all = world();
    CUcontext context = all.contexts[device].load(std::memory_order_acquire);
    if (!context) {
        const std::lock_guard<std::mutex> alone(all.lock);
        context = all.contexts[device].load(std::memory_order_acquire);
        if (!context) {
            CUdevice handle = 0;
            check(calls.cuDeviceGet(&handle, device), "cuDeviceGet");
            check(calls.cuDevicePrimaryCtxRetain(&context, handle), "cuDevicePrimaryCtxRetain");
            check(calls.cuCtxSetCurrent(context), "cuCtxSetCurrent");
            check(calls.cuCtxGetStreamPriorityRange(&all.least_priority, &all.greatest_priority),
                  "cuCtxGetStreamPriorityRange");
            all.contexts[device].store(context, std::memory_order_release);
        }
    }
    check(calls.cuCtxSetCurrent(context), "cuCtxSetCurrent");
    thread_context = device;
}

DeviceGuard::~DeviceGuard() {
    if (thread_device == before_) return;
    thread_device = before_;
    thread_context = -1;  // entered again by whoever needs it
}

CUstream current_stream(int device) {
    return unsigned(device) < most_devices ? thread_streams[device] : nullptr;
}

void set_current_stream(int device, CUstream stream) {
    driver();
    expect_device(device);
    thread_streams[device] = stream;
}

CUstream stream_from_pool(int device, int priority) {
    enter(device);
    World& all = world();
    const int most = std::min(-all.greatest_priority, most_priorities - 1);
    const int level = std::clamp(-priority, 0, std::max(most, 0));
    Pool& pool = all.pools[device];
    const std::lock_guard<std::mutex> alone(pool.lock);
    CUstream& stream = pool.streams[level][pool.next[level]++ % streams_a_priority];
    if (!stream) TRITORCH_CALL(cuStreamCreateWithPriority, &stream, STREAM_NON_BLOCKING, -level);
    return stream;
}

int stream_priority(int device, CUstream stream) noexcept {
    if (!stream || !ready || device < 0 || device >= world().count) return 0;
    Pool& pool = world().pools[device];
    const std::lock_guard<std::mutex> alone(pool.lock);
    for (int level = 0; level < most_priorities; ++level)
        for (const CUstream one : pool.streams[level])
            if (one == stream) return -level;
    return 0;
}

void synchronize(int device) {
    enter(device);
    TRITORCH_CALL(cuCtxSynchronize);
}

// ---- owners
// ------------------------------------------------------------------------------------------------

Event::~Event() {
    if (event_ && !forked) world().table.cuEventDestroy(event_);
}

void Event::record(CUstream stream) {
    enter(device_);
    TRITORCH_CALL(cuEventRecord, event_, stream);
}

bool Event::passed() const {
    const CUresult code = driver().cuEventQuery(event_);
    if (code == NOT_READY) return false;
    check(code, "cuEventQuery");
    return true;
}

void Event::synchronize() const { TRITORCH_CALL(cuEventSynchronize, event_); }

void Event::hold_back(CUstream stream) const { TRITORCH_CALL(cuStreamWaitEvent, stream, event_, 0); }

float Event::elapsed_ms(const Event& end) const {
    float milliseconds = 0;
    TRITORCH_CALL(cuEventElapsedTime, &milliseconds, event_, end.event_);
    return milliseconds;
}

Module::~Module() {
    if (module_ && !forked) world().table.cuModuleUnload(module_);
}

CUfunction Module::function(const char* name) const {
    CUfunction function = nullptr;
    TRITORCH_CALL(cuModuleGetFunction, &function, module_, name);
    return function;
}

}  // namespace tritorch::device
