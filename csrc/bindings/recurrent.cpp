// What an LSTM does at one time step besides the products with its weights: all in one pass over the gates.
#include "../special/clones.h"
#include "../special/pointwise.h"
#include "numpy.h"

#include <array>

namespace tritorch {

namespace {

template <class T>
TRITORCH_INLINE T tanh_of(T x) {
    const T below = pointwise::expm1_below(-2 * std::abs(x));  // exp(-2|x|) - 1
    return std::copysign(-below / (2 + below), x);
}

// One sequence: the sums at the gates i, f, g, o become their values; the cell and hidden state follow.
struct Forward {
    // which arrays are as wide as all gates: gates, x, cell, kept, hidden
    static constexpr std::array<bool, 5> wide = {true, true, false, false, false};

    template <class T>
    TRITORCH_INLINE static void row(const std::array<T*, 5>& at, npy_intp size) {
        const auto [gates, x, cell, kept, hidden] = at;
        T *i = gates, *f = gates + size, *g = gates + 2 * size, *o = gates + 3 * size;
#pragma GCC ivdep
        for (npy_intp k = 0; k < size; ++k) {
            i[k] = pointwise::sigmoid(i[k] + x[k]);
            f[k] = pointwise::sigmoid(f[k] + x[size + k]);
            g[k] = tanh_of(g[k] + x[2 * size + k]);
            o[k] = pointwise::sigmoid(o[k] + x[3 * size + k]);
            kept[k] = cell[k] = f[k] * cell[k] + i[k] * g[k];
            hidden[k] = o[k] * tanh_of(cell[k]);
        }
    }
};

// Back from the gradients of hidden and cell state to those of the sums at the gates and of the cell before.
struct Backward {
    // d_gates, gates, cell, before, d_hidden, d_cell
    static constexpr std::array<bool, 6> wide = {true, true, false, false, false, false};

    template <class T>
    TRITORCH_INLINE static void row(const std::array<T*, 6>& at, npy_intp size) {
        const auto [d_gates, gates, cell, before, d_hidden, d_cell] = at;
        const T *i = gates, *f = gates + size, *g = gates + 2 * size, *o = gates + 3 * size;
        T *d_i = d_gates, *d_f = d_gates + size, *d_g = d_gates + 2 * size, *d_o = d_gates + 3 * size;
#pragma GCC ivdep
        for (npy_intp k = 0; k < size; ++k) {
            const T exposed = tanh_of(cell[k]);
            const T d_c = d_cell[k] + d_hidden[k] * o[k] * (1 - exposed * exposed);
            d_i[k] = d_c * g[k] * i[k] * (1 - i[k]);
            d_f[k] = d_c * before[k] * f[k] * (1 - f[k]);
            d_g[k] = d_c * i[k] * (1 - g[k] * g[k]);
            d_o[k] = d_hidden[k] * exposed * o[k] * (1 - o[k]);
            d_cell[k] = d_c * f[k];
        }
    }
};

// The matrices of one step: as many rows each, as wide as the state or as all four gates.
template <class Pass>
struct Step {
    static constexpr std::size_t count = Pass::wide.size();
    std::array<void*, count> data;
    npy_intp rows, size;

    template <class T>
    TRITORCH_INLINE void run() const {
        for (npy_intp n = 0; n < rows; ++n) {
            std::array<T*, count> at;
            for (std::size_t i = 0; i < count; ++i)
                at[i] = static_cast<T*>(data[i]) + n * size * (Pass::wide[i] ? 4 : 1);
            Pass::row(at, size);
        }
    }
};

TRITORCH_CLONES void run(const Step<Forward>& step, float) { step.run<float>(); }
TRITORCH_CLONES void run(const Step<Forward>& step, double) { step.run<double>(); }
TRITORCH_CLONES void run(const Step<Backward>& step, float) { step.run<float>(); }
TRITORCH_CLONES void run(const Step<Backward>& step, double) { step.run<double>(); }

bool is_matrix(PyObject* object, int type, npy_intp rows, npy_intp columns) {
    if (!PyArray_Check(object)) return false;
    PyArrayObject* array = as_array(object);
    return PyArray_ISCARRAY(array) && PyArray_NDIM(array) == 2 && PyArray_TYPE(array) == type &&
           PyArray_DIM(array, 0) == rows && PyArray_DIM(array, 1) == columns;
}

template <class Pass>
PyObject* step(PyObject*, PyObject* const* args, Py_ssize_t count) {
    const bool given = count == static_cast<Py_ssize_t>(Pass::wide.size()) && PyArray_Check(args[2]) &&
                       PyArray_NDIM(as_array(args[2])) == 2;
    PyArrayObject* cell = given ? as_array(args[2]) : nullptr;
    const int type = given ? PyArray_TYPE(cell) : NPY_NOTYPE;
    bool fits = type == NPY_FLOAT || type == NPY_DOUBLE;
    Step<Pass> step;
    for (std::size_t i = 0; fits && i < Pass::wide.size(); ++i) {
        step.rows = PyArray_DIM(cell, 0), step.size = PyArray_DIM(cell, 1);
        fits = is_matrix(args[i], type, step.rows, step.size * (Pass::wide[i] ? 4 : 1));
        if (fits) step.data[i] = PyArray_DATA(as_array(args[i]));
    }
    if (!fits) {
        PyErr_SetString(PyExc_TypeError, "an LSTM's step takes C-contiguous matrices of one floating type");
        return nullptr;
    }
    type == NPY_FLOAT ? run(step, 0.f) : run(step, 0.);
    Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"lstm_step", method(step<Forward>), METH_FASTCALL,
     "lstm_step(gates, x, cell, kept, hidden): gates + x become the gates' values, the cell is updated and "
     "kept."},
    {"lstm_step_backward", method(step<Backward>), METH_FASTCALL,
     "lstm_step_backward(d_gates, gates, cell, before, d_hidden, d_cell): fills d_gates, updates d_cell."},
    {nullptr, nullptr, 0, nullptr}};

const Subject subject([](PyObject* module) { return PyModule_AddFunctions(module, functions); });

}  // namespace

}  // namespace tritorch
