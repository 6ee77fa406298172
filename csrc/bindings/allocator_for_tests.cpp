// The allocator on a device without memory, for tests/runtime/test_allocator.py: the same code as on a card,
// each call of which a plain model can follow.
#include "../allocator/fake_device.h"
#include "allocator.h"

#include <unordered_map>

namespace tritorch {

namespace {

namespace py = pybind11;
using namespace allocator;

class AllocatorForTests {
  public:
    AllocatorForTests(std::size_t capacity, const std::string& settings)
        : device_(capacity), memory_(device_, Settings::parse(settings)) {}

    Address allocate(std::size_t bytes, std::uintptr_t stream) {
        allocator::Block* block = memory_.allocate(bytes, FakeDevice::stream(stream));
        const Address address = block->address;
        blocks_[address] = block;
        return address;
    }
    void free(Address address) {
        const auto found = blocks_.find(address);
        if (found == blocks_.end()) throw py::key_error("no block at this address");
        memory_.free(found->second);
        blocks_.erase(found);
    }
    void record_stream(Address address, std::uintptr_t stream) {
        memory_.record_stream(blocks_.at(address), FakeDevice::stream(stream));
    }
    void begin_pool(std::uint64_t id, std::uintptr_t stream) {
        memory_.begin_allocate_to_pool({id, 0},
                                       [=](Stream other) { return other == FakeDevice::stream(stream); });
    }

    FakeDevice device_;
    Allocator memory_;

  private:
    std::unordered_map<Address, allocator::Block*> blocks_;
};

int init(PyObject* object) {
    auto module = py::reinterpret_borrow<py::module_>(object);
    using Self = AllocatorForTests;
    py::class_<Self> type(module, "AllocatorForTests");
    type.doc() =
        "The caching allocator on a device without memory, for tests of its policy. Streams are numbers.";
    type.def(py::init<std::size_t, const std::string&>(), py::arg("capacity"), py::arg("settings") = "");
    type.def("allocate", &Self::allocate, py::arg("bytes"), py::arg("stream"));
    type.def("free", &Self::free, py::arg("address"));
    type.def("record_stream", &Self::record_stream, py::arg("address"), py::arg("stream"));
    type.def("empty_cache", [](Self& self) { self.memory_.empty_cache(); });
    type.def("set_memory_fraction",
             [](Self& self, double fraction) { self.memory_.set_memory_fraction(fraction); });
    type.def("begin_pool", &Self::begin_pool, py::arg("id"), py::arg("stream"));
    type.def("end_pool", [](Self& self, std::uint64_t id) { self.memory_.end_allocate_to_pool({id, 0}); });
    type.def("release_pool", [](Self& self, std::uint64_t id) { self.memory_.release_pool({id, 0}); });
    type.def("stats", [](Self& self) { return statistics_dict(self.memory_.statistics()); });
    type.def("snapshot", [](Self& self) { return segments_list(self.memory_.snapshot(), 0); });
    type.def("history", [](Self& self) { return entries_list(self.memory_.history(), 0); });
    type.def("record_history", [](Self& self, std::size_t max_entries) {
        self.memory_.record_history({true, Contexts::all, current_frames, max_entries, true, 0});
    });
    type.def("launch",
             [](Self& self, std::uintptr_t stream) { self.device_.launch(FakeDevice::stream(stream)); });
    type.def("finish", [](Self& self, std::uintptr_t stream, std::uint64_t count) {
        self.device_.finish(FakeDevice::stream(stream), count);
    });
    type.def("progress", [](Self& self, std::uintptr_t stream) {
        return py::make_tuple(self.device_.done(FakeDevice::stream(stream)),
                              self.device_.given(FakeDevice::stream(stream)));
    });
    type.def("fail", [](Self& self, const std::string& call, int n) { self.device_.fail(call, n); });
    type.def_property_readonly("live_segments", [](Self& self) { return self.device_.live_segments(); });
    type.def_property_readonly("live_events", [](Self& self) { return self.device_.live_events(); });
    type.def_property_readonly("used", [](Self& self) { return self.device_.used(); });
    return 0;
}
const Subject subject(init);

}  // namespace

}  // namespace tritorch
