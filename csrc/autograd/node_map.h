// The nodes of one backward pass, each with what the pass knows of it: a flat hash table with open
// addressing. It is filled while dependencies are counted; afterwards its structure is constant and lookups
// need no lock.
#pragma once

#include "node.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tritorch::autograd {

struct Slot {
    Node* node = nullptr;
    std::uint32_t missing = 0;  // gradients that have not come yet, one an edge
    std::uint32_t buffer = 0;   // where those that came are summed; 0: none came
    bool needed = false;        // on the way to one of the wanted inputs
    bool captured = false;      // one of the wanted inputs itself
};

class NodeMap {
  public:
    NodeMap() : slots_(32) {}

    std::size_t size() const noexcept { return size_; }
    Slot* find(const Node* node) noexcept {
        Slot& slot = probe(node);
        return slot.node ? &slot : nullptr;
    }
    // Valid until the next insertion. `inserted` tells whether the node was new.
    Slot& insert(Node* node, bool& inserted) {
        if (2 * (size_ + 1) > slots_.size()) grow();
        Slot& slot = probe(node);
        inserted = slot.node == nullptr;
        if (inserted) {
            slot.node = node;
            ++size_;
        }
        return slot;
    }

  private:
    // Nodes are at least 64 bytes apart or so; the multiplication spreads the bits that differ.
    static std::size_t hash(const Node* node) noexcept {
        const auto bits = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(node));
        return static_cast<std::size_t>((bits >> 4) * 0x9E3779B97F4A7C15ull >> 20);
    }
    Slot& probe(const Node* node) noexcept {
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = hash(node) & mask;
        while (slots_[i].node && slots_[i].node != node) i = (i + 1) & mask;
        return slots_[i];
    }
    void grow() {
        std::vector<Slot> old(2 * slots_.size());
        old.swap(slots_);
        for (const Slot& slot : old) {
            if (slot.node) probe(slot.node) = slot;
        }
    }

    std::vector<Slot> slots_;  // a power of two, at most half full
    std::size_t size_ = 0;
};

}  // namespace tritorch::autograd
