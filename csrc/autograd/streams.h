// Streams of accelerators, as the engine asks for them. The bindings join it to csrc/device, tests to streams
// of their own.
//
// Note [Streams of a pass]
// A node runs on the stream that was current in its forward; an accumulator, which has none, on the stream
// that the caller has on that device. A gradient belongs to the stream of the node that it flows to: where
// another stream made it, an event orders the two when it is delivered, and its memory is recorded, so that
// sums on the way, too, are made on the stream of the node that asks for them. When the pass is over, the
// caller's streams wait for all that were used. Where one stream does everything there is no event at all.
#pragma once

#include "value.h"

namespace tritorch::autograd {

struct Place {
    int device = -1;  // the host
    void* stream = nullptr;

    bool operator==(const Place&) const = default;
    bool on_host() const noexcept { return device < 0; }
};

class Streams {
  public:
    virtual ~Streams() = default;

    // How many there are; 0 before one was used.
    virtual int devices() noexcept = 0;
    // Of the calling thread.
    virtual int current_device() noexcept = 0;
    virtual void* current_stream(int device) noexcept = 0;
    virtual void set_current_device(int device) = 0;
    virtual void set_current_stream(Place place) = 0;

    // Called inside the runtime.
    virtual int device_of(const Value& value) noexcept = 0;  // -1: on the host
    // What `after` is given from now on waits for what `before` was given.
    virtual void order(Place before, Place after) = 0;
    // The value's memory is used there too, where it belongs to another stream.
    virtual void use(const Value& value, Place place) = 0;
};

// Null where the runtime has no accelerators.
Streams* streams() noexcept;
void set_streams(Streams* streams) noexcept;

// For a scope, the thread's device and its stream there are these.
class OnPlace {
  public:
    explicit OnPlace(Place place);
    ~OnPlace();
    OnPlace(const OnPlace&) = delete;
    OnPlace& operator=(const OnPlace&) = delete;

  private:
    int device_ = -1;  // the one before; -1: nothing was changed
    Place before_;
};

}  // namespace tritorch::autograd
