// The special functions as NumPy ufuncs: `_C.ufuncs`. They are computed in double and rounded once.
#include "ufuncs.h"

#include "../special/bessel.h"
#include "../special/erf.h"
#include "../special/gamma.h"
#include "../special/polynomials.h"

#include <deque>
#include <utility>
#include <vector>

namespace tritorch {

namespace {

PyObject* namespace_of(PyObject* module) {
    if (PyObject* found = PyDict_GetItemString(PyModule_GetDict(module), "ufuncs")) return found;
    const Ref made = Ref::steal(PyModule_New("tritorch._C.ufuncs"));
    if (!made || PyModule_AddObjectRef(module, "ufuncs", made.get()) < 0) return nullptr;
    return made.get();  // the module keeps it
}

// What a ufunc points into for the life of the process.
struct Tables {
    std::vector<PyUFuncGenericFunction> functions;
    std::vector<void*> data;
    std::vector<char> types;
};

double element(const char* at, float) { return *reinterpret_cast<const float*>(at); }
double element(const char* at, double) { return *reinterpret_cast<const double*>(at); }

template <class T, auto function, std::size_t... input>
void loop_over(char** args, npy_intp count, const npy_intp* steps, std::index_sequence<input...>) {
    constexpr std::size_t inputs = sizeof...(input);
    for (npy_intp i = 0; i < count; ++i)
        *reinterpret_cast<T*>(args[inputs] + i * steps[inputs]) =
            static_cast<T>(function(element(args[input] + i * steps[input], T())...));
}

template <class T, auto function, int inputs>
void loop(char** args, const npy_intp* count, const npy_intp* steps, void*) {
    loop_over<T, function>(args, *count, steps, std::make_index_sequence<inputs>());
}

template <auto function, int inputs = std::is_invocable_v<decltype(function), double> ? 1 : 2>
int add(PyObject* module, const char* name, const char* doc) {
    return add_ufunc(
        module, name, inputs,
        {{loop<float, function, inputs>, NPY_FLOAT}, {loop<double, function, inputs>, NPY_DOUBLE}}, doc);
}

double lgamma_of(double x) { return std::lgamma(x); }
double erfc_of(double x) { return std::erfc(x); }

double sinc(double x) { return x == 0 ? 1 : std::sin(special::pi * x) / (special::pi * x); }
double entr(double x) { return x > 0 ? -x * std::log(x) : x == 0 ? 0 : x < 0 ? -special::inf : x; }
double xlogy(double x, double y) { return std::isnan(y) ? y : x == 0 ? 0 : x * std::log(y); }
double xlog1py(double x, double y) { return std::isnan(y) ? y : x == 0 ? 0 : x * std::log1p(y); }

int init(PyObject* module) {
    using namespace special;
#define TRITORCH_ADD(function, doc) \
    if (add<special::function>(module, #function, doc) < 0) return -1
    if (add<sinc>(module, "sinc", "sin(pi x) / (pi x)") < 0) return -1;
    if (add<entr>(module, "entr", "-x log(x)") < 0) return -1;
    if (add<xlogy>(module, "xlogy", "x log(y), 0 where x is") < 0) return -1;
    if (add<xlog1py>(module, "xlog1py", "x log(1 + y), 0 where x is") < 0) return -1;
    if (add<lgamma_of>(module, "lgamma", "log |gamma(x)|") < 0) return -1;
    if (add<erfc_of>(module, "erfc", "1 - erf(x)") < 0) return -1;
    TRITORCH_ADD(erfinv, "the inverse of erf");
    TRITORCH_ADD(erfcx, "exp(x^2) erfc(x)");
    TRITORCH_ADD(ndtr, "the normal distribution function");
    TRITORCH_ADD(ndtri, "its inverse");
    TRITORCH_ADD(log_ndtr, "its logarithm");
    TRITORCH_ADD(digamma, "the derivative of lgamma");
    TRITORCH_ADD(polygamma, "(n, x): the n-th derivative of digamma");
    TRITORCH_ADD(zeta, "Hurwitz' zeta function");
    TRITORCH_ADD(igamma, "the lower incomplete gamma function, as a ratio");
    TRITORCH_ADD(igammac, "the upper incomplete gamma function, as a ratio");
    TRITORCH_ADD(i0, "modified Bessel function of the first kind");
    TRITORCH_ADD(i0e, "the same times exp(-|x|)");
    TRITORCH_ADD(i1, "modified Bessel function of the first kind");
    TRITORCH_ADD(i1e, "the same times exp(-|x|)");
    TRITORCH_ADD(modified_k0, "modified Bessel function of the second kind");
    TRITORCH_ADD(modified_k1, "modified Bessel function of the second kind");
    TRITORCH_ADD(scaled_k0, "the same times exp(x)");
    TRITORCH_ADD(scaled_k1, "the same times exp(x)");
    TRITORCH_ADD(bessel_j0, "Bessel function of the first kind");
    TRITORCH_ADD(bessel_j1, "Bessel function of the first kind");
    TRITORCH_ADD(bessel_y0, "Bessel function of the second kind");
    TRITORCH_ADD(bessel_y1, "Bessel function of the second kind");
    TRITORCH_ADD(spherical_bessel_j0, "spherical Bessel function of the first kind");
    TRITORCH_ADD(airy_ai, "Airy's function");
    TRITORCH_ADD(chebyshev_t, "(x, n)");
    TRITORCH_ADD(chebyshev_u, "(x, n)");
    TRITORCH_ADD(chebyshev_v, "(x, n)");
    TRITORCH_ADD(chebyshev_w, "(x, n)");
    TRITORCH_ADD(shifted_chebyshev_t, "(x, n)");
    TRITORCH_ADD(shifted_chebyshev_u, "(x, n)");
    TRITORCH_ADD(shifted_chebyshev_v, "(x, n)");
    TRITORCH_ADD(shifted_chebyshev_w, "(x, n)");
    TRITORCH_ADD(hermite_h, "(x, n): the physicists'");
    TRITORCH_ADD(hermite_he, "(x, n): the probabilists'");
    TRITORCH_ADD(laguerre_l, "(x, n)");
    TRITORCH_ADD(legendre_p, "(x, n)");
#undef TRITORCH_ADD
    return 0;
}
const Subject subject(init);

}  // namespace

int add_ufunc(PyObject* module, const char* name, int inputs, std::initializer_list<UfuncLoop> loops,
              const char* doc) {
    static std::deque<Tables> kept;  // ufuncs point into it; deques do not move what they hold
    Tables& tables = kept.emplace_back();
    for (const UfuncLoop& loop : loops) {
        tables.functions.push_back(loop.function);
        tables.data.push_back(loop.data);
        tables.types.insert(tables.types.end(), inputs + 1, static_cast<char>(loop.type));
    }
    PyObject* room = namespace_of(module);
    const Ref ufunc = room ? Ref::steal(PyUFunc_FromFuncAndData(
                                 tables.functions.data(), tables.data.data(), tables.types.data(),
                                 static_cast<int>(loops.size()), inputs, 1, PyUFunc_None, name, doc, 0))
                           : Ref();
    return ufunc ? PyModule_AddObjectRef(room, name, ufunc.get()) : -1;
}

}  // namespace tritorch
