"""The sampler for several processes that train together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ... import _api as tt
from ...random import Generator
from .sampler import Sampler


class DistributedSampler(Sampler[int]):
    """The share of a dataset that one of :attr:`num_replicas` processes loads in an epoch.

    All processes draw the same permutation, from ``seed + epoch``, and take every :attr:`num_replicas`-th index of it.

    Args:
        dataset: anything with a length.
        num_replicas: how many processes there are.
        rank: which of them this is, from 0.
        shuffle: permute the indices; call :meth:`set_epoch` before each epoch, or every epoch has the same order.
        seed: the same in all processes.
        drop_last: leave the tail out to make the shares equal; otherwise the first indices come again.

    Raises:
        RuntimeError: if :attr:`num_replicas` or :attr:`rank` is not given: there is no process group to ask.
        ValueError: for a rank outside the group.

    Example:
        >>> from tritorch.utils.data import DistributedSampler
        >>> [list(DistributedSampler(range(5), num_replicas=2, rank=r, shuffle=False)) for r in range(2)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        if num_replicas is None or rank is None:
            raise RuntimeError("Requires distributed package to be available")
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = tt.randperm(n, generator=generator).tolist()
        else:
            indices = list(range(n))
        if n:
            indices *= math.ceil(self.total_size / n) or 1
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, which the permutation is drawn from."""
        self.epoch = epoch
