// Convolutions of batches of images, and their gradients. No Python.h here; the GIL need not be held.
//
// Note [Convolutions]
// Each is a matrix product with the matrix of columns of an image, which is never in memory as a whole: the
// panels that the inner loops (Note [Tiles]) read are filled straight from the image. Threads share images,
// groups and stretches of positions; gradients of weights share rows of the matrix. One filter a channel and
// one channel a group have loops of their own. The sums are the same for every number of threads.
#pragma once

#include "columns.h"

namespace tritorch::conv {

struct Batch {
    Geometry geometry;  // channels: those of a group
    std::int64_t images = 1, groups = 1;
    std::int64_t filters = 1;  // of a group
};

// in (images, groups * channels, *size), weight (groups * filters, channels, *kernel), bias (groups *
// filters) or null; out (images, groups * filters, *out).
template <class T>
void convolve(const Batch& batch, const T* in, const T* weight, const T* bias, T* out, int threads);

// From the gradient of `out`, that of `in`.
template <class T>
void convolve_input(const Batch& batch, const T* out, const T* weight, T* in, int threads);

// From the gradient of `out`, that of `weight`.
template <class T>
void convolve_weight(const Batch& batch, const T* out, const T* in, T* weight, int threads);

}  // namespace tritorch::conv
