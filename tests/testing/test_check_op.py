"""check_op finds what is wrong with an operator: each planted fault in the test that is for it."""

import re

import numpy as np
import pytest

import tritorch as torch
from tritorch.op import REGISTRY, Dims, Elementwise, Op, Reduction
from tritorch.runtime.jit import triton
from tritorch.testing import check_op, examine


@pytest.fixture(scope="module")
def planted():
    """Operators with a fault each, and one without; they go when this file is done, for other tests count operators."""
    before, calls = set(REGISTRY), []

    class planted_sound(Elementwise, inplace=True):
        """The square of the positive part."""

        def cpu(input):
            return np.square(np.maximum(input, 0))

        @triton.jit
        def cuda(input):
            return (input * input) * (input > 0)

        def d_input(grad, input):
            return grad * 2 * input.clamp(min=0)

    class planted_derivative(Elementwise):
        """The square, whose derivative forgets the two."""

        def cpu(input):
            return np.square(input)

        def d_input(grad, input):
            return grad * input

    class planted_second(Elementwise):
        """The cube, whose derivative is right once: it forgets that it reads its input."""

        def cpu(input):
            return input**3

        def d_input(grad, input):
            return grad * 3 * input.detach() ** 2

    class planted_kernel(Elementwise):
        """Three times the input; the kernel says two."""

        def cpu(input):
            return input * np.asarray(3, input.dtype)

        @triton.jit
        def cuda(input):
            return input + input

    class planted_order(Op):
        """Reads memory where it should read elements."""

        def cpu(input):
            base = input if input.base is None else input.base
            return np.full(input.shape, base.reshape(-1)[:2].sum(), input.dtype)

    class planted_chance(Reduction):
        """Another result every time."""

        def cpu(input, dim: Dims = None, keepdim: bool = False):
            calls.append(1)
            return input.sum(dim, keepdims=keepdim) + len(calls) % 100

    made = {name: REGISTRY[name] for name in REGISTRY.keys() - before}
    yield made
    for name in made:
        del REGISTRY[name]
        for form in (name, f"{name}_"):
            if form in vars(torch.Tensor):
                delattr(torch.Tensor, form)


def failures(op, **options):
    return {check.name: check.detail for check in examine(op, **options) if check.passed is False}


def test_a_sound_operator_passes(planted):
    done = check_op(planted["planted_sound"], reference=lambda x: torch.relu(x) ** 2)
    names = {check.name for check in done if check.passed}
    assert {"samples", "reference", "gradcheck", "gradgradcheck", "in place", "out=", "method", "determinism"} <= names
    if torch.cuda.is_available():
        assert sum("values, gradients" in name for name in names) == 1


@pytest.mark.parametrize(
    ("op", "name", "words"),
    [
        ("planted_derivative", "gradcheck", "Jacobian mismatch"),
        ("planted_second", "gradgradcheck", "Jacobian mismatch"),
        ("planted_order", "strides: gaps", "nan|Mismatch|Not equal"),
        ("planted_chance", "determinism", "other bits"),
    ],
)
def test_faults_are_found(planted, op, name, words):
    op = planted[op]
    found = failures(op, device="cpu")
    assert name in found and re.search(words, found[name]), found
    with pytest.raises(AssertionError, match=f"operator {op.__name__}"):
        check_op(op, device="cpu")


def test_a_wrong_kernel_is_found(planted):
    if not torch.cuda.is_available():
        pytest.skip("there is no device")
    found = failures(planted["planted_kernel"])
    assert [name for name in found if "values" in name] and not [name for name in found if ":" not in name]


def test_a_reference_that_means_something_else(planted):
    found = failures(planted["planted_sound"], reference=torch.relu, device="cpu")
    assert list(found) == ["reference"]


def test_by_function_and_by_name():
    assert failures(torch.relu, device="cpu") == failures("relu", device="cpu") == {}
    with pytest.raises(TypeError, match="expected an operator"):
        check_op("no such operator")
    with pytest.raises(TypeError, match="expected an operator"):
        check_op(print)
