"""Sample inputs: what the generated tests, ``check_op`` and the benchmarks call an operator with.

Note [Samples]: an operator's slot ``samples(make)`` yields what it is called with, one call after the other: a tensor,
or a tuple of arguments, whose last element may be a dict of keyword arguments. ``make`` draws the tensors in the dtype,
the layout and on the device of the test that asks, so that a slot speaks of shapes and ranges alone:

    def samples(make):
        yield make(3, 4)                                    # one tensor, of the operator's ``domain``
        yield make(3, 4, low=0), make(4), {"alpha": 2}
        yield make(5, 3), 0, make.indices(2, below=5)       # indices and masks keep their own dtype

Every kind has its own samples, made from the schema; a plain operator's are tensors of (3, 4), where its other
arguments have defaults. The keyword ``domain=(low, high)`` says where the elements are drawn from.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import _C
from ..dtypes import COMPLEX, FLOAT, INTEGER, bool_, default_complex, dtype, float32, int64
from ._schema import MISSING

LAYOUTS = ("contiguous", "gaps", "permuted", "expanded")


class Sample(NamedTuple):
    """One call: positional and keyword arguments."""

    args: tuple
    kwargs: dict


class Make:
    """Draws tensors: ``make(3, 4)``, always the same ones from the same seed.

    Args:
        dtype: of the tensors for which a slot does not say another.
        device: where they live.
        layout: "contiguous"; "gaps": every second element of memory, NaN (or the largest integer) between them;
            "permuted": the dims in the reverse order in memory; "expanded": the first dim has stride 0.
        requires_grad: True for floating and complex tensors.
        domain: the range of elements, where a slot does not say another.
    """

    def __init__(
        self, dtype=float32, device="cpu", layout="contiguous", requires_grad=False, domain=(-2.0, 2.0), seed=0
    ):
        self.dtype, self.device, self.layout, self.requires_grad = dtype, device, layout, requires_grad
        self.domain = domain
        self.random = np.random.default_rng(seed)

    def __call__(self, *shape: int, low: float | None = None, high: float | None = None, dtype: dtype | None = None):
        """A tensor of elements in [low, high)."""
        kind = dtype or self.dtype
        low, high = self.domain[0] if low is None else low, self.domain[1] if high is None else high
        if kind.category == COMPLEX:
            values = self.random.uniform(low, high, shape) + 1j * self.random.uniform(low, high, shape)
        elif kind.category == FLOAT:
            values = self.random.uniform(low, high, shape)
        elif kind.category == INTEGER:
            first = max(math.ceil(low), 0 if kind.kind == "u" else low)
            values = self.random.integers(math.ceil(first), max(math.floor(high), math.ceil(first)) + 1, shape)
        else:
            values = self.random.random(shape) < 0.5
        return self.of(values, kind)

    def of(self, values: Any, dtype: dtype | None = None):
        """A tensor of these values."""
        kind = dtype or self.dtype
        array = np.asarray(values)
        if array.dtype.kind == "c" and kind.category < COMPLEX:
            array = array.real
        array = lay_out(array.astype(kind.np), self.layout)
        tensor = _C.wrap(array)
        if self.device != "cpu":
            tensor = tensor.to(self.device)
        if self.requires_grad and kind.category >= FLOAT:
            tensor.requires_grad = True
        return tensor

    def complex(self, *shape: int, low: float | None = None, high: float | None = None):
        """A complex tensor, of the precision of :attr:`dtype`."""
        floating = self.dtype.category >= FLOAT and self.dtype.itemsize > 1
        return self(*shape, low=low, high=high, dtype=self.dtype.to_complex() if floating else default_complex())

    def indices(self, *shape: int, below: int):
        """An int64 tensor of numbers in [0, below)."""
        return self.plain(self.random.integers(0, below, shape), int64)

    def mask(self, *shape: int):
        """A bool tensor."""
        return self.plain(self.random.random(shape) < 0.5, bool_)

    def plain(self, values: Any, dtype: dtype | None = None):
        """A tensor of these values that is no input of a derivative: contiguous, without grad."""
        tensor = _C.wrap(np.asarray(values).astype((dtype or self.dtype).np))
        return tensor if self.device == "cpu" else tensor.to(self.device)

    def positive_definite(self, *shape: int):
        """Symmetric matrices (Hermitian in a complex dtype) whose eigenvalues are 1 or more."""
        a = self.random.uniform(-1, 1, shape)
        if self.dtype.category == COMPLEX:
            a = a + 1j * self.random.uniform(-1, 1, shape)
        return self.of(a @ a.conj().swapaxes(-1, -2) + np.eye(shape[-1]))


def lay_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same values (in the first place along the first dim, if "expanded") in memory of another layout."""
    if layout == "gaps" and array.ndim:
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), _poison(array.dtype))
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "expanded" and array.ndim and array.shape[0]:
        row = array[:1].copy()
        return np.lib.stride_tricks.as_strided(row, array.shape, (0, *row.strides[1:]))
    return array.copy("F" if layout == "permuted" else "C")


def _poison(dtype: np.dtype) -> Any:
    """What shows in a result that it was read: NaN, True, or the largest integer."""
    kind = {"b": True}.get(dtype.kind) or (np.iinfo(dtype).max if dtype.kind in "iu" else np.nan)
    return np.asarray(kind).astype(dtype)


def samples_of(op: Any, dtype: dtype | None = None, **options: Any) -> list[Sample]:
    """The sample calls of an operator, with tensors of ``dtype`` (by default of one that it takes).

    ``options`` are those of :class:`Make`: device, layout, requires_grad, seed.
    """
    return _drawn(op.samples, Make(dtype or own_dtype(op), domain=op.domain, **options))


def _drawn(slot: Any, make: Make) -> list[Sample]:
    found = []
    for call in slot(make):
        call = call if isinstance(call, tuple) else (call,)
        *args, last = call or ({},)
        found.append(Sample(tuple(args), last) if isinstance(last, dict) else Sample((*args, last), {}))
    return found


LARGE = 1024, 1024


def large_of(op: Any, dtype: dtype | None = None, **options: Any) -> list[Sample]:
    """Calls at sizes that matter, for benchmarks: those of the slot ``bench``, or one with a tensor of a million elements
    for each argument, along the last dim; the samples themselves where the schema does not tell what else to hand."""
    make = Make(dtype or own_dtype(op), domain=op.domain, **options)
    if op.bench is not None:
        return _drawn(op.bench, make)
    names = _required(op)
    if not names or not _is_plain(op) or any(a.role in ("tensors", "star", "shape") for a in op.args):
        return samples_of(op, dtype, **options)
    along = {"dim": -1} if any(a.name == "dim" for a in op.args) else {}
    return _drawn(lambda make: [_call(op, [make(*LARGE) for _ in names], **along)], make)


def is_public(op: Any) -> bool:
    """Whether users reach the operator by a name of its own: as a function, a method, in place or as Python's operator."""
    method = op.method
    if method is None:
        method = not op.home and [a.role for a in op.args[:1]] == ["tensor"]
    return bool(op.function or method or op.inplace or op.operator or op.attribute)


def own_dtype(op: Any) -> dtype:
    """A dtype that the operator takes: float32, or int64 for one of whole numbers."""
    return int64 if getattr(op, "only", "") and "f" not in op.only else float32


# ---- the kinds' own: each is the ``samples`` of a kind, a method of its class


KNOWN = {"number": 1, "dim": 0, "dims": (0,)}  # values of arguments without a default, by role


def _is_plain(op: Any) -> bool:
    """Whether the schema tells the values of all arguments without a default that are no tensors."""
    return all(a.role in KNOWN for a in op.args if not a.is_tensor and a.default is MISSING)


def _call(op: Any, tensors: list, **given: Any) -> tuple:
    """The arguments in the schema's order: the tensors, what is given, and plain ones without a default."""
    left, args, kwargs = iter(tensors), [], {}
    for a in op.args:
        if a.name in given:
            value = given[a.name]
        elif a.default is not MISSING:
            continue
        else:
            value = next(left) if a.is_tensor else KNOWN[a.role]
        if a.keyword_only or a.default is not MISSING:
            kwargs[a.name] = value
        else:
            args.append(value)
    return (*args, kwargs)


def _required(op: Any) -> list[str]:
    return [a.name for a in op.args if a.is_tensor and a.default is MISSING]


def of_schema(op: Any, make: Make) -> Iterator:
    """A plain operator's: tensors of one shape, where everything else has a default or is a dim or a number."""
    names = _required(op)
    if not _is_plain(op) or any(a.role in ("tensors", "star", "shape") for a in op.args):
        return
    yield _call(op, [make(3, 4) for _ in names])
    for a in op.args:
        if a.role == "dim" and names:
            yield _call(op, [make(2, 3, 4) for _ in names], **{a.name: -1})


def elementwise(op: Any, make: Make) -> Iterator:
    """Equal shapes, broadcast ones, none at all, and a Python number where one is taken."""
    names = _required(op)
    yield _call(op, [make(3, 4) for _ in names])
    if len(names) > 1:
        shapes = [(3, 1), (4,), (1, 4)]
        yield _call(op, [make(*shape) for shape, _ in zip(shapes, names, strict=False)])
    yield _call(op, [make() for _ in names])
    if len(names) > 1 and names[-1] in op.numbers.split():
        yield _call(op, [*[make(2, 3) for _ in names[1:]], 1.5 if make.dtype.category >= FLOAT else 1])


def reduction(op: Any, make: Make) -> Iterator:
    """All dims, one, two, kept or not, and a tensor without dims."""
    keep = {"keepdim": True} if any(a.name == "keepdim" for a in op.args) else {}
    if next(a for a in op.args if a.name == "dim").default is not MISSING:
        yield _call(op, [make(3, 4)])
        yield _call(op, [make()])
    yield _call(op, [make(3, 4)], dim=0)
    yield _call(op, [make(2, 3, 4)], dim=(0, -1), **keep)


def along(op: Any, make: Make) -> Iterator:
    """Each dim of two, and a tensor without dims: scans and rows."""
    for shape, dim in (((3, 4), 0), ((2, 3, 4), -1), ((), 0)):
        yield _call(op, [make(*shape)], dim=dim)


def creation(op: Any, make: Make) -> Iterator:
    """Two shapes, in the dtype asked for."""
    if any(a.role == "shape" for a in op.args):
        yield 2, 3, {"dtype": make.dtype}
        yield (), {"dtype": make.dtype}
    elif _is_plain(op):
        yield _call(op, [], dtype=make.dtype)


def like(op: Any, make: Make) -> Iterator:
    """The model, then a shape where one is asked for."""
    if any(a.role == "shape" for a in op.args):
        yield make(3, 4), (2, 3)
    elif _is_plain(op):
        yield _call(op, [make(3, 4)])
        yield _call(op, [make()])


# ---- shared by families


def square(make: Make) -> Iterator:
    """Square matrices, one and a batch of two."""
    yield make(3, 3)
    yield make(2, 3, 3)


def definite(make: Make) -> Iterator:
    """Positive definite matrices, one and a batch of two."""
    yield make.positive_definite(3, 3)
    yield make.positive_definite(2, 3, 3)


def matrices(make: Make) -> Iterator:
    """Wide and tall matrices."""
    yield make(3, 4)
    yield make(2, 4, 3)
