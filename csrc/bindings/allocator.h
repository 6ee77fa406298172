// The allocator's reports as Python values, under torch's names.
#pragma once

#include "../allocator/allocator.h"
#include "py.h"

#include <pybind11/pybind11.h>

namespace tritorch {

// {"allocation": {"all": {"current": ...}}, ...}, as torch.cuda.memory_stats_as_nested_dict gives.
pybind11::dict statistics_dict(allocator::Statistics statistics);
// A dict a segment, each with its blocks.
pybind11::list segments_list(const std::vector<allocator::SegmentInfo>& segments, int device);
// A dict an entry of the history.
pybind11::list entries_list(const std::vector<allocator::Entry>& entries, int device);
pybind11::list frames_list(const allocator::Context& context);

// The lines of the program that the calling thread is in, the innermost first. Takes the GIL.
allocator::Context current_frames();

}  // namespace tritorch
