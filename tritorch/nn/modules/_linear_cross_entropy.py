"""A linear map and the cross-entropy of its outputs, in one module."""

import math
from dataclasses import dataclass

from ...dtypes import dtype as DType
from ...tensor import Tensor
from .. import functional as F
from ._loss_base import _WeightedLoss
from .linear import Linear

__all__ = ["LinearCrossEntropyLoss", "LinearCrossEntropyOptions"]

_POLICIES = {"auto", "accurate", "balanced", "compact"}


@dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How torch divides the work of :class:`LinearCrossEntropyLoss`. Checked, and not needed: all give the same.

    Args:
        allow_retain_graph (bool): whether backward may run twice. It may. Default: ``False``
        batch_chunk_size (int, optional): rows computed at once.
        chunking_method (str, optional): ``"auto"``, ``"aspect_ratio"`` or ``"aspect_ratio:N"``. Default: ``"auto"``
        acc_policy (str): ``"auto"``, ``"accurate"``, ``"balanced"`` or ``"compact"``. Default: ``"auto"``
        acc_dtype (:class:`tritorch.dtype`, optional): the type of sums.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DType | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            name, colon, factor = self.chunking_method.partition(":")
            divisor = int(factor) if factor.isdigit() else 0
            if name != "aspect_ratio" or (colon and divisor < 1):
                raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")


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
