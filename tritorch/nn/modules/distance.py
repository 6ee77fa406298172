"""How far apart, and how alike, vectors are."""

from ...tensor import Tensor
from .. import functional as F
from ._declared import declared
from .module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    """The norm of ``x1 - x2 + eps`` over the last dimension.

    Args:
        p (float): which norm; may be negative. Default: 2
        eps (float): keeps away from zero, where the norm has no derivative. Default: 1e-6
        keepdim (bool): keep the last dimension, of size 1. Default: ``False``

    Shape:
        - Inputs: ``(N, D)`` or ``(D,)``
        - Output: ``(N,)`` or ``()``, with ``keepdim`` ``(N, 1)`` or ``(1,)``

    Example::

        >>> import tritorch
        >>> tritorch.nn.PairwiseDistance()(tritorch.zeros(1, 2), tritorch.tensor([[3.0, 4.0]]))
        tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


@declared()
class CosineSimilarity(Module):
    """The cosine of the angle between ``x1`` and ``x2`` along a dimension, which is taken out.

    Args:
        dim (int): which. Default: 1
        eps (float): the least product of the norms to divide by. Default: 1e-8
    """

    dim: int = 1
    eps: float = 1e-8

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
