"""The kinds of operators: each is one loop with a blank, which an operator's ``cpu`` slot fills.
See Note [Half precision] in ``_op`` and Note [Blocks] in ``runtime.blocks``.
"""

import numpy as np

from .. import _C
from . import _samples
from ._device_kinds import reduction_loop, scan_loop
from ._elementwise import Activation, Elementwise, Function, Function2, promoted
from ._op import FLOAT32, Op, is_half, narrowed
from ._schema import Arg

__all__ = [
    "Activation",
    "Creation",
    "Elementwise",
    "Function",
    "Function2",
    "Like",
    "Reduction",
    "RowWise",
    "Scan",
    "View",
    "promoted",
]


class Reduction(Op, kind=True):
    """Many elements to one, along ``dim`` (None: all of them).

    ``cpu(input, dim, keepdim, ...)`` sees a tuple of dims. In derivatives ``grad`` and ``out`` keep the reduced
    dims, so that they broadcast against ``input``.

    On a GPU the slot ``cuda`` is a formula that combines two values, and ``identity`` the text of what changes nothing
    there; ``cuda_map`` (of an element and its index) makes a value of an element, ``cuda_finish`` (of a value and the
    count) the result, of the dtype that ``gives`` names, if it does. Or ``cuda`` is a function of arrays, as ``cpu`` is.

    Class keywords:
        code: the loop of ``_C.reduce`` that is the plain case, with the arguments ``(input, dim, keepdim)``.
        mean: True divides by how many elements are reduced to one.
        floats: True leaves integers and bools to the slow path.
        lift: dtype rule of integers: "int64" (sum), "" (kept).
        halves: True hands half-precision arrays as they are; ``cpu`` gives float32.
    """

    identity = "0"  # or "lowest", "highest": of the dtype
    gives = ""
    cuda_map = cuda_finish = None
    code = lift = ""
    mean = floats = halves = False
    samples = classmethod(_samples.reduction)

    @classmethod
    def loop(cls):
        cpu, lift, halves = cls.cpu, cls.lift, cls.halves
        names = [a.name for a in cls.args]
        wanted = names.index("dtype") if "dtype" in names else None

        def loop(input, *rest):
            dtype = rest[wanted - 1] if wanted is not None else None
            store = input.dtype
            if dtype is not None:
                input = input.astype(dtype.np, copy=False)
                store = dtype.np
            elif lift and store.kind in "biu":
                store = np.dtype(np.int64)
            half = cls.opmath and is_half(store)
            out = cpu(input.astype(FLOAT32) if half and not (halves and store.itemsize == 2) else input, *rest)
            if half:
                return narrowed(out, store)
            return out.astype(store) if wanted is not None and out.dtype != store else out

        return loop

    @classmethod
    def device_loop(cls):
        return reduction_loop(cls) or super().device_loop()

    @classmethod
    def fast(cls):
        return _C.Reducer(cls.code, cls.mean, cls.floats) if cls.code else None

    @classmethod
    def head_lines(cls):
        if not cls.code:
            return []
        plain = " and ".join(
            f"{a} is None" for a in ("out", "dtype") if a == "out" or any(b.name == a for b in cls.args)
        )
        return [
            f"    if {plain}:",
            "        r = reduce_tensor(FAST, input, dim, keepdim)",
            "        if r is not None: return r",
        ]

    fast_arguments = ("dim", "keepdim")
    backward_saves = ("dim", "keepdim", "input_shape")

    @classmethod
    def backward_prelude(cls, saved):
        lines = ["if not keepdim and 0 < len(dim) < len(input_shape): grad = keep_dims(grad, dim, input_shape)"]
        if "out" in saved:
            lines.append("if not keepdim and 0 < len(dim) < len(input_shape): out = keep_dims(out, dim, input_shape)")
        return lines


class Scan(Op, kind=True):
    """A running combination along one dim: ``cpu(input, dim, ...)``, of the shape of ``input``.

    On a GPU the slot ``cuda`` is a formula that combines two values, and ``identity`` the text of what changes nothing
    there. Or it is a function of arrays, as ``cpu`` is.

    Class keywords:
        lift: True computes with integers and bools as int64, unless ``dtype`` says otherwise.
        reverse: True goes from the end to the beginning; ``cpu`` sees to that itself.
    """

    identity = "0"
    lift = reverse = False
    samples = classmethod(_samples.along)

    @classmethod
    def loop(cls):
        cpu, lift = cls.cpu, cls.lift
        names = [a.name for a in cls.args]
        wanted = names.index("dtype") - 2 if "dtype" in names else None

        def loop(input, dim, *rest):
            store = input.dtype
            if wanted is not None and rest[wanted] is not None:
                store = rest[wanted].np
            elif lift and store.kind in "biu":
                store = np.dtype(np.int64)
            half = cls.opmath and is_half(store)
            input = np.asarray(input, FLOAT32 if half else store)
            out = cpu(input, dim, *rest) if input.ndim else input.copy()
            return out.astype(store) if half else out

        return loop

    @classmethod
    def device_loop(cls):
        return scan_loop(cls) or super().device_loop()


class RowWise(Op, kind=True):
    """Rows along one ``dim``, each from itself alone (softmax and its like).

    ``cpu(input, dim, ...)`` is called with all rows, ``dim`` = -1: it takes to threads itself.
    """

    samples = classmethod(_samples.along)

    @classmethod
    def loop(cls):
        cpu = cls.cpu
        names = [a.name for a in cls.args]
        wanted = names.index("dtype") if "dtype" in names else None

        def loop(input, dim, *rest):
            dtype = rest[wanted - 2] if wanted is not None else None
            if dtype is not None:
                input = input.astype(dtype.np, copy=False)
            store = input.dtype
            if input.size == 0:
                return input.copy()
            half = is_half(store)
            if half:
                input = input.astype(FLOAT32)
            elif dim == input.ndim - 1:
                return cpu(input, -1, *rest)
            line = input if input.ndim else input.reshape(1)
            out = np.moveaxis(cpu(np.moveaxis(line, dim, -1), -1, *rest), -1, dim).reshape(input.shape)
            return out.astype(store) if half else out

        return loop


class View(Op, kind=True):
    """Another window on the same storage: ``cpu`` returns a NumPy view of ``input``.

    Class keywords:
        multi: the operator returns a tuple of views, which may not be written in place under autograd.
        replay: the view's dtype is another, so that only the operator itself can make it again from its base.
        copies: ``cpu`` may return an array with memory of its own where there is no such window.
    """

    replay = copies = False

    has_out = False
    opmath = False
    arithmetic = False
    windows = True
    rebinds = True

    @classmethod
    def finish_lines(cls):
        if cls.multi:
            return ["    out_ = views(input, r)"]
        if cls.replay:
            plain = "".join(f", {a.name}" for a in cls.args[1:])
            return [f"    out_ = view(input, r, lambda base: OP.call(base{plain}))"]
        if cls.copies:
            return ["    out_ = wrap(r) if r.flags.owndata or is_copy(r, a_input) else view(input, r)"]
        return ["    out_ = view(input, r)"]


class Creation(Op, kind=True):
    """A new tensor from plain values. ``cpu`` gets ``dtype`` as a NumPy dtype.

    The function takes torch's ``dtype, layout, device, requires_grad, pin_memory`` beside the slot's own arguments;
    without ``dtype`` it is the default dtype, unless the slot's own ``dtype_rule`` (of the plain arguments) says otherwise.
    """

    has_out = True
    method = False
    opmath = False
    creates = True
    samples = classmethod(_samples.creation)

    @classmethod
    def loop(cls):
        return cls.cpu

    @classmethod
    def public_args(cls):
        extra = [Arg(n, "value", d, True) for n, d in CREATION_OPTIONS.items()]
        return [*cls.args, *extra]

    @classmethod
    def bind_lines(cls):
        lines = ["    where = place(device, NAME) if device is not None or moved else None"]
        names = [a.name for a in cls.args]
        if "dtype" not in names:
            return lines
        if cls.has_out:
            lines.append("    if out is not None: dtype = out_dtype(OP, out, dtype)")
        plain = ", ".join(n for n in names if n != "dtype")
        rule = f"OP.dtype_rule({plain})" if hasattr(cls, "dtype_rule") else "default_dtype()"
        return [*lines, f"    dtype = {rule}.np if dtype is None else as_dtype(dtype, NAME).np"]

    @classmethod
    def finish_lines(cls):
        pin = "    if pin_memory: out_ = out_.pin_memory()"
        return ["    out_ = wrap(r)", pin, "    if requires_grad: out_.requires_grad = True"]


class Like(Creation, kind=True):
    """A new tensor after the model of ``input``, whose dtype it takes unless another is given."""

    has_out = False
    samples = classmethod(_samples.like)

    @classmethod
    def bind_lines(cls):
        return [
            "    where = None if device is None else place(device, NAME, a_input)",
            "    dtype = a_input.dtype if dtype is None else as_dtype(dtype, NAME).np",
        ]


CREATION_OPTIONS = {"layout": None, "device": None, "requires_grad": False, "pin_memory": False}
