// What the library does with a device, written once over the driver's table: initialisation, the thread's
// device and streams, and owners of events and modules. It knows no Python, and takes no lock of anyone
// above; functions that may wait for the device say so.
#pragma once

#include "table.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace tritorch::device {

struct Properties {
    std::string name;
    std::string uuid;
    std::size_t total_memory = 0;
    int major = 0, minor = 0;
    int multiprocessors = 0;
    int warp_size = 0;
    int threads_per_block = 0, threads_per_multiprocessor = 0;
    int registers_per_multiprocessor = 0;
    int shared_per_block = 0, shared_per_multiprocessor = 0, shared_optin = 0;
    int l2_bytes = 0;
    int clock_khz = 0, memory_clock_khz = 0, memory_bus_bits = 0;
    bool integrated = false;
};

// Note [First use]
// Nothing of a driver is touched before the first of these calls. TRITORCH_SIM=1 then picks the simulated
// device, TRITORCH_SIM=stub the driver that does nothing, anything else the machine's own. The choice, and a
// failure to initialise, stand for the life of the process.

// Why there is no device, or "" when there is one.
const std::string& explanation();
Kind kind();
// The table, initialised. Throws Unavailable where there is no device, and in a child that was forked after
// its parent had initialised the driver.
const Table& driver();
bool initialized() noexcept;

[[noreturn]] void fail(CUresult code, const char* call);
inline void check(CUresult code, const char* call) {
    if (code != SUCCESS) [[unlikely]]
        fail(code, call);
}
// TRITORCH_CALL(cuMemFree, pointer): the call through the table, checked.
#define TRITORCH_CALL(name, ...) \
    ::tritorch::device::check(::tritorch::device::driver().name(__VA_ARGS__), #name)

int device_count();  // 0 where there is none; never throws
const Properties& properties(int device);

// ---- the calling thread's device and streams -------------------------------------------------------------

int current_device() noexcept;
void set_current_device(int device);
// Makes `device`'s context the thread's for the driver, whatever the thread's own device is. Cheap when it
// already is.
void enter(int device);

// For a scope, another device is current.
class DeviceGuard {
  public:
    explicit DeviceGuard(int device) : before_(current_device()) {
        if (device != before_) set_current_device(device);
        else enter(device);
    }
    ~DeviceGuard();
    DeviceGuard(const DeviceGuard&) = delete;
    DeviceGuard& operator=(const DeviceGuard&) = delete;

  private:
    int before_;
};

// Of the calling thread. Null is the default stream, as the driver has it.
CUstream current_stream(int device);
void set_current_stream(int device, CUstream stream);
// 32 a priority and device, given out in turn: as in torch, they are never destroyed. priority <= 0: the
// smaller, the more urgent.
CUstream stream_from_pool(int device, int priority);
int stream_priority(int device, CUstream stream) noexcept;  // of one from the pool; else 0

// Waits for all that was given to the device. May wait: hold no lock.
void synchronize(int device);

// ---- owners
// ------------------------------------------------------------------------------------------------

class Event {
  public:
    Event(int device, unsigned flags) : device_(device) {
        enter(device);
        TRITORCH_CALL(cuEventCreate, &event_, flags);
    }
    Event(Event&& other) noexcept : device_(other.device_), event_(std::exchange(other.event_, nullptr)) {}
    Event& operator=(Event&& other) noexcept {
        std::swap(device_, other.device_);
        std::swap(event_, other.event_);
        return *this;
    }
    ~Event();

    int device() const noexcept { return device_; }
    CUevent get() const noexcept { return event_; }
    void record(CUstream stream);
    bool passed() const;
    void synchronize() const;               // may wait: hold no lock
    void hold_back(CUstream stream) const;  // the stream's later work waits for it
    float elapsed_ms(const Event& end) const;

  private:
    int device_;
    CUevent event_ = nullptr;
};

class Module {
  public:
    Module(int device, const void* image) : device_(device) {
        enter(device);
        TRITORCH_CALL(cuModuleLoadData, &module_, image);
    }
    Module(Module&& other) noexcept
        : device_(other.device_), module_(std::exchange(other.module_, nullptr)) {}
    Module& operator=(Module&&) = delete;
    ~Module();

    CUfunction function(const char* name) const;

  private:
    int device_;
    CUmodule module_ = nullptr;
};

}  // namespace tritorch::device
