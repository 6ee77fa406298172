"""Reductions: any dims and strides against NumPy in float64, and what their fast path must not change."""

import itertools

import numpy as np
import pytest

import tritorch
from tritorch.autograd import gradcheck

BY_HAND = {
    "sum": np.sum,
    "mean": np.mean,
    "amax": np.max,
    "amin": np.min,
    "nansum": np.nansum,
    "all": np.all,
    "any": np.any,
    "var": lambda a, axis, keepdims: np.var(a, axis=axis, keepdims=keepdims, ddof=1),
    "std": lambda a, axis, keepdims: np.std(a, axis=axis, keepdims=keepdims, ddof=1),
    "norm": lambda a, axis, keepdims: np.sqrt(np.sum(a * a, axis=axis, keepdims=keepdims)),
}
VIEWS = {
    "as it is": lambda x: x,
    "turned": lambda x: x.transpose(0, 2),
    "every second": lambda x: x[:, :, ::2],
    "backwards": lambda x: x.flip(1),
    "one row many times": lambda x: x[:, :1].expand(-1, 3, -1),
    "of other memory": lambda x: x[1:],
}


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("view", VIEWS)
def test_every_dim_and_stride(name, view):
    x = VIEWS[view](tritorch.tensor(np.random.default_rng(0).standard_normal((4, 5, 66)).astype(np.float32).round(1)))
    for dims in (None, 0, -1, (0, 2), (1,), [2, 1], (0, 1, 2)):
        for keepdim in (False, True):
            if dims is None:
                out = getattr(tritorch, name)(x)
                if keepdim:
                    continue
            else:
                out = getattr(tritorch, name)(x, dim=dims, keepdim=keepdim)
            axis = tuple(dims) if isinstance(dims, list) else dims
            want = BY_HAND[name](x.numpy().astype(np.float64), axis=axis, keepdims=keepdim)
            assert out.shape == want.shape
            np.testing.assert_allclose(out.numpy(), want, rtol=2e-6, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "amax", "var", "std", "norm", "nansum", "prod", "all", "any", "argmax"]
)
def test_memory_that_is_not_aligned(name):
    kept = np.arange(1, 11, dtype=np.float32)
    x = tritorch.frombuffer(bytearray(b"\0" + kept.tobytes()), dtype=tritorch.float32, offset=1)
    assert not x.numpy().flags.aligned
    assert tritorch.equal(getattr(tritorch, name)(x), getattr(tritorch, name)(tritorch.tensor(kept)))


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "max", "min", "nansum", "prod", "var", "std", "norm"])
def test_derivatives_with_and_without_dims(name):
    x = tritorch.tensor(np.random.default_rng(1).permutation(24).reshape(2, 3, 4) / 7 + 0.1).requires_grad_()
    one = {"max", "min", "prod"}
    arguments = [(), (0,), (-1, True)] + ([] if name in one else [((0, 2),), ((2, 1), True), ([0, 1, 2],)])
    for given in arguments:
        keywords = dict(zip(("dim", "keepdim"), given, strict=False))

        def call(a, keywords=keywords):
            out = getattr(tritorch, name)(a, **keywords)
            return out[0] if isinstance(out, tuple) else out

        assert gradcheck(call, (x,))


def test_the_plain_case_is_the_case_with_out():
    """`out=` takes the slow path: both give the same numbers and dtypes."""
    for name, dtype in itertools.product(
        ["sum", "mean", "amax", "nansum", "any"], ["float32", "float64", "int64", "uint8", "bool", "float16"]
    ):
        if name == "mean" and not getattr(tritorch, dtype).is_floating_point:
            continue
        x = tritorch.arange(-3, 9).reshape(3, 4).to(getattr(tritorch, dtype))
        plain = getattr(tritorch, name)(x, 1)
        given = tritorch.empty(0, dtype=plain.dtype)
        getattr(tritorch, name)(x, 1, out=given)
        assert tritorch.equal(plain, given), (name, dtype)


def test_nan_and_empty():
    nan = tritorch.tensor([[1.0, float("nan")], [2.0, 3.0]])
    assert tritorch.amax(nan, 1).isnan().tolist() == tritorch.amin(nan, 1).isnan().tolist() == [True, False]
    assert tritorch.nansum(nan).item() == 6
    empty = tritorch.empty(0, 3)
    assert tritorch.sum(empty, 0).tolist() == [0, 0, 0] and tritorch.mean(empty, 0).isnan().all()
    with pytest.raises(IndexError, match="Expected reduction dim 0 to have non-zero size"):
        tritorch.amax(empty, 0)
    with pytest.raises(IndexError, match="Dimension out of range"):
        tritorch.sum(empty, 2)
    with pytest.raises(RuntimeError, match="appears multiple times"):
        tritorch.sum(empty, (0, -2))
