"""Runs a function once on symbols: its operators note what they would compute, forward and backward.

Note [Symbols]: a symbol is an array of a shape, strides and a dtype that has no data. A tensor of one goes through the
operators themselves, so that promotion, broadcasting, 0-dim rules, composites and errors are theirs; where an operator
would hand its arrays to its loop, ``symbol_loops`` has one that makes a :class:`graph.Value` (csrc/bindings/context.cpp,
Note [Dispatch]). The graph that autograd records on the way is walked by the engine itself, on symbols again, which
gives backward. What no plan can hold raises :class:`Unfusable` with the author's line.
"""

import linecache
import math
import os
import sys
import threading
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import _C
from ..ops import _device
from ..ops._kinds import Elementwise, Reduction, RowWise
from ..ops._op import REGISTRY
from ..runtime.device import cpu
from ..shape import broadcast
from .graph import Const, Value

__all__ = ["Trace", "Unfusable", "like", "symbol", "value_of"]

OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_state = threading.local()


class Unfusable(RuntimeError):
    """What a function does that no plan can hold: ``reason``, at the author's ``line``."""

    def __init__(self, reason, line=None):
        self.reason, self.line = reason, line or author_line()
        where = f" ({self.line[0]}:{self.line[1]}: {self.line[2]})" if self.line else ""
        super().__init__(f"{reason}{where}")


def author_line():
    """(file, number, text) of the line outside of this package that is running."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((OURS, "<tritorch")) and "importlib" not in name:
            return name, frame.f_lineno, linecache.getline(name, frame.f_lineno).strip()
        frame = frame.f_back
    return None


def current():
    trace = getattr(_state, "trace", None)
    if trace is None:
        raise RuntimeError("a symbol of a traced function was used after the trace had ended")
    return trace


def _line():
    return None if current().backward else author_line()


def _refuse(name):
    def method(self, *args, **kwargs):
        raise Unfusable(f"{name} reads values on the host")

    return method


class SymbolArray(np.ndarray):
    """A window on a value that is not computed yet."""

    value: Value | None = None
    place = cpu

    def __array_finalize__(self, source):
        self.place = getattr(source, "place", cpu)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        raise Unfusable(f"NumPy's {ufunc.__name__} reads values on the host")

    def __array_function__(self, function, types, args, kwargs):
        if function in _WINDOWS:
            return super().__array_function__(function, types, args, kwargs)
        raise Unfusable(f"NumPy's {function.__name__} reads values on the host")

    def reshape(self, *shape, **options):
        """Another shape of the same window; what would copy is refused."""
        try:
            return super().reshape(*shape, **{**options, "copy": False})
        except ValueError as error:
            if "copy" not in str(error):
                raise
            raise Unfusable("a reshape that copies is not fused") from None

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        if any(isinstance(i, (np.ndarray, list)) for i in index):
            raise Unfusable("indexing by a tensor is not fused")
        return super().__getitem__(index if Ellipsis in index else (*index, Ellipsis))

    def __setitem__(self, index, value):
        """Where operators write in place: a value made inside the function becomes another."""
        if not (index is Ellipsis or index == () or index == slice(None)):
            raise Unfusable("writing into a part of a tensor is not fused")
        _rebind(self, value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"SymbolArray(shape={self.shape}, dtype={self.dtype})"

    __str__ = __repr__


for _name in (
    "all any argmax argmin argpartition argsort astype byteswap choose clip compress copy cumprod cumsum dot dump dumps "
    "fill flatten item max mean min nonzero partition prod put repeat round searchsorted sort std sum take tobytes tofile "
    "tolist trace var __bool__ __int__ __float__ __complex__ __index__ __contains__ __array__ __reduce_ex__"
).split():
    setattr(SymbolArray, _name, _refuse(_name.strip("_")))

_WINDOWS = frozenset((
    np.moveaxis, np.swapaxes, np.transpose, np.expand_dims, np.squeeze, np.diagonal, np.shape, np.ndim, np.size,
    np.broadcast_to, np.reshape, np.split, np.array_split, np.may_share_memory, np.shares_memory, np.rollaxis,
))  # fmt: skip
_C.set_symbol_array(SymbolArray)


def _root(array):
    while array.value is None:
        array = array.base
        if not isinstance(array, SymbolArray):
            raise Unfusable("the window of a symbol has no owner")
    return array


def value_of(array):
    """The value that a symbol stands for: its own, or a window on that of the array it is a window on."""
    if array.value is not None:
        return array.value
    root = _root(array)
    value = root.value
    offset = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    if array.shape == root.shape and array.strides == root.strides and offset == 0:
        return value
    trace = current()
    key = (value, array.shape, array.strides, offset)
    found = trace.windows.get(key)
    if found is None:
        if value.op is None and value.window is None and not _keeps_order(root, array, offset):
            found = Value(None, (), array.shape, array.dtype, author_line(), name=value.name)
            found.window = (value, offset, array.strides)
            trace.inputs.append(found)
        elif _keeps_order(root, array, offset):
            found = Value("view", (value, _pattern(root, array)), array.shape, array.dtype, _line())
        else:
            raise Unfusable("a transposed or sliced intermediate is not fused")
        trace.windows[key] = found
    return found


def _keeps_order(root, array, offset):
    """Whether ``array`` is ``root`` but for dims of length one, put in, taken out or repeated."""

    def steps(x):
        return [(n, s) for n, s in zip(x.shape, x.strides, strict=True) if n != 1 and s != 0]

    return offset == 0 and array.dtype == root.dtype and steps(root) == steps(array)


def _pattern(root, array):
    """For each dim of a view that keeps the order the dim of its root that it is; None for one that is put in."""
    left = [d for d, (n, s) in enumerate(zip(root.shape, root.strides, strict=True)) if n != 1 and s != 0]
    return tuple([left.pop(0) if n != 1 and s != 0 else None
                  for n, s in zip(array.shape, array.strides, strict=True)])  # fmt: skip


def _rebind(target, value):
    root = _root(target)
    if target is not root or root.value.op is None:
        raise Unfusable("writing into an input in place is not fused" if root.value.op is None else
                        "writing into a view in place is not fused")  # fmt: skip
    made = value_of(value) if isinstance(value, SymbolArray) else None
    if made is None:
        raise Unfusable("writing host values into a tensor in place is not fused")
    if made.dtype != target.dtype or made.shape != target.shape:
        raise Unfusable("writing another shape or dtype in place is not fused")
    root.value = made


class _Loops(dict):
    """The table of loops for symbols: Note [Dispatch] in csrc/bindings/context.cpp."""

    def __missing__(self, loop):
        if loop not in _device._owners:
            raise Unfusable(f"{loop.__name__.strip('_')} is not fused")
        op, inplace = _device._owners[loop]
        note = _noter(op)

        def noted(*args, into=None):
            made = note(op, args)
            if inplace:
                _rebind(args[0], made)
            return made

        self[loop] = noted
        return noted


_C.set_symbol_loops(_Loops())


def _noter(op):
    if issubclass(op, Elementwise):
        return _elementwise
    if op.windows:
        return _window
    if issubclass(op, Reduction):
        return _reduction
    if op.path in _SHAPES:
        return _SHAPES[op.path]
    if issubclass(op, RowWise):
        return _row_wise

    def refuse(op, args):
        raise Unfusable(f"{op.path} is not fused")

    return refuse


def symbol(value, place):
    """An array for a value. Its memory is address space that nothing touches."""
    made = np.empty(value.shape, value.dtype).view(SymbolArray)
    made.value, made.place = value, place
    return made


def _argument(x):
    if isinstance(x, SymbolArray):
        return value_of(x)
    if isinstance(x, np.ndarray):
        if x.__class__ is not np.ndarray or x.ndim:
            raise Unfusable("a tensor that is not an argument of the function is not fused: pass it as one")
        return Const(x.copy())
    return x


def _place_of(args):
    return next(x.place for x in args if isinstance(x, SymbolArray))


def _make(op, args, shape, dtype):
    if np.dtype(dtype).kind == "c":
        raise Unfusable(f"{op.path} of complex numbers is not fused")
    value = Value(op, tuple([_argument(x) for x in args]), shape, dtype, _line())
    return symbol(current().shared(value), _place_of(args))


def _elementwise(op, args):
    count = sum(1 for a in op.args if a.is_tensor)
    operands = args[:count]
    _, store, _ = op.plan(operands)
    shape = broadcast(*[x.shape for x in operands if isinstance(x, np.ndarray)])
    return _make(op, args, shape, store)


def _window(op, args):
    source = args[0]
    made = op.cpu(*args)
    if isinstance(made, SymbolArray) and _base_of(made) is _root(source):
        return made
    raise Unfusable(f"{op.path}, which copies here, is not fused")


def _base_of(array):
    while isinstance(array, SymbolArray) and array.value is None:
        array = array.base
    return array


def _tiny(args):
    """Arrays of one element in the place of symbols: what dtype comes out does not depend on sizes."""
    return [np.zeros((1,) * x.ndim, x.dtype) if isinstance(x, SymbolArray) else x for x in args]


def _reduction(op, args):
    input, dims, keepdim = args[:3]
    if input.ndim == 0:
        raise Unfusable(f"{op.path} of a tensor without dims is not fused")
    names = [a.name for a in op.args]
    if names[1:3] != ["dim", "keepdim"]:
        raise Unfusable(f"{op.path} is not fused")
    made = _C.run(op.loop(), *_tiny(args))
    if not isinstance(made, np.ndarray) and not np.isscalar(made):
        raise Unfusable(f"{op.path} is not fused")
    over = range(input.ndim) if dims is None else dims if isinstance(dims, tuple) else (dims,)
    if 0 in input.shape:
        raise Unfusable(f"{op.path} of an empty tensor is not fused")
    kept = [1 if d in over else n for d, n in enumerate(input.shape)]
    out = _make(op, (input, tuple(over), True, *args[3:]), kept, np.asarray(made).dtype)
    return out if keepdim else out.reshape([n for d, n in enumerate(kept) if d not in over])


def _masked_fill(op, args):
    """As ``where``."""
    input, mask, value = args[:3]
    if isinstance(value, SymbolArray) or mask.dtype != np.bool_:
        raise Unfusable(f"{op.path} of such operands is not fused")
    made = _elementwise(REGISTRY["where"], (mask, value, input))
    if made.dtype != input.dtype or made.shape != input.shape:
        raise Unfusable(f"{op.path} of such operands is not fused")
    return made


def _row_wise(op, args):
    input, dim = args[:2]
    if dim != input.ndim - 1 or not input.size:
        raise Unfusable(f"{op.path} along another dim than the last is not fused")
    return _make(op, args, input.shape, _C.run(op.loop(), *_tiny(args)).dtype)


def _cast(op, args):
    return _make(op, args, args[0].shape, args[1].np)


def _of_first(op, args):
    dim = args[2]
    if dim != args[0].ndim - 1 or not args[0].size:
        raise Unfusable(f"{op.path} along another dim than the last is not fused")
    return _make(op, args, args[0].shape, args[0].dtype)


def _several(op, args, shapes):
    parts = [Value(op, tuple([_argument(x) for x in args]), s, args[0].dtype, _line(), i) for i, s in enumerate(shapes)]
    for part in parts:
        part.siblings = tuple(parts)
    return [symbol(part, _place_of(args)) for part in parts]


def _standardize(op, args):
    input, weight, bias, dim = args[:4]
    rows = input.ndim - len(dim)
    if dim != tuple(range(rows, input.ndim)) or not input.size:
        raise Unfusable(f"{op.path} over other dims than the last is not fused")
    if input.dtype.kind != "f" or input.dtype.itemsize < 4:
        raise Unfusable(f"{op.path} in half precision is not fused")
    for x in (weight, bias):
        if x is not None and (x.dtype != input.dtype or x.shape != input.shape[rows:]):
            raise Unfusable(f"{op.path} with other dtypes or shapes of weights is not fused")
    kept = (*input.shape[:rows], *(1,) * len(dim))
    return _several(op, args, [input.shape, kept, kept])


def _standardize_back(op, args):
    input, dim, affine = args[1], args[5], args[8]
    if dim != tuple(range(input.ndim - len(dim), input.ndim)) or not dim:
        raise Unfusable(f"{op.path} over other dims than the last is not fused")
    if input.place.type != "cpu":
        return _standardize_back_of_parts(args[0], input, args[2], args[3], args[4], dim, affine)
    count = math.prod(input.shape[d] for d in dim) if affine else 0
    return _several(op, args, [input.shape, (count,), (count,)])


def _standardize_back_of_parts(grad, input, weight, mean, rstd, dim, affine):
    """The same by pointwise operators and reductions, for which kernels have formulas."""

    def pointwise(name, a, b):
        return _elementwise(REGISTRY[name], (a, b, 1) if name == "sub" else (a, b))

    def average(x):
        return _reduction(REGISTRY["mean"], (x, dim, True, None))

    unit = pointwise("mul", pointwise("sub", input, mean), rstd)
    scaled = grad if weight is None else pointwise("mul", grad, weight)
    along = pointwise("mul", unit, average(pointwise("mul", scaled, unit)))
    out = [pointwise("mul", rstd, pointwise("sub", pointwise("sub", scaled, average(scaled)), along))]
    rows, op = tuple(range(input.ndim - len(dim))), REGISTRY["standardize_back"]
    if not affine:
        return [*out, *[symbol(Value(op, (), (0,), input.dtype), input.place) for _ in range(2)]]
    sums = [_reduction(REGISTRY["sum"], (x, rows, False, None)) for x in (pointwise("mul", grad, unit), grad)]
    return [*out, *[x.reshape(-1) for x in sums]]


def _mask(op, args):
    trace = current()
    made = _make(op, args, args[0].shape, args[0].dtype)
    trace.random.append(made.value)
    return made


_SHAPES = {
    "to": _cast, "softmax_backward": _of_first, "log_softmax_backward": _of_first, "standardize": _standardize,
    "standardize_back": _standardize_back,     "dropout_mask": _mask, "masked_fill": _masked_fill,
}  # fmt: skip


class Trace:
    """One run of a function on symbols.

    Attributes:
        inputs: the values of the tensor arguments; ``needs`` whether each wants a gradient.
        outputs: the values it returned; ``gradients`` those that arrive, ``results`` what backward gives, or None.
    """

    def __init__(self, arrays, names, needs):
        self.windows, self.known, self.random = {}, {}, []
        self.names, self.needs = names, needs
        self.inputs, self.symbols = [], []
        for array, name in zip(arrays, names, strict=True):
            value = Value(None, (), array.shape, array.dtype, name=name)
            made = array.view(SymbolArray)
            made.value = value
            self.inputs.append(value)
            self.symbols.append(made)
        self.arguments = list(self.inputs)
        self.outputs, self.gradients = [], []
        self.results: list[Any] = []
        self.backward = False  # whether what runs now is backward: then no line is the author's

    @contextmanager
    def running(self):
        """Symbols note what is done with them, in this thread."""
        before, _state.trace = getattr(_state, "trace", None), self
        try:
            yield self
        finally:
            _state.trace = before

    def shared(self, value):
        """The value that is the same as this one, if there is one: common subexpressions are computed once."""
        if value.op is not None and getattr(value.op, "path", "") in ("dropout_mask",):
            return value
        key = (value.op, tuple([_key(x) for x in value.args]), value.shape, value.dtype)
        return self.known.setdefault(key, value)


def like(x):
    """An array that promotes as an operand does."""
    if isinstance(x, Value):
        return np.empty((1,) * len(x.shape), x.dtype)
    return x.array if isinstance(x, Const) else x


def _key(x):
    if isinstance(x, Const):
        return (x.array.dtype, x.array.tobytes())
    return x if isinstance(x, Value) else (x.__class__, x if x.__hash__ else repr(x), str(x))
