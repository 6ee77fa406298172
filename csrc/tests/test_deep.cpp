// Large graphs, on a small stack: see Note [Iterative deletion].
#include "fake.h"

#include <pthread.h>

using namespace fake;

namespace {

// Runs `body` on a thread with a stack of 256 KiB (more under a sanitizer, whose frames are larger).
void on_small_stack(std::function<void()> body) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    std::string error;
    auto guarded = [&] {
        try {
            body();
        } catch (const std::exception& failure) { error = failure.what(); }
    };
    std::function<void()> task = guarded;
    pthread_t thread;
    CHECK(pthread_create(
              &thread, &attributes,
              [](void* argument) -> void* {
                  (*static_cast<std::function<void()>*>(argument))();
                  return nullptr;
              },
              &task) == 0);
    pthread_join(thread, nullptr);
    if (!error.empty()) throw std::runtime_error(error);
}

constexpr int million = 1'000'000;

}  // namespace

TEST(a_chain_of_a_million_nodes) {
    on_small_stack([] {
        auto leaf = sink();
        {
            NodePtr last = leaf;
            for (int i = 0; i < million; ++i) last = scale(1, {Edge{last, 0}});
            backward(Edge{last, 0});
            const Inside scope;
            last = NodePtr();
        }
        CHECK_EQUAL(leaf->total, 1);
    });
}

TEST(a_long_chain_dies_through_what_its_nodes_saved) {
    // A node that owns the next one only through an object of its own, as through Python's.
    struct Saved {
        NodePtr node;
    };
    on_small_stack([] {
        NodePtr last = sink();
        for (int i = 0; i < million; ++i) {
            auto saved = std::make_shared<Saved>(Saved{std::move(last)});
            last = step("Saving", [saved](Values&, Values&) {});
        }
        const Inside scope;
        last = NodePtr();
    });
}

TEST(dying_outside_waits_for_the_reaper) {
    const int before = world().reap_requests;
    {
        auto node = scale(1, {to(sink())});
        Value value = number(1);
    }
    CHECK(world().reap_requests > before);
    CHECK_EQUAL(waiting_to_be_reaped(), 2u);
    CHECK_EQUAL(live_numbers.load(), 1);
    { Inside scope; }
    CHECK_EQUAL(waiting_to_be_reaped(), 0u);
    CHECK_EQUAL(live_nodes.load(), 0);
}

TEST(fan_in_of_a_hundred_thousand) {
    auto leaf = sink();
    auto shared = scale(1, {to(leaf)});
    std::vector<Edge> edges;
    for (int i = 0; i < 100'000; ++i) edges.push_back(to(scale(1, {to(shared)})));
    auto top = scale(1, std::move(edges));
    backward(to(top));
    CHECK_EQUAL(leaf->total, 100'000);
    CHECK_EQUAL(leaf->runs, 1);
}

TEST(a_pointer_to_a_dying_node_cannot_be_retained) {
    Node* raw;
    {
        auto node = sink();
        raw = node.get();
        CHECK(raw->unique());
        CHECK(raw->retain_if_alive());
        CHECK(!raw->unique());
        raw->release();
    }
    CHECK(!raw->retain_if_alive());  // it waits for the reaper
}
