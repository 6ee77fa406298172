// Several threads at once: through different graphs, through one, into the same leaves.
#include "fake.h"

using namespace fake;

namespace {

void in_threads(int count, const std::function<void(int)>& body) {
    std::vector<std::thread> threads;
    std::vector<std::string> errors(count);
    for (int i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            try {
                body(i);
            } catch (const std::exception& failure) { errors[i] = failure.what(); }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& error : errors) {
        if (!error.empty()) throw std::runtime_error(error);
    }
}

}  // namespace

TEST(threads_through_one_graph) {
    auto leaf = sink();
    NodePtr last = leaf;
    for (int i = 0; i < 50; ++i) last = scale(1, {Edge{last, 0}, to(leaf)});
    in_threads(8, [&](int) {
        for (int i = 0; i < 50; ++i) {
            Request request = from(Edge{last, 0});
            request.keep_graph = true;
            run(std::move(request));
        }
    });
    CHECK_EQUAL(leaf->total, 8 * 50 * 51);  // edge to leaf of each node, and the end of the chain
}

TEST(threads_with_graphs_of_their_own_into_one_leaf) {
    auto leaf = sink();
    in_threads(8, [&](int thread) {
        for (int i = 0; i < 200; ++i) backward(to(scale(thread, {to(leaf)})));
    });
    CHECK_EQUAL(leaf->total, 200 * 28);
}

TEST(threads_that_fail_do_not_disturb_the_others) {
    auto leaf = sink();
    in_threads(8, [&](int thread) {
        for (int i = 0; i < 100; ++i) {
            if (thread % 2) {
                auto bad = step("bad", [](Values&, Values&) { throw std::runtime_error("mine"); });
                CHECK_EQUAL(check::thrown([&] { backward(to(scale(1, {to(bad), to(leaf)}))); }), "mine");
            } else {
                backward(to(scale(1, {to(leaf)})));
            }
        }
    });
    CHECK(leaf->total >= 400);
}

TEST(zz_a_runtime_that_closes_hears_of_every_node) {
    Engine::always_breathe();
    const int before = world().breaths;
    NodePtr last = sink();
    for (int i = 0; i < 10; ++i) last = scale(1, {Edge{last, 0}});
    backward(Edge{last, 0});
    CHECK_EQUAL(world().breaths - before, 11);
}
