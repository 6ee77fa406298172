"""Look-ups of rows on the device, against the CPU: gradients in a fixed order, bags, checks of the indices' values."""

import numpy as np
import pytest

import tritorch
from tritorch import nn

F = nn.functional
PLACES = [3, 1, 3, 0, 4, 3, 1, 1]


def agree(function, *tensors, places=(PLACES,), tolerance=1e-6):
    """The results of ``function`` of float tensors and indices, and its gradients, on both."""
    results = []
    for device in ("cpu", "cuda"):
        xs = [x.detach().clone().to(device).requires_grad_() for x in tensors]
        out = function(*xs, *[tritorch.tensor(p, device=device) for p in places])
        weight = tritorch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype).reshape(out.shape).to(device)
        grads = tritorch.autograd.grad((out * out * weight).sum(), xs, create_graph=True)
        again = tritorch.autograd.grad([(g * g).sum() for g in grads], xs)
        results.append([out, *grads, *again, *xs])
    for wanted, got in zip(*results, strict=True):
        assert got.is_cuda and got.dtype is wanted.dtype and got.shape == wanted.shape
        a, b = (x.detach().cpu().double().numpy() for x in (got, wanted))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=40 * tolerance)


@pytest.mark.parametrize("options", [{}, {"padding_idx": 3}, {"scale_grad_by_freq": True}, {"padding_idx": -4}])
def test_rows_and_their_gradients(options):
    agree(lambda w, i: F.embedding(i, w, **options), tritorch.randn(5, 3))
    agree(lambda w, i: F.embedding(i.reshape(2, 4).int(), w, **options), tritorch.randn(5, 3, dtype=tritorch.float64))


@pytest.mark.parametrize(("dtype", "count"), [("float16", 2304), ("bfloat16", 384)])
def test_half_rows_are_added_up_in_float32(dtype, count):
    w = tritorch.zeros(3, 2, dtype=getattr(tritorch, dtype)).cuda().requires_grad_()
    index = tritorch.zeros(count, dtype=tritorch.int64).cuda()
    F.embedding(index, w).sum().backward()
    assert w.grad.cpu().tolist() == [[count, count], [0, 0], [0, 0]]


def test_the_same_gradient_every_time():
    index, grad = tritorch.randint(0, 20, (400,)).cuda(), tritorch.randn(400, 7).cuda()
    grads = []
    for _ in range(2):
        w = tritorch.zeros(20, 7).cuda().requires_grad_()
        F.embedding(index, w).backward(grad)
        grads.append(w.grad.cpu().numpy())
    np.testing.assert_array_equal(*grads)


def test_rows_that_are_too_long_are_scaled_in_place():
    near = tritorch.arange(12.0).reshape(4, 3)
    far = near.cuda()
    version = far._version
    for norm in (2.0, 1.0, float("inf")):
        wanted = F.embedding(tritorch.tensor([1, 1, 3]), near, max_norm=2.5, norm_type=norm)
        got = F.embedding(tritorch.tensor([1, 1, 3]).cuda(), far, max_norm=2.5, norm_type=norm)
        np.testing.assert_allclose(got.cpu().numpy(), wanted.numpy(), 1e-6)
        np.testing.assert_allclose(far.cpu().numpy(), near.numpy(), 1e-6)
    assert far._version == version + 3


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 3])
def test_bags(mode, padding_idx):
    w = tritorch.randn(5, 3)
    agree(lambda w, i: F.embedding_bag(i.reshape(4, 2), w, mode=mode, padding_idx=padding_idx), w)
    agree(
        lambda w, i, o: F.embedding_bag(i, w, o, mode=mode, padding_idx=padding_idx),
        w,
        places=(PLACES, [0, 3, 3, 7]),
    )
    agree(
        lambda w, i, o: F.embedding_bag(i, w, o, mode=mode, include_last_offset=True),
        w,
        places=(PLACES, [0, 0, 5, 8]),
    )


def test_weighted_bags():
    agree(
        lambda w, p, i, o: F.embedding_bag(i, w, o, mode="sum", per_sample_weights=p, padding_idx=1),
        tritorch.randn(5, 3),
        tritorch.randn(8),
        places=(PLACES, [0, 3, 3]),
    )


def test_values_are_checked_where_they_are():
    w, cuda = tritorch.randn(5, 3).cuda(), lambda *values: tritorch.tensor(values).cuda()
    for index in (cuda(0, 5), cuda(-1, 0)):
        with pytest.raises(IndexError, match="index out of range in self"):
            F.embedding(index, w)
    with pytest.raises(RuntimeError, match="Class values must be smaller than num_classes"):
        F.one_hot(cuda(0, 5), 5)
    for classes in (-1, 5):
        with pytest.raises(RuntimeError, match="Class values must be non-negative"):
            F.one_hot(cuda(3, -2), classes)
    with pytest.raises(ValueError, match=r"offsets\[0\] has to be 0"):
        F.embedding_bag(cuda(1, 2), w, cuda(1, 1))
    with pytest.raises(ValueError, match=r"offsets\[-1\] can not be greater"):
        F.embedding_bag(cuda(1, 2), w, cuda(0, 3))


def test_one_hot():
    for x in (tritorch.tensor([[2, 0], [1, 2]]), tritorch.tensor(1)):
        for classes in (-1, 4):
            got = F.one_hot(x.cuda(), classes)
            assert got.is_cuda and got.dtype is tritorch.int64
            assert got.cpu().tolist() == F.one_hot(x, classes).tolist()
    assert F.one_hot(tritorch.zeros(0, dtype=tritorch.int64).cuda(), 3).shape == (0, 3)
