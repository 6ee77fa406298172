// Convolutions of each channel with a filter of its own: loops along lines, no matrices.
#pragma once

#include "convolve.h"

namespace tritorch::conv {

// As convolve(), for one channel and one filter a group.
template <class T>
void depthwise(const Batch& batch, const T* in, const T* weight, const T* bias, T* out, int threads);

}  // namespace tritorch::conv
