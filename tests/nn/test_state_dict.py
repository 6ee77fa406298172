"""Saving and loading: keys, strictness, texts, assignment, versions, extra state, hooks."""

from collections import OrderedDict

import pytest

import tritorch
from tritorch import nn
from tritorch.nn.modules.utils import consume_prefix_in_state_dict_if_present


def net():
    return nn.Sequential(OrderedDict(a=nn.Linear(2, 3), b=nn.BatchNorm1d(3)))


def same(a, b):
    return all(tritorch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_keys_and_sharing():
    module = net()
    state = module.state_dict()
    assert list(state) == [
        "a.weight", "a.bias", "b.weight", "b.bias", "b.running_mean", "b.running_var", "b.num_batches_tracked"
    ]  # fmt: skip
    assert type(state) is OrderedDict and not state["a.weight"].requires_grad
    with tritorch.no_grad():
        module.a.bias.fill_(4)
    assert state["a.bias"][0].item() == 4
    assert state._metadata == OrderedDict({"": {"version": 1}, "a": {"version": 1}, "b": {"version": 2}})
    assert module.state_dict(keep_vars=True)["a.weight"] is module.a.weight
    assert list(module.a.state_dict(prefix="x.")) == ["x.weight", "x.bias"]
    into = {}
    assert module.a.state_dict(destination=into) is into and set(into) == {"weight", "bias"}
    with pytest.warns(FutureWarning, match="Positional args are being deprecated"):
        assert list(module.a.state_dict({}, "y.")) == ["y.weight", "y.bias"]


def test_round_trip():
    source, target = net(), net()
    source(tritorch.randn(4, 2))
    assert not same(source, target)
    assert repr(target.load_state_dict(source.state_dict())) == "<All keys matched successfully>"
    assert same(source, target)
    assert target.a.weight.data_ptr() != source.a.weight.data_ptr()


def test_strict_lists_everything():
    module, state = net(), net().state_dict()
    del state["a.bias"]
    state["a.extra"] = state["c.weight"] = tritorch.ones(1)
    state["a.weight"] = tritorch.ones(5)
    with pytest.raises(RuntimeError) as error:
        module.load_state_dict(state)
    assert str(error.value) == (
        "Error(s) in loading state_dict for Sequential:\n"
        '\tMissing key(s) in state_dict: "a.bias". \n'
        '\tUnexpected key(s) in state_dict: "c.weight", "a.extra". \n'
        f"\tsize mismatch for a.weight: copying a param with shape {tritorch.Size([5])} from checkpoint, the shape in "
        f"current model is {tritorch.Size([3, 2])}."
    )
    state["a.weight"] = tritorch.ones(3, 2)
    result = module.load_state_dict(state, strict=False)
    assert result.missing_keys == ["a.bias"] and result.unexpected_keys == ["c.weight", "a.extra"]
    assert "missing_keys=['a.bias']" in repr(result)
    assert module.a.weight[0, 0].item() == 1


def test_bad_states():
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>"):
        net().load_state_dict([])
    state = net().state_dict()
    state["a.bias"] = "text"
    with pytest.raises(RuntimeError, match=r'parameter named "a\.bias", expected .*Tensor or Tensor-like object'):
        net().load_state_dict(state)


def test_loading_converts_and_keeps_the_parameter():
    module = nn.Linear(2, 2)
    weight = module.weight
    module.load_state_dict(nn.Linear(2, 2).double().state_dict())
    assert module.weight is weight and weight.dtype is tritorch.float32 and weight.requires_grad


def test_assign():
    module, state = nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 2).double().state_dict()
    module.load_state_dict(state, assign=True)
    assert isinstance(module.weight, nn.Parameter) and module.weight.dtype is tritorch.float64
    assert not module.weight.requires_grad and module.weight.data_ptr() == state["weight"].data_ptr()
    other = nn.Linear(2, 2)
    other.load_state_dict(state)
    assert other.weight.dtype is tritorch.float32


def test_one_element_for_a_number():
    module = nn.Module()
    module.scale = nn.Parameter(tritorch.tensor(1.0))
    module.load_state_dict({"scale": tritorch.tensor([5.0])})
    assert module.scale.item() == 5


def test_state_of_before_version_two():
    state = nn.BatchNorm1d(3).state_dict()
    del state["num_batches_tracked"]
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        nn.BatchNorm1d(3).load_state_dict(state)
    del state._metadata
    nn.BatchNorm1d(3).load_state_dict(state)


def test_instance_norm_refuses_statistics_it_does_not_keep():
    state = nn.InstanceNorm1d(3, track_running_stats=True).state_dict()
    del state._metadata, state["num_batches_tracked"]
    with pytest.raises(RuntimeError, match="Unexpected running stats buffer"):
        nn.InstanceNorm1d(3).load_state_dict(state)


class Extra(nn.Module):
    value = 3

    def get_extra_state(self):
        return {"value": self.value}

    def set_extra_state(self, state):
        self.value = state["value"]


def test_extra_state():
    source, target = nn.Sequential(Extra()), nn.Sequential(Extra())
    source[0].value = 9
    state = source.state_dict()
    assert state["0._extra_state"] == {"value": 9}
    target.load_state_dict(state)
    assert target[0].value == 9
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0._extra_state"'):
        target.load_state_dict({})
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "_extra_state"'):
        nn.Identity().load_state_dict({"_extra_state": 1})


def test_hooks():
    module, seen = nn.Linear(1, 1), []
    module.register_state_dict_pre_hook(lambda m, prefix, keep_vars: seen.append("before"))
    module.register_state_dict_post_hook(lambda m, state, prefix, metadata: state.update(more=tritorch.ones(1)))
    state = module.state_dict()
    assert seen == ["before"] and "more" in state

    def drop(m, state, prefix, metadata, strict, missing, unexpected, errors):
        assert m is module
        state.pop("more")

    def forgive(m, keys):
        keys.missing_keys.clear()

    module.register_load_state_dict_pre_hook(drop)
    module.register_load_state_dict_post_hook(forgive)
    del state["bias"]
    module.load_state_dict(state)
    module._register_state_dict_hook(lambda m, state, prefix, metadata: {"replaced": 1})
    assert module.state_dict() == {"replaced": 1}


def test_hooks_that_return_what_they_should_not():
    module = nn.Linear(1, 1)

    def hook(m, state, prefix, metadata):
        return state

    module.register_state_dict_post_hook(hook)
    with pytest.raises(RuntimeError, match="state_dict post-hook must return None"):
        module.state_dict()
    with pytest.raises(RuntimeError, match="Cannot register the same function"):
        module._register_state_dict_hook(hook)
    other = nn.Linear(1, 1)
    other.register_load_state_dict_post_hook(lambda m, keys: keys)
    with pytest.raises(AssertionError, match="are not expected to return new values"):
        other.load_state_dict(other.state_dict())


def test_prefix_is_taken_off():
    state = nn.DataParallel(net()).state_dict()
    assert next(iter(state)) == "module.a.weight"
    consume_prefix_in_state_dict_if_present(state, "module.")
    net().load_state_dict(state)
    assert "a" in state._metadata
