// Requests and frees: pools, best fit, splitting, merging, streams, events, statistics.
#include "allocator.h"

using namespace fake;
using check::thrown;

TEST(small_requests_share_a_segment) {
    Card card;
    Block* a = card.memory.allocate(1, s0);
    Block* b = card.memory.allocate(600, s0);
    CHECK_EQUAL(b->address, a->address + 512);
    CHECK_EQUAL(picture(card.memory.snapshot()), "2048: 1a 2a 4093f");
    Statistics now = card.memory.statistics();
    CHECK_EQUAL(now.allocated_bytes.of[small_pool].current, 1536);
    CHECK_EQUAL(now.requested_bytes.of[all_pools].current, 601);
    CHECK_EQUAL(now.reserved_bytes.of[small_pool].current, std::int64_t(2 * MiB));
    CHECK_EQUAL(now.reserved_bytes.of[large_pool].current, 0);
    CHECK_EQUAL(now.inactive_split.of[all_pools].current, 1);
    CHECK_EQUAL(now.inactive_split_bytes.of[all_pools].current, std::int64_t(2 * MiB - 1536));
    CHECK_EQUAL(now.num_device_alloc, 1);
    card.memory.free(a);
    CHECK_EQUAL(picture(card.memory.snapshot()), "2048: 1f 2a 4093f");
    CHECK_EQUAL(card.current(&Statistics::inactive_split), 2);
    card.memory.free(b);
    CHECK_EQUAL(picture(card.memory.snapshot()), "2048: 4096f");
    CHECK_EQUAL(card.current(&Statistics::inactive_split), 0);
    CHECK_EQUAL(card.current(&Statistics::inactive_split_bytes), 0);
    now = card.memory.statistics();
    CHECK_EQUAL(now.allocated_bytes.of[all_pools].peak, 1536);
    CHECK_EQUAL(now.allocated_bytes.of[all_pools].freed, 1536);
    card.expect_clean();
}

TEST(a_large_block_is_split_where_more_than_a_mebibyte_remains) {
    Card card;
    Block* a = card.memory.allocate(3 * MiB, s0);
    CHECK_EQUAL(picture(card.memory.snapshot()), "20480: 6144a 34816f");
    Block* b =
        card.memory.allocate(16 * MiB, s0);  // no more than 1 MiB of the 17 would remain: it gets them all
    CHECK_EQUAL(b->size, 17 * MiB);
    Block* c = card.memory.allocate(9 * MiB, s0);
    CHECK_EQUAL(picture(card.memory.snapshot()), "20480: 6144a 34816a | 20480: 18432a 22528f");
    Block* d = card.memory.allocate(10 * MiB - 512, s0);
    CHECK_EQUAL(picture(card.memory.snapshot()), "20480: 6144a 34816a | 20480: 18432a 20479a 2049f");
    for (Block* block : {a, b, c, d}) card.memory.free(block);
    CHECK_EQUAL(picture(card.memory.snapshot()), "20480: 40960f | 20480: 40960f");
    card.expect_clean();
}

TEST(the_best_fit_is_taken_and_the_lowest_of_equals) {
    Card card;
    std::vector<Block*> blocks;
    for (const std::size_t size : {4u, 1u, 2u, 1u, 3u, 1u, 2u, 1u})
        blocks.push_back(card.memory.allocate(size * 512, s0));
    for (const int i : {0, 2, 4, 6}) card.memory.free(blocks[std::size_t(i)]);
    CHECK_EQUAL(picture(card.memory.snapshot()), "2048: 4f 1a 2f 1a 3f 1a 2f 1a 4081f");
    const Address two = blocks[2]->address, other_two = blocks[6]->address, three = blocks[4]->address;
    CHECK_EQUAL(card.memory.allocate(1024, s0)->address, two);
    CHECK_EQUAL(card.memory.allocate(1024, s0)->address, other_two);
    CHECK_EQUAL(card.memory.allocate(1024, s0)->address, three);
    CHECK_EQUAL(picture(card.memory.snapshot()), "2048: 4f 1a 2a 1a 2a 1f 1a 2a 1a 4081f");
}

TEST(a_freed_block_merges_with_both_neighbours) {
    Card card;
    Block* a = card.memory.allocate(512, s0);
    Block* b = card.memory.allocate(512, s0);
    Block* c = card.memory.allocate(512, s0);
    Block* d = card.memory.allocate(512, s0);
    card.memory.free(a);
    card.memory.free(c);
    CHECK_EQUAL(card.current(&Statistics::inactive_split), 3);
    card.memory.free(b);
    CHECK_EQUAL(picture(card.memory.snapshot()), "2048: 3f 1a 4092f");
    CHECK_EQUAL(card.current(&Statistics::inactive_split), 2);
    card.memory.free(d);
    card.expect_clean();
}

TEST(a_stream_never_gets_a_block_of_another) {
    Card card;
    Block* a = card.memory.allocate(512, s1);
    const Address address = a->address;
    card.memory.free(a);
    Block* b = card.memory.allocate(512, s2);
    CHECK(b->address != address);
    CHECK_EQUAL(card.memory.allocate(512, s1)->address, address);
    CHECK_EQUAL(card.current(&Statistics::segment), 2);
}

TEST(oversize_blocks_serve_only_oversize_requests) {
    Card card("max_split_size_mb:64");
    CHECK_EQUAL(card.memory.statistics().max_split_size, std::int64_t(64 * MiB));
    Block* a = card.memory.allocate(100 * MiB, s0);
    CHECK_EQUAL(card.memory.statistics().oversize_allocations.current, 1);
    CHECK_EQUAL(card.memory.statistics().oversize_segments.current, 1);
    card.memory.free(a);
    Block* small = card.memory.allocate(60 * MiB, s0);
    CHECK_EQUAL(card.current(&Statistics::segment), 2);
    Block* b = card.memory.allocate(80 * MiB, s0);  // 100 = 80 + 20: too large, the limit is not included
    CHECK_EQUAL(card.current(&Statistics::segment), 3);
    Block* c = card.memory.allocate(80 * MiB + 512, s0);
    CHECK_EQUAL(c->size, 100 * MiB);  // never split
    CHECK_EQUAL(card.current(&Statistics::segment), 3);
    CHECK_EQUAL(card.memory.statistics().oversize_allocations.allocated, 3);
    for (Block* block : {small, b, c}) card.memory.free(block);
    CHECK_EQUAL(card.memory.statistics().oversize_allocations.current, 0);
    card.expect_clean();
    CHECK_EQUAL(card.memory.statistics().oversize_segments.current, 0);
}

TEST(a_recorded_stream_delays_the_reuse) {
    Card card;
    Block* a = card.memory.allocate(512, s0);
    const Address address = a->address;
    card.memory.record_stream(a, s1);
    card.memory.record_stream(a, s1);
    card.memory.record_stream(a, s2);
    card.memory.record_stream(a, s0);  // its own stream: nothing to wait for
    card.device.launch(s1, 2);
    card.device.launch(s2);
    card.memory.free(a);
    CHECK_EQUAL(card.device.live_events(), 2u);
    CHECK_EQUAL(picture(card.memory.snapshot()), "2048: 1p 4095f");
    CHECK_EQUAL(card.current(&Statistics::allocation), 0);
    CHECK_EQUAL(card.current(&Statistics::active), 1);
    card.device.launch(s1);  // later than the free: it does not matter
    card.device.finish(s1, 1);
    card.device.finish(s2);
    Block* b = card.memory.allocate(512, s0);
    CHECK(b->address != address);
    card.device.finish(s1, 1);
    Block* c = card.memory.allocate(512, s0);
    CHECK_EQUAL(c->address, address);
    CHECK_EQUAL(card.device.live_events(), 0u);
    card.memory.free(b);
    card.memory.free(c);
    card.expect_clean();
}

TEST(a_pending_block_does_not_merge) {
    Card card;
    Block* a = card.memory.allocate(512, s0);
    Block* b = card.memory.allocate(512, s0);
    card.memory.record_stream(a, s1);
    card.device.launch(s1);
    card.memory.free(a);
    card.memory.free(b);
    CHECK_EQUAL(picture(card.memory.snapshot()), "2048: 1p 4095f");
    card.memory.empty_cache();  // waits for the event
    CHECK_EQUAL(card.device.live_segments(), 0u);
    CHECK_EQUAL(card.memory.statistics().num_sync_all_streams, 1);
    card.expect_clean();
}

TEST(a_stream_far_behind_holds_up_no_other) {
    Card card;
    Block* slow = card.memory.allocate(512, s0);
    Block* quick = card.memory.allocate(512, s0);
    const Address address = quick->address;
    card.memory.record_stream(slow, s1);
    card.memory.record_stream(quick, s2);
    card.device.launch(s1);
    card.device.launch(s2);
    card.memory.free(slow);
    card.memory.free(quick);
    card.device.finish(s2);
    CHECK_EQUAL(card.memory.allocate(512, s0)->address, address);
}

TEST(emptying_the_cache_leaves_segments_in_use) {
    Card card;
    Block* a = card.memory.allocate(512, s0);
    Block* b = card.memory.allocate(30 * MiB, s0);
    card.memory.free(b);
    card.memory.empty_cache();
    CHECK_EQUAL(picture(card.memory.snapshot()), "2048: 1a 4095f");
    CHECK_EQUAL(card.memory.statistics().num_device_free, 1);
    card.memory.free(a);
    card.expect_clean();
}

TEST(statistics_are_reset_as_asked) {
    Card card("max_split_size_mb:20");
    Block* a = card.memory.allocate(30 * MiB, s0);
    Block* b = card.memory.allocate(5000, s0);
    card.memory.free(b);
    card.memory.reset_peak_statistics();
    Statistics now = card.memory.statistics();
    now.each_stat([](const Stat& stat) { CHECK_EQUAL(stat.peak, stat.current); });
    card.memory.reset_accumulated_statistics();
    now = card.memory.statistics();
    now.each_stat([](const Stat& stat) { CHECK(stat.allocated == 0 && stat.freed == 0); });
    CHECK_EQUAL(now.num_device_alloc, 0);
    CHECK_EQUAL(now.allocated_bytes.of[all_pools].current, std::int64_t(30 * MiB));
    card.memory.free(a);
}

TEST(a_block_is_freed_once) {
    Card card;
    Block* a = card.memory.allocate(512, s0);
    Block* other = card.memory.allocate(512, s0);
    card.memory.free(a);
    CHECK_EQUAL(thrown([&] { card.memory.free(a); }), "invalid device pointer: the block is not allocated");
    card.memory.free(other);
    card.expect_clean();
}
