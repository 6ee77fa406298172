// A vector whose first few elements live in the object itself: most nodes have one or two edges, most buffers
// one gradient. Move-only elements are welcome; copying is not offered.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace tritorch::autograd {

template <class T, std::uint32_t Inline>
class SmallVector {
  public:
    SmallVector() noexcept = default;
    explicit SmallVector(std::uint32_t size) { resize(size); }
    SmallVector(SmallVector&& other) noexcept { take(other); }
    SmallVector& operator=(SmallVector&& other) noexcept {
        if (this != &other) {
            clear();
            free_heap();
            take(other);
        }
        return *this;
    }
    ~SmallVector() {
        clear();
        free_heap();
    }

    std::uint32_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    T* data() noexcept { return data_; }
    const T* data() const noexcept { return data_; }
    T* begin() noexcept { return data_; }
    T* end() noexcept { return data_ + size_; }
    const T* begin() const noexcept { return data_; }
    const T* end() const noexcept { return data_ + size_; }
    T& operator[](std::uint32_t i) noexcept { return data_[i]; }
    const T& operator[](std::uint32_t i) const noexcept { return data_[i]; }
    T& back() noexcept { return data_[size_ - 1]; }

    void push_back(T value) {
        if (size_ == capacity_) reserve(2 * capacity_);
        new (data_ + size_) T(std::move(value));
        ++size_;
    }
    void resize(std::uint32_t size) {
        reserve(size);
        while (size_ > size) data_[--size_].~T();
        while (size_ < size) new (data_ + size_++) T();
    }
    void clear() noexcept {
        while (size_ > 0) data_[--size_].~T();
    }
    void reserve(std::uint32_t capacity) {
        if (capacity <= capacity_) return;
        T* grown = std::allocator<T>().allocate(capacity);
        for (std::uint32_t i = 0; i < size_; ++i) {
            new (grown + i) T(std::move(data_[i]));
            data_[i].~T();
        }
        free_heap();
        data_ = grown;
        capacity_ = capacity;
    }

  private:
    T* inline_data() noexcept { return reinterpret_cast<T*>(room_); }
    void free_heap() noexcept {
        if (data_ != inline_data()) std::allocator<T>().deallocate(data_, capacity_);
        data_ = inline_data();
        capacity_ = Inline;
    }
    void take(SmallVector& other) noexcept {
        if (other.data_ != other.inline_data()) {
            data_ = std::exchange(other.data_, other.inline_data());
            capacity_ = std::exchange(other.capacity_, Inline);
            size_ = std::exchange(other.size_, 0);
            return;
        }
        for (std::uint32_t i = 0; i < other.size_; ++i) new (data_ + i) T(std::move(other.data_[i]));
        size_ = other.size_;
        other.clear();
    }

    T* data_ = inline_data();
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = Inline;
    alignas(T) unsigned char room_[Inline * sizeof(T)];
};

}  // namespace tritorch::autograd
