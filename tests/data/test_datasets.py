"""Datasets, samplers and collation in one process."""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import tritorch
from tritorch.utils import data
from tritorch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)


class Stream(IterableDataset):
    def __init__(self, *items):
        self.items = items

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self.items)


def rows(loader):
    return [batch.tolist() for batch in loader]


def test_tensor_dataset():
    x, y = tritorch.arange(6).reshape(3, 2), tritorch.tensor([1.0, 2.0, 3.0])
    dataset = TensorDataset(x, y)
    assert len(dataset) == 3
    assert [item.tolist() for item in dataset[1]] == [[2, 3], 2.0]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(x, y[:2])


def test_concat_dataset():
    dataset = ConcatDataset([[0, 1], [2], [3, 4]])
    assert [dataset[i] for i in range(-5, 5)] == [0, 1, 2, 3, 4] * 2
    assert dataset.cumulative_sizes == [2, 3, 5]
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        dataset[-6]
    with pytest.raises(IndexError):
        dataset[5]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Stream(1)])


def test_add_makes_a_concatenation_or_a_chain():
    x = TensorDataset(tritorch.arange(3))
    assert len(x + x) == 6 and int((x + x)[4][0]) == 1
    chain = Stream(1, 2) + Stream(3)
    assert isinstance(chain, ChainDataset) and list(chain) == [1, 2, 3] and len(chain) == 3
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(ChainDataset([[1]]))


def test_stack_dataset():
    assert StackDataset([1, 2], "ab")[1] == (2, "b")
    named = StackDataset(number=[1, 2], letter="ab")
    assert named[0] == {"number": 1, "letter": "a"}
    assert named.__getitems__([1, 0]) == [{"number": 2, "letter": "b"}, {"number": 1, "letter": "a"}]
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        StackDataset([1], [1, 2])
    with pytest.raises(ValueError, match="At least one dataset"):
        StackDataset()
    with pytest.raises(ValueError, match="both types are given"):
        StackDataset([1], a=[1])

    class Short(Dataset):
        def __len__(self):
            return 2

        def __getitems__(self, indices):
            return [0]

    with pytest.raises(ValueError, match="Expected 2, got 1"):
        StackDataset(Short()).__getitems__([0, 1])


def test_subset():
    part = Subset(TensorDataset(tritorch.arange(10)), [3, 5, 7])
    assert len(part) == 3 and int(part[1][0]) == 5
    assert part[[0, 2]][0].tolist() == [3, 7]
    assert rows(batch[0] for batch in DataLoader(part, batch_size=2)) == [[3, 5], [7]]

    class Changed(Subset):
        def __getitem__(self, index):
            return 0

    with pytest.raises(NotImplementedError, match="Changed overrides __getitem__ but not __getitems__"):
        Changed([1], [0])


def test_dataset_without_getitem():
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        Dataset()[0]


def test_random_split():
    generator = tritorch.Generator()
    first = random_split(range(10), [3, 7], generator=generator.manual_seed(3))
    again = random_split(range(10), [3, 7], generator=generator.manual_seed(3))
    assert [part.indices for part in first] == [part.indices for part in again]
    assert sorted(first[0].indices + first[1].indices) == list(range(10))
    assert [len(part) for part in random_split(range(10), [0.33, 0.33, 0.34])] == [4, 3, 3]
    with pytest.raises(ValueError, match="does not equal the length"):
        random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        random_split(range(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(1), [0.5, 0.5])


def test_samplers():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    for sampler in (RandomSampler("abcdef"), SubsetRandomSampler(range(6))):
        assert sorted(sampler) == [0, 1, 2, 3, 4, 5] and len(sampler) == 6
    drawn = list(RandomSampler(range(5), replacement=True, num_samples=100))
    assert len(drawn) == 100 and set(drawn) == {0, 1, 2, 3, 4}
    rounds = list(RandomSampler(range(4), num_samples=10))
    assert sorted(rounds[:4]) == sorted(rounds[4:8]) == [0, 1, 2, 3] and len(rounds) == 10
    with pytest.raises(TypeError, match="replacement should be a boolean value"):
        RandomSampler("abc", replacement=1)
    with pytest.raises(ValueError, match="num_samples should be a positive integer value, but got num_samples=0"):
        RandomSampler([])


def test_random_sampler_follows_the_seed():
    def order():
        tritorch.manual_seed(5)
        return list(RandomSampler(range(100)))

    assert order() == order()
    generator = tritorch.Generator()
    assert list(RandomSampler(range(9), generator=generator.manual_seed(1))) == list(
        RandomSampler(range(9), generator=generator.manual_seed(1))
    )


def test_weighted_random_sampler():
    drawn = list(WeightedRandomSampler([0.0, 1.0, 3.0], 4000))
    assert set(drawn) == {1, 2} and 0.7 < np.mean(np.array(drawn) == 2) < 0.8
    assert sorted(WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)) == [0, 1, 2]
    with pytest.raises(ValueError, match="weights should be a 1d sequence"):
        WeightedRandomSampler([[1.0]], 1)
    with pytest.raises(ValueError, match="num_samples should be a positive integer"):
        WeightedRandomSampler([1.0], True)


def test_batch_sampler():
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(BatchSampler(range(5), 2, False)) == 3 and len(BatchSampler(range(5), 2, True)) == 2
    with pytest.raises(ValueError, match="batch_size should be a positive integer value, but got batch_size=0"):
        BatchSampler(range(5), 0, False)
    with pytest.raises(ValueError, match="drop_last should be a boolean"):
        BatchSampler(range(5), 1, 0)


@pytest.mark.parametrize("n", [0, 1, 5, 10, 11])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_distributed_sampler(n, drop_last, shuffle):
    ranks = [DistributedSampler(range(n), 3, rank, shuffle=shuffle, drop_last=drop_last) for rank in range(3)]
    shares = [list(sampler) for sampler in ranks]
    assert {len(share) for share in shares} == {len(ranks[0])} == {n // 3 if drop_last else -(-n // 3)}
    together = [index for share in shares for index in share]
    if drop_last:
        assert len(set(together)) == len(together)
    else:
        assert set(together) == set(range(n))


def test_distributed_sampler_by_epoch():
    sampler = DistributedSampler(range(100), 2, 0)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    with pytest.raises(ValueError, match=r"Invalid rank 2, rank should be in the interval \[0, 1\]"):
        DistributedSampler(range(3), 2, 2)
    with pytest.raises(RuntimeError, match="Requires distributed package"):
        DistributedSampler(range(3))


Point = namedtuple("Point", ["x", "y"])


def test_default_collate():
    a, b = tritorch.tensor([1.0, 2.0]), tritorch.tensor([3.0, 4.0])
    assert default_collate([a, b]).tolist() == [[1, 2], [3, 4]]
    assert default_collate([1, 2]).dtype == tritorch.int64
    assert default_collate([True, False]).dtype == tritorch.bool
    assert default_collate([1.5, 2.5]).dtype == tritorch.float64
    assert default_collate(["a", b"b"]) == ["a", b"b"]
    assert default_collate([np.float32(1), np.float32(2)]).dtype == tritorch.float32
    assert default_collate([np.ones(2, np.int16)] * 3).shape == (3, 2)
    assert default_collate([(0, "a"), (1, "b")])[1] == ("a", "b")
    point = default_collate([Point(0, 1), Point(2, 3)])
    assert isinstance(point, Point) and point.y.tolist() == [1, 3]
    nested = default_collate([OrderedDict(x=[0, {"y": 1}]), OrderedDict(x=[2, {"y": 3}])])
    assert isinstance(nested, OrderedDict) and nested["x"][1]["y"].tolist() == [1, 3]


def test_default_collate_refuses():
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        default_collate([[1, 2], [3]])
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size, but got \\[2\\] at entry 0"):
        default_collate([tritorch.zeros(2), tritorch.zeros(3)])
    with pytest.raises(TypeError, match=r"default_collate: batch must .* found <class 'object'>"):
        default_collate([object()])
    with pytest.raises(TypeError, match="found <U1"):
        default_collate([np.array(["a"])])


def test_collate_can_be_taught():
    class Odd:
        pass

    data.default_collate_fn_map[Odd] = lambda batch, *, collate_fn_map: len(batch)
    try:
        assert default_collate([Odd(), Odd()]) == 2
    finally:
        del data.default_collate_fn_map[Odd]


def test_default_convert():
    out = default_convert({"a": np.arange(2), "b": (np.float64(1.5), "s"), "c": Point(1, np.zeros(1)), "d": [b"x"]})
    assert out["a"].tolist() == [0, 1] and out["a"].dtype == tritorch.int64
    assert out["b"][0].dtype == tritorch.float64 and out["b"][1] == "s"
    assert isinstance(out["c"], Point) and out["c"].y.shape == (1,)
    assert out["d"] == [b"x"]
    assert default_convert(np.array(["a"])).dtype.kind == "U"


def test_loader_batches():
    assert rows(DataLoader(range(5), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert rows(DataLoader(range(5), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(DataLoader(range(3), batch_size=None)) == [0, 1, 2]
    assert rows(DataLoader(range(5), batch_sampler=[[4, 0], [2]])) == [[4, 0], [2]]
    assert rows(DataLoader(range(5), sampler=[3, 1], batch_size=2)) == [[3, 1]]
    assert list(DataLoader(range(4), batch_size=2, collate_fn=tuple)) == [(0, 1), (2, 3)]
    assert [len(DataLoader(range(5), 2, drop_last=drop)) for drop in (False, True)] == [3, 2]
    shuffled = [value for row in rows(DataLoader(range(50), 8, shuffle=True)) for value in row]
    assert shuffled != list(range(50)) and sorted(shuffled) == list(range(50))


def test_loader_of_a_stream():
    assert rows(DataLoader(Stream(1, 2, 3), batch_size=2)) == [[1, 2], [3]]
    assert rows(DataLoader(Stream(1, 2, 3), batch_size=2, drop_last=True)) == [[1, 2]]
    assert len(DataLoader(Stream(1, 2, 3), batch_size=2)) == 2
    loader = DataLoader(Stream(1, 2, 3), batch_size=None)
    assert list(loader) == [1, 2, 3] and len(loader) == 3
    loader.dataset.items = (1, 2, 3, 4)
    with pytest.warns(UserWarning, match="was reported to be 3.*but 4 samples have been fetched"):
        list(loader)


def test_loader_asks_for_whole_batches():
    class Batched(Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [10 * index for index in indices]

    assert rows(DataLoader(Batched(), batch_size=3)) == [[0, 10, 20], [30]]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"num_workers": -1}, ValueError, "num_workers option should be non-negative"),
        ({"timeout": -1}, ValueError, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, ValueError, "prefetch_factor option could only be specified in multiprocessing"),
        ({"num_workers": 1, "prefetch_factor": -1}, ValueError, "prefetch_factor option should be non-negative"),
        ({"persistent_workers": True}, ValueError, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [0], "shuffle": True}, ValueError, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, ValueError, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, ValueError, "batch_size should be a positive integer value"),
        ({"multiprocessing_context": "fork"}, ValueError, "can only be used with multi-process loading"),
        ({"multiprocessing_context": "x", "num_workers": 1}, ValueError, "should specify a valid start method"),
        ({"multiprocessing_context": 3, "num_workers": 1}, TypeError, "should be a valid context object"),
    ],
)
def test_loader_refuses(arguments, error, text):
    with pytest.raises(error, match=text):
        DataLoader(range(3), **arguments)


def test_loader_refuses_sampling_of_a_stream():
    for name, value in {"shuffle": True, "sampler": [0], "batch_sampler": [[0]]}.items():
        with pytest.raises(ValueError, match=f"expected unspecified {name} option"):
            DataLoader(Stream(1), **{name: value})
    assert rows(DataLoader(Stream(1), shuffle=False)) == [[1]]


def test_loader_attributes_are_fixed():
    loader = DataLoader(range(3))
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        loader.batch_size = 2
    loader.collate_fn = len
    assert list(loader) == [1, 1, 1]


def test_loader_accepts_pin_memory(monkeypatch):
    monkeypatch.setattr(tritorch.cuda, "is_available", lambda: False)
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert rows(DataLoader(range(2), pin_memory=True)) == [[0], [1]]


def test_tensorboard_says_what_to_do():
    with pytest.raises(ImportError, match="tensorboardX"):
        tritorch.utils.tensorboard
