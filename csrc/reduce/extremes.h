// The largest or smallest element of each line of an array, and where it is. No Python.h here.
#pragma once

#include "reduce.h"

namespace tritorch::reduce {

// An array in C order as lines of `size` elements, `inner` apart, `outer` x `inner` of them.
struct Lines {
    std::int64_t outer, size, inner;
    std::int64_t lines() const { return outer * inner; }
};

// The first of equals; a NaN is the largest and the smallest. `values` may be null. False: no loop for the
// type.
bool find_extremes(bool largest, Type type, const char* in, char* values, std::int64_t* indices,
                   const Lines& lines, int threads);

}  // namespace tritorch::reduce
