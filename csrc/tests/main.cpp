#include "fake.h"

#include <chrono>
#include <cstdio>
#include <cstring>

// Each test's graphs are to be gone some moments after it: workers may still hold the last task for an
// instant.
static void wait_until_clean() {
    for (int i = 0; i < 2000 && (fake::live_nodes || fake::live_numbers); ++i) {
        { fake::Inside scope; }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    fake::expect_clean();
}

int main(int count, char** names) {
    fake::world();
    int failures = 0, ran = 0;
    for (const auto& [name, body] : check::tests()) {
        bool chosen = count == 1;
        for (int i = 1; i < count; ++i) chosen = chosen || name == names[i];
        if (!chosen) continue;
        const auto start = std::chrono::steady_clock::now();
        std::string error;
        try {
            body();
            wait_until_clean();
        } catch (const std::exception& failure) { error = failure.what(); }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        std::printf("%-44s %s %.3f s %s\n", name.c_str(), error.empty() ? "ok  " : "FAIL", took.count(),
                    error.c_str());
        failures += !error.empty();
        ++ran;
    }
    std::printf("%d tests, %d failed\n", ran, failures);
    return failures || !ran;
}
