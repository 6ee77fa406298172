// Batch norm: images of channels in C order, (images, channels, area), each channel normalized from all its
// elements. No Python.h here; the GIL need not be held.
#pragma once

#include <cstdint>

namespace tritorch::reduce {

struct Images {
    std::int64_t images, channels, area;
    int threads;
};

// (in - mean) * rstd * weight + bias, with mean and rstd of each channel; weight and bias (channels) or null.
template <class T>
void standardize_channels(const Images& images, double eps, const T* in, const T* weight, const T* bias,
                          T* out, T* mean, T* rstd);

// From the gradient of `out`, those of input, weight and bias: each may be null.
template <class T>
void standardize_channels_back(const Images& images, const T* grad, const T* in, const T* weight,
                               const T* mean, const T* rstd, T* in_grad, T* weight_grad, T* bias_grad);

}  // namespace tritorch::reduce
