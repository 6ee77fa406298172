// The engine runs backward passes.
//
// Note [Threads of the engine]
// Nodes of the host run on the thread that called run(). Each accelerator has one worker thread, started when
// a pass first meets one of its nodes, that runs the nodes of all passes in the order of its ready queue. A
// node may call run() again: the same thread then drives the inner pass, up to `max_nested` deep; beyond, a
// thread of the pool takes over with a fresh stack while the caller waits. A pass that stays on one thread
// takes no lock at all.
//
// No thread is ever joined: workers block in their queues until the process ends, and everything that they
// use outlives main(). See also Note [Entering the runtime] and Note [Leaving at exit].
#pragma once

#include "graph_task.h"
#include "ready_queue.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace tritorch::autograd {

class Engine {
  public:
    static constexpr int max_nested = 60;

    static Engine& instance() noexcept;

    // Runs a pass to its end and hands back the gradients of request.inputs, where it does not accumulate
    // them; an unreachable one is empty. The first exception of a node, hook or callback is rethrown here.
    // Outside the runtime.
    std::vector<Value> run(Request request);

    // The pass whose node the calling thread runs now, or null.
    static GraphTask* current() noexcept;

    // Asks the threads inside to call Runtime::breathe() after the node that they run, every time from now
    // on.
    static void always_breathe() noexcept;
    // In a forked child, which has none of the threads. If a device worker had been started, a pass that
    // asks for one raises from now on.
    static void after_fork_in_child() noexcept;

  private:
    struct Pool {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<Pointer<GraphTask>> tasks;
        std::size_t idle = 0;
    };

    void drive(GraphTask& task);
    void drive_alone(GraphTask& task);
    void drive_queue(ReadyQueue& queue, GraphTask* task);
    void seed(GraphTask& task);
    void process(ReadyNode& ready);
    void evaluate(GraphTask& task, Slot& slot);
    void distribute(GraphTask& task, const Node& node, Values& results);
    void push(GraphTask& task, Slot& slot);
    ReadyQueue& device_queue(int device);
    void hand_to_pool(GraphTask& task);
    void pool_main();
    void device_main(int device, ReadyQueue& queue);

    std::mutex devices_mutex_;
    std::vector<std::unique_ptr<ReadyQueue>> devices_;
    bool orphaned_ = false;  // a forked child of a process with workers
    Pool pool_;
};

}  // namespace tritorch::autograd
