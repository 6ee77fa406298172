"""The Triton kernel of a program, as text, and what it is launched with.

Note [Kernels of programs]: a kernel takes a tile of rows and columns, the dims before and after the ``lead`` of its
layout; without columns it is one run of elements. Values stay in registers. The formulas are those in the operators'
``cuda`` slots; a value is rounded to its dtype where eager would round it, so that both give the same numbers.
A reduction over the columns is one of the tile, which then holds whole rows. For one over the rows a program walks over
many tiles and writes its part; the parts are added by a second kernel, in order. The text holds no sizes: where the
strides are those of new sizes, the kernel is the same.
"""

import inspect
import math
import textwrap

from ..ops._device_kinds import bound, computed
from ..ops._kinds import Elementwise, Reduction
from ..ops._op import FLOAT32, is_half
from ..runtime.jit import Kernel
from ..runtime.pointwise import language_type, merged
from .graph import Const, Value
from .plan import FULL, LATE, SHARED
from .trace import Unfusable, like

__all__ = ["LONGEST", "Text", "formula_text"]

LONGEST = 1 << 14  # columns of a row that a tile holds whole


class Text:
    """The source of a program's kernel for arrays of some strides.

    Attributes:
        source: the text; ``scope`` the kernels that it calls, by name.
        loads, stores, parts: the values behind its pointers; ``numbers`` its numbers, as (value, dtype).
        sizes, steps: what else it is given: sizes of merged dims and strides.
    """

    def __init__(self, program, layout, strides):
        self.program, self.layout, self.lead = program, layout, layout.lead
        self.tail = layout.domain[self.lead :]
        self.columns = math.prod(self.tail) if self.tail else 0
        role = layout.role
        self.body = [v for v in program.body if role[v] in (FULL, SHARED)]
        self.late = [v for v in program.body if role[v] == LATE]
        self.stores = [v for v in dict.fromkeys(program.wanted) if v in self.body and role[v] == FULL]
        used = {x for v in [*self.body, *self.late] for x in v.operands}
        self.loads = [v for v in program.known if v in used]
        self.numbers, self.scope, self.lines, self.names = [], {}, [], {}
        self.reduces = any(
            v.op != "view" and not issubclass(v.op, Elementwise) and v.op.path != "to" for v in self.body
        )
        if self.reduces and self.columns > LONGEST:
            raise Unfusable(f"rows of {self.columns} elements do not fit a program's registers")
        self._place(strides)
        self._write()

    # -- where things lie ---------------------------------------------------------------------------------

    def _place(self, strides):
        """Merges dims that lie evenly in all arrays; keeps the strides that are neither 0 nor of a plain run."""
        lead, rows, tail = self.lead, self.layout.rows, self.tail
        arrays = [*self.stores, *self.loads]
        steps = [_contiguous(v.shape) for v in self.stores] + [strides[v] for v in self.loads]
        along_rows, along_tail = [], []
        for v, step in zip(arrays, steps, strict=True):
            if self.layout.role[v] == FULL:
                along_rows.append([0 if n == 1 else s for n, s in zip(v.shape[:lead], step[:lead], strict=True)])
                inner = v.shape[lead:], step[lead:]
            else:
                along_rows.append([0] * lead)
                inner = v.shape, step
            kept = [(n, 0 if n == 1 else s) for n, s in zip(*inner, strict=True)]
            kept = kept[max(0, len(kept) - len(tail)) :]
            kept = [(1, 0)] * (len(tail) - len(kept)) + kept
            if any(n not in (1, m) for (n, _), m in zip(kept, tail, strict=True)):
                raise Unfusable(f"{v.title} does not broadcast to the columns", v.line)
            along_tail.append([s for _, s in kept])
        self.row_sizes, row_steps = merged(rows, along_rows)
        self.col_sizes, col_steps = merged(tail, along_tail)
        self.offset, self.walks, self.steps = {}, {}, []
        for number, (v, row, col) in enumerate(zip(arrays, row_steps, col_steps, strict=True)):
            pointer = self._pointer(v, number)
            along = self._terms(pointer, "row", row), self._terms(pointer, "col", col)
            if number < len(self.stores) and not along[0]:
                along[0].append("rows")  # there is one
            self.offset[number] = " + ".join([pointer, *along[0], *along[1]])
            self.walks[number] = bool(along[0]), bool(along[1])
        self.extent = max([1 + sum((n - 1) * abs(s) for n, s in zip([*rows, *tail], [*r, *c], strict=True))
                           for r, c in zip(along_rows, along_tail, strict=True)] or [1])  # fmt: skip

    def _pointer(self, v, number):
        if number < len(self.stores):
            return f"out{number}"
        name = "".join(c if c.isalnum() else "_" for c in v.title)
        return f"{name if name.isidentifier() and not name.startswith('out') else 'kept'}_{number - len(self.stores)}"

    def _terms(self, pointer, axis, steps):
        index = [f"{axis}{d}" for d in range(len(steps))] if len(steps) > 1 else ["rows" if axis == "row" else "cols"]
        terms = []
        for d, step in enumerate(steps):
            if step == 1:
                terms.append(index[d])
            elif step:
                name = f"{pointer}_{axis}{d}"
                self.steps.append((name, step))
                terms.append(f"{index[d]} * {name}")
        return terms

    # -- the text -----------------------------------------------------------------------------------------

    def _write(self):
        flat, pad = not self.columns, "    "
        rows_of = "tl.arange(0, ROWS)" if flat else "tl.arange(0, ROWS)[:, None]"
        head = ["    program = tl.program_id(0)", "    if WIDE: program = program.to(tl.int64)"]
        if not flat:
            head.append("    cols = tl.program_id(1) * COLS + tl.arange(0, COLS)[None, :]")
            head.append("    live_cols = cols < n_cols")
            head += self._split("col", self.col_sizes, pad)
        if self.late:
            for i, v in enumerate(self.late):
                kind = language_type(self._accumulator(v))
                shape = "" if flat else "[1, COLS]" if self._has_cols(v) else "[1, 1]"
                head.append(f"    sum{i} = tl.zeros({shape or '[1]'}, {kind})")
            head.append("    for step in range(STEPS):")
            pad = "        "
            head.append(f"{pad}rows = (program * STEPS + step) * ROWS + {rows_of}")
        else:
            head.append(f"{pad}rows = program * ROWS + {rows_of}")
        head.append(f"{pad}live_rows = rows < n_rows")
        if not flat:
            head.append(f"{pad}live = live_rows & live_cols")
        head += self._split("row", self.row_sizes, pad)
        self.pad = pad
        for number, v in enumerate(self.loads):
            self._load(v, number + len(self.stores))
        line = None
        for v in self.body:
            if v.line and v.line[2] and v.line != line:
                self.lines.append(f"{pad}# {v.line[2]}")
            line = v.line or line
            self._compute(v)
        for number, v in enumerate(self.stores):
            mask = self._mask(v)
            value = self.names[v]
            if not flat:
                value = f"tl.broadcast_to({value}, [{'ROWS'}, {'COLS' if self._has_cols(v) else '1'}])"
            self.lines.append(f"{pad}tl.store({self.offset[number]}, {value}, {mask})")
        tail = []
        for i, v in enumerate(self.late):
            x = self.names[v.operands[0]]
            kind = language_type(self._accumulator(v))
            mask = "live_rows" if flat else self._mask(v.operands[0])
            part = f"tl.where({mask}, {x}.to({kind}), 0)"
            if not flat and self._has_cols(v.operands[0]) and not self._has_cols(v):
                part = f"tl.sum({part}, 1, keep_dims=True)"
            self.lines.append(f"{pad}sum{i} += tl.sum({part}, 0, keep_dims=True)")
            if flat:
                tail.append(f"    tl.store(part{i} + program + tl.arange(0, 1), sum{i})")
            elif self._has_cols(v):
                tail.append(f"    tl.store(part{i} + program * n_cols + cols, sum{i}, live_cols)")
            else:
                tail.append(f"    tl.store(part{i} + program + tl.zeros([1, 1], tl.int32), sum{i})")
        pointers = [self._pointer(v, n) for n, v in enumerate([*self.stores, *self.loads])]
        parts = [f"part{i}" for i in range(len(self.late))]
        sizes = ["n_rows"] + ([] if flat else ["n_cols"]) + [f"n_row{d}" for d in range(1, len(self.row_sizes))]
        sizes += [f"n_col{d}" for d in range(1, len(self.col_sizes))]
        names = [
            *pointers,
            *parts,
            *sizes,
            *[n for n, _ in self.steps],
            *[f"number{i}" for i in range(len(self.numbers))],
        ]
        constants = ["ROWS", *([] if flat else ["COLS"]), *(["STEPS"] if self.late else []), "WIDE"]
        signature = ", ".join([*names, *[f"{c}: tl.constexpr" for c in constants]])
        self.title = f"fused_{self.program.title}"
        self.text = [f"def {self.title}({signature}):", *head, *self.lines, *tail]
        self.source = "\n".join(self.text) + "\n"

    def _split(self, axis, sizes, pad):
        """Lines that take the index of merged dims apart, where there are several."""
        if len(sizes) < 2:
            return []
        whole = "rows" if axis == "row" else "cols"
        lines = [f"{pad}{axis}_rest = {whole}"]
        for d in range(len(sizes) - 1, 0, -1):
            lines += [f"{pad}{axis}{d} = {axis}_rest % n_{axis}{d}", f"{pad}{axis}_rest = {axis}_rest // n_{axis}{d}"]
        return [*lines, f"{pad}{axis}0 = {axis}_rest"]

    def _has_cols(self, v):
        inner = v.shape[self.lead :] if self.layout.role[v] == FULL else v.shape[-len(self.tail) :] if self.tail else ()
        if self.layout.role[v] == LATE:
            inner = v.shape[self.lead :]
        return any(n != 1 for n in inner)

    def _mask(self, v):
        """The mask of a store, or of what a program adds up."""
        return "live" if self.columns and self._has_cols(v) else "live_rows"

    def _load(self, v, number):
        mask = {(True, True): "live", (True, False): "live_rows", (False, True): "live_cols"}.get(self.walks[number])
        where = self.offset[number]
        name = self._pointer(v, number).rpartition("_")[0] + f"_{number - len(self.stores)}_value"
        if mask:
            self.lines.append(f"{self.pad}{name} = tl.load({where}, {mask}, other=0)")
        else:
            one = " + tl.zeros([1, 1], tl.int32)" if self.columns else ""  # a value for all, of a tile's rank
            self.lines.append(f"{self.pad}{name} = tl.load({where}{one})")
        self.names[v] = name

    def _emit(self, v, text):
        name = f"{v.op.short if v.op != 'view' else 'view'}_{len(self.names)}"
        self.lines.append(f"{self.pad}{name} = {text}")
        self.names[v] = name

    def _formula(self, kernel, name):
        """The name under which the text calls a kernel."""
        known = self.scope.setdefault(name, kernel)
        if known is not kernel:
            return self._formula(kernel, name + "_")
        return name

    def _number(self, x, kind):
        self.numbers.append((x, kind))
        return f"number{len(self.numbers) - 1}"

    def _cast(self, x, kind, plain=False):
        """The text of an argument in ``kind`` (None: as it is)."""
        if isinstance(x, Value):
            text = self.names[x]
            return text if kind is None or x.dtype == kind else f"{text}.to({language_type(kind)})"
        if isinstance(x, Const):
            x = x.array.item()
        if x is None or (x.__class__ in (bool, str) and plain):
            return repr(x)
        if x.__class__ is bool:
            x = int(x)
        text = self._number(x, kind)
        return text if kind is None else f"{text}.to({language_type(kind)})"

    def _compute(self, v):
        op = v.op
        if op == "view":
            x, pattern = v.args
            if self.columns and self._has_cols(v) and any(
                p is not None and d >= len(v.shape) - len(self.tail) and len(x.shape) - p != len(v.shape) - d
                for d, p in enumerate(pattern)
            ):  # fmt: skip
                raise Unfusable(f"{v.title} moves the columns", v.line)
            self.names[v] = self.names[x]
        elif issubclass(op, Elementwise):
            self._elementwise(v)
        elif op.path == "to":
            source = v.operands[0]
            text = (
                f"{self.names[source]} != 0"
                if v.dtype.kind == "b"
                else f"{self.names[source]}.to({language_type(v.dtype)})"
            )
            self._emit(v, text)
        elif issubclass(op, Reduction):
            self._reduction(v)
        elif op.path in ROW_WISE:
            ROW_WISE[op.path](self, v)
        else:
            raise Unfusable(f"{op.path} has no formula for a kernel", v.line)

    def _elementwise(self, v):
        op = v.op
        if not isinstance(op.cuda, Kernel):
            raise Unfusable(f"{op.path} has no formula for a kernel", v.line)
        tensors = [a for a in op.args if a.is_tensor]
        compute, _, _ = op.plan([like(x) for x in v.args[: len(tensors)]])
        kept = op.keep.split()
        arguments = []
        for a, x in zip(op.args, v.args, strict=True):
            kind = (None if a.name in kept else compute) if a.is_tensor else compute if compute.kind == "f" else None
            usual = not a.is_tensor and x.__class__ is a.default.__class__ and x == a.default
            arguments.append(repr(x) if usual else self._cast(x, kind, plain=not a.is_tensor))
        call = f"{self._formula(op.cuda, op.__name__)}({', '.join(arguments)})"
        self._emit(v, f"{call}.to({language_type(v.dtype)})")

    def _whole_rows(self, v):
        """The columns of a reduction's operand, checked to be all of a row."""
        x = v.operands[0]
        count = math.prod(x.shape[d] for d in v.args[1]) if issubclass(v.op, Reduction) else x.shape[-1]
        if v.op.path == "standardize":
            count = math.prod(x.shape[d] for d in v.args[3])
        if not self.columns or count != self.columns:
            raise Unfusable(f"{v.title} reduces a part of the columns", v.line)

    def _reduction(self, v):
        op, x = v.op, v.operands[0]
        if not isinstance(op.cuda, Kernel) or op.gives:
            raise Unfusable(f"{op.path} has no formula for a kernel", v.line)
        self._whole_rows(v)
        compute = computed(v.dtype)
        identity = op.identity if op.identity[0] not in "lh" else bound(compute, op.identity == "lowest")
        text = self._cast(x, compute)
        if op.cuda_map is not None:
            text = f"{self._formula(op.cuda_map, op.__name__ + '_map')}({text}, cols)"
        text = f"tl.where(live_cols, {text}, {identity})"
        text = f"tl.reduce({text}, 1, {self._formula(op.cuda, op.__name__ + '_combine')}, keep_dims=True)"
        if op.cuda_finish is not None:
            text = f"{self._formula(op.cuda_finish, op.__name__ + '_finish')}({text}, n_cols)"
        self._emit(v, f"{text}.to({language_type(v.dtype)})")

    def _accumulator(self, v):
        x = v.operands[0]
        if self.columns and self._has_cols(x) and x.shape[self.lead :] != self.tail:
            raise Unfusable(f"{v.title} of values that repeat along the columns", v.line)
        if v.op.short not in ("sum", "mean"):
            raise Unfusable(f"{v.title} over the rows is not fused on a GPU", v.line)
        return FLOAT32 if is_half(v.dtype) else v.dtype

    def tile(self, real):
        """(rows, columns) of a tile: on a GPU as registers like it; the simulated device wants few large ones."""
        most = 2048 if real else 1 << 16
        if not self.columns:
            rows = max(1, math.prod(self.layout.rows))
            return min(1024 if real else most, _power(rows)), 0
        cols = _power(self.columns)
        cols = cols if self.reduces else min(cols, 1024)
        return max(1, min(most // cols, _power(math.prod(self.layout.rows)))), cols


def _softmax(text, v):
    x = _row_operand(text, v, v.args[0], 'float("-inf")')
    kind = language_type(v.dtype)
    name = f"row_{len(text.names)}"
    text.lines.append(f"{text.pad}{name} = {x} - tl.max({x}, 1, keep_dims=True)")
    total = f"tl.sum(tl.exp({name}), 1, keep_dims=True)"
    result = f"{name} - tl.log({total})" if v.op.path.startswith("log") else f"tl.exp({name}) / {total}"
    text._emit(v, f"({result}).to({kind})")


def _softmax_back(text, v):
    g = _row_operand(text, v, v.args[0], "0.0")
    y = _row_operand(text, v, v.args[1], "0.0")
    kind = language_type(v.dtype)
    if v.op.path.startswith("log"):
        text._emit(v, f"({g} - tl.exp({y}) * tl.sum({g}, 1, keep_dims=True)).to({kind})")
    else:
        text._emit(v, f"({y} * ({g} - tl.sum({g} * {y}, 1, keep_dims=True))).to({kind})")


def _standardize(text, v):
    first = v.siblings[0]
    if v.siblings[1] in text.names or (v is not first and first in text.names):
        return
    x = _row_operand(text, v, v.args[0], "0.0")
    mean, centred, rstd = (f"{part}_{len(text.names)}" for part in ("mean", "centred", "rstd"))
    eps = text._number(v.args[4], v.dtype)
    add = text.lines.append
    add(f"{text.pad}{mean} = tl.sum({x}, 1, keep_dims=True) / n_cols")
    add(f"{text.pad}{centred} = tl.where(live_cols, {x} - {mean}, 0.0)")
    root = "tl.sqrt" if v.dtype.itemsize == 8 else "tl.sqrt_rn"
    add(f"{text.pad}{rstd} = 1 / {root}(tl.sum({centred} * {centred}, 1, keep_dims=True) / n_cols + {eps})")
    out = f"{centred} * {rstd}"
    if v.args[1] is not None:
        out = f"{out} * {text.names[v.args[1]]}"
    if v.args[2] is not None:
        out = f"{out} + {text.names[v.args[2]]}"
    name = f"standardize_{len(text.names)}"
    add(f"{text.pad}{name} = {out}")
    for part, known in zip(v.siblings, (name, mean, rstd), strict=True):
        text.names[part] = known


def _row_operand(text, v, x, fill):
    """A name for a row's values in the type that rows are computed in, ``fill`` beyond its end."""
    text._whole_rows(v)
    name = f"full_row_{len(text.lines)}"
    kind = FLOAT32 if is_half(x.dtype) else x.dtype
    text.lines.append(f"{text.pad}{name} = tl.where(live_cols, {text._cast(x, kind)}, {fill})")
    return name


ROW_WISE = {
    "softmax_of": _softmax, "log_softmax_of": _softmax, "softmax_backward": _softmax_back,
    "log_softmax_backward": _softmax_back, "standardize": _standardize,
}  # fmt: skip


def formula_text(name, kernel):
    """The text of an operator's formula, under the name that a kernel calls it by."""
    lines = textwrap.dedent(inspect.getsource(kernel.fn)).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("def "))
    return "\n".join([f"def {name}({lines[start].partition('(')[2]}", *lines[start + 1 :]]) + "\n"


def _power(n):
    return 1 << max(n - 1, 0).bit_length()


def _contiguous(shape):
    steps, step = [], 1
    for n in reversed(shape):
        steps.append(step)
        step *= n
    return steps[::-1]
