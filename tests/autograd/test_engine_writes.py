"""Writes into views under autograd: what the engine makes of them, and what it refuses."""

import pytest

import tritorch as torch


def leaf(*values):
    return torch.tensor(list(values) or [1.0, 2.0], requires_grad=True)


def test_a_write_into_a_view_is_seen_by_its_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * x
    y[:2].mul_(10)
    assert type(y.grad_fn).__name__ == "CopySlices"
    y.sum().backward()
    assert x.grad.tolist() == [20.0, 40.0, 6.0]


def test_a_write_into_one_view_is_seen_by_another():
    x = leaf(1.0, 2.0, 3.0)
    y = x * x
    left, right = y[:2], y[1:]
    left.mul_(10)
    right.sum().backward()
    assert x.grad.tolist() == [0.0, 40.0, 6.0]


def test_copying_into_a_view_stops_the_gradient_of_what_was_there():
    x, w = leaf(1.0, 2.0, 3.0), leaf(5.0, 6.0)
    y = x * x
    y[:2].copy_(w)
    (y * y).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 108.0]
    assert w.grad.tolist() == [10.0, 12.0]


def test_second_derivatives_through_a_write_into_a_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * x
    y[:2].mul_(x[1:])
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)  # x0^2 x1 + x1^2 x2 + x2^2
    assert first.tolist() == [4.0, 13.0, 10.0]
    (second,) = torch.autograd.grad(first.sum(), x)
    assert second.tolist() == [6.0, 12.0, 6.0]


def test_a_write_into_a_view_of_a_transposed_base():
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    y = (x * x).t().clone(memory_format=torch.preserve_format)
    y.t()[0].mul_(10)
    y.sum().backward()
    assert x.grad.tolist() == [[20.0, 40.0, 60.0], [8.0, 10.0, 12.0]]


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (lambda x: x.mul_(2), "a leaf Variable that requires grad is being used in an in-place operation."),
        (
            lambda x: x[0].mul_(2),
            "a view of a leaf Variable that requires grad is being used in an in-place operation.",
        ),
        (lambda x: (x * 1).unbind(0)[0].mul_(2), "Output 0 of Unbind is a view and is being modified inplace."),
    ],
)
def test_writes_that_are_refused(write, text):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with pytest.raises(RuntimeError, match=text):
        write(x)
    with torch.no_grad():
        x.mul_(2)
    assert x.tolist() == [[2.0, 4.0], [6.0, 8.0]]


def test_a_view_made_without_grad_may_not_be_written_with_it():
    y = leaf() * 1
    with torch.no_grad():
        view = y[:1]
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
        view.mul_(2)


def test_a_stale_saved_tensor_is_refused():
    y = leaf().exp()
    z = y * 1
    y.mul_(2)
    with pytest.raises(RuntimeError, match=r"which is output 0 of Exp, is at version 1; expected version 0 instead"):
        y.sum().backward()
    z.detach_()


# -- anomaly mode -----------------------------------------------------------------------------------------------
