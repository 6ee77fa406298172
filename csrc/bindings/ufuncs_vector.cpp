// The formulas of special/pointwise.h as NumPy ufuncs, in loops that compilers turn into vector code.
#include "../special/clones.h"
#include "../special/pointwise.h"

#include "ufuncs.h"

namespace tritorch {

namespace {

template <class T>
T* typed(char* at) {
    return reinterpret_cast<T*>(at);
}

// The output may be an input: no iteration reads what another writes.
template <class T, class Formula>
TRITORCH_INLINE void each1(char** args, npy_intp n, const npy_intp* steps, Formula formula) {
    if (steps[0] == sizeof(T) && steps[1] == sizeof(T)) {
        const T* x = typed<T>(args[0]);
        T* out = typed<T>(args[1]);
#pragma GCC ivdep
        for (npy_intp i = 0; i < n; ++i) out[i] = formula(x[i]);
    } else {
        for (npy_intp i = 0; i < n; ++i)
            *typed<T>(args[1] + i * steps[1]) = formula(*typed<T>(args[0] + i * steps[0]));
    }
}

template <class T, class Formula>
TRITORCH_INLINE void each2(char** args, npy_intp n, const npy_intp* steps, Formula formula) {
    if (steps[0] == sizeof(T) && steps[2] == sizeof(T) && (steps[1] == sizeof(T) || steps[1] == 0)) {
        const T *x = typed<T>(args[0]), *y = typed<T>(args[1]);
        T* out = typed<T>(args[2]);
        if (steps[1] == 0) {
            const T number = *y;
#pragma GCC ivdep
            for (npy_intp i = 0; i < n; ++i) out[i] = formula(x[i], number);
        } else {
#pragma GCC ivdep
            for (npy_intp i = 0; i < n; ++i) out[i] = formula(x[i], y[i]);
        }
    } else {
        for (npy_intp i = 0; i < n; ++i)
            *typed<T>(args[2] + i * steps[2]) =
                formula(*typed<T>(args[0] + i * steps[0]), *typed<T>(args[1] + i * steps[1]));
    }
}

#define TRITORCH_LOOP1(T, name)                                                                     \
    TRITORCH_CLONES void name##_##T(char** args, const npy_intp* n, const npy_intp* steps, void*) { \
        each1<T>(args, *n, steps, [](T x) TRITORCH_FORCED { return pointwise::name(x); });          \
    }
#define TRITORCH_LOOP2(T, name)                                                                     \
    TRITORCH_CLONES void name##_##T(char** args, const npy_intp* n, const npy_intp* steps, void*) { \
        each2<T>(args, *n, steps, [](T x, T y) TRITORCH_FORCED { return pointwise::name(x, y); });  \
    }
#define TRITORCH_BOTH1(name) TRITORCH_LOOP1(float, name) TRITORCH_LOOP1(double, name)
#define TRITORCH_BOTH2(name) TRITORCH_LOOP2(float, name) TRITORCH_LOOP2(double, name)

TRITORCH_BOTH1(erf)
TRITORCH_BOTH1(relu)
TRITORCH_BOTH1(relu6)
TRITORCH_BOTH1(hardsigmoid)
TRITORCH_BOTH1(hardswish)
TRITORCH_BOTH1(selu)
TRITORCH_BOTH1(softplus)
TRITORCH_BOTH1(sigmoid)
TRITORCH_BOTH1(log_sigmoid)
TRITORCH_BOTH1(silu)
TRITORCH_BOTH1(gelu)
TRITORCH_BOTH1(gelu_tanh)
TRITORCH_BOTH1(mish)
TRITORCH_BOTH1(rsqrt)
TRITORCH_BOTH1(sign)
TRITORCH_BOTH2(relu_backward)
TRITORCH_BOTH2(leaky_relu)
TRITORCH_BOTH2(elu)
TRITORCH_BOTH2(celu)
TRITORCH_BOTH2(sigmoid_backward)
TRITORCH_BOTH2(tanh_backward)
TRITORCH_BOTH2(silu_backward)
TRITORCH_BOTH2(log_sigmoid_backward)
TRITORCH_BOTH2(gelu_backward)
TRITORCH_BOTH2(gelu_tanh_backward)
TRITORCH_BOTH2(mish_backward)
TRITORCH_BOTH2(copysign)
TRITORCH_BOTH2(hypot)
TRITORCH_BOTH2(logaddexp)
TRITORCH_BOTH2(logaddexp2)
TRITORCH_BOTH2(fmod)
TRITORCH_BOTH2(remainder)
TRITORCH_BOTH2(floor_divide)

int init(PyObject* module) {
#define TRITORCH_ADD(name, inputs, doc)                                                                      \
    if (add_ufunc(module, #name, inputs, {{name##_float, NPY_FLOAT}, {name##_double, NPY_DOUBLE}}, doc) < 0) \
    return -1
    TRITORCH_ADD(erf, 1, "the error function");
    TRITORCH_ADD(relu, 1, "max(x, 0)");
    TRITORCH_ADD(relu6, 1, "x within [0, 6]");
    TRITORCH_ADD(hardsigmoid, 1, "relu6(x + 3) / 6");
    TRITORCH_ADD(hardswish, 1, "x relu6(x + 3) / 6");
    TRITORCH_ADD(selu, 1, "elu with the scales that keep to mean 0 and variance 1");
    TRITORCH_ADD(softplus, 1, "log(1 + exp(x))");
    TRITORCH_ADD(sigmoid, 1, "1 / (1 + exp(-x))");
    TRITORCH_ADD(log_sigmoid, 1, "log(sigmoid(x))");
    TRITORCH_ADD(silu, 1, "x sigmoid(x)");
    TRITORCH_ADD(gelu, 1, "x ndtr(x)");
    TRITORCH_ADD(gelu_tanh, 1, "gelu, its approximation with tanh");
    TRITORCH_ADD(mish, 1, "x tanh(log(1 + exp(x)))");
    TRITORCH_ADD(rsqrt, 1, "1 / sqrt(x)");
    TRITORCH_ADD(sign, 1, "-1, 0 or 1; 0 of NaN");
    TRITORCH_ADD(relu_backward, 2, "(grad, x or out)");
    TRITORCH_ADD(leaky_relu, 2, "(x, slope)");
    TRITORCH_ADD(elu, 2, "(x, alpha): x, or alpha (exp(x) - 1) below 0");
    TRITORCH_ADD(celu, 2, "(x, alpha): x, or alpha (exp(x / alpha) - 1) below 0");
    TRITORCH_ADD(sigmoid_backward, 2, "(grad, out)");
    TRITORCH_ADD(tanh_backward, 2, "(grad, out)");
    TRITORCH_ADD(silu_backward, 2, "(grad, x)");
    TRITORCH_ADD(log_sigmoid_backward, 2, "(grad, x)");
    TRITORCH_ADD(gelu_backward, 2, "(grad, x)");
    TRITORCH_ADD(gelu_tanh_backward, 2, "(grad, x)");
    TRITORCH_ADD(mish_backward, 2, "(grad, x)");
    TRITORCH_ADD(copysign, 2, "|x| with the sign of y");
    TRITORCH_ADD(hypot, 2, "sqrt(x^2 + y^2)");
    TRITORCH_ADD(logaddexp, 2, "log(e^x + e^y)");
    TRITORCH_ADD(logaddexp2, 2, "log2(2^x + 2^y)");
    TRITORCH_ADD(fmod, 2, "the remainder of truncated division");
    TRITORCH_ADD(remainder, 2, "that of floored division");
    TRITORCH_ADD(floor_divide, 2, "floored division");
#undef TRITORCH_ADD
    return 0;
}
const Subject subject(init);

}  // namespace

}  // namespace tritorch
