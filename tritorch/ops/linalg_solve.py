"""Linear systems: solve, inverses, determinants, triangular systems, least squares."""

import numpy as np

from ..errors import not_implemented
from ._linalg import adjoint, check_floating, check_matrix, check_square, failed, first_bad, triangular
from ._op import Op, conj, ops
from ._samples import definite, square


def _singular(a):
    """Where a batch of square matrices has an exactly zero pivot."""
    return np.linalg.slogdet(a)[0] == 0 if a.size else np.zeros(a.shape[:-2], bool)


def _is_vector(a_shape, b_shape):
    return len(b_shape) == 1 or (len(a_shape) - 1 == len(b_shape) and tuple(b_shape) == tuple(a_shape[:-1]))


class solve_square(Op, function=False, method=False, has_out=False):
    """The X of ``A @ X = B``, B of two dims or more."""

    def cpu(A, B):
        if not A.shape[-1] or not B.shape[-1]:
            shape = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
            return np.zeros((*shape, *B.shape[-2:]), B.dtype)
        bad = _singular(A)
        if np.any(bad):
            raise failed("linalg.solve", first_bad(bad), "The solver failed because the input matrix is singular.")
        return np.linalg.solve(A, B).astype(B.dtype, copy=False)

    def d_A(grad, A, out):
        return -(ops.solve_square(adjoint(A), grad) @ adjoint(out))

    def d_B(grad, A):
        return ops.solve_square(adjoint(A), grad)


class linalg_solve(Op, home="linalg", method=False):
    """The X of ``A @ X = B`` (``X @ A = B`` with ``left=False``); A (*, n, n), B (*, n, k) or vectors (*, n).

    Raises:
        LinAlgError: if a matrix is singular.
    """

    def eager(A, B, *, left: bool = True):
        check_floating("linalg.solve", A)
        check_square("linalg.solve", A)
        if A.dtype is not B.dtype:
            raise RuntimeError(
                f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype.type_name} and B of "
                f"type {B.dtype.type_name} instead"
            )
        vector = _is_vector(A.shape, B.shape)
        if vector and not left:
            raise RuntimeError(
                "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False."
            )
        right = B.unsqueeze(-1) if vector else B
        rows = right.shape[-2] if left else right.shape[-1]
        if rows != A.shape[-1]:
            raise RuntimeError(
                f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
                f"({A.shape[-2]}x{A.shape[-1]} and {right.shape[-2]}x{right.shape[-1]})"
            )
        if not left:
            return ops.solve_square(A.transpose(-2, -1), right.transpose(-2, -1)).transpose(-2, -1)
        out = ops.solve_square(A, right)
        return out.squeeze(-1) if vector else out

    def samples(make):
        yield make(3, 3), make(3, 2)
        yield make(2, 3, 3), make(2, 3)
        yield make(3, 3), make(2, 3), {"left": False}


class linalg_solve_ex(Op, home="linalg", method=False, returns=("result", "info")):
    """:func:`solve` with the place of a zero pivot (from 1) instead of an error."""

    def eager(A, B, *, left: bool = True, check_errors: bool = False):
        check_floating("linalg.solve", A)
        check_square("linalg.solve", A)
        bad = _singular(A.detach()._array)
        if np.any(bad) and not check_errors:
            A = A + 0 * A
            return ops.full_like(B, float("nan")), ops.tensor_of(bad.astype(np.int32))
        return ops.linalg_solve(A, B, left=left), ops.tensor_of(bad.astype(np.int32))

    def samples(make):
        yield make(3, 3), make(3, 2)


class tensor_of(Op, function=False, method=False, has_out=False):
    """A tensor on an array."""

    opmath = False

    def cpu(array: object):
        return array


class inverse_of(Op, function=False, method=False, has_out=False):
    """The inverses of a batch of square matrices."""

    def cpu(A, name: str):
        if not A.size:
            return A.copy()
        bad = _singular(A)
        if np.any(bad):
            raise failed(
                name, first_bad(bad),
                "The diagonal element 1 is zero, the inversion could not be completed because the input matrix is singular.",
            )  # fmt: skip
        return np.linalg.inv(A).astype(A.dtype, copy=False)

    def d_A(grad, out):
        return -(adjoint(out) @ grad @ adjoint(out))


class linalg_inv(Op, home="linalg", also="inverse linalg.inverse", method=False):
    """The inverse of each square matrix of (*, n, n).

    Raises:
        LinAlgError: if one is singular.
    """

    def eager(A):
        check_floating("linalg.inv", A)
        check_square("linalg.inv", A)
        return ops.inverse_of(A, "linalg.inv")

    samples = square


class inverse(Op, function=False, has_out=False):
    """:func:`tritorch.linalg.inv`."""

    def eager(input):
        return ops.linalg_inv(input)

    samples = square


class linalg_inv_ex(Op, home="linalg", method=False, returns=("inverse", "info")):
    """:func:`inv` with the place of a zero pivot (from 1, 0 where all is well) instead of an error."""

    def eager(A, *, check_errors: bool = False):
        check_floating("linalg.inv_ex", A)
        check_square("linalg.inv_ex", A)
        bad = _singular(A.detach()._array)
        info = ops.tensor_of(np.asarray(bad, np.int32))
        if np.any(bad) and not check_errors:
            return ops.full_like(A, float("inf")), info
        return ops.inverse_of(A, "linalg.inv_ex"), info

    samples = square


class slogdet_of(Op, function=False, method=False, has_out=False, returns=("sign", "logabsdet"), materialize=False):
    """The sign and the logarithm of the absolute value of determinants."""

    def cpu(A):
        sign, log = np.linalg.slogdet(A)
        real = np.zeros((), A.dtype).real.dtype
        return np.asarray(sign, A.dtype), np.asarray(log, real)

    def d_A(grad_sign, grad_logabsdet, A, sign):
        inverse = adjoint(ops.inverse_of(A, "linalg.slogdet"))
        slope = grad_logabsdet
        if A.is_complex() and grad_sign is not None:
            turned = (sign.conj() * grad_sign).imag
            slope = (0 if slope is None else slope) + 1j * turned
        if slope is None:
            return ops.zeros_like(A)
        return slope.unsqueeze(-1).unsqueeze(-1) * inverse


class linalg_slogdet(Op, home="linalg", method=False, returns=("sign", "logabsdet")):
    """The sign and the logarithm of the absolute value of the determinants of (*, n, n)."""

    def eager(A):
        check_floating("linalg.slogdet", A)
        check_square("linalg.slogdet", A)
        return ops.slogdet_of(A)

    samples = square


class slogdet(Op, returns=("sign", "logabsdet")):
    """:func:`tritorch.linalg.slogdet`."""

    def eager(input):
        return ops.linalg_slogdet(input)

    samples = square


class logdet(Op, has_out=False):
    """The logarithm of determinants; NaN for negative ones."""

    def eager(input):
        check_floating("logdet", input)
        check_square("logdet", input)
        sign, log = ops.slogdet_of(input)
        return (log + sign.log()) if input.is_complex() else log.masked_fill(sign < 0, float("nan")) + 0 * sign

    samples = definite


class det_of(Op, function=False, method=False, has_out=False):
    """Determinants; the derivative takes cofactors, so that singular matrices have one too."""

    def cpu(A):
        return np.asarray(np.linalg.det(A), A.dtype) if A.shape[-1] else np.ones(A.shape[:-2], A.dtype)

    def d_A(grad, A):
        return grad.unsqueeze(-1).unsqueeze(-1) * conj(ops.cofactors(A))


class cofactors(Op, function=False, method=False, has_out=False):
    """The matrices of cofactors: by the inverse, or where a matrix is near singular by its singular values."""

    def eager(A):
        n = A.shape[-1]
        if n == 0:
            return A
        if n == 1:
            return ops.ones_like(A)
        u, s, vh = ops.linalg_svd(A)
        others = ops.product_of_others(s, (s.ndim - 1,))
        turn = ops.linalg_det(u.detach() @ vh.detach())
        return turn.unsqueeze(-1).unsqueeze(-1) * conj((u * others.unsqueeze(-2).to(u.dtype)) @ vh)


class linalg_det(Op, home="linalg", also="det", method=False):
    """The determinants of (*, n, n).

    Example:
        >>> import tritorch
        >>> tritorch.linalg.det(2 * tritorch.eye(3))
        tensor(8.)
    """

    def eager(A):
        check_floating("linalg.det", A)
        check_square("linalg.det", A)
        return ops.det_of(A)

    samples = square


class det(Op, function=False, has_out=False):
    """:func:`tritorch.linalg.det`."""

    def eager(input):
        return ops.linalg_det(input)

    samples = square


class triangular_of(Op, function=False, method=False, has_out=False):
    """The X of ``A @ X = B`` with triangular A; the other triangle is not read."""

    def cpu(A, B, upper: bool, unit: bool):
        return triangular(A, B, upper, unit)

    def d_A(grad, A, out, upper, unit):
        slope = -(ops.triangular_of(adjoint(A), grad, not upper, unit) @ adjoint(out))
        return slope.triu(1 if unit else 0) if upper else slope.tril(-1 if unit else 0)

    def d_B(grad, A, upper, unit):
        return ops.triangular_of(adjoint(A), grad, not upper, unit)


class linalg_solve_triangular(Op, home="linalg", method=False):
    """The X of ``A @ X = B`` (``X @ A = B`` with ``left=False``) with triangular A."""

    def eager(A, B, *, upper: bool, left: bool = True, unitriangular: bool = False):
        check_square("linalg.solve_triangular", A)
        if A.dtype.category < 2:
            raise not_implemented("triangular_solve", A.dtype)
        check_matrix("linalg.solve_triangular", B, "B")
        rows = B.shape[-2] if left else B.shape[-1]
        if rows != A.shape[-1]:
            raise RuntimeError(
                f"linalg.solve_triangular: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
                f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
            )
        if left:
            return ops.triangular_of(A, B, upper, unitriangular)
        out = ops.triangular_of(A.transpose(-2, -1), B.transpose(-2, -1), not upper, unitriangular)
        return out.transpose(-2, -1)

    def samples(make):
        yield make.positive_definite(3, 3), make(3, 2), {"upper": True}
        yield make.positive_definite(2, 3, 3), make(2, 3), {"upper": False, "left": False}


class triangular_solve(Op, returns=("solution", "cloned_coefficient")):
    """The X of ``A @ X = b`` with triangular A, and A itself: an older form of ``linalg.solve_triangular``."""

    def eager(input, A, upper: bool = True, transpose: bool = False, unitriangular: bool = False):
        check_matrix("triangular_solve", input, "b")
        check_square("triangular_solve", A)
        if A.dtype.category < 2:
            raise not_implemented("triangular_solve", A.dtype)
        matrix = A.transpose(-2, -1) if transpose else A
        if input.shape[-2] != A.shape[-1]:
            raise RuntimeError(
                f"Incompatible matrix sizes for triangular_solve: each A matrix is {A.shape[-1]} by {A.shape[-1]} but each b "
                f"matrix is {input.shape[-2]} by {input.shape[-1]}"
            )
        return ops.triangular_of(matrix, input, upper != transpose, unitriangular), A.clone()

    def samples(make):
        yield make(3, 2), make.positive_definite(3, 3)
        yield make(3, 2), make.positive_definite(3, 3), False, True


class linalg_lstsq(
    Op, home="linalg", method=False, has_out=False, returns=("solution", "residuals", "rank", "singular_values")
):
    """The X that minimises ``|A @ X - B|``; A (*, m, n), B (*, m, k) or (*, m)."""

    def eager(A, B, rcond: object = None, *, driver: object = None):
        check_floating("linalg.lstsq", A)
        check_matrix("linalg.lstsq", A)
        if A.dtype is not B.dtype:
            raise RuntimeError(
                f"linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype {A.dtype.type_name} "
                f"and other's dtype {B.dtype.type_name}"
            )
        if B.ndim < 1:
            raise RuntimeError("linalg.lstsq: other must have at least 1 dimension.")
        vector = B.ndim < A.ndim
        right = B.unsqueeze(-1) if vector else B
        if right.shape[-2] != A.shape[-2]:
            raise RuntimeError(f"linalg.lstsq: input.size(-2) should match other.size({-1 if vector else -2})")
        solution = ops.linalg_pinv(A, rtol=rcond) @ right
        m, n = A.shape[-2:]
        s = np.linalg.svd(A.detach()._array, compute_uv=False)
        eps = np.finfo(s.dtype).eps * max(m, n) if rcond is None else rcond
        rank = (s > eps * s.max(-1, keepdims=True)).sum(-1) if s.size else np.zeros(s.shape[:-1], np.int64)
        full = m > n and bool((rank == n).all()) and driver != "gelsy"
        residuals = ((A @ solution - right).abs() ** 2).sum(-2) if full else A.reshape(A.numel()).narrow(0, 0, 0).abs()
        gels = driver == "gels"
        return (
            solution.squeeze(-1) if vector else solution,
            residuals,
            ops.tensor_of(np.zeros(0, np.int64) if gels else np.asarray(rank, np.int64)),
            ops.tensor_of(s if driver in ("gelsd", "gelss") else np.zeros(0, s.dtype)),
        )

    def samples(make):
        yield make(4, 3), make(4, 2)


class linalg_tensorsolve(Op, home="linalg", method=False):
    """The X of ``tensordot(A, X) = B``."""

    def eager(A, B, dims: object = None):
        if dims is not None:
            moved = [d % A.ndim for d in dims]
            A = A.permute(*[d for d in range(A.ndim) if d not in moved], *moved)
        shape = tuple(A.shape[B.ndim :])
        count = int(np.prod(shape, dtype=np.int64))
        if count != B.numel():
            raise RuntimeError(
                "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but "
                f"got {count} != {B.numel()}"
            )
        return ops.linalg_solve(A.reshape(B.numel(), count), B.reshape(-1)).reshape(shape)

    def samples(make):
        yield make(2, 3, 6), make(2, 3)


class linalg_tensorinv(Op, home="linalg", method=False):
    """The inverse of a tensor as a map between its first ``ind`` dims and the others."""

    def eager(A, ind: int = 2):
        if ind <= 0:
            raise RuntimeError("Expected a strictly positive integer for 'ind'")
        rows = int(np.prod(A.shape[:ind], dtype=np.int64))
        columns = int(np.prod(A.shape[ind:], dtype=np.int64))
        if rows != columns:
            raise RuntimeError(
                "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
                f"{columns} != {rows}"
            )
        return ops.linalg_inv(A.reshape(rows, columns)).reshape(*A.shape[ind:], *A.shape[:ind])

    def samples(make):
        yield make(2, 3, 6)
        yield make(6, 2, 3), 1
