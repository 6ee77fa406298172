"""What mixes a tensor of the host with one of the device: torch's value or torch's error, and never a read across."""

import pytest

import tritorch
from tritorch import nn
from tritorch.nn import functional as F

INDICES = r"^indices should be either on cpu or on the same device as the indexed tensor \(cpu\)$"
MIXED = "^Expected all tensors to be on the same device, but found at least two devices"
DRAWN = tritorch.rand_like, tritorch.randn_like
ZERO, MASK = [0], [True, False]


def there(values):
    return tritorch.tensor(values, device="cuda")


def ones(*shape, device="cpu"):
    return tritorch.ones(shape, device=device)


def written(target, index, value):
    target[index] = value
    return target


@pytest.mark.parametrize(
    "call",
    [
        lambda: ones(6)[there(ZERO)], lambda: ones(2)[there(MASK)], lambda: ones(6, 2)[there(ZERO), :],
        lambda: written(ones(6), there(ZERO), 1.0), lambda: ones(2).masked_select(there(MASK)),
        lambda: ones(6).index_put_((there(ZERO),), ones(1)), lambda: ones(6).index_put((there(ZERO),), ones(1)),
    ],
)  # fmt: skip
def test_indices_of_the_device_do_not_index_the_host(call):
    with pytest.raises(RuntimeError, match=INDICES):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: tritorch.add(ones(2), ones(2), out=ones(2, device="cuda")),
        lambda: tritorch.add(ones(2, device="cuda"), 1, out=ones(2)),
        lambda: tritorch.sum(ones(2, device="cuda"), 0, out=ones()),
        lambda: tritorch.sort(ones(2, device="cuda"), out=(ones(2), tritorch.ones(2, dtype=tritorch.int64))),
        lambda: ones(2).add_(ones(2, device="cuda")), lambda: ones(2, device="cuda").add_(ones(2)),
        lambda: ones(2).add(ones(device="cuda")),
        lambda: written(ones(6), tritorch.tensor(ZERO), ones(1, device="cuda")),
        lambda: ones(6).scatter_add_(0, there(ZERO), ones(1, device="cuda")),
        lambda: ones(6).index_add_(0, tritorch.tensor(ZERO), ones(1, device="cuda")),
        lambda: ones(6, device="cuda").index_add_(0, there(ZERO), ones(1)),
        lambda: ones(3).put_(there(ZERO), ones(1)), lambda: ones(2).masked_fill_(there(MASK), 0.0),
        lambda: tritorch.where(there(MASK), ones(2), ones(2)), lambda: tritorch.cat([ones(2), ones(2, device="cuda")]),
        lambda: nn.Linear(2, 2)(ones(1, 2, device="cuda")), lambda: nn.Linear(2, 2).cuda()(ones(1, 2)),
        lambda: nn.Conv2d(1, 1, 2)(ones(1, 1, 3, 3, device="cuda")), lambda: nn.BatchNorm1d(3)(ones(4, 3, device="cuda")),
        lambda: F.cross_entropy(ones(2, 3, device="cuda"), tritorch.tensor([0, 1])),
        lambda: F.mse_loss(ones(2, device="cuda"), ones(2)), lambda: ones(2, 2) @ ones(2, 2, device="cuda"),
        lambda: tritorch.equal(ones(2), ones(2, device="cuda")),
    ],
)  # fmt: skip
def test_operands_are_of_one_device(call):
    with pytest.raises(RuntimeError, match=MIXED):
        call()


def test_what_torch_takes_from_either_device():
    x = ones(6)
    x[0:2] = ones(2, device="cuda") * 2
    x[2] = there(3.0)
    x[tritorch.tensor([3])] = there(4.0)
    x[4:] = ones(1, 2, device="cuda") * 5
    assert x.tolist() == [2, 2, 3, 4, 5, 5]
    y = x.cuda()
    y[0:2] = ones(2)
    y[tritorch.tensor([True] + [False] * 5)] = tritorch.tensor(7.0)
    assert y[tritorch.tensor([0, 1])].tolist() == [7, 1] and y.is_cuda
    assert x[there(2)].item() == 3 and y[there(2)].item() == 3 and x[there(1) :].shape == (5,)
    assert (y + tritorch.tensor(1.0)).is_cuda and (tritorch.tensor(2.0) * y)[2].item() == 6
    assert tritorch.full((2,), there(3.0)).tolist() == [3, 3]
    assert tritorch.tensor([there(1.0), 2.0]).tolist() == [1, 2]
    assert x.copy_(y).tolist() == y.tolist() and y.copy_(ones(6)).sum().item() == 6


def test_gradients_come_back_to_where_the_leaf_is():
    x = tritorch.ones(3, requires_grad=True)
    y = x * 1
    y[0:1] = (x.cuda() * 2)[1:2]
    y.sum().backward()
    assert not x.grad.is_cuda and x.grad.tolist() == [0, 3, 1]
    tritorch.zeros(3).copy_(x.cuda() * 2).sum().backward()
    assert x.grad.tolist() == [2, 5, 3]
    with pytest.raises(RuntimeError, match="expected device cuda:0 but got cpu"):
        (ones(2, device="cuda").requires_grad_() * 2).backward(ones(2))


def test_new_tensors_beside_one_of_another_device():
    x = tritorch.zeros(2, 3, 4).permute(2, 0, 1)
    for like in (tritorch.empty_like, tritorch.zeros_like, tritorch.ones_like, *DRAWN):
        for given, place in ((x, "cuda"), (x.cuda(), "cpu")):
            made = like(given, device=place)
            assert made.device.type == place and made.shape == x.shape
            assert like in DRAWN or made.stride() == x.stride(), like.__name__
    assert tritorch.full_like(x, 3, device="cuda").sum().item() == 72
    assert x.new_zeros(2, device="cuda").is_cuda and x.cuda().new_ones(2, device="cpu").tolist() == [1, 1]
    assert nn.Linear(2, 2).to_empty(device="cuda").weight.is_cuda
