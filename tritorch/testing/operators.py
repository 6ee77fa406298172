"""The generic tests of an operator, one function each: layouts, shapes, dtypes, forms, determinism, derivatives.

Each raises AssertionError where something is wrong. The oracle is the operator itself on plain contiguous float32
tensors, whose values the tests of its family (or a ``reference``) hold against something else.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import _api as tt
from ..autograd import grad, gradcheck, gradgradcheck
from ..dtypes import dtype, float32, float64
from ..ops._samples import Sample, samples_of
from ..tensor import Tensor
from .calls import (
    REFUSALS,
    array,
    assert_near,
    assert_same,
    mapped,
    needs_grad,
    only_inplace,
    outcome,
    poisoned,
    run,
    tensors_of,
)  # fmt: skip

__all__ = [
    "DTYPES", "NotApplicable", "deterministic", "differentiable", "dtypes", "expanded_inputs", "first_derivatives",
    "half_precision", "inplace_form", "layouts_agree", "method_form", "non_finite", "out_form", "samples_run",
    "second_derivatives", "small_shapes", "without_derivative",
]  # fmt: skip

DTYPES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 float8_e4m3fn float8_e5m2 complex64 complex128"
).split()
EDGE_REFUSALS = (*REFUSALS, IndexError, AssertionError)
ROUNDINGS = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


class NotApplicable(Exception):
    """The operator has no such form."""


def samples_run(op: Any) -> None:
    """Every sample gives a result."""
    found = samples_of(op)
    assert found, "there are no samples: give the operator a slot samples(make)"
    for sample in found:
        assert run(op, sample) is not None


def layouts_agree(op: Any, layout: str, compare: bool = True, values: bool = True) -> None:
    """Memory with NaN in its gaps ("gaps"), or with its dims in another order ("permuted"), changes nothing."""
    for plain, other in zip(samples_of(op), samples_of(op, layout=layout), strict=True):
        expected, got = outcome(op, plain), outcome(op, other)
        if compare:
            assert_same(got, expected, values=values)


def expanded_inputs(op: Any, compare: bool = True, values: bool = True, writes: bool = False) -> None:
    """A dim of stride 0 reads as what it shows; writing through it is refused."""
    for sample in samples_of(op, layout="expanded"):
        plain = mapped(lambda x: x.clone(memory_format=tt.contiguous_format), sample)
        expected, got = outcome(op, plain), outcome(op, sample)
        if writes:
            assert got is RuntimeError
        elif compare:
            assert_same(got, expected, values=values)


SHRINK: dict[str, Callable] = {
    "no dims": lambda x: x.flatten()[0] if x.numel() else x,
    "no rows": lambda x: x[:0] if x.ndim else x,
    "no columns": lambda x: x[..., :0] if x.ndim else x,
    "one element": lambda x: x[(slice(0, 1),) * x.ndim],
}


def small_shapes(op: Any) -> None:
    """No dims, no elements, one element: a result or torch's error."""
    for sample in samples_of(op):
        for shrink in SHRINK.values():
            outcome(op, mapped(shrink, sample), EDGE_REFUSALS)
            first, *rest = sample.args or (None,)
            outcome(op, sample._replace(args=(mapped(shrink, first), *rest)), EDGE_REFUSALS)


def dtypes(op: Any, name: str) -> None:
    """A dtype gives a result or is refused."""
    for sample in samples_of(op, getattr(tt, name)):
        outcome(op, sample)


def non_finite(op: Any, value: float, compare: bool = True) -> None:
    """Of NaN or an infinity a result has the shape and dtype that it has of finite numbers; or it is refused."""
    for sample in samples_of(op):
        expected = outcome(op, sample)
        got = outcome(op, mapped(poisoned(value), sample))
        if not isinstance(got, type) and compare:
            assert_same(got, expected, values=False)


def half_precision(op: Any, name: str, compare: bool = True) -> None:
    """Against the same numbers in float64: a few roundings of the half type."""
    kind = getattr(tt, name)
    for sample in samples_of(op, kind):
        wide = mapped(lambda x: x.double() if x.is_floating_point() else x, sample)
        wide = wide._replace(kwargs={k: float64 if v is kind else v for k, v in wide.kwargs.items()})
        got, exact = outcome(op, sample), outcome(op, wide)
        if isinstance(got, type) or isinstance(exact, type) or not compare:
            continue
        for a, b in zip(got, exact, strict=True):
            if isinstance(a, Tensor) and a.is_floating_point() and b.is_floating_point():
                assert_near(array(a).astype(np.float64), array(b).astype(np.float64), ROUNDINGS[name])


# -- forms ----------------------------------------------------------------------------------------------------------


def inplace_form(op: Any) -> None:
    """``x.name_()`` leaves in x what ``name(x)`` gives, in the dtype of x; both are refused alike."""
    if op.call_ is None or only_inplace(op) or op.rebinds:
        raise NotApplicable("it has no in-place form")
    for sample in samples_of(op):
        target, *rest = sample.args
        if not isinstance(target, Tensor):
            continue
        sample = sample._replace(kwargs={k: v for k, v in sample.kwargs.items() if k != "inplace"})
        expected: Any = outcome(op, sample)
        written = target.clone()
        got: Any = outcome(op, sample._replace(args=(written, *rest)), form=op.call_)
        if isinstance(expected, type):
            assert_same(got, expected)
            continue
        if isinstance(got, type):
            fits = expected[0].shape == target.shape and tt.can_cast(expected[0].dtype, target.dtype)
            assert not fits, f"{got.__name__}, though the result fits"
            continue
        assert got[0] is written, "it returns another tensor than it wrote"
        assert_same(got, [expected[0].to(target.dtype)])


def out_form(op: Any) -> None:
    """``out=`` receives what the function gives, is returned, and is resized or refused as in torch."""
    if not op.has_out or not op.function:
        raise NotApplicable("it takes no out")
    for sample in samples_of(op):
        expected = outcome(op, sample)
        if isinstance(expected, type) or not all(isinstance(x, Tensor) for x in expected):
            continue
        outs = [tt.empty_like(x) for x in expected]
        got = outcome(op, _with_out(sample, outs))
        assert_same(got, expected)
        assert all(a is b for a, b in zip(got, outs, strict=True)), "it returns another tensor than out"
        shapeless = outcome(op, _with_out(sample, [tt.empty(0, dtype=x.dtype) for x in expected]))
        assert_same(shapeless, expected)
        for kind in (tt.bool, tt.complex128):
            other = outcome(op, _with_out(sample, [tt.empty(x.shape, dtype=kind) for x in expected]))
            if not isinstance(other, type):
                assert [x.dtype for x in other] == [kind] * len(other)


def _with_out(sample: Sample, outs: list) -> Sample:
    return sample._replace(kwargs={**sample.kwargs, "out": outs[0] if len(outs) == 1 else tuple(outs)})


def method_form(op: Any, values: bool = True) -> None:
    """``x.name(...)`` is ``name(x, ...)``."""
    method = getattr(Tensor, op.short, None)
    if op.method is not None or op.home or op.attribute or not callable(method):
        raise NotApplicable("it is no method, or one of its own")
    for sample in samples_of(op):
        if sample.args and isinstance(sample.args[0], Tensor):
            assert_same(outcome(op, sample, form=method), outcome(op, sample), values=values, exact=values)


def deterministic(op: Any, values: bool = True, **options: Any) -> None:
    """Two calls give the same bits. ``options`` are those of the samples: a device, a dtype."""
    for first, second in zip(samples_of(op, **options), samples_of(op, **options), strict=True):
        got, again = ([x.cpu() if isinstance(x, Tensor) else x for x in run(op, s)] for s in (first, second))
        assert_same(got, again, values=values, exact=True)


# -- derivatives ------------------------------------------------------------------------------------------------------


def sample_dtype(op: Any, kind: dtype = float64) -> dtype | None:
    """``kind``, or None for an operator of whole numbers."""
    return None if getattr(op, "only", "") and "f" not in op.only else kind


def differentiable(op: Any, made: Callable[[Sample], Sample] = lambda sample: sample) -> Iterator[tuple]:
    """Pairs of a function of the inputs that require grad, and these. ``made`` makes what the operator is called
    with of the inputs, where it takes only some (symmetric matrices)."""
    for sample in samples_of(op, sample_dtype(op), requires_grad=True):
        inputs = [x for x in tensors_of([list(sample.args), sample.kwargs]) if needs_grad(x)]
        if not inputs:
            continue

        def function(*given, sample=sample, inputs=inputs):
            swap = {id(x): y for x, y in zip(inputs, given, strict=True)}
            outputs = run(op, made(mapped(lambda x: swap.get(id(x), x), sample)))
            return tuple(x for x in outputs if needs_grad(x))

        yield function, tuple(inputs)


def first_derivatives(op: Any, made: Callable[[Sample], Sample] = lambda sample: sample) -> int:
    """Those of backward against differences, in float64; how many samples have any."""
    count = 0
    for function, inputs in differentiable(op, made):
        if _derivative_exists(function, inputs):
            assert gradcheck(function, inputs, atol=1e-5, rtol=1e-3)
            count += 1
    return count


def second_derivatives(op: Any, made: Callable[[Sample], Sample] = lambda sample: sample) -> int:
    """Those of the backward; one random combination stands for all. How many samples have any."""
    count = 0
    for function, inputs in differentiable(op, made):
        if _derivative_exists(function, inputs) and any(needs_grad(g) for g in _first_order(function, inputs)):
            assert gradgradcheck(function, inputs, fast_mode=True, atol=1e-4, rtol=1e-3)
            count += 1
    return count


def _first_order(function, inputs):
    outputs = function(*inputs)
    ones = [tt.ones_like(x).requires_grad_() for x in outputs]
    return grad(outputs, inputs, ones, create_graph=True, allow_unused=True)


def _derivative_exists(function, inputs):
    """False where nothing requires grad, or where backward says that there is no derivative, as torch's does."""
    try:
        return bool(function(*inputs)) and _first_order(function, inputs) is not None
    except RuntimeError as error:
        if "not implemented" not in str(error):
            raise
        return False


def without_derivative(op: Any) -> None:
    """Whole numbers and truth values never require grad; nor does a result of an operator without derivatives."""
    for sample in samples_of(op, sample_dtype(op), requires_grad=True):
        got = outcome(op, sample)
        for x in got if not isinstance(got, type) else ():
            if isinstance(x, Tensor) and not (x.is_floating_point() or x.is_complex()):
                assert not x.requires_grad, f"a result of {x.dtype} requires grad"
            if isinstance(x, Tensor) and op.slot == "cpu" and not op.derivatives:
                assert x.is_leaf, "a result is no leaf, though the operator has no derivative"


def compares_in(op: Any) -> dtype | None:
    """The dtype of a comparison with a reference: float32, or the operator's own."""
    return sample_dtype(op, float32)
