"""Products of reflections ``I - tau v v^H``, whose vectors are the columns of a matrix below a diagonal of ones."""

import numpy as np

from ._linalg import adjoint, check_floating
from ._op import Op, conj, ops


class geqrf(Op, method=True, returns=("a", "tau")):
    """The QR decomposition as LAPACK keeps it: R on and above the diagonal of ``a``, the reflections of Q below it.

    Example:
        >>> import tritorch
        >>> a, tau = tritorch.geqrf(tritorch.eye(2))
        >>> tau
        tensor([0., 0.])
    """

    def check(input):
        if input.ndim < 2:
            raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
        check_floating("torch.geqrf", input)

    def cpu(input):
        m, n = input.shape[-2:]
        if input.size == 0:
            return input.copy(), np.empty((*input.shape[:-2], min(m, n)), input.dtype)
        packed, tau = np.linalg.qr(input, mode="raw")
        return np.ascontiguousarray(np.swapaxes(packed, -2, -1), input.dtype), tau.astype(input.dtype, copy=False)


def _check(name, input, tau):
    if input.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if input.shape[-1] < tau.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if tau.shape[:-1] != input.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(tau.shape[:-1])}"
        )
    if tau.dtype is not input.dtype:
        kinds = tau.dtype.type_name, input.dtype.type_name
        raise RuntimeError(f"{name}: tau dtype {kinds[0]} does not match input dtype {kinds[1]}")


def _reflected(input, tau, x, inverse=False):
    """The product of all reflections, or its inverse, times ``x``."""
    vectors = input.tril(-1) + ops.eye(*input.shape[-2:], dtype=input.dtype, device=input.device)
    count = tau.shape[-1]
    if not count:  # nothing is turned, but the gradients of both arguments are zeros
        return x + (vectors.narrow(-1, 0, 0) * tau.unsqueeze(-2)) @ adjoint(vectors.narrow(-1, 0, 0)) @ x
    for i in range(count) if inverse else reversed(range(count)):
        v, scale = vectors.narrow(-1, i, 1), tau.narrow(-1, i, 1).unsqueeze(-1)
        x = x - (v * (conj(scale) if inverse else scale)) @ (adjoint(v) @ x)
    return x


class linalg_householder_product(Op, home="linalg", method=False, also="orgqr"):
    """The first n columns of the product of the reflections in :attr:`input` (*, m, n), factors in :attr:`tau` (*, k).

    Example:
        >>> import tritorch
        >>> tritorch.linalg.householder_product(*tritorch.geqrf(tritorch.eye(2)))
        tensor([[1., 0.],
                [0., 1.]])
    """

    def eager(input, tau):
        _check("torch.linalg.householder_product", input, tau)
        if input.shape[-2] < input.shape[-1]:
            raise RuntimeError(
                "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]"
            )
        identity = ops.eye(*input.shape[-2:], dtype=input.dtype, device=input.device)
        return _reflected(input, tau, identity.expand(input.shape).clone())

    def samples(make):
        yield make(4, 3), make(3)
        yield make(2, 4, 2), make(2, 2)


class ormqr(Op):
    """:attr:`other` times the product Q of the reflections in :attr:`input` (*, m, k), factors in :attr:`tau` (*, k).

    ``Q @ other``; with ``left=False`` ``other @ Q``; with ``transpose`` the conjugate transpose of Q instead.
    """

    def eager(input, tau, other, left: bool = True, transpose: bool = False):
        _check("torch.ormqr", input, tau)
        if other.ndim < 2:
            raise RuntimeError("torch.ormqr: other must have at least 2 dimensions.")
        along = -2 if left else -1
        if other.shape[along] < tau.shape[-1]:
            raise RuntimeError(f"torch.ormqr: other.shape[{along}] must be greater than or equal to tau.shape[-1]")
        if other.shape[along] != input.shape[-2]:
            raise RuntimeError(f"torch.ormqr: other.shape[{along}] must be equal to input.shape[-2]")
        if other.dtype is not input.dtype:
            kinds = other.dtype.type_name, input.dtype.type_name
            raise RuntimeError(
                f"torch.ormqr: Expected input and other to have the same dtype, but input has dtype {kinds[1]} and "
                f"other has dtype {kinds[0]}"
            )
        if other.shape[:-2] != input.shape[:-2]:
            raise RuntimeError(
                "torch.ormqr: Expected batch dimensions of other to be equal to input.shape[:-2], but got "
                f"{list(other.shape[:-2])}"
            )
        if left:
            return _reflected(input, tau, other, transpose)
        return adjoint(_reflected(input, tau, adjoint(other), not transpose))

    def samples(make):
        yield make(4, 3), make(3), make(4, 2)
        yield make(4, 3), make(3), make(2, 4), False, True
