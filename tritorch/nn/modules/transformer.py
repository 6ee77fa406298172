"""The transformer: layers of attention and feed-forward, in stacks of encoders and decoders."""

import copy
from collections.abc import Callable

from ... import _api as tt
from ...tensor import Tensor
from .. import functional as F
from ..init import xavier_uniform_
from ._attention import float_mask
from ._transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer
from .container import ModuleList
from .module import Module
from .normalization import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]


def _generate_square_subsequent_mask(sz: int, device=None, dtype=None) -> Tensor:
    """Minus infinity above the diagonal, 0 elsewhere."""
    return tt.triu(tt.full((sz, sz), float("-inf"), dtype=dtype, device=device), diagonal=1)


def _is_causal(mask: Tensor | None, is_causal: bool | None, x: Tensor, batch_first: bool) -> bool:
    """Whether ``mask`` is the causal one: as it is said to be or, where nothing is said, by comparison."""
    if is_causal is not None or mask is None:
        return is_causal is True
    length = x.size(1 if batch_first and x.dim() == 3 else 0)
    causal = _generate_square_subsequent_mask(length, device=mask.device, dtype=mask.dtype)
    return mask.size() == causal.size() and bool((mask == causal).all())


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList(copy.deepcopy(layer) for _ in range(count))


class TransformerEncoder(Module):
    """A stack of encoder layers.

    Args:
        encoder_layer (TransformerEncoderLayer): what to copy.
        num_layers (int): how many times.
        norm (Module, optional): what comes after the last.
        enable_nested_tensor, mask_check (bool): accepted; there are no nested tensors.

    ``forward(src, mask=None, src_key_padding_mask=None, is_causal=None)``: see :class:`TransformerEncoderLayer`;
    with ``is_causal=None`` the mask is compared with the causal one.

    Example::

        >>> import tritorch
        >>> layer = tritorch.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> tritorch.nn.TransformerEncoder(layer, num_layers=2)(tritorch.rand(10, 3, 8)).shape
        tritorch.Size([10, 3, 8])
    """

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = False
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        padding = float_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype)
        mask = float_mask(mask, "mask", src.dtype)
        causal = _is_causal(mask, is_causal, src, self.layers[0].self_attn.batch_first)
        for layer in self.layers:
            src = layer(src, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """A stack of decoder layers.

    Args:
        decoder_layer (TransformerDecoderLayer): what to copy.
        num_layers (int): how many times.
        norm (Module, optional): what comes after the last.

    ``forward`` is that of :class:`TransformerDecoderLayer`; with ``tgt_is_causal=None``, the default, the mask is
    compared with the causal one.
    """

    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        causal = _is_causal(tgt_mask, tgt_is_causal, tgt, self.layers[0].self_attn.batch_first)
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder, and a decoder that attends to its output.

    Source: Vaswani et al., Attention Is All You Need (2017).

    Args:
        d_model (int): size of the features. Default: 512
        nhead (int): heads of attention. Default: 8
        num_encoder_layers, num_decoder_layers (int): Default: 6
        dim_feedforward (int): inner size of the feed-forward parts. Default: 2048
        dropout (float): Default: 0.1
        activation (str or callable): ``"relu"``, ``"gelu"`` or a function. Default: relu
        custom_encoder, custom_decoder (Module, optional): to use instead.
        layer_norm_eps (float): Default: 1e-5
        batch_first (bool): whether batches come before positions. Default: ``False``
        norm_first (bool): normalise before attention and feed-forward instead of after. Default: ``False``
        bias (bool): whether linear layers and norms have a bias. Default: ``True``
        device, dtype: of the parameters.

    ``forward(src, tgt, ...)`` takes ``(S, N, d_model)`` and ``(T, N, d_model)``, batches first if so asked, or without
    ``N``, and the masks of :class:`MultiheadAttention`; it returns a tensor of the shape of ``tgt``.

    Example::

        >>> import tritorch
        >>> model = tritorch.nn.Transformer(8, 2, 1, 1, dim_feedforward=16)
        >>> model(tritorch.rand(10, 3, 8), tritorch.rand(7, 3, 8)).shape
        tritorch.Size([7, 3, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        sizes = d_model, nhead, dim_feedforward
        arguments = *sizes, dropout, activation, layer_norm_eps, batch_first, norm_first, bias
        if custom_encoder is None:
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
            layer = TransformerEncoderLayer(*arguments, **factory)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        if custom_decoder is None:
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
            layer = TransformerDecoderLayer(*arguments, **factory)
            custom_decoder = TransformerDecoder(layer, num_decoder_layers, norm)
        self.encoder = custom_encoder
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                xavier_uniform_(parameter)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device=None, dtype=None) -> Tensor:
        """The causal mask of a size: minus infinity above the diagonal, 0 elsewhere.

        Example::

            >>> import tritorch
            >>> tritorch.nn.Transformer.generate_square_subsequent_mask(2)
            tensor([[0., -inf],
                    [0., 0.]])
        """
        return _generate_square_subsequent_mask(sz, device=device, dtype=dtype)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch) != tgt.size(batch):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
