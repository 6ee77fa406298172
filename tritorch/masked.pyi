# ruff: noqa
"""Written by scripts/make_stubs.py (`make docs`). Not to be edited."""

from builtins import bool as _bool, complex as _complex, float as _float, int as _int, str as _str
from collections.abc import Sequence
from typing import Any, NamedTuple

from .dtypes import dtype as _dtype
from .tensor import Tensor as _Tensor

_Number = _bool | _int | _float | _complex

from .dtypes import dtype as dtype
from .tensor import Tensor as Tensor

def amax(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def amin(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def argmax(
    input: _Tensor,
    dim: Any = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def argmin(
    input: _Tensor,
    dim: Any = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def cumprod(
    input: _Tensor,
    dim: _Number,
    *,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def cumsum(
    input: _Tensor,
    dim: _Number,
    *,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def log_softmax(
    input: _Tensor,
    dim: _Number,
    *,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def logaddexp(
    input: _Tensor,
    other: _Tensor,
    *,
    dtype: _dtype | None = None,
    input_mask: _Tensor | None = None,
    other_mask: _Tensor | None = None,
) -> Any: ...
def logsumexp(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def mean(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def median(
    input: _Tensor,
    dim: Any = -1,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def norm(
    input: _Tensor,
    ord: _Number = 2.0,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def normalize(
    input: _Tensor,
    ord: _Number,
    dim: _Number,
    *,
    eps: _Number = 1e-12,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def prod(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def softmax(
    input: _Tensor,
    dim: _Number,
    *,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def softmin(
    input: _Tensor,
    dim: _Number,
    *,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def std(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    unbiased: Any = None,
    *,
    correction: Any = None,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def sum(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
def var(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    unbiased: Any = None,
    *,
    correction: Any = None,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
    axis: _int | Sequence[_int] | None = None,
    keepdims: _bool | None = None,
) -> Any: ...
