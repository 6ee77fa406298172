"""What the linear algebra families share: checks with torch's texts, and LAPACK's failures as LinAlgError."""

import math

import numpy as np

from ..dtypes import from_numpy
from ..errors import LinAlgError


def adjoint(x):
    """The conjugate transpose of the last two dims."""
    return x.transpose(-2, -1).conj() if x.dtype.is_complex else x.transpose(-2, -1)


def check_matrix(name, x, what="A"):
    """Raises unless ``x`` has two dims or more."""
    if x.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {what} must have at least 2 dimensions.")


def check_floating(name, x):
    """Raises unless ``x`` is floating or complex, at least float32."""
    kind = from_numpy(x.dtype) if isinstance(x, np.ndarray) else x.dtype
    if kind.category < 2:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {kind.type_name}")
    if kind.itemsize < 4:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {kind.type_name}")


def check_square(name, x, what="A"):
    """Raises unless the last two dims of ``x`` are equal."""
    check_matrix(name, x, what)
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{name}: {what} must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices"
        )


def failed(name, index, why):
    """The LinAlgError of a batch's matrix number ``index`` (None: of a single one)."""
    where = "" if index is None else f"(Batch element {index}): "
    return LinAlgError(f"{name}: {where}{why}")


def first_bad(mask):
    """The flat index of the first True of a batch, None for a single matrix."""
    return None if mask.ndim == 0 else int(np.flatnonzero(mask)[0])


def magnitude(x):
    """|re| + |im|: what LAPACK chooses pivots by."""
    return np.abs(x.real) + np.abs(x.imag) if np.iscomplexobj(x) else np.abs(x)


BLOCK = 64  # columns factored, or rows solved, before one matrix product takes care of the rest


def lu_rows(a):
    """LU with partial pivoting of (*, m, n): (LU packed, pivots from 1, first zero pivot from 1 or 0). Panel by panel,
    all matrices of the batch at once."""
    lu = np.array(a, copy=True, order="C").reshape(math.prod(a.shape[:-2]), *a.shape[-2:])
    batch, m, n = lu.shape
    k = min(m, n)
    pivots, info = np.zeros((batch, k), np.int32), np.zeros(batch, np.int32)
    for start in range(0, k, BLOCK):
        stop = min(start + BLOCK, k)
        _lu_panel(lu, pivots, info, start, stop)
        if stop < n:
            corner, above = lu[:, start:stop, start:stop], lu[:, start:stop, stop:]
            above[...] = triangular(corner, above, False, True)
            if stop < m:
                lu[:, stop:, stop:] -= np.matmul(lu[:, stop:, start:stop], above)
    shape = a.shape[:-2]
    return lu.reshape(a.shape), pivots.reshape(*shape, k), info.reshape(shape)


def _lu_panel(lu, pivots, info, start, stop):
    """Factors the columns ``start:stop``; rows are swapped in all columns."""
    rows = np.arange(len(lu))
    for j in range(start, stop):
        p = j + np.argmax(magnitude(lu[:, j:, j]), axis=1)
        pivots[:, j] = p + 1
        swapped = lu[rows, p].copy()
        lu[rows, p] = lu[:, j]
        lu[:, j] = swapped
        pivot = lu[:, j, j]
        zero = pivot == 0
        info[(info == 0) & zero] = j + 1
        lu[:, j + 1 :, j] /= np.where(zero, 1, pivot)[:, None]
        lu[:, j + 1 :, j + 1 : stop] -= lu[:, j + 1 :, j, None] * lu[:, j, None, j + 1 : stop]


def permutation(pivots, m):
    """The row order that pivots (from 1) make: (*, m)."""
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    order = np.tile(np.arange(m), (flat.shape[0], 1))
    rows = np.arange(flat.shape[0])
    for j in range(flat.shape[1]):
        p = flat[:, j] - 1
        order[rows, j], order[rows, p] = order[rows, p].copy(), order[rows, j].copy()
    return order.reshape(*pivots.shape[:-1], m)


def triangular(a, b, upper, unit):
    """Solves a @ x = b with triangular ``a``, block of rows by block of rows, batches at once."""
    n = a.shape[-1]
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.array(np.broadcast_to(b, (*shape, *b.shape[-2:])), np.result_type(a, b))
    starts = range(0, n, BLOCK)
    for start in reversed(starts) if upper else starts:
        stop = min(start + BLOCK, n)
        known = slice(stop, n) if upper else slice(0, start)
        if known.start < known.stop:
            x[..., start:stop, :] -= np.matmul(a[..., start:stop, known], x[..., known, :])
        _solve_rows(a[..., start:stop, start:stop], x[..., start:stop, :], upper, unit)
    return x


def _solve_rows(a, x, upper, unit):
    """:func:`triangular` within one block, into ``x``, row by row."""
    n = a.shape[-1]
    for i in reversed(range(n)) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        x[..., i, :] -= np.matmul(a[..., i, None, known], x[..., known, :])[..., 0, :]
        if not unit:
            x[..., i, :] /= a[..., i, i, None]
