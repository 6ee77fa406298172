"""More than 2**31 elements (row 6): on the simulated device the programs at the borders run, and no others."""

import pytest

pytest.importorskip("triton")

import tritorch as torch
from tritorch import _C
from tritorch.runtime.jit import tl, triton
from tritorch.runtime.launch import launch

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or _C.device_kind() != "simulated", reason="asks for the simulated device"
)

COUNT = 2**31 + 64
EDGE = 1 << 18  # elements that a program of the pointwise loop takes there


@pytest.fixture
def borders(monkeypatch):
    """Of a large grid only the programs at its borders run."""
    from tritorch.runtime import interpret

    def chosen(sizes):
        every = interpret.every_program(sizes)
        if sizes[0] * sizes[1] * sizes[2] <= 64:
            return every
        return [(x, y, z) for x in sorted({0, 1, sizes[0] - 2, sizes[0] - 1}) for y in range(sizes[1]) for z in (0,)]

    monkeypatch.setattr(interpret, "programs", chosen)
    yield
    torch.cuda.synchronize()
    torch.cuda.empty_cache()


@pytest.fixture
def large(borders):
    """An int8 tensor whose first and last elements are written."""
    x = torch.empty(COUNT, dtype=torch.int8, device="cuda")
    for part in ends(x):
        part.copy_(torch.arange(part.numel()).remainder(100).to(torch.int8))
    return x


def ends(x):
    return x[: 2 * EDGE], x[-EDGE - 64 :]  # the first two programs' and the last two's


def same(got, expected):
    for a, b in zip(ends(got), expected, strict=True):
        assert torch.equal(a.cpu(), b)


ONE = {"neg": torch.neg, "abs": torch.abs, "add": lambda x: x + 3, "multiply": lambda x: x * x, "compare": lambda x: x > 7,
       "where": lambda x: torch.where(x > 7, x, 0), "clamp": lambda x: x.clamp(1, 9), "clone": torch.clone}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_pointwise(large, name):
    same(ONE[name](large), [ONE[name](part.cpu()) for part in ends(large)])


def test_in_place(large):
    before = [part.cpu() for part in ends(large)]
    large.add_(1).neg_()
    same(large, [(part + 1).neg() for part in before])


def test_strided(borders):
    """Few elements, of which the last lies past 2**31: offsets, not counts, need 64 bits."""
    x = torch.empty(COUNT, dtype=torch.int8, device="cuda")[:: 2**26]
    x.copy_(torch.arange(x.numel()).to(torch.int8))
    assert (x + 1).tolist() == list(range(1, 34))
    assert x.sum().item() == sum(range(33)) and x.max().item() == 32
    assert torch.cat([x, x]).tolist() == 2 * list(range(33))
    assert x.index_select(0, torch.tensor([32, 0, 31], device="cuda")).tolist() == [32, 0, 31]
    assert x.flip(0).tolist() == list(range(32, -1, -1)) and x.sort(descending=True)[0].tolist()[0] == 32
    assert x.gather(0, torch.tensor([32, 1], device="cuda")).tolist() == [32, 1]
    x[torch.tensor([32], device="cuda")] = 5
    assert x[-1].item() == 5 and x.softmax(0, dtype=torch.float32).shape == x.shape


@triton.jit
def narrow(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i, i < n, other=0), i < n)


def test_an_offset_of_too_few_bits_is_found(large):
    """The planted fault: a kernel that computes offsets in 32 bits."""
    launch(narrow, (-(-COUNT // EDGE),), large._array, COUNT, BLOCK=EDGE)
    with pytest.raises(RuntimeError, match="launch failure") as caught:
        torch.cuda.synchronize()
    assert "needs more than the 32 bits" in str(caught.value.__cause__)
