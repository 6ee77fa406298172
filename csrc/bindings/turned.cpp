#include "turned.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace tritorch {

namespace {

constexpr npy_intp small = npy_intp(1) << 16;  // bytes: below, both arrays fit a cache
constexpr npy_intp tile = 32;

struct Sixteen {
    char bytes[16];
};

struct Copy {
    int ndim = 0;  // of the dimensions beside the two
    npy_intp dims[NPY_MAXDIMS], to_steps[NPY_MAXDIMS], from_steps[NPY_MAXDIMS];
    npy_intp rows, columns;  // the dimension fastest in `from`, and that fastest in `to`
    npy_intp to_row, to_column, from_row, from_column;
};

template <class T>
void copy_tiles(const Copy& copy, char* to, const char* from) {
    for (npy_intp r = 0; r < copy.rows; r += tile)
        for (npy_intp c = 0; c < copy.columns; c += tile) {
            const npy_intp row_end = std::min(r + tile, copy.rows),
                           column_end = std::min(c + tile, copy.columns);
            for (npy_intp i = r; i < row_end; ++i) {
                char* out = to + i * copy.to_row + c * copy.to_column;
                const char* in = from + i * copy.from_row + c * copy.from_column;
                for (npy_intp j = c; j < column_end; ++j, out += copy.to_column, in += copy.from_column)
                    std::memcpy(out, in, sizeof(T));
            }
        }
}

template <class T>
void copy_all(const Copy& copy, char* to, const char* from) {
    npy_intp place[NPY_MAXDIMS] = {};
    while (true) {
        copy_tiles<T>(copy, to, from);
        int dim = copy.ndim - 1;
        for (; dim >= 0; --dim) {
            to += copy.to_steps[dim];
            from += copy.from_steps[dim];
            if (++place[dim] < copy.dims[dim]) break;
            to -= copy.to_steps[dim] * copy.dims[dim];
            from -= copy.from_steps[dim] * copy.dims[dim];
            place[dim] = 0;
        }
        if (dim < 0) return;
    }
}

using Loop = void (*)(const Copy&, char*, const char*);

Loop loop_for(npy_intp itemsize) {
    switch (itemsize) {
        case 1: return copy_all<uint8_t>;
        case 2: return copy_all<uint16_t>;
        case 4: return copy_all<uint32_t>;
        case 8: return copy_all<uint64_t>;
        case 16: return copy_all<Sixteen>;
        default: return nullptr;
    }
}

// The dimension of more than one place in which neighbours are closest, or -1.
int fastest(PyArrayObject* array) {
    int found = -1;
    for (int dim = 0; dim < PyArray_NDIM(array); ++dim)
        if (PyArray_DIM(array, dim) > 1 &&
            (found < 0 || std::abs(PyArray_STRIDE(array, dim)) < std::abs(PyArray_STRIDE(array, found))))
            found = dim;
    return found;
}

bool overlap(PyArrayObject* to, PyArrayObject* from) {
    npy_intp low = 0, high = PyArray_ITEMSIZE(from), to_low = 0, to_high = PyArray_ITEMSIZE(to);
    for (int dim = 0; dim < PyArray_NDIM(from); ++dim) {
        const npy_intp reach = PyArray_STRIDE(from, dim) * (PyArray_DIM(from, dim) - 1);
        const npy_intp to_reach = PyArray_STRIDE(to, dim) * (PyArray_DIM(to, dim) - 1);
        (reach < 0 ? low : high) += reach;
        (to_reach < 0 ? to_low : to_high) += to_reach;
    }
    return PyArray_BYTES(to) + to_low < PyArray_BYTES(from) + high &&
           PyArray_BYTES(from) + low < PyArray_BYTES(to) + to_high;
}

}  // namespace

bool copy_turned(PyArrayObject* to, PyArrayObject* from) {
    const int ndim = PyArray_NDIM(to);
    if (ndim < 2 || PyArray_NDIM(from) != ndim || PyArray_NBYTES(to) < small || !PyArray_ISWRITEABLE(to) ||
        PyArray_DESCR(to) != PyArray_DESCR(from) || PyArray_TYPE(to) == NPY_OBJECT ||
        !std::equal(PyArray_DIMS(to), PyArray_DIMS(to) + ndim, PyArray_DIMS(from)))
        return false;
    const int column = fastest(to), row = fastest(from);
    const Loop loop = loop_for(PyArray_ITEMSIZE(to));
    if (column < 0 || row < 0 || column == row || !loop || overlap(to, from)) return false;
    Copy copy;
    copy.rows = PyArray_DIM(to, row);
    copy.columns = PyArray_DIM(to, column);
    copy.to_row = PyArray_STRIDE(to, row);
    copy.to_column = PyArray_STRIDE(to, column);
    copy.from_row = PyArray_STRIDE(from, row);
    copy.from_column = PyArray_STRIDE(from, column);
    for (int dim = 0; dim < ndim; ++dim) {
        if (dim == row || dim == column) continue;
        copy.dims[copy.ndim] = PyArray_DIM(to, dim);
        copy.to_steps[copy.ndim] = PyArray_STRIDE(to, dim);
        copy.from_steps[copy.ndim++] = PyArray_STRIDE(from, dim);
    }
    const WithoutGil others_run;
    loop(copy, PyArray_BYTES(to), PyArray_BYTES(from));
    return true;
}

}  // namespace tritorch
