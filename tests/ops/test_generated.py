"""Every public operator, on sample inputs from the registry: layouts, shapes, dtypes, forms, determinism.

The oracle is the operator itself on plain contiguous float32 tensors, which conformance holds against torch's results.
"""

import pytest
from registry import PUBLIC, UNINITIALISED, every_operator

from tritorch.ops._samples import samples_of
from tritorch.testing import operators

WITHOUT_SAMPLES = {
    "cuda": "always raises in a build for the CPU alone",
    "pin_memory": "always raises without a GPU",
}
OF_MEMORY = {  # their result is about the memory itself: with another layout it is another, or refused
    "as_strided", "as_strided_", "as_strided_copy", "as_strided_scatter", "strided_window", "dim_order", "view",
    "view_as", "view_copy", "view_as_complex", "view_as_complex_copy", "resize_as_",
}  # fmt: skip
WRITERS = {"rrelu_", "setitem", "apply_", "map_", "map2_"}  # no form leaves their input as it was


def test_every_operator_has_samples():
    assert {name for name, op in PUBLIC.items() if not samples_of(op)} == set(WITHOUT_SAMPLES)


@every_operator
def test_samples_run(op):
    if op.__name__ not in WITHOUT_SAMPLES:
        operators.samples_run(op)


@every_operator
@pytest.mark.parametrize("layout", ["gaps", "permuted"])
def test_layouts_agree(op, layout):
    name = op.__name__
    operators.layouts_agree(op, layout, compare=name not in OF_MEMORY, values=name not in UNINITIALISED)


@every_operator
def test_expanded_inputs(op):
    name = op.__name__
    compare, values = name not in OF_MEMORY, name not in UNINITIALISED
    operators.expanded_inputs(op, compare=compare, values=values, writes=name in WRITERS)


@every_operator
def test_small_shapes(op):
    operators.small_shapes(op)


@every_operator
@pytest.mark.parametrize("dtype", operators.DTYPES)
def test_dtypes(op, dtype):
    operators.dtypes(op, dtype)
