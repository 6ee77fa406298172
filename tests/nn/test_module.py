"""The contract of Module: members, walks, modes, conversion, printing, copies."""

import copy
import pickle

import pytest

import tritorch
from tritorch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Linear(3, 2)
        self.block = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.scale = nn.Parameter(tritorch.ones(2))
        self.register_buffer("steps", tritorch.zeros(1))
        self.register_buffer("scratch", tritorch.zeros(1), persistent=False)

    def forward(self, x):
        return self.block(self.conv(x)) * self.scale


def names(pairs):
    return [name for name, _ in pairs]


def test_walks_in_order_of_registration():
    net = Net()
    assert names(net.named_parameters()) == [
        "scale", "conv.weight", "conv.bias", "block.0.weight", "block.0.bias"
    ]  # fmt: skip
    assert names(net.named_parameters(prefix="n", recurse=False)) == ["n.scale"]
    assert names(net.named_buffers()) == ["steps", "scratch"]
    assert names(net.named_children()) == ["conv", "block"]
    assert names(net.named_modules()) == ["", "conv", "block", "block.0", "block.1"]
    assert names(net.named_modules(prefix="n"))[:2] == ["n", "n.conv"]
    assert list(net.children()) == [net.conv, net.block]
    assert next(net.modules()) is net
    assert len(list(net.parameters())) == 5 and len(list(net.buffers())) == 2


def test_what_is_shared_is_met_once():
    layer = nn.Linear(2, 2)
    net = nn.ModuleList([layer, layer])
    assert len(list(net.parameters())) == 2
    assert names(net.named_parameters(remove_duplicate=False)) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert len(list(net.modules())) == 2 and len(list(net.modules(remove_duplicate=False))) == 3
    assert names(net.named_children()) == ["0"]
    seen = {layer}
    assert names(net.named_modules(memo=seen)) == [""]


def test_members_are_found_replaced_and_deleted():
    net = Net()
    assert net.scale is net._parameters["scale"] and net.steps is net._buffers["steps"]
    net.scale = None
    assert net.scale is None and "scale" in net._parameters and "scale" not in names(net.named_parameters())
    net.steps = tritorch.ones(1)
    assert net._buffers["steps"].item() == 1 and "steps" not in net.__dict__
    net.scratch = tritorch.ones(1)
    assert "scratch" in net._non_persistent_buffers_set
    del net.scratch, net.conv, net.scale
    assert not hasattr(net, "conv") and not net._non_persistent_buffers_set
    net.conv = 3
    assert net.__dict__["conv"] == 3
    net.conv = nn.Identity()
    assert "conv" not in net.__dict__ and "conv" in net._modules
    net.conv = nn.Parameter(tritorch.ones(1))
    assert "conv" not in net._modules and "conv" in net._parameters
    assert {"block", "conv", "steps", "training", "forward"} <= set(dir(net))
    assert "0" not in dir(net.block)


def test_buffer_objects_register_themselves():
    module = nn.Module()
    module.kept = nn.Buffer(tritorch.ones(2))
    module.lost = nn.Buffer(tritorch.ones(2), persistent=False)
    assert names(module.named_buffers()) == ["kept", "lost"] and list(module.state_dict()) == ["kept"]
    assert isinstance(module.kept, nn.Buffer) and not isinstance(tritorch.ones(1), nn.Buffer)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda m: m.register_buffer("a.b", None), KeyError, "buffer name can.*t contain"),
        (lambda m: m.register_buffer("", None), KeyError, "buffer name can.*t be empty string"),
        (lambda m: m.register_buffer(1, None), TypeError, "buffer name should be a string. Got int"),
        (lambda m: m.register_buffer("conv", None), KeyError, "attribute 'conv' already exists"),
        (lambda m: m.register_buffer("x", 1), TypeError, "cannot assign 'int' object to buffer 'x'"),
        (lambda m: m.register_parameter("a.b", None), KeyError, "parameter name can.*t contain"),
        (lambda m: m.register_parameter("", None), KeyError, "parameter name can.*t be empty"),
        (lambda m: m.register_parameter(1, None), TypeError, "parameter name should be a string"),
        (lambda m: m.register_parameter("conv", None), KeyError, "already exists"),
        (lambda m: m.register_parameter("x", tritorch.ones(1)), TypeError, "nn.Parameter or None required"),
        (lambda m: m.register_parameter("x", _not_a_leaf()), ValueError, "Cannot assign non-leaf Tensor"),
        (lambda m: m.add_module("x", 1), TypeError, "int is not a Module subclass"),
        (lambda m: m.add_module("a.b", None), KeyError, 'module name can.*t contain ".", got: a.b'),
        (lambda m: m.add_module("", None), KeyError, "module name can.*t be empty"),
        (lambda m: m.add_module("training", None), KeyError, "attribute 'training' already exists"),
        (lambda m: setattr(m, "scale", tritorch.ones(1)), TypeError, "as parameter 'scale'"),
        (lambda m: setattr(m, "conv", 1), TypeError, "cannot assign 'int' as child module 'conv'"),
        (lambda m: setattr(m, "steps", 1), TypeError, "cannot assign 'int' as buffer 'steps'"),
        (lambda m: m.absent, AttributeError, "'Net' object has no attribute 'absent'"),
        (lambda m: m.train("yes"), ValueError, "training mode is expected to be boolean"),
        (lambda m: m.get_submodule("block.7"), AttributeError, "Sequential has no attribute `7`"),
        (lambda m: m.get_submodule("steps"), AttributeError, "`steps` is not an nn.Module"),
        (lambda m: m.get_parameter("steps"), AttributeError, "`steps` is not an nn.Parameter"),
        (lambda m: m.get_buffer("scale"), AttributeError, "`scale` is not a buffer"),
        (lambda m: m.set_submodule("", nn.ReLU()), ValueError, "without a target name"),
        (lambda m: m.set_submodule("conv", 1), ValueError, "is not an nn.Module"),
        (lambda m: m.set_submodule("absent", nn.ReLU(), strict=True), AttributeError, "no attribute `absent`"),
        (lambda m: m.get_extra_state(), RuntimeError, "extra state"),
        (lambda m: nn.Module()(1), NotImplementedError, 'missing the required "forward" function'),
        (lambda m: nn.Module(1), TypeError, "takes 1 positional argument but 2 were given"),
        (lambda m: nn.Module(a=1), TypeError, "unexpected keyword argument 'a'"),
    ],
)
def test_errors(act, error, text):
    with pytest.raises(error, match=text):
        act(Net())


def _not_a_leaf():
    parameter = nn.Parameter(tritorch.ones(1), requires_grad=False)
    return parameter.mul_(tritorch.ones(1, requires_grad=True))


def test_members_need_init():
    class Late(nn.Module):
        def __init__(self, value):
            self.member = value

    for value, what in ((nn.Parameter(tritorch.ones(1)), "parameters"), (nn.ReLU(), "module")):
        with pytest.raises(AttributeError, match=f"cannot assign {what} before Module.__init__"):
            Late(value)
    with pytest.raises(AttributeError, match="cannot assign buffer before"):
        Late(nn.Buffer(tritorch.ones(1)))


def test_paths():
    net = Net()
    assert net.get_submodule("") is net and net.get_submodule("block.0") is net.block[0]
    assert net.get_parameter("block.0.weight") is net.block[0].weight
    assert net.get_buffer("steps") is net.steps
    net.set_submodule("block.1", nn.Tanh())
    assert isinstance(net.block[1], nn.Tanh)


def test_modes_and_gradients():
    net = Net()
    assert net.training and net.eval() is net and not net.block[0].training
    assert net.train().block[1].training
    net(tritorch.ones(4, 3)).sum().backward()
    assert net.scale.grad is not None
    net.zero_grad(set_to_none=False)
    assert net.scale.grad.abs().sum().item() == 0
    net.zero_grad()
    assert net.scale.grad is None
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())
    visited = []
    net.apply(visited.append)
    assert visited[-1] is net and visited[0] is net.conv and len(visited) == 5


def test_conversion_keeps_the_parameters():
    net = Net()
    before = list(net.parameters())
    net(tritorch.ones(1, 3)).sum().backward()
    assert net.double() is net
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
    assert net.scale.dtype is tritorch.float64 and net.scale.grad.dtype is tritorch.float64
    assert net.steps.dtype is tritorch.float64
    net.register_buffer("count", tritorch.tensor(3))
    assert net.half().count.dtype is tritorch.int64 and net.bfloat16().scale.dtype is tritorch.bfloat16
    assert net.float().scale.dtype is tritorch.float32
    assert net.to(tritorch.float64).scale.dtype is tritorch.float64
    assert net.to("cpu", tritorch.float32).scale.dtype is tritorch.float32
    assert net.to(device="cpu", dtype=tritorch.float64).scale.dtype is tritorch.float64
    assert net.to(tritorch.ones(1)).scale.dtype is tritorch.float32 and net.cpu() is net
    assert net.to_empty(device="cpu").scale.shape == (2,)
    with pytest.raises(TypeError, match="only accepts floating point or complex dtypes, but got desired dtype"):
        net.to(tritorch.int64)
    with pytest.raises(TypeError, match="invalid combination of arguments"):
        net.to(1, 2, 3, 4, 5)


def test_printing():
    class Bare(nn.Module):
        def extra_repr(self):
            return "one\ntwo"

    assert repr(nn.Module()) == "Module()"
    assert repr(Bare()) == "Bare(\n  one\n  two\n)"
    assert repr(Net()) == (
        "Net(\n"
        "  (conv): Linear(in_features=3, out_features=2, bias=True)\n"
        "  (block): Sequential(\n"
        "    (0): Linear(in_features=2, out_features=2, bias=True)\n"
        "    (1): ReLU()\n"
        "  )\n"
        ")"
    )


def test_copies_are_apart():
    net = Net()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(other) == repr(net) and list(other.state_dict()) == list(net.state_dict())
        assert isinstance(other.scale, nn.Parameter) and other.scale is not net.scale
        with tritorch.no_grad():
            other.scale.fill_(7)
        assert net.scale[0].item() == 1
        other(tritorch.ones(1, 3)).sum().backward()
        assert net.scale.grad is None


def test_tied_weights_stay_tied():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.double()):
        assert other[0].weight is other[1].weight


def test_parameters():
    data = tritorch.ones(2)
    parameter = nn.Parameter(data)
    assert parameter.requires_grad and parameter.is_leaf and isinstance(parameter, tritorch.Tensor)
    data[0] = 5
    assert parameter[0].item() == 5
    assert repr(parameter) == "Parameter containing:\ntensor([5., 1.], requires_grad=True)"
    assert not nn.Parameter(data, requires_grad=False).requires_grad and nn.Parameter().shape == (0,)
    assert type(parameter + 1) is tritorch.Tensor
    parameter.tag = "kept"
    assert pickle.loads(pickle.dumps(parameter)).tag == "kept"

    class Marked(tritorch.Tensor):
        pass

    marked = nn.Parameter(tritorch.ones(1).as_subclass(Marked))
    assert type(marked) is Marked and isinstance(marked, nn.Parameter) and marked.requires_grad
    module = nn.Module()
    module.marked = marked
    assert list(module.parameters()) == [marked]
    with pytest.raises(TypeError, match="expected data to be a Tensor, got list"):
        nn.Parameter([1.0])


def test_a_call_hands_everything_on():
    class Echo(nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    assert Echo()(1, 2, x=3) == ((1, 2), {"x": 3})


def test_subclasses_may_have_their_own_attribute_lookup():
    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.module, name)

    net = Wrapper(Net())
    assert net.scale is net.module.scale and net.conv is net.module.conv
    with pytest.raises(AttributeError):
        net.absent


def test_lookup_and_call_may_be_replaced(monkeypatch):
    """Classes find members and call `forward` in C; what is put in Python's place of that still counts."""
    seen = []

    def traced(self, *args, call=nn.Module.__call__):
        seen.append(type(self).__name__)
        return call(self, *args)

    class Before(nn.Module):
        def forward(self, x):
            return self.scale

    monkeypatch.setattr(nn.Module, "__call__", traced)

    class After(Before):
        pass

    for kind in (Before, After):
        module = kind()
        module.scale = nn.Parameter(tritorch.ones(1))
        assert module(1) is module.scale
    assert seen == ["Before", "After"]
    monkeypatch.undo()
    assert module(1) is module.scale and len(seen) == 2
    Before.__getattr__ = lambda self, name: name
    assert module.scale == "scale" and After()(1) == "scale"
    del Before.__getattr__
    assert module.scale is module._parameters["scale"]


def test_a_property_that_fails_is_a_missing_attribute():
    class Faulty(nn.Module):
        @property
        def broken(self):
            return self.absent

    with pytest.raises(AttributeError, match="'Faulty' object has no attribute 'broken'"):
        Faulty().broken
    with pytest.raises(AttributeError, match="no attribute 'weight'"):
        nn.Linear.__new__(nn.Linear).weight
