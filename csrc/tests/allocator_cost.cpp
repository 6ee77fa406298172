// Nanoseconds that a cached allocation and its free cost together, the best of several runs.
#include "../allocator/allocator.h"
#include "../allocator/fake_device.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

using namespace tritorch::allocator;

namespace {

template <class Body>
double nanoseconds(int pairs, Body body) {
    double best = 1e9;
    for (int run = 0; run < 15; ++run) {
        const auto start = std::chrono::steady_clock::now();
        body();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / pairs);
    }
    return best;
}

}  // namespace

int main() {
    FakeDevice device(std::size_t(8) << 30);
    Allocator allocator(device);
    const Stream stream = FakeDevice::stream(1);
    const int rounds = 100000;
    for (const std::size_t bytes : {std::size_t(512), std::size_t(100000), 4 * MiB, 64 * MiB}) {
        const double cost = nanoseconds(rounds, [&] {
            for (int i = 0; i < rounds; ++i) allocator.free(allocator.allocate(bytes, stream));
        });
        std::printf("%9zu bytes, alone                     %6.1f ns\n", bytes, cost);
    }
    // Amid a thousand blocks of many sizes, half of them free.
    std::vector<Block*> kept;
    for (std::size_t i = 0; i < 1000; ++i) kept.push_back(allocator.allocate(512 * (1 + i * 7 % 64), stream));
    for (std::size_t i = 0; i < kept.size(); i += 2) allocator.free(kept[i]);
    const double cost = nanoseconds(rounds, [&] {
        for (int i = 0; i < rounds; ++i)
            allocator.free(allocator.allocate(512 * std::size_t(1 + i * 13 % 64), stream));
    });
    std::printf("to 32 KiB, amid a thousand blocks          %6.1f ns\n", cost);
    std::vector<Block*> live(100);
    const double waves = nanoseconds(rounds, [&] {
        for (int i = 0; i < rounds / 100; ++i) {
            for (std::size_t j = 0; j < live.size(); ++j)
                live[j] = allocator.allocate(512 * (1 + j % 9), stream);
            for (Block* block : live) allocator.free(block);
        }
    });
    std::printf("a hundred allocated, then freed            %6.1f ns\n", waves);
}
