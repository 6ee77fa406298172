"""Every public operator, on sample inputs from the registry: half precision, NaN and infinities, forms, determinism."""

import numpy as np
import pytest
from registry import (
    UNINITIALISED,
    array,
    assert_same,
    every_operator,
    mapped,
    only_inplace,
    outcome,
    run,
)

import tritorch as torch
from tritorch.ops._samples import samples_of


def poisoned(value):
    def plant(x):
        if not x.is_floating_point() or not x.numel():
            return x
        x = x.clone(memory_format=torch.contiguous_format)
        x.view(-1)[0] = value
        return x

    return plant


@every_operator
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinities(op, value):
    """A result has the shape and dtype that it has of finite numbers; or the operator says that it takes none."""
    for sample in samples_of(op):
        expected = outcome(op, sample)
        got = outcome(op, mapped(poisoned(value), sample))
        if not isinstance(got, type) and op.__name__ not in SHAPED_BY_VALUES:
            assert_same(got, expected, values=False)


SHAPED_BY_VALUES = {"unique", "unique_consecutive", "nonzero", "argwhere", "masked_select", "equal", "allclose"}


@every_operator
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(op, dtype):
    """Against the same numbers in float64: a few roundings of the half type."""
    for sample in samples_of(op, getattr(torch, dtype)):
        wide = mapped(lambda x: x.double() if x.is_floating_point() else x, sample)
        wide = wide._replace(
            kwargs={k: torch.float64 if v is getattr(torch, dtype) else v for k, v in wide.kwargs.items()}
        )
        got, exact = outcome(op, sample), outcome(op, wide)
        if isinstance(got, type) or isinstance(exact, type) or op.__name__ in UNINITIALISED | UNLIKE_WIDE:
            continue
        for a, b in zip(got, exact, strict=True):
            if isinstance(a, torch.Tensor) and a.is_floating_point() and b.is_floating_point():
                assert_near(array(a).astype(np.float64), array(b).astype(np.float64), ROUNDINGS[dtype])


ROUNDINGS = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
UNLIKE_WIDE = {  # the next number of another dtype is another; so are the numbers drawn in it
    "nextafter", "rand", "randn", "rand_like", "randn_like", "uniform", "normal_fill", "exponential", "log_normal",
    "random_fill", "bernoulli", "normal", "rrelu", "gumbel_softmax", "fractional_max_pool2d", "fractional_max_pool3d",
}  # fmt: skip


def assert_near(got, exact, rounding):
    assert got.shape == exact.shape
    known = np.isfinite(exact) & np.isfinite(got)
    scale = max(1.0, np.abs(exact[known]).max()) if known.any() else 1.0
    assert np.all(np.abs(got[known] - exact[known]) <= 8 * rounding * scale)


@every_operator
def test_inplace_form(op):
    """``x.name_()`` leaves in x what ``name(x)`` gives, in the dtype of x; both are refused alike."""
    if op.call_ is None or only_inplace(op) or op.rebinds:
        pytest.skip("it has no in-place form")
    for sample in samples_of(op):
        target, *rest = sample.args
        if not isinstance(target, torch.Tensor):
            continue
        kwargs = {k: v for k, v in sample.kwargs.items() if k != "inplace"}
        sample = sample._replace(kwargs=kwargs)
        expected = outcome(op, sample)
        written = target.clone()
        got = outcome(op, sample._replace(args=(written, *rest)), form=op.call_)
        if isinstance(got, type) and not isinstance(expected, type):
            fits = expected[0].shape == target.shape and torch.can_cast(expected[0].dtype, target.dtype)
            assert not fits, f"{got.__name__}, though the result fits"
            continue
        if not isinstance(expected, type):
            assert got[0] is written
            expected = [expected[0].to(target.dtype)]
        assert_same(got, expected)


@every_operator
def test_out_form(op):
    """``out=`` receives what the function gives, is returned, and is resized or refused as in torch."""
    if not op.has_out or not op.function or op.__name__ in UNINITIALISED:
        pytest.skip("it takes no out")
    for sample in samples_of(op):
        expected = outcome(op, sample)
        if isinstance(expected, type) or not all(isinstance(x, torch.Tensor) for x in expected):
            continue
        outs = [torch.empty_like(x) for x in expected]
        got = outcome(op, with_out(sample, outs))
        assert_same(got, expected)
        assert all(a is b for a, b in zip(got, outs, strict=True))
        shapeless = outcome(op, with_out(sample, [torch.empty(0, dtype=x.dtype) for x in expected]))
        assert_same(shapeless, expected)
        for kind in (torch.bool, torch.complex128):
            other = outcome(op, with_out(sample, [torch.empty(x.shape, dtype=kind) for x in expected]))
            if not isinstance(other, type):
                assert [x.dtype for x in other] == [kind] * len(other)


def with_out(sample, outs):
    return sample._replace(kwargs={**sample.kwargs, "out": outs[0] if len(outs) == 1 else tuple(outs)})


@every_operator
def test_method_form(op):
    """``x.name(...)`` is ``name(x, ...)``."""
    method = getattr(torch.Tensor, op.short, None)
    if op.method is not None or op.home or op.attribute or not callable(method):
        pytest.skip("it is no method, or one of its own")
    for sample in samples_of(op):
        if sample.args and isinstance(sample.args[0], torch.Tensor):
            values = op.__name__ not in UNINITIALISED
            assert_same(outcome(op, sample, form=method), outcome(op, sample), values=values, exact=values)


@every_operator
def test_deterministic(op):
    """Two calls give the same bits."""
    for first, second in zip(samples_of(op), samples_of(op), strict=True):
        assert_same(run(op, first), run(op, second), values=op.__name__ not in UNINITIALISED, exact=True)
