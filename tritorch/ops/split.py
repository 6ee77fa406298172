"""One tensor as several windows side by side."""

import operator

from .._C import TensorBase, pieces, plain_size
from ..errors import argument_type
from ..shape import size_args, wrap_dim
from ._index import ALL
from ._kinds import View
from ._op import Op, ops
from ._schema import Dim


def _joined(grads, shapes, dim):
    """The gradients of pieces side by side; one that nothing used is zeros."""
    like = next(g for g in grads if g is not None)
    return ops.cat([like.new_zeros(s) if g is None else g for g, s in zip(grads, shapes, strict=True)], dim)


def _halves(make):
    yield make(4, 4), 2


class split_with_sizes(View, multi=True):
    """Windows of the lengths ``split_sizes`` along ``dim``, side by side: a tuple of views.

    Raises:
        RuntimeError: if the lengths do not sum to the size of the dim.

    Example:
        >>> import tritorch
        >>> tritorch.split_with_sizes(tritorch.arange(5), [2, 3])
        (tensor([0, 1]), tensor([2, 3, 4]))
    """

    def cpu(input, split_sizes: object, dim: Dim = 0):
        sizes = _sizes(split_sizes)
        if not input.ndim:
            raise RuntimeError("split expects at least a 1-dimensional tensor")
        if sizes and min(sizes) < 0:
            raise RuntimeError(
                "split_with_sizes expects split_sizes have only non-negative entries, but got "
                f"split_sizes={list(sizes)}"
            )
        if sum(sizes) != input.shape[dim]:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {input.shape[dim]} (input tensor's size at "
                f"dimension {dim}), but got split_sizes={list(sizes)}"
            )
        return pieces(input, dim, sizes)

    def d_input(grads, input_shape, split_sizes, dim):
        shapes = [(*input_shape[:dim], n, *input_shape[dim + 1 :]) for n in _sizes(split_sizes)]
        return _joined(grads, shapes, dim)

    def samples(make):
        yield make(3, 4), (1, 3), 1


def _sizes(sizes):
    if not isinstance(sizes, (tuple, list)):
        raise argument_type("split_with_sizes", "split_sizes", 2, "tuple of ints", sizes)
    return plain_size(sizes) or size_args((sizes,), "split_with_sizes", "split_sizes", 2)


def _even(length, size):
    """The lengths of pieces of ``size``, of which the last may be shorter."""
    if size == 0:
        return [0]
    whole, rest = divmod(length, size)
    return [size] * whole + [rest] if rest or not whole else [size] * whole


class split(Op, has_out=False):
    """Windows along ``dim``: each of ``split_size_or_sections`` elements (the last may be shorter), or of the lengths
    in a list. A tuple of views, which may not be written in place where gradients are recorded.

    Raises:
        RuntimeError: if the sizes do not fit the dim.

    Example:
        >>> import tritorch
        >>> tritorch.arange(5).split(2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """

    def eager(tensor, split_size_or_sections: object, dim: Dim = 0):
        return _split(tensor, split_size_or_sections, dim)

    def method(input, split_size, dim=0):
        return _split(input, split_size, dim if dim >= 0 else wrap_dim(dim, input.ndim))

    samples = _halves


def _split(input, size, dim):
    if isinstance(size, (tuple, list)):
        return ops.split_with_sizes(input, size, dim)
    if isinstance(size, TensorBase) and size.ndim:
        return ops.split_with_sizes(input, size.tolist(), dim)
    try:
        size = operator.index(size)
    except TypeError:
        raise argument_type("split_with_sizes", "split_sizes", 2, "tuple of ints", size) from None
    if not input.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    length = input.shape[dim]
    if size == 0 and length:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}")
    return ops.split_with_sizes(input, _even(length, size), dim)


class chunk(Op, has_out=False):
    """At most ``chunks`` windows of equal length along ``dim``; the last may be shorter. A tuple of views.

    Raises:
        RuntimeError: ``chunk expects `chunks` to be greater than 0, got: 0``.

    Example:
        >>> import tritorch
        >>> tritorch.arange(5).chunk(2)
        (tensor([0, 1, 2]), tensor([3, 4]))
    """

    def eager(input, chunks: object, dim: Dim = 0):
        if not input.ndim:
            raise RuntimeError("chunk expects at least a 1-dimensional tensor")
        if chunks <= 0:
            raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
        length = input.shape[dim]
        size = -(-length // chunks)
        return ops.split_with_sizes(input, [0] * chunks if size == 0 else _even(length, size), dim)

    samples = _halves


class unbind(View, multi=True):
    """The parts at each index of ``dim``, without that dim: a tuple of views.

    Raises:
        IndexError: for a 0-dim tensor.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([[1, 2], [3, 4]]).unbind()
        (tensor([1, 2]), tensor([3, 4]))
    """

    def cpu(input, dim: Dim = 0):
        if not input.ndim:
            raise IndexError("Dimension specified as 0 but tensor has no dimensions")
        return pieces(input, dim, None)

    def d_input(grads, input_shape, dim):
        like = next(g for g in grads if g is not None)
        shape = (*input_shape[:dim], *input_shape[dim + 1 :])
        return ops.stack([like.new_zeros(shape) if g is None else g for g in grads], dim)


class tensor_split(Op, has_out=False):
    """Windows along ``dim``: as many as ``indices_or_sections`` says, of lengths that differ by one at most, or cut
    before each of the indices in a list or a 1-dim tensor. A tuple of views.

    Example:
        >>> import tritorch
        >>> tritorch.tensor_split(tritorch.arange(5), 2), tritorch.tensor_split(tritorch.arange(3), (1, 2))
        ((tensor([0, 1, 2]), tensor([3, 4])), (tensor([0]), tensor([1]), tensor([2])))
    """

    def eager(
        input, indices_or_sections: object = None, dim: Dim = 0, *, indices: object = None, sections: object = None
    ):
        given = next(x for x in (indices_or_sections, indices, sections) if x is not None)
        if not input.ndim:
            raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
        if isinstance(given, TensorBase):
            given = _cuts(given)
        if isinstance(given, (tuple, list)):
            return _split_at(input, given, dim)
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        each, more = divmod(input.shape[dim], given)
        ends = [(i + 1) * each + min(i + 1, more) for i in range(given - 1)]
        return _split_at(input, ends, dim)

    def samples(make):
        yield make(5, 4), 3
        yield make(5, 4), (1, 3)


def _cuts(tensor):
    if tensor.ndim > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but "
            f"got a tensor with {tensor.ndim} dims"
        )
    if tensor.dtype.name != "int64":
        raise RuntimeError(
            f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {tensor.dtype.type_name}"
        )
    return tensor.tolist()


def _split_at(input, cuts, dim):
    lead, out, start = (ALL,) * dim, [], None
    for stop in (*[operator.index(c) for c in cuts], None):
        piece = input[(*lead, slice(start, stop))]
        out.append(piece)
        start = stop
    return tuple(out)


def _by_name(name, input, given, least, dim):
    if input.ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} "
            "dimensions!"
        )
    if isinstance(given, int) and given > 0 and input.shape[dim] % given:
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {input.shape[dim]} "
            f"is not divisible by the split_size {given}!"
        )
    return ops.tensor_split(input, given, dim)


class hsplit(Op, has_out=False):
    """:func:`tensor_split` into columns: along dim 1, or dim 0 of a vector; a number of sections must divide it.

    Example:
        >>> import tritorch
        >>> tritorch.hsplit(tritorch.tensor([1, 2, 3, 4]), 2)
        (tensor([1, 2]), tensor([3, 4]))
    """

    def eager(input, indices_or_sections: object):
        return _by_name("hsplit", input, indices_or_sections, 1, 0 if input.ndim == 1 else 1)

    samples = _halves


class vsplit(Op, has_out=False):
    """:func:`tensor_split` into rows: along dim 0 of a tensor with two dims at least.

    Example:
        >>> import tritorch
        >>> [x.tolist() for x in tritorch.vsplit(tritorch.tensor([[1, 2], [3, 4]]), 2)]
        [[[1, 2]], [[3, 4]]]
    """

    def eager(input, indices_or_sections: object):
        return _by_name("vsplit", input, indices_or_sections, 2, 0)

    samples = _halves


class dsplit(Op, has_out=False):
    """:func:`tensor_split` along dim 2 of a tensor with three dims at least.

    Example:
        >>> import tritorch
        >>> [x.shape for x in tritorch.dsplit(tritorch.zeros(1, 1, 4), 2)]
        [tritorch.Size([1, 1, 2]), tritorch.Size([1, 1, 2])]
    """

    def eager(input, indices_or_sections: object):
        return _by_name("dsplit", input, indices_or_sections, 3, 2)

    def samples(make):
        yield make(2, 2, 4), 2
        yield make(2, 2, 4), (1, 2)


class unsafe_split(Op, has_out=False):
    """:func:`split` into tensors with memory of their own."""

    def eager(input, split_size: object, dim: Dim = 0):
        return tuple([piece.clone() for piece in _split(input, split_size, dim)])

    samples = _halves


class unsafe_split_with_sizes(Op, has_out=False):
    """:func:`split_with_sizes` into tensors with memory of their own."""

    def eager(input, split_sizes: object, dim: Dim = 0):
        return tuple([piece.clone() for piece in ops.split_with_sizes(input, split_sizes, dim)])

    def samples(make):
        yield make(3, 4), (1, 3), 1


class unsafe_chunk(Op, has_out=False):
    """:func:`chunk` into tensors with memory of their own."""

    def eager(input, chunks: object, dim: Dim = 0):
        return tuple([piece.clone() for piece in input.chunk(chunks, dim)])

    samples = _halves
