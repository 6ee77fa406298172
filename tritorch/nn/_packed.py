"""Sequences of several lengths in one tensor: padded, or packed, with nothing between."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .. import _api as tt
from ..tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _PackedSequence(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_PackedSequence):
    """Sequences packed by time: the first items of all of them, then the second items of those that have any, ...

    Made by :func:`pack_padded_sequence` and :func:`pack_sequence`; recurrent networks take and return it.

    Attributes:
        data (Tensor): the items, ``(sum of lengths, *)``.
        batch_sizes (Tensor): how many sequences have each item, ``(longest,)``, int64, on the CPU.
        sorted_indices (Tensor or None): the order in which the sequences were put to be sorted by falling length.
        unsorted_indices (Tensor or None): the order that takes that back.

    Example::

        >>> import tritorch
        >>> from tritorch.nn.utils.rnn import pack_sequence
        >>> pack_sequence([tritorch.tensor([1, 2, 3]), tritorch.tensor([4])]).data
        tensor([1, 4, 2, 3])
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            if not (isinstance(data, list | tuple) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn."
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor, convert):
        """The same sequences with other data, and their indices converted."""
        indices = (None if index is None else convert(index) for index in (self.sorted_indices, self.unsorted_indices))
        return type(self)(data, self.batch_sizes, *indices)

    def to(self, *args, **kwargs):
        """The data moved or cast, as ``Tensor.to`` does; itself if nothing changes."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self._with(data, lambda index: index.to(data.device))

    def cuda(self, *args, **kwargs):
        """The sequences on a GPU."""
        data = self.data.cuda(*args, **kwargs)
        return self if data is self.data else self._with(data, lambda index: index.to(data.device))

    def cpu(self):
        """The sequences on the CPU."""
        return self.to("cpu")

    def pin_memory(self):
        """The sequences in memory that is fast to copy to a GPU."""
        packed = self._with(self.data.pin_memory(), lambda index: index.pin_memory())
        return type(self)(packed.data, self.batch_sizes.pin_memory(), packed.sorted_indices, packed.unsorted_indices)

    def double(self):
        """The data cast to float64."""
        return self.to(dtype=tt.float64)

    def float(self):
        """The data cast to float32."""
        return self.to(dtype=tt.float32)

    def half(self):
        """The data cast to float16."""
        return self.to(dtype=tt.float16)

    def long(self):
        """The data cast to int64."""
        return self.to(dtype=tt.int64)

    def int(self):
        """The data cast to int32."""
        return self.to(dtype=tt.int32)

    def short(self):
        """The data cast to int16."""
        return self.to(dtype=tt.int16)

    def char(self):
        """The data cast to int8."""
        return self.to(dtype=tt.int8)

    def byte(self):
        """The data cast to uint8."""
        return self.to(dtype=tt.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data are on a GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data are in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that takes another back; None for None."""
    if permutation is None:
        return None
    places = tt.arange(permutation.numel(), device=permutation.device)
    return tt.empty_like(permutation).scatter_(0, permutation, places)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs padded sequences.

    Args:
        input (Tensor): the sequences, ``(T, B, *)``, with ``batch_first`` ``(B, T, *)``.
        lengths (Tensor or list of int): the length of each, at least 1 and at most ``T``, on the CPU.
        batch_first (bool): whether batches come before time. Default: ``False``
        enforce_sorted (bool): expect falling lengths; if not, the sequences are sorted. Default: ``True``

    Raises:
        RuntimeError: where a length is below 1, their number does not fit, or they do not fall as they should.
    """
    lengths = tt.as_tensor(lengths, dtype=tt.int64)
    if lengths.device.type != "cpu":
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D {lengths.device} Long tensor"
        )
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = tt.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    steps = input.transpose(0, 1) if batch_first else input
    counts = lengths.tolist()
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if len(counts) != steps.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} (batch_size={steps.size(1)})"
        )
    if counts[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if any(earlier < later for earlier, later in pairwise(counts)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if counts[0] > steps.size(0):
        raise RuntimeError(f"Expected lengths of at most {steps.size(0)}, the size of the input, but got {counts[0]}")
    mask = tt.arange(counts[0]).unsqueeze(1) < lengths
    data = steps[: counts[0]][mask.to(input.device)]
    return PackedSequence(data, mask.sum(1), sorted_indices, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Pads packed sequences; takes :func:`pack_padded_sequence` back.

    Args:
        sequence (PackedSequence): the sequences.
        batch_first (bool): whether batches come before time in the result. Default: ``False``
        padding_value (float): what stands after the end of each. Default: 0
        total_length (int, optional): the size of the time dimension, at least the longest length, else ValueError.

    Returns:
        the padded sequences, ``(T, B, *)`` or ``(B, T, *)``, and their lengths, ``(B,)``.
    """
    data, batch_sizes, _, unsorted_indices = sequence
    longest = batch_sizes.size(0)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    batch_size = int(batch_sizes[0])
    mask = tt.arange(batch_size) < batch_sizes.unsqueeze(1)
    lengths = mask.sum(0)
    steps, rows = (index.to(data.device) for index in mask.nonzero().unbind(1))
    shape = total_length or longest, batch_size, *data.shape[1:]
    padded = tt.full(shape, padding_value, dtype=data.dtype, device=data.device).index_put((steps, rows), data)
    if unsorted_indices is not None:
        padded = padded.index_select(1, unsorted_indices)
        lengths = lengths[unsorted_indices.cpu()]
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Pads sequences to the length of the longest.

    Args:
        sequences (iterable of Tensor): of shape ``(length, *)`` each.
        batch_first (bool): whether batches come before time in the result. Default: ``False``
        padding_value (float): what to pad with. Default: 0
        padding_side (str): ``"right"`` or ``"left"``. Default: ``"right"``

    Returns:
        ``(T, B, *)``, with ``batch_first`` ``(B, T, *)``.

    Example::

        >>> import tritorch
        >>> from tritorch.nn.utils.rnn import pad_sequence
        >>> pad_sequence([tritorch.tensor([1, 2]), tritorch.tensor([3])], batch_first=True)
        tensor([[1, 2],
                [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    longest = max(sequence.size(0) for sequence in sequences)
    padded = []
    for sequence in sequences:
        missing = longest - sequence.size(0)
        if missing:
            shape = missing, *sequence.shape[1:]
            padding = tt.full(shape, padding_value, dtype=sequence.dtype, device=sequence.device)
            sequence = tt.cat([padding, sequence] if padding_side == "left" else [sequence, padding])
        padded.append(sequence)
    return tt.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences without their padding, in a list; takes :func:`pad_sequence` back.

    Args:
        padded_sequences (Tensor): ``(T, B, *)``, with ``batch_first`` ``(B, T, *)``.
        lengths (Tensor): the length of each, ``(B,)``.
        batch_first (bool): whether batches come before time. Default: ``False``
    """
    by_sequence = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [sequence[:length] for sequence, length in zip(by_sequence, lengths.tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences of shape ``(length, *)`` each; see :func:`pack_padded_sequence`."""
    lengths = tt.as_tensor([sequence.size(0) for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences, in a list, in the order in which they were packed; takes :func:`pack_sequence` back."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
