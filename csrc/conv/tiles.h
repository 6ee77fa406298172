// The two inner loops of convolutions, in vector registers, for the processor that runs.
//
// Note [Tiles]
// `outer` adds up outer products: a tile of (rows, columns) sums stays in registers while two packed panels
// go by, one row of each at a time. `dots` takes lines that lie along the sum instead: (lefts, rights) sums
// of products of whole lines, which need no transposed copies (gradients of weights: sums over positions).
#pragma once

#include <cstdint>

namespace tritorch::conv {

template <class T>
struct Outer {
    const T* a;  // (depth, tile rows)
    const T* b;  // (depth, tile columns)
    std::int64_t depth;
    T* c;
    std::int64_t stride;  // from row to row of c
    int rows, columns;    // of c; what the panels hold beyond is not used
    bool add;             // to c, instead of writing it
};

template <class T>
struct Dots {
    const T* left;  // lines, `stride` apart, that can be read as if there were a full tile of them
    const T* right;
    std::int64_t stride, depth;  // depth: a multiple of the lanes
    T* c;                        // added to
    std::int64_t c_stride;
    int lefts, rights;
};

template <class T>
struct Tiles {
    int rows, columns, lefts, rights, lanes;
    void (*outer)(const Outer<T>&);
    void (*dots)(const Dots<T>&);
};

template <class T>
const Tiles<T>& tiles();

}  // namespace tritorch::conv
