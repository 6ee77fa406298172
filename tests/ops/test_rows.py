"""Rows of the reliability goals that concern operators: accuracy, random numbers, determinism, DLPack, leaks."""

import gc
import resource
import sys

import numpy as np
import pytest

import tritorch as torch


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_a_sum_of_many_ones_is_exact(name, figure):
    """Row 8: half precision accumulates in float32."""
    kind = getattr(torch, name)
    total = torch.ones(70_000, dtype=kind).sum().double().item()
    exact = torch.tensor(70_000.0, dtype=torch.float64).to(kind).double().item()
    figure(f"sum of 70,000 ones, {name}", total)
    assert total == exact


def test_half_precision_products_round_once():
    """Row 8: against float64, at most two roundings of the result's own type."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((64, 256)), rng.standard_normal((256, 32))
    half = torch.from_numpy(a).half() @ torch.from_numpy(b).half()
    exact = a.astype(np.float16).astype(np.float64) @ b.astype(np.float16).astype(np.float64)
    error = np.abs(half.double().numpy() - exact) / np.maximum(np.abs(exact), 1)
    assert error.max() < 2 * 2.0**-11


def test_no_counter_is_used_twice(figure):
    """Row 9: ten million draws in many calls are the words of one stream, each once."""
    generator = torch.Generator().manual_seed(5)
    whole = torch.rand(10_000_000, generator=generator)
    used = generator.get_offset()
    generator.manual_seed(5)
    parts = torch.cat([torch.rand(1_000_000, generator=generator) for _ in range(10)])
    figure("draws without a repeated counter", whole.numel())
    assert used == whole.numel() // 4  # four words a counter
    assert generator.get_offset() == used
    assert torch.equal(whole, parts)


def test_the_state_of_a_generator_makes_a_round_trip():
    """Row 9."""
    generator = torch.Generator().manual_seed(7)
    torch.randn(1001, generator=generator)
    state = generator.get_state()
    first = torch.randint(0, 1000, (50,), generator=generator)
    generator.set_state(state)
    assert torch.equal(first, torch.randint(0, 1000, (50,), generator=generator))
    with pytest.raises(RuntimeError, match="wrong size"):
        generator.set_state(state[:-1])


def test_operators_are_deterministic(figure):
    """Row 10: a step with most kinds of operators gives the same bits twice."""

    def step():
        torch.manual_seed(3)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.GELU(), torch.nn.MaxPool2d(2),
            torch.nn.Flatten(), torch.nn.Dropout(0.2), torch.nn.Linear(8 * 8 * 8, 32), torch.nn.LayerNorm(32),
            torch.nn.Linear(32, 10),
        )  # fmt: skip
        loss = torch.nn.functional.cross_entropy(model(torch.randn(16, 3, 16, 16)), torch.randint(0, 10, (16,)))
        loss.backward()
        return [loss.detach(), *(p.grad for p in model.parameters())]

    first, second = step(), step()
    figure("tensors equal to the bit in two runs", len(first))
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(first, second, strict=True))


def test_dlpack_cycles_free_what_they_hold(figure):
    """Row 28: consumed, dropped and failed exports leave the reference count as it was."""
    x = torch.ones(64)
    array = x.numpy()
    before = sys.getrefcount(array)
    rounds = 30_000
    for _ in range(rounds):
        np.from_dlpack(x)
        x.__dlpack__()
    guarded = torch.ones(2, requires_grad=True)
    for _ in range(1000):
        with pytest.raises(BufferError):
            guarded.__dlpack__()
    figure("DLPack cycles", 2 * rounds)
    assert sys.getrefcount(array) == before
    assert torch.equal(torch.from_dlpack(np.arange(3.0)), torch.arange(3.0, dtype=torch.float64))


def test_training_steps_leak_nothing(figure):
    """Row 31: resident memory grows by less than 1 KB a step."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x, y = torch.randn(16, 8), torch.randint(0, 2, (16,))

    def train(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

    train(500)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    steps = 10_000
    train(steps)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / steps
    figure("bytes of resident memory a training step", round(grown, 1))
    assert grown < 1024
