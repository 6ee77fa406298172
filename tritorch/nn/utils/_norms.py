"""Norms that reparametrisations use."""

from ... import _api as tt
from ... import linalg
from ...tensor import Tensor
from .. import functional as F
from ..modules.conv import _ConvNd
from ..modules.module import Module


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The 2-norm over all dimensions but one, kept with size 1; over all of them for ``dim=-1``."""
    if dim == -1:
        return v.norm()
    others = [d for d in range(v.dim()) if d != dim]
    return linalg.vector_norm(v, 2, others, keepdim=True) if others else v.abs()


def weight_normed(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """``v`` with its norms, along ``dim``, replaced by ``g``."""
    return v * (g / norm_except_dim(v, dim))


def output_dim(module: Module) -> int:
    """The dimension of the outputs in a weight."""
    return 1 if isinstance(module, _ConvNd) and module.transposed else 0


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with ``dim`` first and all others merged."""
    if dim != 0:
        weight = weight.permute(dim, *(d for d in range(weight.dim()) if d != dim))
    return weight.reshape(weight.size(0), -1)


def random_unit(like: Tensor, size: int, eps: float) -> Tensor:
    """A vector of norm 1 in a random direction."""
    return F.normalize(like.new_empty(size).normal_(0, 1), dim=0, eps=eps)


def power_step(matrix: Tensor, u: Tensor, v: Tensor, eps: float) -> None:
    """One step of power iteration, in place: ``v`` from ``u``, then ``u`` from ``v``."""
    v.copy_(F.normalize(tt.mv(matrix.t(), u), dim=0, eps=eps))
    u.copy_(F.normalize(tt.mv(matrix, v), dim=0, eps=eps))
