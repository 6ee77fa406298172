"""The loop of reductions: many elements to one, along any dims of any strides, in an order that never changes.

Note [Reduction kernels]: a program takes a tile of kept elements by reduced elements, walks along the reduced ones and
combines element by element; the tile is combined along its second axis at the end. Where few elements are kept, the
reduced ones are split among programs and what these give is combined by a second launch: no atomics, so that the
result is the same every time. The loop is written as source text around the operator's formulas, as in
Note [Pointwise kernels].
"""

import numpy as np

from .array import empty
from .gpu import is_real
from .jit import Kernel, triton
from .launch import launch
from .pointwise import language_type, merged, written

__all__ = ["reduce"]

PROGRAMS = 528  # enough to fill a large GPU a few times over
_LOOPS: dict = {}


@triton.jit
def taken(value, index):
    return value


@triton.jit
def given(value, count):
    return value


def _tuple(names):
    return ", ".join(names)


def _walk(out, linear, sizes, prefix):
    """Lines that turn a linear index into an offset by the sizes and steps named ``prefix``."""
    rank = len(sizes)
    if not rank:
        return [f"    {out} = {linear} * 0"]
    lines = [f"    {prefix}_rest = {linear}"]
    terms = []
    for d in range(rank - 1, 0, -1):
        lines += [
            f"    {prefix}_i{d} = {prefix}_rest % {prefix}_n{d}",
            f"    {prefix}_rest = {prefix}_rest // {prefix}_n{d}",
        ]
        terms.append(f"{prefix}_i{d} * {prefix}_s{d}")
    return [*lines, f"    {out} = {' + '.join([f'{prefix}_rest * {prefix}_s0', *terms])}"]


def _more(formula, count, numbers):
    """The plain numbers among the arguments of a formula, which follow ``count`` others."""
    return numbers if len(formula.params) > count else []


def _loop(title, combine, map, finish, identities, types, compute, outs, kept, reduced, numbers):
    """The kernel for one shape of the work: see Note [Reduction kernels]."""
    count = len(types)
    accs = [f"a{i}" for i in range(count)]
    results = [f"out{i}" for i in range(len(outs))]
    sizes = [f"k_n{d}" for d in range(1, len(kept))] + [f"r_n{d}" for d in range(1, len(reduced))]
    steps = [f"k_s{d}" for d in range(len(kept))] + [f"r_s{d}" for d in range(len(reduced))]
    ROWS, COLS, WIDE = (f"{n}: tl.constexpr" for n in ("ROWS", "COLS", "WIDE"))
    lines = [
        f"def {title}({_tuple([*results, 'x', 'K', 'R', 'part', *sizes, *steps, *numbers, ROWS, COLS, WIDE])}):",
        "    k = tl.program_id(0) * ROWS + tl.arange(0, ROWS)",
        "    if WIDE: k = k.to(tl.int64)",
        *_walk("base", "k", kept, "k"),
        "    begin = tl.program_id(1) * part",
        "    end = tl.minimum(begin + part, R)",
        *[f"    {a} = tl.full([ROWS, COLS], {i}, {t})" for a, i, t in zip(accs, identities, types, strict=True)],
        "    for first in range(begin, end, COLS):",
        "        r = first + tl.arange(0, COLS)",
        "        live = (k < K)[:, None] & (r < end)[None, :]",
        "        if WIDE: r = r.to(tl.int64)",
        *["    " + line for line in _walk("offset", "r", reduced, "r")],
        f"        v = tl.load(x + base[:, None] + offset[None, :], live, other=0).to({compute})",
        f"        {_tuple(f'm{i}' for i in range(count))} = {map.__name__}({_tuple(['v', 'r[None, :]', *_more(map, 2, numbers)])})",
        *[f"        m{i} = tl.where(live, m{i}, {ident}).to({t})" for i, (ident, t) in enumerate(zip(identities, types, strict=True))],
        f"        {_tuple(accs)} = {combine.__name__}({_tuple([*accs, *(f'm{i}' for i in range(count))])})",
        f"    {_tuple(accs)} = tl.reduce({accs[0] if count == 1 else f'({_tuple(accs)})'}, 1, {combine.__name__})",
        f"    {_tuple(f'r{i}' for i in range(len(outs)))} = {finish.__name__}({_tuple([*accs, 'R', *_more(finish, count + 1, numbers)])})",
        *[f"    tl.store({o} + tl.program_id(1) * K + k, r{i}.to({t}), k < K)" for i, (o, t) in enumerate(zip(results, outs, strict=True))],
    ]  # fmt: skip
    scope = {f.__name__: f for f in (combine, map, finish)}
    return Kernel(written(f"{combine.__module__}.{title} {len(_LOOPS)}", title, lines, scope))


def _tile(kept, reduced, inner_reduced, types):
    """(rows, columns, parts): the tile of a program, and among how many the reduced elements are split."""
    wide = sum(t.itemsize == 8 for t in types)  # the accumulators of a tile are to stay in registers
    room = 4096 // (1, 2, 4, 8)[wide] if is_real() else 1 << 16
    if inner_reduced:
        columns = min(triton.next_power_of_2(reduced), room // 2 if is_real() else room)
        rows = max(1, min(triton.next_power_of_2(kept), room // columns // 4 if is_real() else room // columns))
    else:
        rows = min(triton.next_power_of_2(kept), 128 if is_real() else room)
        columns = max(1, min(triton.next_power_of_2(reduced), room // rows))
    programs = triton.cdiv(kept, rows)
    parts = min(triton.cdiv(PROGRAMS, programs), triton.cdiv(reduced, 4 * columns)) if programs < PROGRAMS // 4 else 1
    return rows, columns, max(parts, 1)


def reduce(title, input, dims, keepdim, outs, combine, identities, types, compute, map=taken, finish=given, numbers=()):
    """Combines the elements of ``input`` along ``dims``.

    Args:
        title: the operator's name.
        input: an array on a device.
        dims: a tuple of dims; None for all.
        keepdim: whether they are kept as ones.
        outs: the NumPy dtypes of the results.
        combine: a kernel of two sets of accumulators that gives one; associative.
        identities: for each accumulator the text of what changes nothing when it is combined.
        types: the NumPy dtype of each accumulator.
        compute: the NumPy dtype that elements are cast to.
        map: a kernel of (element, its index among the reduced ones) that gives a set of accumulators.
        finish: a kernel of (accumulators..., how many elements were reduced) that gives the results.
        numbers: plain floats that ``map`` and ``finish`` are handed last, if they have parameters for them.

    Returns:
        A list of arrays on the device.
    """
    dims = range(input.ndim) if dims is None else dims
    size = input.itemsize
    axes = [(n, s // size, d in dims) for d, (n, s) in enumerate(zip(input.shape, input.strides, strict=True))]
    shape = [1 if gone else n for n, _, gone in axes if keepdim or not gone]
    results = [empty(shape, dtype) for dtype in outs]
    kept, [kept_steps] = merged([n for n, _, gone in axes if not gone], [[s for _, s, gone in axes if not gone]])
    reduced, [steps] = merged([n for n, _, gone in axes if gone], [[s for _, s, gone in axes if gone]])
    count, many = results[0].size, 1
    for n in reduced:
        many *= n
    if count == 0:
        return results
    inner = bool(steps) and (not kept_steps or abs(steps[-1]) <= abs(kept_steps[-1]))
    rows, columns, parts = _tile(count, many, inner, types)
    accumulators = [language_type(t) for t in types]
    wide = input.size and 1 + sum((n - 1) * abs(s) for n, s, _ in axes) >= 2**31

    tile = {"ROWS": rows, "COLS": columns, "WIDE": bool(wide)}
    part = max(triton.cdiv(triton.cdiv(many, columns), parts) * columns, 1)
    parts = max(triton.cdiv(many, part), 1)
    targets = results if parts == 1 else [empty((parts, count), t) for t in types]
    ending = finish if parts == 1 else _kept(len(types))
    names = [f"number{i}" for i in range(len(numbers))]
    numbers = [np.float64(x) if compute.itemsize == 8 else float(x) for x in numbers]
    key = (title, len(kept), len(reduced), *map_key(combine, map, ending, identities, accumulators, compute, targets))
    if key not in _LOOPS:
        stored = [language_type(t.dtype) for t in targets]
        _LOOPS[key] = _loop(
            title, combine, map, ending, identities, accumulators, language_type(compute), stored, kept, reduced, names
        )
    extra = [*kept[1:], *reduced[1:], *kept_steps, *steps, *numbers]
    launch(_LOOPS[key], (triton.cdiv(count, rows), parts), *targets, input, count, many, part, *extra, **tile)
    if parts > 1:
        key = (title, "fold", *map_key(combine, None, finish, identities, accumulators, compute, results))
        if key not in _LOOPS:
            stored = [language_type(t.dtype) for t in results]
            _LOOPS[key] = _fold(title, combine, finish, identities, accumulators, stored, names)
        launch(
            _LOOPS[key], (count,), *results, *targets, count, parts, many, *numbers, COLS=triton.next_power_of_2(parts)
        )
    return results


def map_key(combine, map, finish, identities, types, compute, targets):
    """What the text of a loop depends on."""
    return combine, map, finish, tuple(identities), tuple(types), compute, tuple(t.dtype for t in targets)


def _fold(title, combine, finish, identities, types, outs, numbers):
    """The kernel that combines what the parts gave: a program for each kept element."""
    accs = [f"a{i}" for i in range(len(types))]
    results, partial = [f"out{i}" for i in range(len(outs))], [f"p{i}" for i in range(len(types))]
    lines = [
        f"def {title}_parts({_tuple([*results, *partial, 'K', 'P', 'R', *numbers, 'COLS: tl.constexpr'])}):",
        "    k = tl.program_id(0).to(tl.int64)",
        "    p = tl.arange(0, COLS)",
        *[f"    {a} = tl.load({q} + p * K + k, p < P, other={i})" for a, q, i in zip(accs, partial, identities, strict=True)],
        f"    {_tuple(accs)} = tl.reduce({accs[0] if len(accs) == 1 else f'({_tuple(accs)})'}, 0, {combine.__name__})",
        f"    {_tuple(f'r{i}' for i in range(len(outs)))} = {finish.__name__}({_tuple([*accs, 'R', *_more(finish, len(accs) + 1, numbers)])})",
        *[f"    tl.store({o} + k, r{i}.to({t}))" for i, (o, t) in enumerate(zip(results, outs, strict=True))],
    ]  # fmt: skip
    scope = {f.__name__: f for f in (combine, finish)}
    return Kernel(written(f"{combine.__module__}.{title}_parts {len(_LOOPS)}", f"{title}_parts", lines, scope))


@triton.jit
def given2(first, second, count):
    return first, second


@triton.jit
def given3(first, second, third, count):
    return first, second, third


def _kept(count):
    """What hands the accumulators on as they are."""
    return {1: given, 2: given2, 3: given3}[count]
