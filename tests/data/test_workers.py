"""Worker processes of a loader that behave: order, seeds, memory, start methods."""

import os
import random
import time
from collections import namedtuple
from dataclasses import dataclass
from multiprocessing import active_children

import numpy as np
import pytest

import tritorch
from tritorch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

Sample = namedtuple("Sample", ["image", "label", "name"])


class Images(Dataset):
    """Images whose pixels are their index, large enough for shared memory."""

    def __init__(self, n=24, size=64):
        self.n, self.size = n, size

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return Sample(tritorch.full((3, self.size, self.size), float(index)), index, f"image {index}")


class Shares(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id, self.n, info.num_workers) if info else range(self.n))


class Facts(Dataset):
    """What a worker knows about itself."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        info = get_worker_info()
        draws = (float(tritorch.rand(())), random.random(), float(np.random.rand()))
        return info.id, info.num_workers, info.seed, info.dataset is self, os.getpid(), draws


def first(batch):
    return batch[0]


def numbers(loader):
    return [batch.tolist() for batch in loader]


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_those_of_one_process(workers):
    for plain, loaded in zip(DataLoader(Images(), 4), DataLoader(Images(), 4, num_workers=workers), strict=True):
        assert isinstance(loaded, Sample) and loaded.name == plain.name
        assert tritorch.equal(loaded.image, plain.image) and tritorch.equal(loaded.label, plain.label)
    assert not active_children()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method):
    images = tritorch.arange(4.0).reshape(4, 1, 1).expand(4, 300, 300)
    loader = DataLoader(TensorDataset(images), 2, num_workers=1, multiprocessing_context=method)
    assert [batch[:, 0, 0].tolist() for (batch,) in loader] == [[0, 1], [2, 3]]


def test_batches_can_be_written_and_kept():
    kept = []
    for batch in DataLoader(Images(), 8, num_workers=2):
        batch.image.add_(1)
        batch.label.add_(1)
        kept.append(batch)
    assert [batch.image[:, 0, 0, 0].tolist() for batch in kept] == [batch.label.tolist() for batch in kept]


def test_kept_batches_hold_no_descriptors(figure):
    before = len(os.listdir("/proc/self/fd"))
    kept = list(DataLoader(Images(64, 64), 8, num_workers=2))
    held = len(os.listdir("/proc/self/fd")) - before
    figure("descriptors held by 8 kept batches", held)
    assert len(kept) == 8 and held <= 0


def test_a_kept_label_does_not_keep_the_images(figure):
    def shared_bytes():
        with open("/proc/self/smaps_rollup") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss_Shmem"))

    before = shared_bytes()
    batches = list(DataLoader(Images(64, 128), 16, num_workers=1))
    assert sum(batch.image.sum().item() for batch in batches) and shared_bytes() - before > 12_000_000
    labels = [batch.label for batch in batches]
    del batches
    held = shared_bytes() - before
    figure("shared bytes held by the labels of 12 MB of images", held)
    assert len(labels) == 4 and held < 1_000_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: tritorch.arange(300_000).reshape(300, 1000).t(),
        lambda: tritorch.arange(24).reshape(2, 3, 4).permute(2, 0, 1),
        lambda: tritorch.ones(3, 1).expand(3, 4),
        lambda: tritorch.tensor(3.5),
        lambda: tritorch.zeros(0, 3),
        lambda: tritorch.full((400, 400), 0.1).bfloat16(),
        lambda: tritorch.ones(5, requires_grad=True),
        lambda: tritorch.nn.Parameter(tritorch.ones(5)),
        lambda: np.arange(100_000, dtype=np.int16),
        lambda: np.array(["a", None], dtype=object),
        lambda: {"a": [tritorch.ones(70_000), "text"], "b": (1, None)},
    ],
)
def test_what_a_batch_may_hold(make):
    value = make()
    (loaded,) = DataLoader([0], collate_fn=lambda _: make(), num_workers=1)
    assert type(loaded) is type(value)
    if isinstance(value, tritorch.Tensor):
        assert loaded.dtype == value.dtype and loaded.requires_grad == value.requires_grad
        assert tritorch.equal(loaded, value)
        if value.stride() and 0 not in value.stride():
            assert loaded.stride() == value.stride()
    elif isinstance(value, np.ndarray):
        assert (loaded == value).all()
    else:
        assert loaded["b"] == (1, None) and loaded["a"][0].sum().item() == 70_000


@dataclass
class Batch:
    """A user's own class, with a tensor inside."""

    x: tritorch.Tensor


def test_users_classes_travel():
    (batch,) = DataLoader([1.0], collate_fn=lambda items: Batch(tritorch.full((100_000,), items[0])), num_workers=1)
    assert isinstance(batch, Batch) and batch.x.sum().item() == 100_000


def test_worker_info_and_seeds():
    def run():
        tritorch.manual_seed(7)
        return list(DataLoader(Facts(), None, num_workers=2))

    facts, again = run(), run()
    assert get_worker_info() is None
    assert [fact[:2] for fact in facts] == [[0, 2], [1, 2], [0, 2], [1, 2]]
    assert facts[1][2] == facts[0][2] + 1 and all(fact[3] for fact in facts)
    assert len({fact[4] for fact in facts}) == 2 and os.getpid() not in {fact[4] for fact in facts}
    assert len({draw for fact in facts for draw in fact[5]}) == 12, "workers must not draw the same numbers"
    assert [fact[5] for fact in facts] == [fact[5] for fact in again]


def test_base_seed_comes_from_the_generator():
    generator = tritorch.Generator()
    seeds = [
        next(iter(DataLoader(Facts(), None, num_workers=1, generator=generator.manual_seed(3))))[2] for _ in range(2)
    ]
    assert seeds[0] == seeds[1]


@pytest.mark.parametrize("batch_size", [3, None])
def test_streams(batch_size):
    loaded = list(DataLoader(Shares(10), batch_size, num_workers=2))
    flat = sorted(int(value) for batch in loaded for value in (batch if batch_size else [batch]))
    assert flat == list(range(10))


def test_streams_of_unequal_length():
    class Uneven(IterableDataset):
        def __iter__(self):
            return iter(range(7) if get_worker_info().id else range(100, 101))

    assert sorted(DataLoader(Uneven(), None, num_workers=2)) == [0, 1, 2, 3, 4, 5, 6, 100]


def test_init_function_changes_the_dataset():
    def init(worker_id):
        get_worker_info().dataset.n = 3 * (worker_id + 1)

    (batches,) = [list(DataLoader(Shares(0), None, num_workers=1, worker_init_fn=init))]
    assert batches == [0, 1, 2]


def test_persistent_workers():
    loader = DataLoader(Facts(), None, num_workers=2, persistent_workers=True)
    pids = [{fact[4] for fact in loader} for _ in range(3)]
    assert pids[0] == pids[1] == pids[2] and len(active_children()) == 2
    del loader
    assert not active_children()


def test_persistent_workers_after_a_broken_pass():
    loader = DataLoader(range(40), 2, num_workers=2, persistent_workers=True)
    for _ in range(3):
        for i, batch in enumerate(loader):
            assert batch.tolist() == [2 * i, 2 * i + 1]
            if i == 3:
                break
    assert numbers(loader) == [[i, i + 1] for i in range(0, 40, 2)]
    stream = DataLoader(Shares(10), 2, num_workers=2, persistent_workers=True)
    assert [sorted(v for batch in numbers(stream) for v in batch) for _ in range(2)] == [list(range(10))] * 2


def test_out_of_order():
    class Slow(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            time.sleep(0.5 if index == 0 else 0)
            return index

    loaded = list(DataLoader(Slow(), None, num_workers=2, in_order=False))
    assert sorted(loaded) == list(range(6)) and loaded[0] != 0
    assert list(DataLoader(Slow(), None, num_workers=2)) == list(range(6))


def test_many_large_index_lists_do_not_lock_up():
    order = [list(range(20_000))] * 300
    loader = DataLoader(range(20_000), batch_sampler=order, num_workers=1, prefetch_factor=300, collate_fn=first)
    assert list(loader) == [0] * 300


def test_more_tensors_than_a_message_has_descriptors():
    class Many(Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return [tritorch.full((70_000,), float(i)) for i in range(200)]

    (batch,) = DataLoader(Many(), None, num_workers=1)
    assert [int(tensor[-1]) for tensor in batch] == list(range(200))


def test_tensor_dataset_shuffled():
    x = tritorch.arange(1000)
    loader = DataLoader(TensorDataset(x, x * 2), 64, shuffle=True, num_workers=2)
    seen = [pair for a, b in loader for pair in zip(a.tolist(), b.tolist(), strict=True)]
    assert sorted(seen) == [(i, 2 * i) for i in range(1000)]
