// What a pass computes, and in which order.
#include "fake.h"

using namespace fake;

TEST(a_gradient_reaches_the_leaf) {
    auto leaf = sink();
    auto node = scale(3, {to(leaf)});
    backward(to(node), 2);
    CHECK_EQUAL(leaf->total, 6);
    CHECK_EQUAL(node->released, 1);
}

TEST(gradients_of_two_uses_are_summed_before_a_node_runs) {
    auto leaf = sink();
    auto shared = scale(10, {to(leaf)});
    auto left = scale(2, {to(shared)}), right = scale(3, {to(shared)});
    auto top = scale(1, {to(left), to(right)});
    backward(to(top));
    CHECK_EQUAL(leaf->total, 50);
    CHECK_EQUAL(leaf->runs, 1);
}

TEST(a_node_gets_one_gradient_for_each_output) {
    double first = 0, second = 0;
    auto two = step(
        "Two",
        [&](Values& gradients, Values&) {
            first = read(gradients[0]);
            second = gradients[1] ? read(gradients[1]) : -1;
        },
        {}, 2);
    Request both = from(to(two, 0), 1);
    both.roots.push_back(to(two, 1));
    both.gradients.push_back(number(5));
    run(std::move(both));
    CHECK_EQUAL(first, 1);
    CHECK_EQUAL(second, 5);
    backward(to(two, 0), 7);
    CHECK_EQUAL(first, 7);
    CHECK_EQUAL(second, -1);
}

TEST(later_recorded_nodes_run_first_and_accumulators_before_all) {
    std::vector<std::string> order;
    auto accumulator = sink();
    auto leaf = step("leaf", [&](Values&, Values&) { order.push_back("leaf"); });
    auto note = [&](const char* name) {
        return [&order, name](Values&, Values& results) {
            order.push_back(name);
            results.push_back(number(1));
        };
    };
    auto old = step("old",
                    [&](Values&, Values& results) {
                        order.push_back(accumulator->runs ? "old, after the accumulator" : "old");
                        results.push_back(number(1));
                    },
                    {to(leaf)});
    auto middle = step("middle", note("middle"), {to(accumulator)});
    auto young = step("young", note("young"), {to(leaf)});
    auto top = scale(1, {to(old), to(middle), to(young)});
    backward(to(top));
    CHECK_EQUAL(order.size(), 4u);
    CHECK_EQUAL(order[0], "young");
    CHECK_EQUAL(order[1], "middle");
    CHECK_EQUAL(order[2], "old, after the accumulator");
    CHECK_EQUAL(order[3], "leaf");
}

TEST(an_undefined_gradient_still_runs_the_next_node) {
    int runs = 0;
    bool defined = true;
    auto next = step("next", [&](Values& gradients, Values&) {
        ++runs;
        defined = static_cast<bool>(gradients[0]);
    });
    auto top = step("top", [](Values&, Values& results) { results.push_back({}); }, {to(next)});
    backward(to(top));
    CHECK_EQUAL(runs, 1);
    CHECK(!defined);
}

TEST(a_node_that_returns_nothing_ends_the_way) {
    auto leaf = sink();
    auto top = step("top", [](Values&, Values&) {}, {to(leaf)});
    backward(to(top));
    CHECK_EQUAL(leaf->runs, 0);
}

TEST(edges_to_nowhere_are_skipped) {
    auto leaf = sink();
    auto top = scale(2, {Edge(), to(leaf), Edge()});
    backward(to(top));
    CHECK_EQUAL(leaf->total, 2);
}

TEST(a_kept_graph_runs_twice) {
    auto leaf = sink();
    auto node = scale(3, {to(leaf)});
    for (int i = 0; i < 2; ++i) {
        Request request = from(to(node));
        request.keep_graph = true;
        run(std::move(request));
    }
    CHECK_EQUAL(leaf->total, 6);
    CHECK_EQUAL(node->released, 0);
}

TEST(wanted_inputs_are_captured_and_nothing_else_runs) {
    auto leaf = sink(), other = sink();
    auto unneeded = scale(1, {to(other)});
    auto inner = scale(5, {to(leaf)});
    auto top = scale(2, {to(inner), to(unneeded)});
    Request request = from(to(top), 3);
    request.accumulate = false;
    request.inputs = {to(inner), to(leaf)};
    {
        const Inside scope;
        world().leave();
        std::vector<Value> captured = run(std::move(request));
        world().enter();
        CHECK_EQUAL(read(captured[0]), 6);
        CHECK_EQUAL(read(captured[1]), 30);
        captured.clear();
    }
    CHECK_EQUAL(leaf->runs, 0);
    CHECK_EQUAL(other->runs, 0);
    CHECK_EQUAL(unneeded->released, 0);
}

TEST(an_unreachable_input_is_empty) {
    auto leaf = sink(), stranger = sink();
    auto top = scale(2, {to(leaf)});
    Request request = from(to(top));
    request.accumulate = false;
    request.inputs = {to(stranger), Edge()};
    std::vector<Value> captured = run(std::move(request));
    CHECK(!captured[0]);
    CHECK(!captured[1]);
}

TEST(backward_into_chosen_leaves_leaves_the_others_alone) {
    auto a = sink(), b = sink();
    auto shared = scale(1, {to(a), to(b)});
    auto top = scale(2, {to(shared), to(b)});
    Request request = from(to(top));
    request.inputs = {to(a)};
    run(std::move(request));
    CHECK_EQUAL(a->total, 2);
    CHECK_EQUAL(b->runs, 0);
}

TEST(needs_travel_up_through_shared_nodes) {
    auto leaf = sink();
    auto shared = scale(1, {to(leaf)});
    auto left = scale(2, {to(shared)}), right = scale(3, {to(shared)});
    auto top = scale(1, {to(left), to(right)});
    Request request = from(to(top));
    request.inputs = {to(leaf)};
    run(std::move(request));
    CHECK_EQUAL(leaf->total, 5);
}

TEST(hooks_run_in_order_and_change_gradients) {
    struct Noting final : NodeHooks {
        std::vector<std::string>& notes;
        explicit Noting(std::vector<std::string>& notes) : notes(notes) {}
        void of_tensors(Node&, Values& gradients) override {
            notes.push_back("tensors");
            gradients[0] = number(read(gradients[0]) * 10);
        }
        void before(Node&, Values& gradients) override {
            notes.push_back("before");
            gradients[0] = number(read(gradients[0]) + 1);
        }
        bool has_after() const override { return true; }
        void after(Node&, Values& results, const Values& gradients) override {
            notes.push_back("after");
            results[0] = number(read(results[0]) + read(gradients[0]));
        }
    };
    std::vector<std::string> notes;
    auto leaf = sink();
    auto node = scale(2, {to(leaf)});
    node->set_hooks(std::make_unique<Noting>(notes));
    backward(to(node));
    CHECK_EQUAL(leaf->total, 33);
    CHECK_EQUAL(notes[0] + notes[1] + notes[2], "tensorsbeforeafter");

    // Where a gradient is only captured, the tensors' hooks run alone, and before it is taken.
    notes.clear();
    Request request = from(to(node));
    request.accumulate = false;
    request.inputs = {to(node)};
    std::vector<Value> captured = run(std::move(request));
    const Inside scope;
    CHECK_EQUAL(read(captured[0]), 10);
    CHECK_EQUAL(notes.size(), 1u);
    captured.clear();
}

TEST(nodes_see_the_modes_of_their_pass) {
    std::uint32_t seen = 0;
    auto node = step("node", [&](Values&, Values&) { seen = modes; });
    modes = 1;
    Request request = from(to(node));
    request.modes = 2;
    run(std::move(request));
    CHECK_EQUAL(seen, 2u);
    CHECK_EQUAL(modes, 1u);
    modes = 0;
}

TEST(callbacks_run_at_the_end_and_may_add_more) {
    auto leaf = sink();
    int order = 0;
    auto node = step("node",
                     [&](Values&, Values& results) {
                         GraphTask* task = Engine::current();
                         task->add_callback([&order, task, leaf] {
                             CHECK_EQUAL(leaf->runs, 1);
                             order = 1;
                             task->add_callback([&order] { order = order * 10 + 2; });
                         });
                         results.push_back(number(1));
                     },
                     {to(leaf)});
    backward(to(node));
    CHECK_EQUAL(order, 12);
    CHECK(Engine::current() == nullptr);
}

TEST(topological_numbers_fall_along_edges) {
    auto leaf = sink();
    auto a = scale(1, {to(leaf)}), b = scale(1, {to(a), to(leaf)});
    CHECK_EQUAL(leaf->topological(), 0u);
    CHECK_EQUAL(a->topological(), 1u);
    CHECK_EQUAL(b->topological(), 2u);
    b->replace_edge(1, to(a));
    CHECK_EQUAL(b->topological(), 2u);
}
