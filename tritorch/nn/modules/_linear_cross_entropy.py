"""A linear map and the cross-entropy of its outputs, in one module."""

import math

from ...tensor import Tensor
from .. import functional as F
from ._loss_base import _WeightedLoss
from .linear import Linear
from .linear_cross_entropy_options import LinearCrossEntropyOptions

__all__ = ["LinearCrossEntropyLoss"]


class LinearCrossEntropyLoss(_WeightedLoss):
    """:class:`CrossEntropyLoss` of what a linear map makes of the input.

    Args:
        in_features (int): size of the last dimension of the input.
        num_classes (int): how many classes.
        out_features (tuple of int): further dimensions of the loss: there is a target for each. Default: ``()``
        bias (bool): whether the map has a bias. Default: ``False``
        device, dtype: of the parameters.
        reduction, weight, label_smoothing: as for :class:`CrossEntropyLoss`.
        ignore_index (int, optional): a target that adds nothing.
        options (LinearCrossEntropyOptions, optional): accepted.

    Shape:
        - Input: ``(N, in_features)`` or ``(in_features,)``
        - Target: ``(N, *out_features)`` or ``()``

    Example::

        >>> import tritorch
        >>> loss = tritorch.nn.LinearCrossEntropyLoss(4, 3)
        >>> loss(tritorch.randn(5, 4), tritorch.tensor([0, 2, 1, 1, 0])).shape
        tritorch.Size([])
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device=None,
        dtype=None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        if weight is not None and weight.shape != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if label_smoothing < 0 or label_smoothing > 1.0:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight=weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, outputs, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
