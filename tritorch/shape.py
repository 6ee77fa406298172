"""Shapes: sizes, broadcasting, dimensions, strides, views.

Floor 3: pure arithmetic on tuples of ints, with torch's results and error texts. Strides may be counted in
elements or in bytes: functions that make strides take the unit as ``itemsize``.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, Self, SupportsIndex

from ._C import SizeBase

MAX_DIMS = 64


class Size(SizeBase, tuple[int, ...]):
    """The shape of a tensor: a tuple of ints that stays a :class:`Size` under slicing, ``+`` and ``*``.

    Items may be anything with ``__index__``: NumPy integers, 0-dim integer tensors.

    Raises:
        TypeError: if an item is no integer.

    Example:
        >>> import tritorch
        >>> s = tritorch.Size([2, 3, 4])
        >>> s[1:], s + (5,), s.numel()
        (tritorch.Size([3, 4]), tritorch.Size([2, 3, 4, 5]), 24)
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"tritorch.Size([{', '.join(map(str, self))}])"

    def __reduce__(self) -> tuple:
        return Size, (tuple(self),)


class _Constant:
    """A named singleton of its class; calling the class with the name gives it, which is how it is pickled."""

    __slots__ = ("name",)
    name: str
    _known: dict[str, Any]

    def __new__(cls, name: str) -> Self:
        if name not in cls._known:
            raise TypeError(f"cannot create 'tritorch.{cls.__name__}' instances: there is none named {name!r}")
        found = cls._known[name]
        if found is None:
            found = cls._known[name] = object.__new__(cls)
            found.name = name
        return found

    def __repr__(self) -> str:
        return f"tritorch.{self.name}"

    def __reduce__(self) -> tuple:
        return type(self), (self.name,)


class memory_format(_Constant):
    """The order of a tensor's dimensions in memory: ``tritorch.contiguous_format``, ``preserve_format``,
    ``channels_last`` (N, H, W, C for a 4-dimensional tensor), ``channels_last_3d`` (N, D, H, W, C)."""

    __slots__ = ()
    _known = dict.fromkeys(("contiguous_format", "preserve_format", "channels_last", "channels_last_3d"))


class layout(_Constant):
    """How a tensor's elements are stored. There is one: ``tritorch.strided``."""

    __slots__ = ()
    _known = dict.fromkeys(("strided",))


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
strided = layout("strided")


# --- Arguments -------------------------------------------------------------------------------------------------


def size_args(
    args: Sequence[Any], function: str = "size", argument: str = "size", position: int = 1
) -> tuple[int, ...]:
    """The ints of a varargs shape: ``f(2, 3)``, ``f((2, 3))`` and ``f([2, 3])`` all mean ``(2, 3)``.

    Items may be NumPy integers or 0-dim integer tensors.

    Raises:
        TypeError: ``zeros(): argument 'size' (position 1) must be tuple of ints, not float``, or, for a later item,
            ``... failed to unpack the object at pos 2 with error "type must be tuple of ints,but got float"``.
    """
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = args[0]
    for item in args:
        if type(item) is not int:
            break
    else:
        return tuple(args)
    found = []
    for place, item in enumerate(args, 1):
        try:
            found.append(operator.index(item))
        except TypeError:
            name = type(item).__name__
            raise TypeError(
                f"{function}(): argument '{argument}' (position {position}) must be tuple of ints, not {name}"
                if place == 1
                else f"{function}(): argument '{argument}' failed to unpack the object at pos {place} with error "
                f'"type must be tuple of ints,but got {name}"'
            ) from None
    return tuple(found)


# --- Dimensions ------------------------------------------------------------------------------------------------


def wrap_dim(dim: int, ndim: int) -> int:
    """:attr:`dim` counted from the front. A 0-dim tensor is taken to have one dimension, as in torch.

    Raises:
        IndexError: ``Dimension out of range (expected to be in range of [-2, 1], but got 2)``.
    """
    if 0 <= dim < ndim:
        return dim
    if -ndim <= dim < 0:
        return dim + ndim
    if ndim == 0 and (dim == 0 or dim == -1):
        return 0
    bound = ndim or 1
    raise IndexError(f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {dim})")


def wrap_dims(dim: int | tuple[int, ...] | list[int] | None, ndim: int) -> tuple[int, ...]:
    """The dimensions that ``dim=`` names, counted from the front, in the order given: None and an empty
    sequence mean all of them. A 0-dim tensor has none, so that naming its dimension 0 or -1 gives ``()``.

    Raises:
        IndexError: a dimension is out of range.
        RuntimeError: ``dim 0 appears multiple times in the list of dims``.
    """
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, (tuple, list)):
        if not dim:
            return tuple(range(ndim))
        if ndim > MAX_DIMS:
            raise RuntimeError(f"only tensors with up to {MAX_DIMS} dims are supported")
        found = tuple([wrap_dim(operator.index(d), ndim) for d in dim])
        if len(set(found)) != len(found):
            twice = next(d for place, d in enumerate(found) if d in found[:place])
            raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    else:
        found = (wrap_dim(operator.index(dim), ndim),)
    return found if ndim else ()


def reduced_shape(shape: Sequence[int], dims: Sequence[int], keepdim: bool = False) -> tuple[int, ...]:
    """The shape after a reduction over :attr:`dims` (as :func:`wrap_dims` gives them)."""
    if keepdim:
        return tuple([1 if d in dims else size for d, size in enumerate(shape)])
    return tuple([size for d, size in enumerate(shape) if d not in dims])


# --- Broadcasting ----------------------------------------------------------------------------------------------


def broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The common shape of an operator's tensors.

    Raises:
        RuntimeError: ``The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1``.
    """
    result = tuple(shapes[0])
    for shape in shapes[1:]:
        if shape != result:
            result = _broadcast_two(result, tuple(shape))
    return result


@functools.lru_cache(maxsize=4096)  # a program meets few pairs of shapes, each many times
def _broadcast_two(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    ndim = max(len(a), len(b))
    a = (1,) * (ndim - len(a)) + a
    b = (1,) * (ndim - len(b)) + b
    for dim in range(ndim - 1, -1, -1):
        if a[dim] != b[dim] and a[dim] != 1 and b[dim] != 1:
            raise RuntimeError(
                f"The size of tensor a ({a[dim]}) must match the size of tensor b ({b[dim]}) "
                f"at non-singleton dimension {dim}"
            )
    return tuple([y if x == 1 else x for x, y in zip(a, b, strict=True)])


def broadcast_shapes(*shapes: int | Sequence[int]) -> Size:
    """The shape that all :attr:`shapes` broadcast to. An int is a shape of one dimension.

    Raises:
        RuntimeError: if they don't broadcast, naming the argument at fault.
        ValueError: for a negative size.

    Example:
        >>> import tritorch
        >>> tritorch.broadcast_shapes((2,), (3, 1), (1, 1, 1))
        tritorch.Size([1, 3, 2])
    """
    known: list[tuple[int, ...]] = []
    for shape in shapes:
        if isinstance(shape, SupportsIndex):
            known.append((operator.index(shape),))
        elif isinstance(shape, Sequence):
            known.append(tuple(Size(shape)))
        else:
            raise RuntimeError(f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {shape}")
    common = [1] * max(map(len, known), default=0)
    for argument, shape in enumerate(known):
        for dim in range(-1, -1 - len(shape), -1):
            if shape[dim] < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            if common[dim] == 1:
                common[dim] = shape[dim]
            elif shape[dim] not in (1, common[dim]):
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {shape[dim]} at {dim}! Mismatching argument at "
                    f"index {argument} had {shape}; but expected shape should be broadcastable to {common}"
                )
    return Size(common)


def expand_shape(shape: Sequence[int], sizes: Sequence[int], tensor_type: str = "Tensor") -> tuple[int, ...]:
    """The shape that ``expand(*sizes)`` of a tensor of :attr:`shape` has; -1 keeps a size.

    Raises:
        RuntimeError: with torch's texts: too few sizes, a size that doesn't match, -1 for a new dimension.
    """
    new = len(sizes) - len(shape)
    if new < 0:
        raise RuntimeError(
            f"expand({tensor_type}{{{list(shape)}}}, size={list(sizes)}): the number of sizes provided "
            f"({len(sizes)}) must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    result = list(sizes)
    for dim in range(len(sizes) - 1, -1, -1):
        size = sizes[dim]
        if dim < new:
            if size < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({size}) isn't allowed in a leading, non-existing dimension {dim}"
                )
            continue
        old = shape[dim - new]
        if size == -1:
            result[dim] = old
        elif size != old and (old != 1 or size < 0):
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({old}) at non-singleton "
                f"dimension {dim}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(shape)}"
            )
    return tuple(result)


def sum_to_size_dims(shape: Sequence[int], size: Sequence[int]) -> tuple[int, ...]:
    """The dimensions of :attr:`shape` that must be summed (and the leading ones dropped) to give :attr:`size`: the
    reverse of broadcasting.

    Raises:
        RuntimeError: ``size {[1, 2]} is not expandable to size {[2, 3]}.``
    """
    new = len(shape) - len(size)
    if new < 0 or any(s not in (1, shape[new + d]) for d, s in enumerate(size)):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    kept = [new + d for d, s in enumerate(size) if s == 1 and shape[new + d] != 1]
    return (*range(new), *kept)


# --- Strides and views -----------------------------------------------------------------------------------------

# The dimensions from the innermost in memory to the outermost.
_ORDER = {channels_last: (1, 3, 2, 0), channels_last_3d: (1, 4, 3, 2, 0)}


def _order(ndim: int, format: memory_format) -> Sequence[int]:
    if format not in _ORDER:
        return range(ndim - 1, -1, -1)
    order = _ORDER[format]
    if len(order) != ndim:
        raise RuntimeError(f"required rank {len(order)} tensor to use {format.name} format")
    return order


def contiguous_strides(
    shape: Sequence[int], itemsize: int = 1, format: memory_format = contiguous_format
) -> tuple[int, ...]:
    """The strides of a dense tensor of that shape. A dimension of size 0 counts as 1, as in torch.

    Raises:
        RuntimeError: ``required rank 4 tensor to use channels_last format``.
    """
    strides = [0] * len(shape)
    step = itemsize
    for dim in _order(len(shape), format):
        strides[dim] = step
        step *= shape[dim] or 1
    return tuple(strides)


def is_contiguous(
    shape: Sequence[int], strides: Sequence[int], itemsize: int = 1, format: memory_format = contiguous_format
) -> bool:
    """Whether a tensor is dense in that format; the strides of dimensions of size 1 don't matter. A tensor of another
    rank than a channels-last format needs is not in it."""
    if format in _ORDER and len(_ORDER[format]) != len(shape):
        return False
    if 0 in shape:
        return True
    step = itemsize
    for dim in _order(len(shape), format):
        if shape[dim] != 1:
            if strides[dim] != step:
                return False
            step *= shape[dim]
    return True


def infer_size(shape: Sequence[int], numel: int) -> tuple[int, ...]:
    """:attr:`shape` with its one -1, if any, made to fit :attr:`numel` elements: ``view`` and ``reshape``.

    Raises:
        RuntimeError: ``shape '[2, 3]' is invalid for input of size 5`` and torch's other texts.
    """
    known, unknown = 1, -1
    for dim, size in enumerate(shape):
        if size >= 0:
            known *= size
        elif size != -1:
            raise RuntimeError(f"invalid shape dimension {size} at index {dim} of shape {list(shape)}")
        elif unknown >= 0:
            raise RuntimeError("only one dimension can be inferred")
        else:
            unknown = dim
    if known == numel and unknown < 0:
        return tuple(shape)
    if unknown < 0 or (known == 0 and numel != 0) or (known > 0 and numel % known):
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    if known == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    return (*shape[:unknown], numel // known, *shape[unknown + 1 :])


def view_strides(
    shape: Sequence[int], strides: Sequence[int], new_shape: Sequence[int], itemsize: int = 1
) -> tuple[int, ...] | None:
    """The strides that show a tensor in :attr:`new_shape` (of as many elements) without a copy, or None.

    The old dimensions are cut into chunks within which memory is evenly spaced; each chunk must be the product of
    some of the new ones.
    """
    if 0 in shape:
        return tuple(strides) if tuple(shape) == tuple(new_shape) else contiguous_strides(new_shape, itemsize)
    if not shape:
        return (itemsize,) * len(new_shape)
    result = [0] * len(new_shape)
    new_dim = len(new_shape) - 1
    step = strides[-1]
    old_numel = new_numel = 1
    for dim in range(len(shape) - 1, -1, -1):
        old_numel *= shape[dim]
        if dim and (shape[dim - 1] == 1 or strides[dim - 1] == old_numel * step):
            continue  # the chunk goes on
        while new_dim >= 0 and (new_numel < old_numel or new_shape[new_dim] == 1):
            result[new_dim] = new_numel * step
            new_numel *= new_shape[new_dim]
            new_dim -= 1
        if new_numel != old_numel:
            return None
        if dim:
            step = strides[dim - 1]
            old_numel = new_numel = 1
    return tuple(result) if new_dim < 0 else None


def not_viewable() -> RuntimeError:
    """The error of ``view`` where :func:`view_strides` is None."""
    return RuntimeError(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
        "contiguous subspaces). Use .reshape(...) instead."
    )
