// The caching host allocator as NumPy sees it.
#pragma once

#include "py.h"

namespace tritorch {

// Makes NumPy take memory from the host allocator in the current contextvars.Context. -1 with an error set.
int use_host_allocator();

}  // namespace tritorch
