// Single elements along one dim, where an index of the same rank says: gather and scatter.
#include "combine.h"

#include <cstdint>

namespace tritorch {

namespace {

using Index = npy_int64;

// An index, and two arrays that are walked along with it in all dims but `dim`, where it says itself how far
// to go in the array `far`.
struct Walk {
    int ndim;
    npy_intp dims[NPY_MAXDIMS];
    npy_intp index_steps[NPY_MAXDIMS], near_steps[NPY_MAXDIMS], far_steps[NPY_MAXDIMS];
    const char* index;
    char* near;
    char* far;
    npy_intp size, stride;  // of the far array along `dim`
    Index wrong = 0;        // the index that stopped the walk
};

// Run(walk, index, near, far) handles the innermost dim and tells whether all went well.
template <class Run>
bool walk_all(Walk& walk, Run run) {
    npy_intp place[NPY_MAXDIMS] = {};
    const char* index = walk.index;
    char *near = walk.near, *far = walk.far;
    const int last = walk.ndim - 1;
    while (true) {
        if (!run(walk, index, near, far)) return false;
        int dim = last - 1;
        for (; dim >= 0; --dim) {
            index += walk.index_steps[dim];
            near += walk.near_steps[dim];
            far += walk.far_steps[dim];
            if (++place[dim] < walk.dims[dim]) break;
            index -= walk.index_steps[dim] * walk.dims[dim];
            near -= walk.near_steps[dim] * walk.dims[dim];
            far -= walk.far_steps[dim] * walk.dims[dim];
            place[dim] = 0;
        }
        if (dim < 0) return true;
    }
}

template <class T>
T load(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
}

template <class Act>
bool run_of(Walk& walk, const char* index, char* near, char* far, Act act) {
    const int last = walk.ndim - 1;
    const npy_intp count = walk.dims[last], size = walk.size, stride = walk.stride;
    const npy_intp index_step = walk.index_steps[last], near_step = walk.near_steps[last],
                   far_step = walk.far_steps[last];
    for (npy_intp k = 0; k < count; ++k) {
        const Index i = load<Index>(index);
        if (static_cast<uint64_t>(i) >= static_cast<uint64_t>(size)) {
            walk.wrong = i;
            return false;
        }
        act(near, far + i * stride);
        index += index_step;
        near += near_step;
        far += far_step;
    }
    return true;
}

using Loop = bool (*)(Walk&);

// near = far[index]
template <class T>
bool gather_loop(Walk& walk) {
    return walk_all(walk, [](Walk& w, const char* index, char* near, char* far) {
        return run_of(w, index, near, far, [](char* to, char* from) { std::memcpy(to, from, sizeof(T)); });
    });
}

// far[index] = combine(far[index], near)
template <class Combine, class T>
struct Scatter {
    static bool loop(Walk& walk) {
        return walk_all(walk, [](Walk& w, const char* index, char* near, char* far) {
            return run_of(w, index, near, far, [](char* from, char* to) {
                const T value = Combine::apply(load<T>(to), load<T>(from));
                std::memcpy(to, &value, sizeof(T));
            });
        });
    }
};

struct Sixteen {
    char bytes[16];
};

Loop gather_for(npy_intp itemsize) {
    switch (itemsize) {
        case 1: return gather_loop<uint8_t>;
        case 2: return gather_loop<uint16_t>;
        case 4: return gather_loop<uint32_t>;
        case 8: return gather_loop<uint64_t>;
        case 16: return gather_loop<Sixteen>;
        default: return nullptr;
    }
}

Loop replace_for(npy_intp itemsize) {
    switch (itemsize) {
        case 1: return Scatter<Replace, uint8_t>::loop;
        case 2: return Scatter<Replace, uint16_t>::loop;
        case 4: return Scatter<Replace, uint32_t>::loop;
        case 8: return Scatter<Replace, uint64_t>::loop;
        case 16: return Scatter<Replace, Sixteen>::loop;
        default: return nullptr;
    }
}

bool expect(bool condition, const char* text) {
    if (!condition) PyErr_Format(PyExc_TypeError, "along one dim: expected %s", text);
    return condition;
}

// The walk of an index over `near`, of at least its shape, and `far`; false with an error set.
bool make_walk(Walk& walk, PyObject* index_object, PyArrayObject* near, PyArrayObject* far, int dim) {
    if (!expect(PyArray_Check(index_object) && PyArray_TYPE(as_array(index_object)) == NPY_INT64,
                "an int64 index"))
        return false;
    PyArrayObject* index = as_array(index_object);
    walk.ndim = PyArray_NDIM(index);
    if (!expect(walk.ndim > 0 && PyArray_NDIM(near) == walk.ndim && PyArray_NDIM(far) == walk.ndim &&
                    dim >= 0 && dim < walk.ndim,
                "arrays of one rank"))
        return false;
    for (int d = 0; d < walk.ndim; ++d) {
        walk.dims[d] = PyArray_DIM(index, d);
        if (!expect(walk.dims[d] <= PyArray_DIM(near, d) && (d == dim || walk.dims[d] <= PyArray_DIM(far, d)),
                    "an index no larger than the arrays"))
            return false;
        walk.index_steps[d] = PyArray_STRIDE(index, d);
        walk.near_steps[d] = PyArray_STRIDE(near, d);
        walk.far_steps[d] = d == dim ? 0 : PyArray_STRIDE(far, d);
    }
    walk.index = PyArray_BYTES(index);
    walk.near = PyArray_BYTES(near);
    walk.far = PyArray_BYTES(far);
    walk.size = PyArray_DIM(far, dim);
    walk.stride = PyArray_STRIDE(far, dim);
    return true;
}

bool run_walk(Walk& walk, Loop loop, PyArrayObject* index, int dim) {
    if (PyArray_SIZE(index) == 0) return true;
    bool fine;
    {
        const WithoutGil others_run;
        fine = loop(walk);
    }
    if (!fine)
        PyErr_Format(PyExc_RuntimeError, "index %lld is out of bounds for dimension %d with size %zd",
                     static_cast<long long>(walk.wrong), dim, static_cast<Py_ssize_t>(walk.size));
    return fine;
}

PyObject* gather_along(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (!expect(count == 3 && PyArray_Check(args[0]) && PyArray_Check(args[2]),
                "gather_along(source, dim, index)"))
        return nullptr;
    PyArrayObject *source = as_array(args[0]), *index = as_array(args[2]);
    const int dim = static_cast<int>(PyLong_AsLong(args[1]));
    if (dim == -1 && PyErr_Occurred()) return nullptr;
    PyArray_Descr* descr = PyArray_DESCR(source);
    Py_INCREF(descr);
    Ref out = Ref::steal(PyArray_Empty(PyArray_NDIM(index), PyArray_DIMS(index), descr, 0));
    Walk walk;
    if (!out || !make_walk(walk, args[2], as_array(out.get()), source, dim)) return nullptr;
    const Loop loop = gather_for(PyArray_ITEMSIZE(source));
    if (!expect(loop, "elements of a known size") || !run_walk(walk, loop, index, dim)) return nullptr;
    return out.release();
}

PyObject* scatter_along(PyObject*, PyObject* const* args, Py_ssize_t count) {
    if (!expect(count == 5 && PyArray_Check(args[0]) && PyArray_Check(args[2]) && PyArray_Check(args[3]),
                "scatter_along(target, dim, index, source, name or None)"))
        return nullptr;
    PyArrayObject *target = as_array(args[0]), *index = as_array(args[2]), *source = as_array(args[3]);
    const int dim = static_cast<int>(PyLong_AsLong(args[1]));
    if (dim == -1 && PyErr_Occurred()) return nullptr;
    Walk walk;
    if (!make_walk(walk, args[2], source, target, dim) ||
        !expect(PyArray_TYPE(target) == PyArray_TYPE(source) && PyArray_ISWRITEABLE(target), "one dtype"))
        return nullptr;
    Loop loop;
    if (args[4] == Py_None) {
        loop = replace_for(PyArray_ITEMSIZE(target));
    } else {
        const char* name = PyUnicode_AsUTF8(args[4]);
        if (!name) return nullptr;
        loop = combining_loop<Scatter, Loop>(name, PyArray_TYPE(target));
    }
    if (!expect(loop, "a combination that the dtype has") || !run_walk(walk, loop, index, dim))
        return nullptr;
    return Py_NewRef(args[0]);
}

PyMethodDef functions[] = {{"gather_along", method(gather_along), METH_FASTCALL,
                            "gather_along(source, dim, index)\n\nFor each place of the index, the element of "
                            "`source` at that place, but along "
                            "`dim` where the index says."},
                           {"scatter_along", method(scatter_along), METH_FASTCALL,
                            "scatter_along(target, dim, index, source, name)\n\nFor each place of the index, "
                            "in order, the element of `target` at "
                            "that place, but along `dim` where the index says, is replaced by that of "
                            "`source` or combined with it: `name` is "
                            "None, add, multiply, maximum or minimum."},
                           {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
