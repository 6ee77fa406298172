"""Tensors side by side, windows and their gradients, repeats and triangles on the device, against the CPU."""

import numpy as np
import pytest

import tritorch

CASES = {
    "cat": lambda x: tritorch.cat([x, x[:, :2], x.transpose(0, 1)[:4].transpose(0, 1)], 1),
    "cat empty": lambda x: tritorch.cat([x.new_zeros(0), x, x[:0]]),
    "cat promotes": lambda x: tritorch.cat([x, x.double()]),
    "stack": lambda x: tritorch.stack([x, x * 2], -1),
    "hstack": lambda x: tritorch.hstack([x, x]),
    "block_diag": lambda x: tritorch.block_diag(x[:, :, 0], x[:, :, 1]),
    "slice": lambda x: x[1:, ::2],
    "select": lambda x: x.select(1, -2),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "unbind": lambda x: x.unbind(1)[1] * x.unbind(1)[3],
    "split": lambda x: x.split([1, 3], 1)[1],
    "chunk": lambda x: x.chunk(2, 2)[0] + 1,
    "expand": lambda x: x.sum(0, True).expand(3, 4, 5) * x,
    "diagonal": lambda x: x.diagonal(1, 0, 2),
    "unfold": lambda x: x.unfold(1, 3, 1) * 2,
    "repeat": lambda x: x.repeat(2, 1, 1, 3),
    "tile": lambda x: x.tile((2,)),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "flip": lambda x: x.flip(0, 2),
    "rot90": lambda x: x.rot90(),
    "roll": lambda x: x.roll(2),
    "roll dims": lambda x: x.roll((1, -1), (0, 2)),
    "tril": lambda x: x.tril(1),
    "triu": lambda x: x.permute(2, 0, 1).triu(-1),
    "diag_embed": lambda x: x.diag_embed(1),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    tritorch.manual_seed(0)
    x = tritorch.randn(3, 4, 5, requires_grad=True)
    y = x.detach().cuda().requires_grad_()
    wanted, got = CASES[name](x), CASES[name](y)
    assert got.is_cuda and got.dtype is wanted.dtype and got.shape == wanted.shape
    np.testing.assert_allclose(got.detach().cpu().numpy(), wanted.detach().numpy(), rtol=1e-5)
    grad = tritorch.randn_like(wanted)
    wanted.backward(grad)
    got.backward(grad.cuda())
    assert y.grad.is_cuda
    np.testing.assert_allclose(y.grad.cpu().numpy(), x.grad.numpy(), rtol=1e-5)


@pytest.mark.parametrize("dtype", [tritorch.bool, tritorch.int64, tritorch.uint8, tritorch.float16, tritorch.bfloat16])
def test_dtypes(dtype):
    x = (tritorch.arange(12).reshape(3, 4) % 5).to(dtype)
    y = x.cuda()
    for f in (lambda t: tritorch.cat([t, t]), lambda t: t.tril(), lambda t: t.flip(1), lambda t: t.repeat(2, 2)):
        assert f(y).dtype is dtype and f(y).tolist() == f(x).tolist()


def test_sizes_that_differ_are_refused():
    x = tritorch.ones(2, 3).cuda()
    with pytest.raises(RuntimeError, match="Sizes of tensors must match except in dimension 0"):
        tritorch.cat([x, x[:, :2]])
    with pytest.raises(RuntimeError, match="equal size"):
        tritorch.stack([x, x[:, :2]])
