#include "columns.h"

#include "parallel.h"

#include <algorithm>

namespace tritorch::conv {

namespace {

// The output positions [first, last) whose input position lies inside, along one dim and for one kernel
// offset.
struct Range {
    std::int64_t first, last, start;  // `start` is the input position of output position 0
};

Range inside(const Geometry& g, int dim, std::int64_t offset) {
    const std::int64_t start = offset * g.dilation[dim] - g.padding[dim], stride = g.stride[dim];
    const std::int64_t first = start >= 0 ? 0 : (-start + stride - 1) / stride;
    const std::int64_t beyond = g.size[dim] - start;  // positions o with o * stride < beyond are inside
    const std::int64_t last = beyond <= 0 ? 0 : (beyond + stride - 1) / stride;
    return {std::min(first, g.out[dim]), std::clamp(last, std::min(first, g.out[dim]), g.out[dim]), start};
}

// Calls visit(row of the kernel offset in the matrix, depth range, height range, width range) for one
// channel.
template <class Visit>
void over_offsets(const Geometry& g, std::int64_t channel, Visit visit) {
    std::int64_t row = channel * g.kernel[0] * g.kernel[1] * g.kernel[2];
    for (std::int64_t kd = 0; kd < g.kernel[0]; ++kd)
        for (std::int64_t kh = 0; kh < g.kernel[1]; ++kh)
            for (std::int64_t kw = 0; kw < g.kernel[2]; ++kw, ++row)
                visit(row, inside(g, 0, kd), inside(g, 1, kh), inside(g, 2, kw));
}

template <class T>
T* line_of(const Geometry& g, T* image, std::int64_t channel, std::int64_t depth, std::int64_t height) {
    return image + ((channel * g.size[0] + depth) * g.size[1] + height) * g.size[2];
}

}  // namespace

template <class T>
void image_to_columns(const Geometry& g, const T* image, T* columns, int threads) {
    parallel(g.channels, threads, [&](std::int64_t channel) {
        over_offsets(g, channel, [&](std::int64_t row, Range d, Range h, Range w) {
            T* out = columns + row * g.columns();
            for (std::int64_t od = 0; od < g.out[0]; ++od) {
                if (od < d.first || od >= d.last) {
                    out = std::fill_n(out, g.out[1] * g.out[2], T(0));
                    continue;
                }
                for (std::int64_t oh = 0; oh < g.out[1]; ++oh) {
                    if (oh < h.first || oh >= h.last) {
                        out = std::fill_n(out, g.out[2], T(0));
                        continue;
                    }
                    const T* line =
                        line_of(g, image, channel, d.start + od * g.stride[0], h.start + oh * g.stride[1]);
                    out = std::fill_n(out, w.first, T(0));
                    const T* from = line + w.start + w.first * g.stride[2];
                    const std::int64_t count = w.last - w.first;
                    if (g.stride[2] == 1) out = std::copy_n(from, count, out);
                    else
                        for (std::int64_t i = 0; i < count; ++i) *out++ = from[i * g.stride[2]];
                    out = std::fill_n(out, g.out[2] - w.last, T(0));
                }
            }
        });
    });
}

template <class T>
void columns_to_image(const Geometry& g, const T* columns, T* image, int threads) {
    const std::int64_t pixels = g.size[0] * g.size[1] * g.size[2];
    parallel(g.channels, threads, [&](std::int64_t channel) {
        std::fill_n(image + channel * pixels, pixels, T(0));
        over_offsets(g, channel, [&](std::int64_t row, Range d, Range h, Range w) {
            const T* in = columns + row * g.columns();
            for (std::int64_t od = d.first; od < d.last; ++od)
                for (std::int64_t oh = h.first; oh < h.last; ++oh) {
                    T* line =
                        line_of(g, image, channel, d.start + od * g.stride[0], h.start + oh * g.stride[1]);
                    const T* from = in + (od * g.out[1] + oh) * g.out[2];
                    for (std::int64_t ow = w.first; ow < w.last; ++ow)
                        line[w.start + ow * g.stride[2]] += from[ow];
                }
        });
    });
}

template void image_to_columns(const Geometry&, const float*, float*, int);
template void image_to_columns(const Geometry&, const double*, double*, int);
template void columns_to_image(const Geometry&, const float*, float*, int);
template void columns_to_image(const Geometry&, const double*, double*, int);

}  // namespace tritorch::conv
