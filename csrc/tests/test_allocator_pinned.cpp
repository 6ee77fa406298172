// The cache of pinned host memory.
#include "../allocator/pinned.h"

#include "allocator.h"

#include <atomic>
#include <random>
#include <thread>

using namespace fake;

namespace {

// Host memory without a driver; its events are the fake device's.
class Host final : public PinnedSource {
  public:
    explicit Host(std::size_t capacity = 8 * GiB) : device(capacity) {}
    void* malloc(std::size_t bytes) override {
        CHECK_EQUAL(locks_held, 0);
        return reinterpret_cast<void*>(device.malloc(bytes));
    }
    void free(void* pointer) override {
        CHECK_EQUAL(locks_held, 0);
        device.free(reinterpret_cast<Address>(pointer));
    }
    Event record(Stream stream) override { return device.record(stream); }
    bool passed(Event event) override { return device.passed(event); }
    void drop(Event event) noexcept override { device.drop(event); }

    FakeDevice device;
};

}  // namespace

TEST(pinned_sizes_are_powers_of_two_and_kept) {
    Host host;
    PinnedCache cache(host);
    CHECK(!cache.allocate(0));
    PinnedBlock* a = cache.allocate(5000);
    CHECK_EQUAL(a->size, 8192u);
    CHECK_EQUAL(cache.allocate(1)->size, 1u);
    PinnedBlock* b = cache.allocate(8192);
    void* const last = b->pointer;
    cache.free(a);
    cache.free(b);
    CHECK_EQUAL(cache.allocate(4097)->pointer, last);  // the last one freed
    CHECK_EQUAL(host.device.live_segments(), 3u);
    const PinnedStatistics now = cache.statistics();
    CHECK_EQUAL(now.allocations.current, 3);
    CHECK_EQUAL(now.allocated_bytes.current, 2 * 8192 + 1);
    CHECK_EQUAL(now.active_requests.current, 2);
    CHECK_EQUAL(now.active_requests.allocated, 4);
    CHECK_EQUAL(now.active_bytes.peak, 2 * 8192 + 1);
    CHECK_EQUAL(now.alloc_time.count, 3);
    cache.empty_cache();
    CHECK_EQUAL(host.device.live_segments(), 2u);
    CHECK_EQUAL(cache.statistics().free_time.count, 1);
    cache.reset_accumulated_statistics();
    cache.reset_peak_statistics();
    CHECK_EQUAL(cache.statistics().active_requests.allocated, 0);
    CHECK_EQUAL(cache.statistics().active_bytes.peak, 8193);
}

TEST(a_pinned_block_waits_for_its_streams) {
    Host host;
    PinnedCache cache(host);
    PinnedBlock* a = cache.allocate(1000);
    void* const pointer = a->pointer;
    cache.record_stream(a, s1);
    cache.record_stream(a, s1);
    cache.record_stream(a, s2);
    host.device.launch(s1);
    host.device.launch(s2);
    cache.free(a);
    CHECK_EQUAL(host.device.live_events(), 2u);
    host.device.finish(s1);
    CHECK(cache.allocate(1000)->pointer != pointer);
    CHECK_EQUAL(cache.statistics().active_requests.current, 2);
    host.device.finish(s2);
    CHECK_EQUAL(cache.allocate(1000)->pointer, pointer);
    CHECK_EQUAL(host.device.live_events(), 0u);
}

TEST(pinned_blocks_are_known_by_any_address_in_them) {
    Host host;
    PinnedCache cache(host);
    PinnedBlock* a = cache.allocate(4096);
    char* const start = static_cast<char*>(a->pointer);
    CHECK(cache.find(start) == a && cache.find(start + 4095) == a);
    CHECK(!cache.find(start + 4096) && !cache.find(start - 1) && !cache.find(nullptr));
}

TEST(large_pinned_blocks_are_neither_rounded_nor_kept_where_settings_say_so) {
    Host host;
    PinnedCache cache(host, Settings::parse("pinned_max_round_threshold_mb:1,pinned_max_cached_size_mb:4"));
    PinnedBlock* a = cache.allocate(3 * MiB);
    CHECK_EQUAL(a->size, 3 * MiB);
    cache.free(a);
    PinnedBlock* b = cache.allocate(3 * MiB + 1);  // the list of 2 to 4 MiB holds one that is too small
    CHECK(b != a);
    PinnedBlock* c = cache.allocate(5 * MiB);
    cache.free(c);
    CHECK_EQUAL(host.device.live_segments(), 2u);
    CHECK_EQUAL(cache.allocate(2 * MiB + 1)->size, 3 * MiB);
}

TEST(cached_pinned_memory_goes_back_before_a_request_fails) {
    Host host(10 * MiB);
    PinnedCache cache(host);
    cache.free(cache.allocate(8 * MiB));
    PinnedBlock* a = cache.allocate(4 * MiB);
    CHECK_EQUAL(host.device.used(), 4 * MiB);
    CHECK(!cache.allocate(16 * MiB));
    CHECK_EQUAL(cache.statistics().active_requests.current, 1);
    cache.free(a);
}

TEST(a_pinned_block_whose_event_failed_is_never_used_again) {
    Host host;
    PinnedCache cache(host);
    PinnedBlock* a = cache.allocate(1000);
    void* const pointer = a->pointer;
    cache.record_stream(a, s1);
    host.device.fail("record", 1);
    cache.free(a);
    cache.empty_cache();
    CHECK(cache.allocate(1000)->pointer != pointer);
    CHECK_EQUAL(host.device.live_segments(), 2u);
}

TEST(threads_share_pinned_memory) {
    Host host;
    PinnedCache cache(host);
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) {
        threads.emplace_back([&, seed] {
            std::mt19937 random(seed);
            std::vector<PinnedBlock*> live;
            for (int step = 0; step < 3000; ++step) {
                if (live.size() < 20 && random() % 2) {
                    live.push_back(cache.allocate(1 + random() % 100000));
                    if (random() % 2) cache.record_stream(live.back(), s1);
                } else if (!live.empty()) {
                    cache.free(live.back());
                    live.pop_back();
                }
                if (step % 700 == 0) cache.empty_cache();
            }
            for (PinnedBlock* block : live) cache.free(block);
        });
    }
    for (std::thread& thread : threads) thread.join();
    cache.empty_cache();
    CHECK_EQUAL(host.device.live_segments(), 0u);
    CHECK_EQUAL(host.device.live_events(), 0u);
    CHECK_EQUAL(cache.statistics().allocated_bytes.current, 0);
}
