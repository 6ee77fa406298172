// Independent pieces of work on a few threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

namespace tritorch::conv {

// Runs task(i) for 0 <= i < count, in contiguous shares, on at most `threads` threads.
template <class Task>
void parallel(std::int64_t count, int threads, Task task) {
    const std::int64_t workers = std::min<std::int64_t>(std::max(threads, 1), count);
    auto share = [&](std::int64_t worker) {
        for (std::int64_t i = count * worker / workers; i < count * (worker + 1) / workers; ++i) task(i);
    };
    std::vector<std::thread> others;
    for (std::int64_t worker = 1; worker < workers; ++worker) others.emplace_back(share, worker);
    if (workers > 0) share(0);
    for (std::thread& other : others) other.join();
}

}  // namespace tritorch::conv
