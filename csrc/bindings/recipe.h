// How a fast path records: the derivative of its operator, and what that saves of a call.
#pragma once

#include "py.h"

#include <memory>
#include <vector>

namespace tritorch {

class Recipe {
  public:
    // From Fast.record's arguments; empty with an error set.
    static std::unique_ptr<Recipe> parse(PyObject* op_backward, PyObject* saved);

    // Puts the node of op(*inputs, *arguments) behind `out`. -1 with an error set.
    int record(PyObject* out, PyObject* const* inputs, int count, PyObject* const* arguments = nullptr) const;

  private:
    enum class What : uint8_t { input, shape, out, value, argument };
    struct Saved {
        What what = What::value;
        int input = 0;       // which one, of input, shape and argument
        unsigned users = 0;  // positions whose gradients ask for it; 0: all
        Ref value;
    };
    Ref value_of(const Saved& saved, PyObject* out, PyObject* const* inputs, PyObject* const* arguments,
                 unsigned needed) const;

    Ref op_backward_;
    std::vector<Saved> saved_;
};

}  // namespace tritorch
