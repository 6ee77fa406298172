"""Derivatives of every public operator against differences, in float64, first and second; and what has none."""

import pytest
from registry import every_operator

import tritorch as torch
from tritorch.testing import operators

WITHOUT = {  # operators whose derivative is, as in torch, not that of what they compute
    **dict.fromkeys(("float", "half", "bfloat16", "cfloat"), "they round to less than what differences need"),
    "embedding": "rows of padding get none, frequent ones a share",
    "gumbel_softmax": "hard samples hand on the gradient of the soft ones",
    "linalg_eig": "eigenvectors are given up to a phase, which differences see",
    "pca_lowrank": "drawn at random, and singular vectors are given up to a sign",
    "masked_log_softmax": "what is masked is -inf, which has no differences",
    "normal": "its numbers count as drawn, not as computed from mean and deviation",
}
ONCE = {"ctc_loss": "its backward has no derivative, and says so"}
WRITERS = {"apply_", "map_", "map2_", "resize_as_", "setitem", "rrelu_", "zero_", "detach_", "as_strided_"}


def symmetric(sample):
    return sample._replace(args=((sample.args[0] + sample.args[0].mH) / 2, *sample.args[1:]))


def triangular(sample):
    upper = sample.args[-1] is True
    return sample._replace(args=(*sample.args[: -1 - upper], lower(sample.args[-1 - upper], upper), *[True] * upper))


def lower(matrix, upper):
    return matrix.triu() if upper else matrix.tril()


def logarithms(sample):
    return sample._replace(args=(sample.args[0].log_softmax(-1), *sample.args[1:]))


MADE_OF = {  # operators that read part of their input, or take it for the result of another
    **dict.fromkeys("linalg_cholesky cholesky linalg_cholesky_ex linalg_eigh linalg_eigvalsh".split(), symmetric),
    **dict.fromkeys(("cholesky_inverse", "cholesky_solve"), triangular),
    "ctc_loss": logarithms,
}


def made_of(op):
    """What makes a call of the inputs, for the operators of the table."""
    return MADE_OF.get(op.__name__, lambda sample: sample)


@every_operator
def test_gradients(op):
    """First derivatives, from backward and from differences."""
    if op.__name__ in WITHOUT or op.__name__ in WRITERS:
        pytest.skip("see the table")
    operators.first_derivatives(op, made_of(op))


@every_operator
def test_second_derivatives(op):
    """Derivatives of the backward; one random combination stands for all."""
    if op.__name__ in {**WITHOUT, **ONCE} or op.__name__ in WRITERS:
        pytest.skip("see the table")
    operators.second_derivatives(op, made_of(op))


@every_operator
def test_what_has_no_derivative(op):
    """Whole numbers and truth values never require grad; nor does a result of an operator without derivatives."""
    if op.__name__ in WRITERS:
        pytest.skip("it writes a leaf, which is refused")
    operators.without_derivative(op)


def test_second_derivative_of_ctc_is_refused():
    p = torch.zeros(3, 1, 2, requires_grad=True)
    loss = torch.nn.functional.ctc_loss(p.log_softmax(2), torch.tensor([[1]]), (3,), (1,))
    (grad,) = torch.autograd.grad(loss, p, create_graph=True)
    with pytest.raises(NotImplementedError, match="_ctc_loss_backward' is not implemented"):
        grad.sum().backward()
