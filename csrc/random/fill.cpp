#include "fill.h"

#include "vector_math.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

namespace tritorch::random {

namespace {

constexpr std::size_t worth_a_thread = std::size_t(1) << 17;  // elements

// Calls piece(first block, number of blocks) for parts of the blocks that `count` elements take, each in a
// thread.
template <class Piece>
std::uint64_t in_pieces(std::size_t count, std::size_t elements_per_block, int threads, Piece piece) {
    const std::size_t blocks = (count + elements_per_block - 1) / elements_per_block;
    const std::size_t most = std::max<std::size_t>(count / worth_a_thread, 1);
    const std::size_t parts =
        std::clamp<std::size_t>(static_cast<std::size_t>(std::max(threads, 1)), 1, most);
    // Whole batches, so that no batch is made twice.
    const std::size_t each = (blocks / parts + batch_blocks) / batch_blocks * batch_blocks;
    std::vector<std::jthread> helpers;
    for (std::size_t first = each; first < blocks; first += each)
        helpers.emplace_back(piece, first, std::min(each, blocks - first));
    if (blocks) piece(0, std::min(each, blocks));
    return blocks;
}

// Calls convert(batch, values) for each batch of a piece and copies the values to `out`: `Each` elements a
// block.
template <int Each, class T, class Convert>
std::uint64_t fill(const Philox& generator, T* out, std::size_t count, int threads, Convert convert) {
    return in_pieces(count, Each, threads, [=, &generator](std::size_t first, std::size_t blocks) {
        Batch batch;
        alignas(64) T spare[batch_blocks * Each];
        for (std::size_t done = 0; done < blocks; done += batch_blocks) {
            fill_batch(generator, first + done, batch);
            const std::size_t at = (first + done) * Each;
            const std::size_t left = std::min<std::size_t>(batch_blocks * Each, count - at);
            if (left == batch_blocks * Each) {
                convert(batch, out + at);
            } else {
                convert(batch, spare);
                std::copy(spare, spare + left, out + at);
            }
        }
    });
}

// Writes value(word) for the words in the order of the stream, or value(draw) for pairs of them.
template <class T, class Value>
inline void each_word(const Batch& batch, T* out, Value value) {
    for (int i = 0; i < batch_blocks; ++i)
        for (int lane = 0; lane < 4; ++lane) out[4 * i + lane] = value(batch.words[lane][i]);
}
template <class T, class Value>
inline void each_draw(const Batch& batch, T* out, Value value) {
    for (int i = 0; i < batch_blocks; ++i)
        for (int k = 0; k < 2; ++k)
            out[2 * i + k] = value(std::uint64_t(batch.words[2 * k][i]) << 32 | batch.words[2 * k + 1][i]);
}

double unit(std::uint64_t draw) { return static_cast<double>(draw >> 11) * 0x1p-53; }

TRITORCH_CLONES void uniform_batch(const Batch& batch, float* out, float low, float width, float high,
                                   int drop, float step) {
    each_word(batch, out, [=](std::uint32_t word) {
        const float value = static_cast<float>(static_cast<std::int32_t>(word >> drop)) * step * width + low;
        return value < high ? value : low;  // the product may round up to the bound
    });
}

TRITORCH_CLONES void normal_batch(const Batch& batch, float* out, float mean, float deviation) {
    alignas(64) float sines[2][batch_blocks], cosines[2][batch_blocks];
    for (int pair = 0; pair < 2; ++pair) {
        const std::uint32_t *first = batch.words[2 * pair], *second = batch.words[2 * pair + 1];
        for (int i = 0; i < batch_blocks; ++i) {
            // Halves first: vector instructions convert signed integers only.
            const float high = static_cast<float>(static_cast<std::int32_t>(first[i] >> 16)) * 0x1p-16f;
            const float low = static_cast<float>(static_cast<std::int32_t>(first[i] & 0xffffu)) * 0x1p-32f;
            const float radius = std::sqrt(-2.0f * log_of(high + (low + 0x1p-33f))) * deviation;
            const auto [sine, cosine] = sincos_of_turn(second[i]);
            sines[pair][i] = radius * sine + mean;
            cosines[pair][i] = radius * cosine + mean;
        }
    }
    for (int i = 0; i < batch_blocks; ++i)
        for (int pair = 0; pair < 2; ++pair) {
            out[4 * i + 2 * pair] = sines[pair][i];
            out[4 * i + 2 * pair + 1] = cosines[pair][i];
        }
}

TRITORCH_CLONES void exponential_batch(const Batch& batch, float* out, float scale) {
    constexpr float smallest = std::numeric_limits<float>::epsilon() / 2;
    each_word(batch, out, [=](std::uint32_t word) {
        const float rest = 1.0f - static_cast<float>(static_cast<std::int32_t>(word >> 8)) * 0x1p-24f;
        return std::max(-log_of(rest), smallest) * scale;
    });
}

}  // namespace

std::uint64_t fill_uniform(const Philox& generator, float* out, std::size_t count, double low, double high,
                           int bits, int threads) {
    const auto from = static_cast<float>(low), to = static_cast<float>(high);
    const float width = to - from, step = std::ldexp(1.0f, -bits);
    const int drop = 32 - bits;
    return fill<4>(generator, out, count, threads, [=](const Batch& batch, float* values) {
        uniform_batch(batch, values, from, width, to, drop, step);
    });
}

std::uint64_t fill_uniform(const Philox& generator, double* out, std::size_t count, double low, double high,
                           int threads) {
    const double width = high - low;
    return fill<2>(generator, out, count, threads, [=](const Batch& batch, double* values) {
        each_draw(batch, values, [=](std::uint64_t draw) {
            const double value = unit(draw) * width + low;
            return value < high ? value : low;
        });
    });
}

std::uint64_t fill_normal(const Philox& generator, float* out, std::size_t count, double mean,
                          double deviation, int threads) {
    return fill<4>(generator, out, count, threads, [=](const Batch& batch, float* values) {
        normal_batch(batch, values, static_cast<float>(mean), static_cast<float>(deviation));
    });
}

std::uint64_t fill_normal(const Philox& generator, double* out, std::size_t count, double mean,
                          double deviation, int threads) {
    return fill<2>(generator, out, count, threads, [=](const Batch& batch, double* values) {
        double pair[2 * batch_blocks];
        each_draw(batch, pair, [](std::uint64_t draw) { return unit(draw) + 0x1p-54; });
        for (int i = 0; i < batch_blocks; ++i) {
            const double radius = std::sqrt(-2.0 * std::log(pair[2 * i])) * deviation;
            const double angle = 6.283185307179586476925 * pair[2 * i + 1];
            values[2 * i] = radius * std::sin(angle) + mean;
            values[2 * i + 1] = radius * std::cos(angle) + mean;
        }
    });
}

std::uint64_t fill_exponential(const Philox& generator, float* out, std::size_t count, double rate,
                               int threads) {
    const auto scale = static_cast<float>(1.0 / rate);
    return fill<4>(generator, out, count, threads,
                   [=](const Batch& batch, float* values) { exponential_batch(batch, values, scale); });
}

std::uint64_t fill_exponential(const Philox& generator, double* out, std::size_t count, double rate,
                               int threads) {
    constexpr double smallest = std::numeric_limits<double>::epsilon() / 2;
    return fill<2>(generator, out, count, threads, [=](const Batch& batch, double* values) {
        each_draw(batch, values,
                  [=](std::uint64_t draw) { return std::max(-std::log1p(-unit(draw)), smallest) / rate; });
    });
}

template <class T>
std::uint64_t fill_mask(const Philox& generator, T* out, std::size_t count, double p, int threads) {
    // uniform < p, on the integer of which the uniform is made
    const auto bound = static_cast<std::int32_t>(std::ceil(p * 0x1p24));
    return fill<4>(generator, out, count, threads, [=](const Batch& batch, T* values) {
        each_word(batch, values,
                  [=](std::uint32_t word) { return T(static_cast<std::int32_t>(word >> 8) < bound); });
    });
}
template std::uint64_t fill_mask(const Philox&, std::uint8_t*, std::size_t, double, int);
template std::uint64_t fill_mask(const Philox&, float*, std::size_t, double, int);
template std::uint64_t fill_mask(const Philox&, double*, std::size_t, double, int);

template <class T>
std::uint64_t fill_integers(const Philox& generator, T* out, std::size_t count, std::int64_t low,
                            std::uint64_t values, int threads) {
    const auto base = static_cast<std::uint64_t>(low);
    // Through int64: floating targets of negative bounds want the signed number.
    const auto value = [base](std::uint64_t index) {
        return static_cast<T>(static_cast<std::int64_t>(base + index));
    };
    if (values != 0 && values <= (std::uint64_t(1) << 20))
        return fill<4>(generator, out, count, threads, [=](const Batch& batch, T* to) {
            each_word(batch, to, [=](std::uint32_t word) { return value(word * values >> 32); });
        });
    __extension__ using Wide = unsigned __int128;
    return fill<2>(generator, out, count, threads, [=](const Batch& batch, T* to) {
        each_draw(batch, to, [=](std::uint64_t draw) {
            return value(values ? static_cast<std::uint64_t>(Wide(draw) * values >> 64) : draw);
        });
    });
}
#define INTEGERS(T) \
    template std::uint64_t fill_integers(const Philox&, T*, std::size_t, std::int64_t, std::uint64_t, int);
INTEGERS(std::int8_t)
INTEGERS(std::int16_t)
INTEGERS(std::int32_t)
INTEGERS(std::int64_t)
INTEGERS(std::uint8_t)
INTEGERS(std::uint16_t)
INTEGERS(std::uint32_t)
INTEGERS(std::uint64_t)
INTEGERS(float)
INTEGERS(double)
#undef INTEGERS

}  // namespace tritorch::random
