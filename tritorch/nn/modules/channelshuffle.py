"""Channels mixed between groups."""

from ...tensor import Tensor
from .. import functional as F
from ._declared import declared
from .module import Module

__all__ = ["ChannelShuffle"]


@declared("groups={groups}")
class ChannelShuffle(Module):
    """Channel ``i`` of group ``g`` of ``(N, C, *)`` becomes channel ``g`` of group ``i``.

    Source: Zhang et al., ShuffleNet (2017).

    Args:
        groups (int): into how many groups the channels are divided.

    Example::

        >>> import tritorch
        >>> tritorch.nn.ChannelShuffle(2)(tritorch.arange(4.0).reshape(1, 4, 1, 1)).flatten()
        tensor([0., 2., 1., 3.])
    """

    groups: int

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)
