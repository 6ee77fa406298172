"""Mistakes in the definition of an operator: the message names the author's own line."""

import inspect
import re

import numpy as np
import pytest

import tritorch as torch
from tritorch.op import REGISTRY, Dim, Elementwise, Number, Op, RowWise, ops, triton


def without_docstring():
    class planted(Elementwise):  # here
        def cpu(input): ...


def without_slot():
    class planted(Op):  # here
        """It computes nothing."""


def taken():
    class add(Elementwise):  # here
        """There is one already."""

        def cpu(input): ...


def unknown_keyword():
    class planted(Elementwise, colour="red"):  # here
        """It has a keyword that there is not."""

        def cpu(input): ...


def unknown_argument():
    class planted(Elementwise):
        """It has a derivative of an argument that it does not have."""

        def cpu(input): ...

        def d_inptu(grad): ...  # here


def unknown_name():
    class planted(Elementwise):
        """Its derivative asks for what there is not."""

        def cpu(input): ...

        def d_input(grad, ouput): ...  # here


def any_arguments():
    class planted(Op):
        """It takes anything."""

        def cpu(*inputs): ...  # here


def other_formula():
    class planted(Elementwise):
        """Its formula takes other arguments."""

        def cpu(input, other): ...

        @triton.jit  # here
        def cuda(input):
            return input


@pytest.mark.parametrize(
    ("define", "words"),
    [
        (without_docstring, "a docstring is missing"),
        (without_slot, r"slot cpu \(or eager\) is missing"),
        (taken, "the name is taken by tritorch.ops.arithmetic"),
        (unknown_keyword, "unknown keyword 'colour'"),
        (unknown_argument, "d_inptu is the derivative of an unknown argument 'inptu'"),
        (unknown_name, "d_input asks for 'ouput', which it does not have"),
        (any_arguments, r"takes no \*args or \*\*kwargs"),
        (other_formula, r"cuda takes \(input\), expected the arguments of cpu: \(input, other\)"),
    ],
)
def test_the_message_names_the_line(define, words):
    lines, first = inspect.getsourcelines(define)
    line = first + next(i for i, text in enumerate(lines) if "# here" in text)
    before = set(REGISTRY)
    with pytest.raises(TypeError, match=rf"operator \w+: .*{words}.*{re.escape(__file__)}, line {line}\)$"):
        define()
    assert set(REGISTRY) == before


@pytest.fixture
def mine():
    """Operators of a user's own; they go again."""
    before = set(REGISTRY)

    class scaled_rows(RowWise):
        """Each row over its length; ``eps`` is added to the mean of the squares."""

        def cpu(input, dim: Dim = -1, eps: Number = 1.0):
            return input / np.sqrt(np.mean(np.square(input), -1, keepdims=True) + np.asarray(eps, input.dtype))

        def d_input(grad, input, dim, eps):
            size = (input.square().mean(dim, True) + eps).rsqrt()
            return grad * size - input * (grad * input).mean(dim, True) * size**3

    class shifted(Elementwise, inplace=True):
        """input + by"""

        def cpu(input, *, by: float = 1.0):
            return input + by

        @triton.jit
        def cuda(input, by):
            return input + by

        def d_input(grad):
            return grad

    class shifted_rows(Op):
        """Both: a composite of operators, one of them of this file."""

        def eager(input, dim: Dim = -1):
            return ops.shifted(ops.scaled_rows(input, dim), by=2.0)

    yield {name: REGISTRY[name] for name in set(REGISTRY) - before}
    for name in set(REGISTRY) - before:
        del REGISTRY[name]
        for form in (name, f"{name}_"):
            if form in vars(torch.Tensor):
                delattr(torch.Tensor, form)


def test_operators_of_ones_own(mine):
    """Function, method, in place, out, composite; autograd twice: everything that the library's own get."""
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    for op in mine.values():
        torch.testing.check_op(op)
        assert torch.autograd.gradgradcheck(op, (x,))
    assert torch.ones(2).shifted_(by=3.0).tolist() == [4.0, 4.0]
    out = torch.empty(2)
    assert mine["shifted"](torch.ones(2), out=out) is out and out.tolist() == [2.0, 2.0]
    assert torch.equal(x.shifted_rows(), mine["scaled_rows"](x) + 2)
