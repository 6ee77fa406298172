"""Faults that users plant, each found with a report that names the lines; and none of them harms what comes after."""

import inspect

import numpy as np
import pytest

import tritorch
from tritorch import _C, nn
from tritorch.cuda import Stream, current_stream, stream
from tritorch.op import launch, tl, triton

pytestmark = pytest.mark.skipif(_C.device_kind() != "simulated", reason="asks for the simulated device")


@pytest.fixture(autouse=True)
def fresh():
    _C.sim_drain()
    _C.sim_report()
    yield
    _C.sim_drain()
    _C.sim_report()
    _C.sim_seed(0)


def line(back=0):
    frame = inspect.currentframe().f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno - back}"


def report():
    tritorch.cuda.synchronize()
    return _C.sim_report()


@triton.jit
def shifted(source, out, n, by, BLOCK: tl.constexpr):
    """Forgets that its stores begin at ``by``, and may end beyond the block."""
    i = tl.arange(0, BLOCK)
    tl.store(out + i + by, tl.load(source + i, mask=i < n, other=0.0), mask=i < n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "forgotten"])
def test_a_missing_record_stream(seed, recorded, figure):
    _C.sim_seed(seed)
    side, total = Stream(), tritorch.zeros(4096, device="cuda")
    x = tritorch.ones(4096, device="cuda")
    side.wait_stream(current_stream())
    with stream(side):
        for _ in range(3):
            total += x
            read = line(1)
    if recorded:
        x.record_stream(side)
    del x  # the current stream may have its memory again
    again = tritorch.full((4096,), 7.0, device="cuda")
    found = report()
    assert again.sum().item() == 7 * 4096
    if recorded:
        assert found == [] and total.sum().item() == 3 * 4096
        return
    races = [text for kind, text in found if kind == "race"]
    assert races and any(read in text and "no event orders the two" in text for text in races)
    if seed == 0:
        figure("report of a missing record_stream", races[0].replace("\n", " ")[:200])


def test_a_store_out_of_bounds(figure):
    source, out = tritorch.ones(100, device="cuda"), tritorch.zeros(100, device="cuda")
    launch(shifted, (1,), source._array, out._array, 100, 8, BLOCK=128)
    stored = line(1)
    with pytest.raises(RuntimeError, match="CUDA error: unspecified launch failure") as caught:
        tritorch.cuda.synchronize()
    assert "kernel shifted, program (0, 0, 0)" in str(caught.value.__cause__)
    [(kind, text)] = _C.sim_report()
    assert kind == "bounds" and stored in text and "0 bytes past the end of a block of 400 bytes" in text
    figure("report of a store out of bounds", text[:200])


def test_a_read_of_what_nobody_wrote(figure):
    x = tritorch.empty(100, device="cuda")
    made = line(1)
    y = x * 2
    read = line(1)
    found = report()
    assert found and all(kind == "uninitialized" for kind, _ in found)
    assert made in found[0][1] and read in found[0][1] and "never written" in found[0][1]
    assert np.isnan(y.cpu().numpy()).all()  # not the zeros that hide it on many days
    figure("report of an uninitialised read", found[0][1][:200])


@pytest.mark.parametrize("kind", ["launch", "kernel"])
def test_a_failed_launch(kind, figure):
    x = tritorch.ones(100, device="cuda")
    tritorch.cuda.synchronize()
    _C.sim_fail(kind, 1)
    with pytest.raises(RuntimeError, match="CUDA error: ") as caught:
        y = x + 1
        tritorch.cuda.synchronize()
        y.sum()
    figure(f"report of a failed {kind}", str(caught.value).splitlines()[0])
    assert (x + 1).tolist() == [2] * 100 and report() == []


def test_one_failed_kernel_does_not_poison_the_process():
    """A real device is lost after such an error; here the other streams, tensors and gradients go on as they were."""
    model, side = nn.Linear(8, 8).cuda(), Stream()
    x = tritorch.ones(2, 8, device="cuda")
    wanted = model(x).sum().item()
    out = tritorch.zeros(4, device="cuda")
    for _ in range(5):
        with stream(side):
            launch(shifted, (1,), x._array, out._array, 4, 1000, BLOCK=16)
        with pytest.raises(RuntimeError, match="unspecified launch failure"):
            tritorch.cuda.synchronize()
        assert model(x).sum().item() == wanted
        model(x).sum().backward()
    assert model.bias.grad.tolist() == [10] * 8 and out.tolist() == [0] * 4
    assert [kind for kind, _ in _C.sim_report()] == ["bounds"] * 5
