// Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
// easy as 1, 2, 3" (2011), with the key and counter of torch's CUDA generator.
//
// Note [Philox stream]
// A generator is a seed and an offset. The seed is the key, the 128-bit counter is (offset, subsequence),
// each 64 bits with the low word first; one counter gives a block of four 32-bit words w0..w3. A fill of n
// elements at offset o uses subsequence 0 and the blocks o, o + 1, ..., and says how many; the generator then
// moves on by that number, so no block is ever used twice. Element i takes
//
// - 32-bit draws (float32, masks, integers of few values): word i % 4 of block o + i / 4;
// - 64-bit draws (float64, wide integers, permutations): words 2k and 2k + 1 of block o + i / 2, k = i % 2;
//   the even word is the high half;
// - normal float32: words 2k and 2k + 1 of block o + i / 4, k = i % 4 / 2, make two values by Box-Muller;
//   even elements take the sine, odd ones the cosine, as curand_normal4 does;
// - normal float64: words 0, 1 (radius) and 2, 3 (angle) of block o + i / 2; sine, then cosine
//
// and in these units
//
// - uniform: (word >> 8) * 2^-24, or (draw >> 11) * 2^-53: in [0, 1), exact. Narrower floats take the top
//   bits that they can hold;
// - Box-Muller: radius sqrt(-2 log((word + 1/2) 2^-32)), angle 2 pi (word + 1/2) 2^-32; with 53 bits for
//   float64;
// - exponential: -log(1 - uniform) / rate;
// - mask: uniform < p;
// - integers: low + the high half of draw * count; 32-bit draws up to 2^20 values, else 64-bit;
// - permutation: the order that sorts the 64-bit draws.
//
// A fill is thus independent of the number of threads, and a Triton kernel makes the same numbers from
// tl.philox(seed, lo, hi, 0, 0).
#pragma once

#include <array>
#include <cstdint>

// The hot loops are compiled twice, and the processor's best is chosen when the library is loaded.
// Contraction to fused multiply-add is off for these files: both give the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TRITORCH_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define TRITORCH_CLONES
#endif

namespace tritorch::random {

using Block = std::array<std::uint32_t, 4>;

struct Philox {
    std::uint64_t seed;
    std::uint64_t offset;
    std::uint64_t subsequence = 0;

    static constexpr std::uint32_t multiplier[2] = {0xD2511F53, 0xCD9E8D57};
    static constexpr std::uint32_t weyl[2] = {0x9E3779B9, 0xBB67AE85};  // golden ratio, sqrt(3) - 1
    static constexpr int rounds = 10;

    // The block at offset + index.
    constexpr Block block(std::uint64_t index = 0) const {
        const std::uint64_t at = offset + index;
        auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
        Block c = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at >> 32),
                   static_cast<std::uint32_t>(subsequence), static_cast<std::uint32_t>(subsequence >> 32)};
        for (int round = 0; round < rounds; ++round, key0 += weyl[0], key1 += weyl[1]) {
            const std::uint64_t p = std::uint64_t(multiplier[0]) * c[0],
                                q = std::uint64_t(multiplier[1]) * c[2];
            c = {static_cast<std::uint32_t>(q >> 32) ^ c[1] ^ key0, static_cast<std::uint32_t>(q),
                 static_cast<std::uint32_t>(p >> 32) ^ c[3] ^ key1, static_cast<std::uint32_t>(p)};
        }
        return c;
    }
};

// Many blocks at once, each word in a row of its own.
constexpr int batch_blocks = 128;
struct Batch {
    alignas(64) std::uint32_t words[4][batch_blocks];
};
// The blocks at offset + first and on.
void fill_batch(const Philox& generator, std::uint64_t first, Batch& batch);

}  // namespace tritorch::random
