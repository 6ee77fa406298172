"""What all losses share: the ``reduction``, and its two deprecated forms."""

import warnings

from ...tensor import Tensor
from .module import Module


def reduction_of(size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that the deprecated arguments ask for, with a warning."""
    averaged = size_average is None or size_average
    reduction = "none" if reduce is not None and not reduce else "mean" if averaged else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=5
    )
    return reduction


class _Loss(Module):
    """A loss with ``reduction``: ``"mean"``, ``"sum"``, or ``"none"`` for the loss of each element or sample."""

    reduction: str

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction
        self.__post_init__(size_average, reduce)

    def __post_init__(self, size_average: bool | None = None, reduce: bool | None = None) -> None:
        if size_average is not None or reduce is not None:
            self.reduction = reduction_of(size_average, reduce)


class _WeightedLoss(_Loss):
    """A loss with a weight for each class, kept as a buffer."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
