"""Optimizers against torch's recorded steps; their state, their options, their two ways to run a formula."""

import copy
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import tritorch
from tritorch import optim
from tritorch.optim._kernels import _CODES, Formula

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())["optimizers"]
COUNT = 6
CASES = pytest.mark.parametrize(
    "case", RECORDED, ids=[f"{c['name']} {' '.join(f'{k}={v}' for k, v in c['options'].items())}" for c in RECORDED]
)
ELEMENTWISE = sorted({case["name"] for case in RECORDED})


def start(dtype=tritorch.float64):
    """What the recorded runs started from."""
    return tritorch.tensor([math.sin(i + 1.0) for i in range(COUNT)], dtype=dtype).requires_grad_()


def gradient(step, like):
    """The recorded runs' gradient at a step: every seventh is zero."""
    values = [0.0 if step % 7 == 3 else math.cos(0.7 * step * (i + 1)) + 0.3 * i - 0.5 for i in range(COUNT)]
    return tritorch.tensor(values, dtype=like.dtype).reshape(like.shape)


def make(case, params):
    return getattr(optim, case["name"])(params, **case["options"])


def run(case, p, steps, optimizer=None, first=0):
    optimizer = optimizer or make(case, [p])
    for step in range(first, steps):
        p.grad = gradient(step, p)
        optimizer.step()
    return optimizer


class TestAgainstTorch:
    @CASES
    def test_values(self, case):
        p = start()
        optimizer = make(case, [p])
        seen = []
        for step in range(50):
            p.grad = gradient(step, p)
            optimizer.step()
            if step in (0, 1, 9, 49):
                seen.append(p.tolist())
        np.testing.assert_allclose(seen, case["values"], rtol=1e-9, atol=1e-12)

    @CASES
    def test_state(self, case):
        p = start()
        saved = run(case, p, 50).state_dict()
        assert list(saved["param_groups"][0]) == case["group"]
        assert list(saved["state"].get(0, {})) == list(case["state"])
        for name, value in case["state"].items():
            np.testing.assert_allclose(saved["state"][0][name].numpy(), value, rtol=1e-6, atol=1e-12, err_msg=name)

    @CASES
    def test_single_precision(self, case):
        p = start(tritorch.float32)
        run(case, p, 50)
        np.testing.assert_allclose(p.detach().numpy(), case["values"][-1], rtol=2e-4, atol=2e-5)


class TestTheTwoWays:
    """The program that is traced from a formula, and the formula run operator by operator."""

    @CASES
    def test_non_contiguous_parameters(self, case):
        p, dense = start().detach().reshape(2, 3).T.requires_grad_(), start().detach().reshape(2, 3).requires_grad_()
        assert not p.is_contiguous()
        optimizers = make(case, [p]), make(case, [dense])
        for step in range(10):
            dense.grad = gradient(step, dense)
            p.grad = dense.grad.T.contiguous()  # another layout than the parameter's
            for optimizer in optimizers:
                optimizer.step()
        assert tritorch.allclose(p.T, dense, rtol=1e-10)

    @CASES
    def test_half_precision(self, case):
        p = start(tritorch.bfloat16)
        run(case, p, 10)
        assert p.dtype is tritorch.bfloat16
        np.testing.assert_allclose(p.detach().float().numpy(), case["values"][2], rtol=0.05, atol=0.05)

    @CASES
    def test_complex_parameters_are_pairs(self, case):
        p = start().detach()
        z = tritorch.complex(p[:3].clone(), p[3:].clone()).requires_grad_()
        optimizer, pairs = make(case, [z]), tritorch.stack([p[:3], p[3:]], -1).requires_grad_()
        other = make(case, [pairs])
        for step in range(8):
            g = gradient(step, p)
            z.grad = tritorch.complex(g[:3].clone(), g[3:].clone())
            pairs.grad = tritorch.stack([g[:3], g[3:]], -1)
            optimizer.step()
            other.step()
        assert tritorch.allclose(tritorch.view_as_real(z.detach()), pairs.detach(), rtol=1e-9)

    @CASES
    def test_versions_are_counted(self, case):
        p = start()
        y = p * p
        run(case, p, 1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()

    def test_threads_do_not_matter(self):
        from_one, from_three = (tritorch.randn(1_000_003, dtype=tritorch.float32) for _ in range(2))
        from_three.copy_(from_one)
        before = tritorch.get_num_threads()
        grad = tritorch.randn(1_000_003)
        try:
            for threads, p in ((1, from_one), (3, from_three)):
                tritorch.set_num_threads(threads)
                p.grad = grad
                optim.Adam([p.requires_grad_()]).step()
        finally:
            tritorch.set_num_threads(before)
        assert tritorch.equal(from_one, from_three)

    def test_every_instruction(self):
        """Each method of a traced value does what it does to a tensor."""

        @Formula
        def everything(a, b, c, *, s, t, last=False):
            values = [
                a.add(b, alpha=s), a.add(s), a.mul(b), a.mul(s), a.div(b), a.div(s), a.addcmul(b, c, value=s),
                a.sqrt(), b.neg().abs(), b.neg(), b.sign(), a.maximum(c), a.gt(s), a.lt(s), a.eq(1.0),
            ]  # fmt: skip
            total = a.mul(0.0)
            for weight, value in enumerate(values, 1):
                total.add_(total.mul(0.0).masked_fill(value.gt(0.0), s).add_(value.mul(1.0), alpha=weight / 7))
            total.lerp_(b, s).lerp_(c, t).addcmul_(a, b, value=t).addcdiv_(a, b, value=s).mul_(s).add_(t).div_(b)
            a.copy_(total.mul_(b).clamp_(-3.0, 3.0))

        update = everything.update(last=True)
        x, y = (tuple(tritorch.rand(1500, dtype=tritorch.float64) + 0.5 for _ in range(3)) for _ in range(2))
        for one, other in zip(x, y, strict=True):
            other.copy_(one)
        update(x, (0.3, 0.8))
        booleans_as_numbers = [v.clone() for v in y]
        try:
            update.by_operators(tuple(booleans_as_numbers), (0.3, 0.8))
        except RuntimeError:
            pytest.skip("comparisons give bool tensors, which do not multiply by numbers in place")
        for one, other in zip(x, booleans_as_numbers, strict=True):
            assert tritorch.allclose(one, other, rtol=1e-12)
        assert len(_CODES) == len(set(_CODES))

    @CASES
    def test_differentiable_steps(self, case):
        """The derivative of two steps, by the starting point and both gradients, against differences."""

        def after_two_steps(p, *gradients):
            q = p * 1
            optimizer = make({**case, "options": {**case["options"], "differentiable": True}}, [q])
            for g in gradients:
                q.grad = g
                optimizer.step()
            return q

        p = start()
        gradients = [(gradient(step, p) + 0.1).requires_grad_() for step in (1, 2)]
        assert tritorch.autograd.gradcheck(after_two_steps, (p, *gradients), eps=1e-5, atol=1e-4)


class TestSteps:
    @CASES
    def test_resume_exactly(self, case):
        p = start()
        optimizer = run(case, p, 20)
        q = p.detach().clone().requires_grad_()
        resumed = make(case, [q])
        resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        run(case, p, 30, optimizer, 20)
        run(case, q, 30, resumed, 20)
        # ASGD keeps its rates as float32 tensors, and loading takes them to the parameter's dtype, as in torch
        assert tritorch.allclose(p, q, rtol=1e-6) if case["name"] == "ASGD" else tritorch.equal(p, q)

    @CASES
    def test_pickle(self, case):
        p = start()
        optimizer = run(case, p, 3)
        again = pickle.loads(pickle.dumps(optimizer))
        (q,) = again.param_groups[0]["params"]
        run(case, p, 6, optimizer, 3)
        run(case, q, 6, again, 3)
        assert tritorch.equal(p, q)

    @pytest.mark.parametrize("name", ELEMENTWISE)
    def test_parameters_without_gradient_stay(self, name):
        p, q = start(), start()
        optimizer = getattr(optim, name)([p, q])
        p.grad = gradient(0, p)
        optimizer.step()
        assert not tritorch.equal(p, start()) and tritorch.equal(q, start())

    @pytest.mark.parametrize("name", ELEMENTWISE)
    def test_closure(self, name):
        p = start()
        optimizer = getattr(optim, name)([p])

        def closure():
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        with tritorch.no_grad():
            loss = optimizer.step(closure)
        assert loss.item() == pytest.approx((start() ** 2).sum().item())
        assert not tritorch.equal(p, start())

    @pytest.mark.parametrize("name", [*ELEMENTWISE, "LBFGS"])
    def test_goes_downhill(self, name):
        p = start()
        optimizer = getattr(optim, name)([p], lr=0.05)

        def closure():
            optimizer.zero_grad()
            loss = ((p - 3) ** 2).sum()
            loss.backward()
            return loss

        first = closure().item()
        for _ in range(60):
            optimizer.step(closure)
        assert closure().item() < first - 0.1

    def test_learning_rate_as_a_tensor(self):
        p, q = start(), start()
        run({"name": "Adam", "options": {"lr": tritorch.tensor(0.1)}}, p, 5)
        run({"name": "Adam", "options": {"lr": 0.1}}, q, 5)
        assert tritorch.allclose(p, q, rtol=1e-6)

    def test_grad_mode_is_restored(self):
        p = start()
        run({"name": "SGD", "options": {}}, p, 1)
        assert tritorch.is_grad_enabled() and p.requires_grad and p.is_leaf


class TestLBFGS:
    def minimize(self, steps=6, **options):
        x = tritorch.tensor([-1.2, 1.0, 0.5, 2.0], dtype=tritorch.float64, requires_grad=True)
        optimizer = optim.LBFGS([x], **options)
        calls = []

        def closure():
            optimizer.zero_grad()
            loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
            loss.backward()
            calls.append(loss.item())
            return loss

        return [optimizer.step(closure).item() for _ in range(steps)], len(calls), x, optimizer

    @pytest.mark.parametrize(
        ("options", "last", "calls"),
        [
            ({"lr": 0.001}, 129.6986259065744, 120),
            ({"line_search_fn": "strong_wolfe"}, 3.7014286104713117, None),
            ({"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 7, "lr": 0.5}, 3.7087850180522333, None),
        ],
    )
    def test_torch_values(self, options, last, calls):
        losses, made, _, _ = self.minimize(**options)
        assert losses[-1] == pytest.approx(last, rel=1e-6)
        assert calls is None or made == calls

    def test_finds_a_minimum_of_rosenbrock(self):
        _, _, x, _ = self.minimize(20, line_search_fn="strong_wolfe")
        assert x.grad.abs().max() < 1e-3

    def test_state(self):
        _, _, _, optimizer = self.minimize(1, line_search_fn="strong_wolfe")
        state = optimizer.state_dict()["state"][0]
        names = "func_evals n_iter d old_dirs old_stps ro H_diag t prev_flat_grad prev_loss al"
        assert set(state) == set(names.split())

    def test_one_group(self):
        with pytest.raises(ValueError, match="LBFGS doesn't support per-parameter options"):
            optim.LBFGS([{"params": [start()]}, {"params": [start()]}])
        with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
            self.minimize(line_search_fn="backtracking")
