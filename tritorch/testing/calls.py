"""Calling operators on their samples: what the generic tests and the command line share."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _C
from .. import _api as tt
from ..ops._op import REGISTRY, Op
from ..ops._samples import Sample
from ..random import manual_seed
from ..tensor import Tensor

__all__ = [
    "REFUSALS", "array", "assert_near", "assert_same", "from_array", "mapped", "needs_grad", "only_inplace",
    "operator_of", "outcome", "poisoned", "run", "tensors_of",
]  # fmt: skip

REFUSALS = (RuntimeError, TypeError, ValueError)  # NotImplementedError is a RuntimeError; torch has ValueErrors, too


def operator_of(op: Any) -> type[Op]:
    """The operator that a class, a function of ours, or a name stands for.

    Raises:
        TypeError: if it stands for none.
    """
    if isinstance(op, type) and issubclass(op, Op) and not op.abstract:
        return op
    found = REGISTRY.get(op) if isinstance(op, str) else next((x for x in REGISTRY.values() if x.call is op), None)
    if found is None:
        raise TypeError(f"expected an operator (a class made with tritorch.op, its function or its name), got {op!r}")
    return found


def only_inplace(op: Any) -> bool:
    """True for operators such as ``zero_``, which have no form out of place."""
    return op.inplace and not op.function and not op.operator and op.method is False


def run(op: Any, sample: Sample, form: Callable | None = None) -> list:
    """The outputs of a call, all tensors in one flat list; random operators draw the same numbers every time."""
    manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is deprecated or discouraged in torch says so here, too
        if form is None and only_inplace(op):
            result = op.call_(sample.args[0].clone(), *sample.args[1:], **sample.kwargs)
        else:
            result = (form or op.call)(*sample.args, **sample.kwargs)
    return tensors_of(result)


def outcome(op: Any, sample: Sample, refusals: tuple = REFUSALS, form: Callable | None = None) -> Any:
    """The outputs, or the type of torch's exception; any other exception fails the test that asks."""
    try:
        return run(op, sample, form)
    except refusals as error:
        return type(error)


def tensors_of(value: Any) -> list:
    """The tensors in a nest of tuples, lists and dicts, in order; other values as they are."""
    if isinstance(value, (tuple, list)):
        return [leaf for x in value for leaf in tensors_of(x)]
    if isinstance(value, dict):
        return tensors_of(list(value.values()))
    return [value]


def mapped(function: Callable, value: Any) -> Any:
    """``value`` with each tensor in it replaced by what ``function`` gives for it."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, Sample):
        return Sample(mapped(function, value.args), mapped(function, value.kwargs))
    if isinstance(value, dict):
        return {key: mapped(function, x) for key, x in value.items()}
    if type(value) in (tuple, list):
        return type(value)(mapped(function, x) for x in value)
    return value


def poisoned(value: float) -> Callable:
    """What makes of a tensor a copy whose first element is ``value``."""

    def plant(x):
        if not x.is_floating_point() or not x.numel():
            return x
        x = x.clone(memory_format=tt.contiguous_format)
        x.view(-1)[0] = value
        return x

    return plant


def needs_grad(x: Any) -> bool:
    """Whether it is a tensor that requires grad."""
    return isinstance(x, Tensor) and x.requires_grad


def from_array(values: np.ndarray) -> Tensor:
    """The tensor of an array."""
    return _C.wrap(values)


def array(tensor: Tensor) -> np.ndarray:
    """The array of a tensor."""
    return tensor.detach()._array


def assert_same(got: Any, expected: Any, *, values: bool = True, exact: bool = False, tolerance: float | None = None):
    """Two outcomes agree: shapes and dtypes, and values to a few roundings (or to the bit)."""
    if isinstance(expected, type) or isinstance(got, type):
        assert got == expected, f"{_named(got)}, expected {_named(expected)}"
        return
    assert len(got) == len(expected), f"{len(got)} outputs, expected {len(expected)}"
    for a, b in zip(got, expected, strict=True):
        if not isinstance(b, Tensor):
            assert a == b or a != a, f"{a}, expected {b}"
            continue
        assert a.shape == b.shape and a.dtype == b.dtype, (
            f"{a.dtype}{tuple(a.shape)}, expected {b.dtype}{tuple(b.shape)}"
        )
        if not values:
            continue
        if exact:
            assert array(a).tobytes() == array(b).tobytes(), "other bits"
        else:
            _assert_close(array(a), array(b), tolerance)


def _named(result: Any) -> str:
    return result.__name__ if isinstance(result, type) else "a result"


def _assert_close(a, b, tolerance=None):
    if a.dtype.kind not in "fcV":
        np.testing.assert_array_equal(a, b)
        return
    size = a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1)
    rtol = tolerance or {1: 0.2, 2: 2e-2, 4: 2e-5, 8: 1e-10}[size]
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    a, b = a.astype(wide), b.astype(wide)
    finite = np.abs(b[np.isfinite(b)])
    np.testing.assert_allclose(a, b, rtol, atol=rtol * (finite.max() if finite.size else 1))


def assert_near(got: np.ndarray, exact: np.ndarray, rounding: float) -> None:
    """Eight roundings of the largest finite element apart, at most."""
    assert got.shape == exact.shape, f"shape {got.shape}, expected {exact.shape}"
    known = np.isfinite(exact) & np.isfinite(got)
    scale = max(1.0, np.abs(exact[known]).max()) if known.any() else 1.0
    worst = np.abs(got[known] - exact[known]).max() if known.any() else 0.0
    assert worst <= 8 * rounding * scale, f"{worst} from the same in float64"
