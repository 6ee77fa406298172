// Nodes that run passes of their own.
#include "fake.h"

#include <set>

using namespace fake;
using check::thrown;

namespace {

// A node that runs `depth` passes, one inside the other, before it passes its gradient to `leaf`.
StepPtr nested(int depth, const SinkPtr& leaf, std::set<std::thread::id>* threads, int device = Node::host) {
    auto node = step("nested",
                     [=](Values&, Values& results) {
                         if (threads) threads->insert(std::this_thread::get_id());  // inside: one at a time
                         if (depth > 0) {
                             auto inner = nested(depth - 1, leaf, threads, device);
                             world().leave();
                             try {
                                 backward(to(inner));
                             } catch (...) {
                                 world().enter();
                                 throw;
                             }
                             world().enter();
                         }
                         results.push_back(number(1));
                     },
                     {to(leaf)});
    node->set_device(device);
    return node;
}

}  // namespace

TEST(a_pass_within_a_pass) {
    auto leaf = sink();
    auto node = nested(1, leaf, nullptr);
    backward(to(node));
    CHECK_EQUAL(leaf->total, 2);
}

TEST(the_same_thread_down_to_depth_sixty_then_the_pool) {
    auto leaf = sink();
    std::set<std::thread::id> threads;
    backward(to(nested(Engine::max_nested - 1, leaf, &threads)));
    CHECK_EQUAL(threads.size(), 1u);
    CHECK(*threads.begin() == std::this_thread::get_id());
    backward(to(nested(Engine::max_nested, leaf, &threads)));
    CHECK_EQUAL(threads.size(), 2u);
}

TEST(three_thousand_deep) {
    auto leaf = sink();
    std::set<std::thread::id> threads;
    backward(to(nested(3000, leaf, &threads)));
    CHECK_EQUAL(leaf->total, 3001);
    CHECK(threads.size() > 40);
    const int before = world().threads;
    backward(to(nested(3000, leaf, &threads)));
    CHECK_EQUAL(world().threads.load(), before);  // the pool's threads serve again
}

TEST(an_error_from_the_deep) {
    auto leaf = sink();
    std::function<StepPtr(int)> descend = [&](int depth) {
        return step("descend",
                    [&, depth](Values&, Values& results) {
                        if (depth == 0) throw std::runtime_error("from the deep");
                        auto inner = descend(depth - 1);
                        world().leave();
                        std::exception_ptr error;
                        try {
                            backward(to(inner));
                        } catch (...) { error = std::current_exception(); }
                        world().enter();
                        if (error) std::rethrow_exception(error);
                        results.push_back(number(1));
                    },
                    {to(leaf)});
    };
    CHECK_EQUAL(thrown([&] { backward(to(descend(200))); }), "from the deep");
    backward(to(descend(0)->edges()[0].node ? scale(1, {to(leaf)}) : StepPtr()));
    CHECK_EQUAL(leaf->total, 1);
}

TEST(a_worker_reenters_too) {
    auto leaf = sink();
    std::set<std::thread::id> threads;
    backward(to(nested(130, leaf, &threads, 2)));
    CHECK_EQUAL(leaf->total, 131);
    CHECK_EQUAL(threads.count(std::this_thread::get_id()), 0u);
}
