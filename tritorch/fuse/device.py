"""A program on a GPU: one kernel, and a second one for what is reduced over the rows."""

import math

import numpy as np

from ..ops._op import REGISTRY
from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import Kernel
from ..runtime.launch import launch
from ..runtime.pointwise import copy, written
from .blockwise import viewed
from .graph import Const, Value
from .plan import LAST
from .trace import Unfusable
from .triton_text import Text

__all__ = ["OnDevice"]

_KERNELS: dict = {}  # the text of a kernel, and what it calls -> the kernel
PROGRAMS = 1024  # that share the rows, where each writes a part of a reduction


class OnDevice:
    """Runs a program on device arrays: ``run(arrays of known) -> arrays of wanted``."""

    def __init__(self, program, arrays):
        self.program = program
        self.text = self._write(program, arrays)
        role = self.text.layout.role
        self.last = [v for v in program.body if role[v] == LAST]
        self.texts = {_steps(arrays): self.text}

    def _write(self, program, arrays):
        strides = {v: tuple([s // x.itemsize for s in x.strides]) for v, x in zip(program.known, arrays, strict=True)}
        error: Unfusable | None = None
        for layout in program.layouts():
            try:
                text = Text(program, layout, strides)
            except Unfusable as why:
                error = error or why
                continue
            key = (text.source, tuple(text.scope.items()))
            kernel = _KERNELS.get(key)
            if kernel is None:
                title = f"{program.title} {len(_KERNELS)}"
                kernel = _KERNELS[key] = Kernel(written(f"fused.{title}", text.title, text.text, text.scope))
            text.kernel = kernel
            return text
        raise error or Unfusable("nothing is computed")

    @property
    def kernel(self):
        return self.text.kernel

    def run(self, arrays):
        key = _steps(arrays)
        text = self.texts.get(key)
        if text is None:  # a gradient of other strides
            text = self.texts[key] = self._write(self.program, arrays)
        found = dict(zip(self.program.known, arrays, strict=True))
        rows = math.prod(text.layout.rows)
        tall, wide = text.tile(is_real())
        outs = [empty(v.shape, v.dtype) for v in text.stores]
        constants: dict = {"ROWS": tall, "WIDE": text.extent >= 2**31 - tall * max(wide, 1)}
        programs, parts = -(-rows // tall), []
        if wide:
            constants["COLS"] = wide
        if text.late:
            constants["STEPS"] = _power(-(-programs // PROGRAMS))
            programs = -(-programs // constants["STEPS"])
            for v in text.late:
                kept = text.tail if text._has_cols(v) else (1,) * len(text.tail)
                parts.append(empty((programs, *kept), text._accumulator(v)))
        sizes = [rows, *([text.columns] if wide else []), *text.row_sizes[1:], *text.col_sizes[1:]]
        numbers = [_number(x, kind) for x, kind in text.numbers]
        grid = (programs, -(-text.columns // wide)) if wide else (programs,)
        warps = 4 if tall * max(wide, 1) <= 4096 else 8
        launch(
            text.kernel, grid, *outs, *[found[v] for v in text.loads], *parts, *sizes, *[s for _, s in text.steps],
            *numbers, num_warps=warps, **constants,
        )  # fmt: skip
        found.update(zip(text.stores, outs, strict=True))
        for v, part in zip(text.late, parts, strict=True):
            found[v] = _combined(v, part)
        for v in (*self.last, *self.program.wanted):
            _ensure(v, found)
        return [found[v] for v in self.program.wanted]


def _steps(arrays):
    return tuple([x.strides for x in arrays])


def _power(n):
    return 1 << max(n - 1, 0).bit_length()


def _number(x, kind):
    if isinstance(x, float):
        return np.float64(x) if kind is not None and (kind.itemsize == 8 or kind.kind in "iu") else x
    return x


def _combined(v, part):
    inner = v.shape[len(v.shape) - part.ndim + 1 :]
    dims = (0, *[d + 1 for d, (n, m) in enumerate(zip(inner, part.shape[1:], strict=True)) if n != m])
    total = REGISTRY["sum"].device_loop()(part, dims, True, None)
    if v.op.short == "mean":
        count = math.prod([v.operands[0].shape[d] for d in v.args[1]])
        total = REGISTRY["div"].device_loop()(total, float(count), None)
    if total.dtype != v.dtype:
        wide, total = total, empty(total.shape, v.dtype)
        copy(total, wide)
    return total.reshape(v.shape)


def _ensure(v, found):
    """Computes a small value, and those that it needs, by the operators' own kernels."""
    if v not in found:
        for x in v.operands:
            _ensure(x, found)
        found[v] = _whole(v, found)


def _whole(v, found):
    if v.op == "view":
        return viewed(found[v.args[0]], v.args[1], v.shape)
    arguments = [found[x] if isinstance(x, Value) else x.array if isinstance(x, Const) else x for x in v.args]
    made = v.op.device_loop()(*arguments)
    return made if v.which is None else made[v.which]
