// The simulated driver by itself: queues, orders, faults, graphs, memory of a card.
#include "device_fake.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>

using namespace fake_device;

TEST(sim_tasks_run_when_somebody_waits) {
    start();
    int runs = 0;
    launch(function([&](const sim::Launch&) { return ++runs, SUCCESS; }), nullptr);
    CHECK_EQUAL(runs, 0);
    CHECK_EQUAL(sim::pending(), std::size_t(1));
    synchronize(0);
    CHECK_EQUAL(runs, 1);
}

TEST(sim_parameters_come_packed_by_pointer_and_by_buffer) {
    start();
    struct {
        char a;
        int b;
        double c;
    } sent = {3, -7, 0.5}, seen = {};
    const auto keep = [&](const sim::Launch& launch) {
        CHECK_EQUAL(launch.parameter_bytes, sizeof sent);
        std::memcpy(&seen, launch.parameters.data(), sizeof sent);
        return SUCCESS;
    };
    launch(function(keep), nullptr, &sent, sizeof sent);
    synchronize(0);
    CHECK(seen.a == 3 && seen.b == -7 && seen.c == 0.5);

    seen = {};
    const int number = sim::register_kernel("by pointer", {1, 4, 8});
    kernels().resize(std::size_t(number) + 1);
    kernels()[number] = keep;
    CUmodule module = nullptr;
    CUfunction by_pointer = nullptr;
    TRITORCH_CALL(cuModuleLoadData, &module, ("tritorch-sim:" + std::to_string(number)).c_str());
    TRITORCH_CALL(cuModuleGetFunction, &by_pointer, module, "kernel");
    void* parameters[] = {&sent.a, &sent.b, &sent.c};
    const CUlaunchConfig config = {1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, 0};
    TRITORCH_CALL(cuLaunchKernelEx, &config, by_pointer, parameters, nullptr);
    synchronize(0);
    CHECK(seen.a == 3 && seen.b == -7 && seen.c == 0.5);
}

// Random programs of launches and event waits on four streams: whatever the seed, what must come before does.
TEST(sim_random_programs_keep_every_order_that_events_give) {
    start();
    for (unsigned seed = 0; seed < 200; ++seed) {
        sim::set_seed(seed);
        std::mt19937 random(seed);
        std::vector<CUstream> streams(4);
        for (CUstream& stream : streams) stream = new_stream();
        std::vector<int> when;               // by task: when it ran
        std::vector<std::set<int>> before;   // by task: what must have run
        std::vector<std::set<int>> done(4);  // by stream: what its next task comes after
        int clock = 0;
        for (int step = 0; step < 60; ++step) {
            const std::size_t s = random() % 4, other = random() % 4;
            if (random() % 3) {
                const int task = int(when.size());
                when.push_back(-1);
                before.push_back(done[s]);
                done[s].insert(task);
                launch(function([&when, &clock, task](const sim::Launch&) {
                           return when[task] = clock++, SUCCESS;
                       }),
                       streams[s]);
            } else if (s != other) {
                Event event(0, EVENT_DISABLE_TIMING);
                event.record(streams[other]);
                event.hold_back(streams[s]);
                done[s].insert(done[other].begin(), done[other].end());
            }
        }
        synchronize(0);
        for (std::size_t task = 0; task < when.size(); ++task) {
            CHECK(when[task] >= 0);
            for (const int earlier : before[task]) CHECK(when[earlier] < when[task]);
        }
    }
    CHECK_EQUAL(found(), "");
}

TEST(sim_a_seed_replays_and_seeds_differ) {
    start();
    const auto run = [](unsigned seed) {
        sim::set_seed(seed);
        std::vector<int> order;
        std::vector<CUfunction> marks;
        for (int i = 0; i < 12; ++i)
            marks.push_back(
                function([&order, i](const sim::Launch&) { return order.push_back(i), SUCCESS; }));
        CUstream streams[3];
        for (CUstream& stream : streams) stream = new_stream();
        std::sort(streams, streams + 3);
        for (int i = 0; i < 12; ++i) launch(marks[i], streams[i % 3]);
        synchronize(0);
        return order;
    };
    std::set<std::vector<int>> different;
    const auto same_streams = [] {
        for (int i = 0; i < 32 - 3; ++i) new_stream();  // once round the pool
    };
    for (unsigned seed = 1; seed < 20; ++seed) {
        const std::vector<int> order = run(seed);
        same_streams();
        CHECK(run(seed) == order);
        same_streams();
        different.insert(order);
    }
    CHECK(different.size() > 10);
}

TEST(sim_a_card_has_an_end_and_gives_back_what_is_freed) {
    start();
    const std::size_t card = sim::card_size();
    sim::set_card_size(std::size_t(1) << 20);
    std::size_t free = 0, total = 0;
    {
        const Segment most((std::size_t(1) << 20) - 512);
        TRITORCH_CALL(cuMemGetInfo, &free, &total);
        CHECK_EQUAL(free, std::size_t(512));
        CHECK(check::thrown([] { const Segment more(513); }).find("out of memory") != std::string::npos);
    }
    TRITORCH_CALL(cuMemGetInfo, &free, &total);
    CHECK_EQUAL(free, total);
    CHECK_EQUAL(driver().cuMemFree(12345), int(INVALID_VALUE));
    sim::set_card_size(card);
}

// Memory that is freed while work on it is pending stays there for that work, and only for it.
TEST(sim_pending_work_keeps_freed_pages) {
    start();
    char host[512];
    std::memset(host, 7, sizeof host);
    void* pinned = nullptr;
    TRITORCH_CALL(cuMemHostAlloc, &pinned, sizeof host, 0);
    {
        const Segment segment(512);
        TRITORCH_CALL(cuMemcpyHtoDAsync, segment.at, host, sizeof host, nullptr);
        TRITORCH_CALL(cuMemcpyDtoHAsync, pinned, segment.at, sizeof host, nullptr);
    }
    CHECK_EQUAL(sim::pending(), std::size_t(2));
    synchronize(0);
    CHECK_EQUAL(std::memcmp(pinned, host, sizeof host), 0);
    TRITORCH_CALL(cuMemFreeHost, pinned);
}

TEST(sim_copies_to_pinned_memory_are_late_and_to_pageable_are_not) {
    start();
    const Segment segment(512);
    int host = 0, *pinned = nullptr;
    TRITORCH_CALL(cuMemHostAlloc, reinterpret_cast<void**>(&pinned), sizeof(int), 0);
    *pinned = 0;
    TRITORCH_CALL(cuMemsetD32Async, segment.at, 5u, 128, nullptr);
    TRITORCH_CALL(cuMemcpyDtoHAsync, pinned, segment.at, sizeof(int), nullptr);
    CHECK_EQUAL(*pinned, 0);
    TRITORCH_CALL(cuMemcpyDtoHAsync, &host, segment.at, sizeof(int), nullptr);
    CHECK(host == 5 && *pinned == 5);
    // From pinned memory the bytes are taken when the copy runs: a caller that writes too early is seen.
    *pinned = 1;
    TRITORCH_CALL(cuMemcpyHtoDAsync, segment.at, pinned, sizeof(int), nullptr);
    *pinned = 2;
    TRITORCH_CALL(cuMemcpyDtoHAsync, &host, segment.at, sizeof(int), nullptr);
    CHECK_EQUAL(host, 2);
    TRITORCH_CALL(cuMemFreeHost, pinned);
}

TEST(sim_the_nth_call_fails_and_the_next_works) {
    start();
    const CUfunction nothing = function([](const sim::Launch&) { return SUCCESS; });
    sim::fail_nth("launch", 3);
    launch(nothing, nullptr);
    launch(nothing, nullptr);
    CHECK(check::thrown([&] { launch(nothing, nullptr); }).find("cuLaunchKernelEx") != std::string::npos);
    launch(nothing, nullptr);
    sim::fail_nth("kernel", 1);
    CHECK(check::thrown([] { synchronize(0); }).find("unspecified launch failure") != std::string::npos);
    synchronize(0);
}

TEST(sim_threads_wait_together) {
    start();
    std::atomic<int> runs = 0, wrong = 0;
    const CUfunction count = function([&](const sim::Launch&) { return ++runs, SUCCESS; });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            enter(0);
            const CUstream stream = new_stream();
            for (int i = 0; i < 200; ++i) {
                const int before = runs;
                launch(count, stream);
                TRITORCH_CALL(cuStreamSynchronize, stream);
                wrong += runs <= before;
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(runs == 800 && wrong == 0);
}

// ---- graphs -----------------------------------------------------------------------------------------------

TEST(sim_a_graph_runs_nothing_when_captured_and_all_at_each_launch) {
    start();
    const CUstream first = new_stream(), second = new_stream();
    std::vector<char> order;
    const auto mark = [&](char name) {
        return function([&order, name](const sim::Launch&) { return order.push_back(name), SUCCESS; });
    };
    const CUfunction a = mark('a'), b = mark('b'), c = mark('c'), d = mark('d');
    Event fork(0, EVENT_DISABLE_TIMING), join(0, EVENT_DISABLE_TIMING);
    TRITORCH_CALL(cuStreamBeginCapture, first, CAPTURE_GLOBAL);
    launch(a, first);
    fork.record(first);
    fork.hold_back(second);
    launch(b, second);
    launch(c, first);
    join.record(second);
    join.hold_back(first);
    launch(d, first);
    int status = 0;
    TRITORCH_CALL(cuStreamIsCapturing, second, &status);
    CHECK_EQUAL(status, CAPTURE_ACTIVE);
    CUgraph graph = nullptr;
    TRITORCH_CALL(cuStreamEndCapture, first, &graph);
    synchronize(0);
    CHECK(order.empty());
    CUgraphExec executable = nullptr;
    TRITORCH_CALL(cuGraphInstantiate, &executable, graph, 0);
    TRITORCH_CALL(cuGraphDestroy, graph);
    std::set<std::string> orders;
    for (unsigned seed = 0; seed < 40; ++seed) {
        sim::set_seed(seed);
        order.clear();
        TRITORCH_CALL(cuGraphLaunch, executable, nullptr);
        synchronize(0);
        orders.insert(std::string(order.begin(), order.end()));
    }
    CHECK(orders == (std::set<std::string>{"abcd", "acbd"}));
    TRITORCH_CALL(cuGraphExecDestroy, executable);
}

TEST(sim_a_capture_is_spoiled_by_a_wait_and_by_work_that_does_not_come_back) {
    start();
    const CUstream first = new_stream(), second = new_stream();
    CUgraph graph = nullptr;
    TRITORCH_CALL(cuStreamBeginCapture, first, CAPTURE_GLOBAL);
    CHECK_EQUAL(driver().cuStreamSynchronize(first), int(STREAM_CAPTURE_UNSUPPORTED));
    CHECK_EQUAL(driver().cuStreamEndCapture(first, &graph), int(STREAM_CAPTURE_INVALIDATED));
    TRITORCH_CALL(cuStreamSynchronize, first);

    TRITORCH_CALL(cuStreamBeginCapture, first, CAPTURE_GLOBAL);
    Event fork(0, EVENT_DISABLE_TIMING), outside(0, EVENT_DISABLE_TIMING);
    fork.record(first);
    fork.hold_back(second);
    launch(function([](const sim::Launch&) { return SUCCESS; }), second);
    CHECK_EQUAL(driver().cuStreamEndCapture(first, &graph), int(STREAM_CAPTURE_UNJOINED));

    outside.record(second);
    TRITORCH_CALL(cuStreamBeginCapture, first, CAPTURE_GLOBAL);
    CHECK_EQUAL(driver().cuStreamWaitEvent(first, outside.get(), 0), int(STREAM_CAPTURE_ISOLATION));
    CHECK_EQUAL(driver().cuStreamEndCapture(first, &graph), int(STREAM_CAPTURE_INVALIDATED));
    CHECK_EQUAL(driver().cuStreamBeginCapture(nullptr, CAPTURE_GLOBAL), int(STREAM_CAPTURE_UNSUPPORTED));
}
