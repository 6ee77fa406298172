"""Scaled dot product attention."""

import math

from ._op import Op, ops


def _causal(length, keys, dtype):
    return ops.ones(length, keys, dtype=dtype).tril()


class scaled_dot_product_attention(Op, home="nn.functional", method=False, has_out=False):
    """``softmax(query @ key.T * scale + mask) @ value`` over the last two dims.

    :attr:`query` (*, heads, L, E), :attr:`key` (*, heads, S, E), :attr:`value` (*, heads, S, Ev) give (*, heads, L, Ev).
    ``attn_mask`` broadcasts to (*, heads, L, S): bool, True where attention is paid, or added to the scores. ``scale``
    is 1 / sqrt(E) unless given. With ``enable_gqa`` the heads of query are a multiple of those of key and value. A row
    that may attend to nothing is zero.

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
        if enable_gqa:
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
            value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
        factor = math.sqrt(1.0 / math.sqrt(query.shape[-1] or 1) if scale is None else abs(scale))
        sign = -1.0 if scale is not None and scale < 0 else 1.0
        scores = (query * (factor * sign)) @ (key * factor).transpose(-2, -1)
        blocked = None
        if is_causal:
            blocked = _causal(query.shape[-2], key.shape[-2], None).logical_not()
        elif attn_mask is not None:
            if attn_mask.dtype.category == 0:
                blocked = attn_mask.logical_not()
            else:
                scores = scores + attn_mask
        if blocked is not None:
            scores = scores.masked_fill(blocked, -math.inf)
        weights = scores.softmax(-1)
        if blocked is not None or attn_mask is not None:  # a row of -inf alone has no softmax: it attends to nothing
            weights = weights.masked_fill((scores == -math.inf).all(-1, True), 0.0)
        if dropout_p:
            weights = ops.nn_functional_dropout(weights, dropout_p)
        return weights @ value

    def samples(make):
        yield make(1, 2, 3, 4), make(1, 2, 5, 4), make(1, 2, 5, 4)
        yield make(2, 3, 4), make(2, 3, 4), make(2, 3, 4), {"is_causal": True}
        yield make(1, 3, 4), make(1, 5, 4), make(1, 5, 4), make.mask(3, 5)
