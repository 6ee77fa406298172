"""Elements picked from, put into and combined at places that index arrays on a device name.

Note [Places]: an index is a list of parts, one for each dim of the array: ``slice(None)``, or an array of integers; the
arrays are broadcast together, and the dims that they name stand where NumPy puts them. A kernel walks over the gathered
elements, adds what the index arrays say to the offset of each, and reads or writes there. A place out of range is
neither read nor written: it raises a flag, which is read back, and the loop for the CPU then says what is wrong.

Note [Combining in order]: where several elements go to one place, their places are sorted, equals in their order, and a
lane of a program walks along each run of equals. So the result is that of a loop over the elements in turn, every
time: there are no atomics.
"""

import numpy as np

from .._C import wrap
from ..runtime.array import DeviceArray, download, empty, upload
from ..runtime.jit import Kernel, tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import block_of, copy, language_type, merged, pointwise, written
from ..runtime.transfer import packed, to_host
from ._device_fill import filled
from ._sort_kernels import order_of_rows

__all__ = [
    "accumulate",
    "cast",
    "cloned",
    "flat_nonzero",
    "mean_of",
    "nonzero",
    "on_device",
    "on_host",
    "pick",
    "pick_along",
    "put",
    "put_along",
    "reduce_along",
]

ALL = slice(None)
_LOOPS: dict = {}


# -- the loop -------------------------------------------------------------------------------------------------------


def _loop(mode, rank, count, number, kind):
    """The kernel: ``count`` index arrays, ``mode`` one of pick, put, places. See Note [Places]."""
    arrays = [f"i{j}" for j in range(count)]
    operands = ["x", "base", *arrays]
    steps = [f"{name}_s{d}" for name in operands for d in range(rank) if not (name == "x" and number)]
    sizes = [f"n{d}" for d in range(1, rank)]
    limits = [f"{a}_{what}" for a in arrays for what in ("low", "size", "step")]
    names = ["x", "y", *arrays, "bad", "n", *sizes, *steps, *limits]
    lines = [
        f"def {mode}({', '.join(names)}, BLOCK: tl.constexpr):",
        "    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)",
        "    live = i < n",
        "    rest = i",
    ]
    for d in range(rank - 1, 0, -1):
        lines += [f"    k{d} = rest % n{d}", f"    rest = rest // n{d}"]
    lines.append("    k0 = rest")

    def offset(name):
        return " + ".join(f"k{d} * {name}_s{d}" for d in range(rank))

    lines += [f"    at = {offset('base')}", "    fits = live"]
    for a in arrays:
        lines += [
            f"    v = tl.load({a} + {offset(a)}, live, other=0).to(tl.int64)",
            f"    fits = fits & (v >= {a}_low) & (v < {a}_size)",
            f"    at = at + tl.where(v < 0, v + {a}_size, v) * {a}_step",
        ]
    lines.append("    tl.store(bad + i * 0, 1, live & (fits == 0))")
    if mode == "pick":
        lines.append(f"    tl.store(x + {offset('x')}, tl.load(y + at, fits, other=0), live)")
    elif mode == "put" and number:
        lines.append(f"    tl.store(y + at, tl.full([BLOCK], x, {kind}), fits)")
    elif mode == "put":
        lines.append(f"    tl.store(y + at, tl.load(x + {offset('x')}, live, other=0), fits)")
    else:
        lines.append(f"    tl.store(x + {offset('x')}, at.to({kind}), live)")
    if mode == "places":
        names.remove("y")
        lines[0] = f"def {mode}({', '.join(names)}, BLOCK: tl.constexpr):"
    return Kernel(written(f"{__name__}.{mode} {len(_LOOPS)}", mode, lines, {}))


def _walk(mode, shape, x, x_steps, y, base, indices, offset=0):
    """Runs the loop over ``shape``. ``indices``: (array, its steps, lowest place, size, step) each.

    Returns:
        False if a place was out of range.
    """
    count = 1
    for n in shape:
        count *= n
    if not count:
        return True
    number = x.__class__ is not DeviceArray
    strides = [base, *(i[1] for i in indices)] if number else [x_steps, base, *(i[1] for i in indices)]
    sizes, layout = merged(shape, strides)
    if not sizes:
        sizes, layout = [1], [[0] for _ in strides]
    kind = language_type(y.dtype if y is not None else x.dtype)
    key = (mode, len(sizes), len(indices), number, kind)
    if key not in _LOOPS:
        _LOOPS[key] = _loop(*key)
    bad = filled((1,), np.dtype(np.int32), 0)
    limits = [value for _, _, low, size, step in indices for value in (low, size, step)]
    arrays = [x] if y is None else [x, y]
    block = block_of(count)
    launch(
        _LOOPS[key], (triton.cdiv(count, block),), *arrays, *(i[0] for i in indices), bad, count, *sizes[1:],
        *(s for steps in layout for s in steps), *limits, BLOCK=block,
    )  # fmt: skip
    return not download(bad)[0]


def on_host(cpu, *args):
    """Raises the error that the loop for the CPU raises for what was found to be wrong."""
    cpu(*[to_host(x) for x in args])
    raise IndexError("index out of range")


def cast(array, dtype):
    """``array`` in another dtype."""
    if array.dtype == dtype:
        return array
    out = empty(array.shape, np.dtype(dtype))
    copy(out, array)
    return out


def cloned(array):
    """A packed copy."""
    out = empty(array.shape, array.dtype)
    copy(out, array)
    return out


def _steps(x):
    return [s // x.itemsize for s in x.strides]


def _whole(where, rank):
    return [*[ALL if isinstance(i, slice) else i for i in where], *[ALL] * (rank - len(where))]


def _arrays(where):
    return [i for i in where if i is not ALL]


def _gathered(array, where):
    """(shape of what is gathered, where the gathered dims begin in it, shape of the gathered dims)."""
    dims = [d for d, i in enumerate(where) if i is not ALL]
    common = np.broadcast_shapes(*[i.shape for i in _arrays(where)])
    rest = [n for d, n in enumerate(array.shape) if d not in dims]
    first = dims[0] if dims == list(range(dims[0], dims[-1] + 1)) else 0
    return (*rest[:first], *common, *rest[first:]), first, common


def _plan(array, where, low=-1):
    """(shape, steps of ``array`` in it, index arrays as :func:`_walk` takes them)."""
    where = _whole(where, array.ndim)
    shape, first, common = _gathered(array, where)
    steps = _steps(array)
    rest = [s for s, i in zip(steps, where, strict=True) if i is ALL]
    base = [*rest[:first], *[0] * len(common), *rest[first:]]
    before, after = [0] * first, [0] * (len(rest) - first)
    indices = []
    for d, i in enumerate(where):
        if i is not ALL:
            n = array.shape[d]
            wide = np.broadcast_to(i, common, subok=True)
            indices.append((i, [*before, *_steps(wide), *after], n * low, n, steps[d]))
    return shape, base, indices


def pick(array, where, low=-1):
    """A new array of the elements that ``where`` names, or None if a place is out of range; ``low`` 0 refuses negative
    ones."""
    shape, base, indices = _plan(array, where, low)
    out = empty(shape, array.dtype)
    return out if _walk("pick", shape, out, _steps(out), array, base, indices) else None


def put(array, where, values, low=-1):
    """Writes ``values``, an array that broadcasts, or a number, where ``where`` says; False if a place is out of range."""
    shape, base, indices = _plan(array, where, low)
    steps = None
    if values.__class__ is DeviceArray:
        steps = _steps(np.broadcast_to(values, shape, subok=True))
    return _walk("put", shape, values, steps, array, base, indices)


def _along(array, dim, index):
    steps = _steps(array)
    base = [0 if d == dim else s for d, s in enumerate(steps)]
    return base, [(index, _steps(index), 0, array.shape[dim], steps[dim])]


def pick_along(array, dim, index):
    """As :func:`pick`, by the rule of gather."""
    base, indices = _along(array, dim, index)
    out = empty(index.shape, array.dtype)
    return out if _walk("pick", index.shape, out, _steps(out), array, base, indices) else None


def put_along(array, dim, index, values):
    """As :func:`put`, by the rule of scatter."""
    base, indices = _along(array, dim, index)
    steps = _steps(values) if values.__class__ is DeviceArray else None
    return _walk("put", index.shape, values, steps, array, base, indices)


# -- combining ------------------------------------------------------------------------------------------------------


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def multiply(a, b):
    return a * b


@triton.jit
def maximum(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def minimum(a, b):
    return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def last(a, b):
    return b


COMBINE = {"add": add, "multiply": multiply, "maximum": maximum, "minimum": minimum, "last": last}


def _runs(combine, kind):
    """The kernel that walks along runs of equal places: see Note [Combining in order]."""
    lines = [
        "def runs(table, places, order, values, n, width, BLOCK: tl.constexpr):",
        "    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)",
        "    p = i // width",
        "    w = i % width",
        "    live = p < n",
        "    place = tl.load(places + p, live, other=-1).to(tl.int64)",
        "    before = tl.load(places + p - 1, live & (p > 0), other=-1).to(tl.int64)",
        "    first = live & (place != before)",
        f"    acc = tl.load(table + place * width + w, first, other=0).to({kind})",
        "    active = first",
        "    while tl.max(active.to(tl.int32), 0) > 0:",
        "        source = tl.load(order + p, active, other=0)",
        f"        value = tl.load(values + source * width + w, active, other=0).to({kind})",
        f"        acc = tl.where(active, {combine.__name__}(acc, value).to({kind}), acc)",
        "        p = p + 1",
        "        active = active & (tl.load(places + p, active & (p < n), other=-1).to(tl.int64) == place)",
        "    tl.store(table + place * width + w, acc.to(table.dtype.element_ty), first)",
    ]
    return Kernel(written(f"{__name__}.runs {len(_LOOPS)}", "runs", lines, {combine.__name__: combine}))


def _combine_rows(table, places, values, name):
    """``table[places[i]] = name(it, values[i])`` for each i in order. ``table`` and ``values`` are packed matrices."""
    rows, width = places.size, table.shape[1]
    if not rows * width:
        return
    order = order_of_rows(places.reshape(1, rows))
    ordered = empty((rows,), places.dtype)
    order = order.reshape(rows)
    _walk("pick", (rows,), ordered, [1], places, [0], [(order, [1], 0, rows, 1)])
    compute = table.dtype
    if compute.itemsize < 4:
        compute = np.dtype(np.int32 if compute.kind in "biu" else np.float32)
    if table.dtype == np.bool_ and name in ("add", "maximum"):
        name = "maximum"  # of bools, the sum is "or" and the product "and"
    elif table.dtype == np.bool_ and name == "multiply":
        name = "minimum"
    key = ("runs", name, compute)
    if key not in _LOOPS:
        _LOOPS[key] = _runs(COMBINE[name], language_type(compute))
    block = block_of(rows * width)
    launch(
        _LOOPS[key], (triton.cdiv(rows * width, block),), table, ordered, order, values, rows, width, BLOCK=block,
        num_warps=4,
    )  # fmt: skip


def _place_kind(count):
    return np.dtype(np.int32 if count < 2**31 else np.int64)


def accumulate(array, where, values, name="add", low=-1):
    """Combines ``values``, of the shape that is gathered, into the places that ``where`` names, in order. False if a
    place is out of range, and then nothing is written."""
    where = _whole(where, array.ndim)
    shape, first, common = _gathered(array, where)
    dims = [d for d, i in enumerate(where) if i is not ALL]
    rest = [d for d in range(array.ndim) if d not in dims]
    front = array.transpose(*dims, *rest)
    rows = width = 1
    for d in dims:
        rows *= array.shape[d]
    for d in rest:
        width *= array.shape[d]
    indices, step = [], rows
    for d in dims:
        n = array.shape[d]
        step = step // n if n else 0
        wide = np.broadcast_to(where[d], common, subok=True)
        indices.append((where[d], _steps(wide), n * low, n, step))
    places = empty(common, _place_kind(rows))
    if not _walk("places", common, places, _steps(places), None, [0] * len(common), indices):
        return False
    if not width:
        return True
    values = np.broadcast_to(values, shape, subok=True)
    moved = np.moveaxis(values, range(first, first + len(common)), range(len(common)))
    table = packed(front)
    _combine_rows(table.reshape(rows, width), places.reshape(-1), packed(moved).reshape(places.size, width), name)
    if not np.shares_memory(table, array):
        copy(front, table)
    return True


def reduce_along(array, dim, index, values, name):
    """Combines ``values``, of the shape of ``index``, into ``array`` by the rule of scatter. As :func:`accumulate`."""
    table = packed(array)
    base, indices = _along(table, dim, index)
    places = empty(index.shape, _place_kind(array.size))
    if not _walk("places", index.shape, places, _steps(places), None, base, indices):
        return False
    _combine_rows(table.reshape(table.size, 1), places.reshape(-1), packed(values).reshape(values.size, 1), name)
    if not np.shares_memory(table, array):
        copy(array, table)
    return True


def mean_of(total, count):
    """A mean out of a sum; integers are rounded down. ``count`` may be zero."""
    count, total = wrap(count).clamp(min=1), wrap(total)
    if total.dtype.is_floating_point:
        return total.div(count.to(total.dtype))._array
    return total.div(count.to(total.dtype), rounding_mode="floor")._array


# -- where the elements are not zero --------------------------------------------------------------------------------


@triton.jit
def is_true(value):
    if value.dtype == tl.bfloat16:  # which the interpreter compares as a number of another width
        value = value.to(tl.float32)
    return (value != 0).to(tl.int64)


@triton.jit
def count_true(out, x, n, BLOCK: tl.constexpr):
    """How many elements of each block are not zero."""
    program = tl.program_id(0).to(tl.int64)
    i = program * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, i < n, other=0)
    tl.store(out + program, tl.sum(is_true(v), 0))


@triton.jit
def running(out, x, n, BLOCK: tl.constexpr):
    """The sums of what precedes each element, and at the end of all: by one program."""
    total = tl.full([], 0, tl.int64)
    for first in range(0, n, BLOCK):
        i = first + tl.arange(0, BLOCK)
        v = tl.load(x + i, i < n, other=0)
        tl.store(out + i, total + tl.cumsum(v, 0) - v, i < n)
        total += tl.sum(v, 0)
    tl.store(out + n, total)


@triton.jit
def write_true(out, x, starts, n, BLOCK: tl.constexpr):
    """The places of the elements that are not zero, block by block."""
    program = tl.program_id(0).to(tl.int64)
    i = program * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, i < n, other=0)
    true = is_true(v)
    at = tl.load(starts + program) + tl.cumsum(true, 0) - true
    tl.store(out + at, i, (i < n) & (true != 0))


@triton.jit
def coordinate(place, step, size):
    return place // step % size


@triton.jit
def write_where_true(out, mask, source, starts, n, BLOCK: tl.constexpr):
    """The elements of ``source``, in their order, at the places where ``mask`` is true."""
    program = tl.program_id(0).to(tl.int64)
    i = program * BLOCK + tl.arange(0, BLOCK)
    true = is_true(tl.load(mask + i, i < n, other=0))
    at = tl.load(starts + program) + tl.cumsum(true, 0) - true
    live = (i < n) & (true != 0)
    tl.store(out + i, tl.load(source + at, live, other=0), live)


def _starts(array):
    """How many elements that are not zero precede each block, and their number at the end; the length of a block."""
    n = array.size
    block = min(block_of(n), 1 << 16)
    blocks = triton.cdiv(n, block)
    counts, starts = (empty((blocks + extra,), np.dtype(np.int64)) for extra in (0, 1))
    launch(count_true, (blocks,), counts, array, n, BLOCK=block)
    launch(running, (1,), starts, counts, blocks, BLOCK=min(triton.next_power_of_2(blocks), 1024))
    return starts, block


def flat_nonzero(array):
    """The places of the elements of the flat array that are not zero: a vector of int64. Waits for their number."""
    array = packed(array)
    if not array.size:
        return empty((0,), np.dtype(np.int64))
    starts, block = _starts(array)
    out = empty((int(download(starts[-1:])[0]),), np.dtype(np.int64))
    launch(write_true, (starts.size - 1,), out, array, starts, array.size, BLOCK=block)
    return out


def put_where_true(out, mask, source):
    """Writes the elements of ``source`` in their order where ``mask``, of the shape of ``out``, is true. Only where the
    source may be too short, it waits for their number; False if it is."""
    if not out.size:
        return True
    mask, source = packed(mask), packed(source)
    starts, block = _starts(mask)
    if source.size < mask.size and source.size < int(download(starts[-1:])[0]):
        return False
    target = out if out.flags.c_contiguous else cloned(out)
    launch(write_where_true, (starts.size - 1,), target, mask, source, starts, mask.size, BLOCK=block)
    if target is not out:
        copy(out, target)
    return True


def nonzero(array):
    """One vector of places for each dim."""
    flat, step, found = flat_nonzero(array), array.size, []
    for n in array.shape:
        step = step // n if n else 1
        out = empty(flat.shape, flat.dtype)
        pointwise(coordinate, [out], [flat, step, n], [flat.dtype] * 3)
        found.append(out)
    return found


def on_device(array):
    """An index array on the device: torch takes those on the host, too."""
    return array if array.__class__ is DeviceArray else upload(np.ascontiguousarray(array))
