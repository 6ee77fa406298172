"""Samplers: the order in which a loader asks a dataset for its samples."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from ... import _api as tt
from ...random import Generator

T_co = TypeVar("T_co", covariant=True)


def draw_seed(generator: Any = None) -> int:
    """A seed of 63 bits from a generator (the default one if None)."""
    return int(tt.empty((), dtype=tt.int64).random_(generator=generator).item())


class Sampler(Generic[T_co]):
    """An iterable of indices, or of lists of indices (batches). Subclasses write ``__iter__``.

    Example:
        >>> import tritorch
        >>> class Shortest(tritorch.utils.data.Sampler):
        ...     def __init__(self, words):
        ...         self.words = words
        ...
        ...     def __iter__(self):
        ...         return iter(sorted(range(len(self.words)), key=lambda i: len(self.words[i])))
        >>> words = ["three", "a", "of"]
        >>> list(tritorch.utils.data.DataLoader(words, sampler=Shortest(words), batch_size=None))
        ['a', 'of', 'three']
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """0, 1, ... up to the length of :attr:`data_source`."""

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices of :attr:`data_source` at random.

    Args:
        data_source: anything with a length.
        replacement: whether an index may come twice; if not, permutations follow one another.
        num_samples: how many indices; by default the length of :attr:`data_source`.
        generator: where they are drawn; by default a fresh one is seeded from the default generator.

    Raises:
        TypeError: for a :attr:`replacement` that is not a bool.
        ValueError: for a :attr:`num_samples` that is not a positive integer.
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Any = None
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, left = len(self.data_source), self.num_samples
        generator = self.generator
        if generator is None:
            generator = Generator()
            generator.manual_seed(draw_seed())
        step = 32 if self.replacement else n
        while left > 0:
            if self.replacement:
                drawn = tt.randint(high=n, size=(min(step, left),), dtype=tt.int64, generator=generator)
            else:
                drawn = tt.randperm(n, generator=generator)
            yield from drawn.tolist()[:left]
            left -= step

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, each once."""

    def __init__(self, indices: Sequence[int], generator: Any = None):
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in tt.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given weights.

    Args:
        weights: one for each index; they need not sum to one.
        num_samples: how many indices to draw.
        replacement: whether an index may come twice.
        generator: where they are drawn.

    Raises:
        ValueError: for weights that are not one-dimensional, or arguments of another kind.
    """

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Any = None):
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = tt.as_tensor(weights, dtype=tt.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = tt.multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of :attr:`batch_size`.

    Args:
        sampler: any iterable of indices.
        batch_size: a positive integer.
        drop_last: leave out a last list that is shorter.

    Raises:
        ValueError: for arguments of another kind.

    Example:
        >>> from tritorch.utils.data import BatchSampler, SequentialSampler
        >>> list(BatchSampler(SequentialSampler(range(8)), batch_size=3, drop_last=False))
        [[0, 1, 2], [3, 4, 5], [6, 7]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
