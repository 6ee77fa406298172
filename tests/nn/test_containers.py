"""Sequential, ModuleList, ModuleDict, ParameterList and ParameterDict."""

from collections import OrderedDict

import pytest

import tritorch
from tritorch import nn


def layers(count):
    return [nn.Linear(i + 1, i + 2) for i in range(count)]


def test_sequential():
    a, b, c = layers(3)
    net = nn.Sequential(a, b)
    assert len(net) == 2 and list(net) == [a, b] and net[-1] is b and net[0] is a
    assert net(tritorch.ones(1, 1)).shape == (1, 3)
    assert net.append(c) is net and net[2] is c
    assert isinstance(net[1:], nn.Sequential) and list(net[1:]) == [b, c] and list(net[1:]._modules) == ["1", "2"]
    assert net.pop(0) is a and list(net._modules) == ["0", "1"]
    assert net.insert(0, a)[0] is a and list(net) == [a, b, c]
    net.insert(-1, nn.ReLU())
    assert isinstance(net[2], nn.ReLU)
    del net[2]
    net[0] = nn.Tanh()
    assert isinstance(net[0], nn.Tanh)
    del net[:2]
    assert list(net) == [c] and list(net._modules) == ["0"]
    named = nn.Sequential(OrderedDict(first=a, second=b))
    assert named.first is a and list(named._modules) == ["first", "second"]
    assert named.extend([c])[2] is c


def test_sequential_arithmetic():
    a, b = layers(2)
    assert list(nn.Sequential(a) + nn.Sequential(b)) == [a, b]
    assert list(nn.Sequential(a, b) * 2) == [a, b, a, b] == list(2 * nn.Sequential(a, b))
    net = nn.Sequential(a)
    net += nn.Sequential(b)
    net *= 2
    assert list(net) == [a, b, a, b]
    for act, error in [
        (lambda: net + [a], ValueError), (lambda: net * "2", TypeError), (lambda: net * 0, ValueError),
        (lambda: net[7], IndexError), (lambda: net.insert(9, a), IndexError),
        (lambda: net.insert(0, 1), AssertionError),
    ]:  # fmt: skip
        with pytest.raises(error):
            act()


def test_module_list():
    a, b, c = layers(3)
    held = nn.ModuleList([a, b])
    assert list(held) == [a, b] and held[-1] is b and list(held[:1]) == [a] and isinstance(held[:1], nn.ModuleList)
    held.append(c).insert(0, nn.ReLU())
    assert isinstance(held[0], nn.ReLU) and held.pop(0) is not None and list(held) == [a, b, c]
    held[1] = a
    del held[0]
    held += [b]
    assert list(held) == [a, c, b] and list(held + [a]) == [a, c, b, a]
    assert "0" not in dir(held) and len(list(held.parameters())) == 6
    with pytest.raises(IndexError, match="index 5 is out of range"):
        held[5]
    with pytest.raises(TypeError, match=r"ModuleList\.extend should be called with an iterable, but got int"):
        held.extend(3)
    with pytest.raises(NotImplementedError):
        held(1)


def test_module_list_prints_repeats_once():
    blocks = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.Sequential(nn.ReLU())])
    assert repr(blocks) == (
        "ModuleList(\n"
        "  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)\n"
        "  (2): Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        ")"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_dict():
    a, b, c = layers(3)
    held = nn.ModuleDict({"a": a})
    held["b"] = b
    held.update([("c", c)])
    assert list(held) == ["a", "b", "c"] == list(held.keys()) and list(held.values()) == [a, b, c]
    assert held["a"] is a and "b" in held and len(held) == 3 and held.a is a
    assert held.pop("b") is b and dict(held.items()) == {"a": a, "c": c}
    held.update(nn.ModuleDict({"d": b}))
    del held["a"]
    assert list(held) == ["c", "d"]
    held.clear()
    assert len(held) == 0
    for given, error in [(3, TypeError), ([3], TypeError), ([(1, 2, 3)], ValueError)]:
        with pytest.raises(error):
            held.update(given)
    with pytest.raises(KeyError):
        held["absent"]


def test_parameter_list():
    held = nn.ParameterList([tritorch.ones(2), nn.Parameter(tritorch.zeros(1, 3))])
    assert len(held) == 2 and isinstance(held[0], nn.Parameter) and len(list(held.parameters())) == 2
    held.append("text")
    held.extend([tritorch.ones(1)])
    held[0] = tritorch.zeros(2)
    held += [tritorch.ones(1)]
    assert len(held) == 5 and held[2] == "text" and isinstance(held[:2], nn.ParameterList) and len(held[:2]) == 2
    assert list(held.state_dict()) == ["0", "1", "3", "4"] and [type(v) for v in held].count(str) == 1
    assert repr(nn.ParameterList([tritorch.ones(2), 3])) == (
        f"ParameterList(\n    (0): Parameter containing: [{tritorch.float32} of size 2]\n"
        "    (1): Object of type: int\n)"
    )
    for act, error in [
        (lambda: held[9], IndexError), (lambda: held(1), RuntimeError),
        (lambda: held.extend(tritorch.ones(1)), TypeError),
    ]:  # fmt: skip
        with pytest.raises(error):
            act()


def test_parameter_dict():
    held = nn.ParameterDict({"b": tritorch.ones(2), "a": tritorch.zeros(1)})
    assert list(held) == ["a", "b"] and isinstance(held["a"], nn.Parameter) and held.a is held["a"]
    held["c"] = 3
    assert held["c"] == 3 and len(held) == 3 and "c" in held and len(list(held.parameters())) == 2
    assert list(reversed(held)) == ["c", "b", "a"] and held.pop("c") == 3
    assert held.setdefault("d", tritorch.ones(1)).item() == 1 and held.get("x", 5) == 5 and held.get("d") is held["d"]
    assert held.popitem()[0] == "d" and dict(held.items()).keys() == {"a", "b"} and len(list(held.values())) == 2
    copied = held.copy()
    assert copied["a"] is held["a"] and copied is not held
    other = nn.ParameterDict([("a", tritorch.ones(3)), ("z", tritorch.ones(1))])
    assert list(held | other) == ["a", "b", "z"] and (held | other)["a"].shape == (3,)
    held |= other
    assert list(held.keys()) == ["a", "b", "z"]
    assert list(held.fromkeys(["p", "q"], 1)) == ["p", "q"]
    del held["z"]
    held.clear()
    assert len(held) == 0 and not held._parameters
    for act, error in [
        (lambda: held(1), RuntimeError), (lambda: held[1], TypeError), (lambda: held.update(1), TypeError),
        (lambda: held.popitem(), KeyError), (lambda: held.update([1]), TypeError),
        (lambda: held.update([()]), ValueError),
    ]:  # fmt: skip
        with pytest.raises(error):
            act()
