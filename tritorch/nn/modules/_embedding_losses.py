"""Losses between vectors, and between scores that are to be ranked."""

from collections.abc import Callable

from ...tensor import Tensor
from .. import functional as F
from ._declared import declared, legacy
from ._loss_base import _Loss
from .distance import PairwiseDistance

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


@declared()
class HingeEmbeddingLoss(_Loss):
    """``input`` where the target is 1, ``max(0, margin - input)`` where it is -1; tensors of one shape.

    Args:
        margin (float): how far apart unlike ones are to be. Default: 1
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``. Default: ``"mean"``
        size_average, reduce: deprecated; see ``reduction``.
    """

    margin: float = 1.0
    size_average: bool | None = legacy()
    reduce: bool | None = legacy()
    reduction: str = "mean"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


@declared()
class CosineEmbeddingLoss(_Loss):
    """``1 - cos(x1, x2)`` where the target is 1, ``max(0, cos(x1, x2) - margin)`` where it is -1.

    Args:
        margin (float): between -1 and 1. Default: 0
        reduction, size_average, reduce: as for :class:`HingeEmbeddingLoss`.

    Shape:
        - Inputs: ``(N, D)`` or ``(D,)``
        - Target: ``(N,)`` or ``()``
    """

    margin: float = 0.0
    size_average: bool | None = legacy()
    reduce: bool | None = legacy()
    reduction: str = "mean"

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


@declared()
class MarginRankingLoss(_Loss):
    """``max(0, -target (input1 - input2) + margin)``: the target is 1 where the first is to rank higher, else -1.

    Args:
        margin (float): by how much. Default: 0
        reduction, size_average, reduce: as for :class:`HingeEmbeddingLoss`.
    """

    margin: float = 0.0
    size_average: bool | None = legacy()
    reduce: bool | None = legacy()
    reduction: str = "mean"

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


@declared()
class TripletMarginLoss(_Loss):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)``, ``d`` the norm of the difference.

    Source: Balntas et al., Learning shallow convolutional feature descriptors with triplet losses (2016).

    Args:
        margin (float): by how much the negative is to be farther, above 0; else ValueError. Default: 1
        p (float): which norm. Default: 2
        eps (float): added to the difference. Default: 1e-6
        swap (bool): use the distance from positive to negative where it is less. Default: ``False``
        reduction, size_average, reduce: as for :class:`HingeEmbeddingLoss`.

    Shape:
        - Inputs: ``(N, D)`` or ``(D,)``
    """

    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    size_average: bool | None = legacy()
    reduce: bool | None = legacy()
    reduction: str = "mean"

    def __post_init__(self, size_average: bool | None, reduce: bool | None) -> None:
        super().__post_init__(size_average, reduce)
        if self.margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {self.margin} instead")

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


@declared(kw_only=True)
class TripletMarginWithDistanceLoss(_Loss):
    """:class:`TripletMarginLoss` with a distance of one's own.

    Args:
        distance_function (callable, optional): makes the distances of two batches. Default: :class:`PairwiseDistance`
        margin, swap, reduction: as for :class:`TripletMarginLoss`.
    """

    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None
    margin: float = 1.0
    swap: bool = False
    reduction: str = "mean"

    def __post_init__(self) -> None:
        if self.distance_function is None:
            self.distance_function = PairwiseDistance()
        if self.margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {self.margin} instead"
            )

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
