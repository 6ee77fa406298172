// The engine's streams are the device runtime's, and what uses memory elsewhere tells the allocator.
#include "../autograd/streams.h"
#include "device.h"
#include "gradients.h"

#include <memory>
#include <vector>

namespace tritorch {

namespace {

using autograd::Place;
using autograd::Value;

CUstream stream_of(Place place) noexcept { return static_cast<CUstream>(place.stream); }

class DeviceStreams final : public autograd::Streams {
  public:
    int devices() noexcept override { return device::initialized() ? device::device_count() : 0; }
    int current_device() noexcept override { return device::current_device(); }
    void* current_stream(int device) noexcept override { return device::current_stream(device); }
    void set_current_device(int device) override { device::set_current_device(device); }
    void set_current_stream(Place place) override {
        device::set_current_stream(place.device, stream_of(place));
    }
    int device_of(const Value& value) noexcept override {
        PyObject* array = tensor_in(value)->array;
        const MemoryObject* memory = is_device_array(array) ? memory_under(array) : nullptr;
        return memory ? memory->device : -1;
    }
    // One event does for every pair of streams: a wait holds on to what was recorded when it was enqueued.
    void order(Place before, Place after) override {
        thread_local std::vector<std::unique_ptr<device::Event>> events;
        const auto index = static_cast<std::size_t>(before.device);
        if (events.size() <= index) events.resize(index + 1);
        const device::DeviceGuard scope(before.device);
        if (!events[index])
            events[index] = std::make_unique<device::Event>(before.device, device::EVENT_DISABLE_TIMING);
        events[index]->record(stream_of(before));
        device::enter(after.device);
        events[index]->hold_back(stream_of(after));
        device::enter(before.device);
    }
    void use(const Value& value, Place place) override { use_on(tensor_in(value)->array, stream_of(place)); }
};

int init(PyObject*) {
    autograd::set_streams(new DeviceStreams);  // never destroyed: threads may outlive main()
    return 0;
}
const Subject subject(init);

}  // namespace

}  // namespace tritorch
