// Rows of a table, each normalized from itself alone: softmax, its logarithm, layer norm, and their
// gradients. Tables are in C order. No Python.h here; the GIL need not be held.
#pragma once

#include <cstdint>

namespace tritorch::reduce {

struct Table {
    std::int64_t rows, width;
    int threads;
};

// `logarithm` asks for the logarithm of softmax.
template <class T>
void softmax(const Table& table, bool logarithm, const T* in, T* out);

// From the gradient of what softmax() gave, that of its input.
template <class T>
void softmax_back(const Table& table, bool logarithm, const T* grad, const T* out, T* in_grad);

// (in - mean) * rstd * weight + bias, with mean and rstd of each row; weight and bias (width) or null.
template <class T>
void standardize(const Table& table, double eps, const T* in, const T* weight, const T* bias, T* out, T* mean,
                 T* rstd);

// From the gradient of `out`, those of input, weight and bias: each may be null.
template <class T>
void standardize_back(const Table& table, const T* grad, const T* in, const T* weight, const T* mean,
                      const T* rstd, T* in_grad, T* weight_grad, T* bias_grad);

}  // namespace tritorch::reduce
