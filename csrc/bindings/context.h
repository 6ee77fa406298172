// Note [NumPy context]
// NumPy reads its floating-point error policy and its memory handler from context variables. Operators run
// inside a contextvars.Context of ours, one a thread, in which errors are ignored (torch has no such
// warnings) and arrays come from the caching host allocator (csrc/host). The caller's own policy and its
// arrays' memory stay as they are. A Context cannot be entered twice: nested scopes only count. User code
// must not run inside, for it would neither see nor set its own context variables.
#pragma once

#include "py.h"

namespace tritorch {

class NumpyContext {
  public:
    NumpyContext() noexcept;
    ~NumpyContext();
    NumpyContext(const NumpyContext&) = delete;
    NumpyContext& operator=(const NumpyContext&) = delete;
    // False with an error set where the context could not be made or entered.
    explicit operator bool() const noexcept { return entered_; }

  private:
    bool entered_;
};

}  // namespace tritorch
