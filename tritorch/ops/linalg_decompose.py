"""Decompositions: QR, Cholesky, SVD, eigenvalues, with the derivatives of Seeger et al. and of Walter and Lehmann."""

import numpy as np

from ..dtypes import from_numpy
from ..errors import not_implemented
from ._linalg import adjoint, check_floating, check_matrix, check_square, failed, triangular
from ._op import Op, ops
from ._samples import definite, matrices, square


def _gap(values):
    """1 / (l_j - l_i) off the diagonal, 0 on it."""
    difference = values.unsqueeze(-2) - values.unsqueeze(-1)
    diagonal = ops.eye(values.shape[-1], dtype=values.dtype)
    return (difference + diagonal).reciprocal() - diagonal


def _diag(x):
    return x.diagonal(0, -2, -1)


class qr_of(Op, function=False, method=False, has_out=False, returns=("Q", "R"), materialize=False):
    """Q and R of a batch; ``mode`` is NumPy's."""

    def cpu(A, mode: str):
        q, r = np.linalg.qr(A, mode=mode)
        return q.astype(A.dtype, copy=False), r.astype(A.dtype, copy=False)

    def d_A(grad_Q, grad_R, Q, R, A, mode):
        m, n = A.shape[-2:]
        if mode == "complete" and m > n:
            raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
        if m < n:  # A = [X | Y] with X square: R = [U | V]
            grad_R = ops.zeros_like(R) if grad_R is None else grad_R
            y = A.narrow(-1, m, n - m)
            v = grad_R.narrow(-1, m, n - m)
            extra = y @ adjoint(v)
            gq = extra if grad_Q is None else grad_Q + extra
            left = _qr_slope(gq, grad_R.narrow(-1, 0, m), Q, R.narrow(-1, 0, m))
            return ops.cat([left, Q @ v], -1)
        return _qr_slope(grad_Q, grad_R, Q, R)


def _qr_slope(grad_q, grad_r, q, r):
    inner = None
    if grad_r is not None:
        inner = r @ adjoint(grad_r)
    if grad_q is not None:
        part = adjoint(grad_q) @ q
        inner = -part if inner is None else inner - part
    lower = inner.tril()
    hermitian = lower + adjoint(inner.tril(-1))
    if hermitian.is_complex():
        diagonal = _diag(hermitian)
        hermitian = hermitian - ops.diag_embed(diagonal - diagonal.real)
    rhs = q @ hermitian
    if grad_q is not None:
        rhs = rhs + grad_q
    return ops.linalg_solve_triangular(adjoint(r), rhs, upper=False, left=False)


class linalg_qr(Op, home="linalg", method=False, returns=("Q", "R")):
    """Q with orthonormal columns and R upper triangular, ``Q @ R = A``; mode "reduced", "complete" or "r"."""

    def eager(A, mode: str = "reduced"):
        check_matrix("linalg.qr", A)
        check_floating("linalg.qr", A)
        if mode not in ("reduced", "complete", "r"):
            raise RuntimeError(
                f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
            )
        if mode == "r":
            return A.new_zeros(0), ops.qr_of(A, "reduced")[1]
        return ops.qr_of(A, mode)

    samples = matrices


class qr(Op, returns=("Q", "R")):
    """:func:`tritorch.linalg.qr`, reduced unless ``some`` is False."""

    def eager(input, some: bool = True):
        return ops.linalg_qr(input, "reduced" if some else "complete")

    samples = matrices


class cholesky_of(Op, function=False, method=False, has_out=False):
    """The lower factor of a batch of Hermitian positive-definite matrices."""

    def cpu(A, name: str):
        if not A.size:
            return A.copy()
        flat = A.reshape(-1, *A.shape[-2:])
        out = np.empty_like(flat)
        for i, matrix in enumerate(flat):
            try:
                out[i] = np.linalg.cholesky(matrix)
            except np.linalg.LinAlgError:
                raise failed(
                    name, i if A.ndim > 2 else None,
                    "The factorization could not be completed because the input is not positive-definite (the leading minor "
                    f"of order {_minor(matrix)} is not positive-definite).",
                ) from None  # fmt: skip
        return out.reshape(A.shape)

    def d_A(grad, out):
        inner = (adjoint(out) @ grad.tril()).tril()
        phi = inner - ops.diag_embed(_diag(inner)) * 0.5
        solved = ops.linalg_solve_triangular(adjoint(out), phi, upper=True)
        slope = ops.linalg_solve_triangular(out, solved, upper=False, left=False)
        return (slope + adjoint(slope)) * 0.5


def _minor(matrix):
    """The order of the first leading minor that is not positive-definite."""
    for k in range(1, matrix.shape[0] + 1):
        if not np.linalg.eigvalsh(matrix[:k, :k])[0] > 0:
            return k
    return matrix.shape[0]


class linalg_cholesky(Op, home="linalg", method=False):
    """The lower triangular L of ``L @ L.mH = A`` (or the upper one), A Hermitian positive-definite.

    Raises:
        LinAlgError: if it is not positive-definite.
    """

    def eager(A, *, upper: bool = False):
        check_floating("linalg.cholesky", A)
        check_square("linalg.cholesky", A)
        lower = ops.cholesky_of(A, "linalg.cholesky")
        return adjoint(lower) if upper else lower

    samples = definite


class cholesky(Op):
    """:func:`tritorch.linalg.cholesky`."""

    def eager(input, upper: bool = False):
        check_floating("cholesky", input)
        check_square("cholesky", input)
        lower = ops.cholesky_of(input, "cholesky")
        return adjoint(lower) if upper else lower

    samples = definite


class linalg_cholesky_ex(Op, home="linalg", method=False, returns=("L", "info")):
    """:func:`cholesky` with the order of the first bad minor (0 where all is well) instead of an error."""

    def eager(A, *, upper: bool = False, check_errors: bool = False):
        check_floating("linalg.cholesky_ex", A)
        check_square("linalg.cholesky_ex", A)
        array = A.detach()._array
        info = np.zeros(array.shape[:-2], np.int32)
        if array.size:
            bad = ~(np.linalg.eigvalsh(np.where(np.isfinite(array), array, 0))[..., 0] > 0)
            for place in np.argwhere(bad):
                info[tuple(place)] = _minor(array[tuple(place)])
        if info.any() and not check_errors:
            return A.tril() * 0 + float("nan"), ops.tensor_of(info)
        lower = ops.cholesky_of(A, "linalg.cholesky_ex")
        return adjoint(lower) if upper else lower, ops.tensor_of(info)

    samples = definite


class cholesky_inverse(Op):
    """The inverse of the matrix whose Cholesky factor is given."""

    def check(input):
        check_square("cholesky_inverse", input)
        if input.dtype.kind not in "fc":
            raise not_implemented("cholesky_inverse_out", from_numpy(input.dtype))

    def cpu(input, upper: bool = False):
        unit = np.broadcast_to(np.eye(input.shape[-1], dtype=input.dtype), input.shape)
        inverse = triangular(input, unit, upper, False)
        turned = inverse.conj().swapaxes(-2, -1)
        return np.matmul(inverse, turned) if upper else np.matmul(turned, inverse)

    def d_input(grad, input, out, upper):
        inner = out @ (grad + adjoint(grad)) @ out
        return -(input @ inner) if upper else -(inner @ input)

    samples = definite


class cholesky_solve(Op):
    """The X of ``A @ X = input``, given the Cholesky factor of A."""

    def eager(input, L, upper: bool = False):
        for what, x in (("b", input), ("u", L)):
            if x.dtype.category < 2:
                raise not_implemented("cholesky_solve", x.dtype)
            if x.ndim < 2:
                raise RuntimeError(f"{what} should have at least 2 dimensions, but has {x.ndim} dimensions instead")
        if L.shape[-1] != L.shape[-2]:
            raise RuntimeError(
                f"A must be batches of square matrices, but they are {L.shape[-1]} by {L.shape[-2]} matrices"
            )
        if L.shape[-1] != input.shape[-2]:
            raise RuntimeError(
                f"Incompatible matrix sizes for cholesky_solve: each A matrix is {L.shape[-1]} by {L.shape[-1]} but each b "
                f"matrix is {input.shape[-2]} by {input.shape[-1]}"
            )
        return ops.cholesky_solved(input, L, upper)

    def samples(make):
        yield make(3, 2), make.positive_definite(3, 3)
        yield make(2, 3, 1), make.positive_definite(3, 3), True


class cholesky_solved(Op, function=False, method=False, has_out=False):
    """:class:`cholesky_solve` after its checks."""

    def cpu(input, L, upper: bool):
        turned = L.conj().swapaxes(-2, -1)
        first, second = (turned, L) if upper else (L, turned)
        return triangular(second, triangular(first, input, False, False), True, False)

    def d_input(grad, L, upper):
        return ops.cholesky_solved(grad, L, upper)

    def d_L(grad, L, out, upper):
        inner = ops.cholesky_solved(grad, L, upper) @ adjoint(out)
        inner = inner + adjoint(inner)
        return -(L @ inner) if upper else -(inner @ L)


class eigh_of(
    Op, function=False, method=False, has_out=False, returns=("eigenvalues", "eigenvectors"), materialize=False
):
    """Eigenvalues, ascending, and eigenvectors of Hermitian matrices."""

    def cpu(A, uplo: str):
        values, vectors = np.linalg.eigh(A, uplo)
        return values.astype(np.zeros((), A.dtype).real.dtype, copy=False), vectors.astype(A.dtype, copy=False)

    def d_A(grad_eigenvalues, grad_eigenvectors, eigenvalues, eigenvectors):
        v, inner = eigenvectors, None
        if grad_eigenvectors is not None:
            turn = adjoint(v) @ grad_eigenvectors
            inner = (turn - adjoint(turn)) * 0.5 * _gap(eigenvalues).to(v.dtype)
        if grad_eigenvalues is not None:
            part = ops.diag_embed(grad_eigenvalues).to(v.dtype)
            inner = part if inner is None else inner + part
        return v @ inner @ adjoint(v)


class linalg_eigh(Op, home="linalg", method=False, returns=("eigenvalues", "eigenvectors")):
    """Eigenvalues, ascending, and orthonormal eigenvectors of Hermitian matrices (*, n, n), of which one triangle is read."""

    def eager(A, UPLO: str = "L"):
        check_floating("linalg.eigh", A)
        check_square("linalg.eigh", A)
        _check_uplo(UPLO)
        return ops.eigh_of(A, UPLO.upper())

    samples = definite


class linalg_eigvalsh(Op, home="linalg", method=False):
    """The eigenvalues, ascending, of Hermitian matrices."""

    def eager(A, UPLO: str = "L"):
        check_floating("linalg.eigvalsh", A)
        check_square("linalg.eigvalsh", A)
        _check_uplo(UPLO)
        return ops.eigh_of(A, UPLO.upper())[0]

    samples = definite


def _check_uplo(uplo):
    if uplo.upper() not in ("U", "L"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")


class eig_of(
    Op, function=False, method=False, has_out=False, returns=("eigenvalues", "eigenvectors"), materialize=False
):
    """Eigenvalues and eigenvectors of square matrices, complex."""

    def cpu(A):
        if not np.isfinite(A).all():
            raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
        kind = from_numpy(A.dtype).to_complex().np
        values, vectors = np.linalg.eig(A)
        return values.astype(kind), vectors.astype(kind)

    def d_A(grad_eigenvalues, grad_eigenvectors, eigenvalues, eigenvectors, A):
        v = eigenvectors
        vh = adjoint(v)
        inner = None
        if grad_eigenvectors is not None:
            part = vh @ grad_eigenvectors
            correction = vh @ (v * _diag(part).real.unsqueeze(-2))
            inner = (part - correction) * _gap(eigenvalues).conj()
        if grad_eigenvalues is not None:
            extra = ops.diag_embed(grad_eigenvalues)
            inner = extra if inner is None else inner + extra
        slope = ops.linalg_solve(vh, inner @ vh)
        return slope if A.is_complex() else slope.real


class linalg_eig(Op, home="linalg", method=False, returns=("eigenvalues", "eigenvectors")):
    """Eigenvalues and eigenvectors of square matrices (*, n, n), always complex."""

    def eager(A):
        check_floating("linalg.eig", A)
        check_square("linalg.eig", A)
        return ops.eig_of(A)

    samples = square


class linalg_eigvals(Op, home="linalg", method=False):
    """The eigenvalues of square matrices, always complex."""

    def eager(A):
        check_floating("linalg.eigvals", A)
        check_square("linalg.eigvals", A)
        return ops.eig_of(A)[0]

    samples = square


class svd_of(Op, function=False, method=False, has_out=False, returns=("U", "S", "Vh"), materialize=False):
    """The reduced singular value decomposition."""

    def cpu(A, full: bool):
        if not np.isfinite(A).all():
            raise failed(
                "linalg.svd", 0 if A.ndim > 2 else None,
                "The algorithm failed to converge because the input matrix contained non-finite values.",
            )  # fmt: skip
        u, s, vh = np.linalg.svd(A, full_matrices=full)
        return u.astype(A.dtype, copy=False), s.astype(np.zeros((), A.dtype).real.dtype), vh.astype(A.dtype, copy=False)

    def d_A(grad_U, grad_S, grad_Vh, U, S, Vh, A):
        k = S.shape[-1]
        u, vh = U.narrow(-1, 0, k), Vh.narrow(-2, 0, k)
        if grad_U is None and grad_Vh is None:
            return u @ (grad_S.unsqueeze(-1).to(u.dtype) * vh)
        gu = None if grad_U is None else grad_U.narrow(-1, 0, k)
        gvh = None if grad_Vh is None else grad_Vh.narrow(-2, 0, k)
        s = S.to(u.dtype)
        square = S.unsqueeze(-2) ** 2 - S.unsqueeze(-1) ** 2
        diagonal = ops.eye(k, dtype=S.dtype)
        gaps = ((square + diagonal).reciprocal() - diagonal).to(u.dtype)
        inner = ops.diag_embed(grad_S).to(u.dtype) if grad_S is not None else None
        if gu is not None:
            turn = adjoint(u) @ gu
            part = ((turn - adjoint(turn)) * gaps) * s.unsqueeze(-2)
            inner = part if inner is None else inner + part
        if gvh is not None:
            turn = vh @ adjoint(gvh)
            part = s.unsqueeze(-1) * ((turn - adjoint(turn)) * gaps)
            inner = part if inner is None else inner + part
        if A.is_complex() and gu is not None:
            inner = inner + ops.diag_embed(_diag(adjoint(u) @ gu).imag * 1j / s)
        m, n = A.shape[-2:]
        slope = u @ inner @ vh
        if gu is not None and m > k:
            rest = gu / s.unsqueeze(-2)
            slope = slope + (rest - u @ (adjoint(u) @ rest)) @ vh
        if gvh is not None and n > k:
            rest = gvh / s.unsqueeze(-1)
            slope = slope + u @ (rest - (rest @ adjoint(vh)) @ vh)
        return slope


class linalg_svd(Op, home="linalg", method=False, returns=("U", "S", "Vh")):
    """``U @ diag(S) @ Vh = A`` with orthonormal U and Vh, S descending; reduced unless ``full_matrices``."""

    def eager(A, full_matrices: bool = True, *, driver: object = None):
        check_floating("linalg.svd", A)
        check_matrix("linalg.svd", A)
        return ops.svd_of(A, full_matrices)

    def samples(make):
        yield make(3, 4), {"full_matrices": False}
        yield make(2, 4, 3), {"full_matrices": False}


class linalg_svdvals(Op, home="linalg", method=False):
    """The singular values, descending."""

    def eager(A, *, driver: object = None):
        check_floating("linalg.svdvals", A)
        check_matrix("linalg.svdvals", A)
        return ops.svd_of(A, False)[1]

    samples = matrices


class svd(Op, returns=("U", "S", "V")):
    """``U @ diag(S) @ V.mH = input``: :func:`tritorch.linalg.svd` with V itself."""

    def eager(input, some: bool = True, compute_uv: bool = True):
        check_matrix("svd", input)
        u, s, vh = ops.svd_of(input, not some)
        if not compute_uv:
            m, n = input.shape[-2:]
            lead = input.shape[:-2]
            return ops.zeros(*lead, m, m, dtype=input.dtype), s, ops.zeros(*lead, n, n, dtype=input.dtype)
        return u, s, adjoint(vh)

    samples = matrices
