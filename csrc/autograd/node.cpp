#include "node.h"

namespace tritorch::autograd {

namespace {
thread_local std::uint64_t next_number = 0;
}

std::uint64_t Node::next_sequence() noexcept { return next_number++; }

}  // namespace tritorch::autograd
