// What the simulated device watches, driven without Python: planted faults are found, what is ordered is not.
#include "device_fake.h"

using namespace fake_device;

TEST(watch_an_unordered_read_is_a_race_with_both_places) {
    start();
    const Segment segment(4096);
    const CUstream side = new_stream();
    place = "model.py:3";
    Block block(segment.at, 400, nullptr);
    place = "model.py:10";
    write(block, nullptr);
    synchronize(0);
    write(block, nullptr);
    place = "model.py:20";
    read(block, side);
    synchronize(0);
    const std::vector<sim::Finding> all = sim::take_findings();
    CHECK_EQUAL(all.size(), std::size_t(1));
    for (const char* part : {"kernel read at model.py:20", "kernel write at model.py:10", "model.py:3",
                             "no event orders the two", "byte 0 of a block of 400 bytes"})
        CHECK(all[0].text.find(part) != std::string::npos);
}

// A block used on a second stream and freed without record_stream is given out again while that use is
// pending.
TEST(watch_a_missing_record_stream_is_a_race_with_the_next_allocation) {
    start();
    const Segment segment(4096);
    const CUstream side = new_stream();
    for (const bool recorded : {true, false}) {
        Event ready(0, EVENT_DISABLE_TIMING), used(0, EVENT_DISABLE_TIMING);
        {
            Block block(segment.at, 400, nullptr);
            write(block, nullptr);
            ready.record(nullptr);
            ready.hold_back(side);
            read(block, side);
            used.record(side);
        }
        if (recorded) used.synchronize();  // what an allocator does with the streams that were recorded
        Block next(segment.at, 400, nullptr);
        write(next, nullptr);
        CHECK_EQUAL(found(), recorded ? "" : "race");
    }
}

TEST(watch_an_event_recorded_too_early_orders_nothing) {
    start();
    const Segment segment(4096);
    const CUstream side = new_stream();
    Block block(segment.at, 400, nullptr);
    Event event(0, EVENT_DISABLE_TIMING);
    event.record(nullptr);
    write(block, nullptr);
    event.hold_back(side);
    read(block, side);
    CHECK_EQUAL(found(), "race");
    event.record(nullptr);
    event.hold_back(side);
    read(block, side);
    CHECK_EQUAL(found(), "");
}

TEST(watch_many_readers_and_the_writer_that_waited_for_all_but_one) {
    start();
    const Segment segment(4096);
    Block block(segment.at, 400, nullptr);
    write(block, nullptr);
    synchronize(0);
    std::vector<CUstream> streams;
    for (int i = 0; i < 5; ++i) streams.push_back(new_stream());
    for (const bool all : {true, false}) {
        for (const CUstream stream : streams) read(block, stream);
        for (std::size_t i = 0; i + (all ? 0 : 1) < streams.size(); ++i) {
            Event event(0, EVENT_DISABLE_TIMING);
            event.record(streams[i]);
            event.hold_back(nullptr);
        }
        write(block, nullptr);
        CHECK_EQUAL(found(), all ? "" : "race");
    }
}

TEST(watch_a_store_across_the_end_of_a_block_fails_and_touches_nothing) {
    start();
    const Segment segment(4096);
    Block low(segment.at, 512, nullptr), high(segment.at + 512, 512, nullptr);
    write(low, nullptr);
    write(high, nullptr);
    launch(function([&](const sim::Launch&) { return access(low.at + 510, 1, true); }, "wide"), nullptr);
    CHECK(check::thrown([] { synchronize(0); }).find("unspecified launch failure") != std::string::npos);
    const std::vector<sim::Finding> all = sim::take_findings();
    CHECK(all.size() == 1 && all[0].kind == "bounds");
    CHECK(all[0].text.find("lane 0 stores 4 bytes") != std::string::npos);
}

TEST(watch_a_store_into_no_block_is_told_with_its_lane) {
    start();
    const Segment segment(4096);
    Block block(segment.at, 100, nullptr);
    launch(function([&](const sim::Launch&) { return access(block.at, 30, true); }, "wide"), nullptr);
    CHECK(check::thrown([] { synchronize(0); }).find("unspecified launch failure") != std::string::npos);
    const std::vector<sim::Finding> all = sim::take_findings();
    CHECK_EQUAL(all.size(), std::size_t(1));
    CHECK(all[0].kind == "bounds");
    CHECK(all[0].text.find("lane 25 stores 4 bytes") != std::string::npos);
    CHECK(all[0].text.find("0 bytes past the end of a block of 100 bytes") != std::string::npos);
}

TEST(watch_guard_bytes_are_looked_at_when_the_block_dies) {
    start();
    const Segment segment(4096);
    {
        Block block(segment.at, 100, nullptr);
        launch(function([&](const sim::Launch&) {
                   *reinterpret_cast<char*>(block.at + 103 + sim::delta()) = 0;
                   return SUCCESS;
               }),
               nullptr);
        synchronize(0);
    }
    synchronize(0);
    const std::vector<sim::Finding> all = sim::take_findings();
    CHECK(all.size() == 1 && all[0].kind == "guard");
    CHECK(all[0].text.find("byte 3 past the end of a block of 100 bytes") != std::string::npos);
}

TEST(watch_memory_given_out_again_is_unwritten_again) {
    start();
    const Segment segment(4096);
    {
        Block block(segment.at, 400, nullptr);
        write(block, nullptr);
        read(block, nullptr);
    }
    CHECK_EQUAL(found(), "");
    Block again(segment.at, 400, nullptr);
    read(again, nullptr);
    CHECK_EQUAL(found(), "uninitialized");
}

TEST(watch_a_graph_uses_what_lived_when_it_was_captured) {
    start();
    const Segment segment(4096);
    const CUstream stream = new_stream();
    CUgraph graph = nullptr;
    CUgraphExec executable = nullptr;
    TRITORCH_CALL(cuStreamBeginCapture, stream, CAPTURE_GLOBAL);
    {
        Block block(segment.at, 400, stream);
        write(block, stream);
        read(block, stream);
    }
    TRITORCH_CALL(cuStreamEndCapture, stream, &graph);
    TRITORCH_CALL(cuGraphInstantiate, &executable, graph, 0);
    for (int i = 0; i < 3; ++i) TRITORCH_CALL(cuGraphLaunch, executable, stream);
    CHECK_EQUAL(found(), "");
    TRITORCH_CALL(cuGraphExecDestroy, executable);
    TRITORCH_CALL(cuGraphDestroy, graph);
}
