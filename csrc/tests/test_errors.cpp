// Whatever raises reaches the caller, once, and leaves nothing behind.
#include "fake.h"

using namespace fake;
using check::thrown;

namespace {
Step::Body raising(const char* text) {
    return [text](Values&, Values&) { throw std::runtime_error(text); };
}
}  // namespace

TEST(an_error_in_a_node_reaches_the_caller) {
    auto leaf = sink();
    auto bad = step("bad", raising("bad node"), {to(leaf)});
    auto top = scale(1, {to(bad), to(scale(1, {to(leaf)}))});
    CHECK_EQUAL(thrown([&] { backward(to(top)); }), "bad node");
    CHECK_EQUAL(bad->errors, 1);
    CHECK_EQUAL(leaf->runs, 0);
    auto good = scale(2, {to(leaf)});
    backward(to(good));
    CHECK_EQUAL(leaf->total, 2);
}

TEST(an_invalid_gradient_is_an_error_of_its_node) {
    auto leaf = sink();
    auto top = scale(FakeRuntime::refused, {to(leaf)}, "Wrong");
    CHECK_EQUAL(thrown([&] { backward(to(top)); }), "invalid gradient of Wrong");
    CHECK_EQUAL(thrown([&] { backward(to(leaf), FakeRuntime::refused); }), "invalid gradient of GraphRoot");
}

TEST(errors_in_hooks_and_callbacks) {
    struct Raising final : NodeHooks {
        int where;
        explicit Raising(int where) : where(where) {}
        void at(int place) const {
            if (place == where) throw std::runtime_error("hook " + std::to_string(place));
        }
        void of_tensors(Node&, Values&) override { at(0); }
        void before(Node&, Values&) override { at(1); }
        bool has_after() const override { return true; }
        void after(Node&, Values&, const Values&) override { at(2); }
    };
    for (int where = 0; where < 3; ++where) {
        auto node = scale(1, {to(sink())});
        node->set_hooks(std::make_unique<Raising>(where));
        CHECK_EQUAL(thrown([&] { backward(to(node)); }), "hook " + std::to_string(where));
    }
    auto node = step("node", [](Values&, Values&) {
        Engine::current()->add_callback([] { throw std::runtime_error("callback"); });
    });
    CHECK_EQUAL(thrown([&] { backward(to(node)); }), "callback");
}

TEST(an_interrupt_between_nodes) {
    auto leaf = sink();
    NodePtr last = leaf;
    for (int i = 0; i < 1000; ++i) last = scale(1, {Edge{last, 0}});
    const int before = world().breaths;
    world().interrupt = true;
    CHECK_EQUAL(thrown([&] { backward(Edge{last, 0}); }), "interrupted");
    CHECK_EQUAL(leaf->runs, 0);
    CHECK(world().breaths > before);
}

TEST(five_hundred_errors_leave_the_engine_usable) {
    auto leaf = sink();
    for (int i = 0; i < 500; ++i) {
        auto bad = step("bad", raising("again"), {to(leaf)});
        NodePtr last = bad;
        for (int j = 0; j < i % 7; ++j) last = scale(1, {Edge{last, 0}, to(leaf)});
        CHECK_EQUAL(thrown([&] { backward(Edge{last, 0}); }), "again");
    }
    leaf->total = 0;
    backward(to(scale(1, {to(leaf)})));
    CHECK_EQUAL(leaf->total, 1);
}

TEST(an_edge_that_was_not_counted_is_reported) {
    auto leaf = sink(), stranger = sink();
    auto node = step("node", [](Values&, Values& results) { results.push_back(number(1)); }, {to(leaf)});
    auto meddler = step("meddler",
                        [&](Values&, Values& results) {
                            node->replace_edge(0, to(stranger));
                            results.push_back(number(1));
                        },
                        {to(node)});
    CHECK_EQUAL(thrown([&] { backward(to(meddler)); }), "dependency not found for Sink");
}
