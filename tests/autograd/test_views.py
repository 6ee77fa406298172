"""Views and in-place writes, by programs drawn at random.

Each program is run twice: by the library, and by a model that knows no graph: storages of NumPy values with a version
each, and for each autograd base the forward-mode Jacobian of its elements by the input. The model also says which
steps have to be refused, and when a tensor was written after it was saved. Row 20 of the reliability goals: torch's
value or torch's error, and nothing silently wrong.
"""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

import tritorch

ELEMENTS = 6  # of the input: the columns of every Jacobian


@dataclass(eq=False)
class Storage:
    values: np.ndarray
    version: int = 0


@dataclass(eq=False)
class Base:
    """A tensor that is no view: its history is shared by its views, its storage also by detached tensors."""

    storage: Storage
    jacobian: np.ndarray
    requires_grad: bool


@dataclass(eq=False)
class Var:
    """A tensor of the program, beside what the model knows of it."""

    tensor: object
    base: Base
    index: np.ndarray  # where its elements lie in the storage, in the tensor's shape
    is_view: bool = False
    is_multi: bool = False  # one of the outputs of a function that returns several views
    seen: int = 0  # the storage's version when its history was last right

    @property
    def values(self):
        return self.base.storage.values[self.index]

    @property
    def jacobian(self):
        return self.base.jacobian[self.index]

    def is_stale(self):
        """Its history cannot be made anew, for it came with others from one function."""
        return self.is_multi and self.base.requires_grad and self.base.storage.version != self.seen


@dataclass(eq=False)
class Program:
    torch: object
    rng: random.Random
    vars: list = field(default_factory=list)
    saved: list = field(default_factory=list)
    refused: int = 0

    def run(self):
        """Returns "value", "refused" or "stale": how backward ended."""
        torch, rng = self.torch, self.rng
        values = np.array([rng.uniform(0.5, 1.5) for _ in range(ELEMENTS)])
        self.x = torch.tensor(values.tolist(), dtype=torch.float64, requires_grad=True)
        self.add_fresh(self.x * 1, values, np.eye(ELEMENTS), True)
        self.add_fresh(torch.ones(ELEMENTS, dtype=torch.float64), np.ones(ELEMENTS), None, False)
        steps = [self.view, self.view, self.read, self.write, self.write, self.write, self.detach, self.several]
        for _ in range(rng.randint(3, 12)):
            rng.choice(steps)()
        return self.backward()

    # ---- what a program may do

    def add_fresh(self, tensor, values, jacobian, requires_grad):
        values = np.asarray(values, np.float64)
        flat = np.zeros((values.size, ELEMENTS)) if jacobian is None else jacobian.reshape(values.size, ELEMENTS).copy()
        base = Base(Storage(values.reshape(-1).copy()), flat, requires_grad)
        var = Var(tensor, base, np.arange(values.size).reshape(values.shape))
        self.vars.append(var)
        return var

    def pick(self):
        return self.rng.choice(self.vars)

    def attempt(self, must_fail, action, may_fail=""):
        """Runs a step; returns its result, or None where it was refused as the model says it has to be, or can be."""
        try:
            result = action()
        except RuntimeError as error:
            assert must_fail or (may_fail and may_fail in str(error)), f"refused a legal step: {error}"
            self.refused += 1
            return None
        assert not must_fail, "took a step that has to be refused"
        return result

    def view(self):
        var, rng = self.pick(), self.rng
        dims = var.index.ndim
        kinds = [lambda a: a[...], lambda a: a.reshape(-1), lambda a: a.view(a.shape) if hasattr(a, "grad_fn") else a]
        if dims:
            kinds += [lambda a: a[0, ...], lambda a: a[-1:], lambda a: a[::2], lambda a: a[1:]]
        if dims == 1 and var.index.size % 2 == 0:
            kinds += [lambda a: a.reshape(2, -1)] * 3
        if dims == 2:
            kinds += [lambda a: a.T] * 2 + [lambda a: a[:, 0], lambda a: a[:, 1:], lambda a: a.diagonal()]
        kind = rng.choice(kinds)
        index = kind(var.index)
        if index.size == 0:
            return
        tensor = self.attempt(var.is_stale(), lambda: kind(var.tensor))
        if tensor is None:
            self.vars.remove(var)
        elif not np.shares_memory(index, var.index):  # reshape had to copy: a new tensor
            self.add_fresh(tensor, var.base.storage.values[index], var.base.jacobian[index], var.base.requires_grad)
        else:
            made = Var(tensor, var.base, index, True, False, var.base.storage.version)
            made.is_multi = var.is_multi
            self.vars.append(made)

    def several(self):
        var = self.pick()
        if not var.index.ndim or len(var.index) < 2:
            return
        cut = self.rng.choice(["unbind", "split", "chunk"])
        act = {"unbind": lambda t: t.unbind(), "split": lambda t: t.split(1), "chunk": lambda t: t.chunk(2)}[cut]
        parts = self.attempt(var.is_stale(), lambda: act(var.tensor))
        if parts is None:
            self.vars.remove(var)
            return
        size = {"unbind": 1, "split": 1, "chunk": -(-len(var.index) // 2)}[cut]
        indices = [var.index[i : i + size] for i in range(0, len(var.index), size)]
        if cut == "unbind":
            indices = [index[0, ...] for index in indices]
        which = self.rng.randrange(len(parts))
        self.vars.append(Var(parts[which], var.base, np.asarray(indices[which]), True, True, var.base.storage.version))

    def detach(self):
        var = self.pick()
        if self.rng.random() < 0.5:
            return
        base = Base(var.base.storage, np.zeros_like(var.base.jacobian), False)
        self.vars.append(Var(var.tensor.detach(), base, var.index))

    def read(self):
        var, rng = self.pick(), self.rng
        fresh = self.torch.tensor
        if rng.random() < 0.3:
            partner = [v for v in self.vars if v.index.shape == var.index.shape]
            other = rng.choice(partner)
            failing = var.is_stale() or other.is_stale()
            made = self.attempt(failing, lambda: var.tensor * other.tensor)
            if made is None:
                self.vars = [v for v in self.vars if not v.is_stale()]
                return
            grad = var.base.requires_grad or other.base.requires_grad
            for this, that in ((var, other), (other, var)):
                if that.base.requires_grad:
                    self.save(this.base.storage)
            self.add_fresh(
                made,
                var.values * other.values,
                var.jacobian * other.values[..., None] + other.jacobian * var.values[..., None],
                grad,
            )
            return
        name, value, slope, saves_result = rng.choice(
            [
                ("sin", np.sin, np.cos, False),
                ("tanh", np.tanh, lambda v: 1 - np.tanh(v) ** 2, True),
                ("neg", np.negative, lambda v: -np.ones_like(v), None),
            ]
        )
        made = self.attempt(var.is_stale(), lambda: getattr(var.tensor, name)())
        if made is None:
            self.vars.remove(var)
            return
        assert isinstance(made, type(fresh([1.0])))
        result = self.add_fresh(
            made, value(var.values), var.jacobian * slope(var.values)[..., None], var.base.requires_grad
        )
        if var.base.requires_grad and saves_result is not None:
            self.save((result if saves_result else var).base.storage)

    def save(self, storage):
        self.saved.append((storage, storage.version))

    def write(self):
        var, rng, torch = self.pick(), self.rng, self.torch
        other, operand, values, jacobian = None, 1.5, np.float64(1.5), 0.0
        if rng.random() < 0.5:
            other = rng.choice([v for v in self.vars if v.index.shape == var.index.shape])
            if (
                other is not var
                and other.base.storage is var.base.storage
                and np.intersect1d(other.index, var.index).size
            ):
                return  # reading what is being written: nobody's business
            operand, values, jacobian = other.tensor, other.values.copy(), other.jacobian.copy()
        recording = rng.random() < 0.8
        operand_grad = other is not None and other.base.requires_grad
        grad = recording and (var.base.requires_grad or operand_grad)
        kind = rng.choice(["mul_", "add_", "copy_" if other is not None else "fill_"])
        if other is var and kind == "copy_":
            return
        before, before_jacobian = var.values.copy(), var.jacobian.copy()
        must_fail = grad and (var.is_multi or (other is not None and other.is_stale()))

        def action():
            with torch.set_grad_enabled(recording):
                return getattr(var.tensor, kind)(operand)

        # torch takes a view for a leaf if its constant base began to require grad and nobody asked it for its grad_fn
        may_fail = "a leaf Variable that requires grad" if var.is_view and var.base.requires_grad else ""
        if self.attempt(must_fail, action, may_fail) is None:
            self.vars = [v for v in self.vars if v is not var and not v.is_stale()]
            return
        if kind == "mul_" and grad:
            if var.base.requires_grad and other is not None:
                self.saved.append((other.base.storage, other.base.storage.version))
        storage = var.base.storage
        if kind == "mul_":
            new = before * values
            slope = before_jacobian * np.asarray(values)[..., None] + jacobian * before[..., None]
        elif kind == "add_":
            new, slope = before + values, before_jacobian + jacobian
        else:
            new, slope = np.broadcast_to(values, before.shape), np.broadcast_to(jacobian, before_jacobian.shape)
        storage.values[var.index] = new
        storage.version += 1
        if kind == "mul_" and grad and other is var:
            self.saved.append((storage, storage.version - 1))  # its own operand, written
        if recording:
            var.base.jacobian[var.index] = slope
            var.base.requires_grad = var.base.requires_grad or grad
        if grad:
            var.seen = storage.version

    # ---- and its end

    def backward(self):
        torch = self.torch
        loss, expected = None, np.zeros(ELEMENTS)
        for number, var in enumerate(self.vars):
            if var.is_stale():
                continue
            assert np.allclose(var.tensor.detach().numpy(), var.values, rtol=1e-10, atol=1e-10)
            assert var.tensor.requires_grad == var.base.requires_grad
            if var.base.requires_grad:
                weight = 1.0 + number / 7
                term = (var.tensor * weight).sum()
                loss = term if loss is None else loss + term
                expected += weight * var.jacobian.reshape(-1, ELEMENTS).sum(0)
        if loss is None:
            return "value"
        written = any(storage.version != version for storage, version in self.saved)
        try:
            (grad,) = torch.autograd.grad(loss, self.x, allow_unused=True)
        except RuntimeError as error:
            assert "modified by an inplace operation" in str(error) or "has been modified inplace" in str(error), error
            assert written, "reports a write that did not happen"
            return "stale"
        got = np.zeros(ELEMENTS) if grad is None else grad.numpy()
        assert np.allclose(got, expected, rtol=1e-8, atol=1e-8), f"{got} instead of {expected}"
        return "value"


def test_random_programs(figure):
    count = 2000
    ends = {"value": 0, "stale": 0}
    refused = 0
    for seed in range(count):
        program = Program(tritorch, random.Random(seed))
        try:
            ends[program.run()] += 1
        except Exception as error:
            error.add_note(f"program {seed}")
            raise
        refused += program.refused
    figure("programs of views and writes, right", ends["value"])
    figure("programs of views and writes, saved tensor reported as written", ends["stale"])
    figure("programs of views and writes, steps refused", refused)
    assert min(ends.values()) > count // 20 and refused > count // 20


@pytest.fixture
def x():
    return tritorch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


class TestRefusals:
    @pytest.mark.parametrize("views", [lambda t: t.unbind(), lambda t: t.split(1), lambda t: t.chunk(2)])
    def test_one_of_several_views(self, x, views):
        part = views(x * 1)[0]
        with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
            part.mul_(2)

    def test_view_made_without_grad(self, x):
        w = x * 1
        with tritorch.no_grad():
            view = w[0]
        with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
            view.mul_(2)
        with tritorch.no_grad():
            view.mul_(2)
        assert w[0].tolist() == [2.0, 4.0]

    def test_leaf_and_view_of_a_leaf(self, x):
        with pytest.raises(
            RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"
        ):
            x.mul_(2)
        with pytest.raises(
            RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place"
        ):
            x[0].mul_(2)
        with tritorch.no_grad():
            x[0].mul_(2)
        assert x.tolist() == [[2.0, 4.0], [3.0, 4.0]]

    def test_expanded(self):
        with pytest.raises(
            RuntimeError, match="more than one element of the written-to tensor refers to a single memory"
        ):
            tritorch.ones(1).expand(3).add_(1)


class TestHistories:
    def test_base_follows_its_view(self, x):
        w = x * 1
        view = w[0]
        view.mul_(3)
        assert w.grad_fn.name() == "CopySlices"
        assert tritorch.autograd.grad(w.sum(), x)[0].tolist() == [[3.0, 3.0], [1.0, 1.0]]

    def test_view_follows_its_base(self, x):
        w = x * 1
        view = w[0]
        w.mul_(3)
        assert tritorch.autograd.grad(view.sum(), x)[0].tolist() == [[3.0, 3.0], [0.0, 0.0]]

    def test_constant_base_begins_to_require_grad(self, x):
        base = tritorch.zeros(2, 2)
        view = base[1]
        view.copy_(x[0])
        assert base.requires_grad
        assert tritorch.autograd.grad((base * base).sum(), x)[0].tolist() == [[2.0, 4.0], [0.0, 0.0]]

    def test_assignment(self, x):
        w = x * 1
        w[0, 1] = 7.0
        w[:, 0] = x[:, 1] * 2
        assert tritorch.autograd.grad(w.sum(), x)[0].tolist() == [[0.0, 2.0], [0.0, 3.0]]

    def test_detached_tensors_share_the_version(self, x):
        w = x * 1
        y = w * w
        w.detach().mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()

    def test_data_does_not(self, x):
        w = x * 1
        y = w * w
        w.data.mul_(2)
        assert w._version == 0
        assert tritorch.autograd.grad(y.sum(), x)[0].tolist() == [[4.0, 8.0], [12.0, 16.0]]
