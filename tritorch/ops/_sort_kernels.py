"""The order of rows on a device: pieces sorted in registers, then merged by rank.

Note [Words]: as on the CPU (Note [Packed keys] in ``_sorting``), an element of at most 32 bits and its position make
one word of 64, so that all words differ and any sort is stable. Elements of 64 bits take two rounds: by their low
halves first, and by their high halves then.

Note [Merging by rank]: of two sorted runs side by side, each word moves to its own place plus the number of smaller
words in the other run, which a binary search tells. Every word does so by itself, so that long rows need no shared
memory and no barrier, only log(n) launches.
"""

import numpy as np

from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.pointwise import block_of
from ..runtime.transfer import packed

__all__ = ["found_in_row", "order_of", "order_of_rows", "search_rows"]

INT64 = np.dtype(np.int64)


@triton.jit
def key_of(x, FLOAT: tl.constexpr, UNSIGNED: tl.constexpr, PART: tl.constexpr):
    """A signed number of 32 bits in the order of the elements; ``PART`` of those of 64 bits: 0 the low half, 1 the high."""
    if PART < 0:
        if FLOAT:
            v = x.to(tl.float32)
            bits = tl.where(v == 0, 0.0, v).to(tl.int32, bitcast=True)
            key = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
            key = tl.where(v != v, 0x7FFFFFFF, key).to(tl.int64)
        elif UNSIGNED:
            key = x.to(tl.int64) - 0x80000000
        else:
            key = x.to(tl.int64)
    else:
        if FLOAT:
            bits = tl.where(x == 0, 0.0, x).to(tl.int64, bitcast=True)
            wide = tl.where(bits < 0, bits ^ 0x7FFFFFFFFFFFFFFF, bits)
            wide = tl.where(x != x, 0x7FFFFFFFFFFFFFFF, wide)
        else:
            wide = x.to(tl.int64)
        if PART == 0:
            key = (wide & 0xFFFFFFFF) - 0x80000000
        else:
            key = wide >> 32
    return key


@triton.jit
def make_words(
    out, x, order, total, n, FLOAT: tl.constexpr, UNSIGNED: tl.constexpr, PART: tl.constexpr, DOWN: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """The words of the elements: see Note [Words]. The second round reads them in the order of the first."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < total
    place = i % n
    source = i
    if PART == 1:
        source = i - place + tl.load(order + i, live, other=0)
    key = key_of(tl.load(x + source, live, other=0), FLOAT, UNSIGNED, PART)
    if DOWN:
        key = -1 - key
    tl.store(out + i, (key << 32) | place, live)


@triton.jit
def sort_pieces(out, x, rows, n, ROWS: tl.constexpr, PIECE: tl.constexpr):
    """Sorts each piece of each row."""
    r = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    c = tl.program_id(1).to(tl.int64) * PIECE + tl.arange(0, PIECE)
    live = (r < rows)[:, None] & (c < n)[None, :]
    at = r[:, None] * n + c[None, :]
    v = tl.load(x + at, live, other=0x7FFFFFFFFFFFFFFF)
    tl.store(out + at, tl.sort(v, 1), live)


@triton.jit
def merge_runs(out, x, total, n, width, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    """Merges sorted runs of ``width`` in pairs: see Note [Merging by rank]."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < total
    place = i % n
    row = i - place
    word = tl.load(x + i, live, other=0)
    run = place // width
    start = (run ^ 1) * width
    low = tl.minimum(start, n)
    end = tl.minimum(start + width, n)
    high = end
    for _ in range(STEPS):
        middle = (low + high) >> 1
        searching = live & (low < high)
        smaller = tl.load(x + row + middle, searching, other=0) < word
        low = tl.where(searching & smaller, middle + 1, low)
        high = tl.where(searching & (smaller == 0), middle, high)
    rank = low - tl.minimum(start, n)
    tl.store(out + row + (run >> 1) * 2 * width + (place - run * width) + rank, word, live)


@triton.jit
def places_of_words(out, words, order, total, n, AGAIN: tl.constexpr, BLOCK: tl.constexpr):
    """The positions in words; in the second round those in the order of the first."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < total
    place = tl.load(words + i, live, other=0) & 0xFFFFFFFF
    if AGAIN:
        place = tl.load(order + (i - i % n) + place, live, other=0)
    tl.store(out + i, place, live)


def _sorted_words(words):
    rows, n = words.shape
    most = 1024 if is_real() else 64
    piece = max(min(triton.next_power_of_2(n), most), 2)
    height = max(1, min(triton.next_power_of_2(rows), (1024 if is_real() else 1 << 14) // piece))
    spare = empty(words.shape, INT64)
    grid = (triton.cdiv(rows, height), triton.cdiv(n, piece))
    launch(sort_pieces, grid, spare, words, rows, n, ROWS=height, PIECE=piece)
    words, spare, block = spare, words, block_of(words.size)
    while piece < n:
        steps = piece.bit_length()
        launch(
            merge_runs, (triton.cdiv(words.size, block),), spare, words, words.size, n, piece, STEPS=steps, BLOCK=block
        )
        words, spare, piece = spare, words, 2 * piece
    return words


def order_of_rows(rows, descending=False):
    """The indices that sort each row of a packed matrix, equals in their order: int64, of its shape."""
    order = empty(rows.shape, INT64)
    if not rows.size:
        return order
    total, n, kind = rows.size, rows.shape[1], rows.dtype
    block = block_of(total)
    grid = (triton.cdiv(total, block),)
    how = {"FLOAT": kind.kind not in "biu", "UNSIGNED": kind == np.uint32, "DOWN": bool(descending), "BLOCK": block}
    for part in (0, 1) if kind.itemsize == 8 else (-1,):
        words = empty(rows.shape, INT64)
        launch(make_words, grid, words, rows, order, total, n, PART=part, **how)
        words, found = _sorted_words(words), empty(rows.shape, INT64)
        launch(places_of_words, grid, found, words, order, total, n, AGAIN=part == 1, BLOCK=block)
        order = found
    return order


def order_of(array, dim, descending=False):
    """The indices that sort ``array`` along ``dim``, equals in their order."""
    if not array.ndim:
        return order_of(array.reshape(1), 0, descending).reshape(())
    moved = packed(np.moveaxis(array, dim, -1))
    n = moved.shape[-1]
    order = order_of_rows(moved.reshape(-1, n) if n else moved.reshape(0, 0), descending)
    return np.moveaxis(order.reshape(moved.shape), -1, dim)


@triton.jit
def search(out, sequence, values, total, n, width, RIGHT: tl.constexpr, SHARED: tl.constexpr, STEPS: tl.constexpr,
           BLOCK: tl.constexpr):  # fmt: skip
    """For each value its place in its sorted row of ``n``; ``width`` values a row."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < total
    row = (i // width) * n
    if SHARED:
        row = i * 0
    value = tl.load(values + i, live, other=0)
    low = i * 0
    high = low + n
    for _ in range(STEPS):
        middle = (low + high) >> 1
        searching = live & (low < high)
        element = tl.load(sequence + row + tl.minimum(middle, n - 1), searching, other=0)
        if RIGHT:
            before = (element > value) == 0
        else:
            before = (element >= value) == 0
        low = tl.where(searching & before, middle + 1, low)
        high = tl.where(searching & (before == 0), middle, high)
    tl.store(out + i, low.to(out.dtype.element_ty), live)


def search_rows(sequence, values, right, dtype):
    """The places of ``values`` in the sorted rows of ``sequence``, or in it if it is a vector; of one dtype."""
    sequence, values, out = packed(sequence), packed(values), empty(values.shape, dtype)
    if not values.size:
        return out
    n, block = sequence.shape[-1], block_of(values.size)
    launch(
        search, (triton.cdiv(values.size, block),), out, sequence, values, values.size, n,
        values.shape[-1] if values.ndim else 1, RIGHT=bool(right), SHARED=sequence.ndim == 1, STEPS=n.bit_length(),
        BLOCK=block,
    )  # fmt: skip
    return out


@triton.jit
def found(out, sequence, values, total, n, INVERT: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    """Whether each value is in the sorted sequence."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < total
    value = tl.load(values + i, live, other=0)
    low = i * 0
    high = low + n
    for _ in range(STEPS):
        middle = (low + high) >> 1
        searching = live & (low < high)
        element = tl.load(sequence + tl.minimum(middle, n - 1), searching, other=0)
        before = element < value  # NaN, at the end of the sequence, is before nothing
        low = tl.where(searching & before, middle + 1, low)
        high = tl.where(searching & (before == 0), middle, high)
    there = live & (low < n)
    there = there & (tl.load(sequence + low, there, other=0) == value)
    tl.store(out + i, (there != INVERT).to(out.dtype.element_ty), live)


def found_in_row(sequence, values, invert):
    """Whether each of ``values`` is in the sorted vector of their dtype (``invert``: is not)."""
    sequence, values, out = packed(sequence), packed(values), empty(values.shape, np.dtype(np.bool_))
    n, block = sequence.size, block_of(values.size)
    if values.size:
        launch(
            found, (triton.cdiv(values.size, block),), out, sequence, values, values.size, n, INVERT=bool(invert),
            STEPS=n.bit_length(), BLOCK=block,
        )  # fmt: skip
    return out
