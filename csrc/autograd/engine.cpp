#include "engine.h"

#include "graveyard.h"
#include "lock.h"

#include <cxxabi.h>
#include <stdexcept>
#include <thread>

namespace tritorch::autograd {

namespace {

// What the engine knows of the calling thread.
struct Here {
    int device = Node::host;
    ReadyQueue* queue = nullptr;  // of a worker
    int nested = 0;               // passes that this thread drives, one inside the other
    int depth = 0;                // the same, counted through the threads of the pool
    GraphTask* current = nullptr;
};
thread_local Here here;

Engine* the_engine = new Engine;  // never destroyed: threads may outlive main()
std::atomic<bool> breathe_always{false};

// Being inside the runtime, kept from node to node and given up only to block.
class Lease {
  public:
    Lease() { take(); }
    ~Lease() { drop(); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    void take() {
        if (held_) return;
        runtime().enter();
        held_ = true;
        reap();
    }
    void drop() {
        if (!held_) return;
        held_ = false;
        runtime().leave();
    }
    // After a node.
    void breathe() {
        constexpr int nodes_between = 64;
        if (++nodes_ < nodes_between && !breathe_always.load(std::memory_order_relaxed)) return;
        nodes_ = 0;
        runtime().breathe();
        reap();
    }

  private:
    bool held_ = false;
    int nodes_ = 0;
};

// The thread runs a node, or a callback, of a task.
class Running {
  public:
    explicit Running(GraphTask& task) noexcept
        : outer_(std::exchange(here.current, &task)), modes_(runtime().switch_modes(task.modes())) {}
    ~Running() {
        runtime().switch_modes(modes_);
        here.current = outer_;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

  private:
    GraphTask* outer_;
    std::uint32_t modes_;
};

// The thread drives one more task.
class Nesting {
  public:
    explicit Nesting(int depth) noexcept : depth_(std::exchange(here.depth, depth)) { ++here.nested; }
    ~Nesting() {
        --here.nested;
        here.depth = depth_;
    }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

  private:
    int depth_;
};

// Runs `step`; an exception becomes the task's. Tells whether there was none.
template <class Step>
bool guarded(GraphTask& task, Step step) {
    try {
        step();
        return true;
    } catch (abi::__forced_unwind&) {
        throw;  // the thread is being cancelled: the C library insists
    } catch (...) {
        task.fail(std::current_exception());
        return false;
    }
}

}  // namespace

Engine& Engine::instance() noexcept { return *the_engine; }
GraphTask* Engine::current() noexcept { return here.current; }
void Engine::always_breathe() noexcept { breathe_always = true; }

void Engine::after_fork_in_child() noexcept {
    const bool orphaned = the_engine->orphaned_ || !the_engine->devices_.empty();
    the_engine = new Engine;  // the old one's locks may be held by threads that are no more
    the_engine->orphaned_ = orphaned;
    forget_reap_queue();
}

std::vector<Value> Engine::run(Request request) {
    const int depth = here.nested ? here.depth + 1 : 0;
    auto task = Pointer<GraphTask>::adopt(new GraphTask(std::move(request), depth, here.device, here.queue));
    if (orphaned_ && task->shared()) {  // beyond torch: what runs on this thread alone needs none of them
        throw std::runtime_error(
            "Unable to handle autograd's threading in combination with fork-based multiprocessing. "
            "The process was forked after the engine had started its device threads; use the 'spawn' start "
            "method.");
    }
    if (here.nested >= max_nested) {
        hand_to_pool(*task);
        task->wait();
    } else {
        drive(*task);
    }
    if (std::exception_ptr error = task->take_error()) std::rethrow_exception(std::move(error));
    return task->take_captured();
}

void Engine::drive(GraphTask& task) {
    Nesting nesting(task.depth());
    if (task.shared()) {
        task.begin_node();  // the seed counts as one, or the task might look finished half-way
        {
            Lease lease;
            seed(task);
        }
        if (task.end_node() || task.failed()) task.finish();
        drive_queue(task.host_queue(), &task);
    } else {
        drive_alone(task);
    }
    task.close();
}

void Engine::drive_alone(GraphTask& task) {
    {
        Lease lease;
        seed(task);
        ReadyNode ready;
        while (!task.failed() && task.host_queue().try_pop(ready)) {
            process(ready);
            guarded(task, [&] { lease.breathe(); });
        }
        if (!task.failed()) {
            Running running(task);
            guarded(task, [&] { task.run_callbacks(); });
        }
        task.drop_graph();
    }
    task.finish();
}

// Runs what comes through a queue: of a worker, or of a pass of which other threads run a part.
void Engine::drive_queue(ReadyQueue& queue, GraphTask* task) {
    {
        Lease lease;
        ReadyNode ready;
        for (;;) {
            if (task && task->done()) break;
            if (!queue.try_pop(ready)) {
                lease.drop();
                if (!queue.pop(task, ready)) break;
                lease.take();
            }
            process(ready);
            guarded(*ready.task, [&] { lease.breathe(); });
            if (ready.task->end_node() || ready.task->failed()) ready.task->finish();
            ready = {};
        }
    }
    if (task) {
        Lease lease;
        Running running(*task);
        guarded(*task, [&] { task->join_streams(); });
        if (task->failed()) return;  // other threads may still be in it
        guarded(*task, [&] { task->run_callbacks(); });
        task->drop_graph();
    }
}

void Engine::seed(GraphTask& task) {
    Running running(task);
    guarded(task, [&] {
        Values none, gradients;
        task.root().run(none, gradients);
        runtime().validate(task.root(), gradients);
        distribute(task, task.root(), gradients);
    });
}

void Engine::process(ReadyNode& ready) {
    GraphTask& task = *ready.task;
    if (task.failed()) return;
    Running running(task);
    if (!guarded(task, [&] { evaluate(task, *ready.slot); })) ready.slot->node->on_error();
}

void Engine::evaluate(GraphTask& task, Slot& slot) {
    Node& node = *slot.node;
    NodeHooks* hooks = node.hooks();
    const Place place = task.place_of(node);
    const OnPlace here(place);
    task.note_used(place);
    Values gradients = task.collect(slot);
    if (slot.captured && slot.needed) task.capture(slot, gradients);  // torch too: before the tensors' hooks
    if (hooks) hooks->of_tensors(node, gradients);
    if (slot.captured && !slot.needed) task.capture(slot, gradients);
    if (task.selective() && !slot.needed) return;

    Values results;
    if (hooks) {
        hooks->before(node, gradients);
        Values before;
        if (hooks->has_after()) {
            for (const Value& gradient : gradients) before.push_back(gradient.share());
        }
        node.run(gradients, results);
        runtime().validate(node, results);
        if (hooks->has_after()) hooks->after(node, results, before);
    } else {
        node.run(gradients, results);
        runtime().validate(node, results);
    }
    if (!task.keep_graph()) node.release_saved();
    distribute(task, node, results);
}

void Engine::distribute(GraphTask& task, const Node& node, Values& results) {
    for (std::uint32_t i = 0; i < results.size(); ++i) {
        const Edge& edge = node.edges()[i];
        if (!edge) continue;
        const OnPlace there(task.bring(results[i], *edge.node));
        if (Slot* ready = task.deliver(edge, std::move(results[i]))) push(task, *ready);
    }
}

void Engine::push(GraphTask& task, Slot& slot) {
    if (task.shared()) task.begin_node();
    ReadyNode ready{Pointer<GraphTask>(&task), &slot, slot.node->sequence(), task.depth()};
    const int device = slot.node->device();
    (device == Node::host ? task.host_queue() : device_queue(device)).push(std::move(ready));
}

// ---- threads ----------------------------------------------------------------------------------------

ReadyQueue& Engine::device_queue(int device) {
    const EngineLock lock(devices_mutex_);
    const auto index = static_cast<std::size_t>(device);
    if (devices_.size() <= index) devices_.resize(index + 1);
    if (!devices_[index]) {
        devices_[index] = std::make_unique<ReadyQueue>(true);
        std::thread(&Engine::device_main, this, device, std::ref(*devices_[index])).detach();
    }
    return *devices_[index];
}

void Engine::device_main(int device, ReadyQueue& queue) {
    here.device = device;
    here.queue = &queue;
    runtime().thread_begins(device);
    Nesting nesting(0);
    drive_queue(queue, nullptr);
}

void Engine::hand_to_pool(GraphTask& task) {
    const EngineLock lock(pool_.mutex);
    pool_.tasks.emplace_back(&task);
    if (pool_.idle < pool_.tasks.size()) {
        std::thread(&Engine::pool_main, this).detach();
    } else {
        pool_.changed.notify_one();
    }
}

// A thread of the pool stands in for whoever handed a task over: it has the same device and drives the same
// queue.
void Engine::pool_main() {
    runtime().thread_begins(Node::host);
    for (;;) {
        Pointer<GraphTask> task;
        {
            EngineLock lock(pool_.mutex);
            ++pool_.idle;
            pool_.changed.wait(lock, [this] { return !pool_.tasks.empty(); });
            --pool_.idle;
            task = std::move(pool_.tasks.front());
            pool_.tasks.pop_front();
        }
        here.device = task->owner();
        here.queue = task->owner() == Node::host ? nullptr : &task->host_queue();
        task->adopt_streams();
        drive(*task);
    }
}

}  // namespace tritorch::autograd
