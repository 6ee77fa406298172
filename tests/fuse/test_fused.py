"""Fused functions give what the eager ones give, forward and backward; what can't be fused is named and runs eagerly."""

import numpy as np
import pytest

import tritorch
from tritorch.nn import functional as F

ROWS, COLS = 300, 257


def made(*shape, seed=0, dtype=tritorch.float32):
    rng = np.random.default_rng(seed + sum(shape))
    return tritorch.tensor(rng.standard_normal(shape).astype(np.float32)).to(dtype)


X, Y, BIAS, WEIGHT = made(ROWS, COLS), made(ROWS, COLS, seed=1), made(COLS, seed=2), made(COLS, seed=3)


def chain(x, y):
    return (x * y + 1).tanh() * x


def bias_gelu(x, bias):
    return F.gelu(x + bias, approximate="tanh")


def block(x, bias, residual, weight):
    return F.layer_norm(F.dropout(x + bias, 0.5) + residual, (COLS,), weight, bias)


def masked_softmax(x, y):
    return F.softmax(x.masked_fill(y > 1, float("-inf")), -1)


def squares(x, y):
    return ((x - y) ** 2).mean()


def rms_norm(x, weight):
    return x * weight * tritorch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)


def gated(x, y):
    return tritorch.where(x > 0, x, y) * F.silu(y)


def row_values(x, y):
    return x.sum(-1) * y.amax(1)


def several(x, y):
    return {"sum": x + y, "parts": (x * y, (x > y))}


def by_columns(x, y):
    return (x * y).sum(0) + x.mean(0)


def half(x, y):
    return (x.half() * y.half() + 1).float()


CASES = [(chain, X, Y), (bias_gelu, X, BIAS), (block, X, BIAS, Y, WEIGHT), (masked_softmax, X, Y), (squares, X, Y),
         (rms_norm, X, WEIGHT), (gated, X, Y), (row_values, X, Y), (several, X, Y), (by_columns, X, Y),
         (half, X, Y)]  # fmt: skip


def leaves(result):
    if isinstance(result, dict):
        return [x for value in result.values() for x in leaves(value)]
    return [x for value in result for x in leaves(value)] if isinstance(result, tuple) else [result]


DEVICES = ["cpu", "cuda"] if tritorch.cuda.is_available() else ["cpu"]


def run(function, tensors, device="cpu"):
    """Outputs and gradients."""
    tensors = [x.detach().clone().to(device).requires_grad_() for x in tensors]
    tritorch.manual_seed(7)
    outs = leaves(function(*tensors))
    total = sum((x * made(*x.shape, seed=5).to(device) if x.ndim else x).sum() for x in outs if x.is_floating_point())
    total.backward()
    return outs, [x.grad for x in tensors]


def agree(function, tensors, device="cpu"):
    fused = tritorch.fuse(function)
    for got, wanted in zip(run(fused, tensors, device), run(function, tensors, device), strict=True):
        for a, b in zip(got, wanted, strict=True):
            assert (a is None) == (b is None)
            if a is None:
                continue
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().cpu().numpy(), rtol=2e-5, atol=2e-5)
    return fused


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_a_fused_function_gives_what_the_eager_one_gives(case, device):
    fused = agree(case[0], case[1:], device)
    assert "runs eagerly" not in fused.explain(), fused.explain()


def test_strided_inputs_and_windows_inside():
    def turned(x, y):
        return x.t() * y[:, 1:]

    x, y, fused = made(40, 30), made(30, 41), tritorch.fuse(turned)
    np.testing.assert_array_equal(fused(x, y).numpy(), turned(x, y).numpy())
    assert ": fused" in fused.explain()


def test_new_sizes_ask_for_no_new_program():
    fused = tritorch.fuse(rms_norm)
    for rows in (2, 3, 50):
        np.testing.assert_allclose(
            fused(made(rows, COLS), WEIGHT).numpy(), rms_norm(made(rows, COLS), WEIGHT).numpy(), rtol=1e-6
        )
    assert fused.compiles == 1
    fused(made(4, COLS), WEIGHT[:1])
    assert fused.compiles == 2


def test_dropout_draws_the_numbers_of_the_eager_function():
    fused = tritorch.fuse(lambda x: F.dropout(x * 2, 0.3))
    tritorch.manual_seed(1)
    got = [fused(X), fused(X)]
    tritorch.manual_seed(1)
    for x in got:
        assert (x == F.dropout(X * 2, 0.3)).all()
    assert (got[0] != got[1]).any()


def test_backward_of_backward_is_that_of_the_eager_function():
    def second(function):
        x = X[:3, :4].clone().requires_grad_()
        (first,) = tritorch.autograd.grad(function(x).sum(), x, create_graph=True)
        return tritorch.autograd.grad((first * first).sum(), x)[0]

    def cube(x):
        return (x * x * x).sigmoid()

    np.testing.assert_allclose(second(tritorch.fuse(cube)).numpy(), second(cube).numpy(), rtol=1e-5, atol=1e-6)


def test_gradients_only_where_they_are_wanted():
    x, y = X.clone().requires_grad_(), Y.clone()
    out = tritorch.fuse(chain)(x, y)
    assert out.requires_grad and y.grad is None
    with tritorch.no_grad():
        assert not tritorch.fuse(chain)(x, y).requires_grad


def branch(x):
    if x.sum() > 0:  # a branch on data
        return x * 2
    return x


def reads(x):
    return x * x.max().item()  # a host read


def writes(x):
    x.mul_(2)  # in place on an input
    return x + 1


def sorts(x):
    return x.sort()[0] + 1  # no operator of a fused kernel


def through_numpy(x):
    return x + tritorch.from_numpy(np.sin(x.numpy()))  # NumPy


@pytest.mark.parametrize("function", [branch, reads, writes, sorts, through_numpy], ids=lambda f: f.__name__)
def test_what_can_not_be_fused_is_named_with_its_line_and_runs_eagerly(function):
    fused, x, y = tritorch.fuse(function), made(5, 6), made(5, 6)
    np.testing.assert_array_equal(fused(x).numpy(), function(y).numpy())
    np.testing.assert_array_equal(x.numpy(), y.numpy())
    text = fused.explain()
    assert "runs eagerly" in text and "test_fused.py" in text
    with open(__file__) as file:
        marked = [line.strip() for line in file if "  # " in line]
    assert any(line in text for line in marked), text


def test_errors_are_those_of_the_operators():
    with pytest.raises(RuntimeError, match="must match the size"):
        tritorch.fuse(chain)(made(3, 4), made(3, 5))


def test_explain_shows_the_plan_and_its_bytes():
    fused = tritorch.fuse(chain)
    assert "not called" in fused.explain()
    fused(X.clone().requires_grad_(), Y)
    text = fused.explain()
    count = 4 * ROWS * COLS
    assert f"forward: one pass, {2 * count:,} bytes read, {count:,} written" in text
    assert "# return (x * y + 1).tanh() * x" in text and "backward reads" in text


def test_the_source_is_a_kernel_each_way_with_the_lines_of_the_author():
    fused = tritorch.fuse(chain)
    assert "not called" in fused.source()
    fused(X.clone().requires_grad_(), Y)
    text = fused.source()
    assert "def fused_forward(" in text and "def fused_backward(" in text and "def tanh(" in text
    assert "# return (x * y + 1).tanh() * x" in text and "other=0" in text
    compile(text, "source", "exec")


@pytest.mark.skipif("cuda" not in DEVICES, reason="no device")
def test_strided_gradients_and_new_sizes_on_a_device():
    fused = tritorch.fuse(bias_gelu)
    for rows in (7, 64):
        x, bias = made(rows, 5).cuda().requires_grad_(), made(5).cuda().requires_grad_()
        fused(x, bias).sum().backward()  # of strides 0
        fused(x, bias).backward(made(5, rows).cuda().t())
        a, b = x.detach().clone().requires_grad_(), bias.detach().clone().requires_grad_()
        bias_gelu(a, b).sum().backward()
        bias_gelu(a, b).backward(made(5, rows).cuda().t())
        np.testing.assert_allclose(x.grad.cpu().numpy(), a.grad.cpu().numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(bias.grad.cpu().numpy(), b.grad.cpu().numpy(), rtol=1e-5, atol=1e-5)
    assert fused.compiles == 1


def test_a_method_can_be_fused():
    class Model:
        scale = 3.0

        @tritorch.fuse
        def forward(self, x):
            return x * self.scale + 1

    assert (Model().forward(X) == X * 3.0 + 1).all()
