// Many elements to one, along any dims of an array of any strides. No Python.h here; the GIL need not be
// held.
//
// Note [Reductions]
// The axes are sorted by stride and merged where memory allows. What is left has an innermost axis that is
// either reduced (a sum along rows: runs of elements go to one number, in vector lanes) or kept (a sum over
// rows: whole rows are combined, several at a time). Sums of float32 and of half precision add a few thousand
// elements in float32 lanes, or eight rows, and those sums in float64: the result is rounded once.
#pragma once

#include <cstdint>

namespace tritorch::reduce {

enum class Type : std::uint8_t {
    boolean,
    uint8,
    int8,
    int16,
    int32,
    int64,
    half,
    bfloat,
    float32,
    float64,
    none
};

enum class Code : std::uint8_t {
    sum,        // integers as int64
    nansum,     // NaN as zero
    absolute,   // of absolute values
    squares,    // of squares
    distances,  // of squared distances from `centre`
    product,
    max,  // NaN, if there is one
    min,
    any,
    all,
    none
};

struct Axis {
    std::int64_t size;
    std::int64_t in, out;  // bytes from one element to the next; out 0: reduced
    bool kept;
};

struct Axes {
    static constexpr int most = 64;
    Axis item[most];
    int count = 0;
    void add(Axis axis) { item[count++] = axis; }
};

struct Job {
    const char* in = nullptr;
    char* out = nullptr;
    Axes axes;
    const double* centre = nullptr;  // one for each output, laid out as `out` is
    double divisor = 1;              // what the result of floats is divided by
    bool root = false;               // whether the square root is taken then
    int threads = 1;
};

// The type of the result, none where there is no loop. Halves give float32.
Type result_type(Code code, Type type);
// Where nothing is reduced (an axis of size zero) the result is the neutral element; max and min have none.
void run(Code code, Type type, const Job& job);

}  // namespace tritorch::reduce
