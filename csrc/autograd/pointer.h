// An intrusive owning pointer: one machine word, one count inside the object.
#pragma once

#include <cstddef>
#include <utility>

namespace tritorch::autograd {

// T gives `void retain() noexcept` and `void release() noexcept`. An object is born with a count of one,
// which `adopt` takes over.
template <class T>
class Pointer {
  public:
    Pointer() noexcept = default;
    Pointer(std::nullptr_t) noexcept {}
    explicit Pointer(T* object) noexcept : object_(object) {
        if (object_) object_->retain();
    }
    static Pointer adopt(T* object) noexcept {
        Pointer result;
        result.object_ = object;
        return result;
    }

    Pointer(const Pointer& other) noexcept : Pointer(other.object_) {}
    Pointer(Pointer&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <class U>
    Pointer(Pointer<U> other) noexcept : object_(other.detach()) {}
    Pointer& operator=(Pointer other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Pointer() {
        if (object_) object_->release();
    }

    T* get() const noexcept { return object_; }
    T* operator->() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }

    // Gives the count away.
    T* detach() noexcept { return std::exchange(object_, nullptr); }

  private:
    T* object_ = nullptr;
};

}  // namespace tritorch::autograd
