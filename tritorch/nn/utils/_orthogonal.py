"""Orthogonal matrices from any matrices."""

from ... import _api as tt
from ... import linalg
from ...dtypes import finfo
from ...tensor import Tensor
from ..modules.module import Module

MAPS = "matrix_exp", "cayley", "householder"


def _is_orthogonal(q: Tensor) -> bool:
    rows, columns = q.size(-2), q.size(-1)
    identity = tt.eye(columns, dtype=q.dtype, device=q.device)
    return tt.allclose(q.mH @ q, identity, atol=10.0 * rows * finfo(q.dtype).eps)


def _nearest(a: Tensor) -> Tensor:
    """The orthogonal factor of ``a``, in the product with a triangular matrix of positive diagonal."""
    q, r = linalg.qr(a)
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class Orthogonal(Module):
    """The parametrization of :func:`tritorch.nn.utils.parametrizations.orthogonal`, whose arguments these are."""

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.size(-2) < x.size(-1)
        x = x.mT if wide else x
        q = self._reflections(x) if self.orthogonal_map == "householder" else self._of_skew(x)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def _of_skew(self, x: Tensor) -> Tensor:
        """The exponential, or the Cayley transform, of the skew matrix whose lower triangle is that of ``x``."""
        rows, columns = x.size(-2), x.size(-1)
        x = x.tril()
        if rows != columns:
            x = tt.cat([x, x.new_zeros(*x.shape[:-1], rows - columns)], dim=-1)
        skew = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            q = tt.matrix_exp(skew)
        else:
            identity = tt.eye(rows, dtype=x.dtype, device=x.device)
            q = linalg.solve(identity - 0.5 * skew, identity + 0.5 * skew)
        return q[..., :columns]

    @staticmethod
    def _reflections(x: Tensor) -> Tensor:
        """The product of reflections at the columns below the diagonal; its signs are those of the diagonal."""
        below = x.tril(diagonal=-1)
        scale = 2.0 / (1.0 + (below * below).sum(dim=-2))
        q = linalg.householder_product(below, scale)
        return q * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)

    @tt.no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        """What :meth:`forward` makes ``q``, or the nearest orthogonal matrix, of."""
        if q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {q.shape}."
            )
        shape, wide = q.shape, q.size(-2) < q.size(-1)
        q = q.mT if wide else q
        if hasattr(self, "base"):
            self.base = self._complete(q)
            origin = tt.zeros(shape, dtype=q.dtype, device=q.device)
            origin.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return origin
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        a, scale = tt.geqrf(q)
        diagonal = a.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal[scale == 0.0] *= -1
        return a.mT if wide else a

    @staticmethod
    def _complete(q: Tensor) -> Tensor:
        """A square orthogonal matrix that begins with the columns of ``q``, or with the nearest orthonormal ones."""
        rows, columns = q.size(-2), q.size(-1)
        if rows == columns:
            return q.clone() if _is_orthogonal(q) else _nearest(q)
        more = tt.randn(*q.shape[:-1], rows - columns, dtype=q.dtype, device=q.device)
        return _nearest(tt.cat([q, more], dim=-1))
