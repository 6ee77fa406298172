"""LU decompositions with row pivoting, packed and unpacked, and the systems they solve.

Note [Packed LU]: L below the diagonal (its ones are not stored), U on and above it. ``pivots[i] - 1`` is the row that
was swapped with row i at step i.
"""

import numpy as np

from ..dtypes import int32
from ._linalg import adjoint, check_square, failed, first_bad, lu_rows, permutation
from ._op import Op, ops
from ._samples import matrices, square


def _check(name, A, pivot):
    if A.ndim < 2:
        raise RuntimeError(f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} instead")
    if A.dtype.category < 2 or A.dtype.itemsize < 4:
        raise NotImplementedError(f"\"lu_cpu\" not implemented for '{A.dtype.type_name}'")
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def _check_info(name, info):
    zero = info._array
    if zero.any():
        at = int(zero.flat[first_bad(zero != 0) or 0])
        raise failed(
            name, first_bad(zero != 0),
            f"U[{at},{at}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform "
            "the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)",
        )  # fmt: skip


class lu_of(Op, function=False, method=False, has_out=False, returns=("LU", "pivots", "info")):
    """The packed decomposition, the pivots, and where the first zero pivot is."""

    def cpu(A):
        return lu_rows(A)

    def d_A(grad_LU, LU, pivots):
        m, n = LU.shape[-2:]
        k = min(m, n)
        lower, upper = LU.narrow(-1, 0, k), LU.narrow(-2, 0, k)
        g_lower, g_upper = grad_LU.narrow(-1, 0, k).tril(-1), grad_LU.narrow(-2, 0, k).triu()
        left, right = lower.narrow(-2, 0, k).tril(-1), upper.narrow(-1, 0, k).triu()
        below = (adjoint(left) @ g_lower.narrow(-2, 0, k)) + g_lower.narrow(-2, 0, k)
        above = g_upper.narrow(-1, 0, k) @ adjoint(right)
        if n > k:  # A = [A1 | A2]: U2 depends on L too
            rest = g_upper.narrow(-1, k, n - k)
            below = below - rest @ adjoint(upper.narrow(-1, k, n - k))
        if m > k:  # A1 over A2: L2 depends on U too
            rest = g_lower.narrow(-2, k, m - k)
            above = above - adjoint(lower.narrow(-2, k, m - k)) @ rest
        inner = below.tril(-1) + above.triu()
        right_h, left_h = adjoint(right), adjoint(left)
        inner = ops.linalg_solve_triangular(right_h, inner, upper=False, left=False)
        slope = ops.linalg_solve_triangular(left_h, inner, upper=True, unitriangular=True)
        if n > k:
            rest = ops.linalg_solve_triangular(left_h, g_upper.narrow(-1, k, n - k), upper=True, unitriangular=True)
            slope = ops.cat([slope, rest], -1)
        if m > k:
            rest = ops.linalg_solve_triangular(right_h, g_lower.narrow(-2, k, m - k), upper=False, left=False)
            slope = ops.cat([slope, rest], -2)
        return ops.pivot_rows(slope, pivots, True)


class pivot_rows(Op, function=False, method=False, has_out=False):
    """The rows of :attr:`input` (*, m, n) in the order that pivots make, or out of it with ``back``; batches broadcast."""

    def cpu(input, pivots, back: bool):
        order = permutation(pivots, input.shape[-2])
        if back:
            order = np.argsort(order, -1)
        shape = np.broadcast_shapes(input.shape[:-2], order.shape[:-1])
        order = np.broadcast_to(order, (*shape, order.shape[-1]))
        return np.take_along_axis(np.broadcast_to(input, (*shape, *input.shape[-2:])), order[..., None], -2)

    def d_input(grad, pivots, back):
        return ops.pivot_rows(grad, pivots, not back)


class linalg_lu_factor_ex(Op, home="linalg", method=False, returns=("LU", "pivots", "info")):
    """:func:`lu_factor`, with the place (from 1) of the first zero pivot of each matrix, 0 where there is none."""

    def eager(A, *, pivot: bool = True, check_errors: bool = False):
        _check("torch.lu_factor", A, pivot)
        out = ops.lu_of(A)
        if check_errors:
            _check_info("torch.linalg.lu_factor_ex", out[2])
        return out

    samples = square


class linalg_lu_factor(Op, home="linalg", method=False, returns=("LU", "pivots")):
    """The LU decomposition of (*, m, n) with row pivoting, packed in one tensor, and the pivots (*, min(m, n)), int32,
    counted from 1: what :func:`lu_solve` takes.

    Raises:
        LinAlgError: if a pivot is zero.

    Example:
        >>> import tritorch
        >>> LU, pivots = tritorch.linalg.lu_factor(tritorch.tensor([[1.0, 2.0], [4.0, 4.0]]))
        >>> LU
        tensor([[4.0000, 4.0000],
                [0.2500, 1.0000]])
        >>> pivots
        tensor([2, 2], dtype=tritorch.int32)
    """

    def eager(A, *, pivot: bool = True):
        _check("torch.lu_factor", A, pivot)
        LU, pivots, info = ops.lu_of(A)
        _check_info("torch.linalg.lu_factor", info)
        return LU, pivots

    samples = matrices


class lu(Op, has_out=False, name="lu"):
    """:func:`tritorch.linalg.lu_factor`, which goes on at a zero pivot: (LU, pivots), and with ``get_infos`` where the
    first one is.

    Example:
        >>> import tritorch
        >>> tritorch.lu(tritorch.tensor([[1.0, 2.0], [4.0, 4.0]]))[1]
        tensor([2, 2], dtype=tritorch.int32)
    """

    def eager(A, pivot: bool = True, get_infos: bool = False):
        _check("torch.lu_factor", A, pivot)
        LU, pivots, info = ops.lu_of(A)
        return (LU, pivots, info) if get_infos else (LU, pivots)

    samples = square


class linalg_lu(Op, home="linalg", method=False, returns=("P", "L", "U")):
    """The permutation matrix P, the unit lower triangular L and the upper triangular U of ``A = P @ L @ U``.

    A is (*, m, n); P is (*, m, m), L (*, m, k), U (*, k, n) with k = min(m, n).

    Example:
        >>> import tritorch
        >>> A = tritorch.tensor([[1.0, 2.0], [4.0, 4.0]])
        >>> P, L, U = tritorch.linalg.lu(A)
        >>> bool((P @ L @ U == A).all())
        True
    """

    def eager(A, *, pivot: bool = True):
        _check("linalg.lu", A, pivot)
        LU, pivots, _ = ops.lu_of(A)
        return ops.lu_unpack(LU, pivots)

    samples = matrices


class lu_unpack(Op, method=False, returns=("P", "L", "U")):
    """P, L and U out of what :func:`tritorch.linalg.lu_factor` gives; empty tensors for those that are not asked for.

    Example:
        >>> import tritorch
        >>> P, L, U = tritorch.lu_unpack(*tritorch.linalg.lu_factor(tritorch.tensor([[1.0, 2.0], [4.0, 4.0]])))
        >>> L
        tensor([[1.0000, 0.0000],
                [0.2500, 1.0000]])
    """

    def eager(LU_data, LU_pivots, unpack_data: bool = True, unpack_pivots: bool = True):
        if LU_data.ndim < 2:
            raise RuntimeError(
                f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {list(LU_data.shape)} instead"
            )
        if unpack_pivots and LU_pivots.dtype is not int32:
            raise RuntimeError(
                "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
                "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
            )
        m, n = LU_data.shape[-2:]
        k, none = min(m, n), LU_data.new_empty(0)
        P, L, U = none, none, none
        if unpack_pivots:
            P = ops.pivot_rows(ops.eye(m, dtype=LU_data.dtype), LU_pivots, False).transpose(-2, -1)
        if unpack_data:
            L = LU_data.narrow(-1, 0, k).tril(-1) + ops.eye(m, k, dtype=LU_data.dtype)
            U = LU_data.narrow(-2, 0, k).triu()
        return P, L, U

    def samples(make):
        yield make(3, 3), make.plain([2, 2, 3], int32)


class linalg_lu_solve(Op, home="linalg", method=False):
    """The X of ``A @ X = B`` (``X @ A = B`` with ``left=False``; with ``adjoint`` the conjugate transpose of A instead),
    given the packed LU and the pivots of :func:`lu_factor`. Batches broadcast.

    Example:
        >>> import tritorch
        >>> A = tritorch.tensor([[1.0, 2.0], [4.0, 4.0]])
        >>> tritorch.linalg.lu_solve(*tritorch.linalg.lu_factor(A), A)
        tensor([[1., 0.],
                [0., 1.]])
    """

    def eager(LU, pivots, B, *, left: bool = True, adjoint: bool = False):
        _check_solve(LU, pivots, B, left)
        if not left:  # X A = B is A^H X^H = B^H
            return _adjoint(_solved(LU, pivots, _adjoint(B), not adjoint))
        return _solved(LU, pivots, B, adjoint)

    def samples(make):
        yield make.positive_definite(3, 3), make.plain([2, 2, 3], int32), make(3, 2)


_adjoint = adjoint  # `adjoint` is an argument above


def _check_solve(LU, pivots, B, left):
    if LU.dtype.category < 2 or LU.dtype.itemsize < 4:
        raise RuntimeError(
            f"linalg.lu_solve: Expected a floating point or complex tensor as input. Got {LU.dtype.type_name}"
        )
    if LU.dtype is not B.dtype:
        raise RuntimeError(
            f"linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {LU.dtype.type_name} and B of "
            f"type {B.dtype.type_name} instead"
        )
    if pivots.dtype is not int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    check_square("torch.linalg.lu_solve", LU)
    if B.ndim < 2:
        raise RuntimeError("linalg.lu_solve: The input tensor B must have at least 2 dimensions.")
    if (B.shape[-2] if left else B.shape[-1]) != LU.shape[-1]:
        raise RuntimeError(
            f"linalg.lu_solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({LU.shape[-2]}x{LU.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )
    if LU.shape[-1] != pivots.shape[-1]:
        raise RuntimeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")
    if LU.shape[:-1] != pivots.shape:
        raise RuntimeError(
            f"linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )


def _solved(LU, pivots, B, adjoint):
    if not adjoint:
        inner = ops.triangular_of(LU, ops.pivot_rows(B, pivots, False), False, True)
        return ops.triangular_of(LU, inner, True, False)
    turned = _adjoint(LU)
    inner = ops.triangular_of(turned, ops.triangular_of(turned, B, False, False), True, True)
    return ops.pivot_rows(inner, pivots, True)


class lu_solve(Op):
    """:func:`tritorch.linalg.lu_solve` with its arguments in an older order: ``B, LU, pivots``.

    Example:
        >>> import tritorch
        >>> A = tritorch.tensor([[1.0, 2.0], [4.0, 4.0]])
        >>> tritorch.lu_solve(A, *tritorch.linalg.lu_factor(A))
        tensor([[1., 0.],
                [0., 1.]])
    """

    def eager(b, LU_data, LU_pivots):
        return ops.linalg_lu_solve(LU_data, LU_pivots, b)

    def samples(make):
        yield make(3, 2), make.positive_definite(3, 3), make.plain([2, 2, 3], int32)
