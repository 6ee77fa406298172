"""What the engine promises: the table "Autograd engine" of the design, rule by rule."""

import gc
import threading
import warnings
import weakref

import pytest

import tritorch as torch
from tritorch.autograd import Function, engine


def leaf(*values):
    return torch.tensor(list(values) or [1.0, 2.0], requires_grad=True)


class Returns(Function):
    """A function whose backward returns what it was told to."""

    @staticmethod
    def forward(ctx, x, gradient):
        ctx.gradient = gradient
        return x * 1

    @staticmethod
    def backward(ctx, grad):
        return ctx.gradient, None


# -- order --------------------------------------------------------------------------------------------------


def test_later_nodes_run_first_and_accumulators_before_them():
    ran = []
    x = leaf()
    early, late = x * 2, x * 3
    end = leaf()
    last = end * 1
    for name, node in {"early": early.grad_fn, "late": late.grad_fn, "last": last.grad_fn}.items():
        node.register_hook(lambda *_, name=name: ran.append(name))
    end.register_hook(lambda grad: ran.append("end"))
    (early + late + last).sum().backward()
    assert ran == ["last", "end", "late", "early"]


def test_hooks_run_in_torchs_order():
    ran = []
    x = leaf()
    y = x * 2
    y.retain_grad()
    y.grad_fn.register_prehook(lambda grads: ran.append(("before the node", y.grad is not None)))
    y.register_hook(lambda grad: ran.append(("tensor", y.grad is not None)))
    y.grad_fn.register_hook(lambda *_: ran.append("after the node"))
    x.register_post_accumulate_grad_hook(lambda t: ran.append(("accumulated", t.grad.tolist())))
    x.register_hook(lambda grad: ran.append(("leaf", x.grad)))
    y.sum().backward()
    assert ran == [
        ("tensor", False),
        ("before the node", True),
        "after the node",
        ("leaf", None),
        ("accumulated", [2.0, 2.0]),
    ]


def test_hooks_change_gradients_and_can_be_removed():
    x = leaf()
    y = x * 2
    y.retain_grad()
    handles = [
        y.register_hook(lambda grad: grad * 10),
        y.register_hook(lambda grad: grad + 1),
        y.grad_fn.register_prehook(lambda grads: (grads[0] * 2,)),
        y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] + outputs[0], *inputs[1:])),
        x.register_hook(lambda grad: -grad),
    ]
    y.sum().backward(retain_graph=True)
    assert y.grad.tolist() == [11.0, 11.0]  # after the tensor's hooks, before the node's
    assert x.grad.tolist() == [-66.0, -66.0]
    for handle in handles:
        handle.remove()
    x.grad = None
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_hook_that_removes_itself():
    x = leaf()
    calls = []
    handle = x.register_hook(lambda grad: (calls.append(1), handle.remove())[0])
    for _ in range(2):
        (x * 2).sum().backward()
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("returned", "error", "text"),
    [
        (lambda g: 3, TypeError, "expected Variable, but hook returned 'int'"),
        (lambda g: g[:1], RuntimeError, "hook 'hook' has changed the size of value"),
        (lambda g: g.double(), RuntimeError, "hook 'hook' has changed the type of value"),
    ],
)
def test_what_a_tensor_hook_may_not_return(returned, error, text):
    def hook(grad):
        return returned(grad)

    x = leaf()
    y = x * 2
    y.register_hook(hook)
    with pytest.raises(error, match=text):
        y.sum().backward()


@pytest.mark.parametrize(
    ("returned", "error", "text"),
    [
        (3, TypeError, "expected tuple, but hook returned 'int'"),
        ((3, 3), TypeError, "expected Variable, but hook returned 'int'"),
        ((None,), RuntimeError, r"hook 'hook' has returned an incorrect number of values \(got 1, but expected 2\)"),
        (leaf, RuntimeError, "can't replace a None gradient with a non-None value"),
    ],
)
def test_what_a_node_hook_may_not_return(returned, error, text):
    def hook(inputs, outputs):
        return (inputs[0], inputs[0]) if callable(returned) else returned

    y = leaf() * torch.tensor([2.0, 2.0])
    y.grad_fn.register_hook(hook)
    with pytest.raises(error, match=text):
        y.sum().backward()


def test_where_hooks_may_not_be_registered():
    constant = torch.tensor([1.0])
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
        constant.register_hook(print)
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        constant.retain_grad()
    with pytest.raises(RuntimeError, match="post accumulate grad hooks cannot be registered on non-leaf tensors"):
        (leaf() * 2).register_post_accumulate_grad_hook(print)


def test_hooks_stay_with_the_old_value_and_retain_grad_moves_on():
    seen = []
    x = leaf()
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda grad: seen.append(grad.tolist()))
    y.mul_(3)
    y.sum().backward()
    assert seen == [[3.0, 3.0]]
    assert y.grad.tolist() == [1.0, 1.0]


def test_retain_grad_of_a_view_follows_it():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2
    view = y[:2]
    view.retain_grad()
    y.mul_(3)
    (view * view).sum().backward()
    assert view.grad.tolist() == [12.0, 24.0]


# -- edges ------------------------------------------------------------------------------------------------


def test_a_gradient_is_summed_to_the_shape_of_its_input():
    x = leaf()
    Returns.apply(x, torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).sum().backward()
    assert x.grad.tolist() == [9.0, 12.0]
    column = torch.tensor([[1.0], [2.0]], requires_grad=True)
    Returns.apply(column, torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])).sum().backward()
    assert column.grad.tolist() == [[3.0], [7.0]]


def test_a_large_gradient_is_summed_as_well():
    x = leaf(1.0)
    Returns.apply(x, torch.ones(300, 300)).sum().backward()
    assert x.grad.tolist() == [90_000.0]


def test_a_gradient_is_cast_to_the_dtype_of_its_input():
    x = leaf()
    Returns.apply(x, torch.tensor([1.0, 2.0], dtype=torch.float64)).sum().backward()
    assert x.grad.dtype is torch.float32
    assert x.grad.tolist() == [1.0, 2.0]


def test_a_gradient_of_another_shape_is_refused():
    x = leaf()
    text = (
        r"Function ReturnsBackward returned an invalid gradient at index 0 - got \[5\] "
        r"but expected shape compatible with \[2\]"
    )
    with pytest.raises(RuntimeError, match=text):
        Returns.apply(x, torch.ones(5)).sum().backward()


# -- accumulation -------------------------------------------------------------------------------------------


def test_the_gradient_is_taken_over_where_nobody_else_has_it():
    given = torch.tensor([1.0, 2.0])
    x = leaf()
    x.backward(given)
    assert x.grad is not given
    x.grad.add_(1)
    assert given.tolist() == [1.0, 2.0]


def test_gradients_of_two_leaves_do_not_share_memory():
    a, b = leaf(), leaf()
    (a + b).backward(torch.tensor([1.0, 1.0]))
    a.grad.add_(5)
    assert b.grad.tolist() == [1.0, 1.0]
    square = torch.tensor([[1.0, 2.0]], requires_grad=True)
    (square.view(2) + b).mul(1).backward(torch.tensor([1.0, 1.0]))
    square.grad.add_(5)
    assert b.grad.tolist() == [2.0, 2.0]


def test_a_gradient_that_is_there_is_added_to_in_place():
    x = leaf()
    (x * 2).sum().backward()
    first, version = x.grad, x.grad._version
    (x * 3).sum().backward()
    assert x.grad is first
    assert first.tolist() == [5.0, 5.0]
    assert first._version == version + 1


def test_backward_warns_of_the_cycle_once():
    engine._warn_of_cycle.cache_clear()
    x = leaf()
    with pytest.warns(UserWarning, match="will create a reference cycle between the parameter and its gradient"):
        (x * x).sum().backward(create_graph=True)
    (x * x).sum().backward(create_graph=True)


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph")
def test_under_create_graph_it_is_added_out_of_place():
    x = leaf()
    (x * x).sum().backward(create_graph=True)
    first = x.grad
    (x * x).sum().backward(create_graph=True)
    assert x.grad is not first
    assert first.tolist() == [2.0, 4.0]
    assert x.grad.tolist() == [4.0, 8.0]
    assert x.grad.grad_fn is not None
    x.grad = None


def test_the_gradient_has_the_layout_of_its_leaf():
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).t().detach().requires_grad_()
    x.backward(torch.ones(3, 2))
    assert x.grad.stride() == x.stride()


def test_large_gradients_from_two_threads_at_once():
    x = torch.ones(300_000).requires_grad_()
    threads = [threading.Thread(target=lambda: (x * 2).backward(torch.ones(300_000))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.grad.min().item() == x.grad.max().item() == 32.0


# -- retained and created graphs ------------------------------------------------------------------------------


def test_saved_tensors_are_freed_unless_retained():
    x = leaf()
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_a_graph_that_saved_nothing_runs_twice():
    x = leaf()
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_higher_derivatives():
    x = leaf(2.0)
    y = x * x * x
    (first,) = torch.autograd.grad(y, x, torch.ones(1), create_graph=True)
    (second,) = torch.autograd.grad(first, x, torch.ones(1), create_graph=True)
    (third,) = torch.autograd.grad(second, x, torch.ones(1))
    assert (first.item(), second.item(), third.item()) == (12.0, 12.0, 6.0)


def test_grad_mode_of_backward_is_create_graph():
    seen = []
    x = leaf()
    y = x * 2
    y.register_hook(lambda grad: seen.append(torch.is_grad_enabled()))
    y.sum().backward(retain_graph=True)
    with torch.no_grad():
        y.backward(torch.ones(2), create_graph=True)
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert seen == [False, True]


# -- what is computed -------------------------------------------------------------------------------------------


def test_grad_computes_only_what_is_asked():
    ran = []
    a, b = leaf(), leaf()
    left, right = a * 2, b * 3
    left.grad_fn.register_hook(lambda *_: ran.append("left"))
    right.grad_fn.register_hook(lambda *_: ran.append("right"))
    y = (left * right).sum()
    (grad,) = torch.autograd.grad(y, a, retain_graph=True)
    assert grad.tolist() == [6.0, 12.0]
    assert ran == ["left"]
    assert a.grad is None
    (middle,) = torch.autograd.grad(y, left)
    assert middle.tolist() == [3.0, 6.0]
    assert ran == ["left"]


def test_backward_into_chosen_inputs():
    a, b = leaf(), leaf()
    middle = a * 2
    (middle * b).sum().backward(inputs=[middle, b])
    assert a.grad is None
    assert middle.grad.tolist() == [1.0, 2.0]
    assert b.grad.tolist() == [2.0, 4.0]


def test_errors_of_grad_and_backward():
    x, unused = leaf(), leaf()
    y = (x * 2).sum()
    constant = torch.tensor([1.0])
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad and does not have a grad_fn"):
        constant.backward()
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors does not require grad"):
        torch.autograd.grad(y, constant)
    with pytest.raises(RuntimeError, match="at index 0 appears to not have been used in the graph"):
        torch.autograd.grad(y, unused, retain_graph=True)
    assert torch.autograd.grad(y, [unused, x], allow_unused=True)[0] is None


def test_an_edge_takes_the_place_of_a_tensor():
    x = leaf()
    y = x * x
    edge = torch.autograd.graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn
    (grad,) = torch.autograd.grad((y * 3).sum(), edge)
    assert grad.tolist() == [3.0, 3.0]


def test_the_sum_of_many_uses_is_exact_whoever_holds_the_parts():
    kept = []
    x = leaf()
    y = x * 1
    y.register_hook(lambda grad: kept.append(grad))
    parts = [y * float(i) for i in range(10)]
    parts[3].register_hook(lambda grad: kept.append(grad))
    sum(p.sum() for p in parts).backward()
    assert x.grad.tolist() == [45.0, 45.0]
    assert sorted(k.tolist()[0] for k in kept) == [1.0, 45.0]


# -- in-place writes and views ---------------------------------------------------------------------------------


def test_anomaly_mode_names_the_function_and_the_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.autograd.detect_anomaly():
            x = leaf(0.0)
            y = x.sqrt() * 0  # this very line
            with pytest.raises(RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th output"):
                y.sum().backward()
    text = str(caught[-1].message)
    assert text.startswith("Error detected in SqrtBackward0. Traceback of forward call that caused the error:")
    assert "this very line" in text


def test_anomaly_mode_without_a_recorded_forward():
    y = leaf(0.0).sqrt() * 0
    with pytest.warns(UserWarning, match="No forward pass information available"):
        with torch.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="returned nan values"):
            y.sum().backward()


def test_anomaly_mode_tells_what_induced_the_forward():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.autograd.set_detect_anomaly(True):
            x = leaf(1.0)
            (first,) = torch.autograd.grad(x.pow(1.5), x, torch.ones(1), create_graph=True)
            y = (first - 1.5).sqrt() * 0
            first.grad_fn.metadata["mine"] = 1
            with pytest.raises(RuntimeError, match="returned nan"):
                y.sum().backward()
    assert "Error detected in SqrtBackward0" in str(caught[0].message)


# -- nodes as objects -----------------------------------------------------------------------------------------


def test_a_node_has_one_face():
    x = leaf()
    y = x * 2
    assert y.grad_fn is y.grad_fn
    assert repr(y.grad_fn).startswith("<MulBackward0 object at 0x")
    assert type(y.grad_fn).__name__ == y.grad_fn.name() == "MulBackward0"
    assert isinstance(y.grad_fn, torch.autograd.graph.Node)
    (to_x, index), *_ = y.grad_fn.next_functions
    assert index == 0
    assert to_x.variable is x
    assert type(to_x).__name__ == "AccumulateGrad"
    assert to_x.next_functions == ()
    y.grad_fn.metadata["mine"] = 1
    assert y.grad_fn.metadata == {"mine": 1}
    assert y.grad_fn._sequence_nr() < (y * 2).grad_fn._sequence_nr()


def test_nodes_die_with_their_tensors():
    x = leaf()
    y = x * 2
    face = weakref.ref(y.grad_fn)
    assert face() is None  # nobody held it, though the node lives
    y.register_hook(lambda grad, y=y: grad)  # a cycle through the node
    dead = weakref.ref(y)
    del y
    gc.collect()
    assert dead() is None


def test_callbacks_run_when_the_pass_ends():
    ran = []
    x = leaf()
    y = x * 2

    def hook(grad):
        torch.autograd.Variable._execution_engine.queue_callback(lambda: ran.append(x.grad is not None))

    y.register_hook(hook)
    y.sum().backward()
    assert ran == [True]
