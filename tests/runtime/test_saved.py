"""What a node keeps of tensors (Note [Saved tensors]): versions, cycles, release, hooks."""

import gc
import re
import weakref
from pathlib import Path

import numpy as np
import pytest

import tritorch
from tritorch import _C

MODIFIED = "one of the variables needed for gradient computation has been modified by an inplace operation: "


def leaf(*values, dtype=np.float32):
    t = _C.wrap(np.array(values, dtype))
    t.requires_grad = True
    return t


SQUARE = _C.OpBackward("SquareBackward0", lambda needs, saved, grad: tritorch.mul(grad, tritorch.mul(saved[0], 2.0)))
EXP = _C.OpBackward("ExpBackward0", lambda needs, saved, grad: tritorch.mul(grad, saved[0]))


def square(x):
    """Saves its input."""
    y = _C.wrap(x._array**2)
    _C.record(SQUARE, y, (x,), (x,))
    return y


def exp(x):
    """Saves its output."""
    y = _C.wrap(np.exp(x._array))
    _C.record(EXP, y, (x,), (y,))
    return y


def backward(y, keep=False):
    _C.run_backward((y,), (_C.wrap(np.ones_like(y._array)),), keep, False, None, True, True)


def write(t):
    t._array[...] = 5
    _C.bump(t)


def test_inputs_are_the_tensor_and_outputs_make_no_cycle():
    x = leaf(1.0, 2.0)
    y = exp(x)
    gone = weakref.ref(y)
    gc.disable()
    try:
        del y
        assert gone() is None
    finally:
        gc.enable()
    kept = []
    keeper = _C.OpBackward("KeepBackward0", lambda needs, saved, grad: kept.append(saved) or grad)
    y = _C.wrap(x._array * 1)
    _C.record(keeper, y, (x,), (x, y, 3, [x, "a"], (y, None), None))
    backward(y)
    [(first, out, number, many, pair, nothing)] = kept
    assert first is x and number == 3 and many[0] is x and many[1] == "a" and type(many) is list and nothing is None
    assert out is not y and out.grad_fn is y.grad_fn and out._array is y._array and out.requires_grad
    assert type(pair) is tuple and pair[0]._array is y._array and pair[1] is None


def test_written_output():
    y = exp(leaf(1.0, 2.0, 3.0))
    write(y)
    text = (
        MODIFIED + "[tritorch.FloatTensor [3]], which is output 0 of Exp, is at version 1; expected version 0 instead. "
        "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        "tritorch.autograd.set_detect_anomaly(True, check_nan=False)."
    )
    with pytest.raises(RuntimeError, match=f"^{re.escape(text)}$"):
        backward(y)


def test_written_input():
    x = leaf(*[[1.0, 2.0]] * 2, dtype=np.float64)
    y = square(x)
    write(x)
    with pytest.raises(RuntimeError, match=re.escape("[tritorch.DoubleTensor [2, 2]] is at version 1; expected")):
        backward(y)
    inner = square(leaf(1.0))
    outer = square(inner)
    write(_C.detach(inner))
    with pytest.raises(RuntimeError, match=re.escape("[1]], which is output 0 of Square, is at version 1; expected")):
        backward(outer)


def test_a_write_through_data_goes_unseen():
    x = leaf(1.0)
    y = square(x)
    write(_C.alias_data(x))
    backward(y)
    assert x._grad._array.tolist() == [10.0]


def test_anomaly_mode_names_both_lines():
    _C.set_anomaly(True, False)
    try:
        x = leaf(1.0)
        y = tritorch.mul(tritorch.add(x, 1.0), x)  # the saver
        x.data.add_(1.0)
        x._array[...] = 5
        _C.bump(x)  # the mutator
        with pytest.raises(RuntimeError, match="Good luck") as caught:
            backward(y)
    finally:
        _C.set_anomaly(False, True)
    lines = re.findall(r"It was (saved|last written) at (\S+?):(\d+)\.", str(caught.value))
    source = Path(__file__).read_text().splitlines()
    assert [(kind, file) for kind, file, _ in lines] == [("saved", __file__), ("last written", __file__)]
    assert [source[int(n) - 1].split("# the ")[-1] for _, _, n in lines] == ["saver", "mutator"]


def test_second_backward():
    y = square(leaf(1.0))
    backward(y, keep=True)
    backward(y)
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        backward(y)


def test_a_graph_that_saved_no_tensor_runs_twice():
    opb = _C.OpBackward("ScaleBackward0", lambda needs, saved, grad: tritorch.mul(grad, saved[0]))
    x = leaf(1.0)
    y = _C.wrap(x._array * 3)
    _C.record(opb, y, (x,), (3.0,))
    backward(y)
    backward(y)
    assert x._grad._array.tolist() == [6.0]


def test_inference_tensors_are_not_saved():
    _C.set_inference_mode(True)
    i = _C.wrap(np.ones(1, np.float32))
    _C.set_inference_mode(False)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        tritorch.mul(leaf(1.0), i)


# ---- hooks ---------------------------------------------------------------------------------------------


@pytest.fixture
def hooks():
    pushed = []

    def push(pack, unpack):
        _C.push_saved_tensors_hooks(pack, unpack)
        pushed.append(1)

    yield push
    for _ in pushed:
        _C.pop_saved_tensors_hooks()


def test_hooks_pack_and_unpack(hooks):
    packed = []

    def pack(t):
        packed.append(t)
        return t._array.copy()

    hooks(pack, lambda a: _C.wrap(a))
    x = leaf(1.0, 2.0)
    y = exp(square(x))
    assert packed[0] is x and packed[1].grad_fn is None and not packed[1].requires_grad
    write(y)  # versions are the hooks' own affair
    backward(y)
    np.testing.assert_allclose(x._grad._array, 2 * np.array([1, 2]) * np.exp([1.0, 4.0]), rtol=1e-6)


def test_gradients_of_gradients_pass_through_hooks(hooks):
    hooks(lambda t: t._array, lambda a: _C.wrap(a))
    x = leaf(3.0)
    y = tritorch.mul(tritorch.mul(x, x), x)
    one = _C.wrap(np.ones(1, np.float32))
    (g,) = _C.run_backward((y,), (one,), True, True, (x,), False, False)
    (gg,) = _C.run_backward((g,), (one,), False, False, (x,), False, False)
    assert (g._array.item(), gg._array.item()) == (27.0, 18.0)


def test_only_the_innermost_pair_applies(hooks):
    calls = []
    hooks(lambda t: calls.append("outer") or t._array, _C.wrap)
    hooks(lambda t: calls.append("inner") or t._array, _C.wrap)
    square(leaf(1.0))
    assert calls == ["inner"]


def test_hooks_that_misbehave(hooks):
    hooks(lambda t: 1, lambda n: n)
    y = square(leaf(1.0))
    with pytest.raises(TypeError, match="unpack_hook expected to be a Tensor but got result of type int"):
        backward(y)
    hooks(write, lambda n: n)
    with pytest.raises(RuntimeError, match="A saved tensor pack hook is modifying its input in place"):
        square(leaf(1.0))


def test_disabled_hooks():
    assert _C.disable_saved_tensors_hooks("not here") is None
    try:
        with pytest.raises(RuntimeError, match="not here"):
            _C.push_saved_tensors_hooks(id, id)
    finally:
        assert _C.disable_saved_tensors_hooks(None) == "not here"
    with pytest.raises(RuntimeError, match="no hooks are set"):
        _C.pop_saved_tensors_hooks()
