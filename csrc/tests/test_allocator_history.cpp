// Private pools of captured graphs; the history, snapshots and observers; threads.
#include "allocator.h"

#include <atomic>
#include <random>
#include <thread>

using namespace fake;
using check::thrown;

namespace {

const PoolId graph{1, 0};
const auto on_s1 = [](Stream stream) { return stream == s1; };

std::string actions(Allocator& memory) {
    std::string text;
    for (const Entry& entry : memory.history())
        text += std::string(text.empty() ? "" : " ") + name_of(entry.action);
    return text;
}

}  // namespace

TEST(a_captured_stream_allocates_from_its_pool) {
    Card card;
    Block* before = card.memory.allocate(512, s1);
    const Address address = before->address;
    card.memory.free(before);
    card.memory.begin_allocate_to_pool(graph, on_s1);
    Block* a = card.memory.allocate(512, s1);
    Block* other = card.memory.allocate(512, s0);
    CHECK(a->address != address);
    card.memory.end_allocate_to_pool(graph);
    CHECK_EQUAL(card.memory.allocate(512, s1)->address, address);
    int private_segments = 0;
    for (const SegmentInfo& segment : card.memory.snapshot()) private_segments += segment.pool == graph;
    CHECK_EQUAL(private_segments, 1);
    const Statistics now = card.memory.statistics();
    CHECK_EQUAL(now.reserved_bytes_by_private_pools.at(graph).of[small_pool].current, std::int64_t(2 * MiB));
    card.memory.free(a);
    card.memory.free(other);
}

TEST(a_pools_memory_is_kept_until_its_last_user_is_gone) {
    Card card;
    card.memory.begin_allocate_to_pool(graph, on_s1);
    Block* a = card.memory.allocate(30 * MiB, s1);
    Block* b = card.memory.allocate(512, s1);
    card.memory.end_allocate_to_pool(graph);
    card.memory.begin_allocate_to_pool(graph, on_s1);  // a second graph shares the pool
    card.memory.end_allocate_to_pool(graph);
    CHECK_EQUAL(card.memory.pool_uses(graph), 2);
    card.memory.free(a);
    card.memory.empty_cache();
    CHECK_EQUAL(card.device.live_segments(), 2u);
    card.memory.release_pool(graph);
    card.memory.empty_cache();
    CHECK_EQUAL(card.device.live_segments(), 2u);
    card.memory.release_pool(graph);
    card.memory.empty_cache();
    CHECK_EQUAL(card.device.live_segments(), 1u);  // b lives
    card.memory.free(b);
    card.memory.empty_cache();
    CHECK_EQUAL(card.device.live_segments(), 0u);
    CHECK_EQUAL(card.memory.pool_uses(graph), 0);
    CHECK_EQUAL(thrown([&] { card.memory.release_pool(graph); }), "releasePool: the pool has no user");
    card.expect_clean();
}

TEST(captures_are_begun_and_ended_in_pairs) {
    Card card;
    card.memory.begin_allocate_to_pool(graph, on_s1);
    CHECK_EQUAL(thrown([&] { card.memory.begin_allocate_to_pool(graph, on_s1); }),
                "beginAllocateToPool: already recording to mempool_id");
    card.memory.end_allocate_to_pool(graph);
    CHECK_EQUAL(thrown([&] { card.memory.end_allocate_to_pool(graph); }),
                "endAllocatePool: not currently recording to mempool_id");
    CHECK_EQUAL(card.memory.pool_uses(graph), 1);
}

TEST(events_wait_for_the_end_of_a_capture) {
    Card card("", 100 * MiB);
    Block* used = card.memory.allocate(10 * MiB, s0);
    card.memory.record_stream(used, s2);
    card.memory.begin_allocate_to_pool(graph, on_s1);
    Block* captured = card.memory.allocate(10 * MiB, s1);
    card.memory.record_stream(captured, s2);
    card.device.launch(s2);
    card.memory.free(used);
    card.memory.free(captured);
    card.device.fail("any", 4);  // a malloc, and nothing that touches events, may be called now
    Block* other = card.memory.allocate(10 * MiB, s1);
    card.memory.empty_cache();
    CHECK_EQUAL(card.memory.statistics().num_sync_all_streams, 0);
    CHECK_EQUAL(card.device.live_events(), 0u);
    card.memory.end_allocate_to_pool(graph);
    card.device.fail("any", 0x7fffffff);
    // Now the eager use gets its event; the graph's own needs none, and its block is free.
    Block* next = card.memory.allocate(512, s0);
    CHECK_EQUAL(card.device.live_events(), 1u);
    CHECK_EQUAL(card.current(&Statistics::active), 3);
    card.device.finish(s2);
    card.memory.release_pool(graph);
    card.memory.free(other);
    card.memory.free(next);
    card.expect_clean();
}

TEST(out_of_memory_in_a_capture_neither_waits_nor_retries) {
    Card card("", 64 * MiB);
    Block* cached = card.memory.allocate(40 * MiB, s0);
    card.memory.free(cached);
    card.memory.begin_allocate_to_pool(graph, on_s1);
    CHECK(thrown([&] { card.memory.allocate(30 * MiB, s1); }).starts_with("CUDA out of memory. "));
    CHECK_EQUAL(card.memory.statistics().num_sync_all_streams, 0);
    CHECK_EQUAL(card.memory.statistics().num_alloc_retries, 0);
    card.memory.end_allocate_to_pool(graph);
    Block* fits = card.memory.allocate(30 * MiB, s1);
    card.memory.free(fits);
    card.memory.release_pool(graph);
    card.expect_clean();
}

TEST(private_pools_are_named_in_the_report) {
    Card card("", 64 * MiB);
    card.memory.begin_allocate_to_pool(graph, on_s1);
    card.memory.free(card.memory.allocate(30 * MiB, s1));
    card.memory.end_allocate_to_pool(graph);
    const std::string text = thrown([&] { card.memory.allocate(50 * MiB, s0); });
    CHECK(
        text.find(
            "Of the allocated memory 30.00 MiB is allocated by tritorch, with 30.00 MiB allocated in private "
            "pools (e.g., CUDA Graphs), and 0 bytes is reserved") != std::string::npos);
    card.memory.release_pool(graph);
    card.expect_clean();
}

TEST(the_history_holds_torchs_actions) {
    Card card("", 64 * MiB);
    card.memory.record_history({true, Contexts::never, nullptr, 100, true, 0});
    Block* a = card.memory.allocate(600, s0);
    card.memory.record_stream(a, s1);
    card.device.launch(s1);
    card.memory.free(a);
    CHECK_EQUAL(actions(card.memory), "segment_alloc alloc free_requested");
    card.memory.empty_cache();
    card.memory.snapshot();
    CHECK(thrown([&] { card.memory.allocate(100 * MiB, s0); }).starts_with("CUDA out of memory. "));
    CHECK_EQUAL(actions(card.memory),
                "segment_alloc alloc free_requested free_completed segment_free snapshot oom");
    const std::vector<Entry> all = card.memory.history();
    CHECK_EQUAL(all[0].size, 2 * MiB);
    CHECK_EQUAL(all[1].size, 600u);
    CHECK_EQUAL(all[1].address, all[3].address);
    CHECK_EQUAL(all[6].size, 100 * MiB);
    CHECK_EQUAL(all[6].address, 64 * MiB);  // what was free
    for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i].time_us >= all[i - 1].time_us);
    const std::uint32_t frees = 1u << int(Action::free_requested) | 1u << int(Action::free_completed);
    card.memory.record_history({true, Contexts::never, nullptr, 2, true, frees});
    for (int i = 0; i < 3; ++i) card.memory.free(card.memory.allocate(600, s0));
    CHECK_EQUAL(actions(card.memory), "alloc alloc");
    card.memory.record_history({});
    CHECK_EQUAL(actions(card.memory), "");
}

TEST(contexts_are_recorded_unlocked_at_the_level_asked) {
    Card card;
    int recorded = 0;
    const auto recorder = [&] {
        CHECK_EQUAL(locks_held, 0);
        return std::make_shared<const std::vector<Frame>>(1, Frame{"file", ++recorded, "here"});
    };
    card.memory.record_history({true, Contexts::state, recorder, 100, true, 0});
    Block* a = card.memory.allocate(512, s0);
    CHECK_EQUAL(card.memory.snapshot()[0].blocks[0].context->front().line, 1);
    CHECK_EQUAL(card.memory.snapshot()[0].context->front().line, 1);
    CHECK(!card.memory.history()[1].context);
    card.memory.free(a);
    CHECK_EQUAL(recorded, 1);
    card.memory.record_history({true, Contexts::all, recorder, 100, true, 0});
    card.memory.free(card.memory.allocate(512, s0));
    CHECK_EQUAL(card.memory.history()[0].context->front().line, 2);
    CHECK_EQUAL(card.memory.history()[2].context->front().line, 3);
    CHECK(thrown([&] {
              card.memory.record_history({true, Contexts::all, nullptr, 1, false, 0});
          }).starts_with("record_history: expected a recorder"));
}

TEST(observers_hear_everything_in_order_and_unlocked) {
    Card card;
    std::string heard;
    card.memory.observe_trace([&](const Entry& entry) {
        CHECK_EQUAL(locks_held, 0);
        heard += std::string(name_of(entry.action)) +
                 std::to_string(card.memory.statistics().num_device_alloc) + " ";
    });
    card.memory.free(card.memory.allocate(512, s0));
    CHECK_EQUAL(heard, "segment_alloc1 alloc1 free_requested1 free_completed1 ");
    CHECK_EQUAL(actions(card.memory), "");
}

TEST(threads_share_an_allocator) {
    Card card("", 4 * GiB);
    std::atomic<long> told{0};
    card.memory.observe_trace([&](const Entry&) { ++told; });
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) {
        threads.emplace_back([&card, seed] {
            std::mt19937 random(seed);
            std::vector<Block*> live;
            for (int step = 0; step < 4000; ++step) {
                if (live.size() < 40 && random() % 2) {
                    const std::size_t bytes = random() % 3 ? random() % 4000 : random() % (30 * MiB);
                    live.push_back(card.memory.allocate(bytes, FakeDevice::stream(1 + random() % 3)));
                    if (random() % 4 == 0) card.memory.record_stream(live.back(), s0);
                } else if (!live.empty()) {
                    std::swap(live[random() % live.size()], live.back());
                    card.memory.free(live.back());
                    live.pop_back();
                }
                if (step % 500 == 0) card.memory.snapshot();
                if (step % 1000 == 0) card.memory.empty_cache();
            }
            for (Block* block : live) card.memory.free(block);
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(told > 16000);
    card.expect_clean();
}
