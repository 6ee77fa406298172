// The fills of csrc/random for Python: each takes a C-contiguous array to write, the seed and offset of a
// generator, and returns by how much the offset moves on.
#include "../random/fill.h"
#include "numpy.h"

#include <new>
#include <stdexcept>

namespace tritorch {

namespace {

using random::Philox;

// The arguments that all fills share.
struct Target {
    PyArrayObject* array = nullptr;
    Philox generator = {};
    int threads = 1;

    template <class T>
    T* data() const {
        return reinterpret_cast<T*>(PyArray_BYTES(array));
    }
    size_t count() const { return static_cast<size_t>(PyArray_SIZE(array)); }
    int type() const { return PyArray_TYPE(array); }

    bool check(PyObject* object, const char* function) {
        if (!PyArray_Check(object) || !PyArray_ISCARRAY(as_array(object))) {
            PyErr_Format(PyExc_TypeError, "%s: expected a writable C-contiguous array", function);
            return false;
        }
        array = as_array(object);
        return true;
    }
    PyObject* wrong_type(const char* function) const {
        return PyErr_Format(PyExc_TypeError, "%s: no fill for arrays of %R", function, PyArray_DESCR(array));
    }
};

// Runs a fill with the GIL released.
template <class Fill>
PyObject* used_by(Fill fill) {
    uint64_t used = 0;
    {
        const WithoutGil others;
        used = fill();
    }
    return PyLong_FromUnsignedLongLong(used);
}

PyObject* uniform(PyObject*, PyObject* args) {
    Target target;
    PyObject* object;
    double low = 0, high = 1;
    int bits = 24;
    if (!PyArg_ParseTuple(args, "OKK|ddii:random_uniform", &object, &target.generator.seed,
                          &target.generator.offset, &low, &high, &bits, &target.threads) ||
        !target.check(object, "random_uniform"))
        return nullptr;
    if (bits < 1 || bits > 24) return PyErr_Format(PyExc_ValueError, "random_uniform: bits must be 1 to 24");
    const auto& [array, generator, threads] = target;
    switch (target.type()) {
        case NPY_FLOAT:
            return used_by([&] {
                return random::fill_uniform(generator, target.data<float>(), target.count(), low, high, bits,
                                            threads);
            });
        case NPY_DOUBLE:
            return used_by([&] {
                return random::fill_uniform(generator, target.data<double>(), target.count(), low, high,
                                            threads);
            });
        default: return target.wrong_type("random_uniform");
    }
}

PyObject* normal(PyObject*, PyObject* args) {
    Target target;
    PyObject* object;
    double mean = 0, deviation = 1;
    if (!PyArg_ParseTuple(args, "OKK|ddi:random_normal", &object, &target.generator.seed,
                          &target.generator.offset, &mean, &deviation, &target.threads) ||
        !target.check(object, "random_normal"))
        return nullptr;
    const auto fill = [&](auto* data) {
        return used_by([&] {
            return random::fill_normal(target.generator, data, target.count(), mean, deviation,
                                       target.threads);
        });
    };
    if (target.type() == NPY_FLOAT) return fill(target.data<float>());
    if (target.type() == NPY_DOUBLE) return fill(target.data<double>());
    return target.wrong_type("random_normal");
}

PyObject* exponential(PyObject*, PyObject* args) {
    Target target;
    PyObject* object;
    double rate = 1;
    if (!PyArg_ParseTuple(args, "OKK|di:random_exponential", &object, &target.generator.seed,
                          &target.generator.offset, &rate, &target.threads) ||
        !target.check(object, "random_exponential"))
        return nullptr;
    const auto fill = [&](auto* data) {
        return used_by([&] {
            return random::fill_exponential(target.generator, data, target.count(), rate, target.threads);
        });
    };
    if (target.type() == NPY_FLOAT) return fill(target.data<float>());
    if (target.type() == NPY_DOUBLE) return fill(target.data<double>());
    return target.wrong_type("random_exponential");
}

PyObject* bernoulli(PyObject*, PyObject* args) {
    Target target;
    PyObject* object;
    double p;
    if (!PyArg_ParseTuple(args, "OKKd|i:random_bernoulli", &object, &target.generator.seed,
                          &target.generator.offset, &p, &target.threads) ||
        !target.check(object, "random_bernoulli"))
        return nullptr;
    if (!(p >= 0 && p <= 1)) return PyErr_Format(PyExc_ValueError, "random_bernoulli: p must be from 0 to 1");
    const auto fill = [&](auto* data) {
        return used_by(
            [&] { return random::fill_mask(target.generator, data, target.count(), p, target.threads); });
    };
    switch (target.type()) {
        case NPY_BOOL:
        case NPY_UBYTE: return fill(target.data<uint8_t>());
        case NPY_FLOAT: return fill(target.data<float>());
        case NPY_DOUBLE: return fill(target.data<double>());
        default: return target.wrong_type("random_bernoulli");
    }
}

PyObject* integers(PyObject*, PyObject* args) {
    Target target;
    PyObject *object, *count;
    long long low;
    if (!PyArg_ParseTuple(args, "OKKLO!|i:random_integers", &object, &target.generator.seed,
                          &target.generator.offset, &low, &PyLong_Type, &count, &target.threads) ||
        !target.check(object, "random_integers"))
        return nullptr;
    const uint64_t values = PyLong_AsUnsignedLongLongMask(count);  // 2^64 wraps to 0, as the fill wants it
    const auto fill = [&](auto* data) {
        return used_by([&] {
            return random::fill_integers(target.generator, data, target.count(), low, values, target.threads);
        });
    };
    const int type = target.type(), size = static_cast<int>(PyArray_ITEMSIZE(target.array));
    if (type == NPY_FLOAT) return fill(target.data<float>());
    if (type == NPY_DOUBLE) return fill(target.data<double>());
    if (type == NPY_BOOL) return fill(target.data<uint8_t>());
    if (PyTypeNum_ISUNSIGNED(type)) {
        if (size == 1) return fill(target.data<uint8_t>());
        if (size == 2) return fill(target.data<uint16_t>());
        if (size == 4) return fill(target.data<uint32_t>());
        return fill(target.data<uint64_t>());
    }
    if (PyTypeNum_ISSIGNED(type)) {
        if (size == 1) return fill(target.data<int8_t>());
        if (size == 2) return fill(target.data<int16_t>());
        if (size == 4) return fill(target.data<int32_t>());
        return fill(target.data<int64_t>());
    }
    return target.wrong_type("random_integers");
}

PyObject* permutation(PyObject*, PyObject* args) {
    Target target;
    PyObject* object;
    if (!PyArg_ParseTuple(args, "OKK:random_permutation", &object, &target.generator.seed,
                          &target.generator.offset) ||
        !target.check(object, "random_permutation"))
        return nullptr;
    if (!PyTypeNum_ISSIGNED(target.type()) || PyArray_ITEMSIZE(target.array) != sizeof(int64_t))
        return target.wrong_type("random_permutation");
    try {
        return used_by([&] {
            return random::fill_permutation(target.generator, target.data<int64_t>(), target.count());
        });
    } catch (const std::bad_alloc&) { return PyErr_NoMemory(); }
}

PyObject* philox(PyObject*, PyObject* args) {
    Philox generator{};
    if (!PyArg_ParseTuple(args, "KKK:philox", &generator.seed, &generator.subsequence, &generator.offset))
        return nullptr;
    const random::Block block = generator.block();
    return Py_BuildValue("(IIII)", block[0], block[1], block[2], block[3]);
}

PyMethodDef functions[] = {
    {"random_uniform", uniform, METH_VARARGS,
     "random_uniform(array, seed, offset, low=0, high=1, bits=24, threads=1) -> int\n\nfloat32 (of so many "
     "random "
     "bits) or float64 in [low, high)."},
    {"random_normal", normal, METH_VARARGS,
     "random_normal(array, seed, offset, mean=0, std=1, threads=1) -> int\n\nfloat32 or float64."},
    {"random_exponential", exponential, METH_VARARGS,
     "random_exponential(array, seed, offset, rate=1, threads=1) -> int\n\nfloat32 or float64, greater than "
     "zero."},
    {"random_bernoulli", bernoulli, METH_VARARGS,
     "random_bernoulli(array, seed, offset, p, threads=1) -> int\n\n1 with probability p: bool, uint8, "
     "float32, "
     "float64."},
    {"random_integers", integers, METH_VARARGS,
     "random_integers(array, seed, offset, low, count, threads=1) -> int\n\nOne of the `count` (at most "
     "2**64) "
     "integers from `low` on: any integer dtype, bool, float32, float64."},
    {"random_permutation", permutation, METH_VARARGS,
     "random_permutation(array, seed, offset) -> int\n\n0 to n - 1 in random order: int64."},
    {"philox", philox, METH_VARARGS,
     "philox(seed, subsequence, offset) -> tuple of 4 words\n\nOne block of the generator."},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
