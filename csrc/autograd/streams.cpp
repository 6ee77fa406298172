#include "streams.h"

namespace tritorch::autograd {

namespace {

Streams* the_streams = nullptr;

}  // namespace

Streams* streams() noexcept { return the_streams; }
void set_streams(Streams* streams) noexcept { the_streams = streams; }

OnPlace::OnPlace(Place place) {
    if (place.on_host() || !the_streams) return;
    const int device = the_streams->current_device();
    before_ = {place.device, the_streams->current_stream(place.device)};
    the_streams->set_current_device(place.device);
    device_ = device;
    the_streams->set_current_stream(place);
}

OnPlace::~OnPlace() {
    if (device_ < 0) return;
    the_streams->set_current_stream(before_);
    the_streams->set_current_device(device_);
}

}  // namespace tritorch::autograd
