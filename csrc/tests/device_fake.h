// A simulated device for C++: kernels are functions, chosen by number, that use memory through the checks.
#pragma once

#include "../device/runtime.h"
#include "../device/sim/sim.h"
#include "check.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace fake_device {

namespace sim = tritorch::device::sim;
using namespace tritorch::device;

using Kernel = std::function<CUresult(const sim::Launch&)>;
inline std::vector<Kernel>& kernels() {
    static std::vector<Kernel> all;
    return all;
}

inline thread_local std::string place;  // where the program is, as reports have it

// Before each test: nothing pending, nothing reported, the order of enqueuing.
inline void start() {
    static const bool once = [] {
        setenv("TRITORCH_SIM", "1", 1);
        sim::set_hooks({[](const sim::Launch& launch) { return kernels()[launch.callable](launch); },
                        [] { return place; }});
        return true;
    }();
    CHECK(once);
    enter(0);
    sim::drain();
    sim::take_findings();
    sim::set_seed(0);
    place.clear();
}

inline CUfunction function(Kernel body, const std::string& name = "test") {
    const int number = sim::register_kernel(name, {});
    kernels().resize(std::size_t(number) + 1);
    kernels()[number] = std::move(body);
    const std::string image = "tritorch-sim:" + std::to_string(number);
    CUmodule module = nullptr;
    CUfunction made = nullptr;
    TRITORCH_CALL(cuModuleLoadData, &module, image.c_str());
    TRITORCH_CALL(cuModuleGetFunction, &made, module, "kernel");
    TRITORCH_CALL(cuModuleUnload, module);
    return made;
}

inline void launch(CUfunction function, CUstream stream, const void* parameters = nullptr,
                   std::size_t bytes = 0) {
    const CUlaunchConfig config = {1, 1, 1, 32, 1, 1, 0, stream, nullptr, 0};
    void* extra[] = {LAUNCH_BUFFER_POINTER, const_cast<void*>(parameters), LAUNCH_BUFFER_SIZE, &bytes,
                     nullptr};
    TRITORCH_CALL(cuLaunchKernelEx, &config, function, nullptr, extra);
}

inline CUstream new_stream() { return stream_from_pool(0, 0); }

// A block of a would-be allocator on one piece of the card.
struct Block {
    CUdeviceptr at;
    std::size_t bytes;
    CUstream stream;
    Block(CUdeviceptr at, std::size_t bytes, CUstream stream) : at(at), bytes(bytes), stream(stream) {
        sim::block_born(at, bytes, stream);
    }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { sim::block_died(at, stream); }
};

struct Segment {
    CUdeviceptr at = 0;
    explicit Segment(std::size_t bytes) { TRITORCH_CALL(cuMemAlloc, &at, bytes); }
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;
    ~Segment() { driver().cuMemFree(at); }
};

// What a kernel does to the 4-byte numbers of a block: checked as the interpreter's are.
inline CUresult access(CUdeviceptr at, std::size_t count, bool write) {
    std::vector<std::uint64_t> addresses(count);
    for (std::size_t i = 0; i < count; ++i) addresses[i] = at + 4 * i;
    const std::string wrong = sim::check_access(addresses.data(), nullptr, count, 4, write);
    if (!wrong.empty()) return LAUNCH_FAILED;
    if (write) std::memset(reinterpret_cast<void*>(at + sim::delta()), 1, 4 * count);
    return SUCCESS;
}
inline void write(const Block& block, CUstream stream) {
    launch(function([at = block.at, n = block.bytes / 4](const sim::Launch&) { return access(at, n, true); },
                    "write"),
           stream);
}
inline void read(const Block& block, CUstream stream) {
    launch(function([at = block.at, n = block.bytes / 4](const sim::Launch&) { return access(at, n, false); },
                    "read"),
           stream);
}

// "race race guard": the kinds of what was found since the last call, in order.
inline std::string found() {
    synchronize(0);
    std::string kinds;
    for (const sim::Finding& one : sim::take_findings()) kinds += (kinds.empty() ? "" : " ") + one.kind;
    return kinds;
}

}  // namespace fake_device
