"""New tensors: filled or empty."""

import operator

import numpy as np

from .. import dtypes
from .._C import TensorBase, new_array
from ..errors import argument_type
from ..runtime.array import empty as device_empty
from ..runtime.array import upload
from ..shape import contiguous_format
from ._create_kernels import diagonal, made
from ._device_fill import filled
from ._kinds import Creation
from ._layout import checked_sizes, empty_in, empty_of, number_argument, number_array, strided_of
from ._schema import DType, Shape


class zeros(Creation):
    """Zeros.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(2, 2)
        tensor([[0., 0.],
                [0., 0.]])
    """

    def cpu(size: Shape, *, dtype: DType = None):
        try:
            return np.zeros(size, dtype)
        except ValueError:
            return np.zeros(checked_sizes("zeros", size), dtype)

    def cuda(size, dtype=None):
        return filled(checked_sizes("zeros", size), dtype, 0)


class ones(Creation):
    """Ones.

    Example:
        >>> import tritorch
        >>> tritorch.ones(2, dtype=tritorch.int64)
        tensor([1, 1])
    """

    def cpu(size: Shape, *, dtype: DType = None):
        out = np.empty(checked_sizes("ones", size), dtype)
        out.fill(1)
        return out

    def cuda(size, dtype=None):
        return filled(checked_sizes("ones", size), dtype, 1)


class empty(Creation):
    """Memory as it comes: the elements are arbitrary.

    Example:
        >>> import tritorch
        >>> tritorch.empty(2, 3).shape
        tritorch.Size([2, 3])
    """

    def cpu(size: Shape, *, memory_format: object = contiguous_format, dtype: DType = None):
        if memory_format is contiguous_format:
            try:
                return new_array(size, dtype)
            except ValueError:
                return empty_of(size, dtype)
        return empty_of(size, dtype, memory_format)

    def cuda(size, memory_format=contiguous_format, dtype=None):
        return empty_in(checked_sizes("empty", size), dtype, memory_format, device_empty)


class full(Creation):
    """``fill_value`` everywhere. Its type decides the dtype unless ``dtype`` is given: int64 for an int.

    Example:
        >>> import tritorch
        >>> tritorch.full((2,), 7)
        tensor([7, 7])
    """

    def head_lines():
        return ["    if size.__class__ is int: OP.refuse_int(size)"]

    def refuse_int(size):
        raise argument_type("full", "size", 1, "tuple of ints", size)

    def cpu(size: tuple, fill_value: object, *, dtype: DType = None):
        out = empty_of(tuple(size), dtype)
        out.fill(number_array(number_argument("full", "fill_value", 2, fill_value), dtype))
        return out

    def cuda(size, fill_value, dtype=None):
        size = checked_sizes("full", tuple(size))
        return filled(size, dtype, number_argument("full", "fill_value", 2, fill_value))

    def dtype_rule(size, fill_value):
        if fill_value.__class__ is float:
            return dtypes.get_default_dtype()
        return fill_value.dtype if isinstance(fill_value, TensorBase) else dtypes.number_dtype(fill_value)

    def samples(make):
        yield (2, 3), 2, {"dtype": make.dtype}
        yield (), True


class eye(Creation):
    """The identity matrix of ``n`` rows and ``m`` (``n``) columns.

    Raises:
        RuntimeError: ``n must be greater or equal to 0, got -1``.

    Example:
        >>> import tritorch
        >>> tritorch.eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """

    def check(n, m):
        for name, place, value in (("n", 1, n), ("m", 2, n if m is None else m)):
            if not hasattr(value, "__index__"):
                raise argument_type("eye", name, place, "int", value)
            if value < 0:
                raise RuntimeError(f"{name} must be greater or equal to 0, got {value}")

    def cuda(n, m=None, dtype=None):
        rows, columns = operator.index(n), operator.index(n if m is None else m)
        if dtype.kind != "c":
            return made(diagonal, (rows, columns), dtype, columns)
        return upload(eye.cpu(rows, columns, dtype=dtype))

    def cpu(n: object, m: object = None, *, dtype: DType = None):
        rows, columns = operator.index(n), operator.index(n if m is None else m)
        out = np.zeros((rows, columns), dtype)
        out.reshape(-1)[: rows * columns : columns + 1][: min(rows, columns)] = 1
        return out

    def samples(make):
        yield 3, {"dtype": make.dtype}
        yield 2, 3


class empty_strided(Creation):
    """Arbitrary elements with that size and stride, counted in elements.

    Example:
        >>> import tritorch
        >>> tritorch.empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """

    def cpu(size: tuple, stride: tuple, *, dtype: DType = None):
        return strided_of(size, stride, dtype)

    def cuda(size, stride, dtype=None):
        return strided_of(size, stride, dtype, device_empty)

    def samples(make):
        yield (2, 3), (1, 2), {"dtype": make.dtype}


class empty_permuted(Creation):
    """Arbitrary elements, dense in memory with the dims in the order ``physical_layout``, outermost first.

    Example:
        >>> import tritorch
        >>> tritorch.empty_permuted((2, 3), (1, 0)).stride()
        (1, 2)
    """

    def check(size, physical_layout):
        if len(size) != len(physical_layout):
            raise RuntimeError(
                "Number of dimensions in size does not match the length of the physical_layout; i.e. "
                f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(physical_layout)}"
            )
        for place, dim in enumerate(physical_layout):
            if not 0 <= dim < len(size):
                raise RuntimeError(
                    f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {dim} at index "
                    f"{place}).  NB: negative dims not currently supported; file an issue if you want it."
                )
        if len(set(physical_layout)) != len(size):
            raise RuntimeError("Duplicate dim not allowed")

    def cuda(size, physical_layout, dtype=None):
        return device_empty([size[d] for d in physical_layout], dtype).transpose(np.argsort(physical_layout))

    def cpu(size: tuple, physical_layout: tuple, *, dtype: DType = None):
        return np.empty([size[d] for d in physical_layout], dtype).transpose(np.argsort(physical_layout))

    def samples(make):
        yield (2, 3), (1, 0), {"dtype": make.dtype}
