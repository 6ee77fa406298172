"""Derivatives of every public operator against differences, in float64, first and second; and what has none."""

import pytest
from registry import every_operator, mapped, outcome, run, tensors_of

import tritorch as torch
from tritorch.ops._samples import samples_of

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


def differentiable(op):
    """Pairs of a function of the inputs that require grad, and these."""
    for sample in samples_of(op, None if op_is_integer(op) else torch.float64, requires_grad=True):
        inputs = [x for x in tensors_of([list(sample.args), sample.kwargs]) if needs_grad(x)]
        if not inputs:
            continue

        def function(*given, sample=sample, inputs=inputs):
            swap = {id(x): y for x, y in zip(inputs, given, strict=True)}
            made = MADE_OF.get(op.__name__, lambda sample: sample)
            outputs = run(op, made(mapped(lambda x: swap.get(id(x), x), sample)))
            return tuple(x for x in outputs if needs_grad(x))

        yield function, tuple(inputs)


def op_is_integer(op):
    return bool(getattr(op, "only", "")) and "f" not in op.only


def needs_grad(x):
    return isinstance(x, torch.Tensor) and x.requires_grad


@every_operator
def test_gradients(op):
    """First derivatives, from backward and from differences."""
    if op.__name__ in WITHOUT or op.__name__ in WRITERS:
        pytest.skip("see the table")
    for function, inputs in differentiable(op):
        if derivative_exists(function, inputs):
            assert torch.autograd.gradcheck(function, inputs, atol=1e-5, rtol=1e-3)


@every_operator
def test_second_derivatives(op):
    """Derivatives of the backward; one random combination stands for all."""
    if op.__name__ in {**WITHOUT, **ONCE} or op.__name__ in WRITERS:
        pytest.skip("see the table")
    for function, inputs in differentiable(op):
        if derivative_exists(function, inputs) and any(needs_grad(g) for g in first_order(function, inputs)):
            assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True, atol=1e-4, rtol=1e-3)


def first_order(function, inputs):
    outputs = function(*inputs)
    ones = [torch.ones_like(x) for x in outputs]
    return torch.autograd.grad(outputs, inputs, ones, create_graph=True, allow_unused=True)


def derivative_exists(function, inputs):
    """False where nothing requires grad, or where backward says that there is no derivative, as torch's does."""
    try:
        return bool(function(*inputs)) and first_order(function, inputs) is not None
    except RuntimeError as error:
        if "not implemented" not in str(error):
            raise
        return False


@every_operator
def test_what_has_no_derivative(op):
    """Whole numbers and truth values never require grad; nor does a result of an operator without derivatives."""
    if op.__name__ in WRITERS:
        pytest.skip("it writes a leaf, which is refused")
    for sample in samples_of(op, None if op_is_integer(op) else torch.float64, requires_grad=True):
        for x in outcome(op, sample) if not isinstance(outcome(op, sample), type) else ():
            if isinstance(x, torch.Tensor) and not (x.is_floating_point() or x.is_complex()):
                assert not x.requires_grad
            if isinstance(x, torch.Tensor) and op.slot == "cpu" and not op.derivatives:
                assert x.is_leaf


def test_second_derivative_of_ctc_is_refused():
    p = torch.zeros(3, 1, 2, requires_grad=True)
    loss = torch.nn.functional.ctc_loss(p.log_softmax(2), torch.tensor([[1]]), (3,), (1,))
    (grad,) = torch.autograd.grad(loss, p, create_graph=True)
    with pytest.raises(NotImplementedError, match="_ctc_loss_backward' is not implemented"):
        grad.sum().backward()
