"""Datasets: what a loader draws samples from, and how datasets combine."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ... import _api as tt

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """A map from keys to samples.

    Subclasses write ``__getitem__(index)`` and, for the samplers that come with a loader, ``__len__()``. They may write
    ``__getitems__(indices)``, which returns the list of samples of a batch at once. Keys other than integers need a
    sampler that yields them.

    Example:
        >>> import tritorch
        >>> class Squares(tritorch.utils.data.Dataset):
        ...     def __len__(self):
        ...         return 4
        ...
        ...     def __getitem__(self, index):
        ...         return index**2
        >>> list(tritorch.utils.data.DataLoader(Squares(), batch_size=2))
        [tensor([0, 1]), tensor([4, 9])]
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """A stream of samples: subclasses write ``__iter__``.

    With worker processes every worker has a copy of the dataset, and iterates over it: use
    :func:`~tritorch.utils.data.get_worker_info` in ``__iter__``, or a ``worker_init_fn``, to let each yield its share.

    Example:
        >>> import tritorch
        >>> from tritorch.utils.data import DataLoader, IterableDataset, get_worker_info
        >>> class Count(IterableDataset):
        ...     def __iter__(self):
        ...         info = get_worker_info()
        ...         return iter(range(0, 6) if info is None else range(info.id, 6, info.num_workers))
        >>> [batch.tolist() for batch in DataLoader(Count(), batch_size=3)]
        [[0, 1, 2], [3, 4, 5]]
        >>> [batch.tolist() for batch in DataLoader(Count(), batch_size=3, num_workers=2)]
        [[0, 2, 4], [1, 3, 5]]
    """

    def __add__(self, other: Dataset) -> ChainDataset:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple]):
    """The rows of tensors of equal length: sample ``i`` is ``(tensors[0][i], tensors[1][i], ...)``.

    Raises:
        AssertionError: if the first dimensions differ.
    """

    def __init__(self, *tensors: tt.Tensor):
        if any(tensors[0].size(0) != tensor.size(0) for tensor in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)


def _batch_of(dataset: Any, indices: Sequence) -> list:
    """Samples by the dataset's own batched access if it has one."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[index] for index in indices]
    items = dataset.__getitems__(indices)
    if len(items) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(items)}")
    return items


class StackDataset(Dataset):
    """Datasets of equal length side by side: a sample is the tuple, or with keywords the dict, of theirs.

    Raises:
        ValueError: for no datasets, for both positional and keyword ones, and if the lengths differ.

    Example:
        >>> from tritorch.utils.data import StackDataset
        >>> StackDataset(image=[10, 11], text=["a", "b"])[1]
        {'image': 11, 'text': 'b'}
    """

    datasets: tuple | dict

    def __init__(self, *args: Any, **kwargs: Any):
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or"
                "``dict``- (via ``kwargs``) like input/output, but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        parts = args or tuple(kwargs.values())
        self._length = len(parts[0])
        if any(self._length != len(dataset) for dataset in parts):
            raise ValueError("Size mismatch between datasets")
        self.datasets = args or kwargs

    def __getitem__(self, index: Any) -> tuple | dict:
        if isinstance(self.datasets, dict):
            return {key: dataset[index] for key, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: list) -> list:
        if isinstance(self.datasets, dict):
            columns = [_batch_of(dataset, indices) for dataset in self.datasets.values()]
            return [dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*(_batch_of(dataset, indices) for dataset in self.datasets), strict=True))

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Map-style datasets one after another.

    Attributes:
        datasets: the list of them. cumulative_sizes: where each ends.

    Raises:
        AssertionError: for none, or for an :class:`IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Dataset]):
        self.datasets: list[Any] = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable) -> list[int]:
        return list(itertools.accumulate(len(item) for item in sequence))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> Any:
        if idx < 0:
            if -idx > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            idx += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        if which == len(self.datasets):
            raise IndexError(f"index {idx} is out of range for a ConcatDataset of {len(self)} samples")
        return self.datasets[which][idx - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset):
    """Streams one after another.

    Raises:
        AssertionError: when it is used, if one of :attr:`datasets` is not an :class:`IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Dataset]):
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset

    def __iter__(self) -> Iterator:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[T_co]):
    """The samples of a dataset at some indices, in their order.

    A subclass that overrides ``__getitem__`` must override ``__getitems__`` too, since loaders prefer that.
    """

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]):
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__. "
                "When subclassing Subset and overriding __getitem__, you must also override "
                "__getitems__ to ensure DataLoader works correctly with your custom logic. "
                "A simple implementation:\n\n"
                "def __getitems__(self, indices):\n"
                "    return [self.__getitem__(idx) for idx in indices]"
            )
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list:
        return _batch_of(self.dataset, [self.indices[index] for index in indices])

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Any = None) -> list[Subset]:
    """Splits a dataset at random into parts that do not overlap.

    Args:
        dataset: anything with a length.
        lengths: the lengths of the parts, or fractions with sum 1; fractions are rounded down, and what remains goes
            round-robin to the first parts.
        generator: where the permutation is drawn; by default the default generator.

    Raises:
        ValueError: if the lengths do not sum to the dataset's, or a fraction is not between 0 and 1.

    Example:
        >>> import tritorch
        >>> from tritorch.utils.data import random_split
        >>> [len(part) for part in random_split(range(10), [0.55, 0.45])]
        [6, 4]
    """
    total = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1")
        counts = [math.floor(total * fraction) for fraction in lengths]
        for i in range(total - sum(counts)):
            counts[i % len(counts)] += 1
        for i, count in enumerate(counts):
            if count == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2
                )
        lengths = counts
    if sum(lengths) != total:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = tt.randperm(total, generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [
        Subset(dataset, order[int(end) - int(length) : int(end)]) for end, length in zip(ends, lengths, strict=True)
    ]
