// Arrays as csrc/reduce sees them.
#pragma once

#include "../reduce/extremes.h"
#include "numpy.h"

namespace tritorch {

// The type of an array's elements; none where they are not aligned, not native, or of no type that has loops.
reduce::Type reduce_type_of(PyArrayObject* array);

// The lines along a dim of an array in C order.
reduce::Lines lines_of(PyArrayObject* array, int dim);

// function(), with the GIL released where it takes long enough to let others run.
template <class Function>
auto without_gil_if(bool long_enough, Function function) {
    if (!long_enough) return function();
    const WithoutGil others;
    return function();
}

}  // namespace tritorch
