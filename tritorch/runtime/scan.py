"""The loop of scans: running combinations along one dim, of any strides, in an order that never changes.

Note [Scan kernels]: a program takes a tile of rows by elements along the dim, scans it, and carries the last column on
to the next tile. Where there are few rows and they are long, a row is split among programs: a first launch combines each
part to one, and in a second one each program starts from what the parts before its own give. No program waits for
another, so that the result is the same every time. The loop is written as source text around the operator's formulas,
as in Note [Pointwise kernels].
"""

from .array import empty
from .gpu import is_real
from .jit import Kernel, triton
from .launch import launch
from .pointwise import language_type, merged, written
from .reduce import PROGRAMS, given, given2, taken

__all__ = ["scan"]

_LOOPS: dict = {}


def _list(names):
    return ", ".join(names)


def _walk(rank, targets):
    """Lines that turn the number of a row into the offsets named ``targets``, by the steps named after them."""
    if not rank:
        return [f"    {t} = k * 0" for t in targets]
    lines = ["    rest = k"]
    for d in range(rank - 1, 0, -1):
        lines += [f"    k{d} = rest % n{d}", f"    rest = rest // n{d}"]
    lines.append("    k0 = rest")
    return [*lines, *(f"    {t} = " + " + ".join(f"k{d} * {t}_s{d}" for d in range(rank)) for t in targets)]


def _loop(title, totals, split, combine, map, finish, identities, types, compute, outs, rank):
    """The kernel for one shape of the work: ``totals`` combines each part to one, ``split`` starts from such."""
    accs = [f"a{i}" for i in range(len(types))]
    found, held = [f"s{i}" for i in range(len(types))], [f"m{i}" for i in range(len(types))]
    results = [f"p{i}" for i in range(len(types))] if totals else [f"out{i}" for i in range(len(outs))]
    partial = [f"p{i}" for i in range(len(types))] if split else []
    targets = ["base"] if totals else ["base", "place"]
    sizes = [f"n{d}" for d in range(1, rank)]
    steps = [f"{t}_s{d}" for t in targets for d in range(rank)]
    constants = [f"{n}: tl.constexpr" for n in ("ROWS", "COLS", "PARTS", "WIDE")]
    each = list(zip(identities, types, strict=True))

    def one(names):
        return names[0] if len(names) == 1 else f"({_list(names)})"

    lines = [
        f"def {title}({_list([*results, *partial, 'x', 'K', 'N', 'part', 'parts', *sizes, *steps, 'step', 'out_step', *constants])}):",
        "    k = tl.program_id(0) * ROWS + tl.arange(0, ROWS)",
        "    if WIDE: k = k.to(tl.int64)",
        *_walk(rank, targets),
        "    mine = tl.program_id(1)",
        "    begin = mine * part",
        "    end = tl.minimum(begin + part, N)",
    ]  # fmt: skip
    if split:
        lines += [
            "    before = tl.arange(0, PARTS)",
            "    known = (k < K)[:, None] & (before < mine)[None, :]",
            "    prefix = k[:, None] * parts + before[None, :]",
            *[f"    {a} = tl.load({p} + prefix, known, other={i})" for a, p, i in zip(accs, partial, identities, strict=True)],
            f"    {_list(accs)} = tl.reduce({one(accs)}, 1, {combine.__name__})",
        ]  # fmt: skip
    else:
        lines += [f"    {a} = tl.full([ROWS], {i}, {t})" for a, (i, t) in zip(accs, each, strict=True)]
    lines += [
        "    last = (tl.arange(0, COLS) == COLS - 1)[None, :]",
        "    for first in range(begin, end, COLS):",
        "        c = first + tl.arange(0, COLS)",
        "        live = (k < K)[:, None] & (c < end)[None, :]",
        "        if WIDE: c = c.to(tl.int64)",
        f"        v = tl.load(x + base[:, None] + (c * step)[None, :], live, other=0).to({compute})",
        f"        {_list(held)} = {map.__name__}(v, c[None, :])",
        *[f"        {m} = tl.where(live, {m}, {i}).to({t})" for m, (i, t) in zip(held, each, strict=True)],
    ]
    if totals:
        lines += [
            f"        {_list(found)} = tl.reduce({one(held)}, 1, {combine.__name__})",
            f"        {_list(accs)} = {combine.__name__}({_list([*accs, *found])})",
            *[f"    tl.store({p} + k * parts + mine, {a}, k < K)" for p, a in zip(results, accs, strict=True)],
        ]
    else:
        carried = [f"tl.broadcast_to({a}[:, None], [ROWS, COLS])" for a in accs]
        lines += [
            f"        {_list(found)} = tl.associative_scan({one(held)}, 1, {combine.__name__})",
            f"        {_list(found)} = {combine.__name__}({_list([*carried, *found])})",
            *[f"        {a} = tl.sum(tl.where(last, {s}, 0), 1).to({t})" for a, s, t in zip(accs, found, types, strict=True)],
            f"        {_list(f'r{i}' for i in range(len(outs)))} = {finish.__name__}({_list([*found, 'N'])})",
            "        at = place[:, None] + (c * out_step)[None, :]",
            *[f"        tl.store({o} + at, r{i}.to({t}), live)" for i, (o, t) in enumerate(zip(results, outs, strict=True))],
        ]  # fmt: skip
    scope = {f.__name__: f for f in (combine, map, finish)}
    return Kernel(written(f"{combine.__module__}.{title} scan {len(_LOOPS)}", title, lines, scope))


def _tile(rows, length, inner, types):
    """(rows, columns, parts): the tile of a program, and among how many a row is split."""
    room = (2048 if is_real() else 1 << 15) // len(types) // (2 if any(t.itemsize == 8 for t in types) else 1)
    if inner:
        columns = min(triton.next_power_of_2(length), room)
        height = max(1, min(triton.next_power_of_2(rows), room // columns))
    else:
        height = min(triton.next_power_of_2(rows), 32 if is_real() else room)
        columns = max(1, min(triton.next_power_of_2(length), room // height // (2 if is_real() else 1)))
    programs = triton.cdiv(rows, height)
    parts = 1
    if programs < PROGRAMS // 4:
        parts = min(triton.cdiv(PROGRAMS, programs), triton.cdiv(length, 4 * columns), 1024 // height)
    return height, columns, max(parts, 1)


def _backwards(x, dim):
    return x[(*(slice(None),) * dim, slice(None, None, -1))]


def scan(title, input, dim, outs, combine, identities, types, compute, map=taken, finish=None, reverse=False):
    """Combines the elements of ``input`` along ``dim`` with all that precede them.

    Args:
        title: the operator's name.
        input: an array on a device, of at least one dim.
        dim: the dim, from 0.
        outs: the NumPy dtypes of the results.
        combine: a kernel of two sets of accumulators, of what precedes and of what follows, that gives one; associative.
        identities: for each accumulator the text of what changes nothing when it is combined.
        types: the NumPy dtype of each accumulator, one or two.
        compute: the NumPy dtype that elements are cast to.
        map: a kernel of (element, its index along the dim) that gives a set of accumulators.
        finish: a kernel of (accumulators..., length) that gives the results; None: the accumulators.
        reverse: whether it goes from the end to the beginning; indices then count from the end.

    Returns:
        A list of arrays on the device, of the shape of ``input``, in C order.
    """
    finish = finish or (given if len(types) == 1 else given2)
    results = [empty(input.shape, dtype) for dtype in outs]
    if not input.size:
        return results
    model = results[0]
    source = _backwards(input, dim) if reverse else input
    targets = [_backwards(x, dim) for x in results] if reverse else results
    size = [n for d, n in enumerate(input.shape) if d != dim]
    strides = [[s // x.itemsize for d, s in enumerate(x.strides) if d != dim] for x in (source, model)]
    kept, (base, place) = merged(size, strides)
    step, out_step = source.strides[dim] // source.itemsize, targets[0].strides[dim] // model.itemsize
    length = input.shape[dim]
    rows = model.size // length
    inner = not base or abs(step) <= abs(base[-1])
    height, columns, parts = _tile(rows, length, inner, types)
    part = triton.cdiv(triton.cdiv(length, columns), parts) * columns
    parts = triton.cdiv(length, part)
    extent = 1 + sum(
        (n - 1) * abs(s) for n, s in zip(input.shape, (s // input.itemsize for s in input.strides), strict=True)
    )
    tile = {"ROWS": height, "COLS": columns, "WIDE": max(extent, model.size) >= 2**31 - columns}
    accumulators = [language_type(t) for t in types]
    stored = [language_type(t) for t in outs]
    partial = [empty((rows, parts), t) for t in types] if parts > 1 else []
    for totals in (True, False) if partial else (False,):
        formulas = combine, map, finish, tuple(identities)
        key = title, totals, bool(partial), *formulas, tuple(types), compute, tuple(outs), len(kept)
        if key not in _LOOPS:
            _LOOPS[key] = _loop(
                title, totals, bool(partial) and not totals, combine, map, finish, identities, accumulators,
                language_type(compute), stored, len(kept),
            )  # fmt: skip
        launch(
            _LOOPS[key], (triton.cdiv(rows, height), parts), *(partial if totals else [*targets, *partial]), source, rows,
            length, part, parts, *kept[1:], *base, *(() if totals else place), step, out_step,
            PARTS=triton.next_power_of_2(parts), **tile,
        )  # fmt: skip
    return results
