"""The element types, and the arithmetic of mixing them.

Floor 3: pure arithmetic. A :class:`dtype` is a singleton that knows its NumPy type; everything here is a
function of such singletons, so each answer is computed once and kept in a dictionary.

Inside this module the boolean type is called ``bool_`` (as NumPy does), so that the builtin stays itself; the
shop window takes the public names, torch's aliases included, from :data:`PUBLIC`.
"""

from __future__ import annotations

import functools
from typing import Any

import ml_dtypes
import numpy as np

BOOL, INTEGER, FLOAT, COMPLEX = range(4)  # the categories, in the order in which promotion lifts

_BY_NAME: dict[str, dtype] = {}
_BY_NUMPY: dict[np.dtype, dtype] = {}


class dtype:
    """The type of a tensor's elements.

    Attributes:
        name: ``"float32"``.
        itemsize: bytes an element takes.
        is_floating_point, is_complex, is_signed: as in torch.
        np: the ``numpy.dtype`` that holds it (``ml_dtypes`` for bfloat16 and float8).
        kind: one letter: ``"b"`` bool, ``"u"`` unsigned, ``"i"`` signed, ``"f"`` floating, ``"c"`` complex.
        category: 0 bool, 1 integer, 2 floating, 3 complex.
        type_name: torch's name of the tensor type: ``"Float"``, ``"Long"``, ...

    Example:
        >>> import tritorch
        >>> tritorch.bfloat16, tritorch.bfloat16.itemsize, tritorch.bfloat16.is_floating_point
        (tritorch.bfloat16, 2, True)
    """

    __slots__ = (
        "category", "is_complex", "is_floating_point", "is_signed", "itemsize", "kind", "name", "np", "type_name",
    )  # fmt: skip

    name: str
    np: np.dtype
    kind: str
    category: int
    type_name: str
    itemsize: int
    is_floating_point: bool
    is_complex: bool
    is_signed: bool

    def __new__(cls, name: str) -> dtype:
        """The one instance of that name: this is how pickle and copy keep identity."""
        try:
            return _BY_NAME[name]
        except (KeyError, TypeError):
            raise TypeError(f"cannot create 'tritorch.dtype' instances: there is no dtype named {name!r}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"attribute '{name}' of 'tritorch.dtype' objects is not writable")

    def __repr__(self) -> str:
        return f"tritorch.{self.name}"

    def __reduce__(self) -> tuple:
        return dtype, (self.name,)

    def to_real(self) -> dtype:
        """The type of the real part: float32 for complex64; itself if it is not complex."""
        return _REAL.get(self, self)

    def to_complex(self) -> dtype:
        """The complex type whose parts hold this one.

        float16 and bfloat16 give complex64: there is no complex type of half precision.

        Raises:
            RuntimeError: for the types that have none (bool, integers, float8).
        """
        if self.is_complex:
            return self
        if self not in _COMPLEX:
            raise RuntimeError(f"Unknown Complex ScalarType for {self.type_name}")
        return _COMPLEX[self]


def _check_dtype(function: str, argument: str, position: int, value: Any) -> None:
    if not isinstance(value, dtype):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be tritorch.dtype, "
            f"not {type(value).__name__}"
        )


def _define(name: str, kind: str, type_name: str, numpy_type: Any) -> dtype:
    self = object.__new__(dtype)
    descr = np.dtype(numpy_type)
    facts = {
        "name": name,
        "kind": kind,
        "type_name": type_name,
        "np": descr,
        "itemsize": descr.itemsize,
        "category": "buifc".index(kind) - (kind in "ifc"),
        "is_floating_point": kind == "f",
        "is_complex": kind == "c",
        "is_signed": kind in "ifc",
    }
    for slot, value in facts.items():
        object.__setattr__(self, slot, value)
    _BY_NAME[name] = _BY_NUMPY[descr] = self
    return self


bool_ = _define("bool", "b", "Bool", np.bool_)
uint8 = _define("uint8", "u", "Byte", np.uint8)
int8 = _define("int8", "i", "Char", np.int8)
int16 = _define("int16", "i", "Short", np.int16)
int32 = _define("int32", "i", "Int", np.int32)
int64 = _define("int64", "i", "Long", np.int64)
uint16 = _define("uint16", "u", "UInt16", np.uint16)
uint32 = _define("uint32", "u", "UInt32", np.uint32)
uint64 = _define("uint64", "u", "UInt64", np.uint64)
float16 = _define("float16", "f", "Half", np.float16)
bfloat16 = _define("bfloat16", "f", "BFloat16", ml_dtypes.bfloat16)
float32 = _define("float32", "f", "Float", np.float32)
float64 = _define("float64", "f", "Double", np.float64)
float8_e4m3fn = _define("float8_e4m3fn", "f", "Float8_e4m3fn", ml_dtypes.float8_e4m3fn)
float8_e5m2 = _define("float8_e5m2", "f", "Float8_e5m2", ml_dtypes.float8_e5m2)
complex64 = _define("complex64", "c", "ComplexFloat", np.complex64)
complex128 = _define("complex128", "c", "ComplexDouble", np.complex128)

ALL: tuple[dtype, ...] = tuple(_BY_NAME.values())
ALIASES: dict[str, dtype] = {
    "half": float16, "float": float32, "double": float64, "cfloat": complex64, "cdouble": complex128,
    "short": int16, "int": int32, "long": int64,
}  # fmt: skip
PUBLIC: dict[str, dtype] = {**_BY_NAME, **ALIASES}  # everything the shop window shows

_REAL = {complex64: float32, complex128: float64}
_COMPLEX = {float16: complex64, bfloat16: complex64, float32: complex64, float64: complex128}
_FLOAT8 = frozenset((float8_e4m3fn, float8_e5m2))
_BARE_UNSIGNED = frozenset((uint16, uint32, uint64))


# --- The default dtype -----------------------------------------------------------------------------------------

_default = float32


def get_default_dtype() -> dtype:
    """The dtype that Python floats take: float32 unless :func:`set_default_dtype` said otherwise.

    Example:
        >>> import tritorch
        >>> tritorch.get_default_dtype()
        tritorch.float32
    """
    return _default


def set_default_dtype(d: dtype) -> None:
    """Makes :attr:`d` the dtype of Python floats and of creation functions, in every thread.

    Raises:
        TypeError: if it is not float16, bfloat16, float32 or float64.

    Example:
        >>> import tritorch
        >>> tritorch.set_default_dtype(tritorch.float64); tritorch.get_default_dtype()
        tritorch.float64
        >>> tritorch.set_default_dtype(tritorch.float32)
    """
    global _default
    if not isinstance(d, dtype):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    if not d.is_floating_point or d in _FLOAT8:
        raise TypeError("only floating-point types are supported as the default type")
    _default = d


def default_complex() -> dtype:
    """The dtype that Python complex numbers take: the complex partner of the default dtype."""
    return _COMPLEX[_default]


# --- From NumPy and Python -------------------------------------------------------------------------------------

_SUPPORTED = (
    "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, "
    "uint64, uint32, uint16, uint8, and bool."
)


def from_numpy(numpy_type: Any) -> dtype:
    """The dtype of a NumPy dtype (or of anything that ``numpy.dtype`` takes).

    Raises:
        ValueError: for the byte order that is not this machine's.
        TypeError: for a type that tensors can't hold, with torch's list of those they can.
    """
    descr = numpy_type if isinstance(numpy_type, np.dtype) else np.dtype(numpy_type)
    found = _BY_NUMPY.get(descr)
    if found is not None:
        return found
    if _BY_NUMPY.get(descr.newbyteorder("=")) is not None:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. "
            "Conversion between byte orders is currently not supported."
        )
    name = f"{descr.type.__module__}.{descr.type.__name__}"
    raise TypeError(f"can't convert np.ndarray of type {name}. The only supported types are: {_SUPPORTED}")


def from_python(python_type: type) -> dtype:
    """The dtype that data of a Python type takes: bool, int64, the default dtype, or its complex partner."""
    if python_type is float:
        return _default
    if python_type is int:
        return int64
    if python_type is bool:
        return bool_
    if python_type is complex:
        return _COMPLEX[_default]
    raise RuntimeError(f"Could not infer dtype of {python_type.__name__}")


_FROM_TYPE = {bool: bool_, int: int64, float: float64, complex: complex128}


def as_dtype(value: Any, function: str = "dtype", argument: str = "dtype") -> dtype:
    """What a ``dtype=`` argument means: a dtype, or one of Python's own ``bool int float complex`` (as in torch,
    where ``dtype=float`` is float64).

    Raises:
        TypeError: ``zeros(): argument 'dtype' must be torch.dtype, not str``.
    """
    if type(value) is dtype:
        return value
    try:
        return _FROM_TYPE[value]
    except (KeyError, TypeError):
        got = type(value).__name__
        raise TypeError(f"{function}(): argument '{argument}' must be tritorch.dtype, not {got}") from None


def number_dtype(value: Any) -> dtype:
    """The dtype that a Python number or a NumPy scalar stands for in promotion: its category's own, not its width
    (``numpy.float32(1)`` beside a float64 tensor is a plain float).

    Raises:
        TypeError: if it is no number.
    """
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    if isinstance(value, (complex, np.complexfloating)):
        return _COMPLEX[_default]
    if isinstance(value, np.generic):  # an ml_dtypes scalar
        return _default if from_numpy(value.dtype).is_floating_point else int64
    raise TypeError(f"expected a number, got {type(value).__name__}")


# --- Promotion -------------------------------------------------------------------------------------------------


def _promote(a: dtype, b: dtype) -> dtype:
    if a is b:
        return a
    if a in _FLOAT8 or b in _FLOAT8:
        raise RuntimeError(
            f"Promotion for Float8 Types is not supported, attempted to promote {a.type_name} and {b.type_name}"
        )
    low, high = (a, b) if (a.category, a.itemsize) <= (b.category, b.itemsize) else (b, a)
    if (a in _BARE_UNSIGNED or b in _BARE_UNSIGNED) and not (high.is_floating_point and low.category == INTEGER):
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, "
            f"attempted to promote {a.type_name} and {b.type_name}"
        )
    if high.is_complex and low is float64:
        return complex128
    if {a, b} == {uint8, int8}:
        return int16
    if {a, b} == {float16, bfloat16}:
        return float32
    return high


_PROMOTED: dict[tuple[dtype, dtype], dtype] = {}


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that both can be promoted to, by torch's table.

    Raises:
        RuntimeError: for float8 with another type, and for uint16, uint32 or uint64 with anything but a floating one.

    Example:
        >>> import tritorch
        >>> tritorch.promote_types(tritorch.int64, tritorch.float16)
        tritorch.float16
        >>> tritorch.promote_types(tritorch.uint8, tritorch.int8)
        tritorch.int16
    """
    try:
        return _PROMOTED[type1, type2]
    except (KeyError, TypeError):
        _check_dtype("promote_types", "type1", 1, type1)
        _check_dtype("promote_types", "type2", 2, type2)
    result = _PROMOTED[type1, type2] = _promote(type1, type2)
    return result


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether promotion allows the conversion: it may never leave a category for a lower one.

    Example:
        >>> import tritorch
        >>> tritorch.can_cast(tritorch.float64, tritorch.float16), tritorch.can_cast(tritorch.float16, tritorch.int64)
        (True, False)
    """
    _check_dtype("can_cast", "from_", 1, from_)
    _check_dtype("can_cast", "to", 2, to)
    return from_.category <= to.category


def _lift(higher: dtype | None, lower: dtype | None) -> dtype | None:
    """`higher`, unless `lower` is of a higher category: then as little of `lower` as carries that category."""
    if higher is None or lower is None:
        return higher or lower
    if higher.is_complex:
        return higher
    if higher.is_floating_point:
        return higher.to_complex() if lower.is_complex else higher
    if lower.is_complex:
        return lower
    if higher is bool_ or lower.is_floating_point:
        return promote_types(higher, lower)
    return higher


@functools.cache
def result_dtype(dims: tuple[dtype, ...], zero_dims: tuple[dtype, ...] = (), numbers: tuple[dtype, ...] = ()) -> dtype:
    """The dtype in which an operator computes, by torch's rule of priorities.

    Args:
        dims: the dtypes of the tensors that have dimensions.
        zero_dims: those of the 0-dimensional tensors. They, and below them the numbers, lift the result only into
            a higher category: int32 with a 0-dim int64 is int32, int32 with a 0-dim float64 is float64.
        numbers: those of the Python numbers, by :func:`number_dtype`.

    Raises:
        RuntimeError: where the table has no answer.
    """
    levels = [functools.reduce(promote_types, level) if level else None for level in (dims, zero_dims, numbers)]
    result = _lift(levels[0], _lift(levels[1], levels[2]))
    if result is None:
        raise RuntimeError("result_dtype: expected at least one dtype")
    return result


def result_type_of(*operands: Any) -> dtype:
    """:func:`result_dtype` of the operands themselves: numbers, and anything that has ``dtype`` and ``ndim``."""
    levels: tuple[list[dtype], list[dtype], list[dtype]] = ([], [], [])
    for operand in operands:
        kind = getattr(operand, "dtype", None)
        if isinstance(kind, dtype):
            levels[operand.ndim == 0].append(kind)
        else:
            levels[2].append(number_dtype(operand))
    return result_dtype(*map(tuple, levels))


# --- Limits ----------------------------------------------------------------------------------------------------

# Decimal digits that survive a round trip through the type; `resolution` is ten to minus that.
_DIGITS = {float8_e4m3fn: 0, float8_e5m2: 0, bfloat16: 2, float16: 3, float32: 6, float64: 15}


class _Limits:
    __slots__ = ("bits", "dtype", "max", "min")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((type(self), self.dtype))


class finfo(_Limits):
    """The limits of a floating (or complex: then of its parts) dtype; the default dtype's without an argument.

    Attributes: ``bits``, ``eps``, ``max``, ``min``, ``tiny``, ``smallest_normal``, ``resolution``, and ``dtype``, the
    type's name.

    Raises:
        TypeError: for a bool or integer dtype.

    Example:
        >>> import tritorch
        >>> tritorch.finfo(tritorch.float16)
        finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, smallest_normal=6.10352e-05, \
tiny=6.10352e-05, dtype=float16)
    """

    __slots__ = ("eps", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        given = _default if type is None else type
        _check_dtype("finfo", "type", 1, given)
        if given.category < FLOAT:
            raise TypeError(
                "tritorch.finfo() requires a floating point input type. Use tritorch.iinfo to handle 'tritorch.finfo'"
            )
        real = given.to_real()
        limits = ml_dtypes.finfo(real.np)
        self.dtype = real.name
        self.bits = real.itemsize * 8
        self.eps = float(limits.eps)
        self.max = float(limits.max)
        self.min = float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        self.resolution = 10.0 ** -_DIGITS[real]

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:.6g}, min={self.min:.6g}, max={self.max:.6g}, eps={self.eps:.6g}, "
            f"smallest_normal={self.smallest_normal:.6g}, tiny={self.tiny:.6g}, dtype={self.dtype})"
        )


class iinfo(_Limits):
    """The limits of an integer dtype: ``bits``, ``min``, ``max``, and ``dtype``, the type's name.

    Raises:
        TypeError: for any other dtype.

    Example:
        >>> import tritorch
        >>> tritorch.iinfo(tritorch.int8)
        iinfo(min=-128, max=127, dtype=int8)
    """

    __slots__ = ()

    def __init__(self, type: dtype) -> None:
        _check_dtype("iinfo", "type", 1, type)
        if type is bool_:
            raise TypeError("tritorch.bool is not supported by tritorch.iinfo")
        if type.category != INTEGER:
            raise TypeError(
                "tritorch.iinfo() requires an integer input type. Use tritorch.finfo to handle 'tritorch.iinfo'"
            )
        limits = np.iinfo(type.np)
        self.dtype = type.name
        self.bits = type.itemsize * 8
        self.min = int(limits.min)
        self.max = int(limits.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:.6g}, max={self.max:.6g}, dtype={self.dtype})"
