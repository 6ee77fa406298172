"""Grad modes: what is recorded, what is restored, in which thread."""

import threading

import pytest

import tritorch
from tritorch.autograd import is_inference_mode_enabled

MODES = [tritorch.no_grad, tritorch.enable_grad, lambda: tritorch.set_grad_enabled(False), tritorch.inference_mode]


@pytest.fixture
def x():
    return tritorch.ones(2, requires_grad=True)


def test_recording_follows_the_mode(x):
    with tritorch.no_grad():
        assert not (x * 2).requires_grad
        with tritorch.enable_grad():
            assert (x * 2).requires_grad
        assert not tritorch.is_grad_enabled()
    with tritorch.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_set_grad_enabled_acts_at_once():
    tritorch.set_grad_enabled(False)
    assert not tritorch.is_grad_enabled()
    tritorch.set_grad_enabled(True)
    assert tritorch.is_grad_enabled()


def test_factories_keep_requires_grad():
    with tritorch.no_grad():
        assert tritorch.zeros(1, requires_grad=True).requires_grad


@pytest.mark.parametrize("mode", MODES)
def test_exceptions_restore(mode):
    with pytest.raises(KeyError), mode():
        raise KeyError
    assert tritorch.is_grad_enabled() and not is_inference_mode_enabled()


@pytest.mark.parametrize(
    "decorate", [tritorch.no_grad, tritorch.no_grad(), tritorch.inference_mode, tritorch.inference_mode()]
)
def test_functions(x, decorate):
    @decorate
    def double(x):
        """Doubles."""
        return x * 2

    assert not double(x).requires_grad
    assert double.__name__ == "double" and double.__doc__ == "Doubles."
    assert tritorch.is_grad_enabled()


def test_set_grad_enabled_decorates_without_acting(x):
    @tritorch.set_grad_enabled(False)
    def double(x):
        return x * 2

    assert tritorch.is_grad_enabled()
    assert not double(x).requires_grad


def test_recursive_decorated_functions():
    @tritorch.no_grad()
    def depth(n):
        assert not tritorch.is_grad_enabled()
        return 0 if n == 0 else 1 + depth(n - 1)

    assert depth(5) == 5
    assert tritorch.is_grad_enabled()


def test_classes_warn():
    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):

        @tritorch.no_grad()
        class Made:
            def __init__(self):
                self.grad_mode = tritorch.is_grad_enabled()

    assert Made().grad_mode is False


def test_generators_suspend_the_mode():
    @tritorch.no_grad()
    def steps():
        got = []
        try:
            while True:
                assert not tritorch.is_grad_enabled()
                try:
                    got.append((yield tritorch.is_grad_enabled()))
                except ValueError:
                    assert not tritorch.is_grad_enabled()
                    got.append("thrown")
                if len(got) == 3:
                    return got
        finally:
            assert not tritorch.is_grad_enabled()

    made = steps()
    assert next(made) is False
    assert tritorch.is_grad_enabled()
    made.send(1)
    made.throw(ValueError())
    with pytest.raises(StopIteration) as stop:
        made.send(3)
    assert stop.value.value == [1, "thrown", 3]
    closed = steps()
    next(closed)
    closed.close()
    assert tritorch.is_grad_enabled()


def test_modes_belong_to_their_thread():
    seen = []
    with tritorch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(tritorch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


class TestInference:
    def test_makes_inference_tensors(self, x):
        with tritorch.inference_mode():
            assert is_inference_mode_enabled() and not tritorch.is_grad_enabled()
            y = x * 2
            assert y.is_inference() and not y.requires_grad
            with tritorch.inference_mode(False):
                assert not is_inference_mode_enabled() and tritorch.is_grad_enabled()
                assert (x * 2).requires_grad
        assert not x.is_inference()

    def test_no_version(self):
        with tritorch.inference_mode():
            y = tritorch.ones(2)
        with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
            _ = y._version

    def test_not_saved_for_backward(self, x):
        with tritorch.inference_mode():
            y = tritorch.ones(2)
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
            x * y
        assert (x + y).requires_grad  # nothing is saved

    def test_not_written_outside(self):
        with tritorch.inference_mode():
            y = tritorch.ones(2)
            y.add_(1)
        with pytest.raises(
            RuntimeError, match="Inplace update to inference tensor outside InferenceMode is not allowed"
        ):
            y.add_(1)

    def test_clone_is_normal(self):
        with tritorch.inference_mode():
            y = tritorch.ones(2)
        assert not y.clone().is_inference()
