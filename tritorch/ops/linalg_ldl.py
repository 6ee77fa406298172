"""LDL decompositions of symmetric and Hermitian matrices, which need not be definite, and the systems they solve.

Note [Packed LDL]: as LAPACK keeps it. D on the diagonal, with blocks of two rows where one would be too small a pivot;
L below it. ``pivots[k] > 0``: row k was swapped with row ``pivots[k] - 1``; two equal negative ones: a block of two,
whose second row was swapped with row ``-pivots[k] - 1``.

Source: Bunch and Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems" (1977).
"""

import math

import numpy as np

from ..dtypes import from_numpy, int32
from ._linalg import check_floating, check_matrix, check_square, failed, first_bad, magnitude
from ._op import Op, ops
from ._samples import definite

GROWTH = (1 + math.sqrt(17)) / 8  # the bound that makes a pivot of one row as good as one of two


def _conj(x, hermitian):
    return np.conj(x) if hermitian else x


def _choose(a, k):
    """(row to bring to the pivot, rows of the pivot, whether all of the column is zero)"""
    n = len(a)
    own = magnitude(a[k, k])
    column = magnitude(a[k + 1 :, k])
    largest = column.max() if column.size else own.dtype.type(0)
    if max(own, largest) == 0 or np.isnan(own):
        return k, 1, True
    if own >= GROWTH * largest:
        return k, 1, False
    i = k + 1 + int(column.argmax())
    row = magnitude(a[i, k:i]).max()
    if i + 1 < n:
        row = max(row, magnitude(a[i + 1 :, i]).max())
    if own >= GROWTH * largest * (largest / row):
        return k, 1, False
    return (i, 1, False) if magnitude(a[i, i]) >= GROWTH * row else (i, 2, False)


def _swap(a, k, to, size, hermitian):
    """Swaps rows and columns ``k + size - 1`` and ``to`` of what is left of a lower triangle."""
    at = k + size - 1
    if at == to:
        return
    a[to + 1 :, [at, to]] = a[to + 1 :, [to, at]]
    middle = a[at + 1 : to, at].copy()
    a[at + 1 : to, at] = _conj(a[to, at + 1 : to], hermitian)
    a[to, at + 1 : to] = _conj(middle, hermitian)
    a[to, at] = _conj(a[to, at], hermitian)
    a[at, at], a[to, to] = a[to, to], a[at, at]
    if size == 2:
        a[at, k], a[to, k] = a[to, k], a[at, k]


def _factor(a, hermitian):
    """Factors the lower triangle of one matrix in place: (pivots, place of the first zero pivot or 0)."""
    n, k, info = len(a), 0, 0
    pivots = np.zeros(n, np.int32)
    if hermitian:
        np.fill_diagonal(a, a.diagonal().real)
    while k < n:
        to, size, zero = _choose(a, k)
        if zero:
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        _swap(a, k, to, size, hermitian)
        rest = slice(k + size, n)
        pivots[k : k + size] = to + 1 if size == 1 else -(to + 1)
        left = a[rest, k : k + size].copy()
        solved = left @ np.linalg.inv(_block(a, k, size, hermitian))
        a[rest, rest] -= np.tril(solved @ _conj(left, hermitian).T)
        a[rest, k : k + size] = solved
        if hermitian:
            np.fill_diagonal(a[rest, rest], a[rest, rest].diagonal().real)
        k += size
    return pivots, info


def _block(a, k, size, hermitian):
    """The pivot at ``k``, of one row or two, as a full matrix."""
    block = a[k : k + size, k : k + size].copy()
    if size == 2:
        block[0, 1] = _conj(block[1, 0], hermitian)
    return block


class linalg_ldl_factor_ex(Op, home="linalg", method=False, returns=("LD", "pivots", "info")):
    """:func:`ldl_factor`, with the place (from 1) of the first zero pivot of each matrix, 0 where there is none."""

    def check(A, check_errors):
        check_square("torch.linalg.ldl_factor_ex", A)
        check_floating("torch.linalg.ldl_factor_ex", A)

    def cpu(A, *, hermitian: bool = False, check_errors: bool = False):
        n = A.shape[-1]
        out = np.tril(A).reshape(math.prod(A.shape[:-2]), n, n)
        pivots, info = np.zeros((len(out), n), np.int32), np.zeros(len(out), np.int32)
        for i, matrix in enumerate(out):
            pivots[i], info[i] = _factor(matrix, hermitian and A.dtype.kind == "c")
        lead = A.shape[:-2]
        info = info.reshape(lead)
        if check_errors and info.any():
            raise failed(
                "torch.linalg.ldl_factor_ex", first_bad(info != 0),
                f"D[{info.max()},{info.max()}] is zero: the matrix is singular.",
            )  # fmt: skip
        return out.reshape(A.shape), pivots.reshape(*lead, n), info

    def d_A(grad_LD):
        raise NotImplementedError("derivative for aten::linalg_ldl_factor_ex is not implemented")

    samples = definite


class linalg_ldl_factor(Op, home="linalg", method=False, returns=("LD", "pivots")):
    """The decomposition ``A = P @ L @ D @ L.mT @ P.mT`` of symmetric matrices (*, n, n), of which the lower triangle is
    read, in the packed form that :func:`ldl_solve` takes; with ``hermitian`` ``L.mH`` for complex ones.

    Raises:
        LinAlgError: if a pivot is zero.

    Example:
        >>> import tritorch
        >>> LD, pivots = tritorch.linalg.ldl_factor(tritorch.tensor([[4.0, 2.0], [2.0, 3.0]]))
        >>> LD
        tensor([[4.0000, 0.0000],
                [0.5000, 2.0000]])
        >>> pivots
        tensor([1, 2], dtype=tritorch.int32)
    """

    def eager(A, *, hermitian: bool = False):
        return ops.linalg_ldl_factor_ex(A, hermitian=hermitian, check_errors=True)[:2]

    samples = definite


def _swap_rows(b, i, j):
    if i != j:
        b[[i, j]] = b[[j, i]]


def _steps(pivots):
    """(row, rows of the block, row it was swapped with) of each pivot block."""
    k = 0
    while k < len(pivots):
        size = 1 if pivots[k] > 0 else 2
        yield k, size, abs(int(pivots[k])) - 1
        k += size


def _solve(a, pivots, b, hermitian):
    """Solves one system in place, given one packed decomposition."""
    steps = list(_steps(pivots))
    for k, size, to in steps:
        _swap_rows(b, k + size - 1, to)
        b[k + size :] -= a[k + size :, k : k + size] @ b[k : k + size]
        b[k : k + size] = np.linalg.solve(_block(a, k, size, hermitian), b[k : k + size])
    for k, size, to in reversed(steps):
        b[k : k + size] -= _conj(a[k + size :, k : k + size], hermitian).T @ b[k + size :]
        _swap_rows(b, k + size - 1, to)


class linalg_ldl_solve(Op, home="linalg", method=False):
    """The X of ``A @ X = B``, given what :func:`ldl_factor` makes of A. Batches broadcast.

    Example:
        >>> import tritorch
        >>> A = tritorch.tensor([[4.0, 2.0], [2.0, 3.0]])
        >>> tritorch.linalg.ldl_solve(*tritorch.linalg.ldl_factor(A), A)
        tensor([[1., 0.],
                [0., 1.]])
    """

    def check(LD, pivots, B):
        name = "torch.linalg.ldl_solve"
        check_square(name, LD)
        check_floating(name, LD)
        check_matrix(name, B, "B")
        if LD.shape[-1] != B.shape[-2]:
            raise RuntimeError(
                f"Incompatible matrix sizes for {name}: each A matrix is {LD.shape[-1]} by {LD.shape[-1]} but each b matrix "
                f"is {B.shape[-2]} by {B.shape[-1]}"
            )
        if LD.shape[:-1] != pivots.shape:
            raise RuntimeError(
                f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
                f"{list(pivots.shape)} instead"
            )
        if pivots.dtype.kind not in "iu":
            raise RuntimeError(f"{name}: Expected pivots to be integers. Got {from_numpy(pivots.dtype).type_name}")
        if LD.dtype != B.dtype:
            kinds = [from_numpy(x.dtype).type_name for x in (B, LD)]
            raise RuntimeError(
                f"Expected b and A to have the same dtype, but found b of type {kinds[0]} and A of type {kinds[1]} instead."
            )

    def cpu(LD, pivots, B, *, hermitian: bool = False):
        lead = np.broadcast_shapes(LD.shape[:-2], B.shape[:-2])
        count = math.prod(lead)
        out = np.array(np.broadcast_to(B, (*lead, *B.shape[-2:])), order="C").reshape(count, *B.shape[-2:])
        n = LD.shape[-1]
        factors = np.broadcast_to(LD, (*lead, n, n)).reshape(count, n, n)
        orders = np.broadcast_to(pivots, (*lead, n)).reshape(count, n)
        for a, p, b in zip(factors, orders, out, strict=True):
            _solve(a, p, b, hermitian and LD.dtype.kind == "c")
        return out.reshape(*lead, *B.shape[-2:])

    def d_B(grad):
        raise NotImplementedError("derivative for aten::linalg_ldl_solve is not implemented")

    def d_LD(grad):
        raise NotImplementedError("derivative for aten::linalg_ldl_solve is not implemented")

    def samples(make):
        yield make.positive_definite(3, 3), make.plain([1, 2, 3], int32), make(3, 2)
