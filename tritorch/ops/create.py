"""New tensors: filled, empty, ranges of numbers; alone, or after the model of another."""

import math
import operator

import numpy as np

from .. import dtypes
from .._C import TensorBase, new_array
from .._factory import tensor
from ..dtypes import from_numpy as dtype_of
from ..errors import argument_type
from ..shape import contiguous_format, contiguous_strides, preserve_format
from ._call import number
from ._kinds import Creation, Like
from ._layout import empty_as, empty_in, number_array
from ._op import Op
from ._schema import DType, Shape, Star

INT64 = np.dtype(np.int64)


def _sizes(name, size):
    for n in size:
        if n < 0:
            raise RuntimeError(f"{name}: Dimension size must be non-negative.")
    return size


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
            return np.zeros(_sizes("zeros", size), dtype)


class ones(Creation):
    """Ones.

    Example:
        >>> import tritorch
        >>> tritorch.ones(2, dtype=tritorch.int64)
        tensor([1, 1])
    """

    def cpu(size: Shape, *, dtype: DType = None):
        out = np.empty(_sizes("ones", size), dtype)
        out.fill(1)
        return out


def _empty(size, dtype, memory_format=contiguous_format):
    if memory_format is not contiguous_format:
        if memory_format is preserve_format:
            raise RuntimeError("unsupported memory format Preserve")
        return empty_in(size, dtype, memory_format)
    try:
        return np.empty(size, dtype)
    except ValueError:
        low = min(size, default=0)
        if low >= 0:
            raise
        raise RuntimeError(f"Trying to create tensor with negative dimension {low}: {list(size)}") from None


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
                return _empty(size, dtype)
        return _empty(size, dtype, memory_format)


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
        out = _empty(tuple(size), dtype)
        out.fill(number_array(_number("full", "fill_value", 2, fill_value), dtype))
        return out

    def dtype_rule(size, fill_value):
        if fill_value.__class__ is float:
            return dtypes.get_default_dtype()
        return fill_value.dtype if isinstance(fill_value, TensorBase) else dtypes.number_dtype(fill_value)


def _number(function, name, position, value):
    if value.__class__ is float or value.__class__ is int:
        return value
    if isinstance(value, TensorBase) and value.ndim:
        raise argument_type(function, name, position, "Number", value)
    value = number(value)
    if not isinstance(value, (int, float, complex)):
        raise argument_type(function, name, position, "Number", value)
    return value


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

    def cpu(n: object, m: object = None, *, dtype: DType = None):
        for name, place, value in (("n", 1, n), ("m", 2, n if m is None else m)):
            if not hasattr(value, "__index__"):
                raise argument_type("eye", name, place, "int", value)
            if value < 0:
                raise RuntimeError(f"{name} must be greater or equal to 0, got {value}")
        rows = operator.index(n)
        columns = rows if m is None else operator.index(m)
        out = np.zeros((rows, columns), dtype)
        out.reshape(-1)[: rows * columns : columns + 1][: min(rows, columns)] = 1
        return out


class empty_strided(Creation):
    """Arbitrary elements with that size and stride, counted in elements.

    Example:
        >>> import tritorch
        >>> tritorch.empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """

    def cpu(size: tuple, stride: tuple, *, dtype: DType = None):
        return _strided(size, stride, dtype)


def _strided(size, stride, dtype):
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})"
        )
    if min(size, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    if min(stride, default=0) < 0:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    if size and stride == contiguous_strides(size):
        return np.empty(size, dtype)
    room = 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    step = np.dtype(dtype).itemsize
    return np.lib.stride_tricks.as_strided(np.empty(room, dtype), size, [s * step for s in stride])


class empty_permuted(Creation):
    """Arbitrary elements, dense in memory with the dims in the order ``physical_layout``, outermost first.

    Example:
        >>> import tritorch
        >>> tritorch.empty_permuted((2, 3), (1, 0)).stride()
        (1, 2)
    """

    def cpu(size: tuple, physical_layout: tuple, *, dtype: DType = None):
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
        return np.empty([size[d] for d in physical_layout], dtype).transpose(np.argsort(physical_layout))


# -- ranges -----------------------------------------------------------------------------------------


def _range_count(start, end, step, exact):
    for value in (start, end, step):
        if isinstance(value, complex):
            raise RuntimeError("value cannot be converted to type double without overflow")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {_plain(start)} -> {_plain(end)}")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if exact:
        return -((start - end) // step)
    return math.ceil((end - start) / step)


def _plain(value):
    return int(value) if float(value).is_integer() else value


def _steps(name, start, step, count, dtype):
    """``start + i * step`` as torch computes it: integers exactly, floating types in their own accumulation type."""
    if dtype.kind in "iu":
        return (int(start) + np.arange(count, dtype=np.int64) * int(step)).astype(dtype)
    if dtype.kind in "bc":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{dtype_of(dtype).type_name}'")
    return (float(start) + np.arange(count, dtype=np.float64) * float(step)).astype(dtype)


class arange(Creation):
    """``start``, ``start + step``... up to but without ``end``; ``arange(end)`` starts at 0.

    Without ``dtype``: int64 if all three are integers, else the default dtype.

    Raises:
        RuntimeError: for a step of zero, or one in the wrong direction.

    Example:
        >>> import tritorch
        >>> tritorch.arange(3), tritorch.arange(1, 2, 0.5)
        (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """

    def cpu(start: object = 0, end: object = None, step: object = 1, *, dtype: DType = None):
        start, end = (0, start) if end is None else (start, end)
        if dtype == INT64 and start.__class__ is end.__class__ is step.__class__ is int:
            if step and (end - start) * step >= 0:
                return np.arange(start, end, step, dtype)
        start, end, step = (
            _number("arange", name, place, value)
            for place, (name, value) in enumerate((("start", start), ("end", end), ("step", step)), 1)
        )
        whole = all(isinstance(x, int) for x in (start, end, step))
        count = _range_count(start, end, step, whole)
        if dtype.kind in "iu" and not whole:
            if not int(step):
                raise ValueError("step must be nonzero")
            if dtype == INT64:  # which counts in integers, too
                count = _range_count(int(start), int(end), int(step), True)
        return _steps("arange", start, step, count, dtype)

    def dtype_rule(start, end, step):
        if start.__class__ is step.__class__ is int and (end is None or end.__class__ is int):
            return dtypes.int64
        kinds = [
            x.dtype.category > 1 if isinstance(x, TensorBase) else isinstance(x, float) for x in (start, end, step)
        ]
        return dtypes.get_default_dtype() if any(kinds) else dtypes.int64


class range(Creation):
    """``start``, ``start + step``... up to and with ``end``, in the default dtype. Use :func:`arange`.

    Example:
        >>> import tritorch
        >>> tritorch.range(0, 2)
        tensor([0., 1., 2.])
    """

    def cpu(start: object = 0, end: object = None, step: object = 1, *, dtype: DType = None):
        start, end = (0, start) if end is None else (start, end)
        start, end, step = number(start), number(end), number(step)
        _range_count(start, end, step, False)
        return _steps("range", start, step, int((end - start) / step) + 1, dtype)


def _ends(name, start, end, steps):
    for side, value in (("start", start), ("end", end)):
        if isinstance(value, TensorBase) and value.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {side} with {value.ndim} "
                "dimension(s)."
            )
    if not hasattr(steps, "__index__"):
        raise argument_type(name, "steps", 3, "int", steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return number(start), number(end), operator.index(steps)


def _between(name, start, end, steps, dtype):
    if dtype.kind == "b":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    if isinstance(start, complex) or isinstance(end, complex):
        if dtype.kind != "c":
            inferred = "c10::complex<float>" if dtypes.default_complex().itemsize == 8 else "c10::complex<double>"
            raise RuntimeError(
                f"torch.{name}(): inferred dtype {inferred} can't be safely cast to passed dtype "
                f"{dtype_of(dtype).type_name}"
            )
    if steps <= 1:
        return np.full(steps, start, np.complex128 if dtype.kind == "c" else np.float64)
    if dtype.kind in "iu":
        start, end = int(start), int(end)
    wide = np.complex128 if dtype.kind == "c" else np.float64
    step = (end - start) / (steps - 1)
    out = np.arange(steps, dtype=wide)
    if dtype.kind in "iu":  # from both ends, so that rounding down is symmetric
        return np.where(out < steps // 2, start + step * out, end - step * (steps - 1 - out))
    out *= step
    out += start
    out[-1] = end
    return out


class linspace(Creation):
    """``steps`` numbers, evenly spaced from ``start`` to ``end``, both included. They may be 0-dim tensors.

    Raises:
        RuntimeError: ``number of steps must be non-negative``.

    Example:
        >>> import tritorch
        >>> tritorch.linspace(0, 1, 3)
        tensor([0.0000, 0.5000, 1.0000])
    """

    def cpu(start: object, end: object, steps: object, *, dtype: DType = None):
        start, end, steps = _ends("linspace", start, end, steps)
        return _between("linspace", start, end, steps, dtype).astype(dtype)

    def dtype_rule(start, end, steps):
        return _float_or_complex(start, end)


def _float_or_complex(*values):
    wide = any(x.dtype.is_complex if isinstance(x, TensorBase) else isinstance(x, complex) for x in values)
    return dtypes.default_complex() if wide else dtypes.get_default_dtype()


class logspace(Creation):
    """``base`` to the powers of :func:`linspace`.

    Example:
        >>> import tritorch
        >>> tritorch.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """

    def cpu(start: object, end: object, steps: object, base: object = 10.0, *, dtype: DType = None):
        start, end, steps = _ends("logspace", start, end, steps)
        return np.power(number(base), _between("logspace", start, end, steps, dtype)).astype(dtype)

    def dtype_rule(start, end, steps, base):
        return _float_or_complex(start, end, base)


# -- after a model ----------------------------------------------------------------------------------


class empty_like(Like):
    """Arbitrary elements in the shape, dtype and layout in memory of ``input``.

    Example:
        >>> import tritorch
        >>> tritorch.empty_like(tritorch.zeros(2, 3)).shape
        tritorch.Size([2, 3])
    """

    def cpu(input, *, memory_format: object = preserve_format, dtype: DType = None):
        return empty_as(input, dtype, memory_format)


class zeros_like(Like):
    """Zeros in the shape, dtype and layout in memory of ``input``.

    Example:
        >>> import tritorch
        >>> tritorch.zeros_like(tritorch.tensor([1, 2]))
        tensor([0, 0])
    """

    def cpu(input, *, memory_format: object = preserve_format, dtype: DType = None):
        if input.flags.c_contiguous and memory_format is preserve_format:
            return np.zeros(input.shape, dtype)
        out = empty_as(input, dtype, memory_format)
        out.fill(0)
        return out


class ones_like(Like):
    """Ones in the shape, dtype and layout in memory of ``input``.

    Example:
        >>> import tritorch
        >>> tritorch.ones_like(tritorch.tensor([0.5, 2]))
        tensor([1., 1.])
    """

    def cpu(input, *, memory_format: object = preserve_format, dtype: DType = None):
        out = empty_as(input, dtype, memory_format)
        out.fill(1)
        return out


class full_like(Like):
    """``fill_value`` in the shape, dtype and layout in memory of ``input``.

    Example:
        >>> import tritorch
        >>> tritorch.full_like(tritorch.tensor([1, 2]), 7)
        tensor([7, 7])
    """

    def cpu(input, fill_value: object, *, memory_format: object = preserve_format, dtype: DType = None):
        out = empty_as(input, dtype, memory_format)
        out[...] = number_array(_number("full_like", "fill_value", 2, fill_value), dtype)
        return out


class new_empty(Like, function=False, method=True):
    """Arbitrary elements in that size, in the dtype of the tensor unless given."""

    def cpu(input, size: Shape, *, dtype: DType = None):
        return _empty(size, dtype)


class new_zeros(Like, function=False, method=True):
    """Zeros in that size, in the dtype of the tensor unless given."""

    def cpu(input, size: Shape, *, dtype: DType = None):
        return np.zeros(_sizes("zeros", size), dtype)


class new_ones(Like, function=False, method=True):
    """Ones in that size, in the dtype of the tensor unless given."""

    def cpu(input, size: Shape, *, dtype: DType = None):
        out = _empty(size, dtype)
        out.fill(1)
        return out


class new_full(Like, function=False, method=True):
    """``fill_value`` in that size, in the dtype of the tensor unless given."""

    def cpu(input, size: tuple, fill_value: object, *, dtype: DType = None):
        out = _empty(tuple([operator.index(n) for n in size]), dtype)
        out[...] = number_array(_number("new_full", "fill_value", 2, fill_value), dtype)
        return out


class new_empty_strided(Like, function=False, method=True):
    """Arbitrary elements with that size and stride, in the dtype of the tensor unless given."""

    def cpu(input, size: tuple, stride: tuple, *, dtype: DType = None):
        return _strided(size, stride, dtype)


class new_tensor(Op, function=False, has_out=False):
    """A new tensor with a copy of ``data``, in the dtype of the tensor unless given."""

    def eager(
        input,
        data: object,
        *,
        dtype: object = None,
        device: object = None,
        requires_grad: object = False,
        layout: object = None,
        pin_memory: object = False,
    ):
        kind = input.dtype if dtype is None else dtype
        return tensor(data, dtype=kind, device=device, requires_grad=requires_grad)


class new(Op, function=False, has_out=False):
    """An uninitialised tensor of that size, or one with that data, in the dtype of the tensor."""

    def eager(input, data: Star, *, device: object = None):
        if len(data) == 1 and isinstance(data[0], (TensorBase, list, np.ndarray)):
            return tensor(data[0], dtype=input.dtype, device=device)
        return input.new_empty(*(data or (0,)))
