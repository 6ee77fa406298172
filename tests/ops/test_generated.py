"""Every public operator, on sample inputs from the registry: layouts, shapes, dtypes, forms, determinism.

The oracle is the operator itself on plain contiguous float32 tensors, which conformance holds against torch's results.
"""

import pytest
from registry import (
    DTYPES,
    PUBLIC,
    REFUSALS,
    UNINITIALISED,
    assert_same,
    every_operator,
    mapped,
    outcome,
    run,
)

import tritorch as torch
from tritorch.ops._samples import samples_of

WITHOUT_SAMPLES = {
    "cuda": "always raises in a build for the CPU alone",
    "pin_memory": "always raises without a GPU",
}


def test_every_operator_has_samples():
    assert {name for name, op in PUBLIC.items() if not samples_of(op)} == set(WITHOUT_SAMPLES)


@every_operator
def test_samples_run(op):
    for sample in samples_of(op):
        assert run(op, sample) is not None


OF_MEMORY = {  # their result is about the memory itself: with another layout it is another, or refused
    "as_strided", "as_strided_", "as_strided_copy", "as_strided_scatter", "strided_window", "dim_order", "view",
    "view_as", "view_copy", "view_as_complex", "view_as_complex_copy", "resize_as_",
}  # fmt: skip
WRITERS = {
    "rrelu_",
    "zero_",
    "setitem",
    "apply_",
    "map_",
    "map2_",
}  # they have no form that leaves their input as it was


@every_operator
@pytest.mark.parametrize("layout", ["gaps", "permuted"])
def test_layouts_agree(op, layout):
    """Memory with NaN in its gaps, or with its dims in another order, changes nothing."""
    for plain, other in zip(samples_of(op), samples_of(op, layout=layout), strict=True):
        expected, got = outcome(op, plain), outcome(op, other)
        if op.__name__ not in OF_MEMORY:
            assert_same(got, expected, values=op.__name__ not in UNINITIALISED)


@every_operator
def test_expanded_inputs(op):
    """A dim of stride 0 reads as what it shows; writing through it is refused."""
    for sample in samples_of(op, layout="expanded"):
        plain = mapped(lambda x: x.clone(memory_format=torch.contiguous_format), sample)
        expected, got = outcome(op, plain), outcome(op, sample)
        if op.__name__ in WRITERS:
            assert got is RuntimeError
        elif op.__name__ not in OF_MEMORY:
            assert_same(got, expected, values=op.__name__ not in UNINITIALISED)


@every_operator
def test_small_shapes(op):
    """No dims, no elements, one element: a result or torch's error."""
    for sample in samples_of(op):
        for shrink in SHRINK.values():
            outcome(op, mapped(shrink, sample), EDGE_REFUSALS)
            first, *rest = sample.args or (None,)
            outcome(op, sample._replace(args=(mapped(shrink, first), *rest)), EDGE_REFUSALS)


EDGE_REFUSALS = (*REFUSALS, IndexError, AssertionError)
SHRINK = {
    "no dims": lambda x: x.flatten()[0] if x.numel() else x,
    "no rows": lambda x: x[:0] if x.ndim else x,
    "no columns": lambda x: x[..., :0] if x.ndim else x,
    "one element": lambda x: x[(slice(0, 1),) * x.ndim],
}


@every_operator
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(op, dtype):
    """Every dtype gives a result or is refused."""
    for sample in samples_of(op, getattr(torch, dtype)):
        outcome(op, sample)
