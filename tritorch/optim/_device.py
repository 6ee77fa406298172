"""An optimizer's update on a GPU: the traced formula as one pointwise kernel that writes its tensors in place."""

from collections.abc import Sequence

import numpy as np

from .. import _C
from ..runtime.array import DeviceArray
from ..runtime.jit import Kernel
from ..runtime.pointwise import pointwise, written

__all__ = ["DeviceUpdate"]

# The meaning of csrc/blockwise/program.h's instructions in Triton's language: a, b, c are values, s and t numbers.
_TEXTS = {
    "copy": "{a}", "fill": "{a} * 0 + {s}", "add": "{a} + {s} * {b}", "add_scalar": "{a} + {s}", "mul": "{a} * {b}",
    "mul_scalar": "{a} * {s}", "div": "{a} / {b}", "div_scalar": "{a} / {s}",
    "lerp": "tl.where(tl.abs({s}) < 0.5, {a} + {s} * ({b} - {a}), {b} - ({b} - {a}) * (1 - {s}))",
    "addcmul": "{a} + {s} * {b} * {c}", "addcdiv": "{a} + {s} * {b} / {c}", "sqrt": "tl.sqrt({a})",
    "abs": "tl.abs({a})", "neg": "-{a}", "sign": "tl.where({a} > 0, 1.0, 0.0) - tl.where({a} < 0, 1.0, 0.0)",
    "maximum": "tl.maximum({a}, {b}, propagate_nan=tl.PropagateNan.ALL)",
    "clamp": "tl.minimum(tl.maximum({a}, {s}, propagate_nan=tl.PropagateNan.ALL), {t}, propagate_nan=tl.PropagateNan.ALL)",
    "gt": "tl.where({a} > {s}, 1.0, 0.0)", "lt": "tl.where({a} < {s}, 1.0, 0.0)", "eq": "tl.where({a} == {s}, 1.0, 0.0)",
    "masked_fill": "tl.where({b} != 0, {s}, {a})", "affine": "{a} * {s} + {t}", "decay": "{a} * {s} + {t} * {b} * {c}",
}  # fmt: skip


class DeviceUpdate:
    """One kernel for all that a formula does to an element.

    Args:
        name: of the formula.
        arrays: how many tensors it takes.
        numbers: how many numbers, constants included.
        code: (instruction, result, operands, numbers) of each step, values named by index.
    """

    def __init__(self, name: str, arrays: int, numbers: int, code: Sequence[tuple]) -> None:
        self.targets = sorted({out for _, out, _, _ in code if out < arrays})
        parameters = [*(f"v{i}" for i in range(arrays)), *(f"x{i}" for i in range(numbers))]
        lines = [f"def {name}({', '.join(parameters)}):"]
        for op, out, operands, scalars in code:
            places = dict(zip("abc", (f"v{i}" for i in operands), strict=False))
            values = dict(zip("st", (f"x{i}" for i in scalars), strict=False))
            lines.append(f"    v{out} = " + _TEXTS[op].format(**places, **values))
        lines.append(f"    return {', '.join(f'v{i}' for i in self.targets)}")
        self.formula = Kernel(written(f"optim.{name} {id(self)}", name, lines, {}))

    def __call__(self, tensors: tuple, numbers: tuple) -> bool:
        """Runs it, if all tensors are real floats of one type and shape on a device; tells whether it did."""
        arrays = [t._array for t in tensors]
        first = arrays[0]
        if any(a.__class__ is not DeviceArray or a.dtype != first.dtype or a.shape != first.shape for a in arrays):
            return False
        if first.dtype.kind == "c":
            return False
        compute = np.dtype(np.float64 if first.dtype == np.float64 else np.float32)
        casts = [compute] * (len(arrays) + len(numbers))
        pointwise(self.formula, [arrays[i] for i in self.targets], [*arrays, *map(float, numbers)], casts)
        for i in self.targets:
            _C.bump(tensors[i])
        return True
