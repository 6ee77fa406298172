"""Attention of several heads."""

from ... import _api as tt
from ...tensor import Tensor
from .. import functional as F
from ..init import constant_, xavier_normal_, xavier_uniform_
from ._new import new_parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module

__all__ = ["MultiheadAttention"]


def float_mask(mask: Tensor | None, name: str, dtype) -> Tensor | None:
    """A mask to be added to scores: minus infinity where a boolean one is True. Other types raise AssertionError."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask.dtype != tt.bool:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return tt.zeros_like(mask, dtype=dtype).masked_fill(mask, float("-inf"))


class MultiheadAttention(Module):
    """Attention of queries to keys, over several projections of both, mixing the values.

    Source: Vaswani et al., Attention Is All You Need (2017).

    Args:
        embed_dim (int): size of queries and of the output.
        num_heads (int): how many parts it is divided into, without remainder.
        dropout (float): the probability of a zero in the attention weights, in training. Default: 0
        bias (bool): whether the projections have a bias. Default: ``True``
        add_bias_kv (bool): add a learned key and value at the end. Default: ``False``
        add_zero_attn (bool): add a key and a value of zeros at the end. Default: ``False``
        kdim, vdim (int, optional): sizes of keys and values. Default: ``embed_dim``
        batch_first (bool): whether batches come before positions. Default: ``False``
        device, dtype: of the parameters.

    ``forward(query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True,
    is_causal=False)`` returns the output and, with ``need_weights``, the weights, else None.

    Shape:
        - query: ``(L, N, embed_dim)``, with ``batch_first`` ``(N, L, embed_dim)``, or ``(L, embed_dim)``
        - key, value: as the query, of length S, with ``kdim`` and ``vdim``
        - key_padding_mask: ``(N, S)`` or ``(S,)``; True, or minus infinity, where a key is to be ignored
        - attn_mask: ``(L, S)`` or ``(N num_heads, L, S)``; True, or minus infinity, where attention is not allowed
        - output: as the query
        - weights: ``(N, L, S)``; without ``average_attn_weights`` ``(N, num_heads, L, S)``; without ``N`` if unbatched

    Example::

        >>> import tritorch
        >>> attention = tritorch.nn.MultiheadAttention(8, 2)
        >>> x = tritorch.randn(5, 3, 8)
        >>> output, weights = attention(x, x, x)
        >>> output.shape, weights.shape
        (tritorch.Size([5, 3, 8]), tritorch.Size([3, 5, 5]))
    """

    def __init__(
        self,
        embed_dim,
        num_heads,
        dropout=0.0,
        bias=True,
        add_bias_kv=False,
        add_zero_attn=False,
        kdim=None,
        vdim=None,
        batch_first=False,
        device=None,
        dtype=None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        factory = {"device": device, "dtype": dtype}
        together, apart = self._qkv_same_embed_dim, not self._qkv_same_embed_dim
        self.register_parameter("q_proj_weight", new_parameter((embed_dim, embed_dim), apart, **factory))
        self.register_parameter("k_proj_weight", new_parameter((embed_dim, self.kdim), apart, **factory))
        self.register_parameter("v_proj_weight", new_parameter((embed_dim, self.vdim), apart, **factory))
        self.register_parameter("in_proj_weight", new_parameter((3 * embed_dim, embed_dim), together, **factory))
        self.register_parameter("in_proj_bias", new_parameter(3 * embed_dim, bias, **factory))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **factory)
        self.register_parameter("bias_k", new_parameter((1, 1, embed_dim), add_bias_kv, **factory))
        self.register_parameter("bias_v", new_parameter((1, 1, embed_dim), add_bias_kv, **factory))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            constant_(self.in_proj_bias, 0.0)
            constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                xavier_normal_(bias)

    def __setstate__(self, state) -> None:
        state.setdefault("_qkv_same_embed_dim", True)
        super().__setstate__(state)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        swap = self.batch_first and query.dim() == 3
        if swap:  # what is one tensor stays one, so that it is projected once
            swapped = {id(tensor): tensor.transpose(0, 1) for tensor in (query, key, value)}
            query, key, value = (swapped[id(tensor)] for tensor in (query, key, value))
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=float_mask(key_padding_mask, "key_padding_mask", query.dtype),
            need_weights=need_weights,
            attn_mask=float_mask(attn_mask, "attn_mask", query.dtype),
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(0, 1) if swap else output), weights
