// How an element is combined with another, and which loop does it for a dtype: see rows.cpp and along.cpp.
#pragma once

#include "numpy.h"

#include <complex>
#include <cstring>

namespace tritorch {

// NaN wins in Largest and Smallest, as everywhere in torch.
struct Add {
    template <class T>
    static T apply(T a, T b) {
        return static_cast<T>(a + b);
    }
};
struct Either {  // the sum of bools, which C++ cannot tell from bytes
    static npy_bool apply(npy_bool a, npy_bool b) { return a | b; }
};
struct Multiply {
    template <class T>
    static T apply(T a, T b) {
        return static_cast<T>(a * b);
    }
};
struct Largest {
    template <class T>
    static T apply(T a, T b) {
        return a != a || a > b ? a : b;
    }
};
struct Smallest {
    template <class T>
    static T apply(T a, T b) {
        return a != a || a < b ? a : b;
    }
};
struct Replace {
    template <class T>
    static T apply(T, T b) {
        return b;
    }
};

// `Make<Combine, T>::loop` of a combination by name and a NumPy type number; null where there is none.
template <template <class, class> class Make, class Combine, class Loop>
Loop real_loop(int type) {
    switch (type) {
        case NPY_BOOL: return Make<Combine, npy_bool>::loop;
        case NPY_BYTE: return Make<Combine, npy_byte>::loop;
        case NPY_UBYTE: return Make<Combine, npy_ubyte>::loop;
        case NPY_SHORT: return Make<Combine, npy_short>::loop;
        case NPY_USHORT: return Make<Combine, npy_ushort>::loop;
        case NPY_INT: return Make<Combine, npy_int>::loop;
        case NPY_UINT: return Make<Combine, npy_uint>::loop;
        case NPY_LONG: return Make<Combine, npy_long>::loop;
        case NPY_ULONG: return Make<Combine, npy_ulong>::loop;
        case NPY_FLOAT: return Make<Combine, float>::loop;
        case NPY_DOUBLE: return Make<Combine, double>::loop;
        default: return nullptr;
    }
}

template <template <class, class> class Make, class Combine, class Loop>
Loop any_loop(int type) {
    if (type == NPY_CFLOAT) return Make<Combine, std::complex<float>>::loop;
    if (type == NPY_CDOUBLE) return Make<Combine, std::complex<double>>::loop;
    return real_loop<Make, Combine, Loop>(type);
}

template <template <class, class> class Make, class Loop>
Loop combining_loop(const char* name, int type) {
    if (!std::strcmp(name, "add"))
        return type == NPY_BOOL ? Make<Either, npy_bool>::loop : any_loop<Make, Add, Loop>(type);
    if (!std::strcmp(name, "multiply")) return any_loop<Make, Multiply, Loop>(type);
    if (!std::strcmp(name, "maximum")) return real_loop<Make, Largest, Loop>(type);
    if (!std::strcmp(name, "minimum")) return real_loop<Make, Smallest, Loop>(type);
    return nullptr;
}

}  // namespace tritorch
