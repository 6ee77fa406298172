"""How an optimizer's update runs: a formula, written once in tensor language, in one pass over memory.

A formula is a function of tensors and numbers that uses torch's in-place vocabulary (``lerp_``, ``addcmul_``...).
It is called once with symbols in place of both, which write down what is done to them: a pointwise program
(csrc/blockwise). That program runs on the arrays of float32 and float64 tensors, block by block in the first
cache, on the threads there are; on a GPU the same steps are one kernel. All other tensors (other dtypes, layouts and devices, steps that are themselves
differentiated) go through the formula as it stands, operator by operator; so it may
not write in place what an operator of its own has saved (``sqrt`` its result, ``maximum`` its arguments).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import _C
from .. import _api as tt
from ..runtime.blocks import get_num_threads
from ._device import DeviceUpdate

__all__ = ["Formula", "Update"]

# The instructions of csrc/blockwise/program.h, in its order.
_CODES: Sequence[str] = (
    "copy fill add add_scalar mul mul_scalar div div_scalar lerp addcmul addcdiv sqrt abs neg sign maximum clamp "
    "gt lt eq masked_fill affine decay"
).split()
_PAIRS = {("mul_scalar", "add_scalar"): "affine", ("mul_scalar", "addcmul"): "decay"}


class Formula:
    """Decorates a formula: positional parameters are tensors, keyword-only ones numbers, or flags if they default.

    ``formula.update(flag=True)`` is the update with its flags settled.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function
        code = function.__code__
        names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        flags = function.__kwdefaults__ or {}
        self.numbers = tuple([name for name in names if name not in flags])
        self.update = functools.cache(self._update)

    def _update(self, **flags: bool) -> "Update":
        return Update(self, flags)


class Update:
    """A formula with its flags settled: called with a tuple of tensors and one of numbers, in their order."""

    def __init__(self, formula: Formula, flags: dict[str, bool]) -> None:
        self.formula = formula
        self.flags = flags
        self.programs: dict[int, tuple] = {}  # by the number of tensors: program, constants, kernel

    def __call__(self, tensors: tuple, numbers: tuple) -> None:
        program, constants, on_device = self.programs.get(len(tensors)) or self._compile(len(tensors))
        if program.run(tensors, numbers + constants, get_num_threads()):
            return
        if not on_device(tensors, numbers + constants):
            self.by_operators(tensors, numbers)

    def by_operators(self, tensors: tuple, numbers: tuple) -> None:
        """The same, by the operators of tensors."""
        real = [tt.view_as_real(t) if t.is_complex() else t for t in tensors]
        self.formula.function(*real, **dict(zip(self.formula.numbers, numbers, strict=True)), **self.flags)

    def differentiably(self, tensors: tuple, numbers: tuple) -> None:
        """The same, recorded: on copies, so that what the graph saves is not written by the next step."""
        copies = tuple([t.clone() for t in tensors])
        self.by_operators(copies, numbers)
        for tensor, copy in zip(tensors, copies, strict=True):
            if copy._version:
                tensor.copy_(copy)

    def _compile(self, arrays: int) -> tuple[Any, tuple[float, ...], DeviceUpdate]:
        numbers = self.formula.numbers
        trace = _Trace(arrays, len(numbers))
        tensors = [_Value(trace, i) for i in range(arrays)]
        values = {name: _Number(i) for i, name in enumerate(numbers)}
        self.formula.function(*tensors, **values, **self.flags)
        code, buffers = trace.assembled()
        program = _C.Program(code, arrays, buffers, len(numbers) + len(trace.constants))
        name = self.formula.function.__name__.strip("_")
        on_device = DeviceUpdate(name, arrays, len(numbers) + len(trace.constants), trace.code)
        self.programs[arrays] = program, tuple(trace.constants), on_device
        return self.programs[arrays]


class _Number:
    """The number of this index, whatever it will be."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class _Trace:
    """Instructions as they are written down: code, out, operands, scalars, with a name for each value."""

    def __init__(self, arrays: int, numbers: int) -> None:
        self.arrays = arrays
        self.numbers = numbers
        self.values = arrays
        self.constants: list[float] = []
        self.code: list[tuple[str, int, tuple[int, ...], tuple[int, ...]]] = []

    def number(self, x: Any) -> int:
        if isinstance(x, _Number):
            return x.index
        if x not in self.constants:
            self.constants.append(float(x))
        return self.numbers + self.constants.index(x)

    def write(self, name: str, out: "_Value | None", operands: tuple, numbers: tuple = ()) -> "_Value":
        if out is None:
            out = _Value(self, self.values)
            self.values += 1
        indices = tuple([x.index for x in operands])
        self._append(name, out.index, indices, tuple([self.number(x) for x in numbers]))
        return out

    def _append(self, name: str, out: int, operands: tuple[int, ...], numbers: tuple[int, ...]) -> None:
        """Two steps on one value become one instruction where there is one."""
        pair = (self.code[-1][0], name) if self.code else None
        if pair in _PAIRS and self.code[-1][1] == out == operands[0] and out not in operands[1:]:
            _, _, (source, *_), scale = self.code.pop()
            name, operands, numbers = _PAIRS[pair], (source, *operands[1:]), scale + numbers
        self.code.append((name, out, operands, numbers))

    def assembled(self) -> tuple[bytes, int]:
        """The bytes of the program, and how many buffers it needs: a value's buffer is free after its last use."""
        last = {index: at for at, (_, out, operands, _) in enumerate(self.code) for index in (out, *operands)}
        place = {index: index for index in range(self.arrays)}
        free: list[int] = []
        buffers = self.arrays
        code = bytearray()
        for at, (op, out, operands, scalars) in enumerate(self.code):
            sources = [place[index] for index in operands]
            free += [place[index] for index in set(operands) if index >= self.arrays and last[index] == at]
            if out not in place:
                if not free:
                    free.append(buffers)
                    buffers += 1
                place[out] = free.pop()
            code += bytes([_CODES.index(op), place[out], *(sources + [0, 0, 0])[:3], *(list(scalars) + [0, 0])[:2]])
        return bytes(code), buffers


class _Value:
    """Stands for a tensor while a formula is traced."""

    __slots__ = ("index", "trace")

    def __init__(self, trace: _Trace, index: int) -> None:
        self.trace = trace
        self.index = index

    def _binary(self, name: str, out: "_Value | None", other: Any) -> "_Value":
        if isinstance(other, _Value):
            return self.trace.write(name, out, (self, other))
        return self.trace.write(name + "_scalar", out, (self,), (other,))

    def _add(self, out: "_Value | None", other: Any, alpha: Any) -> "_Value":
        if isinstance(other, _Value):
            return self.trace.write("add", out, (self, other), (alpha,))
        return self.trace.write("add_scalar", out, (self,), (other,))

    def add(self, other: Any, alpha: Any = 1.0) -> "_Value":
        return self._add(None, other, alpha)

    def add_(self, other: Any, alpha: Any = 1.0) -> "_Value":
        return self._add(self, other, alpha)

    def mul(self, other: Any) -> "_Value":
        return self._binary("mul", None, other)

    def mul_(self, other: Any) -> "_Value":
        return self._binary("mul", self, other)

    def div(self, other: Any) -> "_Value":
        return self._binary("div", None, other)

    def div_(self, other: Any) -> "_Value":
        return self._binary("div", self, other)

    def lerp_(self, end: "_Value", weight: Any) -> "_Value":
        return self.trace.write("lerp", self, (self, end), (weight,))

    def addcmul(self, tensor1: "_Value", tensor2: "_Value", value: Any = 1.0) -> "_Value":
        return self.trace.write("addcmul", None, (self, tensor1, tensor2), (value,))

    def addcmul_(self, tensor1: "_Value", tensor2: "_Value", value: Any = 1.0) -> "_Value":
        return self.trace.write("addcmul", self, (self, tensor1, tensor2), (value,))

    def addcdiv_(self, tensor1: "_Value", tensor2: "_Value", value: Any = 1.0) -> "_Value":
        return self.trace.write("addcdiv", self, (self, tensor1, tensor2), (value,))

    def clone(self) -> "_Value":
        return self.trace.write("copy", None, (self,))

    def copy_(self, src: "_Value") -> "_Value":
        return self.trace.write("copy", self, (src,))

    def clamp_(self, min: Any, max: Any) -> "_Value":
        return self.trace.write("clamp", self, (self,), (min, max))

    def masked_fill(self, mask: "_Value", value: Any) -> "_Value":
        return self.trace.write("masked_fill", None, (self, mask), (value,))

    def maximum(self, other: "_Value") -> "_Value":
        return self.trace.write("maximum", None, (self, other))

    def gt(self, other: Any) -> "_Value":
        return self.trace.write("gt", None, (self,), (other,))

    def lt(self, other: Any) -> "_Value":
        return self.trace.write("lt", None, (self,), (other,))

    def eq(self, other: Any) -> "_Value":
        return self.trace.write("eq", None, (self,), (other,))

    def sqrt(self) -> "_Value":
        return self.trace.write("sqrt", None, (self,))

    def abs(self) -> "_Value":
        return self.trace.write("abs", None, (self,))

    def neg(self) -> "_Value":
        return self.trace.write("neg", None, (self,))

    def sign(self) -> "_Value":
        return self.trace.write("sign", None, (self,))
