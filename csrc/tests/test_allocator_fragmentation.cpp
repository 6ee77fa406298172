// Ten traces of what programs ask for, in the order in which they ask. On a card of any size cached segments
// pile up, as torch's rules have it (a net whose layers differ much in size reserves up to twice its peak);
// what counts is that they make room where the card is full: every program runs on a card a quarter larger
// than its peak.
#include "allocator.h"

#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <random>

using namespace fake;

namespace {

// A program under way: named tensors, and the most that was alive at once.
class Program {
  public:
    explicit Program(std::size_t capacity) : card("", capacity) {}

    int make(std::size_t bytes, Stream stream = s0) {
        live[++last] = card.memory.allocate(bytes, stream);
        return last;
    }
    void drop(int name) {
        card.memory.free(live.at(name));
        live.erase(name);
    }
    void scratch(std::size_t bytes) { drop(make(bytes)); }
    std::size_t peak() { return std::size_t(card.memory.statistics().requested_bytes.of[all_pools].peak); }
    std::size_t reserved() { return std::size_t(card.memory.statistics().reserved_bytes.of[all_pools].peak); }

    Card card;
    std::map<int, Block*> live;
    int last = 0;
    std::mt19937_64 random{7};
};

// One step: activations are kept layer by layer, then freed in reverse as the gradients are made.
void step(Program& program, const std::vector<std::size_t>& activations,
          const std::vector<std::size_t>& weights) {
    std::vector<int> kept;
    for (const std::size_t bytes : activations) {
        program.scratch(bytes / 2);
        kept.push_back(program.make(bytes));
        kept.push_back(program.make(bytes / 4));
    }
    std::vector<int> gradients;
    int flowing = program.make(activations.back());
    for (std::size_t i = activations.size(); i--;) {
        const int next = program.make(activations[i]);
        program.drop(flowing);
        flowing = next;
        gradients.push_back(program.make(weights[i % weights.size()]));
        program.scratch(activations[i] / 2);
        program.drop(kept[2 * i + 1]);
        program.drop(kept[2 * i]);
    }
    program.drop(flowing);
    for (const int gradient : gradients) program.drop(gradient);
}

// Weights and two moments, as Adam keeps them.
void build(Program& program, const std::vector<std::size_t>& weights) {
    for (int copy = 0; copy < 3; ++copy)
        for (const std::size_t bytes : weights) program.make(bytes);
}

std::vector<std::size_t> scaled(std::vector<std::size_t> sizes, double by) {
    for (std::size_t& size : sizes) size = std::size_t(double(size) * by);
    return sizes;
}

const std::vector<std::size_t> mlp(12, 24 * MiB), mlp_weights(12, 16 * MiB);
const std::vector<std::size_t> conv{392 * MiB, 196 * MiB, 196 * MiB, 98 * MiB, 98 * MiB,
                                    49 * MiB,  49 * MiB,  25 * MiB,  25 * MiB};
const std::vector<std::size_t> conv_weights{37 * KiB, 147 * KiB, 590 * KiB, 2 * MiB, 9 * MiB};
const std::vector<std::size_t> layers(24, 96 * MiB), layer_weights{12 * MiB, 4 * MiB, 16 * MiB, 16 * MiB};

const std::vector<std::pair<const char*, std::function<void(Program&)>>> programs{
    {"a perceptron with Adam",
     [](Program& program) {
         build(program, mlp_weights);
         for (int i = 0; i < 20; ++i) step(program, mlp, mlp_weights);
     }},
    {"a convolutional net",
     [](Program& program) {
         build(program, conv_weights);
         for (int i = 0; i < 20; ++i) step(program, conv, conv_weights);
     }},
    {"a transformer of 24 layers",
     [](Program& program) {
         build(program, std::vector<std::size_t>(96, 12 * MiB));
         for (int i = 0; i < 10; ++i) step(program, layers, layer_weights);
     }},
    {"a net evaluated between its epochs",
     [](Program& program) {
         build(program, conv_weights);
         for (int epoch = 0; epoch < 4; ++epoch) {
             for (int i = 0; i < 5; ++i) step(program, conv, conv_weights);
             for (int i = 0; i < 5; ++i)
                 for (const std::size_t bytes : conv) program.scratch(bytes * 2);
         }
     }},
    {"the last batch is smaller",
     [](Program& program) {
         build(program, mlp_weights);
         for (int epoch = 0; epoch < 5; ++epoch) {
             for (int i = 0; i < 6; ++i) step(program, layers, mlp_weights);
             step(program, scaled(layers, 0.37), mlp_weights);
         }
     }},
    {"two nets in turn",
     [](Program& program) {
         build(program, mlp_weights);
         build(program, conv_weights);
         for (int i = 0; i < 12; ++i) {
             step(program, conv, conv_weights);
             step(program, scaled(conv, 0.5), conv_weights);
         }
     }},
    {"gradients accumulated over four batches",
     [](Program& program) {
         build(program, mlp_weights);
         for (int i = 0; i < 6; ++i) {
             std::vector<int> sums;
             for (const std::size_t bytes : mlp_weights) sums.push_back(program.make(bytes));
             for (int batch = 0; batch < 4; ++batch) step(program, layers, mlp_weights);
             for (const int sum : sums) program.drop(sum);
         }
     }},
    {"batches prefetched on a second stream",
     [](Program& program) {
         build(program, mlp_weights);
         int next = program.make(40 * MiB, s1);
         for (int i = 0; i < 15; ++i) {
             const int batch = std::exchange(next, program.make(40 * MiB, s1));
             program.card.memory.record_stream(program.live.at(batch), s0);
             program.card.device.launch(s0);
             step(program, layers, mlp_weights);
             program.drop(batch);
             program.card.device.finish(s0);
         }
     }},
    {"answers generated with a growing cache",
     [](Program& program) {
         for (int i = 0; i < 64; ++i) program.make(50 * MiB);
         for (int request = 0; request < 4; ++request) {
             std::vector<int> caches;
             for (int layer = 0; layer < 32; ++layer) caches.push_back(program.make(8 * MiB));
             for (int token = 0; token < 64; ++token) {
                 for (int& cache : caches) {
                     program.scratch(16 * KiB);
                     program.scratch(300 * KiB);
                     if (token % 32) continue;
                     const int longer = program.make(std::size_t(8 + token / 8) * MiB);
                     program.drop(cache);
                     cache = longer;
                 }
             }
             for (const int cache : caches) program.drop(cache);
         }
     }},
    {"many small tensors of random sizes",
     [](Program& program) {
         std::vector<int> live;
         for (int i = 0; i < 100000; ++i) {
             if (live.size() < 6000) {
                 live.push_back(program.make(std::size_t(std::exp2(double(program.random() % 1200) / 60))));
                 continue;
             }
             std::swap(live[program.random() % live.size()], live.back());
             program.drop(live.back());
             live.pop_back();
         }
     }},
};

}  // namespace

TEST(what_is_reserved_need_not_be_more_than_a_quarter_above_the_peak) {
    CHECK_EQUAL(programs.size(), 10u);
    for (const auto& [name, body] : programs) {
        Program free(80 * GiB);
        body(free);
        Program tight(free.peak() / 4 * 5);
        std::string trouble;
        try {
            body(tight);
        } catch (const OutOfMemory& refused) { trouble = refused.what(); }
        std::printf("  %-40s reserved / peak: %.3f, on the small card %.3f, %lld retries\n", name,
                    double(free.reserved()) / double(free.peak()),
                    double(tight.reserved()) / double(free.peak()),
                    static_cast<long long>(tight.card.memory.statistics().num_alloc_retries));
        CHECK_EQUAL(trouble, "");
        CHECK(tight.reserved() <= free.peak() / 4 * 5);
    }
}
