// The axes of a reduction in the order of memory, and walks over them.
#pragma once

#include "reduce.h"

namespace tritorch::reduce {

// Sorts the axes, the farthest strides first, and merges neighbours that are one in memory.
void simplify(Axes& axes);

std::int64_t elements(const Axes& axes);

// Takes the last axis off; of none, one of size 1.
Axis take_innermost(Axes& axes);

// The offsets of the elements of some axes, one after the other.
class Walk {
  public:
    explicit Walk(const Axes& axes, std::int64_t start = 0);
    std::int64_t in = 0, out = 0;
    void step() {
        for (int i = axes_.count - 1; i >= 0; --i) {
            const Axis& axis = axes_.item[i];
            in += axis.in;
            out += axis.out;
            if (++place_[i] < axis.size) return;
            place_[i] = 0;
            in -= axis.in * axis.size;
            out -= axis.out * axis.size;
        }
    }

  private:
    const Axes& axes_;
    std::int64_t place_[Axes::most];
};

}  // namespace tritorch::reduce
