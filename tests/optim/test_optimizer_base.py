"""What all optimizers share: groups, state dicts, hooks, errors."""

from collections import OrderedDict

import pytest

import tritorch
from tritorch import nn, optim
from tritorch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)


def leaf(n=2):
    return tritorch.ones(n, requires_grad=True)


class TestGroups:
    def test_options_of_their_own(self):
        a, b = leaf(), leaf()
        optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
        assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5]
        a.grad = b.grad = tritorch.ones(2)
        optimizer.step()
        assert a.tolist() == pytest.approx([0.9, 0.9]) and b.tolist() == [0.5, 0.5]
        optimizer.param_groups[0]["lr"] = 1.0
        optimizer.step()
        assert a.tolist() == pytest.approx([-0.1, -0.1])

    def test_added_later(self):
        optimizer = optim.Adam([leaf()])
        optimizer.add_param_group({"params": (p for p in [leaf(), leaf()]), "lr": 1.0})
        assert len(optimizer.param_groups[1]["params"]) == 2 and optimizer.param_groups[1]["betas"] == (0.9, 0.999)

    def test_named(self):
        model = nn.Linear(2, 2)
        optimizer = optim.SGD(model.named_parameters())
        assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
        assert optimizer.param_groups[0]["params"][0] is model.weight
        assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
        with pytest.raises(ValueError, match="cannot add param group without names"):
            optimizer.add_param_group({"params": [leaf()]})

    @pytest.mark.parametrize(
        ("params", "error", "text"),
        [
            (lambda: leaf(), TypeError, "params argument given to the optimizer should be an iterable of Tensors or"),
            (list, ValueError, "optimizer got an empty parameter list"),
            (lambda: [3], TypeError, "optimizer can only optimize Tensors, but one of the params is int"),
            (lambda: [leaf() * 2], ValueError, "can't optimize a non-leaf Tensor"),
            (lambda: [{"params": {leaf()}}], TypeError, "need to be organized in ordered collections"),
            (lambda: [("a", leaf()), leaf()], ValueError, "Some param names are missing"),
        ],
    )
    def test_refused(self, params, error, text):
        with pytest.raises(error, match=text):
            optim.SGD(params(), lr=0.1)

    def test_twice(self):
        a = leaf()
        with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
            optim.SGD([{"params": [a]}, {"params": [a]}], lr=0.1)
        with pytest.warns(UserWarning, match="contains a parameter group with duplicate parameters"):
            optim.SGD([a, a], lr=0.1)
        with pytest.raises(TypeError, match="param_group must be a dict"):
            optim.SGD([a], lr=0.1).add_param_group([leaf()])

    def test_repr(self):
        text = repr(optim.SGD([leaf()], lr=0.1))
        assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n") and text.endswith("weight_decay: 0\n)")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: optim.SGD(p, lr=-1), "Invalid learning rate: -1"),
        (lambda p: optim.SGD(p, momentum=-1), "Invalid momentum value: -1"),
        (lambda p: optim.SGD(p, nesterov=True), "Nesterov momentum requires a momentum and zero dampening"),
        (lambda p: optim.Adam(p, betas=(1.0, 0.9)), "Invalid beta parameter at index 0: 1.0"),
        (lambda p: optim.Adam(p, betas=(0.9, -1)), "Invalid beta parameter at index 1: -1"),
        (lambda p: optim.Adam(p, eps=float("nan")), "Invalid epsilon value: nan"),
        (lambda p: optim.Adam(p, weight_decay=-1), "Invalid weight_decay value: -1"),
        (lambda p: optim.Adadelta(p, rho=1.1), "Invalid rho value: 1.1"),
        (lambda p: optim.Rprop(p, etas=(1.2, 0.5)), "Invalid eta values: 1.2, 0.5"),
        (lambda p: optim.RMSprop(p, alpha=-1), "Invalid alpha value: -1"),
        (lambda p: optim.Adagrad(p, initial_accumulator_value=-1), "Invalid initial_accumulator_value value: -1"),
    ],
)
def test_options_are_checked(make, text):
    with pytest.raises(ValueError, match=text):
        make([leaf()])


def test_flags_are_checked():
    with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together"):
        optim.Adam([leaf()], fused=True, foreach=True)
    with pytest.raises(RuntimeError, match="`fused` does not support `differentiable`"):
        optim.SGD([leaf()], fused=True, differentiable=True)
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        optim.SGD([leaf()], lr=tritorch.ones(2))
    optim.AdamW([leaf()], fused=True), optim.AdamW([leaf()], foreach=True, capturable=True)


class TestZeroGrad:
    def test_to_none(self):
        a = leaf()
        optimizer = optim.SGD([a], lr=0.1)
        (a * 2).sum().backward()
        optimizer.zero_grad()
        assert a.grad is None

    def test_to_zeros(self):
        a = leaf()
        optimizer = optim.SGD([a], lr=0.1)
        (g,) = tritorch.autograd.grad((a**3).sum(), a, create_graph=True)
        a.grad = g
        optimizer.zero_grad(set_to_none=False)
        assert a.grad.tolist() == [0.0, 0.0] and a.grad.grad_fn is None


class TestStateDict:
    def stepped(self, cls=optim.Adam, **options):
        a, b = leaf(), leaf(3)
        optimizer = cls([{"params": [a]}, {"params": [b], "lr": 0.5}], **options)
        a.grad, b.grad = tritorch.ones(2), tritorch.ones(3)
        optimizer.step()
        return optimizer

    def test_layout(self):
        saved = self.stepped().state_dict()
        assert list(saved) == ["state", "param_groups"] and list(saved["state"]) == [0, 1]
        assert [g["params"] for g in saved["param_groups"]] == [[0], [1]]
        assert saved["state"][1]["exp_avg"].shape == (3,) and saved["state"][0]["step"].item() == 1.0

    def test_takes_the_parameters_dtype(self):
        saved = self.stepped().state_dict()
        a, b = tritorch.ones(2).double().requires_grad_(), tritorch.ones(3).double().requires_grad_()
        other = optim.Adam([{"params": [a]}, {"params": [b]}])
        other.load_state_dict(saved)
        assert other.state[a]["exp_avg"].dtype is tritorch.float64
        assert other.state[a]["step"].dtype is tritorch.float32
        assert other.param_groups[1]["lr"] == 0.5 and other.param_groups[1]["params"][0] is b

    def test_older_states_get_the_new_options(self):
        saved = self.stepped().state_dict()
        for group in saved["param_groups"]:
            del group["decoupled_weight_decay"], group["maximize"]
        optimizer = self.stepped()
        optimizer.load_state_dict(saved)
        optimizer.step()

    def test_loading_does_not_write_to_the_given(self):
        saved = self.stepped().state_dict()
        optimizer = self.stepped()
        optimizer.load_state_dict(saved)
        assert saved["param_groups"][0]["params"] == [0]
        optimizer.param_groups[0]["lr"] = 7.0
        assert saved["param_groups"][0]["lr"] != 7.0

    def test_wrong_groups(self):
        saved = self.stepped().state_dict()
        with pytest.raises(ValueError, match="different number of parameter groups"):
            optim.Adam([leaf()]).load_state_dict(saved)
        with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
            optim.Adam([{"params": [leaf(), leaf()]}, {"params": [leaf()]}]).load_state_dict(saved)

    def test_through_a_file(self, tmp_path):
        optimizer = self.stepped(optim.SGD, momentum=0.9)
        tritorch.save(optimizer.state_dict(), tmp_path / "state")
        other = self.stepped(optim.SGD, momentum=0.9)
        other.load_state_dict(tritorch.load(tmp_path / "state"))
        first, second = (o.state_dict()["state"][0]["momentum_buffer"] for o in (optimizer, other))
        assert tritorch.equal(first, second)


class TestHooks:
    def test_step(self):
        a = leaf()
        a.grad = tritorch.ones(2)
        optimizer = optim.SGD([a], lr=0.1)
        calls = []
        handles = [
            optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append("before")),
            optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append("after")),
            register_optimizer_step_pre_hook(lambda o, args, kwargs: calls.append("before all")),
            register_optimizer_step_post_hook(lambda o, args, kwargs: calls.append("after all")),
        ]
        optimizer.step()
        for handle in handles:
            handle.remove()
        optimizer.step()
        assert calls == ["before all", "before", "after", "after all"]

    def test_arguments(self):
        a = leaf()
        a.grad = tritorch.ones(2)
        optimizer = optim.SGD([a], lr=0.1)
        optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7.0), {}))
        assert optimizer.step() == 7.0
        optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
        with pytest.raises(RuntimeError, match="must return None or a tuple of"):
            optimizer.step()

    def test_state_dict(self):
        optimizer = optim.SGD([leaf()], lr=0.1)
        calls = []
        optimizer.register_state_dict_pre_hook(lambda o: calls.append("pre"))
        optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
        optimizer.register_state_dict_post_hook(lambda o, state: calls.append(sorted(state)), prepend=True)
        optimizer.register_load_state_dict_pre_hook(lambda o, state: calls.append("load"))
        optimizer.register_load_state_dict_post_hook(lambda o: calls.append("loaded"))
        saved = optimizer.state_dict()
        optimizer.load_state_dict(saved)
        assert saved["more"] == 1
        assert calls == ["pre", ["param_groups", "state"], "load", "loaded"]

    def test_own_optimizers_have_them(self):
        class Nothing(optim.Optimizer):
            def __init__(self, params):
                super().__init__(params, {})

            def step(self, closure=None):
                return "stepped"

        optimizer = Nothing([leaf()])
        calls = []
        optimizer.register_step_post_hook(lambda *args: calls.append(1))
        assert optimizer.step() == "stepped" and calls == [1]
        assert isinstance(optimizer._optimizer_step_pre_hooks, OrderedDict)
