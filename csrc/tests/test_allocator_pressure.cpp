// When memory runs short: the order of the fallbacks, limits, garbage collection, out of memory, a failing
// device.
#include "allocator.h"

using namespace fake;
using check::thrown;

TEST(cached_segments_are_given_back_before_an_allocation_fails) {
    Card card("", 100 * MiB);
    Block* a = card.memory.allocate(60 * MiB, s0);
    card.memory.free(a);
    Block* b = card.memory.allocate(80 * MiB, s1);
    Statistics now = card.memory.statistics();
    CHECK_EQUAL(now.num_alloc_retries, 1);
    CHECK_EQUAL(now.num_sync_all_streams, 1);
    CHECK_EQUAL(now.num_device_free, 1);
    CHECK_EQUAL(now.num_ooms, 0);
    card.memory.free(b);
    card.expect_clean();
}

TEST(only_as_many_oversize_blocks_are_given_back_as_needed) {
    Card card("max_split_size_mb:20", 200 * MiB);
    std::vector<Block*> blocks;
    for (const std::size_t size : {30u, 40u, 50u, 60u})
        blocks.push_back(card.memory.allocate(size * MiB, s0));
    for (Block* block : blocks) card.memory.free(block);
    Block* a = card.memory.allocate(90 * MiB, s0);  // the largest first: 60 and 50
    CHECK_EQUAL(picture(card.memory.snapshot()), "30720: 61440f | 40960: 81920f | 92160: 184320a");
    Statistics now = card.memory.statistics();
    CHECK_EQUAL(now.num_alloc_retries, 0);
    CHECK_EQUAL(now.num_sync_all_streams, 0);
    CHECK_EQUAL(now.num_device_free, 2);
    Block* b = card.memory.allocate(70 * MiB, s1);  // of another stream: nothing oversize there to give back
    CHECK_EQUAL(card.memory.statistics().num_alloc_retries, 1);
    card.memory.free(a);
    card.memory.free(b);
    card.expect_clean();
}

TEST(one_oversize_block_that_is_large_enough_goes_alone) {
    Card card("max_split_size_mb:20", 200 * MiB);
    std::vector<Block*> blocks;
    for (const std::size_t size : {30u, 70u, 90u}) blocks.push_back(card.memory.allocate(size * MiB, s0));
    for (Block* block : blocks) card.memory.free(block);
    Block* a = card.memory.allocate(45 * MiB, s0);  // 70 would waste 25 MiB: it goes back to the device
    CHECK_EQUAL(picture(card.memory.snapshot()), "30720: 61440f | 92160: 184320f | 47104: 94208a");
    card.memory.free(a);
    card.expect_clean();
}

TEST(the_pool_is_searched_again_after_events_were_waited_for) {
    Card card("", 20 * MiB);
    Block* a = card.memory.allocate(8 * MiB, s0);
    Block* b = card.memory.allocate(9 * MiB, s0);
    const Address address = a->address;
    card.memory.record_stream(a, s1);
    card.device.launch(s1);
    card.memory.free(a);
    // The device is full and the segment of the block is in use: only the block itself can serve.
    Block* c = card.memory.allocate(8 * MiB, s0);
    CHECK_EQUAL(c->address, address);
    CHECK_EQUAL(card.memory.statistics().num_ooms, 0);
    CHECK_EQUAL(card.memory.statistics().num_alloc_retries, 0);
    CHECK_EQUAL(card.memory.statistics().num_sync_all_streams, 1);
    card.memory.free(b);
    card.memory.free(c);
    card.expect_clean();
}

TEST(out_of_memory_says_so_in_figures_and_changes_nothing) {
    Card card("", 100 * MiB);
    Block* a = card.memory.allocate(25 * MiB, s0);
    Block* b = card.memory.allocate(3 * MiB, s0);
    Block* c = card.memory.allocate(512, s0);
    const std::string before = picture(card.memory.snapshot());
    std::vector<std::size_t> seen;
    card.memory.observe_out_of_memory([&](int device, std::size_t wanted, std::size_t allowed,
                                          std::size_t free) {
        CHECK_EQUAL(locks_held, 0);
        seen = {std::size_t(device), wanted, allowed, free, std::size_t(card.memory.statistics().num_ooms)};
    });
    const std::string text = thrown([&] { card.memory.allocate(60 * MiB, s0); });
    CHECK_EQUAL(
        text,
        "CUDA out of memory. Tried to allocate 60.00 MiB. GPU 0 has a total capacity of 100.00 MiB of which "
        "52.00 MiB is free. Of the allocated memory 29.00 MiB is allocated by tritorch, and 19.00 MiB is "
        "reserved by tritorch but unallocated. If reserved but unallocated memory is large try setting "
        "TRITORCH_CUDA_ALLOC_CONF=max_split_size_mb:<MB> to avoid fragmentation.");
    CHECK(seen == std::vector<std::size_t>({0, 60 * MiB, 100 * MiB, 52 * MiB, 1}));
    CHECK_EQUAL(picture(card.memory.snapshot()), before);
    CHECK_EQUAL(card.memory.statistics().num_alloc_retries, 1);
    card.memory.free(a);
    Block* again = card.memory.allocate(60 * MiB, s0);  // what was freed goes back to the device, and it fits
    for (Block* block : {b, c, again}) card.memory.free(block);
    card.expect_clean();
}

TEST(more_than_an_exabyte_is_refused_at_once) {
    Card card;
    CHECK_EQUAL(thrown([&] { card.memory.allocate(std::size_t(1) << 62, s0); }),
                "CUDA out of memory. Tried to allocate more than 1EB memory.");
}

TEST(a_fraction_limits_what_is_reserved) {
    Card card("", 100 * MiB);
    CHECK_EQUAL(card.memory.memory_fraction(), 1.0);
    card.memory.set_memory_fraction(0.5);
    CHECK_EQUAL(card.memory.memory_fraction(), 0.5);
    Block* a = card.memory.allocate(40 * MiB, s0);
    const std::string text = thrown([&] { card.memory.allocate(20 * MiB, s0); });
    CHECK(text.find(" is free. 50.00 MiB allowed; Of the allocated memory 40.00 MiB is") !=
          std::string::npos);
    Block* b = card.memory.allocate(10 * MiB, s0);
    card.memory.set_memory_fraction(1);
    Block* c = card.memory.allocate(20 * MiB, s0);
    for (Block* block : {a, b, c}) card.memory.free(block);
    card.expect_clean();
    Card limited("per_process_memory_fraction:0.25", 100 * MiB);
    CHECK_EQUAL(limited.memory.memory_fraction(), 0.25);
    CHECK(thrown([&] { limited.memory.allocate(30 * MiB, s0); }).starts_with("CUDA out of memory. "));
}

TEST(garbage_collection_gives_back_what_lay_longest) {
    Card card("garbage_collection_threshold:0.5", 200 * MiB);
    card.memory.set_memory_fraction(1);
    Block* old = card.memory.allocate(60 * MiB, s0);
    Block* young = card.memory.allocate(50 * MiB, s0);
    card.memory.free(old);
    for (int i = 0; i < 10; ++i) card.memory.free(card.memory.allocate(61 * MiB, s1));
    card.memory.free(young);
    // 60 + 50 + 62 are reserved, of which 100 may be: 72 are to be collected, from the oldest on.
    Block* wanted = card.memory.allocate(11 * MiB, s2);
    CHECK_EQUAL(card.memory.statistics().num_alloc_retries, 0);
    CHECK_EQUAL(card.memory.statistics().num_sync_all_streams, 0);
    CHECK_EQUAL(picture(card.memory.snapshot()), "12288: 24576a");
    card.memory.free(wanted);
    card.expect_clean();
}

TEST(garbage_collection_leaves_the_young) {
    Card card("garbage_collection_threshold:0.6", 200 * MiB);
    card.memory.set_memory_fraction(1);
    Block* old = card.memory.allocate(60 * MiB, s0);
    Block* young = card.memory.allocate(70 * MiB, s1);
    card.memory.free(old);
    for (int i = 0; i < 10; ++i) {
        card.memory.free(young);
        young = card.memory.allocate(70 * MiB, s1);
    }
    card.memory.free(young);
    Block* wanted = card.memory.allocate(11 * MiB, s2);  // 130 reserved, 120 allowed: the old one is enough
    CHECK_EQUAL(picture(card.memory.snapshot()), "71680: 143360f | 12288: 24576a");
    card.memory.free(wanted);
    card.expect_clean();
}

TEST(callbacks_may_free_memory_and_are_called_unlocked) {
    Card card("", 100 * MiB);
    Block* hoard = card.memory.allocate(70 * MiB, s0);
    int calls = 0;
    card.memory.on_low_memory([&] {
        CHECK_EQUAL(locks_held, 0);
        ++calls;
        if (!hoard) return false;
        card.memory.free(std::exchange(hoard, nullptr));
        return true;
    });
    Block* a = card.memory.allocate(50 * MiB, s0);
    CHECK_EQUAL(calls, 1);
    CHECK_EQUAL(card.memory.statistics().num_device_alloc, 1);  // out of what the callback freed
    card.memory.free(a);
    card.expect_clean();
}

TEST(a_failing_device_leaves_the_allocator_whole) {
    for (const char* call : {"malloc", "free", "record", "passed", "wait", "any"}) {
        for (int n = 1; n <= 12; ++n) {
            Card card("", 64 * MiB);
            card.device.fail(call, n);
            std::vector<Block*> live;
            int failures = 0;
            const auto attempt = [&](auto body) {
                try {
                    body();
                } catch (const FakeDevice::Failure&) { ++failures; } catch (const OutOfMemory&) {
                }
            };
            for (std::size_t step = 0; step < 40; ++step) {
                attempt([&] {
                    live.push_back(card.memory.allocate((1 + step * 7 % 13) * MiB, step % 2 ? s0 : s1));
                });
                if (live.empty()) continue;
                card.memory.record_stream(live.back(), s2);
                card.device.launch(s2);
                if (step % 3 == 0) card.device.finish(s2, 2);
                if (step % 2 == 0) {
                    card.memory.free(live.back());  // never throws
                    live.pop_back();
                }
                if (step % 10 == 9) attempt([&] { card.memory.empty_cache(); });
            }
            CHECK(failures <= 1);
            card.device.fail(call, 0x7fffffff);
            for (Block* block : live) card.memory.free(block);
            card.expect_clean();
        }
    }
}
