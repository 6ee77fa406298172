"""New tensors of evenly spaced numbers: arange, linspace, logspace."""

import math
import operator

import numpy as np

from .. import dtypes
from .._C import TensorBase
from ..dtypes import from_numpy as dtype_of
from ..errors import argument_type
from ..runtime.array import upload
from ._call import number
from ._create_kernels import between, between_whole, made, power_between, ramp, ramp_whole
from ._kinds import Creation
from ._layout import number_argument
from ._schema import DType

INT64 = np.dtype(np.int64)


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


def _steps(name, start, step, count, dtype, there=False):
    """``start + i * step`` as torch computes it on the CPU: integers exactly, floating types in float64."""
    if dtype.kind in "bc":
        place = "cuda" if there else "cpu"
        raise NotImplementedError(f"\"{name}_{place}\" not implemented for '{dtype_of(dtype).type_name}'")
    if there:
        if dtype.kind in "iu":
            return made(ramp_whole, (count,), dtype, int(start), int(step))
        return made(ramp, (count,), dtype, float(start), float(step))
    if dtype.kind in "iu":
        return (int(start) + np.arange(count, dtype=np.int64) * int(step)).astype(dtype)
    return (float(start) + np.arange(count, dtype=np.float64) * float(step)).astype(dtype)


def _arguments(start, end, step, dtype):
    """The start, the step and the count of :func:`arange`."""
    start, end, step = (
        number_argument("arange", name, place, value)
        for place, (name, value) in enumerate((("start", start), ("end", end), ("step", step)), 1)
    )
    whole = all(isinstance(x, int) for x in (start, end, step))
    count = _range_count(start, end, step, whole)
    if dtype.kind in "iu" and not whole:
        if not int(step):
            raise ValueError("step must be nonzero")
        if dtype == INT64:  # which counts in integers, too
            count = _range_count(int(start), int(end), int(step), True)
    return start, step, count


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
        return _steps("arange", *_arguments(start, end, step, dtype), dtype)

    def cuda(start=0, end=None, step=1, dtype=None):
        start, end = (0, start) if end is None else (start, end)
        return _steps("arange", *_arguments(start, end, step, dtype), dtype, True)

    def dtype_rule(start, end, step):
        if start.__class__ is step.__class__ is int and (end is None or end.__class__ is int):
            return dtypes.int64
        kinds = [
            x.dtype.category > 1 if isinstance(x, TensorBase) else isinstance(x, float) for x in (start, end, step)
        ]
        return dtypes.get_default_dtype() if any(kinds) else dtypes.int64

    def samples(make):
        yield 5
        yield 1, 4, 0.5
        yield 0, 5, 2, {"dtype": make.dtype}


def _arguments_with_end(start, end, step):
    start, end = (0, start) if end is None else (start, end)
    start, end, step = number(start), number(end), number(step)
    _range_count(start, end, step, False)
    return start, step, int((end - start) / step) + 1


class range(Creation):
    """``start``, ``start + step``... up to and with ``end``, in the default dtype. Use :func:`arange`.

    Example:
        >>> import tritorch
        >>> tritorch.range(0, 2)
        tensor([0., 1., 2.])
    """

    def cpu(start: object = 0, end: object = None, step: object = 1, *, dtype: DType = None):
        return _steps("range", *_arguments_with_end(start, end, step), dtype)

    def cuda(start=0, end=None, step=1, dtype=None):
        return _steps("range", *_arguments_with_end(start, end, step), dtype, True)

    def samples(make):
        yield 0, 4


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


def _between_there(name, start, end, steps, dtype, base=None):
    if dtype.kind in "bc" or steps <= 1 or isinstance(start, complex) or isinstance(end, complex):
        values = _between(name, start, end, steps, dtype)
        return upload(np.asarray(values if base is None else np.power(base, values)).astype(dtype))
    last, formula = steps - 1, between
    if dtype.kind in "iu":
        start, end, formula = int(start), int(end), between_whole
    numbers = float(start), float(end), (end - start) / last, last
    if base is None:
        return made(formula, (steps,), dtype, *numbers)
    return made(power_between, (steps,), dtype, *numbers, float(base), WHOLE=dtype.kind in "iu")


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

    def cuda(start, end, steps, dtype=None):
        return _between_there("linspace", *_ends("linspace", start, end, steps), dtype)

    def dtype_rule(start, end, steps):
        return _float_or_complex(start, end)

    def samples(make):
        yield 0, 1, 5, {"dtype": make.dtype}


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

    def cuda(start, end, steps, base=10.0, dtype=None):
        return _between_there("logspace", *_ends("logspace", start, end, steps), dtype, number(base))

    def dtype_rule(start, end, steps, base):
        return _float_or_complex(start, end, base)

    def samples(make):
        yield 0, 1, 5, {"dtype": make.dtype}
