"""Attention on a GPU without a matrix of scores: blocks of keys pass by a block of queries, and back.

Note [Attention in blocks]: the forward kernel keeps, for each query, the largest score so far, the sum of the powers
and the mixture of values, and rescales them when a block of keys has a larger score (Dao, "FlashAttention-2", 2023).
Scores are in units of log 2, so that powers are powers of two; what is kept for the gradients is the logarithm of each
row's sum, infinite where a row may attend to nothing, so that all its weights are zero. Gradients are two kernels, one
that goes over queries for a block of keys, one over keys for a block of queries: nothing is added to memory by several
programs, and every result is the same each time. Heads that share keys and values (grouped queries) are gone over by
one program, in order.

Note [Dropout of weights]: the weight at flat position i of (batch, heads, L, S) stays where the word i % 4 of Philox
block offset + i / 4 says so: what dropout of the whole matrix would keep, on the CPU too (Note [Philox stream] in
csrc/random). Where rows are whole blocks the four words of a block are drawn once.
"""

import math

import numpy as np

from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.transfer import packed
from ._matmul_kernels import precision

__all__ = ["backward", "forward", "most"]

most = 256  # the largest size of a head
LOG2E = math.log2(math.e)


@triton.jit
def _drawn(seed, block):
    """The four words of Philox blocks."""
    low, high = block.to(tl.uint32), (block >> 32).to(tl.uint32)
    return tl.philox(seed, low, high, low * 0, low * 0)


@triton.jit
def _in_fours(a, b, c, d, threshold):
    """Whether each of four words is kept, side by side along new last dims."""
    a, b = ((a >> 8) < threshold).to(tl.int8), ((b >> 8) < threshold).to(tl.int8)
    c, d = ((c >> 8) < threshold).to(tl.int8), ((d >> 8) < threshold).to(tl.int8)
    return tl.join(tl.join(a, c), tl.join(b, d))


@triton.jit
def _kept(rows, first, S, seed, offset, threshold, BM: tl.constexpr, BN: tl.constexpr, FOURS: tl.constexpr):
    """Which weights of ``rows`` by the keys from ``first`` stay, (BM, BN). See Note [Dropout of weights]."""
    if FOURS:
        block = (rows * S + first)[:, None].to(tl.uint64) // 4 + tl.arange(0, BN // 4)[None, :]
        a, b, c, d = _drawn(seed, block + offset)
        return tl.reshape(_in_fours(a, b, c, d, threshold), (BM, BN)) != 0
    else:
        place = (rows * S + first)[:, None].to(tl.uint64) + tl.arange(0, BN)[None, :]
        a, b, c, d = _drawn(seed, place // 4 + offset)
        word = (place % 4).to(tl.int32)
        return (tl.where(word < 2, tl.where(word == 0, a, b), tl.where(word == 2, c, d)) >> 8) < threshold


@triton.jit
def _kept_across(rows, first, S, seed, offset, threshold, BM: tl.constexpr, BN: tl.constexpr, FOURS: tl.constexpr):
    """:func:`_kept`, transposed: (BN, BM)."""
    if FOURS:
        block = (rows * S + first)[None, :].to(tl.uint64) // 4 + tl.arange(0, BN // 4)[:, None]
        a, b, c, d = _drawn(seed, block + offset)
        return tl.reshape(tl.permute(_in_fours(a, b, c, d, threshold), (0, 2, 3, 1)), (BN, BM)) != 0
    else:
        place = (rows * S + first)[None, :].to(tl.uint64) + tl.arange(0, BN)[:, None]
        a, b, c, d = _drawn(seed, place // 4 + offset)
        word = (place % 4).to(tl.int32)
        return (tl.where(word < 2, tl.where(word == 0, a, b), tl.where(word == 2, c, d)) >> 8) < threshold


@triton.jit
def _masked(
    scores, mask, i, j, m, n, L, S, m_l, MS: tl.constexpr, ROWS: tl.constexpr, CAUSAL: tl.constexpr, MASK: tl.constexpr
):
    """Scores in units of log 2 with what ``mask`` adds or takes, for queries ``m + i`` and keys ``n + j``."""
    live = (i < L - m) & (j < S - n)
    if MASK != "none":
        if ROWS:
            found = tl.load(
                mask + tl.cast(m, tl.int64) * m_l + tl.cast(n, tl.int64) * MS + i * m_l + j * MS, live, other=0
            )
        else:  # the same for all queries
            found = tl.load(mask + tl.cast(n, tl.int64) * MS + j * MS, j < S - n, other=0)
        if MASK == "bool":
            live = live & (found != 0)
        else:
            scores += found.to(tl.float32) * 1.4426950408889634
    if CAUSAL:
        live = live & (j - i <= m - n)
    return tl.where(live, scores, float("-inf"))


@triton.jit
def _across(
    a,
    a_step,
    a_rows,
    b,
    b_step,
    b_rows,
    E,
    A: tl.constexpr,
    B: tl.constexpr,
    CHUNK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Rows of ``a`` by rows of ``b``, (A, B): what of a head is read at once is a CHUNK."""
    i, j, c = tl.arange(0, A), tl.arange(0, B), tl.arange(0, CHUNK)
    total = tl.zeros([A, B], tl.float32)
    for first in range(0, E, CHUNK):
        inside = (first + c < E)[None, :]
        x = tl.load(a + i[:, None] * a_step + (first + c)[None, :], (i < a_rows)[:, None] & inside, other=0)
        y = tl.load(b + j[:, None] * b_step + (first + c)[None, :], (j < b_rows)[:, None] & inside, other=0)
        total = tl.dot(x, tl.trans(y), total, input_precision=PRECISION)
    return total


@triton.jit
def _block(
    total, top, sums, queries, q, q_l, k, v, k_s, v_s, mask, m_l, plane, first, row, L, S, scale, seed, offset, threshold, lift,
    E: tl.constexpr, EV: tl.constexpr, BE: tl.constexpr, BV: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
    EDGE: tl.constexpr, CAUSAL: tl.constexpr, MASK: tl.constexpr, DROP: tl.constexpr, FOURS: tl.constexpr,
    CHUNK: tl.constexpr, MS: tl.constexpr, ROWS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """One block of keys and values passes by: the new (total, top, sums). An EDGE has keys that do not count."""
    i, j, e, f = tl.arange(0, BM), tl.arange(0, BN), tl.arange(0, BE), tl.arange(0, BV)
    m, n, far = row * BM + i, first + j, tl.cast(first, tl.int64)
    if CHUNK:
        scores = _across(q, q_l, L - row * BM, k + far * k_s, k_s, S - first, E, BM, BN, CHUNK, PRECISION) * scale
    else:
        if EDGE:
            keys = tl.load(k + far * k_s + j[:, None] * k_s + e[None, :], (n < S)[:, None] & (e < E)[None, :], other=0)
        else:
            keys = tl.load(k + far * k_s + j[:, None] * k_s + e[None, :], (e < E)[None, :], other=0)
        scores = tl.dot(queries, tl.trans(keys), input_precision=PRECISION) * scale
    if EDGE or MASK != "none":
        scores = _masked(
            scores, mask, i[:, None], j[None, :], row * BM, first, L, S, m_l, MS, ROWS, CAUSAL and EDGE, MASK
        )
    higher = tl.maximum(top, tl.max(scores, 1))
    if MASK == "none":
        base = higher
    else:
        base = tl.where(higher == float("-inf"), 0.0, higher)
    weights = tl.exp2(scores - base[:, None])
    fade = tl.exp2(top - base)
    sums = sums * fade + tl.sum(weights, 1)
    total = total * fade[:, None]
    if DROP:
        rows = plane * L + m
        weights = tl.where(_kept(rows, first, S, seed, offset, threshold, BM, BN, FOURS), weights * lift, 0.0)
    if EDGE:
        values = tl.load(v + far * v_s + j[:, None] * v_s + f[None, :], (n < S)[:, None] & (f < EV)[None, :], other=0)
    else:
        values = tl.load(v + far * v_s + j[:, None] * v_s + f[None, :], (f < EV)[None, :], other=0)
    total = tl.dot(weights.to(values.dtype), values, total, input_precision=PRECISION)
    return total, higher, sums


@triton.jit
def attention_forward(
    out, lse, q, k, v, mask, heads, shared, L, S, q_b, q_h, q_l, k_b, k_h, k_s, v_b, v_h, v_s, m_b, m_h, m_l, scale,
    seed, offset, threshold, lift,
    E: tl.constexpr, EV: tl.constexpr, BE: tl.constexpr, BV: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
    CAUSAL: tl.constexpr, MASK: tl.constexpr, DROP: tl.constexpr, FOURS: tl.constexpr, CHUNK: tl.constexpr,
    MS: tl.constexpr, ROWS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """A block of queries by all keys: see Note [Attention in blocks]."""
    blocks = tl.cdiv(L, BM)
    row, plane = blocks - 1 - tl.program_id(0) % blocks, (tl.program_id(0) // blocks).to(tl.int64)
    batch, head = plane // heads, plane % heads
    k += batch * k_b + head // shared * k_h
    v += batch * v_b + head // shared * v_h
    mask += batch * m_b + head * m_h
    m, i, e = row * BM + tl.arange(0, BM), tl.arange(0, BM), tl.arange(0, BE)
    start = row.to(tl.int64) * BM
    q += batch * q_b + head * q_h + start * q_l
    queries = 0
    if not CHUNK:
        queries = tl.load(q + i[:, None] * q_l + e[None, :], (m < L)[:, None] & (e < E)[None, :], other=0)
    total = tl.zeros([BM, BV], tl.float32)
    top = tl.full([BM], float("-inf"), tl.float32)
    sums = tl.zeros([BM], tl.float32)
    inner, end = S // BN * BN, S
    if CAUSAL:
        inner = tl.minimum(inner, (row * BM + 1) // BN * BN)
        end = tl.minimum(S, row * BM + BM)
    for first in range(0, inner, BN):
        total, top, sums = _block(
            total, top, sums, queries, q, q_l, k, v, k_s, v_s, mask, m_l, plane, first, row, L, S, scale, seed, offset,
            threshold, lift, E, EV, BE, BV, BM, BN, False, CAUSAL, MASK, DROP, FOURS, CHUNK, MS, ROWS, PRECISION,
        )  # fmt: skip
    for first in range(inner, end, BN):
        total, top, sums = _block(
            total, top, sums, queries, q, q_l, k, v, k_s, v_s, mask, m_l, plane, first, row, L, S, scale, seed, offset,
            threshold, lift, E, EV, BE, BV, BM, BN, True, CAUSAL, MASK, DROP, FOURS, CHUNK, MS, ROWS, PRECISION,
        )  # fmt: skip
    f = tl.arange(0, BV)
    total = total / tl.where(sums == 0, 1.0, sums)[:, None]
    place = out + (plane * L + start) * EV + i[:, None] * EV + f[None, :]
    tl.store(place, total.to(out.dtype.element_ty), (m < L)[:, None] & (f < EV)[None, :])
    tl.store(lse + plane * L + m, tl.where(sums == 0, float("inf"), top + tl.log2(sums)), m < L)


@triton.jit
def attention_share(share, grad, out, rows, EV: tl.constexpr, BV: tl.constexpr, BM: tl.constexpr):
    """The sum of ``grad * out`` of each row: what the gradients of a row's weights have in common."""
    m = tl.program_id(0).to(tl.int64) * BM + tl.arange(0, BM)
    f = tl.arange(0, BV)
    live = (m < rows)[:, None] & (f < EV)[None, :]
    g = tl.load(grad + m[:, None] * EV + f[None, :], live, other=0).to(tl.float32)
    o = tl.load(out + m[:, None] * EV + f[None, :], live, other=0).to(tl.float32)
    tl.store(share + m, tl.sum(g * o, 1), m < rows)


@triton.jit
def attention_backward_keys(
    dk, dv, grad, lse, share, q, k, v, mask, heads, shared, L, S, q_b, q_h, q_l, k_b, k_h, k_s, v_b, v_h, v_s,
    m_b, m_h, m_l, scale, seed, offset, threshold, lift,
    E: tl.constexpr, EV: tl.constexpr, BE: tl.constexpr, BV: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
    CAUSAL: tl.constexpr, MASK: tl.constexpr, DROP: tl.constexpr, FOURS: tl.constexpr, CHUNK: tl.constexpr,
    MS: tl.constexpr, ROWS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradients of a block of keys and values, over all queries of all heads that use them."""
    blocks = tl.cdiv(S, BN)
    column, plane = tl.program_id(0) % blocks, (tl.program_id(0) // blocks).to(tl.int64)
    groups = heads // shared
    batch, group = plane // groups, plane % groups
    n, j = column * BN + tl.arange(0, BN), tl.arange(0, BN)
    e, f = tl.arange(0, BE), tl.arange(0, BV)
    start = column.to(tl.int64) * BN
    k += batch * k_b + group * k_h + start * k_s
    v += batch * v_b + group * v_h + start * v_s
    if not CHUNK:
        keys = tl.load(k + j[:, None] * k_s + e[None, :], (n < S)[:, None] & (e < E)[None, :], other=0)
        values = tl.load(v + j[:, None] * v_s + f[None, :], (n < S)[:, None] & (f < EV)[None, :], other=0)
    of_keys = tl.zeros([BN, BE], tl.float32)
    of_values = tl.zeros([BN, BV], tl.float32)
    i = tl.arange(0, BM)
    begin = column * BN // BM * BM if CAUSAL else 0
    for head in range(group * shared, group * shared + shared):
        rows = batch * heads + head
        for first in range(begin, L, BM):
            m = first + i
            far = tl.cast(first, tl.int64)
            from_q, from_grad = q + batch * q_b + head * q_h + far * q_l, grad + (rows * L + far) * EV
            queries = tl.load(from_q + i[:, None] * q_l + e[None, :], (m < L)[:, None] & (e < E)[None, :], other=0)
            grads = tl.load(from_grad + i[:, None] * EV + f[None, :], (m < L)[:, None] & (f < EV)[None, :], other=0)
            if CHUNK:
                scores = _across(k, k_s, S - start, from_q, q_l, L - first, E, BN, BM, CHUNK, PRECISION) * scale
                of_weights = _across(v, v_s, S - start, from_grad, EV, L - first, EV, BN, BM, CHUNK, PRECISION)
            else:
                scores = tl.dot(keys, tl.trans(queries), input_precision=PRECISION) * scale
                of_weights = tl.dot(values, tl.trans(grads), input_precision=PRECISION)
            here = mask + batch * m_b + head * m_h
            scores = _masked(
                scores, here, i[None, :], j[:, None], first, column * BN, L, S, m_l, MS, ROWS, CAUSAL, MASK
            )
            weights = tl.exp2(scores - tl.load(lse + rows * L + m, m < L, other=float("inf"))[None, :])
            used = weights
            if DROP:
                kept = _kept_across(rows * L + m, column * BN, S, seed, offset, threshold, BM, BN, FOURS)
                used = tl.where(kept, weights * lift, 0.0)
                of_weights = tl.where(kept, of_weights * lift, 0.0)
            of_values = tl.dot(used.to(grads.dtype), grads, of_values, input_precision=PRECISION)
            of_scores = weights * (of_weights - tl.load(share + rows * L + m, m < L, other=0)[None, :])
            of_keys = tl.dot(of_scores.to(queries.dtype), queries, of_keys, input_precision=PRECISION)
    of_keys *= scale * 0.6931471805599453
    place = plane * S + start
    live = n < S
    tl.store(
        dk + place * E + j[:, None] * E + e[None, :], of_keys.to(dk.dtype.element_ty), live[:, None] & (e < E)[None, :]
    )
    tl.store(
        dv + place * EV + j[:, None] * EV + f[None, :], of_values.to(dv.dtype.element_ty),
        live[:, None] & (f < EV)[None, :],
    )  # fmt: skip


@triton.jit
def attention_backward_queries(
    dq, grad, lse, share, q, k, v, mask, heads, shared, L, S, q_b, q_h, q_l, k_b, k_h, k_s, v_b, v_h, v_s,
    m_b, m_h, m_l, scale, seed, offset, threshold, lift,
    E: tl.constexpr, EV: tl.constexpr, BE: tl.constexpr, BV: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
    CAUSAL: tl.constexpr, MASK: tl.constexpr, DROP: tl.constexpr, FOURS: tl.constexpr, CHUNK: tl.constexpr,
    MS: tl.constexpr, ROWS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradient of a block of queries, over all keys."""
    blocks = tl.cdiv(L, BM)
    row, plane = blocks - 1 - tl.program_id(0) % blocks, (tl.program_id(0) // blocks).to(tl.int64)
    batch, head = plane // heads, plane % heads
    k += batch * k_b + head // shared * k_h
    v += batch * v_b + head // shared * v_h
    mask += batch * m_b + head * m_h
    m, i, j = row * BM + tl.arange(0, BM), tl.arange(0, BM), tl.arange(0, BN)
    e, f = tl.arange(0, BE), tl.arange(0, BV)
    start = row.to(tl.int64) * BM
    within = (m < L)[:, None] & (e < E)[None, :]
    q += batch * q_b + head * q_h + start * q_l
    grad += (plane * L + start) * EV
    if not CHUNK:
        queries = tl.load(q + i[:, None] * q_l + e[None, :], within, other=0)
        grads = tl.load(grad + i[:, None] * EV + f[None, :], (m < L)[:, None] & (f < EV)[None, :], other=0)
    logs = tl.load(lse + plane * L + m, m < L, other=float("inf"))
    common = tl.load(share + plane * L + m, m < L, other=0)
    of_queries = tl.zeros([BM, BE], tl.float32)
    end = tl.minimum(S, row * BM + BM) if CAUSAL else S
    for first in range(0, end, BN):
        n = first + j
        far = tl.cast(first, tl.int64)
        keys = tl.load(k + far * k_s + j[:, None] * k_s + e[None, :], (n < S)[:, None] & (e < E)[None, :], other=0)
        if CHUNK:
            scores = _across(q, q_l, L - start, k + far * k_s, k_s, S - first, E, BM, BN, CHUNK, PRECISION) * scale
            of_weights = _across(grad, EV, L - start, v + far * v_s, v_s, S - first, EV, BM, BN, CHUNK, PRECISION)
        else:
            values = tl.load(
                v + far * v_s + j[:, None] * v_s + f[None, :], (n < S)[:, None] & (f < EV)[None, :], other=0
            )
            scores = tl.dot(queries, tl.trans(keys), input_precision=PRECISION) * scale
            of_weights = tl.dot(grads, tl.trans(values), input_precision=PRECISION)
        scores = _masked(scores, mask, i[:, None], j[None, :], row * BM, first, L, S, m_l, MS, ROWS, CAUSAL, MASK)
        weights = tl.exp2(scores - logs[:, None])
        if DROP:
            kept = _kept(plane * L + m, first, S, seed, offset, threshold, BM, BN, FOURS)
            of_weights = tl.where(kept, of_weights * lift, 0.0)
        of_scores = weights * (of_weights - common[:, None])
        of_queries = tl.dot(of_scores.to(keys.dtype), keys, of_queries, input_precision=PRECISION)
    of_queries *= scale * 0.6931471805599453
    tl.store(dq + (plane * L + start) * E + i[:, None] * E + e[None, :], of_queries.to(dq.dtype.element_ty), within)


def _tiles(kernel, dtype, size, masked, L, S):
    """(queries, keys, warps, stages, chunk) of a program; ``size`` is the larger padded size of a head."""
    if not is_real():
        return *(min(max(triton.next_power_of_2(n), 16), 128) for n in (L, S)), 4, 1, 0
    queries, *rest = TILES[kernel.__name__, dtype.itemsize, max(size, 64)][masked]
    if L <= 16 and kernel is attention_forward:  # one position at a time: what a decoder asks for
        return 16, rest[0], 4, *rest[2:]
    return queries, *rest


TILES = {  # (kernel, bytes of an element, size of a head up to): without and with a mask or dropout, the queries, keys,
    # warps, stages and chunk (0: the whole head) of a program that spills nothing on sm_80 and sm_90
    ("attention_forward", 2, 64): ((128, 64, 8, 3, 0), (128, 64, 8, 3, 0)),
    ("attention_forward", 2, 128): ((128, 32, 8, 3, 0), (64, 32, 4, 3, 0)),
    ("attention_forward", 2, 256): ((64, 32, 8, 2, 0), (64, 32, 8, 2, 64)),
    ("attention_forward", 4, 64): ((32, 32, 4, 2, 0), (64, 32, 8, 2, 32)),
    ("attention_forward", 4, 128): ((32, 32, 8, 2, 32), (32, 32, 8, 2, 32)),
    ("attention_forward", 4, 256): ((16, 32, 8, 2, 32), (16, 32, 8, 2, 32)),
    ("attention_backward_keys", 2, 64): ((32, 64, 8, 2, 0), (32, 64, 8, 2, 32)),
    ("attention_backward_keys", 2, 128): ((32, 64, 8, 2, 0), (32, 64, 8, 2, 64)),
    ("attention_backward_keys", 2, 256): ((32, 32, 8, 2, 64), (16, 32, 8, 1, 64)),
    ("attention_backward_keys", 4, 64): ((32, 32, 8, 2, 0), (32, 32, 8, 2, 32)),
    ("attention_backward_keys", 4, 128): ((16, 32, 8, 2, 32), (16, 16, 8, 2, 32)),
    ("attention_backward_keys", 4, 256): ((16, 16, 8, 1, 32), (16, 16, 8, 1, 32)),
    ("attention_backward_queries", 2, 64): ((64, 64, 8, 2, 0), (64, 64, 8, 2, 0)),
    ("attention_backward_queries", 2, 128): ((64, 32, 8, 2, 0), (64, 32, 8, 2, 0)),
    ("attention_backward_queries", 2, 256): ((32, 32, 8, 2, 0), (32, 32, 8, 2, 64)),
    ("attention_backward_queries", 4, 64): ((32, 32, 8, 2, 0), (32, 32, 8, 2, 32)),
    ("attention_backward_queries", 4, 128): ((32, 16, 8, 2, 32), (32, 16, 8, 2, 32)),
    ("attention_backward_queries", 4, 256): ((16, 16, 8, 1, 32), (16, 16, 8, 1, 32)),
}


def _rows(x):
    """An array whose last dim is contiguous."""
    return x if x.strides[-1] == x.itemsize or x.shape[-1] == 1 else packed(x)


def _asked(query, key, value, mask, scale, causal, dropout, seed, offset):
    """What all kernels are given: arrays and numbers in order, and the constants."""
    (batch, heads, L, E), (groups, S, EV) = query.shape, value.shape[-3:]
    arrays = [_rows(x) for x in (query, key, value)]
    kind, steps = "none", [0] * 4
    if mask is not None:
        kind = "bool" if mask.dtype == np.bool_ else "added"
        if mask.shape[-1] != 1 and mask.strides[-1] not in (0, mask.itemsize):
            mask = packed(mask)
        wide = np.broadcast_to(mask, (batch, heads, L, S), subok=True)
        steps = [s // mask.itemsize for s in wide.strides]
        steps[3] = min(steps[3], 1)  # of one key only, any
    strides = [s // x.itemsize for x in arrays for s in x.strides[:3]]
    numbers = [
        heads, heads // groups, L, S, *strides, *steps[:3], float(scale) * LOG2E, np.uint64(seed), np.uint64(offset),
        np.uint32(math.ceil((1.0 - dropout) * 2**24)), 1.0 / (1.0 - dropout) if dropout < 1 else 0.0,
    ]  # fmt: skip
    constants = {
        "E": E, "EV": EV, "BE": max(triton.next_power_of_2(E), 16), "BV": max(triton.next_power_of_2(EV), 16),
        "CAUSAL": causal, "MASK": kind, "DROP": dropout > 0, "FOURS": S % 4 == 0, "MS": steps[3],
        "ROWS": steps[2] != 0,
        "PRECISION": precision["float32"] if query.itemsize == 4 else "ieee",
    }  # fmt: skip
    return [*arrays, arrays[0] if mask is None else mask, *numbers], constants


def _launch(kernel, programs, lengths, first, asked, constants):
    dtype, size = asked[0].dtype, max(constants["BE"], constants["BV"])
    masked = constants["MASK"] != "none" or constants["DROP"]
    BM, BN, warps, stages, chunk = _tiles(kernel, dtype, size, masked, *lengths)
    grid = (programs(BM, BN),)
    constants = constants | {"BM": BM, "BN": BN, "CHUNK": chunk}
    launch(kernel, grid, *first, *asked, num_warps=warps, num_stages=stages, **constants)


def forward(query, key, value, mask, scale, causal, dropout, seed, offset):
    """The mixture of values (B, H, L, EV) and the logarithms of the rows' sums, to base 2, (B, H, L)."""
    (batch, heads, L, _), S = query.shape, key.shape[2]
    out, lse = empty((batch, heads, L, value.shape[-1]), query.dtype), empty((batch, heads, L), np.float32)
    asked, constants = _asked(query, key, value, mask, scale, causal, dropout, seed, offset)
    _launch(attention_forward, lambda BM, BN: batch * heads * triton.cdiv(L, BM), (L, S), [out, lse], asked, constants)
    return out, lse


def backward(grad, out, lse, query, key, value, mask, scale, causal, dropout, seed, offset):
    """The gradients of query, key and value."""
    (batch, heads, L, _), (groups, S, EV) = query.shape, value.shape[1:]
    asked, constants = _asked(query, key, value, mask, scale, causal, dropout, seed, offset)
    grad, share = packed(grad), empty(lse.shape, np.float32)
    BM = 32 if is_real() else 1024
    launch(
        attention_share, (triton.cdiv(share.size, BM),), share, grad, packed(out), share.size, EV=EV, BV=constants["BV"],
        BM=BM,
    )  # fmt: skip
    dq, dk, dv = empty(query.shape, query.dtype), empty(key.shape, key.dtype), empty(value.shape, value.dtype)
    given = [grad, lse, share]
    _launch(
        attention_backward_keys, lambda BM, BN: batch * groups * triton.cdiv(S, BN), (L, S), [dk, dv, *given], asked,
        constants,
    )  # fmt: skip
    _launch(
        attention_backward_queries, lambda BM, BN: batch * heads * triton.cdiv(L, BM), (L, S), [dq, *given], asked,
        constants,
    )  # fmt: skip
    return dq, dk, dv
