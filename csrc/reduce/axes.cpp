#include "axes.h"

#include <algorithm>

namespace tritorch::reduce {

namespace {

std::int64_t distance(const Axis& axis) { return axis.in < 0 ? -axis.in : axis.in; }

bool continues(const Axis& outer, const Axis& inner) {
    return outer.kept == inner.kept && outer.in == inner.in * inner.size &&
           outer.out == inner.out * inner.size;
}

}  // namespace

void simplify(Axes& axes) {
    Axis* const first = axes.item;
    Axis* last = std::remove_if(first, first + axes.count, [](const Axis& axis) { return axis.size == 1; });
    std::stable_sort(first, last, [](const Axis& a, const Axis& b) { return distance(a) > distance(b); });
    int count = 0;
    for (Axis* axis = first; axis < last; ++axis) {
        if (count && continues(first[count - 1], *axis)) {
            Axis& merged = first[count - 1];
            merged = {merged.size * axis->size, axis->in, axis->out, axis->kept};
        } else {
            first[count++] = *axis;
        }
    }
    axes.count = count;
}

std::int64_t elements(const Axes& axes) {
    std::int64_t product = 1;
    for (int i = 0; i < axes.count; ++i) product *= axes.item[i].size;
    return product;
}

Axis take_innermost(Axes& axes) {
    if (!axes.count) return {1, 0, 0, true};
    return axes.item[--axes.count];
}

Walk::Walk(const Axes& axes, std::int64_t start) : axes_(axes) {
    for (int i = axes.count - 1; i >= 0; --i) {
        const Axis& axis = axes.item[i];
        place_[i] = 0;
        if (!start) continue;
        place_[i] = start % axis.size;
        start /= axis.size;
        in += place_[i] * axis.in;
        out += place_[i] * axis.out;
    }
}

}  // namespace tritorch::reduce
