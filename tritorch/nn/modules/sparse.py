"""Tables of vectors, looked up by index."""

from typing import Self

from ... import _api as tt
from ...tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What both embeddings share: the weight and the index of padding."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    weight: Parameter

    def _index_of_padding(self, padding_idx: int | None, name: str) -> int | None:
        """The index, counted from the front."""
        if padding_idx is None:
            return None
        if not -self.num_embeddings <= padding_idx < max(self.num_embeddings, 1):
            raise AssertionError(f"{name} must be within num_embeddings")
        return padding_idx + self.num_embeddings if padding_idx < 0 else padding_idx

    def _set_weight(self, weight: Tensor | None, requires_grad: bool, device, dtype) -> None:
        shape = self.num_embeddings, self.embedding_dim
        if weight is None:
            self.weight = Parameter(tt.empty(shape, device=device, dtype=dtype), requires_grad)
            self.reset_parameters()
        elif tuple(weight.shape) != shape:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        else:
            self.weight = Parameter(weight, requires_grad)

    def reset_parameters(self) -> None:
        """Draws the vectors anew from the normal distribution; that of padding is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with tt.no_grad():
                self.weight[self.padding_idx].fill_(0)

    def _options_shown(self) -> list[str]:
        shown = [] if self.max_norm is None else [f"max_norm={self.max_norm}"]
        shown += [] if self.norm_type == 2 else [f"norm_type={self.norm_type}"]
        return shown + ([] if self.scale_grad_by_freq is False else [f"scale_grad_by_freq={self.scale_grad_by_freq}"])


class Embedding(_Table):
    """A table of vectors: every index of the input is replaced by its vector.

    Args:
        num_embeddings (int): how many vectors.
        embedding_dim (int): the size of each.
        padding_idx (int, optional): an index whose vector begins at zero and gets no gradient.
        max_norm (float, optional): vectors that are looked up are shortened to this norm, in place.
        norm_type (float): which norm. Default: 2
        scale_grad_by_freq (bool): divide gradients by how often the index occurs. Default: ``False``
        sparse (bool): ask for a sparse gradient. Default: ``False``
        device, dtype: of the weight.

    Shape:
        - Input: ``(*)``, integers
        - Output: ``(*, embedding_dim)``

    Attributes:
        weight (Parameter): of shape ``(num_embeddings, embedding_dim)``, at first normal.

    Example::

        >>> import tritorch
        >>> tritorch.nn.Embedding(10, 3)(tritorch.tensor([[1, 2, 4], [4, 3, 9]])).shape
        tritorch.Size([2, 3, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = self._index_of_padding(padding_idx, "Padding_idx")
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._set_weight(_weight, not _freeze, device, dtype)
        self.sparse = sparse

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        shown = [f"{self.num_embeddings}, {self.embedding_dim}"]
        shown += [] if self.padding_idx is None else [f"padding_idx={self.padding_idx}"]
        shown += self._options_shown()
        return ", ".join(shown + ([] if self.sparse is False else ["sparse=True"]))

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """An embedding of given vectors, which are shared and not copied.

        Args:
            embeddings (Tensor): of shape ``(num_embeddings, embedding_dim)``.
            freeze (bool): whether they stay as they are. Default: ``True``

        The others are as for the class.
        """
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        return cls(
            *embeddings.shape,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(_Table):
    """Sums, means or maxima of the vectors of bags of indices, without the vectors themselves being kept.

    Args:
        num_embeddings (int): how many vectors.
        embedding_dim (int): the size of each.
        max_norm (float, optional): vectors that are looked up are shortened to this norm, in place.
        norm_type (float): which norm. Default: 2
        scale_grad_by_freq (bool): divide gradients by how often the index occurs. Default: ``False``
        mode (str): ``"sum"``, ``"mean"`` or ``"max"``. Default: ``"mean"``
        sparse (bool): ask for a sparse gradient. Default: ``False``
        include_last_offset (bool): ``offsets`` has one item more, the size of ``input``. Default: ``False``
        padding_idx (int, optional): an index that is left out of the bags.
        device, dtype: of the weight.

    Shape:
        - Input: ``(B, n)``, ``B`` bags of equal size; or ``(n,)`` with offsets ``(B,)``, where each bag begins
        - per_sample_weights (optional): as the input, factors for ``"sum"``
        - Output: ``(B, embedding_dim)``

    Example::

        >>> import tritorch
        >>> bags = tritorch.nn.EmbeddingBag(10, 3, mode="sum")
        >>> bags(tritorch.tensor([1, 2, 4, 5]), tritorch.tensor([0, 3])).shape
        tritorch.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = self._index_of_padding(padding_idx, "padding_idx")
        self._set_weight(_weight, True, device, dtype)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        shown = [f"{self.num_embeddings}, {self.embedding_dim}", *self._options_shown(), f"mode={self.mode!r}"]
        return ", ".join(shown + ([] if self.padding_idx is None else [f"padding_idx={self.padding_idx}"]))

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """An embedding bag of given vectors, of shape ``(num_embeddings, embedding_dim)``, shared and not copied."""
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        bag = cls(
            *embeddings.shape,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        bag.weight.requires_grad_(not freeze)
        return bag
