"""Every public operator, on sample inputs from the registry: half precision, NaN and infinities, forms, determinism."""

import pytest
from registry import UNINITIALISED, every_operator

from tritorch.testing import operators

SHAPED_BY_VALUES = {"unique", "unique_consecutive", "nonzero", "argwhere", "masked_select", "equal", "allclose"}
UNLIKE_WIDE = {  # the next number of another dtype is another; so are the numbers drawn in it
    "nextafter", "rand", "randn", "rand_like", "randn_like", "uniform", "normal_fill", "exponential", "log_normal",
    "random_fill", "bernoulli", "normal", "rrelu", "gumbel_softmax", "fractional_max_pool2d", "fractional_max_pool3d",
}  # fmt: skip


def applied(test, *arguments, **options):
    """Runs a test, which is skipped where the operator has no such form."""
    try:
        test(*arguments, **options)
    except operators.NotApplicable as why:
        pytest.skip(str(why))


@every_operator
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinities(op, value):
    operators.non_finite(op, value, compare=op.__name__ not in SHAPED_BY_VALUES)


@every_operator
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(op, dtype):
    operators.half_precision(op, dtype, compare=op.__name__ not in UNINITIALISED | UNLIKE_WIDE)


@every_operator
def test_inplace_form(op):
    applied(operators.inplace_form, op)


@every_operator
def test_out_form(op):
    if op.__name__ in UNINITIALISED:
        pytest.skip("its values are none")
    applied(operators.out_form, op)


@every_operator
def test_method_form(op):
    applied(operators.method_form, op, values=op.__name__ not in UNINITIALISED)


@every_operator
def test_deterministic(op):
    operators.deterministic(op, values=op.__name__ not in UNINITIALISED)
