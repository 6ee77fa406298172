#include "graveyard.h"

#include "lock.h"
#include "node.h"
#include "value.h"

#include <mutex>
#include <vector>

namespace tritorch::autograd {

namespace {

struct ReapQueue {
    std::mutex mutex;  // a leaf lock: nothing is called while it is held
    std::vector<Node*> nodes;
    std::vector<void*> values;
    std::atomic<bool> waiting{false};
};

// Never destroyed: threads may outlive main().
ReapQueue* reap_queue = new ReapQueue;

thread_local Node* dead_nodes = nullptr;
thread_local bool digging = false;

Runtime* the_runtime = nullptr;

}  // namespace

Runtime& runtime() noexcept { return *the_runtime; }
void set_runtime(Runtime* runtime) noexcept { the_runtime = runtime; }

class Graveyard {
  public:
    static void lay(Node* node) noexcept {
        node->next_dead_ = dead_nodes;
        dead_nodes = node;
        if (digging) return;
        digging = true;
        while (Node* next = dead_nodes) {
            dead_nodes = next->next_dead_;
            delete next;
        }
        digging = false;
    }
};

void Node::bury() noexcept {
    if (runtime().inside()) {
        Graveyard::lay(this);
        return;
    }
    {
        const EngineLock lock(reap_queue->mutex);
        reap_queue->nodes.push_back(this);
        reap_queue->waiting = true;
    }
    runtime().reap_soon();
}

bool Node::retain_if_alive() noexcept {
    std::uint32_t references = references_.load(std::memory_order_relaxed);
    while (references != 0) {
        if (references_.compare_exchange_weak(references, references + 1, std::memory_order_acquire))
            return true;
    }
    return false;
}

void Value::give_back(void* held) noexcept {
    if (runtime().inside()) {
        runtime().drop(held);
        return;
    }
    {
        const EngineLock lock(reap_queue->mutex);
        reap_queue->values.push_back(held);
        reap_queue->waiting = true;
    }
    runtime().reap_soon();
}

void reap() noexcept {
    while (reap_queue->waiting.load(std::memory_order_acquire)) {
        std::vector<Node*> nodes;
        std::vector<void*> values;
        {
            const EngineLock lock(reap_queue->mutex);
            nodes.swap(reap_queue->nodes);
            values.swap(reap_queue->values);
            reap_queue->waiting = false;
        }
        for (void* value : values) runtime().drop(value);
        for (Node* node : nodes) Graveyard::lay(node);
    }
}

std::size_t waiting_to_be_reaped() noexcept {
    const EngineLock lock(reap_queue->mutex);
    return reap_queue->nodes.size() + reap_queue->values.size();
}

void forget_reap_queue() noexcept { reap_queue = new ReapQueue; }

}  // namespace tritorch::autograd
