"""From indices to a collated batch: the part of loading that is the same in the main process and in workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


class MapFetcher:
    """Batches of a dataset that is asked by index."""

    is_stream = False

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool):
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn

    def fetch(self, index: Any) -> Any:
        """The batch for a list of indices; for a single index if there is no automatic collation."""
        if not self.auto_collation:
            data = self.dataset[index]
        elif getattr(self.dataset, "__getitems__", None):
            data = self.dataset.__getitems__(index)
        else:
            data = [self.dataset[i] for i in index]
        return self.collate_fn(data)


class IterableFetcher:
    """Batches of a dataset that is a stream; of the indices only their number counts."""

    is_stream = True

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool):
        self.samples = iter(dataset)
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.ended = False

    def fetch(self, index: Any) -> Any:
        """The next batch. Raises StopIteration at the end of the stream."""
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.samples))
        data = []
        for _ in index:
            try:
                data.append(next(self.samples))
            except StopIteration:
                self.ended = True
                break
        if not data or (self.drop_last and len(data) < len(index)):
            raise StopIteration
        return self.collate_fn(data)


class DatasetKind:
    """Whether a dataset is asked by index or iterated over."""

    Map = 0
    Iterable = 1

    @staticmethod
    def fetcher_maker(kind: int, auto_collation: bool, collate_fn: Callable, drop_last: bool) -> Callable[[Any], Any]:
        """What makes a fetcher from a dataset; it can be sent to a worker."""
        fetcher = MapFetcher if kind == DatasetKind.Map else IterableFetcher
        return partial(fetcher, auto_collation=auto_collation, collate_fn=collate_fn, drop_last=drop_last)
