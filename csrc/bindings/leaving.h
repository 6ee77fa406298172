// Note [Leaving at exit]
// When the interpreter ends, Python (before 3.14) kills every other thread that asks for the GIL by unwinding
// its stack. Our frames would run destructors without the GIL, and a noexcept one calls std::terminate: torch
// aborts. So
// - an atexit handler (engine.cpp) asks the threads that are in the engine to leave it, and waits a moment
// for them;
//   whoever comes to a boundary between two nodes, or wants to enter, sleeps until the process is gone;
// - wherever our code waits for the GIL, or calls what may, it does so through unless_killed(): the innermost
// such
//   frame catches the unwinding, and sleeps.
// No thread is joined, and nothing that they use is destroyed.
#pragma once

#include <cxxabi.h>

namespace tritorch {

[[noreturn]] void sleep_until_exit() noexcept;

// Runs `body`, which may wait for the GIL, and gives its value.
template <class Body>
auto unless_killed(Body body) -> decltype(body()) {
    try {
        return body();
    } catch (abi::__forced_unwind&) { sleep_until_exit(); }
}

}  // namespace tritorch
