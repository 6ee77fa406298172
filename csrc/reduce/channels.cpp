#include "channels.h"

#include "../conv/parallel.h"
#include "clones.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace tritorch::reduce {

namespace {

constexpr std::int64_t worth_a_thread = 1 << 16;  // elements
constexpr std::int64_t strip = 1024;              // columns whose sums are held at a time
constexpr std::int64_t narrow = 16;               // areas below it are walked as columns, not as runs
constexpr std::int64_t block = 2048;  // elements whose sum is of the type itself; blocks are added in double
constexpr int lanes = 16;

template <class T>
struct Forward {
    Images shape;
    double eps;
    const T *in, *weight, *bias;
    T *out, *mean, *rstd;
};

template <class T>
struct Backward {
    Images shape;
    const T *grad, *in, *weight, *mean, *rstd;
    T *in_grad, *weight_grad, *bias_grad;
};

// What a channel's elements become: x * scale + shift, and in gradients g * slope more.
template <class T>
struct Line {
    T scale, shift, slope;
};

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

// Calls row(offset) for the first element of columns [column, ...) in each image.
template <class Row>
TRITORCH_INLINE void each_image(const Images& s, std::int64_t column, Row row) {
    for (std::int64_t n = 0; n < s.images; ++n) row(n * s.channels * s.area + column);
}

template <class T>
TRITORCH_INLINE void moments_to(const Forward<T>& task, std::int64_t c, double mean, double squares) {
    task.mean[c] = static_cast<T>(mean);
    task.rstd[c] = static_cast<T>(1 / std::sqrt(squares / (task.shape.images * task.shape.area) + task.eps));
}

// The line of channel c: (x - mean) * rstd * weight + bias, its mean taken off first.
template <class T>
TRITORCH_INLINE Line<T> line_of(const Forward<T>& task, std::int64_t c) {
    return {task.weight ? task.rstd[c] * task.weight[c] : task.rstd[c], task.bias ? task.bias[c] : T(0), 0};
}

// From the sums of g and of g * unit; the line of the gradient of channel c's input, its mean taken off
// first.
template <class T>
TRITORCH_INLINE Line<T> close(const Backward<T>& task, std::int64_t c, double plain, double along) {
    if (task.weight_grad) task.weight_grad[c] = static_cast<T>(along);
    if (task.bias_grad) task.bias_grad[c] = static_cast<T>(plain);
    const double count = double(task.shape.images * task.shape.area), rstd = task.rstd[c];
    const double slope = task.weight ? rstd * task.weight[c] : rstd;
    return {static_cast<T>(-slope * rstd * along / count), static_cast<T>(-slope * plain / count),
            static_cast<T>(slope)};
}

// Runs of a wide area: each channel by itself.
template <class T>
TRITORCH_INLINE void runs(const Forward<T>& task, std::int64_t first, std::int64_t last) {
    const Images& s = task.shape;
    const std::int64_t area = s.area;
    for (std::int64_t c = first; c < last; ++c) {
        double total = 0, squares = 0;
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T* x = task.in + at;
            total += sum<T>(area, [&](std::int64_t i) TRITORCH_FORCED { return x[i]; });
        });
        const T mean = static_cast<T>(total / (s.images * area));
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T* x = task.in + at;
            squares +=
                sum<T>(area, [&](std::int64_t i) TRITORCH_FORCED { return (x[i] - mean) * (x[i] - mean); });
        });
        moments_to(task, c, total / (s.images * area), squares);
        const Line<T> line = line_of(task, c);
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T* x = task.in + at;
            T* out = task.out + at;
#pragma GCC ivdep
            for (std::int64_t i = 0; i < area; ++i) out[i] = (x[i] - mean) * line.scale + line.shift;
        });
    }
}

template <class T>
TRITORCH_INLINE void runs(const Backward<T>& task, std::int64_t first, std::int64_t last) {
    const Images& s = task.shape;
    const std::int64_t area = s.area;
    for (std::int64_t c = first; c < last; ++c) {
        const T mean = task.mean[c], rstd = task.rstd[c];
        double plain = 0, along = 0;
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T *g = task.grad + at, *x = task.in + at;
            plain += sum<T>(area, [&](std::int64_t i) TRITORCH_FORCED { return g[i]; });
            along +=
                sum<T>(area, [&](std::int64_t i) TRITORCH_FORCED { return g[i] * ((x[i] - mean) * rstd); });
        });
        const Line<T> line = close(task, c, plain, along);
        if (!task.in_grad) continue;
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T *g = task.grad + at, *x = task.in + at;
            T* to = task.in_grad + at;
#pragma GCC ivdep
            for (std::int64_t i = 0; i < area; ++i)
                to[i] = g[i] * line.slope + ((x[i] - mean) * line.scale + line.shift);
        });
    }
}

// Columns of narrow areas: the elements of neighbouring channels together.
template <class T>
TRITORCH_INLINE void columns(const Forward<T>& task, std::int64_t first, std::int64_t last) {
    const Images& s = task.shape;
    const std::int64_t area = s.area, together = std::max<std::int64_t>(1, strip / area);
    double sums[strip];
    T means[strip], scales[strip], shifts[strip];
    for (std::int64_t c = first; c < last; c += together) {
        const std::int64_t channels = std::min(together, last - c), width = channels * area;
        const double count = double(s.images * area);
        double mean[strip];
        std::fill_n(sums, width, 0.0);
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T* x = task.in + at;
#pragma GCC ivdep
            for (std::int64_t i = 0; i < width; ++i) sums[i] += x[i];
        });
        for (std::int64_t k = 0; k < channels; ++k) {
            double total = 0;
            for (std::int64_t i = 0; i < area; ++i) total += sums[k * area + i];
            mean[k] = total / count;
            for (std::int64_t i = 0; i < area; ++i) means[k * area + i] = static_cast<T>(mean[k]);
        }
        std::fill_n(sums, width, 0.0);
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T* x = task.in + at;
#pragma GCC ivdep
            for (std::int64_t i = 0; i < width; ++i) sums[i] += (x[i] - means[i]) * (x[i] - means[i]);
        });
        for (std::int64_t k = 0; k < channels; ++k) {
            double squares = 0;
            for (std::int64_t i = 0; i < area; ++i) squares += sums[k * area + i];
            moments_to(task, c + k, mean[k], squares);
            const Line<T> line = line_of(task, c + k);
            for (std::int64_t i = k * area; i < (k + 1) * area; ++i)
                scales[i] = line.scale, shifts[i] = line.shift;
        }
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T* x = task.in + at;
            T* out = task.out + at;
#pragma GCC ivdep
            for (std::int64_t i = 0; i < width; ++i) out[i] = (x[i] - means[i]) * scales[i] + shifts[i];
        });
    }
}

template <class T>
TRITORCH_INLINE void columns(const Backward<T>& task, std::int64_t first, std::int64_t last) {
    const Images& s = task.shape;
    const std::int64_t area = s.area, together = std::max<std::int64_t>(1, strip / area);
    double sums[strip], alongs[strip];
    T means[strip], rstds[strip], scales[strip], shifts[strip], slopes[strip];
    for (std::int64_t c = first; c < last; c += together) {
        const std::int64_t channels = std::min(together, last - c), width = channels * area;
        for (std::int64_t k = 0; k < channels; ++k)
            for (std::int64_t i = k * area; i < (k + 1) * area; ++i)
                means[i] = task.mean[c + k], rstds[i] = task.rstd[c + k];
        std::fill_n(sums, width, 0.0);
        std::fill_n(alongs, width, 0.0);
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T *g = task.grad + at, *x = task.in + at;
#pragma GCC ivdep
            for (std::int64_t i = 0; i < width; ++i) {
                sums[i] += g[i];
                alongs[i] += g[i] * ((x[i] - means[i]) * rstds[i]);
            }
        });
        for (std::int64_t k = 0; k < channels; ++k) {
            double plain = 0, along = 0;
            for (std::int64_t i = k * area; i < (k + 1) * area; ++i) plain += sums[i], along += alongs[i];
            const Line<T> line = close(task, c + k, plain, along);
            for (std::int64_t i = k * area; i < (k + 1) * area; ++i)
                scales[i] = line.scale, shifts[i] = line.shift, slopes[i] = line.slope;
        }
        if (!task.in_grad) continue;
        each_image(s, c * area, [&](std::int64_t at) TRITORCH_FORCED {
            const T *g = task.grad + at, *x = task.in + at;
            T* to = task.in_grad + at;
#pragma GCC ivdep
            for (std::int64_t i = 0; i < width; ++i)
                to[i] = g[i] * slopes[i] + ((x[i] - means[i]) * scales[i] + shifts[i]);
        });
    }
}

template <class Task>
TRITORCH_INLINE void channels_of(const Task& task, std::int64_t first, std::int64_t last) {
    if (task.shape.area < narrow) columns(task, first, last);
    else runs(task, first, last);
}

#define TRITORCH_CHANNELS(Task)                                                          \
    TRITORCH_CLONES void work(const Task& task, std::int64_t first, std::int64_t last) { \
        channels_of(task, first, last);                                                  \
    }
TRITORCH_CHANNELS(Forward<float>)
TRITORCH_CHANNELS(Forward<double>)
TRITORCH_CHANNELS(Backward<float>)
TRITORCH_CHANNELS(Backward<double>)

template <class Task>
void spread(const Task& task) {
    const Images& s = task.shape;
    const std::int64_t useful = s.images * s.channels * s.area / worth_a_thread;
    const std::int64_t shares = std::clamp<std::int64_t>(std::min<std::int64_t>(useful, s.threads), 1,
                                                         std::max<std::int64_t>(s.channels, 1));
    conv::parallel(shares, static_cast<int>(shares), [&](std::int64_t i) {
        work(task, s.channels * i / shares, s.channels * (i + 1) / shares);
    });
}

}  // namespace

template <class T>
void standardize_channels(const Images& images, double eps, const T* in, const T* weight, const T* bias,
                          T* out, T* mean, T* rstd) {
    spread(Forward<T>{images, eps, in, weight, bias, out, mean, rstd});
}

template <class T>
void standardize_channels_back(const Images& images, const T* grad, const T* in, const T* weight,
                               const T* mean, const T* rstd, T* in_grad, T* weight_grad, T* bias_grad) {
    spread(Backward<T>{images, grad, in, weight, mean, rstd, in_grad, weight_grad, bias_grad});
}

#define TRITORCH_IMAGES(T)                                                                                   \
    template void standardize_channels(const Images&, double, const T*, const T*, const T*, T*, T*, T*);     \
    template void standardize_channels_back(const Images&, const T*, const T*, const T*, const T*, const T*, \
                                            T*, T*, T*);
TRITORCH_IMAGES(float)
TRITORCH_IMAGES(double)

}  // namespace tritorch::reduce
