// Copies between arrays whose dimensions lie in memory in different orders.
#pragma once

#include "numpy.h"

namespace tritorch {

// Copies `from` into `to`, of one shape and dtype, where that is large and the fastest dimensions of the two
// differ: tile by tile, so that both sides are read and written in whole cache lines. False, with nothing
// done, where it is not such a case. Other threads run meanwhile.
bool copy_turned(PyArrayObject* to, PyArrayObject* from);

}  // namespace tritorch
