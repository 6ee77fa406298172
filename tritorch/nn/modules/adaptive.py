"""A softmax over many classes that spends its effort on the frequent ones."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ... import _api as tt
from ...tensor import Tensor
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of classes sorted by falling frequency: rare classes are in clusters of smaller projections.

    Source: Grave et al., Efficient softmax approximation for GPUs (2016).

    Args:
        in_features (int): size of the input's last dimension.
        n_classes (int): how many classes.
        cutoffs (sequence of int): where the clusters begin, rising, between 1 and ``n_classes - 1``; else ValueError.
        div_value (float): by how much the projection of each cluster is smaller than the one before. Default: 4
        head_bias (bool): whether the head has a bias. Default: ``False``
        device, dtype: of the parameters.

    ``forward(input, target)`` takes ``(N, in_features)`` and ``(N,)``, or ``(in_features,)`` and ``()``, and returns
    a named tuple of ``output``, the log-probability of each target, and ``loss``, minus their mean.

    Example::

        >>> import tritorch
        >>> softmax = tritorch.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[5, 10])
        >>> softmax.log_prob(tritorch.randn(2, 16)).shape
        tritorch.Size([2, 20])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(low < high for low, high in pairwise([0, *cutoffs, n_classes]))
        if not rising or any(int(cutoff) != cutoff for cutoff in cutoffs):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                "value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        factory = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **factory)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            hidden = int(in_features // div_value ** (i + 1))
            down = Linear(in_features, hidden, bias=False, **factory)
            self.tail.append(Sequential(down, Linear(hidden, high - low, bias=False, **factory)))

    def reset_parameters(self) -> None:
        """Draws the parameters anew."""
        self.head.reset_parameters()
        for down, up in self.tail:
            down.reset_parameters()
            up.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        self._check(input_, target_)
        batched = target_.dim() > 0
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        known = (target >= 0) & (target < self.n_classes)
        if not known.all():
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        column = target  # of the head: the class itself, or its cluster
        within = input.new_zeros(target.size(0))  # the log-probability within the cluster
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            log_prob = F.log_softmax(self.tail[i](input.index_select(0, rows)), dim=1)
            chosen = log_prob.gather(1, (target.index_select(0, rows) - low).unsqueeze(1)).squeeze(1)
            within = within.index_copy(0, rows, chosen)
            column = column.index_fill(0, rows, self.shortlist_size + i)
        of_head = F.log_softmax(self.head(input), dim=1).gather(1, column.unsqueeze(1)).squeeze(1)
        output = within + of_head
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    @staticmethod
    def _check(input: Tensor, target: Tensor) -> None:
        if target.dim() == 1:
            if input.size(0) != target.size(0):
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input.dim() != 2:
                raise RuntimeError(
                    f"1D target tensor expects 2D input tensors, but found inputs with size {input.size()}"
                )
        elif target.dim() == 0:
            if input.dim() != 1:
                raise RuntimeError(
                    f"0D target tensor expects 1D input tensors, but found inputs with size {input.size()}"
                )
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")

    def _get_full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            parts.append(F.log_softmax(tail(input), dim=1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return tt.cat(parts, dim=1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: ``(N, in_features)`` to ``(N, n_classes)``."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class: ``(N, in_features)`` to ``(N,)``. Clusters are looked into only where need be."""
        head_output = self.head(input)
        best = tt.argmax(head_output, dim=1)
        rare = best >= self.shortlist_size
        if rare.any():
            best[rare] = tt.argmax(self._get_full_log_prob(input[rare], head_output[rare]), dim=1)
        return best
