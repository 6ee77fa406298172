"""Raw Triton kernels and autograd: what a kernel writes is known to have changed."""

import pytest

import tritorch as torch

triton = pytest.importorskip("triton")
import triton.language as tl  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION:UserWarning")


@triton.jit
def store(p, i, value):
    tl.store(p + i, value)


@triton.jit
def doubled(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i, mask=i < n, other=0.0)
    tl.store(out + i, 2 * value, mask=i < n)


@triton.jit
def counted(x, total, n, BLOCK: tl.constexpr, scale: tl.constexpr = 1):
    i = tl.arange(0, BLOCK)
    store(x, i, tl.load(x + i) * scale)
    tl.atomic_add(total, 1)


def versions(*tensors):
    return [x._version for x in tensors]


def test_what_is_written_is_counted_and_what_is_read_is_not():
    x, out = torch.ones(64).cuda(), torch.empty(64, device="cuda")
    before = versions(x, out)
    doubled[(1,)](x, out, 64, BLOCK=64)
    assert versions(x, out) == [before[0], before[1] + 1]
    doubled[(1,)](x, out, 64, BLOCK=64)  # from the cache
    assert versions(x, out) == [before[0], before[1] + 2] and out.tolist() == [2.0] * 64


def test_through_functions_atomics_and_constants_between():
    x, total = torch.ones(16).cuda(), torch.zeros(1, dtype=torch.int32, device="cuda")
    before = versions(x, total)
    counted[(1,)](x, total, 1, BLOCK=16, scale=3)
    assert versions(x, total) == [v + 1 for v in before] and x.tolist() == [3.0] * 16


def test_views_share_their_version():
    base = torch.zeros(32).cuda()
    window, detached = base[16:], base.detach()
    before = base._version
    doubled[(1,)](base, window, 16, BLOCK=16)
    assert base._version == window._version == detached._version == before + 1


def test_a_saved_tensor_that_a_kernel_writes():
    """torch's error, instead of a wrong gradient."""
    x = torch.ones(64, device="cuda", requires_grad=True)
    y = x.exp()
    loss = (y * y).sum()
    doubled[(1,)](x.detach(), y.detach(), 64, BLOCK=64)
    with pytest.raises(
        RuntimeError, match="one of the variables needed for gradient computation has been modified by an inplace"
    ):
        loss.backward()


def test_reading_a_saved_tensor_is_no_write():
    x = torch.ones(64, device="cuda", requires_grad=True)
    y = x.exp()
    loss = (y * y).sum()
    doubled[(1,)](y.detach(), torch.empty(64, device="cuda"), 64, BLOCK=64)
    loss.backward()
    assert torch.allclose(x.grad, 2 * (x * 2).exp())


class Doubled(torch.autograd.Function):
    """A Function around a kernel, forward and backward."""

    @staticmethod
    def forward(ctx, x):
        out = torch.empty_like(x)
        doubled[(1,)](x, out, x.numel(), BLOCK=64)
        return out

    @staticmethod
    def backward(ctx, grad):
        out = torch.empty_like(grad)
        doubled[(1,)](grad, out, grad.numel(), BLOCK=64)
        return out


def test_a_function_around_a_kernel():
    x = torch.linspace(0, 1, 50).cuda().requires_grad_()
    y = Doubled.apply(x)
    (y * y).sum().backward()
    assert torch.allclose(y, 2 * x) and torch.allclose(x.grad, 8 * x)


class DoubledInPlace(torch.autograd.Function):
    """Writes its input and says so."""

    @staticmethod
    def forward(ctx, x):
        doubled[(1,)](x, x, x.numel(), BLOCK=64)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


def test_a_function_that_writes_its_input():
    x = torch.linspace(0, 1, 50).cuda().requires_grad_()
    y = DoubledInPlace.apply(x * 1)
    y.sum().backward()
    assert x.grad.tolist() == [2.0] * 50
