#include "rows.h"

#include "../conv/parallel.h"
#include "../special/clones.h"
#include "../special/pointwise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace tritorch::reduce {

namespace {

constexpr std::int64_t worth_a_thread = 1 << 16;  // elements
constexpr int lanes = 16;
constexpr std::int64_t block = 2048;  // elements whose sum is of the type itself; blocks are added in double

// The sum of value(i) for 0 <= i < n.
template <class T, class Value>
TRITORCH_INLINE double sum(std::int64_t n, Value value) {
    double total = 0;
    for (std::int64_t begin = 0; begin < n; begin += block) {
        const std::int64_t end = std::min(n, begin + block);
        T part[lanes] = {};
        std::int64_t i = begin;
        for (; i + lanes <= end; i += lanes)
#pragma GCC ivdep
            for (int lane = 0; lane < lanes; ++lane) part[lane] += value(i + lane);
        for (; i < end; ++i) part[0] += value(i);
        for (int lane = 0; lane < lanes; ++lane) total += part[lane];
    }
    return total;
}

// Of 32 lanes, so that no comparison waits for the one before it.
template <class T>
TRITORCH_INLINE T largest(const T* x, std::int64_t n) {
    constexpr int width = 32;
    T part[width];
    for (T& p : part) p = -std::numeric_limits<T>::infinity();
    std::int64_t i = 0;
    for (; i + width <= n; i += width)
#pragma GCC ivdep
        for (int lane = 0; lane < width; ++lane)
            part[lane] = x[i + lane] > part[lane] ? x[i + lane] : part[lane];
    for (; i < n; ++i) part[0] = x[i] > part[0] ? x[i] : part[0];
    for (int half = width / 2; half; half /= 2)
        for (int lane = 0; lane < half; ++lane)
            part[lane] = part[lane] > part[lane + half] ? part[lane] : part[lane + half];
    return part[0];
}

template <class T>
struct Softmax {
    bool logarithm;
    std::int64_t width;
    const T* in;
    T* out;
};

template <class T>
TRITORCH_INLINE void softmax_rows(const Softmax<T>& task, std::int64_t first, std::int64_t last) {
    const std::int64_t n = task.width;
    for (std::int64_t row = first; row < last; ++row) {
        const T* x = task.in + row * n;
        T* out = task.out + row * n;
        const T top = largest(x, n);
#pragma GCC ivdep
        for (std::int64_t i = 0; i < n; ++i) out[i] = pointwise::exp(x[i] - top);
        const double total = sum<T>(n, [&](std::int64_t i) TRITORCH_FORCED { return out[i]; });
        if (task.logarithm) {
            const T shift = static_cast<T>(std::log(total));
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] - top - shift;
        } else {
            const T whole = static_cast<T>(total);
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) out[i] /= whole;
        }
    }
}

template <class T>
struct SoftmaxBack {
    bool logarithm;
    std::int64_t width;
    const T *grad, *out;
    T* in_grad;
};

template <class T>
TRITORCH_INLINE void softmax_back_rows(const SoftmaxBack<T>& task, std::int64_t first, std::int64_t last) {
    const std::int64_t n = task.width;
    for (std::int64_t row = first; row < last; ++row) {
        const T *g = task.grad + row * n, *out = task.out + row * n;
        T* to = task.in_grad + row * n;
        if (task.logarithm) {
            const T total = static_cast<T>(sum<T>(n, [&](std::int64_t i) TRITORCH_FORCED { return g[i]; }));
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) to[i] = g[i] - pointwise::exp(out[i]) * total;
        } else {
            const T total =
                static_cast<T>(sum<T>(n, [&](std::int64_t i) TRITORCH_FORCED { return g[i] * out[i]; }));
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) to[i] = out[i] * (g[i] - total);
        }
    }
}

template <class T>
struct Standard {
    double eps;
    std::int64_t width;
    const T *in, *weight, *bias;
    T *out, *mean, *rstd;
};

template <class T>
TRITORCH_INLINE void standardize_rows(const Standard<T>& task, std::int64_t first, std::int64_t last) {
    const std::int64_t n = task.width;
    for (std::int64_t row = first; row < last; ++row) {
        const T* x = task.in + row * n;
        T* out = task.out + row * n;
        const T mean = static_cast<T>(sum<T>(n, [&](std::int64_t i) TRITORCH_FORCED { return x[i]; }) / n);
        const double squares =
            sum<T>(n, [&](std::int64_t i) TRITORCH_FORCED { return (x[i] - mean) * (x[i] - mean); });
        const T rstd = static_cast<T>(1 / std::sqrt(squares / n + task.eps));
        const T *w = task.weight, *b = task.bias;
        if (w && b)
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * rstd * w[i] + b[i];
        else if (w)
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * rstd * w[i];
        else if (b)
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * rstd + b[i];
        else
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * rstd;
        task.mean[row] = mean;
        task.rstd[row] = rstd;
    }
}

template <class T>
struct StandardBack {
    std::int64_t width;
    const T *grad, *in, *weight, *mean, *rstd;
    T* in_grad;
    double *weights, *biases;  // sums over rows, or null
};

template <class T>
TRITORCH_INLINE void standardize_back_rows(const StandardBack<T>& task, std::int64_t first,
                                           std::int64_t last) {
    const std::int64_t n = task.width;
    for (std::int64_t row = first; row < last; ++row) {
        const T *x = task.in + row * n, *g = task.grad + row * n, *w = task.weight;
        const T mean = task.mean[row], rstd = task.rstd[row];
        if (task.in_grad) {
            T* to = task.in_grad + row * n;
            if (w)
#pragma GCC ivdep
                for (std::int64_t i = 0; i < n; ++i) to[i] = g[i] * w[i];
            else std::copy_n(g, n, to);
            const double plain = sum<T>(n, [&](std::int64_t i) TRITORCH_FORCED { return to[i]; });
            const double along =
                sum<T>(n, [&](std::int64_t i) TRITORCH_FORCED { return to[i] * ((x[i] - mean) * rstd); });
            const T shift = static_cast<T>(plain / n), slope = static_cast<T>(along / n);
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i)
                to[i] = rstd * (to[i] - shift - (x[i] - mean) * rstd * slope);
        }
        if (task.weights)
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) task.weights[i] += g[i] * ((x[i] - mean) * rstd);
        if (task.biases)
#pragma GCC ivdep
            for (std::int64_t i = 0; i < n; ++i) task.biases[i] += g[i];
    }
}

#define TRITORCH_ROWS(name, Task)                                                         \
    TRITORCH_CLONES void work(const Task<float>& task, std::int64_t a, std::int64_t b) {  \
        name<float>(task, a, b);                                                          \
    }                                                                                     \
    TRITORCH_CLONES void work(const Task<double>& task, std::int64_t a, std::int64_t b) { \
        name<double>(task, a, b);                                                         \
    }
TRITORCH_ROWS(softmax_rows, Softmax)
TRITORCH_ROWS(softmax_back_rows, SoftmaxBack)
TRITORCH_ROWS(standardize_rows, Standard)
TRITORCH_ROWS(standardize_back_rows, StandardBack)

// How many shares of rows threads take.
std::int64_t shares_of(const Table& table) {
    const std::int64_t useful = table.rows * table.width / worth_a_thread;
    return std::clamp<std::int64_t>(std::min<std::int64_t>(useful, table.threads), 1,
                                    std::max<std::int64_t>(table.rows, 1));
}

template <class Task>
void spread(const Table& table, const Task& task) {
    const std::int64_t shares = shares_of(table);
    conv::parallel(shares, static_cast<int>(shares), [&](std::int64_t i) {
        work(task, table.rows * i / shares, table.rows * (i + 1) / shares);
    });
}

}  // namespace

template <class T>
void softmax(const Table& table, bool logarithm, const T* in, T* out) {
    spread(table, Softmax<T>{logarithm, table.width, in, out});
}

template <class T>
void softmax_back(const Table& table, bool logarithm, const T* grad, const T* out, T* in_grad) {
    spread(table, SoftmaxBack<T>{logarithm, table.width, grad, out, in_grad});
}

template <class T>
void standardize(const Table& table, double eps, const T* in, const T* weight, const T* bias, T* out, T* mean,
                 T* rstd) {
    spread(table, Standard<T>{eps, table.width, in, weight, bias, out, mean, rstd});
}

template <class T>
void standardize_back(const Table& table, const T* grad, const T* in, const T* weight, const T* mean,
                      const T* rstd, T* in_grad, T* weight_grad, T* bias_grad) {
    const std::int64_t n = table.width, shares = shares_of(table);
    const std::unique_ptr<double[]> sums(new double[shares * 2 * n]());
    conv::parallel(shares, static_cast<int>(shares), [&](std::int64_t i) {
        double* own = sums.get() + i * 2 * n;
        work(StandardBack<T>{n, grad, in, weight, mean, rstd, in_grad, weight_grad ? own : nullptr,
                             bias_grad ? own + n : nullptr},
             table.rows * i / shares, table.rows * (i + 1) / shares);
    });
    for (std::int64_t i = 0; i < n; ++i) {
        double weights = 0, biases = 0;
        for (std::int64_t share = 0; share < shares; ++share) {
            weights += sums[share * 2 * n + i];
            biases += sums[share * 2 * n + n + i];
        }
        if (weight_grad) weight_grad[i] = static_cast<T>(weights);
        if (bias_grad) bias_grad[i] = static_cast<T>(biases);
    }
}

#define TRITORCH_TABLES(T)                                                                                 \
    template void softmax(const Table&, bool, const T*, T*);                                               \
    template void softmax_back(const Table&, bool, const T*, const T*, T*);                                \
    template void standardize(const Table&, double, const T*, const T*, const T*, T*, T*, T*);             \
    template void standardize_back(const Table&, const T*, const T*, const T*, const T*, const T*, T*, T*, \
                                   T*);
TRITORCH_TABLES(float)
TRITORCH_TABLES(double)

}  // namespace tritorch::reduce
