"""How a program is cut into blocks: which values have a part in every block, which are shared, which come last.

Note [Roles]: the leading dims of the largest value are the rows; a block is some of them. A value is *full* if it has
rows, *shared* if all blocks see the same, *late* if it is a reduction over the rows, and *last* if it needs such.
Sizes alone do not tell (a bias of D beside rows of D), so that roles follow from how values are used: operands of one
rank have one role, an operand with fewer dims is shared.
"""

import math

from ..ops._kinds import Elementwise, Reduction
from .graph import order
from .trace import Unfusable

__all__ = ["Layout", "Program"]

FULL, SHARED, LATE, LAST = "full", "shared", "late", "last"
COMBINES = {
    "sum": "add",
    "mean": "add",
    "standardize_back": "add",
    "amax": "maximum",
    "amin": "minimum",
}  # reductions that partial results make


def within(v):
    """How many of the last dims an operator that is no pointwise one works along."""
    return len(v.args[{"standardize": 3, "standardize_back": 5}[v.op.path]]) if "standardize" in v.op.path else 1


class Layout:
    """The roles of the values of a program, with ``lead`` dims as rows. Raises :class:`Unfusable` where there are none."""

    def __init__(self, known, body, lead):
        self.lead = lead
        candidates = [*known, *body]
        self.domain = max(candidates, key=lambda v: (math.prod(v.shape), len(v.shape))).shape
        self.rows = self.domain[:lead]
        self._parent, self._fixed, self.role = {}, {}, {}
        for v in body:
            self._constrain(v)
        for v in candidates:
            if v not in self.role:
                root = self._root(v)
                self.role[v] = self._fixed.get(root) or (FULL if self._has_rows(root) else SHARED)
        for v in body:
            late = [x for x in v.operands if self.role[x] in (LATE, LAST)]
            if not late or self.role[v] == LATE:
                continue
            if any(self.role[x] == FULL for x in v.operands):
                raise Unfusable(f"{v.title} needs a reduction over all rows before it", v.line)
            self.role[v] = LAST

    def _root(self, v):
        while v in self._parent:
            v = self._parent[v]
        return v

    def _has_rows(self, v):
        return v.shape[: self.lead] == self.rows

    def _same(self, a, b):
        a, b = self._root(a), self._root(b)
        if a is b:
            return
        self._parent[b] = a
        if b in self._fixed:
            self._fix(a, self._fixed[b])

    def _fix(self, v, role):
        root = self._root(v)
        if self._fixed.setdefault(root, role) != role:
            raise Unfusable(f"{v.title} is used along its first dim in two ways", v.line)

    def _beside(self, x, v):
        """``x`` is broadcast against ``v``, from the right."""
        missing, lead = len(v.shape) - len(x.shape), self.lead
        if missing == 0 and x.shape[:lead] == v.shape[:lead]:
            self._same(v, x)
        elif missing >= lead or all(n == 1 for n in x.shape[: lead - missing]):
            self._fix(x, SHARED)
        else:
            raise Unfusable(f"{v.title} broadcasts inside the rows", v.line)

    def _constrain(self, v):
        lead = self.lead
        if v.op == "view":
            x = v.operands[0]
            if self.role.get(x) in (LATE, LAST):
                self.role[v] = LAST
                return
            pattern, rank = v.args[1], len(v.shape)
            ones = [d < len(x.shape) and v.shape[d] == x.shape[d] == 1 for d in range(rank)]
            if rank >= lead and all(pattern[d] == d or ones[d] for d in range(lead)):
                self._same(x, v)
            elif all(p is None for p in pattern[:lead]):
                self._fix(x, SHARED)
                self._fix(v, FULL if self._has_rows(v) else SHARED)
            else:
                raise Unfusable(f"{v.title} moves the rows", v.line)
            return
        if any(self.role.get(x) in (LATE, LAST) for x in v.operands):
            self.role[v] = LAST
            return
        if issubclass(v.op, Reduction):
            (x,), over = v.operands, v.args[1]
            if min(over) >= lead:
                self._same(x, v)
            elif set(range(lead)) <= set(over):
                if not self._has_rows(x):
                    self._fix(x, SHARED)
                    self._fix(v, SHARED)
                    return
                if v.op.short not in COMBINES:
                    raise Unfusable(f"{v.title} over the rows is not fused", v.line)
                self._fix(x, FULL)
                self.role[v] = LATE
            else:
                raise Unfusable(f"{v.title} over some of the first dims is not fused", v.line)
            return
        if not issubclass(v.op, Elementwise) and v.op.path != "to":
            if len(v.operands[0].shape) - within(v) < lead:
                raise Unfusable(f"{v.title} works along the rows", v.line)
            if v.op.path == "standardize_back" and v.which:
                self.role[v] = LATE
                self._fix(v.operands[0], FULL)
                return
            if v.which:
                self._same(v.operands[0], v)
                return
        for x in v.operands:
            self._beside(x, v)


class Program:
    """Values that are computed in one pass over memory.

    Attributes:
        known: the values that are given; ``wanted`` those that come out; ``body`` those computed, in order.
    """

    def __init__(self, known, wanted, title):
        self.title, self.wanted = title, list(wanted)
        given = set(known)
        values = order(self.wanted, given)
        self.known = [v for v in known if v in values]
        self.body = [v for v in values if v not in given]
        lost = [v for v in self.body if v.op is None]
        if lost:
            raise Unfusable(f"{title} needs {lost[0].title}, which it is not given")

    def layouts(self):
        """The ways to cut it, the finest first. Raises :class:`Unfusable` where there is none."""
        rank = max((len(v.shape) for v in [*self.known, *self.body]), default=0)
        found, error = [], Unfusable(f"{self.title} has no rows")
        for lead in range(rank, 0, -1):
            try:
                found.append(Layout(self.known, self.body, lead))
            except Unfusable as why:
                error = why
        if not found and self.body:
            raise error
        return found

    def nbytes(self):
        """(read, written): bytes of memory that one pass moves."""
        return sum(v.nbytes for v in self.known), sum(v.nbytes for v in dict.fromkeys(self.wanted))
