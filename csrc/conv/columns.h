// Images as matrices whose columns are the windows of a convolution, and back.
//
// A convolution is a matrix product once every window lies in a column: rows are (channel, kernel offset),
// columns are output positions (Chellapilla, Puri and Simard, "High performance convolutional neural networks
// for document processing", 2006). All images are C-contiguous (channels, depth, height, width); missing dims
// have size one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tritorch::conv {

struct Geometry {
    std::int64_t channels = 1;
    std::int64_t size[3] = {1, 1, 1};  // of the image
    std::int64_t kernel[3] = {1, 1, 1};
    std::int64_t stride[3] = {1, 1, 1};
    std::int64_t padding[3] = {0, 0, 0};
    std::int64_t dilation[3] = {1, 1, 1};
    std::int64_t out[3] = {1, 1, 1};  // output positions along each dim

    std::int64_t rows() const { return channels * kernel[0] * kernel[1] * kernel[2]; }
    std::int64_t columns() const { return out[0] * out[1] * out[2]; }
};

// columns(rows, out positions) from the image; padding reads as zero.
template <class T>
void image_to_columns(const Geometry& geometry, const T* image, T* columns, int threads);

// Adds every column entry to the image element that it came from; the image is zeroed first.
template <class T>
void columns_to_image(const Geometry& geometry, const T* columns, T* image, int threads);

}  // namespace tritorch::conv
