"""Attention of several heads, with its projections."""

import math

from ._op import Op, ops


class multi_head_attention_forward(Op, home="nn.functional", method=False, has_out=False):
    """Attention of :attr:`query` to :attr:`key` over ``num_heads`` parts of their projections, mixing :attr:`value`.

    What :class:`tritorch.nn.MultiheadAttention` computes; it gives the shapes, here with positions before batches.
    Masks are bool, True where attention is not paid, or added to the scores. ``static_k`` and ``static_v``,
    (batch * heads, S, head size), stand in for the projections of key and value.

    Returns:
        the output, and the weights or None.

    Source: Vaswani et al., "Attention is all you need" (2017).
    """

    def eager(
        query, key, value, embed_dim_to_check: int, num_heads: int, in_proj_weight=None, in_proj_bias=None, bias_k=None,
        bias_v=None, add_zero_attn: bool = False, dropout_p: float = 0.0, out_proj_weight=None, out_proj_bias=None,
        training: bool = True, key_padding_mask=None, need_weights: bool = True, attn_mask=None,
        use_separate_proj_weight: bool = False, q_proj_weight=None, k_proj_weight=None, v_proj_weight=None,
        static_k=None, static_v=None, average_attn_weights: bool = True, is_causal: bool = False,
    ):  # fmt: skip
        batched = _check_dims(query, key, value, key_padding_mask, attn_mask, num_heads)
        if not batched:
            self_attention = query is key and key is value
            query = query.unsqueeze(1)
            key, value = (query, query) if self_attention else (key.unsqueeze(1), value.unsqueeze(1))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        length, batch, size = query.shape
        _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
        if is_causal and attn_mask is None:
            raise RuntimeError(
                "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                "`generate_square_subsequent_mask` to create this mask."
            )
        if is_causal and key_padding_mask is None and not need_weights:
            attn_mask = None  # the hint is all that is needed
        elif attn_mask is not None:
            is_causal = is_causal and key_padding_mask is None
            attn_mask = _as_scores(attn_mask, "attn_mask", query.dtype)
            attn_mask = _three_dims(attn_mask, length, key.shape[0], batch * num_heads)
        padding = None if key_padding_mask is None else _as_scores(key_padding_mask, "key_padding_mask", query.dtype)

        separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
        q, k, v = _projected(query, key, value, in_proj_weight, separate, in_proj_bias)
        if bias_k is not None:
            if static_k is not None or static_v is not None:
                raise AssertionError("bias cannot be added to static key or value.")
            k, v = ops.cat([k, bias_k.expand(1, batch, -1)]), ops.cat([v, bias_v.expand(1, batch, -1)])
            attn_mask, padding = _one_key_more(attn_mask), _one_key_more(padding)
        q = _by_head(q, num_heads)
        k = _by_head(k, num_heads) if static_k is None else static_k
        v = _by_head(v, num_heads) if static_v is None else static_v
        if add_zero_attn:
            k, v = (ops.cat([x, x.new_zeros(x.shape[0], 1, x.shape[2])], 1) for x in (k, v))
            attn_mask, padding = _one_key_more(attn_mask), _one_key_more(padding)
        if padding is not None:
            padding = padding.reshape(batch, 1, 1, -1).expand(-1, num_heads, -1, -1).reshape(batch * num_heads, 1, -1)
            attn_mask = padding if attn_mask is None else attn_mask + padding

        dropout_p = dropout_p if training else 0.0
        if need_weights:
            mixed, weights = _with_weights(q, k, v, attn_mask, dropout_p)
            weights = weights.reshape(batch, num_heads, length, k.shape[1])
            weights = weights.mean(1) if average_attn_weights else weights
            weights = weights if batched else weights.squeeze(0)
        else:
            heads = [x.reshape(batch, num_heads, *x.shape[1:]) for x in (q, k, v)]
            if attn_mask is not None and attn_mask.shape[0] != 1:
                attn_mask = attn_mask.reshape(batch, num_heads, -1, k.shape[1])
            mixed = ops.scaled_dot_product_attention(*heads, attn_mask, dropout_p, is_causal)
            mixed, weights = mixed.reshape(batch * num_heads, length, v.shape[2]), None
        rows = mixed.transpose(0, 1).reshape(length, batch, size)
        output = ops.linear(rows, out_proj_weight, out_proj_bias)
        return output if batched else output.squeeze(1), weights

    def samples(make):
        yield (
            make(3, 2, 4), make(5, 2, 4), make(5, 2, 4), 4, 2, make(12, 4), make(12), None, None, False, 0.0, make(4, 4), make(4),
        )  # fmt: skip


def _check_dims(query, key, value, padding, mask, num_heads):
    """Whether there is a batch; AssertionError where the dims of the arguments do not go together."""
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    dims = query.ndim
    kind = f"{'batched' if dims == 3 else 'unbatched'} ({dims}-D) `query`"
    if key.ndim != dims or value.ndim != dims:
        raise AssertionError(
            f"For {kind}, expected `key` and `value` to be {dims}-D but found {key.ndim}-D and {value.ndim}-D tensors "
            "respectively"
        )
    if padding is not None and padding.ndim != dims - 1:
        raise AssertionError(
            f"For {kind}, expected `key_padding_mask` to be `None` or {dims - 1}-D but found {padding.ndim}-D tensor "
            "instead"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise AssertionError(
            f"For {kind}, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead"
        )
    if dims == 2 and mask is not None and mask.ndim == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if mask.shape != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {mask.shape}")
    return dims == 3


def _check_sizes(query, key, value, size, num_heads, separate):
    if query.shape[2] != size:
        raise AssertionError(f"was expecting embedding dimension of {size}, but got {query.shape[2]}")
    if size % num_heads:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {num_heads}")
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if not separate and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _as_scores(mask, name, dtype):
    """What a mask adds to the scores: minus infinity where a bool one is True."""
    if mask.dtype.is_floating_point:
        return mask
    if mask.dtype.category != 0:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return ops.zeros_like(mask, dtype=dtype).masked_fill(mask, -math.inf)


def _three_dims(mask, length, keys, heads):
    """A mask of two dims for all heads, or of three for each, as one of three."""
    expected = (length, keys) if mask.ndim == 2 else (heads, length, keys)
    if mask.shape != expected:
        raise RuntimeError(f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {expected}.")
    return mask.unsqueeze(0) if mask.ndim == 2 else mask


def _projected(query, key, value, packed, separate, bias):
    """Queries, keys and values; what is one tensor is multiplied once."""
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    if separate is not None:
        inputs = zip((query, key, value), separate, biases, strict=True)
        return [ops.linear(x, weight, b) for x, weight, b in inputs]
    if query is key and key is value:
        return ops.linear(query, packed, bias).chunk(3, -1)
    if key is value:
        size = query.shape[-1]
        both = None if bias is None else bias[size:]
        keys_and_values = ops.linear(key, packed[size:], both)
        return [ops.linear(query, packed[:size], biases[0]), *keys_and_values.chunk(2, -1)]
    inputs = zip((query, key, value), packed.chunk(3), biases, strict=True)
    return [ops.linear(x, weight, b) for x, weight, b in inputs]


def _by_head(x, num_heads):
    """(L, N, heads * size) as (N * heads, L, size)."""
    return x.reshape(x.shape[0], x.shape[1] * num_heads, x.shape[2] // num_heads).transpose(0, 1)


def _one_key_more(mask):
    """A mask for a key that was added at the end and may be attended to."""
    return None if mask is None else ops.cat([mask, mask.new_zeros(*mask.shape[:-1], 1)], -1)


def _with_weights(q, k, v, mask, dropout_p):
    """The mixture of the values, and the weights, after dropout."""
    q, k = q * math.sqrt(1.0 / (q.shape[-1] or 1)), k.transpose(1, 2)
    scores = q @ k if mask is None else mask + q @ k
    weights = scores.softmax(-1)
    if dropout_p > 0.0:
        weights = ops.nn_functional_dropout(weights, dropout_p)
    return weights @ v, weights
