// The matrix of columns of an image (see columns.h) without making it: any stretch of any of its rows, copied
// from the image with its padding around it.
#pragma once

#include "columns.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

namespace tritorch::conv {

// A stretch of positions that lie in one line of the output: `count` of them, from `from` on in the padded
// image (for the first row of the matrix) to place `to`.
struct Run {
    std::int64_t from, to, count;
};

template <class T>
class Patches {
  public:
    // Room beyond the last place of what `copy` writes to: lines are copied in vectors.
    static constexpr std::int64_t slack = 16 / sizeof(T);

    explicit Patches(const Geometry& g)
        : geometry_(g), plain_(g.rows() == g.channels && g.columns() == g.size[0] * g.size[1] * g.size[2]) {
        for (int d = 0; d < 3; ++d) {
            plain_ = plain_ && g.stride[d] == 1 && g.padding[d] == 0;
            padded_[d] = (g.out[d] - 1) * g.stride[d] + g.dilation[d] * (g.kernel[d] - 1) + 1;
        }
        plane_ = padded_[0] * padded_[1] * padded_[2];
        for (std::int64_t d = 0; d < g.kernel[0]; ++d)
            for (std::int64_t h = 0; h < g.kernel[1]; ++h)
                for (std::int64_t w = 0; w < g.kernel[2]; ++w)
                    window_.push_back((d * g.dilation[0] * padded_[1] + h * g.dilation[1]) * padded_[2] +
                                      w * g.dilation[2]);
        if (!plain_) memory_.reset(new T[g.channels * plane_ + slack]());
    }

    // Takes an image: its channels [first, last). It must stay where it is.
    void load(const T* image, std::int64_t first, std::int64_t last) {
        if (plain_) {
            image_ = image;
            return;
        }
        image_ = memory_.get();
        each_line(first, last, [&](std::int64_t inside, std::int64_t outside, std::int64_t count) {
            std::memcpy(memory_.get() + inside, image + outside, count * sizeof(T));
        });
    }

    // The positions [begin, end) as runs, placed from `to` on.
    void runs(std::int64_t begin, std::int64_t end, std::int64_t to, std::vector<Run>& out) const {
        const Geometry& g = geometry_;
        if (plain_) {
            out.push_back({begin, to, end - begin});
            return;
        }
        while (begin < end) {
            const std::int64_t w = begin % g.out[2], line = begin / g.out[2], h = line % g.out[1],
                               count = std::min(end - begin, g.out[2] - w);
            out.push_back({(line / g.out[1] * g.stride[0] * padded_[1] + h * g.stride[1]) * padded_[2] +
                               w * g.stride[2],
                           to, count});
            begin += count;
            to += count;
        }
    }

    // Row `row` of the matrix at those positions. It writes up to `slack` places more.
    void copy(std::int64_t row, const Run* run, const Run* end, T* line) const {
        const T* image = image_ + offset(row);
        const std::int64_t stride = geometry_.stride[2];
        for (; run != end; ++run) {
            const T* from = image + run->from;
            T* to = line + run->to;
            if (plain_) std::memcpy(to, from, run->count * sizeof(T));
            else if (stride == 1)
                for (std::int64_t i = 0; i < run->count; i += slack) std::memcpy(to + i, from + i, 16);
            else
                for (std::int64_t i = 0; i < run->count; ++i) to[i] = from[i * stride];
        }
    }

    // The transposes of `copy` and `load`: adds a stretch to the image being made, which `clear` begins and
    // `save` ends. Not for plain geometries, whose columns are the image.
    bool plain() const { return plain_; }
    void clear() { std::fill_n(memory_.get(), geometry_.channels * plane_, T(0)); }
    void add(std::int64_t row, const Run* run, const Run* end, const T* line) {
        T* image = memory_.get() + offset(row);
        const std::int64_t stride = geometry_.stride[2];
        for (; run != end; ++run) {
            T* to = image + run->from;
            const T* from = line + run->to;
            if (stride == 1)
                for (std::int64_t i = 0; i < run->count; ++i) to[i] += from[i];
            else
                for (std::int64_t i = 0; i < run->count; ++i) to[i * stride] += from[i];
        }
    }
    void save(T* image) const {
        const auto& size = geometry_.size;
        std::fill_n(image, geometry_.channels * size[0] * size[1] * size[2], T(0));
        each_line(0, geometry_.channels, [&](std::int64_t inside, std::int64_t outside, std::int64_t count) {
            std::memcpy(image + outside, memory_.get() + inside, count * sizeof(T));
        });
    }

    // For loops of their own over planes: the channel's plane, and the places of a window in it.
    const T* plane(std::int64_t channel) const { return image_ + channel * plane_; }
    const std::vector<std::int64_t>& window() const { return window_; }
    std::int64_t line() const { return padded_[2]; }
    std::int64_t layer() const { return padded_[1] * padded_[2]; }

  private:
    std::int64_t offset(std::int64_t row) const {
        const std::int64_t window = static_cast<std::int64_t>(window_.size());
        return row / window * plane_ + window_[row % window];
    }
    // visit(place in the padded image, place in the image, count) for each line that both have.
    template <class Visit>
    void each_line(std::int64_t first, std::int64_t last, Visit visit) const {
        const Geometry& g = geometry_;
        std::int64_t count[3];
        for (int d = 0; d < 3; ++d) count[d] = std::min(g.size[d], padded_[d] - g.padding[d]);
        if (count[2] <= 0) return;
        for (std::int64_t c = first; c < last; ++c)
            for (std::int64_t d = 0; d < count[0]; ++d)
                for (std::int64_t h = 0; h < count[1]; ++h)
                    visit(((c * padded_[0] + d + g.padding[0]) * padded_[1] + h + g.padding[1]) * padded_[2] +
                              g.padding[2],
                          ((c * g.size[0] + d) * g.size[1] + h) * g.size[2], count[2]);
    }

    const Geometry geometry_;
    bool plain_;
    std::int64_t padded_[3], plane_;
    std::vector<std::int64_t> window_;  // places of the kernel's elements in a plane
    std::unique_ptr<T[]> memory_;
    const T* image_ = nullptr;
};

}  // namespace tritorch::conv
