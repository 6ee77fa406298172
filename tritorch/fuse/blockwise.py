"""A program on the CPU: block after block of its rows, each in the cache from the first operator to the last.

Note [Steps]: an operator that is a ufunc of its operands' dtype writes into scratch memory of its thread, or straight
into the result; any other runs its own loop on the block. Scratch is used again as soon as no later step reads it.
"""

import math
import threading

import numpy as np

from .. import _C
from ..ops._kinds import Elementwise
from ..ops._op import FLOAT32, is_half
from ..runtime import blocks
from .graph import Const, Value
from .plan import COMBINES, FULL, LATE, SHARED
from .trace import like

__all__ = ["Blockwise", "viewed"]

BLOCK = 1 << 17  # bytes of one value's block: the values of a step fit the second-level cache together


class Blockwise:
    """Runs a program on host arrays: ``run(arrays of known) -> arrays of wanted``."""

    def __init__(self, program, arrays):
        self.program = program
        self.layout = self._choose(arrays)
        self.slots = {v: i for i, v in enumerate([*program.known, *program.body])}
        role = self.layout.role if self.layout else {}
        self.full = [v for v in program.body if role[v] == FULL]
        self.late = [v for v in program.body if role[v] == LATE]
        self.before = [_whole(v, self.slots) for v in program.body if role[v] == SHARED]
        self.after = [_whole(v, self.slots) for v in program.body if role[v] not in (FULL, LATE, SHARED)]
        direct = [v for v in program.wanted if role.get(v) == FULL and v in program.body]
        self.direct = list(dict.fromkeys(direct))
        if self.layout:
            self._plan_steps()

    def _choose(self, arrays):
        """The finest layout whose rows the arrays have as one dim without a copy."""
        for layout in self.program.layouts():
            if layout.lead == 1 or all(
                _merged(x, layout.lead) is not None
                for v, x in zip(self.program.known, arrays, strict=True)
                if layout.role[v] == FULL
            ):
                return layout
        return None

    def _plan_steps(self):
        lead = self.layout.lead
        self.tail = {v: v.shape[lead:] for v in [*self.program.known, *self.full]}
        uses: dict = {}
        owner = {}
        for place, v in enumerate([*self.full, *self.late]):
            owner[v] = owner.get(v.operands[0], v.operands[0]) if v.op == "view" else v
            for x in v.operands:
                uses[owner.get(x, x)] = place
        for v in self.direct:
            uses[owner[v]] = len(self.full) + len(self.late)
        free: dict = {}
        held: dict = {}
        self.scratch, self.steps, self.done = [], [], set()
        for place, v in enumerate(self.full):
            where = None
            gone = [
                x for x in dict.fromkeys([owner.get(x, x) for x in v.operands]) if uses.get(x) == place and x in held
            ]
            ufunc = _ufunc_of(v)
            if ufunc is not None:
                for x in gone:
                    free.setdefault((x.dtype, self.tail[x]), []).append(held.pop(x))
                if v in self.direct:
                    where = ("out", self.direct.index(v))
                else:
                    kind = (v.dtype, self.tail[v])
                    if free.get(kind):
                        number = free[kind].pop()
                    else:
                        number = len(self.scratch)
                        self.scratch.append(kind)
                    held[v] = number
                    where = ("scratch", number)
            if v.which is not None:  # all outputs at once
                self._several(v, lead)
                continue
            self.steps.append((self.slots[v], *_step(v, ufunc, self.slots, self.tail.get(v), lead, self.layout), where))
        for v in self.late:
            if v.which is not None:
                self._several(v, lead)
        self.copies = [
            (self.slots[v], i) for i, v in enumerate(self.direct) if _ufunc_of(v) is None or v not in self.full
        ]
        self.partials = [_partial(v, self.slots, lead) for v in self.late]
        widest = max(
            [
                math.prod(self.tail[v]) * v.dtype.itemsize
                for v in [*self.full, *self.program.known]
                if self.layout.role[v] == FULL
            ]
            or [1]
        )
        rows = math.prod(self.layout.rows)
        self.cuts = blocks.cuts(rows, max(1, widest), BLOCK)

    def _several(self, v, lead):
        """One step that gives all outputs of an operator of several."""
        if v in self.done:
            return
        self.done.update(v.siblings)
        loop, arguments = v.op.loop(), _arguments_of_block(v, self.slots, lead)
        places = [(i, self.slots[x]) for i, x in enumerate(v.siblings) if x in self.slots]

        def call(values, count):
            made = loop(*arguments(values))
            for i, place in places:
                values[place] = made[i]
            return made[v.which]

        self.steps.append((self.slots[v], call, (), None))

    def run(self, arrays):
        """Arrays of the wanted values."""
        return _C.run(self._run, arrays)

    def _run(self, arrays):
        values: list = [None] * len(self.slots)
        values[: len(arrays)] = arrays
        for place, call in self.before:
            values[place] = call(values)
        if self.layout is None:
            return [values[self.slots[v]] for v in self.program.wanted]
        lead, role, rows = self.layout.lead, self.layout.role, math.prod(self.layout.rows)
        whole = list(values)
        sliced = []
        for v in self.program.known:
            if role[v] == FULL:
                sliced.append(self.slots[v])
                x = values[self.slots[v]]
                merged = _merged(x, lead)
                values[self.slots[v]] = x.reshape(-1, *x.shape[lead:]) if merged is None else merged
        for v in [*self.program.known, *self.program.body]:
            if role[v] == SHARED and values[self.slots[v]].ndim > len(self.layout.domain) - lead + 1:
                x = values[self.slots[v]]
                values[self.slots[v]] = (
                    x.reshape(x.shape[lead - 1 :]) if x.shape[: lead - 1] == (1,) * (lead - 1) else x
                )
        outs = [np.empty(v.shape, v.dtype) for v in self.direct]
        flat = [x.reshape(rows, *x.shape[lead:]) for x in outs]
        parts = [[None] * len(self.cuts) for _ in self.late]
        most = self.cuts[0].stop
        mine = threading.local()

        def block(number):
            cut = self.cuts[number]
            count = cut.stop - cut.start
            try:
                scratch = mine.scratch
            except AttributeError:
                scratch = mine.scratch = [np.empty((most, *tail), kind) for kind, tail in self.scratch]
            v = values.copy()
            for place in sliced:
                v[place] = v[place][cut]
            for place, call, operands, where in self.steps:
                if where is None:
                    v[place] = call(v, count)
                    continue
                kind, number_of = where
                target = flat[number_of][cut] if kind == "out" else scratch[number_of][:count]
                v[place] = call(*[v[x] if x.__class__ is int else x for x in operands], out=target)
            for place, i in self.copies:
                flat[i][cut] = v[place]
            for i, partial in enumerate(self.partials):
                parts[i][number] = partial(v)

        blocks.spread(block, range(len(self.cuts)))
        for v, part in zip(self.late, parts, strict=True):
            whole[self.slots[v]] = _combined(v, part, rows)
        for v, x in zip(self.direct, outs, strict=True):
            whole[self.slots[v]] = x
        for place, call in self.after:
            whole[place] = call(whole)
        return [whole[self.slots[v]] for v in self.program.wanted]


def _merged(x, lead):
    """``x`` with its first ``lead`` dims as one, or None where that would copy."""
    if lead == 1:
        return x
    try:
        return x.reshape(-1, *x.shape[lead:], copy=False) if x.size else None
    except ValueError:
        return None


def _ufunc_of(v):
    """The ufunc that a value is of operands of its own dtype; None where it is more."""
    if v.op == "view" or not issubclass(v.op, Elementwise) or v.op.ufunc is None or is_half(v.dtype):
        return None
    tensors = [a.is_tensor for a in v.op.args]
    operands = v.args[: sum(tensors)]
    plain = tuple(a.default for a in v.op.args if not a.is_tensor)
    if v.args[len(operands) :] != plain or v.op.keep:
        return None
    compute, store, _ = v.op.plan([like(x) for x in operands])
    if compute.kind not in v.op.kinds or store != compute or v.dtype != compute:
        return None
    return v.op.ufunc if all(not isinstance(x, Value) or x.dtype == compute for x in operands) else None


def _operand(x, slots, kind):
    if isinstance(x, Value):
        return slots[x]
    return np.asarray(x.array if isinstance(x, Const) else x).astype(kind)


def _getter(v, slots):
    """Of a list of arrays the arguments of the operator of ``v``."""
    args = [
        ("slot", slots[x]) if isinstance(x, Value) else ("plain", x.array if isinstance(x, Const) else x)
        for x in v.args
    ]
    return lambda values: [values[x] if kind == "slot" else x for kind, x in args]


def _whole(v, slots):
    """(place, function of all arrays): a value that is computed once, by its operator's own loop."""
    if v.op == "view":
        source = slots[v.operands[0]]
        return slots[v], lambda values: viewed(values[source], v.args[1], v.shape)
    loop, arguments = v.op.loop(), _getter(v, slots)
    if v.which is not None:
        return slots[v], lambda values: loop(*arguments(values))[v.which]
    return slots[v], lambda values: np.asarray(loop(*arguments(values)))


def viewed(x, pattern, wanted):
    """The window on ``x`` of the shape ``wanted`` whose dims are those of ``x`` that ``pattern`` names, or repeated."""
    return np.broadcast_to(x.reshape([1 if p is None else x.shape[p] for p in pattern]), wanted, subok=True)


def _step(v, ufunc, slots, tail, lead, layout):
    """(function, operands): what makes a full value of a block."""
    if ufunc is not None:
        tensors = sum(a.is_tensor for a in v.op.args)
        return ufunc, [_operand(x, slots, v.dtype) for x in v.args[:tensors]]
    if v.op == "view":
        x, pattern = v.args
        source = slots[x]
        if layout.role[x] == SHARED:
            inner = (None, *pattern[lead:])
            return (lambda values, count: viewed(values[source].reshape(x.shape), inner, (count, *tail))), ()
        inner = (0, *[None if p is None else p - lead + 1 for p in pattern[lead:]])
        return (lambda values, count: viewed(values[source], inner, (count, *tail))), ()
    arguments = _arguments_of_block(v, slots, lead)
    loop = v.op.loop()
    return (lambda values, count: loop(*arguments(values))), ()


def _shared(array, value):
    return array.reshape(value.shape)


def _viewed_rows(x, inner, tail, count):
    return viewed(x.reshape(count, *inner), (count, *inner), (count, *tail)) if count != 1 else viewed(
        x.reshape(inner), inner, tail)[None]  # fmt: skip


def _arguments_of_block(v, slots, lead):
    """As :func:`_getter`, with the dims of the plain arguments counted in a block, whose first dim are the rows."""
    args = list(v.args)
    for i, a in enumerate(v.op.args):
        if a.role == "dims" or a.name == "dim":
            args[i] = tuple(d - lead + 1 for d in args[i]) if isinstance(args[i], tuple) else args[i] - lead + 1
    shifted = Value(v.op, args, v.shape, v.dtype, v.line, v.which)
    return _getter(shifted, slots)


def _partial(v, slots, lead):
    """Of a block's arrays: its part of a reduction over the rows, with the dims kept."""
    if v.which is not None:
        return lambda values: values[slots[v]].reshape(1, -1)
    source, over = slots[v.operands[0]], v.args[1]
    dims = (0, *[d - lead + 1 for d in over if d >= lead])
    combine = getattr(np, COMBINES[v.op.short])
    kind = FLOAT32 if is_half(v.dtype) else v.dtype

    def partial(values):
        x = values[source]
        if x.dtype != kind:
            x = x.astype(kind)
        if combine is np.add:
            return (
                _C.reduce("sum", x, dims, True, 1) if kind.kind == "f" else np.add.reduce(x, axis=dims, keepdims=True)
            )
        return combine.reduce(x, axis=dims, keepdims=True)

    return partial


def _combined(v, parts, rows):
    """The reduction of all blocks' parts, in their order."""
    combine = getattr(np, COMBINES[v.op.short])
    total = combine.reduce(np.concatenate(parts), axis=0, keepdims=True)
    if v.op.short == "mean":
        count = math.prod([v.operands[0].shape[d] for d in v.args[1]])
        total = total / total.dtype.type(count)
    return total.reshape(v.shape).astype(v.dtype, copy=False)
