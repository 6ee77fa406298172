"""What the checking interpreter knows of offsets: 32-bit arithmetic that runs over is found where it is used.

A GPU computes ``program * BLOCK + i`` in 32 bits and says nothing when that is too few. Here the range of every 32-bit
handle is kept beside its numbers (from the ranges of what it was made of, so that it costs nothing for small ones);
where a range leaves 32 bits, the lanes that ran over are found, and follow their numbers to the address. A lane whose
mask is false may run over, as it may on a GPU.
"""

import numpy as np
import triton.language as tl
from triton.runtime import interpreter

__all__ = ["OffsetBuilder", "lost"]

LIMIT = 2**31
ARITHMETIC = {np.add, np.subtract, np.multiply}
BASE: type = interpreter.InterpreterBuilder


def lost(handle):
    """The lanes of a handle whose 32-bit arithmetic ran over, or None."""
    return handle.__dict__.get("lost")


def _range(handle):
    known = handle.__dict__.get("range")
    if known is None:
        data = handle.data
        known = handle.range = (int(data.min()), int(data.max())) if data.size else (0, 0)
    return known


def _merged(*handles):
    found = [x for x in map(lost, handles) if x is not None]
    return found[0] if len(found) == 1 else None if not found else np.logical_or.reduce(np.broadcast_arrays(*found))


def _follow(made, *sources):
    """``made``, whose lanes come of those of ``sources``."""
    marks = _merged(*sources)
    if marks is not None:
        made.lost = marks
    return made


class OffsetBuilder(BASE):
    """Triton's, with ranges and marks on handles."""

    def binary_op(self, lhs, rhs, op):
        made = _follow(super().binary_op(lhs, rhs, op), lhs, rhs)
        if op in ARITHMETIC and made.dtype == tl.int32:
            (a, b), (c, d) = _range(lhs), _range(rhs)
            if op is np.multiply:
                corners = (a * c, a * d, b * c, b * d)
                low, high = min(corners), max(corners)
            else:
                low, high = (a + c, b + d) if op is np.add else (a - d, b - c)
            if -LIMIT <= low and high < LIMIT:
                made.range = (low, high)
            else:
                over = op(lhs.data.astype(np.int64), rhs.data.astype(np.int64)) != made.data
                if over.any():
                    made.lost = over if lost(made) is None else over | lost(made)
        return made

    # the builder's table of operators calls ``binary_op`` and ``ternary_op`` of the instance

    def ternary_op(self, lhs, rhs, other, op):
        return _follow(super().ternary_op(lhs, rhs, other, op), rhs, other)

    def create_addptr(self, ptr, offset):
        made = super().create_addptr(ptr, offset)
        return _follow(made, ptr, offset)

    def create_expand_dims(self, arg, axis):
        made = self._same(super().create_expand_dims(arg, axis), arg)
        if lost(arg) is not None:
            made.lost = np.expand_dims(lost(arg), axis)
        return made

    def create_broadcast(self, arg, shape):
        made = self._same(super().create_broadcast(arg, shape), arg)
        if lost(arg) is not None:
            made.lost = np.broadcast_to(lost(arg), shape)
        return made

    def create_splat(self, ret_ty, arg):  # the handle of a comparison bears the type of what was compared
        made = interpreter.TensorHandle(np.full(ret_ty.shape, arg.data.flat[0], arg.data.dtype), ret_ty.scalar)
        if lost(arg) is not None:
            made.lost = np.full(ret_ty.shape, lost(arg).flat[0])
        return self._same(made, arg)

    def create_reshape(self, arg, shape, allow_reorder):
        made = interpreter.TensorHandle(arg.data.reshape(shape), arg.dtype.scalar)
        if lost(arg) is not None:
            made.lost = lost(arg).reshape(shape)
        return self._same(made, arg)

    def _same(self, made, arg):
        known = arg.__dict__.get("range")
        if known is not None:
            made.range = known
        return made
