// Running sums and products along the lines of an array in C order. No Python.h here.
#pragma once

#include "extremes.h"

namespace tritorch::reduce {

// `in` and `out` are of one type: int64, float32 or float64; float32 is accumulated in float64. False: no
// loop.
bool scan(bool products, Type type, const char* in, char* out, const Lines& lines, int threads);

}  // namespace tritorch::reduce
