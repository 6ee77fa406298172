"""The leading singular values of a matrix by random projection.

Source: Halko, Martinsson and Tropp, "Finding structure with randomness" (2009), algorithms 4.4 and 5.1.
"""

from ._linalg import adjoint
from ._op import Op, ops


def _basis(A, q, niter):
    """Orthonormal columns (*, m, q) that nearly span what A maps onto."""
    turned = adjoint(A)
    Q = ops.linalg_qr(A @ ops.randn(A.shape[-1], q, dtype=A.dtype))[0]
    for _ in range(niter):
        Q = ops.linalg_qr(turned @ Q)[0]
        Q = ops.linalg_qr(A @ Q)[0]
    return Q


def _low_rank(A, q, niter, M):
    wide = A.shape[-2] < A.shape[-1]
    if M is not None:
        A = A - M.broadcast_to(A.shape)
    if wide:  # the smaller side is the one to project
        A = adjoint(A)
    if q == A.shape[-1]:  # a basis of all there is: nothing to project, and gradients that no draw can spoil
        U, S, Vh = ops.linalg_svd(A, full_matrices=False)
    else:
        Q = _basis(A, q, niter)
        U, S, Vh = ops.linalg_svd(adjoint(Q) @ A, full_matrices=False)
        U = Q @ U
    V = adjoint(Vh)
    return (V, S, U) if wide else (U, S, V)


class svd_lowrank(Op, method=False, has_out=False):
    """U (*, m, q), S (*, q) and V (*, n, q), about ``A = U @ diag(S) @ V.mH``, of the ``q`` leading singular values of a
    matrix (*, m, n) of low rank; of ``A - M`` if :attr:`M` is given. Random: ``niter`` subspace iterations sharpen it.

    Example:
        >>> import tritorch
        >>> U, S, V = tritorch.svd_lowrank(tritorch.ones(4, 3), q=1)
        >>> S
        tensor([3.4641])
    """

    def eager(A, q: object = 6, niter: object = 2, M=None):
        return _low_rank(A, 6 if q is None else q, 2 if niter is None else niter, M)


class pca_lowrank(Op, method=False, has_out=False):
    """The ``q`` leading principal components of a table (*, m, n) of low rank, one observation a row: U, S and V as of
    :func:`svd_lowrank`, of the table less the mean of each column unless ``center`` is False.

    Example:
        >>> import tritorch
        >>> table = tritorch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
        >>> tritorch.pca_lowrank(table, q=1)[1]
        tensor([2.])
    """

    def eager(A, q: object = None, center: bool = True, niter: int = 2):
        m, n = A.shape[-2:]
        q = min(6, m, n) if q is None else q
        if not 0 <= q <= min(m, n):
            raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
        if niter < 0:
            raise ValueError(f"niter(={niter}) must be non-negative integer")
        if center:
            A = A - A.mean(-2, True)
        return _low_rank(A, q, niter, None)
