"""Scaled dot product attention."""

import math

import numpy as np

from .. import _C
from ..autograd import grad as gradient
from ..runtime.generator import chosen
from ..shape import broadcast
from . import _attention_kernels as kernels
from ._op import Op, ops


def _weights(query, key, mask, scale, causal, dropout, seed, offset):
    """NumPy's weights of attention, before and after dropout, and the logarithms of the rows' sums, to base 2."""
    key = np.repeat(key, query.shape[1] // key.shape[1], 1)
    scores = (query * scale) @ key.swapaxes(-2, -1)
    if causal:
        scores[..., ~np.tri(*scores.shape[-2:], dtype=bool)] = -np.inf
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == np.bool_ else scores + mask
    top = scores.max(-1, keepdims=True)
    powers = np.exp(scores - np.where(top == -np.inf, 0, top))
    sums = powers.sum(-1, keepdims=True)
    weights = powers / np.where(sums == 0, 1, sums)
    lse = np.where(sums == 0, np.inf, top / math.log(2) + np.log2(sums))[..., 0]
    if not dropout:
        return weights, weights, lse
    kept = np.empty(weights.shape, np.uint8)
    _C.random_bernoulli(kept, seed, offset, 1.0 - dropout)
    return weights, weights * kept * (1.0 / (1.0 - dropout) if dropout < 1 else 0.0), lse


class attention(Op, function=False, method=False, has_out=False, returns=("out", "lse")):
    """Attention of (B, H, L, E) to keys (B, G, S, E) and values (B, G, S, Ev), G a divisor of H, and the logarithms of
    the rows' sums, to base 2, (B, H, L); infinite for a row that may attend to nothing.

    :attr:`mask` broadcasts to (B, H, L, S) and has no gradient. Weights are dropped by the random numbers of
    :attr:`seed` from block :attr:`offset` on.
    """

    def cpu(query, key, value, mask, scale: float, causal: bool, dropout: float, seed: int, offset: int):
        _, used, lse = _weights(query, key, mask, scale, causal, dropout, seed, offset)
        return used @ np.repeat(value, query.shape[1] // value.shape[1], 1), lse

    cuda = kernels.forward

    def d_query__key__value(grad_out, query, key, value, mask, scale, causal, dropout, seed, offset, out, lse):
        if not _C.is_grad_enabled():
            return ops.attention_backward(
                grad_out, out, lse, query, key, value, mask, scale, causal, dropout, seed, offset
            )
        if dropout:
            raise NotImplementedError("scaled_dot_product_attention: no gradient of its gradient with dropout on cuda")
        inputs = [x.view_as(x) for x in (query, key, value)]  # what one input's history has of another stays out
        wanted = [x for x in inputs if x.requires_grad]
        again = _composite(*inputs, mask, 0.0, causal, scale, key.shape[-3] != query.shape[-3])
        found = iter(gradient([again], wanted, [grad_out], create_graph=True))
        return tuple(next(found) if x.requires_grad else None for x in inputs)


class attention_backward(Op, function=False, method=False, has_out=False, returns=("query", "key", "value")):
    """The gradients of :class:`attention`."""

    def cpu(
        grad, out, lse, query, key, value, mask, scale: float, causal: bool, dropout: float, seed: int, offset: int
    ):
        weights, used, _ = _weights(query, key, mask, scale, causal, dropout, seed, offset)
        (batch, groups, S, _), shared = key.shape, query.shape[1] // key.shape[1]

        def gathered(x):
            return x.reshape(batch, groups, shared, S, -1).sum(2)

        of_used = grad @ np.repeat(value, shared, 1).swapaxes(-2, -1)
        of_scores = (used * of_used - weights * (grad * out).sum(-1, keepdims=True)) * scale
        of_query = of_scores @ np.repeat(key, shared, 1)
        return of_query, gathered(of_scores.swapaxes(-2, -1) @ query), gathered(used.swapaxes(-2, -1) @ grad)

    cuda = kernels.backward


def _scores_shape(query, key, value, mask, shared):
    """The shape of the scores where the kernels of cuda apply, else None: nothing empty, heads that are not too large,
    a mask that is no larger than the scores and asks for no gradient."""
    if not (query.is_cuda and key.is_cuda and value.is_cuda and query.dtype.is_floating_point):
        return None
    sizes = query.shape[-1], value.shape[-1]
    if (
        query.dtype.itemsize not in (2, 4)
        or max(sizes) > kernels.most
        or not min(x.numel() for x in (query, key, value))
    ):
        return None
    if key.shape[-1] != sizes[0] or key.shape[-2] != value.shape[-2]:
        return None
    if shared and (min(x.ndim for x in (query, key, value)) < 3 or key.shape[-3] != value.shape[-3]):
        return None
    if shared and query.shape[-3] % key.shape[-3]:
        return None
    skip = -3 if shared else -2
    shape = (*broadcast(*[tuple(x.shape[:skip]) for x in (query, key, value)]), *query.shape[skip:-1], key.shape[-2])
    if mask is not None:
        plain = mask.dtype.category == 0 or mask.dtype is query.dtype or mask.dtype.itemsize == 4 > query.dtype.itemsize
        if not mask.is_cuda or not plain or _C.needs_grad(mask) or broadcast(shape, tuple(mask.shape)) != shape:
            return None
    return shape


def _four_dims(x, leading, kept):
    """``x`` over all ``leading`` dims, which become one, and the last ``kept``; of fewer than four dims, with ones."""
    x = x.expand(*leading, *x.shape[x.ndim - kept :])
    return x.reshape(-1, *((1, 1) + tuple(x.shape))[-3:])


def _by_kernels(shape, query, key, value, mask, dropout, causal, scale, shared):
    """Attention by the operator above; ``shape`` is that of the scores."""
    kept = 3 if shared else 2
    leading = shape[: len(shape) - kept]
    four = [_four_dims(x, leading, kept) for x in (query, key, value)]
    if mask is not None and mask.ndim > 3 and len(shape) > 4:
        mask = mask.expand(*shape).reshape(-1, *shape[-3:])
    seed = offset = 0
    if dropout:
        seed, offset = chosen(None, query.device.index).take((math.prod(shape) + 3) // 4)
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    out, _ = ops.attention(*four, mask, factor, causal, float(dropout), seed, offset)
    return out.reshape(*shape[:-1], value.shape[-1])


def _composite(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa):
    """Attention in tensor language."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    factor = math.sqrt(1.0 / math.sqrt(query.shape[-1] or 1) if scale is None else abs(scale))
    sign = -1.0 if scale is not None and scale < 0 else 1.0
    scores = (query * (factor * sign)) @ (key * factor).transpose(-2, -1)
    blocked = None
    if is_causal:
        blocked = ops.ones(query.shape[-2], key.shape[-2], device=query.device).tril().logical_not()
    elif attn_mask is not None:
        if attn_mask.dtype.category == 0:
            blocked = attn_mask.logical_not()
        else:
            scores = scores + attn_mask
    if blocked is not None:
        scores = scores.masked_fill(blocked, -math.inf)
    if blocked is None and attn_mask is None:
        weights = scores.softmax(-1)
    else:  # a row of -inf alone has no softmax: it attends to nothing, and has no gradient
        nothing = (scores == -math.inf).all(-1, True)
        weights = scores.masked_fill(nothing, 0.0).softmax(-1).masked_fill(nothing, 0.0)
    if dropout_p:
        weights = ops.nn_functional_dropout(weights, dropout_p)
    return weights @ value


class scaled_dot_product_attention(Op, home="nn.functional", method=False, has_out=False):
    """``softmax(query @ key.T * scale + mask) @ value`` over the last two dims.

    :attr:`query` (*, heads, L, E), :attr:`key` (*, heads, S, E), :attr:`value` (*, heads, S, Ev) give (*, heads, L, Ev).
    ``attn_mask`` broadcasts to (*, heads, L, S): bool, True where attention is paid, or added to the scores. ``scale``
    is 1 / sqrt(E) unless given. With ``enable_gqa`` the heads of query are a multiple of those of key and value. A row
    that may attend to nothing is zero.

    On cuda, float32 and half precision with heads of up to 256 are computed without a matrix of scores (Note [Attention
    in blocks] in ``_attention_kernels``).

    Source: Vaswani et al., "Attention is all you need" (2017).
    """

    def eager(
        query, key, value, attn_mask=None, dropout_p: float = 0.0, is_causal: bool = False, scale: object = None,
        enable_gqa: bool = False,
    ):  # fmt: skip
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x.dtype is not query.dtype:
                raise RuntimeError(
                    "Expected query, key, and value to have the same dtype, but got query.dtype: "
                    f"{query.dtype.type_name.lower()} key.dtype: {key.dtype.type_name.lower()} and value.dtype: "
                    f"{value.dtype.type_name.lower()} instead."
                )
            if x.ndim < 2:
                raise RuntimeError(
                    "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
                    f"{query.ndim}, key.dim: {key.ndim} and value.dim: {value.ndim} instead. ({name})"
                )
        if is_causal and attn_mask is not None:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
            )
        if not 0.0 <= dropout_p <= 1.0:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
        shape = _scores_shape(query, key, value, attn_mask, enable_gqa)
        if shape is None or (dropout_p and chosen(None, query.device.index).held):  # a graph moves its own stream
            return _composite(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)
        return _by_kernels(shape, query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)

    def samples(make):
        yield make(1, 2, 3, 4), make(1, 2, 5, 4), make(1, 2, 5, 4)
        yield make(2, 3, 4), make(2, 3, 4), make(2, 3, 4), {"is_causal": True}
        yield make(1, 3, 4), make(1, 5, 4), make(1, 5, 4), make.mask(3, 5)
