// A pointwise program: a straight line of arithmetic over arrays of one length, run block by block in the
// first cache. Where NumPy passes over memory once for each operation, this passes once for all of them. No
// Python.h here; the GIL need not be held.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tritorch::blockwise {

// What one instruction computes. a, b, c are buffers; s, t are scalars.
enum class Code : std::uint8_t {
    copy,         // a
    fill,         // s
    add,          // a + s * b
    add_scalar,   // a + s
    mul,          // a * b
    mul_scalar,   // a * s
    div,          // a / b
    div_scalar,   // a / s
    lerp,         // a + s * (b - a), from the end that is nearer
    addcmul,      // a + s * b * c
    addcdiv,      // a + s * b / c
    sqrt,         // of a
    abs,          // of a
    neg,          // of a
    sign,         // of a: -1, 0 or 1
    maximum,      // of a and b; NaN if either is
    clamp,        // a within [s, t]
    gt,           // a > s, as 1 or 0
    lt,           // a < s
    eq,           // a == s
    masked_fill,  // s where b is not 0, else a
    affine,       // a * s + t
    decay,        // a * s + t * b * c
    count         // the number of codes
};

struct Instruction {
    Code code;
    std::uint8_t out, a, b, c;  // buffers
    std::uint8_t s, t;          // scalars
};

// Buffers 0 .. arrays-1 are the arrays, read and written in place; the others hold intermediate values.
struct Program {
    std::vector<Instruction> code;
    std::uint8_t arrays = 0;
    std::uint8_t buffers = 0;
    std::uint8_t scalars = 0;
};

// Elements of a block: a handful of buffers of them fit the first cache.
inline constexpr std::size_t block = 1024;
// Elements from which a second thread pays.
inline constexpr std::size_t worth_a_thread = std::size_t{1} << 18;

// Runs `program` on `arrays`, each of `length` elements, that either coincide or do not overlap. Up to
// `threads` threads share the work. The result does not depend on how many.
void run(const Program& program, float* const* arrays, const double* scalars, std::size_t length,
         unsigned threads);
void run(const Program& program, double* const* arrays, const double* scalars, std::size_t length,
         unsigned threads);

}  // namespace tritorch::blockwise
