"""The function that :func:`tritorch.fuse` makes of an eager one."""

import functools
import inspect
from typing import Any

import numpy as np

from .. import _C
from ..autograd import enable_grad, grad, is_grad_enabled
from ..autograd.function import Function
from ..runtime import generator
from ..runtime.array import DeviceArray, empty
from ..shape import contiguous_strides
from ..tensor import Tensor
from .blockwise import Blockwise
from .device import OnDevice
from .graph import Value, least_cut, order
from .plan import Program
from .trace import SymbolArray, Trace, Unfusable, symbol, value_of
from .triton_text import Text, formula_text

__all__ = ["Fused"]


class Fused:
    """An eager function whose operators run as one: see :func:`tritorch.fuse`.

    Attributes:
        compiles: how many different programs its calls have asked for. New sizes alone ask for none.
        eager: the function as it was written.
    """

    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.eager = function
        self._made: dict = {}
        self._programs: set = set()
        self._last = None

    @property
    def compiles(self):
        return len(self._programs)

    def __call__(self, *args, **kwargs):
        tensors, key = [], []
        shape = _spread(args, tensors, key), _spread(kwargs, tensors, key)
        recording = is_grad_enabled()
        for x in tensors:
            array = x._array
            key.append((array.dtype, array.shape, array.strides, recording and x.requires_grad, array.__class__))
        key = (*key, recording)
        try:
            made = self._made[key]
        except KeyError:
            made = self._made[key] = self._make(shape, tensors, recording)
        except TypeError:  # an argument that has no hash is part of no signature
            made = Refused(Unfusable("an argument can't be hashed"))
        self._last = made
        if isinstance(made, Refused):
            return self.eager(*args, **kwargs)
        return made(tensors)

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def _make(self, shape, tensors, recording):
        try:
            made = Joint(self.eager, shape, tensors, recording, _names(self.eager, shape, len(tensors)))
        except Unfusable as error:
            return Refused(error)
        self._programs.add(made.structure())
        return made

    def explain(self):
        """What the last call ran, and why: the plan, its bytes, and what could not be fused, as text."""
        if self._last is None:
            return f"{self.__name__}: not called yet"
        return f"{self.__name__}: {self._last.explain()}"

    def source(self):
        """The Triton of the last call's kernels, and of the operators' formulas that they call, as text."""
        if self._last is None:
            return f"# {self.__name__}: not called yet"
        return self._last.source()


class Refused:
    """What runs eagerly, and why."""

    def __init__(self, error):
        self.error = error

    def source(self):
        return f"# {self.explain()}".replace("\n", "\n# ")

    def explain(self):
        where = f"\n  {self.error.line[0]}:{self.error.line[1]}: {self.error.line[2]}" if self.error.line else ""
        return f"runs eagerly: {self.error.reason}{where}"


class Slot:
    """The place of the n-th tensor in a structure of arguments or results."""

    def __init__(self, number):
        self.number = number


def _spread(x, tensors, key):
    """``x`` with slots in the place of tensors, which are added to ``tensors``; what else it is made of, to ``key``."""
    if isinstance(x, Tensor):
        tensors.append(x)
        key.append(Slot)
        return Slot(len(tensors) - 1)
    if isinstance(x, dict):
        key.append(tuple(x))
        return {name: _spread(value, tensors, key) for name, value in x.items()}
    if x.__class__ in (tuple, list):
        key.append((x.__class__, len(x)))
        return x.__class__([_spread(value, tensors, key) for value in x])
    key.append((x.__class__, x))
    return x


def _gathered(x, tensors):
    """What :func:`_spread` was given, with other tensors."""
    if isinstance(x, Slot):
        return tensors[x.number]
    if isinstance(x, dict):
        return {name: _gathered(value, tensors) for name, value in x.items()}
    if x.__class__ in (tuple, list):
        return x.__class__([_gathered(value, tensors) for value in x])
    return x


def _names(function, shape, count):
    """A name for each tensor argument: that of the parameter it is given for."""
    names = [f"input{i}" for i in range(count)]
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return names
    for name, x in [*zip(parameters, shape[0], strict=False), *shape[1].items()]:
        if isinstance(x, Slot):
            names[x.number] = name
    return names


class Joint:
    """A function traced for one signature: forward, and backward where an input wants a gradient."""

    def __init__(self, function, shape, tensors, recording, names):
        self.function, self.shape = function, shape
        self.needs = [recording and x.requires_grad for x in tensors]
        arrays = [x._array for x in tensors]
        self.on_device = any(x.__class__ is DeviceArray for x in arrays)
        if self.on_device and any(x.__class__ is not DeviceArray for x in arrays):
            raise Unfusable("its arguments are on several devices")
        runner = OnDevice if self.on_device else Blockwise
        self.trace = trace = Trace(arrays, names, self.needs)
        for made, x in zip(trace.symbols, tensors, strict=True):
            made.place = x.device
        with trace.running():
            self._run_on_symbols()
        self.random = trace.random
        self.windows = [v for v in trace.inputs if v.window is not None]
        self.backward = None
        forward_known = [*trace.inputs, *self.random]
        wanted = [r for r in trace.results if r is not None]
        self.saved = self._choose_saved() if wanted else []
        extra = [v for v in self.saved if v not in trace.outputs and v not in forward_known]
        self.extra = extra
        self.forward = Program(forward_known, [*trace.outputs, *extra], "forward")
        self.run_forward = runner(self.forward, [self._sample(v, arrays) for v in self.forward.known])
        if wanted:
            self.backward = Program([*self.saved, *trace.gradients], wanted, "backward")
            samples = [self._sample(v, arrays) for v in self.backward.known]
            self.run_backward = runner(self.backward, samples)

    def _sample(self, v, arrays):
        """An array of the strides that ``v`` will have."""
        if v in self.trace.arguments:
            return arrays[self.trace.arguments.index(v)]
        if v.window is not None:
            return self._window(v, arrays)
        return np.empty(v.shape, v.dtype)

    def _run_on_symbols(self):
        trace = self.trace
        leaves = []
        for made, needed in zip(trace.symbols, self.needs, strict=True):
            leaf = _C.wrap(made)
            leaf.requires_grad = needed
            leaves.append(leaf)
        args, kwargs = _gathered(self.shape[0], leaves), _gathered(self.shape[1], leaves)
        result = self.function(*args, **kwargs)
        outputs: list = []
        key: list = []
        self.result = _spread(result, outputs, key)
        for x in outputs:
            if x._array.__class__ is not SymbolArray:
                raise Unfusable("it returns a tensor that it did not compute from its arguments")
            value = value_of(x._array)
            if value.op is None:
                raise Unfusable("it returns an argument as it is")
            trace.outputs.append(value)
        self.differentiable = [x.requires_grad for x in outputs]
        if not outputs:
            raise Unfusable("it returns no tensor")
        trace.results = [None for _ in leaves]
        wanted = [i for i, x in enumerate(outputs) if x.requires_grad]
        if not wanted or not any(self.needs):
            return
        given = []
        for i in wanted:
            value = Value(
                None,
                (),
                trace.outputs[i].shape,
                trace.outputs[i].dtype,
                name=f"grad{i}" if len(outputs) > 1 else "grad",
            )
            trace.gradients.append(value)
            given.append(_C.wrap(symbol(value, outputs[i].device)))
        asked = [i for i, needed in enumerate(self.needs) if needed]
        trace.backward = True
        found = grad([outputs[i] for i in wanted], [leaves[i] for i in asked], given, allow_unused=True)
        for i, x in zip(asked, found, strict=True):
            if x is not None:
                trace.results[i] = value_of(x._array)

    def _choose_saved(self):
        """What forward keeps for backward: Note [Save or recompute]."""
        trace = self.trace
        ends = [r for r in trace.results if r is not None]
        gradients = set(trace.gradients)
        forward = set(order([*trace.outputs], ())) | set(trace.inputs)
        values = order(ends, forward)
        needed = [v for v in values if v in forward]
        origins = {*trace.inputs, *self.random}
        given = {*trace.inputs, *trace.outputs, *self.random}
        return least_cut(needed, lambda v: v.nbytes * (1 if v in given else 2) + 1, origins - gradients)

    def structure(self):
        """What makes two programs one kernel: operators, dtypes, ranks and broadcasting; not sizes."""
        return "; ".join(_structure(p) for p in (self.forward, self.backward) if p is not None)

    def _window(self, v, arrays):
        source, offset, strides = v.window
        base = arrays[self.trace.arguments.index(source)]
        return _C.window(base, v.shape, strides, offset)

    def _known_arrays(self, arrays):
        found = dict(zip(self.trace.arguments, arrays, strict=True))
        for v in self.windows:
            found[v] = self._window(v, arrays)
        for v in self.random:
            make, new = (v.op.device_loop(), empty) if self.on_device else (v.op.cpu, np.empty)
            found[v] = make(*[new(x.shape, x.dtype) if isinstance(x, Value) else x for x in v.args])
        return found

    def __call__(self, tensors):
        if self.backward is None:
            found = self._known_arrays([x._array for x in tensors])
            outs = self.run_forward.run([found[v] for v in self.forward.known])
            return _gathered(self.result, [_C.wrap(x) for x in outs[: len(self.trace.outputs)]])
        outs = Step.apply(self, *tensors)
        return _gathered(self.result, outs)

    def explain(self):
        lines = [f"fused, {len(self.trace.outputs)} out of {len(self.trace.arguments)} in"]
        for program in (self.forward, self.backward):
            if program is None:
                continue
            read, written = program.nbytes()
            lines.append(f"  {program.title}: one pass, {read:,} bytes read, {written:,} written")
            for v in program.body:
                at = f"  # {v.line[2]}" if v.line else ""
                lines.append(
                    f"    {v.title}({', '.join(_text(x) for x in v.args)}) -> {list(v.shape)} {v.dtype.name}{at}"
                )
        if self.backward is not None:
            lines.append(
                "  backward reads " + ", ".join(f"{v.title} ({v.nbytes:,} bytes, {self._why(v)})" for v in self.saved)
            )
        return "\n".join(lines)

    def source(self):
        """The text of the kernels, with the formulas that they call."""
        kernels, formulas = [], {}
        for program, runner in ((self.forward, self.run_forward), (self.backward, getattr(self, "run_backward", None))):
            if program is None:
                continue
            text = runner.text if isinstance(runner, OnDevice) else self._text(program)
            kernels.append("@triton.jit\n" + text.source)
            formulas.update(text.scope)
        parts = [f"@triton.jit\n{formula_text(name, kernel)}" for name, kernel in formulas.items()]
        return "\n\n".join([*parts, *kernels])

    def _text(self, program):
        """What would run on a GPU, for arrays without gaps."""
        error = None
        for layout in program.layouts():
            try:
                return Text(program, layout, {v: contiguous_strides(v.shape) for v in program.known})
            except Unfusable as why:
                error = error or why
        raise error or Unfusable("nothing is computed")

    def _why(self, v):
        if v in self.trace.inputs:
            return "an input: nothing is kept"
        return "an output" if v in self.trace.outputs else "kept: fewer bytes than what it is made of"


def _text(x):
    return x.title if isinstance(x, Value) else repr(getattr(x, "array", x))


def _structure(program):
    """The text of a program without sizes."""
    numbers = {v: i for i, v in enumerate([*program.known, *program.body])}

    def one(v):
        args = [
            f"%{numbers[x]}" if isinstance(x, Value) else "#" if isinstance(x, (int, float)) else "." for x in v.args
        ]
        broadcast = "".join("1" if n == 1 else "n" for n in v.shape)
        return f"%{numbers[v]} = {v.title if v.op else 'given'}({', '.join(args)}): {v.dtype.name}[{broadcast}]"

    lines = [
        one(v)
        if v in program.body
        else f"%{numbers[v]}: {v.dtype.name}[{''.join('1' if n == 1 else 'n' for n in v.shape)}]"
        for v in numbers
    ]
    return f"{program.title} {'; '.join(lines)} -> {[numbers[v] for v in program.wanted]}"


class Step(Function):
    """A fused call in the graph."""

    @staticmethod
    def forward(ctx, joint, *tensors):
        ctx.joint, ctx.state = joint, generator.snapshot() if joint.random else None
        found = joint._known_arrays([x._array for x in tensors])
        outs = joint.run_forward.run([found[v] for v in joint.forward.known])
        found.update(zip([*joint.trace.outputs, *joint.extra], outs, strict=True))
        made = [_C.wrap(x) for x in outs[: len(joint.trace.outputs)]]
        kept = []
        for v in joint.saved:
            if v in joint.trace.arguments:
                kept.append(None)
            elif v in joint.trace.outputs:
                kept.append(made[joint.trace.outputs.index(v)])
            else:
                kept.append(_C.wrap(found[v]))
        ctx.save_for_backward(*tensors, *kept)
        ctx.set_materialize_grads(True)
        ctx.mark_non_differentiable(*[x for x, d in zip(made, joint.differentiable, strict=True) if not d])
        return tuple(made)

    @staticmethod
    def backward(ctx, *grads):
        joint, saved = ctx.joint, ctx.saved_tensors
        count = len(joint.trace.arguments)
        tensors, kept = saved[:count], saved[count:]
        given = [g for g, d in zip(grads, joint.differentiable, strict=True) if d]
        if is_grad_enabled():
            return None, *_eager_gradients(joint, ctx.state, tensors, given)
        arrays = [x._array for x in tensors]
        found = dict(zip(joint.trace.arguments, arrays, strict=True))
        for v, x in zip(joint.saved, kept, strict=True):
            if v.window is not None:
                found[v] = joint._window(v, arrays)
            elif x is not None:
                found[v] = x._array
        found.update(zip(joint.trace.gradients, [g._array for g in given], strict=True))
        outs = iter(joint.run_backward.run([found[v] for v in joint.backward.known]))
        return None, *[None if r is None else _C.wrap(next(outs)) for r in joint.trace.results]


def _eager_gradients(joint, state, tensors, given):
    """The gradients with a graph of their own: those of the function as it was written."""
    before = generator.snapshot()
    if state is not None:
        generator.restore(state)
    try:
        with enable_grad():
            args: Any = _gathered(joint.shape[0], tensors)
            kwargs: Any = _gathered(joint.shape[1], tensors)
            outputs: list = []
            _spread(joint.function(*args, **kwargs), outputs, [])
    finally:
        generator.restore(before)
    wanted = [x for x, d in zip(outputs, joint.differentiable, strict=True) if d]
    asked = [i for i, x in enumerate(tensors) if joint.needs[i]]
    found = grad(wanted, [tensors[i] for i in asked], given, create_graph=True, allow_unused=True)
    by_place = dict(zip(asked, found, strict=True))
    return [by_place.get(i) for i in range(len(tensors))]
