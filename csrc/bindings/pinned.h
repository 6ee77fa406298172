// Page-locked host memory: csrc/allocator's cache, joined to the driver's table.
#pragma once

#include "device.h"

namespace tritorch {

// Whether host memory is the cache's.
bool is_pinned_memory(const void* pointer);
// Work that uses the host memory was just given to the stream: if it is pinned, it is not given out again
// before that work is done.
void pinned_use(const void* pointer, int device, CUstream stream);

}  // namespace tritorch
