"""``assert_close``: whether two results are equal up to rounding, and what differs if not; with torch's texts."""

import cmath
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .. import _api as tt
from ..dtypes import dtype, promote_types
from ..tensor import Tensor

__all__ = ["TOLERANCES", "assert_close"]

TOLERANCES = {  # dtype -> (rtol, atol); exact for all others
    tt.float16: (1e-3, 1e-5),
    tt.bfloat16: (1.6e-2, 1e-5),
    tt.float32: (1.3e-6, 1e-5),
    tt.float64: (1e-7, 1e-7),
    tt.complex64: (1.3e-6, 1e-5),
    tt.complex128: (1e-7, 1e-7),
}
OF_NUMBERS = {int: tt.int64, float: tt.float64, complex: tt.complex128}


class Options(NamedTuple):
    """The arguments of :func:`assert_close` that say how a pair is compared."""

    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool


class Mismatch(Exception):
    """What is wrong with one pair, and where in the nest it stands."""

    def __init__(self, kind: type[Exception], text: str, place: tuple = ()):
        super().__init__(text)
        self.kind, self.text, self.place = kind, text, place


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Asserts that ``|actual - expected| <= atol + rtol * |expected|`` holds everywhere.

    Infinities are close to themselves alone, and NaN to nothing, unless :attr:`equal_nan`. Without tolerances they are
    those of the dtype, the looser ones where dtypes differ:

    ==========  =======  =======
    dtype       rtol     atol
    ==========  =======  =======
    float16     1e-3     1e-5
    bfloat16    1.6e-2   1e-5
    float32     1.3e-6   1e-5
    float64     1e-7     1e-7
    complex64   1.3e-6   1e-5
    complex128  1e-7     1e-7
    all others  0        0
    ==========  =======  =======

    Args:
        actual, expected: tensors, NumPy arrays, numbers or bools, None; or sequences and mappings of these, which are
            compared one by one. A tensor and an array are never close.
        allow_subclasses: False asks for equal types.
        rtol, atol: relative and absolute tolerance: both or neither.
        equal_nan: True takes two NaN for equal.
        check_device, check_dtype, check_layout, check_stride: whether these must be equal too; where a dtype or device
            need not be, values are compared in the promoted dtype, on the host.
        msg: a text in the place of the generated one, or a function of that.

    Raises:
        AssertionError: where they are not close: how many elements, and the greatest differences.
        TypeError: for types that cannot be compared.
        ValueError: for one tolerance without the other.

    Example:
        >>> import tritorch
        >>> tritorch.testing.assert_close(tritorch.tensor([1.0, 2.0]), tritorch.tensor([1.0, 4.0]))
        Traceback (most recent call last):
        ...
        AssertionError: Tensor-likes are not close!
        <BLANKLINE>
        Mismatched elements: 1 / 2 (50.0%)
        Greatest absolute difference: 2.0 at index (1,) (up to 1e-05 allowed)
        Greatest relative difference: 0.5 at index (1,) (up to 1.3e-06 allowed)
    """
    __tracebackhide__ = True  # pytest shows the caller
    options = Options(allow_subclasses, rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride)
    try:
        compare = [_compared(a, b, place, options) for a, b, place in _pairs(actual, expected, ())]
    except Mismatch as error:  # types and tolerances are looked at before any value, and have their own text
        raise error.kind(_placed(error)) from None
    for pair in compare:
        try:
            pair()
        except Mismatch as error:
            text = msg if isinstance(msg, str) else _placed(error)
            raise error.kind(msg(text) if callable(msg) else text) from None


def _placed(error: Mismatch) -> str:
    where = "".join(str([item]) for item in error.place)
    return f"{error.text}\n\nThe failure occurred for item {where}" if where else error.text


def _pairs(actual: Any, expected: Any, place: tuple):
    """(actual, expected, place) of every leaf of two nests."""
    nests = [isinstance(x, Sequence) and not isinstance(x, str) for x in (actual, expected)]
    if all(nests):
        if len(actual) != len(expected):
            text = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            raise Mismatch(AssertionError, text, place)
        for i, (a, b) in enumerate(zip(actual, expected, strict=True)):
            yield from _pairs(a, b, (*place, i))
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if set(actual) != set(expected):
            text = (
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(set(expected) - set(actual))}\n"
                f"Additional keys in the actual mapping: {sorted(set(actual) - set(expected))}"
            )
            raise Mismatch(AssertionError, text, place)
        for key in actual:
            yield from _pairs(actual[key], expected[key], (*place, key))
    else:
        yield actual, expected, place


def _compared(actual: Any, expected: Any, place: tuple, options: Options) -> Callable[[], None]:
    """The comparison of two leaves, to be called: types and tolerances have been looked at."""

    def fail(text: str) -> NoReturn:
        raise Mismatch(AssertionError, text, place)

    if actual is None or expected is None:

        def none():
            if actual is not expected:
                fail(f"None mismatch: {actual} is not {expected}")

        return none
    if all(isinstance(x, (bool, np.bool_)) for x in (actual, expected)):

        def booleans():
            if bool(actual) is not bool(expected):
                fail(f"Booleans mismatch: {bool(actual)} is not {bool(expected)}")

        return booleans
    if all(isinstance(x, (int, float, complex, np.number)) for x in (actual, expected)):
        a, b = (x.item() if isinstance(x, np.number) else x for x in (actual, expected))
        kinds = [
            OF_NUMBERS[complex if isinstance(x, complex) else float if isinstance(x, float) else int] for x in (a, b)
        ]
        rtol, atol = _tolerances(kinds, options, place)
        return lambda: _numbers(a, b, rtol, atol, options, fail)
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if related and (options.allow_subclasses or type(actual) is type(expected)):
        found = [_tensor(x) for x in (actual, expected)]
        if all(x is not None for x in found):
            a, b = found
            rtol, atol = _tolerances([a.dtype, b.dtype], options, place)
            return lambda: _tensors(a, b, rtol, atol, options, fail)
    text = f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
    raise Mismatch(TypeError, text, place)


def _tensor(x: Any) -> Any:
    if isinstance(x, Tensor):
        return x.detach()
    return tt.as_tensor(x) if isinstance(x, np.ndarray) else None


def _tolerances(kinds: list[dtype], options: Options, place: tuple) -> tuple[float, float]:
    rtol, atol = options.rtol, options.atol
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        text = f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
        raise Mismatch(ValueError, text, place)
    if rtol is not None and atol is not None:
        return rtol, atol
    known = [TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
    return max(r for r, _ in known), max(a for _, a in known)


def _numbers(a, b, rtol, atol, options, fail):
    if options.check_dtype and type(a) is not type(b):
        fail(f"The (d)types do not match: {type(a)} != {type(b)}.")
    if a == b or (options.equal_nan and cmath.isnan(a) and cmath.isnan(b)):
        return
    difference = abs(a - b)
    if not (cmath.isfinite(difference) and difference <= atol + rtol * abs(b)):
        fail(_scalar_text(a, b, rtol, atol))


def _tensors(actual, expected, rtol, atol, options, fail):
    def differ(name, a, b):
        fail(f"The values for attribute '{name}' do not match: {a} != {b}.")

    if actual.shape != expected.shape:
        differ("shape", actual.shape, expected.shape)
    if options.check_layout and actual.layout != expected.layout:
        differ("layout", actual.layout, expected.layout)
    if options.check_stride and actual.stride() != expected.stride():
        differ("stride()", actual.stride(), expected.stride())
    if options.check_device and actual.device != expected.device:
        differ("device", actual.device, expected.device)
    if options.check_dtype and actual.dtype != expected.dtype:
        differ("dtype", actual.dtype, expected.dtype)
    if actual.device != expected.device:
        actual, expected = actual.cpu(), expected.cpu()
    if actual.dtype != expected.dtype:
        common = promote_types(*(tt.int64 if x.dtype.kind == "u" else x.dtype for x in (actual, expected)))
        actual, expected = actual.to(common), expected.to(common)
    narrow = actual.dtype.is_floating_point and actual.dtype.itemsize == 1
    if narrow and (rtol or atol):
        fail(
            f"Rtol={rtol} and atol={atol} are not supported for bitwise comparison of low dimensional floats. Please "
            "use rtol=0.0 and atol=0.0."
        )
    a, b = (x.cpu().float() if narrow else x.cpu() for x in (actual, expected))
    matches = tt.isclose(a, b, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
    if not matches.all():
        if not a.shape:
            fail(_scalar_text(a.item(), b.item(), rtol, atol))
        fail(_tensor_text(a, b, matches, rtol, atol, narrow))


def _scalar_text(a, b, rtol, atol):
    absolute = abs(a - b)
    relative = float("inf") if b == 0 else absolute / abs(b)
    lines = [f"Scalars are not {'equal' if rtol == 0 == atol else 'close'}!", "", f"Expected {b} but got {a}."]
    for name, difference, limit in (("Absolute", absolute, atol), ("Relative", relative, rtol)):
        lines.append(f"{name} difference: {difference}" + _allowed(limit, rtol, atol))
    return "\n".join(lines)


def _allowed(limit, rtol, atol):
    return "" if rtol == 0 == atol else f" (up to {limit} allowed)"


def _tensor_text(a, b, matches, rtol, atol, narrow):
    wrong, count = matches.numel() - int(matches.sum()), matches.numel()
    lines = [
        f"Tensor-likes are not {'equal' if rtol == 0 == atol else 'close'}!",
        "",
        f"Mismatched elements: {wrong} / {count} ({wrong / count:.1%})",
    ]
    if narrow:
        first = tuple((~matches).nonzero()[0].tolist())
        lines[0] = "Tensor-likes are not 'equal'!"
        return "\n".join([*lines, f"The first mismatched element is at index {first}."])
    if not a.is_floating_point() and not a.is_complex():
        a, b = a.to(tt.int64), b.to(tt.int64)
    absolute = (a - b).abs().masked_fill(matches, 0)
    relative = (absolute / b.abs()).masked_fill(matches, 0)
    for name, differences, limit in (("absolute", absolute, atol), ("relative", relative, rtol)):
        greatest, index = differences.flatten().max(0)
        place = tuple(int(i) for i in np.unravel_index(int(index), tuple(matches.shape)))
        lines.append(f"Greatest {name} difference: {greatest.item()} at index {place}" + _allowed(limit, rtol, atol))
    return "\n".join(lines)
