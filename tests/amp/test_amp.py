"""Mixed precision: the mode is told, losses are scaled, overflown steps are left out."""

import pickle
import threading

import pytest

import tritorch
from tritorch import _C, amp, optim
from tritorch.autograd import Function


class TestAutocast:
    def test_mode(self):
        assert not tritorch.is_autocast_enabled("cpu")
        with tritorch.autocast("cpu"):
            assert tritorch.is_autocast_enabled("cpu") and not tritorch.is_autocast_enabled("cuda")
            with tritorch.autocast("cpu", enabled=False):
                assert not tritorch.is_autocast_enabled("cpu")
            with tritorch.autocast("cpu", dtype=tritorch.float16):
                assert tritorch.get_autocast_dtype("cpu") is tritorch.float16
            assert tritorch.get_autocast_dtype("cpu") is tritorch.bfloat16
        assert not tritorch.is_autocast_enabled("cpu")

    def test_decorator_and_recursion(self):
        mode = tritorch.autocast("cpu")

        @mode
        def depth(n):
            assert tritorch.is_autocast_enabled("cpu")
            return n if n == 0 else depth(n - 1)

        depth(3)
        assert not tritorch.is_autocast_enabled("cpu")
        with pytest.raises(TypeError, match="requires a callable, but got int"):
            mode(3)

    def test_threads(self):
        seen = []
        with tritorch.autocast("cpu"):
            thread = threading.Thread(target=lambda: seen.append(tritorch.is_autocast_enabled("cpu")))
            thread.start()
            thread.join()
        assert seen == [False]

    def test_operators_keep_their_dtype(self):
        with tritorch.autocast("cpu"):
            assert (tritorch.ones(2, 2) @ tritorch.ones(2, 2)).dtype is tritorch.float32

    def test_arguments(self):
        with pytest.raises(RuntimeError, match="unsupported autocast device_type 'abacus'"):
            tritorch.autocast("abacus")
        with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
            tritorch.autocast(3)
        with pytest.warns(UserWarning, match="the target dtype is not supported. Disabling autocast"):
            assert not tritorch.autocast("cpu", dtype=tritorch.float64)._enabled

    def test_custom_functions(self):
        seen = []

        class Watch(Function):
            @staticmethod
            @amp.custom_fwd(device_type="cpu", cast_inputs=tritorch.bfloat16)
            def forward(ctx, x, y):
                seen.append((x.dtype, y.dtype, tritorch.is_autocast_enabled("cpu")))
                return x * 1

            @staticmethod
            @amp.custom_bwd(device_type="cpu")
            def backward(ctx, g):
                seen.append(tritorch.is_autocast_enabled("cpu"))
                return g.float(), None

        x = tritorch.ones(1, requires_grad=True)
        with tritorch.autocast("cpu"):
            out = Watch.apply(x, tritorch.ones(1).double())
        out.sum().backward()
        Watch.apply(x, x)
        half, double, single = tritorch.bfloat16, tritorch.float64, tritorch.float32
        assert seen == [(half, double, False), False, (single, single, False)]


class TestGradScaler:
    def setup_method(self):
        self.x = tritorch.ones(2, requires_grad=True)
        self.optimizer = optim.SGD([self.x], lr=0.5)

    def iterate(self, scaler, loss):
        self.optimizer.zero_grad()
        scaler.scale(loss(self.x)).backward()
        scaler.step(self.optimizer)
        scaler.update()

    def test_step(self):
        scaler = amp.GradScaler("cpu", init_scale=1024.0)
        self.iterate(scaler, lambda x: (x * x).sum())
        assert self.x.tolist() == [0.0, 0.0] and scaler.get_scale() == 1024.0

    def test_unscaled_gradients(self):
        scaler = amp.GradScaler("cpu", init_scale=8.0)
        scaler.scale((self.x * 3).sum()).backward()
        scaler.unscale_(self.optimizer)
        assert self.x.grad.tolist() == [3.0, 3.0]
        with pytest.raises(RuntimeError, match="has already been called on this optimizer since the last update"):
            scaler.unscale_(self.optimizer)
        scaler.step(self.optimizer)
        with pytest.raises(RuntimeError, match="step\\(\\) has already been called since the last update"):
            scaler.step(self.optimizer)
        with pytest.raises(RuntimeError, match="is being called after step"):
            scaler.unscale_(self.optimizer)

    def test_overflow(self):
        scaler = amp.GradScaler("cpu", init_scale=8.0)
        self.iterate(scaler, lambda x: (x * float("inf")).sum())
        assert self.x.tolist() == [1.0, 1.0] and scaler.get_scale() == 4.0

    def test_growth(self):
        scaler = amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        for expected in (8.0, 16.0, 16.0, 32.0):
            self.iterate(scaler, lambda x: x.sum())
            assert scaler.get_scale() == expected

    def test_several_outputs(self):
        scaler = amp.GradScaler("cpu", init_scale=2.0)
        a, (b,) = scaler.scale((self.x, [self.x * 2]))
        assert a.tolist() == [2.0, 2.0] and b.tolist() == [4.0, 4.0]
        with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
            scaler.scale(3)

    def test_disabled(self):
        scaler = amp.GradScaler("cpu", enabled=False)
        self.iterate(scaler, lambda x: (x * x).sum())
        assert self.x.tolist() == [0.0, 0.0] and scaler.get_scale() == 1.0 and scaler.state_dict() == {}

    def test_without_a_gpu(self, monkeypatch):
        monkeypatch.setattr(_C, "device_explain", lambda: "no driver")
        with pytest.warns(UserWarning, match="CUDA is not available"):
            assert not amp.GradScaler().is_enabled()

    def test_order(self):
        scaler = amp.GradScaler("cpu")
        with pytest.raises(AssertionError, match="Attempted step but _scale is None"):
            scaler.step(self.optimizer)
        scaler.scale(self.x.sum()).backward()
        with pytest.raises(AssertionError, match="No inf checks were recorded prior to update"):
            scaler.update()
        scaler.update(3.0)
        assert scaler.get_scale() == 3.0

    def test_state(self):
        scaler = amp.GradScaler("cpu", init_scale=8.0, growth_interval=5)
        self.iterate(scaler, lambda x: x.sum())
        state = scaler.state_dict()
        assert state == {
            "scale": 8.0,
            "growth_factor": 2.0,
            "backoff_factor": 0.5,
            "growth_interval": 5,
            "_growth_tracker": 1,
        }
        for other in (amp.GradScaler("cpu"), pickle.loads(pickle.dumps(scaler))):
            other.load_state_dict(state)
            assert other.state_dict() == state
        with pytest.raises(RuntimeError, match="The source state dict is empty"):
            scaler.load_state_dict({})
