// How nodes and gradients end.
//
// Note [Iterative deletion]
// A node owns its edges and, through what it saved, tensors that own further nodes; a naive destructor would
// recurse once a node and overflow the stack on a deep graph. Here the last owner lays a node in the
// graveyard of its thread; whoever laid the first one digs until the graveyard is empty. Whatever a
// destructor lets go of, directly or through any number of Python objects, only adds to the same list.
//
// Note [Reap queue]
// Nodes and gradients may hold Python objects, so they end inside the runtime only. A thread that is outside
// leaves them in the reap queue; the next one that comes in (or that the runtime sends, `reap_soon`) destroys
// them.
#pragma once

#include <cstddef>

namespace tritorch::autograd {

// Destroys what other threads left. Called inside the runtime; cheap when there is nothing.
void reap() noexcept;
// How many nodes and gradients wait; for tests.
std::size_t waiting_to_be_reaped() noexcept;
// In a forked child: what waits is forgotten, with any lock that another thread of the parent held.
void forget_reap_queue() noexcept;

}  // namespace tritorch::autograd
