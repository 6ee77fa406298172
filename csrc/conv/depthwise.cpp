#include "depthwise.h"

#include "../special/clones.h"
#include "parallel.h"
#include "patches.h"

namespace tritorch::conv {

namespace {

template <class T>
struct Plane {
    const T* in;      // padded
    const T* weight;  // of each place of the window
    const std::int64_t* window;
    std::int64_t places, line, layer;  // of the window; from line to line, from layer to layer of `in`
    std::int64_t out[3], stride[3];
    T bias;
};

template <class T>
inline __attribute__((always_inline)) void convolve_plane(const Plane<T>& p, T* __restrict to) {
    for (std::int64_t d = 0; d < p.out[0]; ++d)
        for (std::int64_t h = 0; h < p.out[1]; ++h, to += p.out[2]) {
            const T* in = p.in + d * p.stride[0] * p.layer + h * p.stride[1] * p.line;
            for (std::int64_t i = 0; i < p.out[2]; ++i) to[i] = p.bias;
            for (std::int64_t w = 0; w < p.places; ++w) {
                const T* from = in + p.window[w];
                const T factor = p.weight[w];
                if (p.stride[2] == 1)
                    for (std::int64_t i = 0; i < p.out[2]; ++i) to[i] += factor * from[i];
                else
                    for (std::int64_t i = 0; i < p.out[2]; ++i) to[i] += factor * from[i * p.stride[2]];
            }
        }
}

TRITORCH_CLONES void run(const Plane<float>& plane, float* to) { convolve_plane(plane, to); }
TRITORCH_CLONES void run(const Plane<double>& plane, double* to) { convolve_plane(plane, to); }

}  // namespace

template <class T>
void depthwise(const Batch& batch, const T* in, const T* weight, const T* bias, T* out, int threads) {
    const Geometry& g = batch.geometry;
    const std::int64_t planes = batch.images * batch.groups, pixels = g.size[0] * g.size[1] * g.size[2];
    const std::int64_t workers = std::clamp<std::int64_t>(threads, 1, planes);
    parallel(workers, static_cast<int>(workers), [&](std::int64_t worker) {
        Patches<T> patches(g);
        for (std::int64_t i = planes * worker / workers; i < planes * (worker + 1) / workers; ++i) {
            patches.load(in + i * pixels, 0, 1);
            const std::int64_t group = i % batch.groups, places = g.rows();
            run({patches.plane(0),
                 weight + group * places,
                 patches.window().data(),
                 places,
                 patches.line(),
                 patches.layer(),
                 {g.out[0], g.out[1], g.out[2]},
                 {g.stride[0], g.stride[1], g.stride[2]},
                 bias ? bias[group] : T(0)},
                out + i * g.columns());
        }
    });
}

template void depthwise(const Batch&, const float*, const float*, const float*, float*, int);
template void depthwise(const Batch&, const double*, const double*, const double*, double*, int);

}  // namespace tritorch::conv
