// Pools: one number from each window of a plane. A window is a range along each of three dims, given by
// arrays, so that plain, padded, ceiled and adaptive pools are one loop.
#pragma once

#include <cstdint>

namespace tritorch::conv {

struct Windows {
    std::int64_t planes = 0;
    std::int64_t size[3] = {1, 1, 1};   // of a plane
    std::int64_t out[3] = {1, 1, 1};    // windows along each dim
    const std::int64_t* first[3] = {};  // first position of each window, inside the plane
    const std::int64_t* last[3] = {};   // one past its last
    std::int64_t step[3] = {1, 1, 1};   // between positions of a window (dilation)
    std::int64_t pixels() const { return size[0] * size[1] * size[2]; }
    std::int64_t positions() const { return out[0] * out[1] * out[2]; }
};

// The largest element of each window and its index in the plane: the first of equals, but the last NaN, which
// is larger than all.
template <class T>
void max_pool(const Windows& windows, const T* in, T* out, std::int64_t* index, int threads);

// The sum of each window times scale[position].
template <class T>
void sum_pool(const Windows& windows, const T* in, const T* scale, T* out, int threads);

// Its transpose: each window's value times scale[position], added to all of its elements.
template <class T>
void spread_pool(const Windows& windows, const T* out, const T* scale, T* in, int threads);

}  // namespace tritorch::conv
