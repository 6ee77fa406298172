// A device without memory, for tests of the allocator in C++ and in Python: addresses that never come back,
// streams that stand still until told to go on, and failures on request.
#pragma once

#include "device.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tritorch::allocator {

class FakeDevice final : public Device {
  public:
    struct Failure : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    static constexpr std::size_t unit = std::size_t(2) << 20;

    explicit FakeDevice(std::size_t capacity) : capacity_(capacity) {}

    static Stream stream(std::uintptr_t number) noexcept { return reinterpret_cast<Stream>(number); }

    // The stream is given `count` pieces of work; it does them, or everything it was given.
    void launch(Stream stream, std::uint64_t count = 1) {
        const std::lock_guard<std::mutex> alone(lock_);
        streams_[stream].given += count;
    }
    void finish(Stream stream, std::uint64_t count = ~std::uint64_t(0)) {
        const std::lock_guard<std::mutex> alone(lock_);
        Progress& at = streams_[stream];
        at.done += std::min(count, at.given - at.done);
    }
    // The n-th call from now on of "malloc", "free", "record", "passed", "wait" or "any" fails, once.
    void fail(const std::string& call, int n) { failures_[call] = n; }

    int index() const override { return 0; }
    Address malloc(std::size_t bytes) override {
        const std::lock_guard<std::mutex> alone(lock_);
        count("malloc");
        if (bytes > capacity_ - used_) return 0;
        const Address address = next_;
        next_ += (bytes + unit - 1) / unit * unit;
        live_[address] = bytes;
        used_ += bytes;
        return address;
    }
    void free(Address address) override {
        const std::lock_guard<std::mutex> alone(lock_);
        count("free");
        const auto found = live_.find(address);
        if (found == live_.end()) throw std::logic_error("the device never gave this address");
        used_ -= found->second;
        live_.erase(found);
    }
    MemoryInfo memory() override { return {capacity_ - used_, capacity_}; }
    Event record(Stream stream) override {
        const std::lock_guard<std::mutex> alone(lock_);
        count("record");
        const std::uintptr_t name = ++last_event_;
        events_[name] = {stream, streams_[stream].given};
        return reinterpret_cast<Event>(name);
    }
    bool passed(Event event) override {
        const std::lock_guard<std::mutex> alone(lock_);
        count("passed");
        const auto& [stream, position] = at(event);
        return streams_[stream].done >= position;
    }
    void wait(const std::vector<Event>& events) override {
        const std::lock_guard<std::mutex> alone(lock_);
        count("wait");
        for (const Event event : events) {
            const auto& [stream, position] = at(event);
            Progress& progress = streams_[stream];
            progress.done = std::max(progress.done, position);
        }
    }
    void drop(Event event) noexcept override {
        const std::lock_guard<std::mutex> alone(lock_);
        events_.erase(reinterpret_cast<std::uintptr_t>(event));
    }

    std::size_t live_events() const { return events_.size(); }
    std::size_t live_segments() const { return live_.size(); }
    std::size_t used() const { return used_; }
    std::uint64_t done(Stream stream) { return streams_[stream].done; }
    std::uint64_t given(Stream stream) { return streams_[stream].given; }

  private:
    struct Progress {
        std::uint64_t given = 0, done = 0;
    };

    const std::pair<Stream, std::uint64_t>& at(Event event) const {
        return events_.at(reinterpret_cast<std::uintptr_t>(event));
    }
    void count(const char* call) {
        if (failures_.empty()) return;
        for (const std::string& name : {std::string(call), std::string("any")}) {
            const auto found = failures_.find(name);
            if (found == failures_.end() || --found->second > 0) continue;
            failures_.erase(found);
            throw Failure(std::string("the device failed: ") + call);
        }
    }

    std::mutex lock_;
    std::size_t capacity_, used_ = 0;
    Address next_ = unit;
    std::map<Address, std::size_t> live_;
    std::map<Stream, Progress> streams_;
    std::map<std::uintptr_t, std::pair<Stream, std::uint64_t>> events_;
    std::uintptr_t last_event_ = 0;
    std::map<std::string, int> failures_;
};

}  // namespace tritorch::allocator
