"""Random expressions: operators, shapes, strides, dtypes. Fused and eager agree, forward and backward, on each device.

2,000 of them; ``TRITORCH_EXPRESSIONS=50000`` asks for more. A failure prints the seed and the expression.
"""

import os

import numpy as np
import pytest

import tritorch
from tritorch.nn import functional as F

COUNT = int(os.environ.get("TRITORCH_EXPRESSIONS", "2000"))
BATCHES = 10  # that the expressions of a device are tested in
ON_DEVICE = COUNT // 20 if tritorch.cuda.is_available() else 0

UNARY = {
    "neg": lambda x: -x, "tanh": tritorch.tanh, "sigmoid": tritorch.sigmoid, "relu": tritorch.relu, "abs": tritorch.abs,
    "sin": tritorch.sin, "square": tritorch.square, "gelu": F.gelu, "silu": F.silu, "twice": lambda x: 2 * x + 1,
    "exp": lambda x: (x * 0.1).exp(), "root": lambda x: (x * x + 1).sqrt(), "clamp": lambda x: x.clamp(-1, 1),
    "leaky": lambda x: F.leaky_relu(x, 0.1), "over": lambda x: 1 / (x.abs() + 1), "softplus": F.softplus,
}  # fmt: skip
BINARY = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "rsub": lambda x, y: 2 - x - y,
    "div": lambda x, y: x / (y.abs() + 1), "maximum": tritorch.maximum, "where": lambda x, y: tritorch.where(x > y, x, y),
    "mask": lambda x, y: (x * (y > 0)), "lerp": lambda x, y: x + 0.3 * (y - x),
}  # fmt: skip
ROWS = {
    "sum": lambda x: x.sum(-1, keepdim=True), "mean": lambda x: x.mean(-1, keepdim=True), "amax": lambda x: x.amax(-1, keepdim=True),
    "softmax": lambda x: x.softmax(-1), "logsoftmax": lambda x: x.log_softmax(-1), "centred": lambda x: x - x.mean(-1, keepdim=True),
    "norm": lambda x: F.layer_norm(x, x.shape[-1:]),
    "unsqueezed": lambda x: x * x.sum(-1).unsqueeze(-1),
}  # fmt: skip


class Expression:
    """An expression of a seed: what goes in, and a program of steps."""

    def __init__(self, seed):
        rng = self.rng = np.random.default_rng(seed)
        rank = rng.integers(1, 4)
        self.shape = tuple(int(n) for n in rng.choice([1, 2, 3, 5, 8, 17], rank))
        self.half = rng.random() < 0.15
        self.inputs = [self._input(i) for i in range(rng.integers(1, 4))]
        self.steps = [self._step(len(self.inputs) + i) for i in range(rng.integers(2, 9))]
        self.end = rng.choice(["none", "none", "none", "sum", "mean", "columns"])

    def _input(self, number):
        rng, shape = self.rng, list(self.shape)
        if number:
            shape = [1 if rng.random() < 0.25 else n for n in shape]
            if rng.random() < 0.3:
                shape = shape[rng.integers(0, len(shape)) :]
        kind = rng.choice(["float32", "float32", "float32", "float64", "int64"]) if number else "float32"
        values = rng.standard_normal([n + 1 for n in shape])
        values = (values * 2).astype(kind)
        layout = rng.choice(["whole", "whole", "sliced", "turned"])
        return values, layout, shape, kind != "int64" and rng.random() < 0.8

    def tensors(self, device):
        made = []
        for values, layout, shape, wants in self.inputs:
            x = tritorch.tensor(values).to(device)
            x = x[tuple(slice(0, n) for n in shape)]
            if layout == "whole":
                x = x.clone(memory_format=tritorch.contiguous_format)
            elif layout == "turned" and x.ndim > 1:
                x = x.transpose(0, -1).clone(memory_format=tritorch.contiguous_format).transpose(0, -1)
            x = x.half() if self.half and x.dtype is tritorch.float32 else x
            made.append(x.detach().requires_grad_(wants))
        return made

    def _step(self, count):
        rng = self.rng
        table = rng.choice(["unary", "binary", "binary", "rows"], p=[0.4, 0.25, 0.2, 0.15])
        name = rng.choice(list({"unary": UNARY, "binary": BINARY, "rows": ROWS}[table]))
        return table, name, int(rng.integers(max(0, count - 3), count)), int(rng.integers(0, count))

    def __call__(self, *tensors):
        values = list(tensors)
        for table, name, a, b in self.steps:
            x, y = values[a], values[b]
            if not x.is_floating_point():
                x = x.float()
            if table == "binary":
                values.append(BINARY[name](x, y if y.is_floating_point() else y.float()))
            else:
                values.append((UNARY if table == "unary" else ROWS)[name](x))
        out = values[-1] * 1.0
        if self.end == "columns":
            return out.sum(0)
        return out if self.end == "none" else getattr(out, self.end)()

    def text(self):
        inputs = [(shape, layout, str(values.dtype)) for values, layout, shape, _ in self.inputs]
        return f"inputs {inputs} half {self.half} steps {self.steps} end {self.end}"


def results(function, expression, device):
    tensors = expression.tensors(device)
    out = function(*tensors)
    found = [out.detach()]
    if out.requires_grad:
        weight = tritorch.tensor(np.cos(np.arange(out.numel())) + 1.5).reshape(out.shape).to(device, out.dtype)
        (out * weight).sum().backward()
        found += [x.grad for x in tensors]
    return found


def check(seed, device):
    """Whether it was fused."""
    expression = Expression(seed)
    fused = tritorch.fuse(expression.__call__)
    wanted, got = results(expression, expression, device), results(fused, expression, device)
    loose = expression.half
    for a, b in zip(got, wanted, strict=True):
        assert (a is None) == (b is None), (seed, expression.text())
        if a is None:
            continue
        assert a.dtype is b.dtype and a.shape == b.shape, (seed, expression.text())
        a, b = a.cpu().double().numpy(), b.cpu().double().numpy()
        size = max(1.0, float(np.nan_to_num(np.abs(b)).max(initial=0)))
        tolerance = (2e-2 if loose else 2e-5) * size
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance, err_msg=f"seed {seed}: {expression.text()}")
    return ": fused" in fused.explain()


def check_many(seeds, device):
    fused = sum(check(seed, device) for seed in seeds)
    assert fused > 0.6 * len(seeds)  # the others say why they ran eagerly
    return fused


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", range(BATCHES))
def test_on_the_cpu(batch):
    check_many(range(batch, COUNT - ON_DEVICE, BATCHES), "cpu")


@pytest.mark.skipif(not ON_DEVICE, reason="no device")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", range(2))
def test_on_a_device(batch):
    check_many(range(10**9 + batch, 10**9 + ON_DEVICE, 2), "cuda")
