#include "philox.h"

namespace tritorch::random {

// Round after round over all blocks: plain loops over rows, which compilers turn into vector instructions.
TRITORCH_CLONES void fill_batch(const Philox& generator, std::uint64_t first, Batch& batch) {
    std::uint32_t *w0 = batch.words[0], *w1 = batch.words[1], *w2 = batch.words[2], *w3 = batch.words[3];
    for (int i = 0; i < batch_blocks; ++i) {
        const std::uint64_t at = generator.offset + first + static_cast<std::uint64_t>(i);
        w0[i] = static_cast<std::uint32_t>(at);
        w1[i] = static_cast<std::uint32_t>(at >> 32);
        w2[i] = static_cast<std::uint32_t>(generator.subsequence);
        w3[i] = static_cast<std::uint32_t>(generator.subsequence >> 32);
    }
    auto key0 = static_cast<std::uint32_t>(generator.seed),
         key1 = static_cast<std::uint32_t>(generator.seed >> 32);
    for (int round = 0; round < Philox::rounds; ++round, key0 += Philox::weyl[0], key1 += Philox::weyl[1]) {
        for (int i = 0; i < batch_blocks; ++i) {
            const std::uint64_t p = std::uint64_t(Philox::multiplier[0]) * w0[i];
            const std::uint64_t q = std::uint64_t(Philox::multiplier[1]) * w2[i];
            w0[i] = static_cast<std::uint32_t>(q >> 32) ^ w1[i] ^ key0;
            w1[i] = static_cast<std::uint32_t>(q);
            w2[i] = static_cast<std::uint32_t>(p >> 32) ^ w3[i] ^ key1;
            w3[i] = static_cast<std::uint32_t>(p);
        }
    }
}

}  // namespace tritorch::random
