"""Hooks: around the forward, around the backward, on all modules, and taken away again."""

import copy
import pickle
import warnings

import pytest

import tritorch
from tritorch import nn
from tritorch.nn.modules import module as module_hooks


class Double(nn.Module):
    def forward(self, x, add=0):
        return x * 2 + add


def test_forward_hooks_see_and_replace():
    module, seen = Double(), []
    module.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    module.register_forward_hook(lambda m, args, output: seen.append((m, args[0].item(), output.item())))
    module.register_forward_hook(lambda m, args, output: output + 100)
    assert module(tritorch.tensor(1.0)).item() == 104
    assert seen == [(module, 2.0, 4.0)]


def test_a_pre_hook_may_return_one_value():
    module = Double()
    module.register_forward_pre_hook(lambda m, args: tritorch.tensor(5.0))
    assert module(tritorch.tensor(1.0)).item() == 10


def test_keyword_arguments():
    module, seen = Double(), []
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"add": kwargs["add"] + 1}), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, output: seen.append(kwargs), with_kwargs=True)
    assert module(tritorch.tensor(1.0), add=2).item() == 5
    assert seen == [{"add": 3}]
    bad = Double()
    bad.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple"):
        bad(tritorch.tensor(1.0))


def test_order_and_removal():
    module, order = Double(), []
    handles = [
        module.register_forward_hook(lambda m, args, output: order.append("second")),
        module.register_forward_hook(lambda m, args, output: order.append("first"), prepend=True),
    ]
    module(tritorch.tensor(1.0))
    assert order == ["first", "second"]
    for handle in handles:
        handle.remove()
        handle.remove()
    assert not module._forward_hooks
    with module.register_forward_hook(lambda m, args, output: order.append("within")):
        module(tritorch.tensor(1.0))
    module(tritorch.tensor(1.0))
    assert order == ["first", "second", "within"]


def test_always_called():
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    module, seen = Broken(), []
    module.register_forward_hook(lambda m, args, output: seen.append("never"))
    module.register_forward_hook(lambda m, args, output: seen.append(output), always_call=True)
    with pytest.raises(ValueError, match="broken"):
        module(1)
    assert seen == [None]
    module.register_forward_hook(lambda m, args, output: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="raised an exception that was silenced"), pytest.raises(ValueError):
        module(1)


def test_full_backward_hooks():
    module, seen = Double(), []

    def hook(m, grad_input, grad_output):
        seen.append((m, grad_input[0].item(), grad_input[1], grad_output[0].item()))
        return (grad_input[0] * 10, None)

    module.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] + 1,))
    module.register_full_backward_hook(hook)
    x = tritorch.tensor(3.0, requires_grad=True)
    module(x, 5).backward()
    assert seen == [(module, 4.0, None, 2.0)]
    assert x.grad.item() == 40


def test_backward_hooks_of_parts():
    module, order = nn.Sequential(Double(), Double()), []
    for name, part in module.named_modules():
        part.register_full_backward_hook(lambda m, gin, gout, name=name: order.append(name))
    module(tritorch.tensor(3.0, requires_grad=True)).backward()
    assert order == ["1", "0", ""]


def test_backward_hook_errors():
    module = Double()
    module.register_full_backward_hook(lambda m, gin, gout: (None, None, None))
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 3, but expected 1"):
        module(tritorch.tensor(3.0, requires_grad=True)).backward()
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks"):
        module.register_backward_hook(lambda m, gin, gout: None)
    other = Double()
    other.register_full_backward_pre_hook(lambda m, gout: (None, None))
    with pytest.raises(RuntimeError, match="invalid number of grad_output, got 2, but expected 1"):
        other(tritorch.tensor(3.0, requires_grad=True)).backward()


def test_full_hooks_without_differentiable_inputs():
    module, seen = nn.Linear(1, 1), []
    module.register_full_backward_hook(lambda m, gin, gout: seen.append(gin))
    with pytest.warns(UserWarning, match="no inputs"):
        module(tritorch.ones(1, 1)).sum().backward()
    assert seen == [(None,)]
    with tritorch.no_grad():
        module(tritorch.ones(1, 1))


def test_hooks_at_the_last_node():
    module, seen = Double(), []
    module.register_backward_hook(lambda m, gin, gout: seen.append(gout[0].item()))
    module(tritorch.tensor(3.0, requires_grad=True)).backward()
    assert seen == [1.0]


def test_global_hooks():
    module, order = Double(), []
    module.register_forward_hook(lambda m, args, output: order.append("own"))
    handles = [
        module_hooks.register_module_forward_pre_hook(lambda m, args: order.append("before")),
        module_hooks.register_module_forward_hook(lambda m, args, output: order.append("after")),
        module_hooks.register_module_full_backward_pre_hook(lambda m, gout: order.append("back")),
        module_hooks.register_module_full_backward_hook(lambda m, gin, gout: order.append("done")),
    ]
    module(tritorch.tensor(3.0, requires_grad=True)).backward()
    for handle in handles:
        handle.remove()
    module(tritorch.tensor(3.0))
    assert order == ["before", "after", "own", "back", "done", "own"]


def test_registration_hooks():
    names = []
    hooks = [
        module_hooks.register_module_parameter_registration_hook(lambda m, name, value: names.append(name)),
        module_hooks.register_module_buffer_registration_hook(lambda m, name, value: names.append(name)),
        module_hooks.register_module_module_registration_hook(lambda m, name, value: nn.Tanh()),
    ]
    module = nn.Module()
    module.weight = nn.Parameter(tritorch.ones(1))
    module.register_buffer("mean", tritorch.ones(1))
    module.act = nn.ReLU()
    for handle in hooks:
        handle.remove()
    assert names == ["weight", "mean"] and isinstance(module.act, nn.Tanh)


def _hook(module, args, output):
    return output + 1


def test_hooks_are_copied():
    module = Double()
    module.register_forward_hook(_hook)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert other(tritorch.tensor(1.0)).item() == 3
        other._forward_hooks.clear()
    assert module(tritorch.tensor(1.0)).item() == 3


def test_no_hook_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Double()(tritorch.tensor(1.0)).item() == 2
