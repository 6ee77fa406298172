"""The loop of pointwise kernels: one formula, any number of operands, any strides, broadcasting.

Note [Pointwise kernels]: for each shape of the work (how many operands and results, which are numbers, which are
strided or broadcast) the loop around the formula is written as source text, so that it holds nothing that the case
does not need: where all operands are contiguous there is no index arithmetic at all. Dims that lie evenly in all
operands are merged first. Formulas see values of the type that the operator computes in; what is stored is rounded
once.
"""

import linecache

import numpy as np

from .array import DeviceArray
from .gpu import is_real
from .jit import Kernel, tl, triton
from .launch import launch, triton_type

__all__ = ["block_of", "copy", "merged", "pointwise", "written"]

BLOCK = 1024  # elements a program takes on a GPU
_LOOPS: dict = {}
_FLAT: dict = {}


def block_of(count):
    """Elements a program takes. The simulated device runs programs in turn, so that few large ones are best there."""
    return BLOCK if is_real() else min(max(triton.next_power_of_2(count), 16), 1 << 18)


def language_type(dtype):
    """The name in Triton's language of a NumPy dtype: ``tl.float32``."""
    short = triton_type(dtype)
    words = {"i": "int", "u": "uint", "fp": "float", "bf": "bfloat"}
    if short.startswith("fp8"):
        return "tl.float8" + short[3:]
    letters = short.rstrip("0123456789")
    return f"tl.{words[letters]}{short[len(letters) :]}"


def merged(shape, strides):
    """``shape`` without dims of size 1 and with evenly spaced neighbours as one, and the strides of each operand in it."""
    sizes: list = []
    steps: list = []  # for each size, the stride of every operand
    for n, *along in zip(shape, *strides, strict=True):
        if n == 1:
            continue
        if sizes and all(outer == inner * n for outer, inner in zip(steps[-1], along, strict=True)):
            sizes[-1] *= n
            steps[-1] = along
        else:
            sizes.append(n)
            steps.append(along)
    return sizes, [[step[k] for step in steps] for k in range(len(strides))]


def written(title, name, lines, scope):
    """The function that ``lines``, our own source, make. ``inspect`` finds its text, as Triton must."""
    source = "\n".join(lines) + "\n"
    filename = f"<tritorch kernel {title}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    made: dict = {}
    exec(compile(source, filename, "exec"), {"__name__": __name__, "tl": tl, "triton": triton, **scope}, made)
    return made[name]


def _loop(formula, roles, rank, outs, compute):
    """The kernel for one shape of the work: see Note [Pointwise kernels].

    Args:
        roles: for each operand of the formula ("flat" | "strided", None), ("number", None) or ("literal", its text).
        outs: for each result ("flat" | "strided", its type).
        compute: for each operand the type it is cast to, or None.
    """
    title = formula.__qualname__.removesuffix(".cuda").rpartition(".")[2]
    results = [f"out{i}" for i in range(len(outs))]
    names = list(formula.params)
    given = [n for n, (role, _) in zip(names, roles, strict=True) if role != "literal"]
    strided = [n for n, (role, _) in zip([*results, *names], [*outs, *roles], strict=True) if role == "strided"]
    sizes = [f"n{d}" for d in range(1, rank)] if strided else []
    steps = [f"{n}_s{d}" for n in strided for d in range(rank)]
    lines = [
        f"def {title}({', '.join([*results, *given, 'n', *sizes, *steps])}, BLOCK: tl.constexpr, WIDE: tl.constexpr):",
        "    program = tl.program_id(0)",
        "    if WIDE: program = program.to(tl.int64)",
        "    i = program * BLOCK + tl.arange(0, BLOCK)",
        "    live = i < n",
    ]
    if strided:
        lines.append("    rest = i")
        for d in range(rank - 1, 0, -1):
            lines += [f"    k{d} = rest % n{d}", f"    rest = rest // n{d}"]
        lines.append("    k0 = rest")

    def place(name):
        return " + ".join([name, *(f"k{d} * {name}_s{d}" for d in range(rank))]) if name in strided else f"{name} + i"

    values = []
    for name, (role, text), kind in zip(names, roles, compute, strict=True):
        if role == "literal":
            values.append(text)
            continue
        values.append(f"v_{name}")
        lines.append(f"    v_{name} = {name if role == 'number' else f'tl.load({place(name)}, live, other=0)'}")
        if kind:
            lines.append(f"    v_{name} = v_{name}.to({kind})")
    gives = ", ".join(f"r{i}" for i in range(len(outs)))
    lines.append(f"    {gives} = {formula.__name__}({', '.join(values)})")
    for i, (_, kind) in enumerate(outs):
        lines.append(f"    tl.store({place(results[i])}, r{i}.to({kind}), live)")
    return Kernel(written(f"{formula.__module__}.{title} {len(_LOOPS)}", title, lines, {formula.__name__: formula}))


def _strides(x, shape):
    """The strides in elements of ``x`` broadcast to ``shape``."""
    missing = len(shape) - x.ndim
    size = x.itemsize
    return [0] * missing + [0 if n == 1 else s // size for n, s in zip(x.shape, x.strides, strict=True)]


def pointwise(formula, outs, operands, compute):
    """Runs ``formula`` for every element of ``outs``, which have one shape, to which the operands are broadcast.

    Args:
        formula: a kernel of values; it returns as many as there are results.
        outs: the arrays on a device that are written.
        operands: for each parameter of the formula an array on the device, a number, or what is a constant of the
            kernel (None, a bool, a string).
        compute: for each parameter the NumPy dtype that it is cast to, or None: as it is.
    """
    shape = outs[0].shape
    count = outs[0].size
    if count == 0:
        return
    flat = all(x.flags.c_contiguous for x in outs)
    kinds, arrays, values = [formula, *compute, *[x.dtype for x in outs]], [*outs], [*outs]
    for x, kind in zip(operands, compute, strict=True):
        if x.__class__ is DeviceArray:
            kinds.append(x.dtype)
            arrays.append(x)
            values.append(x)
            flat = flat and x.shape == shape and x.flags.c_contiguous
        elif x is None or x.__class__ is bool or x.__class__ is str:
            kinds.append(repr(x))
        else:
            kinds.append(x.__class__)
            values.append(_number(x, kind))
    if flat:
        key = tuple(kinds)  # decides the loop, where nothing is strided
        loop = _FLAT.get(key)
        if loop is not None:
            block = block_of(count)
            launch(loop, (-(-count // block),), *values, count, BLOCK=block, WIDE=count >= 2**31 - block)
            return
        sizes, layout = [count], [None] * len(arrays)
    else:
        sizes, layout = merged(shape, [_strides(x, shape) for x in arrays])
        layout = [None if _is_flat(sizes, steps) else steps for steps in layout]
    extent = max([count, *(_extent(sizes, s) for s in layout if s is not None)])
    flags = iter(layout)
    out_roles = tuple(("flat" if next(flags) is None else "strided", language_type(o.dtype)) for o in outs)
    roles = []
    for x in operands:
        if x.__class__ is DeviceArray:
            roles.append(("flat" if next(flags) is None else "strided", None))
        elif x is None or x.__class__ is bool or x.__class__ is str:
            roles.append(("literal", repr(x)))
        else:
            roles.append(("number", None))
    casts = tuple(None if kind is None else language_type(kind) for kind in compute)
    key = (formula, tuple(roles), out_roles, len(sizes), casts)
    loop = _LOOPS.get(key)
    if loop is None:
        loop = _LOOPS[key] = _loop(formula, roles, len(sizes), out_roles, casts)
    strided = [s for s in layout if s is not None]
    extra = [*sizes[1:], *(step for steps in strided for step in steps)] if strided else []
    block = block_of(count)
    if flat:
        _FLAT[tuple(kinds)] = loop
    launch(loop, (-(-count // block),), *values, count, *extra, BLOCK=block, WIDE=extent >= 2**31 - block)


def _is_flat(sizes, steps):
    expected = 1
    for n, s in zip(reversed(sizes), reversed(steps), strict=True):
        if s != expected:
            return False
        expected *= n
    return True


def _extent(sizes, steps):
    return 1 + sum((n - 1) * abs(s) for n, s in zip(sizes, steps, strict=True))


def _number(x, kind):
    """A number as an argument: in double precision where the kernel computes so."""
    if isinstance(x, float):
        return np.float64(x) if kind is None or kind.kind in "iu" or kind.itemsize == 8 else x
    return x


@triton.jit
def same(value):
    return value


def copy(target, source):
    """Writes ``source``, broadcast and cast, into ``target``; both are on one device."""
    kind = None if source.dtype == target.dtype else target.dtype
    pointwise(same, [target], [source], [kind])
