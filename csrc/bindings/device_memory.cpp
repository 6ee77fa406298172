// Where device memory comes from: a caching allocator for each device, joined to the driver's table; and its
// reports and switches for Python. What is here runs with the GIL held, but for waiting.
#include "../device/runtime.h"
#include "allocator.h"
#include "device.h"

#include <pybind11/stl.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

namespace tritorch {

namespace {

namespace py = pybind11;
using allocator::Allocator;
using device::check;
using device::driver;

// One card's driver, as the allocator asks for it.
class Card final : public allocator::Device {
  public:
    explicit Card(int index) : index_(index) {}

    int index() const override { return index_; }

    allocator::Address malloc(std::size_t bytes) override {
        const device::DeviceGuard scope(index_);
        const Relaxed capture;
        CUdeviceptr pointer = 0;
        const CUresult code = driver().cuMemAlloc(&pointer, bytes);
        if (code == device::OUT_OF_MEMORY) return 0;
        check(code, "cuMemAlloc");
        return pointer;
    }
    void free(allocator::Address address) override {
        const device::DeviceGuard scope(index_);
        TRITORCH_CALL(cuMemFree, address);
    }
    allocator::MemoryInfo memory() override {
        const device::DeviceGuard scope(index_);
        allocator::MemoryInfo info;
        TRITORCH_CALL(cuMemGetInfo, &info.free, &info.total);
        return info;
    }
    allocator::Event record(allocator::Stream stream) override {
        const device::DeviceGuard scope(index_);
        CUevent event = nullptr;
        if (spare_.empty()) TRITORCH_CALL(cuEventCreate, &event, device::EVENT_DISABLE_TIMING);
        else event = spare_.back(), spare_.pop_back();
        const CUresult code = driver().cuEventRecord(event, static_cast<CUstream>(stream));
        if (code != device::SUCCESS) spare_.push_back(event);
        check(code, "cuEventRecord");
        return event;
    }
    bool passed(allocator::Event event) override {
        const CUresult code = driver().cuEventQuery(static_cast<CUevent>(event));
        if (code != device::NOT_READY) check(code, "cuEventQuery");
        return code == device::SUCCESS;
    }
    // The simulated device runs kernels on the thread that waits, and kernels are Python: the GIL is let go.
    void wait(const std::vector<allocator::Event>& events) override {
        std::optional<WithoutGil> others;
        if (PyGILState_Check()) others.emplace();
        const device::DeviceGuard scope(index_);
        for (const allocator::Event event : events)
            TRITORCH_CALL(cuEventSynchronize, static_cast<CUevent>(event));
    }
    void drop(allocator::Event event) noexcept override { spare_.push_back(static_cast<CUevent>(event)); }

  private:
    // While a graph is captured the driver refuses to allocate unless the thread says that it is no part of
    // it.
    class Relaxed {
      public:
        Relaxed() { TRITORCH_CALL(cuThreadExchangeStreamCaptureMode, &mode_); }
        ~Relaxed() { driver().cuThreadExchangeStreamCaptureMode(&mode_); }

      private:
        int mode_ = device::CAPTURE_RELAXED;
    };

    int index_;
    std::vector<CUevent> spare_;
};

struct Owned {
    Card card;
    Allocator memory;

    Owned(int index, const allocator::Settings& settings) : card(index), memory(card, settings) {}
};

// Never destroyed: memory may be given back after every static object is gone.
std::array<Owned*, 64> cards{};
allocator::History history;  // of the cards that are first used later

Allocator& memory_at(int index) {
    Owned*& one = cards.at(std::size_t(index));
    if (!one) [[unlikely]] {
        device::properties(index);  // throws if there is no such device
        const char* settings = std::getenv("TRITORCH_CUDA_ALLOC_CONF");
        one = new Owned(index, allocator::Settings::parse(settings ? settings : ""));
        one->memory.record_history(history);
    }
    return one->memory;
}

class Cached final : public MemorySource {
  public:
    Block allocate(std::size_t bytes, int device, CUstream stream) override {
        driver();  // throws in a forked child
        allocator::Block* block = memory_at(device).allocate(bytes, stream);
        return {block->address, bytes, block};
    }
    void free(const Block& block, int device, CUstream) noexcept override {
        try {
            driver();
        } catch (const device::Unavailable&) { return; }  // a forked child: the memory is its parent's
        memory_at(device).free(static_cast<allocator::Block*>(block.handle));
    }
    void record_stream(const Block& block, int device, CUstream stream) override {
        memory_at(device).record_stream(static_cast<allocator::Block*>(block.handle), stream);
    }
};
Cached source;

// ---- reports and switches
// -----------------------------------------------------------------------------------

allocator::Contexts contexts_from(const std::string& name) {
    if (name == "all") return allocator::Contexts::all;
    if (name == "alloc") return allocator::Contexts::alloc;
    return name == "state" ? allocator::Contexts::state : allocator::Contexts::never;
}

void record_history(bool enabled, const std::string& contexts, std::size_t max_entries, bool clear,
                    const std::vector<std::string>& skipped) {
    allocator::History wanted;
    wanted.enabled = enabled;
    wanted.contexts = contexts_from(contexts);
    wanted.recorder = current_frames;
    wanted.max_entries = max_entries;
    wanted.clear = clear;
    for (const std::string& name : skipped) {
        bool known = false;
        for (int action = 0; action <= int(allocator::Action::oom); ++action) {
            if (name != allocator::name_of(allocator::Action(action))) continue;
            wanted.skipped |= 1u << action;
            known = true;
        }
        if (!known) throw py::value_error("Unknown TraceEntry action: " + name);
    }
    history = wanted;
    for (Owned* one : cards)
        if (one) one->memory.record_history(wanted);
}

py::dict settings_dict(const allocator::Settings& settings) {
    py::dict result;
    result["PYTORCH_CUDA_ALLOC_CONF"] = settings.text;  // torch's key
    result["max_split_size"] = std::int64_t(settings.max_split_size);
    result["garbage_collection_threshold"] = settings.garbage_collection_threshold;
    result["expandable_segments"] = false;
    py::dict divisions;
    for (std::size_t i = 0; i < settings.roundup_power2_divisions.size(); ++i)
        divisions[py::str(std::to_string(1 << i))] = settings.roundup_power2_divisions[i];
    result["roundup_power2_divisions"] = divisions;
    return result;
}

py::dict snapshot(bool include_traces) {
    py::list segments, traces;
    py::dict settings = settings_dict({});
    for (std::size_t i = 0; i < cards.size(); ++i) {
        if (!cards[i]) continue;
        Allocator& memory = cards[i]->memory;
        while (traces.size() <= i) traces.append(py::list());  // a list a device, by its index
        if (include_traces) traces[i] = entries_list(memory.history(), int(i));
        for (const py::handle segment : segments_list(memory.snapshot(), int(i))) segments.append(segment);
        settings = settings_dict(memory.settings());
    }
    py::dict result;
    result["segments"] = segments;
    result["device_traces"] = traces;
    result["allocator_settings"] = settings;
    return result;
}

void empty_cache() {
    for (Owned* one : cards)
        if (one) one->memory.empty_cache();
}

// The streams of a capture: the one that it began on, and those that joined it.
bool is_captured(CUstream stream) {
    int status = device::CAPTURE_NONE;
    return driver().cuStreamIsCapturing(stream, &status) == device::SUCCESS &&
           status == device::CAPTURE_ACTIVE;
}

int init(PyObject* object) {
    auto module = py::reinterpret_borrow<py::module_>(object);
    module.def(
        "memory_stats", [](int device) { return statistics_dict(memory_at(device).statistics()); },
        py::arg("device"), "A nested dict of counts, as torch.cuda.memory_stats_as_nested_dict.");
    module.def(
        "memory_reset_peak", [](int device) { memory_at(device).reset_peak_statistics(); },
        py::arg("device"));
    module.def(
        "memory_reset_accumulated", [](int device) { memory_at(device).reset_accumulated_statistics(); },
        py::arg("device"));
    module.def("memory_empty_cache", empty_cache, "Gives every free segment of every device back.");
    module.def(
        "memory_set_fraction",
        [](double fraction, int device) { memory_at(device).set_memory_fraction(fraction); },
        py::arg("fraction"), py::arg("device"));
    module.def(
        "memory_get_fraction", [](int device) { return memory_at(device).memory_fraction(); },
        py::arg("device"));
    module.def("memory_snapshot", snapshot, py::arg("include_traces") = true,
               "{'segments': ..., 'device_traces': ..., 'allocator_settings': ...}");
    module.def("memory_record_history", record_history, py::arg("enabled"), py::arg("contexts"),
               py::arg("max_entries"), py::arg("clear"), py::arg("skipped"));
    module.def(
        "memory_pool_begin",
        [](int device, std::uint64_t first, std::uint64_t second) {
            memory_at(device).begin_allocate_to_pool({first, second}, [](allocator::Stream stream) {
                return is_captured(static_cast<CUstream>(stream));
            });
        },
        py::arg("device"), py::arg("first"), py::arg("second"),
        "From now on captured streams allocate from the private pool (first, second); each begin is a user "
        "of it.");
    module.def(
        "memory_pool_end",
        [](int device, std::uint64_t first, std::uint64_t second) {
            memory_at(device).end_allocate_to_pool({first, second});
        },
        py::arg("device"), py::arg("first"), py::arg("second"));
    module.def(
        "memory_pool_release",
        [](int device, std::uint64_t first, std::uint64_t second) {
            memory_at(device).release_pool({first, second});
        },
        py::arg("device"), py::arg("first"), py::arg("second"), "One user less.");
    return 0;
}
const Subject subject(init);

}  // namespace

MemorySource& memory_source() noexcept { return source; }

}  // namespace tritorch
