"""The operators that give views, with memory of their own: ``expand_copy`` and its like."""

from ..shape import contiguous_format, size_args
from ._op import Op, ops
from ._schema import Dim


class alias_copy(Op, method=False):
    """A copy."""

    def eager(input):
        return input.clone(memory_format=contiguous_format)


class detach_copy(Op, method=False):
    """:meth:`Tensor.detach` as a copy."""

    def eager(input):
        return input.detach().clone(memory_format=contiguous_format)


class as_strided_copy(Op, method=False):
    """:func:`as_strided` as a copy."""

    def eager(input, size: object, stride: object, storage_offset: object = None):
        return input.as_strided(size, stride, storage_offset).clone(memory_format=contiguous_format)

    def samples(make):
        yield make(3, 4), (2, 2), (1, 2), 1


class diagonal_copy(Op, method=False):
    """:func:`diagonal` as a copy."""

    def eager(input, offset: object = 0, dim1: Dim = 0, dim2: Dim = 1):
        return input.diagonal(offset, dim1, dim2).clone(memory_format=contiguous_format)


class expand_copy(Op, method=False):
    """:meth:`Tensor.expand` as a copy."""

    def eager(input, size: object, *, implicit: object = False):
        return input.expand(size_args((size,))).clone(memory_format=contiguous_format)

    def samples(make):
        yield make(3, 1), (2, 3, 4)


class narrow_copy(Op):
    """:func:`narrow` as a copy."""

    def eager(input, dim: int, start: object, length: object):
        if dim >= input.ndim:
            raise RuntimeError(f"narrow_copy: expected dim < {input.ndim}, but got {dim}")
        return input.narrow(dim, start, length).clone(memory_format=contiguous_format)

    def samples(make):
        yield make(3, 4), 1, 1, 2


class permute_copy(Op, method=False):
    """:func:`permute` as a copy."""

    def eager(input, dims: object):
        return input.permute(dims).clone(memory_format=contiguous_format)

    def samples(make):
        yield make(2, 3, 4), (2, 0, 1)


class select_copy(Op, method=False):
    """:func:`select` as a copy."""

    def eager(input, dim: Dim, index: object):
        return input.select(dim, index).clone(memory_format=contiguous_format)

    def samples(make):
        yield make(3, 4), 1, 2


class slice_copy(Op, method=False):
    """The slice ``start:end:step`` of ``dim`` as a copy."""

    def eager(input, dim: Dim = 0, start: object = None, end: object = None, step: object = 1):
        return input[(*(slice(None),) * dim, slice(start, end, step))].clone(memory_format=contiguous_format)

    def samples(make):
        yield make(3, 6), 1, 1, 6, 2


class split_copy(Op, method=False, has_out=False):
    """:func:`split` into copies."""

    def eager(input, split_size: object, dim: Dim = 0):
        return tuple([piece.clone(memory_format=contiguous_format) for piece in input.split(split_size, dim)])

    def samples(make):
        yield make(5, 2), 2


class split_with_sizes_copy(Op, method=False, has_out=False):
    """:func:`split_with_sizes` into copies. ``out`` is a list of tensors."""

    def eager(input, split_sizes: object, dim: Dim = 0, *, out: object = None):
        pieces = input.split_with_sizes(split_sizes, dim)
        if out is None:
            return tuple([piece.clone(memory_format=contiguous_format) for piece in pieces])
        for target, piece in zip(out, pieces, strict=True):
            target.resize_(piece.shape).copy_(piece)
        return None

    def samples(make):
        yield make(5, 2), (2, 3)


class squeeze_copy(Op, method=False):
    """:func:`squeeze` as a copy."""

    def eager(input, dim: object = None):
        return input.squeeze(dim).clone(memory_format=contiguous_format)


class t_copy(Op, method=False):
    """:func:`t` as a copy."""

    def eager(input):
        return input.t().clone(memory_format=contiguous_format)


class transpose_copy(Op, method=False):
    """:func:`transpose` as a copy."""

    def eager(input, dim0: Dim, dim1: Dim):
        return input.transpose(dim0, dim1).clone(memory_format=contiguous_format)


class unbind_copy(Op, method=False, has_out=False):
    """:func:`unbind` into copies. ``out`` is a list of tensors."""

    def eager(input, dim: Dim = 0, *, out: object = None):
        pieces = input.unbind(dim)
        if out is None:
            return tuple([piece.clone(memory_format=contiguous_format) for piece in pieces])
        for target, piece in zip(out, pieces, strict=True):
            target.resize_(piece.shape).copy_(piece)
        return None


class unfold_copy(Op, method=False):
    """:meth:`Tensor.unfold` as a copy."""

    def eager(input, dimension: Dim, size: object, step: object):
        return input.unfold(dimension, size, step).clone(memory_format=contiguous_format)

    def samples(make):
        yield make(3, 6), 1, 3, 2


class unsqueeze_copy(Op, method=False):
    """:func:`unsqueeze` as a copy."""

    def eager(input, dim: int):
        return input.unsqueeze(dim).clone(memory_format=contiguous_format)


class view_copy(Op, method=False):
    """:meth:`Tensor.view` as a copy."""

    def eager(input, size: object):
        return input.reshape(size).clone(memory_format=contiguous_format)

    def samples(make):
        yield make(3, 4), (2, 6)


class view_as_real_copy(Op, method=False):
    """:func:`view_as_real` as a copy."""

    def eager(input):
        return ops.view_as_real(input).clone(memory_format=contiguous_format)

    def samples(make):
        yield make.complex(3, 4)


class view_as_complex_copy(Op, method=False):
    """:func:`view_as_complex` as a copy."""

    def eager(input):
        return ops.view_as_complex(input).clone(memory_format=contiguous_format)

    def samples(make):
        yield make(3, 4, 2)
