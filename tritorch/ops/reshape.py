"""The elements in another shape, without a copy where there is such a window."""

from .._C import copy_into, new_array, reshaped, run
from ..dtypes import as_dtype
from ..dtypes import dtype as dtype_type
from ..dtypes import from_numpy as dtype_of
from ..runtime.storage import owner
from ..runtime.transfer import packed
from ..shape import contiguous_format, infer_size, not_viewable, preserve_format, size_args
from ._kinds import View
from ._op import Op, ops
from ._schema import Dim, DType, Shape


class view(View, function=False):
    """The same memory in another shape, of which one size may be -1; or, given a dtype, as elements of that type.

    Raises:
        RuntimeError: if the sizes don't fit, or the memory is not evenly spaced enough: see :func:`reshape`.

    Example:
        >>> import tritorch
        >>> tritorch.arange(6).view(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
        >>> tritorch.tensor(1.0).view(tritorch.int32)
        tensor(1065353216, dtype=tritorch.int32)
    """

    def cpu(input, size: Shape, *, dtype: DType = None):
        out = reshaped(input, size)
        if out is None:
            infer_size(size, input.size)
            raise not_viewable()
        return out

    def d_input(grad, input_shape):
        return grad.reshape(input_shape)

    @classmethod
    def head_lines(cls):
        return [
            "    if dtype is not None or (size_ and size_[0].__class__ is OP.DType):",
            "        return OP.as_dtype(input, size_[0] if dtype is None else dtype)",
        ]

    DType = dtype_type

    def as_dtype(input, dtype):
        return ops.view_dtype(input, as_dtype(dtype, "view"))

    def samples(make):
        yield make(3, 4), (2, 6)
        yield make(3, 4), (-1,)


class view_dtype(View, function=False, method=False, replay=True):
    """The same bytes as elements of ``dtype``; the last dim grows or shrinks with their size."""

    def cpu(input, dtype: object):
        small, large = sorted((input.itemsize, dtype.itemsize))
        if small != large:
            _check_bytes(input, dtype, large // small)
        return input.view(dtype.np)


def _check_bytes(input, dtype, ratio):
    tail = f"to view {dtype_of(input.dtype).type_name} as {dtype.type_name} (different element sizes)"
    if not input.ndim:
        raise RuntimeError(f"self.dim() cannot be 0 {tail}")
    strides = [s // input.itemsize for s in input.strides]
    if input.shape[-1] > 1 and strides[-1] != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {tail}, but got {strides[-1]}")
    if dtype.itemsize > input.itemsize:
        start = input.__array_interface__["data"][0] - owner(input).__array_interface__["data"][0]
        for name, value in (
            ("size(-1)", input.shape[-1]),
            ("storage_offset()", start // input.itemsize),
            *[(f"stride({d})", s) for d, s in enumerate(strides[:-1])],
        ):
            if value % ratio:
                raise RuntimeError(f"self.{name} must be divisible by {ratio} {tail}, but got {value}")


class view_as(Op, function=False, has_out=False):
    """:meth:`view` in the shape of ``other``."""

    def eager(input, other):
        return input.view(other.shape)

    def samples(make):
        yield make(3, 4), make(2, 6)


class reshape(View, copies=True):
    """The elements in another shape, of which one size may be -1: a view where there is one, else a copy.

    Raises:
        RuntimeError: ``shape '[7]' is invalid for input of size 6``.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([[1, 2], [3, 4]]).t().reshape(4)
        tensor([1, 3, 2, 4])
    """

    def cpu(input, shape: Shape):
        out = reshaped(input, shape)
        if out is None:
            out = run(new_array, infer_size(shape, input.size), input.dtype)
            copy_into(out.reshape(input.shape), input)
        return out

    def cuda(input, shape):
        out = reshaped(input, shape)
        return packed(input).reshape(infer_size(shape, input.size)) if out is None else out

    def d_input(grad, input_shape):
        return grad.reshape(input_shape)

    def samples(make):
        yield make(3, 4), (2, 6)
        yield make(), (1, 1)


class reshape_as(Op, function=False, has_out=False):
    """:func:`reshape` in the shape of ``other``."""

    def eager(input, other):
        return input.reshape(other.shape)

    def samples(make):
        yield make(3, 4), make(2, 6)


class flatten(Op, has_out=False):
    """The dims from ``start_dim`` to ``end_dim`` as one. A 0-dim tensor becomes a vector of one element.

    Raises:
        RuntimeError: ``flatten() has invalid args: start_dim cannot come after end_dim``.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(2, 3, 4).flatten(1).shape
        tritorch.Size([2, 12])
    """

    def eager(input, start_dim: Dim = 0, end_dim: Dim = -1):
        if start_dim > end_dim:
            raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
        shape = input._array.shape
        if start_dim == end_dim:
            return input if shape else input.reshape(1)
        if start_dim == 0 and end_dim == len(shape) - 1:
            return input.reshape(-1)
        count = 1
        for n in shape[start_dim : end_dim + 1]:
            count *= n
        return input.reshape((*shape[:start_dim], count, *shape[end_dim + 1 :]))


class unflatten(Op, has_out=False):
    """One dim as several of the given ``sizes``, of which one may be -1.

    Raises:
        RuntimeError: if they don't multiply up to the size of the dim.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(2, 12).unflatten(1, (3, -1)).shape
        tritorch.Size([2, 3, 4])
    """

    def eager(input, dim: Dim, sizes: object):
        if isinstance(sizes, int) or not isinstance(sizes, (tuple, list)):
            raise TypeError(
                f"unflatten(): argument 'sizes' (position 2) must be tuple of ints, not {type(sizes).__name__}"
            )
        sizes = size_args((sizes,), "unflatten", "sizes", 2)
        if not sizes:
            raise RuntimeError("unflatten: sizes must be non-empty")
        size = input.shape[dim]
        try:
            inferred = infer_size(sizes, size)
        except RuntimeError as error:
            if "invalid for input" not in str(error):
                raise RuntimeError(f"unflatten got an unexpected error:\n{error}") from None
            raise RuntimeError(
                f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({size}) in the "
                "input tensor"
            ) from None
        return input.view((*input.shape[:dim], *inferred, *input.shape[dim + 1 :]))

    def samples(make):
        yield make(3, 4), 1, (2, -1)


class ravel(Op, has_out=False):
    """The elements in one dim: a view of a contiguous tensor, else a copy.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([[1, 2], [3, 4]]).ravel()
        tensor([1, 2, 3, 4])
    """

    def eager(input):
        return input if input.ndim == 1 and input._array.flags.c_contiguous else input.contiguous().view(-1)


class contiguous(Op, function=False, has_out=False):
    """The tensor itself if it lies in memory in the order of ``memory_format``, else a copy that does."""

    def eager(input, memory_format: object = contiguous_format):
        if memory_format is contiguous_format:
            if input._array.flags.c_contiguous:
                return input
        elif memory_format is preserve_format:
            raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
        elif input.is_contiguous(memory_format=memory_format):
            return input
        return input.clone(memory_format=memory_format)
