#include "convolve.h"

#include "depthwise.h"
#include "parallel.h"
#include "patches.h"
#include "tiles.h"

namespace tritorch::conv {

namespace {

constexpr std::int64_t longest = 160;  // depth of a panel: a tile's two panels fit the first-level cache
constexpr std::int64_t stretch = 480;  // positions that are packed together: they fit the second-level cache
constexpr std::int64_t strip = 1 << 20;  // bytes of lines in a gradient of weights: all rows'

std::int64_t pieces_of(std::int64_t total, std::int64_t size) { return (total + size - 1) / size; }

// Matrices (groups, rows, depth) in panels of a tile's rows, cut along the depth.
template <class T>
class Panels {
  public:
    Panels(const T* matrix, std::int64_t groups, std::int64_t rows, std::int64_t depth, int threads)
        : rows_(rows),
          depth_(depth),
          cuts_(pieces_of(depth, longest)),
          count_(pieces_of(rows, height_)),
          memory_(new T[groups * count_ * height_ * depth]) {
        parallel(groups * count_, threads, [&](std::int64_t panel) {
            const std::int64_t first = panel % count_ * height_, used = std::min(height_, rows - first);
            const T* from = matrix + (panel / count_ * rows + first) * depth;
            T* to = memory_.get() + panel * height_ * depth;
            for (std::int64_t r = 0; r < height_; ++r)
                for (std::int64_t k = 0; k < depth; ++k)
                    to[k * height_ + r] = r < used ? from[r * depth + k] : T(0);
        });
    }
    std::int64_t cuts() const { return cuts_; }
    std::int64_t begin(std::int64_t cut) const { return depth_ * cut / cuts_; }
    std::int64_t count() const { return count_; }
    std::int64_t height() const { return height_; }
    int used(std::int64_t panel) const {
        return static_cast<int>(std::min(height_, rows_ - panel * height_));
    }
    const T* at(std::int64_t group, std::int64_t panel, std::int64_t cut) const {
        return memory_.get() + ((group * count_ + panel) * depth_ + begin(cut)) * height_;
    }

  private:
    const std::int64_t height_ = tiles<T>().rows;
    std::int64_t rows_, depth_, cuts_, count_;
    std::unique_ptr<T[]> memory_;
};

// Runs of positions [begin, end), panel by panel of a tile's columns: places are those of the panel.
struct PanelRuns {
    std::vector<Run> runs;
    std::vector<std::size_t> first;  // run of each panel, and one past the last

    template <class T>
    void of(const Patches<T>& patches, std::int64_t begin, std::int64_t end, std::int64_t width) {
        runs.clear();
        first.assign(1, 0);
        for (; begin < end; begin += width) {
            patches.runs(begin, std::min(end, begin + width), 0, runs);
            first.push_back(runs.size());
        }
    }
};

// Calls work(share's first unit, its last) for even shares of the units, on several threads.
template <class Work>
void shares(std::int64_t units, int threads, Work work) {
    const std::int64_t count = std::clamp<std::int64_t>(threads, 1, std::max<std::int64_t>(units, 1));
    parallel(count, static_cast<int>(count),
             [&](std::int64_t i) { work(units * i / count, units * (i + 1) / count); });
}

template <class T>
void product(const Batch& batch, const Panels<T>& weights, const T* in, const T* bias, T* out, int threads) {
    const Geometry& g = batch.geometry;
    const Tiles<T>& tile = tiles<T>();
    const std::int64_t positions = g.columns(), width = tile.columns, group_size = stretch / width * width;
    const std::int64_t blocks = pieces_of(positions, group_size), pixels = g.size[0] * g.size[1] * g.size[2];
    const std::int64_t room = std::min(group_size, pieces_of(positions, width) * width);
    shares(batch.images * batch.groups * blocks, threads, [&](std::int64_t unit, std::int64_t last) {
        Patches<T> patches(g);
        PanelRuns runs;
        const std::unique_ptr<T[]> packed(new T[room * std::min(longest, g.rows()) + patches.slack]());
        for (std::int64_t loaded = -1; unit < last; ++unit) {
            const std::int64_t block = unit % blocks, item = unit / blocks, group = item % batch.groups;
            if (item != loaded) patches.load(in + item * g.channels * pixels, 0, g.channels);
            loaded = item;
            const std::int64_t begin = block * group_size, end = std::min(positions, begin + group_size);
            runs.of(patches, begin, end, width);
            T* to = out + item * batch.filters * positions;
            if (bias)
                for (std::int64_t m = 0; m < batch.filters; ++m)
                    std::fill(to + m * positions + begin, to + m * positions + end,
                              bias[group * batch.filters + m]);
            for (std::int64_t cut = 0; cut < weights.cuts(); ++cut) {
                const std::int64_t first = weights.begin(cut), depth = weights.begin(cut + 1) - first;
                for (std::size_t j = 0; j + 1 < runs.first.size(); ++j) {
                    T* panel = packed.get() + j * depth * width;
                    for (std::int64_t k = 0; k < depth; ++k)
                        patches.copy(first + k, &runs.runs[runs.first[j]],
                                     runs.runs.data() + runs.first[j + 1], panel + k * width);
                }
                for (std::size_t j = 0; j + 1 < runs.first.size(); ++j) {
                    const std::int64_t place = begin + j * width;
                    const int used = static_cast<int>(std::min(width, end - place));
                    for (std::int64_t i = 0; i < weights.count(); ++i)
                        tile.outer({weights.at(group, i, cut), packed.get() + j * depth * width, depth,
                                    to + i * weights.height() * positions + place, positions, weights.used(i),
                                    used, cut > 0 || bias});
                }
            }
        }
    });
}

// The weights turned: (groups, channels, filters, kernel backwards).
template <class T>
std::unique_ptr<T[]> turned(const Batch& batch, const T* weight, bool backwards) {
    const std::int64_t window = batch.geometry.rows() / batch.geometry.channels, c = batch.geometry.channels;
    std::unique_ptr<T[]> out(new T[batch.groups * batch.filters * c * window]);
    for (std::int64_t g = 0; g < batch.groups; ++g)
        for (std::int64_t m = 0; m < batch.filters; ++m)
            for (std::int64_t i = 0; i < c; ++i)
                for (std::int64_t w = 0; w < window; ++w, ++weight)
                    if (backwards) out[((g * c + i) * batch.filters + m) * window + window - 1 - w] = *weight;
                    else out[((g * c + i) * window + w) * batch.filters + m] = *weight;
    return out;
}

// The convolution that gives the input's gradient, if it is one: no strides, and no padding beyond the
// kernel.
bool as_convolution(const Batch& batch, Batch& back) {
    const Geometry& g = batch.geometry;
    back = batch;
    back.filters = g.channels;
    back.geometry.channels = batch.filters;
    for (int d = 0; d < 3; ++d) {
        back.geometry.size[d] = g.out[d];
        back.geometry.out[d] = g.size[d];
        back.geometry.padding[d] = g.dilation[d] * (g.kernel[d] - 1) - g.padding[d];
        if (g.stride[d] != 1 || back.geometry.padding[d] < 0) return false;
    }
    return true;
}

// Whether zeros times them are zeros.
template <class T>
bool all_finite(const T* values, std::int64_t count) {
    bool odd = false;
    for (std::int64_t i = 0; i < count; ++i) odd |= values[i] - values[i] != 0;
    return !odd;
}

// Columns of the gradient, stretch by stretch, added to the image.
template <class T>
void scattered(const Batch& batch, const Panels<T>& weights, const T* out, T* in, int threads) {
    const Geometry& g = batch.geometry;
    const Tiles<T>& tile = tiles<T>();
    const std::int64_t positions = g.columns(), width = tile.columns, group_size = stretch / width * width;
    const std::int64_t pixels = g.size[0] * g.size[1] * g.size[2], m = batch.filters;
    shares(batch.images * batch.groups, threads, [&](std::int64_t item, std::int64_t last) {
        Patches<T> patches(g);
        std::vector<Run> runs;
        const std::int64_t room = std::min(group_size, pieces_of(positions, width) * width);
        const std::unique_ptr<T[]> packed(new T[room * m]()), columns(new T[room * weights.height()]());
        for (; item < last; ++item) {
            patches.clear();
            const std::int64_t group = item % batch.groups;
            for (std::int64_t begin = 0; begin < positions; begin += group_size) {
                const std::int64_t end = std::min(positions, begin + group_size);
                for (std::int64_t place = begin; place < end; place += width)
                    for (std::int64_t k = 0; k < m; ++k)
                        std::memcpy(packed.get() + (place - begin) * m + k * width,
                                    out + (item * m + k) * positions + place,
                                    std::min(width, end - place) * sizeof(T));
                runs.clear();
                patches.runs(begin, end, 0, runs);
                for (std::int64_t i = 0; i < weights.count(); ++i) {
                    for (std::int64_t cut = 0; cut < weights.cuts(); ++cut) {
                        const std::int64_t first = weights.begin(cut), depth = weights.begin(cut + 1) - first;
                        for (std::int64_t place = begin; place < end; place += width)
                            tile.outer({weights.at(group, i, cut),
                                        packed.get() + (place - begin) * m + first * width, depth,
                                        columns.get() + place - begin, room, weights.used(i),
                                        static_cast<int>(std::min(width, end - place)), cut > 0});
                    }
                    for (int r = 0; r < weights.used(i); ++r)
                        patches.add(i * weights.height() + r, runs.data(), runs.data() + runs.size(),
                                    columns.get() + r * room);
                }
            }
            patches.save(in + item * g.channels * pixels);
        }
    });
}

// Rows [first, last) of the matrix of columns, of the groups [group, last_group): their gradient. Lines of
// several images lie one after another.
template <class T>
struct WeightShare {
    const Batch& batch;
    const T *out, *in;
    T* weight;
    std::int64_t group, last_group, first, last;

    void run() {
        const Geometry& g = batch.geometry;
        const Tiles<T>& tile = tiles<T>();
        const std::int64_t rows = last - first, m = batch.filters, positions = g.columns();
        const std::int64_t window = g.rows() / g.channels, pixels = g.size[0] * g.size[1] * g.size[2];
        const std::int64_t everything = batch.images * positions;
        const std::int64_t fitting = std::clamp<std::int64_t>(strip / (g.rows() * sizeof(T)), 256, 2048);
        const std::int64_t most = std::min(fitting, pieces_of(everything, tile.lanes) * tile.lanes);
        const std::int64_t length = most / tile.lanes * tile.lanes, line = length + 16;
        Patches<T> patches(g);
        std::vector<Run> runs;
        const std::unique_ptr<T[]> lines(new T[pieces_of(rows, tile.rights) * tile.rights * line]()),
            grads(new T[pieces_of(m, tile.lefts) * tile.lefts * line]());
        for (; group < last_group; ++group)
            for (std::int64_t begin = 0, loaded = -1; begin < everything; begin += length) {
                const std::int64_t end = std::min(everything, begin + length);
                for (std::int64_t at = begin; at < end;) {
                    const std::int64_t image = at / positions, place = at % positions, to = at - begin;
                    const std::int64_t count = std::min(positions - place, end - at);
                    const std::int64_t item = image * batch.groups + group;
                    if (image != loaded)
                        patches.load(in + item * g.channels * pixels, first / window,
                                     (last - 1) / window + 1);
                    loaded = image;
                    runs.clear();
                    patches.runs(place, place + count, to, runs);
                    for (std::int64_t k = first; k < last; ++k)
                        patches.copy(k, runs.data(), runs.data() + runs.size(),
                                     lines.get() + (k - first) * line);
                    for (std::int64_t i = 0; i < m; ++i)
                        std::memcpy(grads.get() + i * line + to, out + (item * m + i) * positions + place,
                                    count * sizeof(T));
                    at += count;
                }
                const std::int64_t depth = pieces_of(end - begin, tile.lanes) * tile.lanes;
                finish(lines.get(), rows, end - begin, depth, line);
                finish(grads.get(), m, end - begin, depth, line);
                for (std::int64_t k = 0; k < rows; k += tile.rights)
                    for (std::int64_t i = 0; i < m; i += tile.lefts)
                        tile.dots({grads.get() + i * line, lines.get() + k * line, line, depth,
                                   weight + (group * m + i) * g.rows() + first + k, g.rows(),
                                   static_cast<int>(std::min<std::int64_t>(tile.lefts, m - i)),
                                   static_cast<int>(std::min<std::int64_t>(tile.rights, rows - k))});
            }
    }
    // Zeros from what is filled to the next full vector.
    static void finish(T* lines, std::int64_t count, std::int64_t filled, std::int64_t depth,
                       std::int64_t line) {
        for (std::int64_t i = 0; i < count && filled < depth; ++i)
            std::fill(lines + i * line + filled, lines + i * line + depth, T(0));
    }
};

bool is_empty(const Batch& batch) {
    return !batch.images || !batch.groups || !batch.filters || !batch.geometry.rows() ||
           !batch.geometry.columns();
}

std::int64_t inputs(const Batch& batch) {
    const auto& g = batch.geometry;
    return batch.images * batch.groups * g.channels * g.size[0] * g.size[1] * g.size[2];
}

}  // namespace

template <class T>
void convolve(const Batch& batch, const T* in, const T* weight, const T* bias, T* out, int threads) {
    const Geometry& g = batch.geometry;
    if (is_empty(batch)) {  // sums of nothing
        const std::int64_t filters = batch.groups * batch.filters, positions = g.columns();
        for (std::int64_t i = 0; i < batch.images * filters; ++i)
            std::fill_n(out + i * positions, positions, bias ? bias[i % filters] : T(0));
    } else if (g.channels == 1 && batch.filters == 1 && batch.groups > 1) {
        depthwise(batch, in, weight, bias, out, threads);
    } else {
        const Panels<T> panels(weight, batch.groups, batch.filters, g.rows(), threads);
        product(batch, panels, in, bias, out, threads);
    }
}

template <class T>
void convolve_input(const Batch& batch, const T* out, const T* weight, T* in, int threads) {
    const Geometry& g = batch.geometry;
    Batch back;
    if (is_empty(batch)) {
        std::fill_n(in, inputs(batch), T(0));
    } else if (as_convolution(batch, back) && all_finite(weight, batch.groups * batch.filters * g.rows())) {
        convolve<T>(back, out, turned(batch, weight, true).get(), nullptr, in, threads);
    } else {
        const Panels<T> panels(turned(batch, weight, false).get(), batch.groups, g.rows(), batch.filters,
                               threads);
        scattered(batch, panels, out, in, threads);
    }
}

template <class T>
void convolve_weight(const Batch& batch, const T* out, const T* in, T* weight, int threads) {
    const std::int64_t rows = batch.geometry.rows();
    std::fill_n(weight, batch.groups * batch.filters * rows, T(0));
    if (is_empty(batch)) return;
    if (batch.groups >= threads) {
        shares(batch.groups, threads, [&](std::int64_t first, std::int64_t last) {
            WeightShare<T>{batch, out, in, weight, first, last, 0, rows}.run();
        });
        return;
    }
    const std::int64_t side = tiles<T>().rights;
    shares(pieces_of(rows, side), threads, [&](std::int64_t first, std::int64_t last) {
        WeightShare<T>{batch, out, in, weight, 0, batch.groups, first * side, std::min(rows, last * side)}
            .run();
    });
}

#define TRITORCH_CONVOLUTIONS(T)                                                 \
    template void convolve(const Batch&, const T*, const T*, const T*, T*, int); \
    template void convolve_input(const Batch&, const T*, const T*, T*, int);     \
    template void convolve_weight(const Batch&, const T*, const T*, T*, int);
TRITORCH_CONVOLUTIONS(float)
TRITORCH_CONVOLUTIONS(double)

}  // namespace tritorch::conv
