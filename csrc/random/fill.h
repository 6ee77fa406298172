// Fills of contiguous memory with random numbers: see Note [Philox stream] for what each element gets. All
// return the number of blocks used, by which the caller moves the generator's offset on, and none depends on
// `threads`.
#pragma once

#include "philox.h"

#include <cstddef>
#include <cstdint>

namespace tritorch::random {

// In [low, high); `bits` of the fraction are drawn: 24 for float32, fewer for what will be cast to less.
std::uint64_t fill_uniform(const Philox& generator, float* out, std::size_t count, double low, double high,
                           int bits, int threads);
std::uint64_t fill_uniform(const Philox& generator, double* out, std::size_t count, double low, double high,
                           int threads);
std::uint64_t fill_normal(const Philox& generator, float* out, std::size_t count, double mean,
                          double deviation, int threads);
std::uint64_t fill_normal(const Philox& generator, double* out, std::size_t count, double mean,
                          double deviation, int threads);
// Greater than zero, with mean 1 / rate.
std::uint64_t fill_exponential(const Philox& generator, float* out, std::size_t count, double rate,
                               int threads);
std::uint64_t fill_exponential(const Philox& generator, double* out, std::size_t count, double rate,
                               int threads);
// T(1) with probability p, else T(0). T: uint8_t (also for bool), float, double.
template <class T>
std::uint64_t fill_mask(const Philox& generator, T* out, std::size_t count, double p, int threads);
// low, ..., low + values - 1, modulo 2^64; `values` 0 stands for 2^64. T: the integers, float, double.
template <class T>
std::uint64_t fill_integers(const Philox& generator, T* out, std::size_t count, std::int64_t low,
                            std::uint64_t values, int threads);
// 0, ..., count - 1 in random order.
std::uint64_t fill_permutation(const Philox& generator, std::int64_t* out, std::size_t count);

}  // namespace tritorch::random
