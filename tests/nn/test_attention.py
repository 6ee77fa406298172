"""Attention and the transformer against their formulas, and their options against each other."""

import math

import pytest

import tritorch
from tritorch import nn


def close(a, b):
    return tritorch.allclose(a, b, atol=1e-5)


def by_hand(module, q, k, v):
    """Attention of unbatched q, k, v, head by head."""
    size = module.embed_dim // module.num_heads
    w, b = module.in_proj_weight, module.in_proj_bias
    q, k, v = (x @ w[i * len(w) // 3 : (i + 1) * len(w) // 3].t() + b.chunk(3)[i] for i, x in enumerate((q, k, v)))
    heads = []
    for h in range(module.num_heads):
        part = slice(h * size, (h + 1) * size)
        weights = tritorch.softmax(q[:, part] @ k[:, part].t() / math.sqrt(size), -1)
        heads.append(weights @ v[:, part])
    return module.out_proj(tritorch.cat(heads, 1))


def test_formula():
    attention = nn.MultiheadAttention(8, 2)
    nn.init.normal_(attention.in_proj_bias)
    q, k = tritorch.randn(3, 8), tritorch.randn(5, 8)
    output, weights = attention(q, k, k)
    assert (
        close(output, by_hand(attention, q, k, k))
        and weights.shape == (3, 5)
        and close(weights.sum(1), weights[:, 0] * 0 + 1)
    )
    assert attention(q, k, k, need_weights=False)[1] is None
    assert close(attention(q, k, k, need_weights=False)[0], output)
    assert attention(q, k, k, average_attn_weights=False)[1].shape == (2, 3, 5)


def test_batch_first_is_a_transpose():
    a, b = nn.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    b.load_state_dict(a.state_dict())
    x = tritorch.randn(4, 3, 8)
    output, weights = a(x, x, x)
    swapped = x.transpose(0, 1)
    other, same = b(swapped, swapped, swapped)
    assert close(other.transpose(0, 1), output) and close(weights, same)


@pytest.mark.parametrize("need_weights", [True, False])
def test_masks(need_weights):
    attention, x = nn.MultiheadAttention(8, 2), tritorch.randn(4, 3, 8)
    causal = nn.Transformer.generate_square_subsequent_mask(4)
    output, _ = attention(x, x, x, attn_mask=causal, need_weights=need_weights)
    assert close(attention(x, x, x, attn_mask=causal == float("-inf"), need_weights=need_weights)[0], output)
    assert close(attention(x, x, x, attn_mask=causal, is_causal=True, need_weights=need_weights)[0], output)
    for length in range(1, 5):
        part = x[:length]
        assert close(attention(part[-1:], part, part)[0], output[length - 1 : length])
    padding = tritorch.tensor([[False, False, True, True]] * 3)
    padded, _ = attention(x, x, x, key_padding_mask=padding, need_weights=need_weights)
    assert close(padded, attention(x, x[:2], x[:2])[0])
    with pytest.raises(AssertionError, match="only bool and floating types of attn_mask are supported"):
        attention(x, x, x, attn_mask=tritorch.ones(4, 4, dtype=tritorch.int64))


def test_other_sizes_and_added_keys():
    attention = nn.MultiheadAttention(8, 2, kdim=5, vdim=6, add_bias_kv=True, add_zero_attn=True, bias=False)
    assert attention.in_proj_weight is None and attention.k_proj_weight.shape == (8, 5)
    output, weights = attention(tritorch.randn(4, 3, 8), tritorch.randn(7, 3, 5), tritorch.randn(7, 3, 6))
    assert output.shape == (4, 3, 8) and weights.shape == (3, 4, 9)
    output.sum().backward()
    assert all(p.grad is not None for p in attention.parameters())


def test_arguments_are_checked():
    with pytest.raises(AssertionError, match="embed_dim must be divisible by num_heads"):
        nn.MultiheadAttention(8, 3)
    with pytest.raises(ValueError, match="must be greater than 0"):
        nn.MultiheadAttention(8, 0)
    with pytest.raises(RuntimeError, match="activation should be relu/gelu, not tanh"):
        nn.TransformerEncoderLayer(8, 2, activation="tanh")


@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_layer(norm_first):
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, norm_first=norm_first, activation="gelu")
    x = tritorch.randn(4, 3, 8)

    def attend(y):
        return layer.self_attn(y, y, y, need_weights=False)[0]

    def feed(y):
        return layer.linear2(nn.functional.gelu(layer.linear1(y)))

    if norm_first:
        y = x + attend(layer.norm1(x))
        expected = y + feed(layer.norm2(y))
    else:
        y = layer.norm1(x + attend(x))
        expected = layer.norm2(y + feed(y))
    assert close(layer(x), expected)


def test_stacks():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8))
    x = tritorch.randn(4, 3, 8)
    assert close(encoder(x), encoder.norm(encoder.layers[1](encoder.layers[0](x))))
    assert encoder.layers[0].linear1.weight is not layer.linear1.weight
    mask = nn.Transformer.generate_square_subsequent_mask(4)
    assert close(encoder(x, mask=mask), encoder(x, mask=mask, is_causal=True))
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0), 2)
    memory = tritorch.randn(5, 3, 8)
    assert close(decoder(x, memory), decoder.layers[1](decoder.layers[0](x, memory), memory))


def test_transformer():
    model = nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True)
    src, tgt = tritorch.randn(3, 5, 8), tritorch.randn(3, 4, 8)
    mask = model.generate_square_subsequent_mask(4)
    output = model(src, tgt, tgt_mask=mask)
    assert output.shape == (3, 4, 8)
    assert close(model(src, tgt[:, :2], tgt_mask=mask[:2, :2]), output[:, :2])
    output.sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    with pytest.raises(RuntimeError, match="the batch number of src and tgt must be equal"):
        model(src[:2], tgt)
    with pytest.raises(RuntimeError, match="the feature number of src and tgt must be equal to d_model"):
        model(src[:, :, :6], tgt)


def test_any_implementation_may_be_asked_for():
    x = tritorch.randn(1, 2, 3, 4)
    expected = nn.functional.scaled_dot_product_attention(x, x, x)
    with nn.attention.sdpa_kernel([nn.attention.SDPBackend.MATH, nn.attention.SDPBackend.FLASH_ATTENTION]):
        assert close(nn.functional.scaled_dot_product_attention(x, x, x), expected)
    with pytest.raises(TypeError, match="expected one or more SDPBackend"), nn.attention.sdpa_kernel(["math"]):
        pass
