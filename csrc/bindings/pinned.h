// Page-locked host memory: csrc/allocator's cache, joined to the driver's table.
#pragma once

#include "device.h"

namespace tritorch {

// Work that uses the host memory was just given to the stream: if it is pinned, it is not given out again
// before that work is done.
void pinned_use(const void* pointer, int device, CUstream stream);

}  // namespace tritorch
