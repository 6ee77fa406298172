"""What a traced function computes: values, each made by one operator of others, and what to keep for backward."""

import itertools
from collections import deque
from typing import Any

import numpy as np

__all__ = ["Const", "Value", "least_cut", "order"]


class Const:
    """A 0-dim array that the function brought along."""

    __slots__ = ("array",)

    def __init__(self, array):
        self.array = array


class Value:
    """One array of the trace.

    Attributes:
        op: the operator that makes it; None for an input, and "view" for a window on ``args[0]``.
        args: the operator's arguments: values, numbers, constants, and plain ones.
        which: the output of the operator that it is, where there are several; ``siblings`` are all of them.
        line: the author's own line, as (file, line number, text).
    """

    __slots__ = ("args", "dtype", "line", "name", "op", "serial", "shape", "siblings", "which", "window")
    _serials = itertools.count()

    def __init__(self, op, args, shape, dtype, line=None, which=None, name=""):
        self.op, self.args, self.shape, self.dtype = op, args, tuple(shape), np.dtype(dtype)
        self.line, self.which, self.name, self.window = line, which, name, None
        self.siblings = (self,)
        self.serial = next(Value._serials)

    @property
    def operands(self):
        """The values among its arguments."""
        return [x for x in self.args if isinstance(x, Value)]

    @property
    def nbytes(self):
        size = self.dtype.itemsize
        for n in self.shape:
            size *= n
        return size

    @property
    def title(self):
        """What it is called in a plan: ``mul``, ``x``."""
        if self.op is None:
            return self.name
        title = self.op if isinstance(self.op, str) else self.op.short
        return f"{title}.{self.op.returns[self.which]}" if self.which is not None else title

    def __repr__(self):
        return f"<{self.title} {list(self.shape)} {self.dtype.name}>"


def order(outputs, known=()):
    """The values that ``outputs`` need, operands first; those of ``known`` are given, and what makes them is not looked at."""
    seen: dict = {}
    stack: list[Any] = [(v, False) for v in reversed(outputs)]
    while stack:
        value, done = stack.pop()
        if done:
            seen[value] = True
        elif value not in seen:
            seen.setdefault(value, False)
            stack.append((value, True))
            if value not in known:
                stack += [(x, False) for x in reversed(value.operands) if x not in seen]
    return sorted(seen, key=lambda v: v.serial)


# Note [Save or recompute]: backward needs some values of forward. Any set of them may be kept from which the others
# can be computed again, and bytes decide: to read an input or an output of forward costs its bytes, to keep another
# value costs them twice. The cheapest such set is a least vertex cut between the inputs and what backward needs, which
# the flow of Edmonds and Karp (1972) finds. A value that cannot be made again (random numbers) is cut off at itself.


def least_cut(needed, cost, origins):
    """The cheapest values from which ``needed`` can be computed.

    Args:
        needed: values that backward reads.
        cost: function of a value: what it costs to have it there.
        origins: values that have no operands, or are not to be computed again.
    """
    values = order(list(needed), origins)
    source, sink = ("source",), ("sink",)
    room: dict = {}

    def edge(a, b, capacity):
        room.setdefault(a, {})[b] = room.setdefault(a, {}).get(b, 0) + capacity
        room.setdefault(b, {}).setdefault(a, 0)

    endless = float("inf")
    for v in values:
        edge((v, 0), (v, 1), cost(v))
        if v in origins or not v.operands:
            edge(source, (v, 0), endless)
        else:
            for x in v.operands:
                edge((x, 1), (v, 0), endless)
    for v in needed:
        edge((v, 1), sink, endless)

    def reach():
        came: dict = {source: None}
        queue: deque = deque([source])
        while queue:
            at = queue.popleft()
            for to, left in room.get(at, {}).items():
                if left > 0 and to not in came:
                    came[to] = at
                    queue.append(to)
        return came

    while sink in (came := reach()):
        path: list = []
        at: Any = sink
        while at != source:
            path.append((came[at], at))
            at = came[at]
        flow = min(room[a][b] for a, b in path)
        for a, b in path:
            room[a][b] -= flow
            room[b][a] += flow
    return [v for v in values if (v, 0) in came and (v, 1) not in came]
