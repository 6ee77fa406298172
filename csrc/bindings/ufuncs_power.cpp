// Powers: NumPy's loops, and ahead of them the few exponents that programs are full of.
#include "ufuncs.h"

#include <algorithm>
#include <cmath>

namespace tritorch {

namespace {

template <class T, class Formula>
void each(char** args, npy_intp n, const npy_intp* steps, Formula formula) {
    const char* in = args[0];
    char* out = args[2];
    if (steps[0] == sizeof(T) && steps[2] == sizeof(T)) {
        const T* x = reinterpret_cast<const T*>(in);
        T* y = reinterpret_cast<T*>(out);
#pragma GCC ivdep
        for (npy_intp i = 0; i < n; ++i) y[i] = formula(x[i]);
        return;
    }
    for (npy_intp i = 0; i < n; ++i, in += steps[0], out += steps[2])
        *reinterpret_cast<T*>(out) = formula(*reinterpret_cast<const T*>(in));
}

// NumPy's own loop for one type, which `power` runs for all other exponents.
struct Rest {
    PyUFuncGenericFunction function;
    void* data;
};

template <class T>
void power(char** args, const npy_intp* count, const npy_intp* steps, void* data) {
    const npy_intp n = *count;
    if (steps[1] == 0 && n > 0) {
        const T exponent = *reinterpret_cast<const T*>(args[1]);
        if (exponent == 2) return each<T>(args, n, steps, [](T x) { return x * x; });
        if (exponent == 3) return each<T>(args, n, steps, [](T x) { return x * x * x; });
        if (exponent == T(0.5)) return each<T>(args, n, steps, [](T x) { return std::sqrt(x); });
        if (exponent == T(-0.5)) return each<T>(args, n, steps, [](T x) { return 1 / std::sqrt(x); });
        if (exponent == -1) return each<T>(args, n, steps, [](T x) { return 1 / x; });
        if (exponent == -2) return each<T>(args, n, steps, [](T x) { return 1 / (x * x); });
    }
    const Rest* rest = static_cast<const Rest*>(data);
    rest->function(args, count, steps, rest->data);
}

// Fills `rest` with the loop of np.power for inputs of `type`.
int find(PyUFuncObject* ufunc, int type, Rest& rest) {
    for (int i = 0; i < ufunc->ntypes; ++i) {
        const char* types = ufunc->types + 3 * i;
        if (std::all_of(types, types + 3, [&](char t) { return t == type; })) {
            rest = {ufunc->functions[i], ufunc->data ? const_cast<void*>(ufunc->data[i]) : nullptr};
            return 0;
        }
    }
    PyErr_SetString(PyExc_ImportError, "this NumPy has no power of two floats");
    return -1;
}

int init(PyObject* module) {
    static Rest rest_float, rest_double;
    const Ref numpy = Ref::steal(PyImport_ImportModule("numpy"));
    const Ref theirs = numpy ? Ref::steal(PyObject_GetAttrString(numpy.get(), "power")) : Ref();
    if (!theirs) return -1;
    auto* ufunc = reinterpret_cast<PyUFuncObject*>(theirs.get());
    if (find(ufunc, NPY_FLOAT, rest_float) < 0 || find(ufunc, NPY_DOUBLE, rest_double) < 0) return -1;
    return add_ufunc(module, "power", 2,
                     {{power<float>, NPY_FLOAT, &rest_float}, {power<double>, NPY_DOUBLE, &rest_double}},
                     "x to the y");
}
const Subject subject(init);

}  // namespace

}  // namespace tritorch
