// Nodes of accelerators: each device has its worker.
#include "fake.h"

#include <sys/wait.h>
#include <unistd.h>
#include <map>

using namespace fake;
using check::thrown;

namespace {

StepPtr on_device(int device, std::vector<Edge> edges, std::map<int, std::thread::id>* seen = nullptr) {
    const auto count = edges.size();
    auto node = step(
        "device",
        [=](Values& gradients, Values& results) {
            if (seen) (*seen)[device] = std::this_thread::get_id();
            for (std::size_t i = 0; i < count; ++i) results.push_back(number(read(gradients[0])));
        },
        std::move(edges));
    node->set_device(device);
    return node;
}

}  // namespace

TEST(nodes_run_on_their_devices_worker) {
    auto leaf = sink();
    std::map<int, std::thread::id> seen;
    auto host = step("host",
                     [&](Values&, Values& results) {
                         seen[-1] = std::this_thread::get_id();
                         results.push_back(number(1));
                     },
                     {to(on_device(1, {to(leaf)}, &seen))});
    auto top = on_device(0, {to(host), to(on_device(1, {to(leaf)}, &seen))}, &seen);
    backward(to(top));
    CHECK_EQUAL(leaf->total, 2);
    CHECK(seen[-1] == std::this_thread::get_id());
    CHECK(seen[0] != seen[1] && seen[0] != seen[-1] && seen[1] != seen[-1]);
    const std::thread::id zero = seen[0];
    backward(to(on_device(0, {to(leaf)}, &seen)));
    CHECK(seen[0] == zero);
}

TEST(a_wide_graph_over_two_devices_and_the_host) {
    auto leaf = sink();
    for (int round = 0; round < 20; ++round) {
        std::vector<Edge> edges;
        auto shared = scale(1, {to(leaf)});
        for (int i = 0; i < 60; ++i) {
            const int device = i % 3 - 1;
            auto node = device < 0 ? scale(1, {to(shared)}) : on_device(device, {to(shared)});
            edges.push_back(to(node));
        }
        backward(to(scale(1, std::move(edges))));
    }
    CHECK_EQUAL(leaf->total, 20 * 60);
}

TEST(captures_across_devices) {
    auto leaf = sink();
    auto inner = on_device(0, {to(leaf)});
    auto top = scale(2, {to(inner), to(on_device(1, {to(inner)}))});
    Request request = from(to(top));
    request.accumulate = false;
    request.inputs = {to(inner), to(leaf)};
    std::vector<Value> captured = run(std::move(request));
    const Inside scope;
    CHECK_EQUAL(read(captured[0]), 4);
    CHECK_EQUAL(read(captured[1]), 4);
    CHECK_EQUAL(leaf->runs, 0);
    captured.clear();
}

TEST(an_error_on_a_worker_reaches_the_caller) {
    auto leaf = sink();
    for (int i = 0; i < 100; ++i) {
        auto bad = step("bad", [](Values&, Values&) { throw std::runtime_error("on a worker"); }, {to(leaf)});
        bad->set_device(i % 2);
        auto top = scale(1, {to(bad), to(on_device(1 - i % 2, {to(scale(1, {to(leaf)}))}))});
        CHECK_EQUAL(thrown([&] { backward(to(top)); }), "on a worker");
    }
    leaf->total = 0;
    backward(to(on_device(0, {to(leaf)})));
    CHECK_EQUAL(leaf->total, 1);
}

TEST(passes_of_many_threads_share_the_workers) {
    auto leaf = sink();
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 50; ++j)
                backward(to(scale(1, {to(on_device(0, {to(leaf)})), to(on_device(1, {to(leaf)}))})));
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK_EQUAL(leaf->total, 8 * 50 * 2);
}

TEST(callbacks_of_a_pass_over_devices) {
    int called = 0;
    auto node = step("node", [&](Values&, Values&) { Engine::current()->add_callback([&] { ++called; }); });
    node->set_device(0);
    backward(to(node));
    CHECK_EQUAL(called, 1);
}

TEST(a_forked_child_may_not_use_the_workers) {
    backward(to(on_device(0, {to(sink())})));
    const pid_t child = fork();
    if (child == 0) {
        Engine::after_fork_in_child();
        backward(to(sink()));  // on this thread alone
        const std::string text = thrown([] { backward(to(on_device(0, {to(sink())}))); });
        _exit(text.find("fork") != std::string::npos ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK_EQUAL(status, 0);
}
