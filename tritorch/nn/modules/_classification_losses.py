"""Losses between scores and classes."""

import warnings

from ...tensor import Tensor
from .. import functional as F
from ._declared import buffer, declared, legacy
from ._loss_base import _Loss, _WeightedLoss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "NLLLoss2d",
    "SoftMarginLoss",
]


@declared()
class NLLLoss(_WeightedLoss):
    """Minus the input, log-probabilities, at the target's classes.

    Args:
        weight (Tensor, optional): a weight for each class, ``(C,)``; means are weighted by it.
        ignore_index (int): a target that adds nothing. Default: -100
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``. Default: ``"mean"``
        size_average, reduce: deprecated; see ``reduction``.

    Shape:
        - Input: ``(N, C, *)`` or ``(C,)``
        - Target: ``(N, *)`` or ``()``, classes
        - Output: a number; with ``reduction="none"`` as the target

    Example::

        >>> import tritorch
        >>> tritorch.nn.NLLLoss()(tritorch.tensor([[-1.0, -2.0]]), tritorch.tensor([1]))
        tensor(2.)
    """

    weight: Tensor | None = buffer()
    size_average: bool | None = legacy()
    ignore_index: int = -100
    reduce: bool | None = legacy()
    reduction: str = "mean"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """Deprecated name of :class:`NLLLoss`."""

    def __post_init__(self, size_average: bool | None = None, reduce: bool | None = None) -> None:
        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement.",
            FutureWarning,
            stacklevel=3,
        )
        super().__post_init__(size_average, reduce)


@declared()
class CrossEntropyLoss(_WeightedLoss):
    """:class:`NLLLoss` of the log-softmax of scores; the target may be probabilities.

    Args:
        weight, ignore_index, reduction, size_average, reduce: as for :class:`NLLLoss`.
        label_smoothing (float): the share of the target that is spread over all classes, in [0, 1]. Default: 0

    Shape:
        - Input: ``(N, C, *)`` or ``(C,)``
        - Target: ``(N, *)`` or ``()``, classes; or as the input, probabilities
        - Output: a number; with ``reduction="none"`` ``(N, *)`` or ``()``

    Example::

        >>> import tritorch
        >>> tritorch.nn.CrossEntropyLoss()(tritorch.zeros(3, 5), tritorch.tensor([1, 0, 4]))
        tensor(1.6094)
    """

    weight: Tensor | None = buffer()
    size_average: bool | None = legacy()
    ignore_index: int = -100
    reduce: bool | None = legacy()
    reduction: str = "mean"
    label_smoothing: float = 0.0

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """``-(target log(input) + (1 - target) log(1 - input))``, for probabilities of one shape; logarithms from -100 on.

    Args:
        weight (Tensor, optional): a factor for each element, to be broadcast.
        reduction, size_average, reduce: as for :class:`NLLLoss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


@declared()
class BCEWithLogitsLoss(_Loss):
    """:class:`BCELoss` of the sigmoid of scores, computed at once.

    Args:
        weight, reduction, size_average, reduce: as for :class:`BCELoss`.
        pos_weight (Tensor, optional): a factor for the term of ``target``, to be broadcast.

    Example::

        >>> import tritorch
        >>> tritorch.nn.BCEWithLogitsLoss()(tritorch.zeros(2), tritorch.ones(2))
        tensor(0.6931)
    """

    weight: Tensor | None = buffer()
    size_average: bool | None = legacy()
    reduce: bool | None = legacy()
    reduction: str = "mean"
    pos_weight: Tensor | None = buffer()

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(_Loss):
    """Hinge loss of scores ``(N, C)`` or ``(C,)`` against lists of classes of the same shape, each ended by -1.

    Args:
        reduction, size_average, reduce: as for :class:`NLLLoss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean over classes of :class:`BCEWithLogitsLoss`, for scores and targets ``(N, C)``.

    Args:
        weight (Tensor, optional): a factor for each class.
        reduction, size_average, reduce: as for :class:`NLLLoss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """``log(1 + exp(-target input))``, for scores and targets of one shape, the targets 1 or -1.

    Args:
        reduction, size_average, reduce: as for :class:`NLLLoss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


@declared()
class MultiMarginLoss(_WeightedLoss):
    """The mean over classes of ``max(0, margin - input[target] + input[class])^p``.

    Args:
        p (int): 1 or 2; else ValueError. Default: 1
        margin (float): by how much the target's score is to be ahead. Default: 1
        weight (Tensor, optional): a factor for each class, ``(C,)``.
        reduction, size_average, reduce: as for :class:`NLLLoss`.

    Shape:
        - Input: ``(N, C)`` or ``(C,)``
        - Target: ``(N,)`` or ``()``, classes
    """

    p: int = 1
    margin: float = 1.0
    weight: Tensor | None = buffer()
    size_average: bool | None = legacy()
    reduce: bool | None = legacy()
    reduction: str = "mean"

    def __post_init__(self, size_average: bool | None, reduce: bool | None) -> None:
        super().__post_init__(size_average, reduce)
        if self.p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if self.weight is not None and self.weight.dim() != 1:
            raise ValueError(
                f"MultiMarginLoss: expected weight to be None or 1D tensor, got {self.weight.dim()}D instead"
            )

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


@declared()
class CTCLoss(_Loss):
    """Minus the log-probability of a sequence of labels, summed over its alignments with a longer input.

    Source: Graves et al., Connectionist Temporal Classification (2006).

    Args:
        blank (int): the label that stands for none. Default: 0
        reduction (str): as for :class:`NLLLoss`; means are of losses divided by the lengths of their targets.
        zero_infinity (bool): put 0 for losses that are infinite, and for their gradients. Default: ``False``

    ``forward(log_probs, targets, input_lengths, target_lengths)`` takes ``(T, N, C)`` or ``(T, C)``; targets ``(N, S)``
    or all in one row; and the lengths, ``(N,)`` or ``()`` each.
    """

    blank: int = 0
    reduction: str = "mean"
    zero_infinity: bool = False

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
