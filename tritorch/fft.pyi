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

def fft(
    input: _Tensor,
    n: Any = None,
    dim: _Number = -1,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def fft2(
    input: _Tensor,
    s: Any = None,
    dim: Any = (-2, -1),
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def fftfreq(
    n: _Number, d: _Number = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: _bool = False
) -> Any: ...
def fftn(
    input: _Tensor,
    s: Any = None,
    dim: Any = None,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def fftshift(input: _Tensor, dim: Any = None, *, axis: _int | Sequence[_int] | None = None) -> Any: ...
def hfft(
    input: _Tensor,
    n: Any = None,
    dim: _Number = -1,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def hfft2(
    input: _Tensor,
    s: Any = None,
    dim: Any = (-2, -1),
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def hfftn(
    input: _Tensor,
    s: Any = None,
    dim: Any = None,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def ifft(
    input: _Tensor,
    n: Any = None,
    dim: _Number = -1,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def ifft2(
    input: _Tensor,
    s: Any = None,
    dim: Any = (-2, -1),
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def ifftn(
    input: _Tensor,
    s: Any = None,
    dim: Any = None,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def ifftshift(input: _Tensor, dim: Any = None, *, axis: _int | Sequence[_int] | None = None) -> Any: ...
def ihfft(
    input: _Tensor,
    n: Any = None,
    dim: _Number = -1,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def ihfft2(
    input: _Tensor,
    s: Any = None,
    dim: Any = (-2, -1),
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def ihfftn(
    input: _Tensor,
    s: Any = None,
    dim: Any = None,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def irfft(
    input: _Tensor,
    n: Any = None,
    dim: _Number = -1,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def irfft2(
    input: _Tensor,
    s: Any = None,
    dim: Any = (-2, -1),
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def irfftn(
    input: _Tensor,
    s: Any = None,
    dim: Any = None,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def rfft(
    input: _Tensor,
    n: Any = None,
    dim: _Number = -1,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def rfft2(
    input: _Tensor,
    s: Any = None,
    dim: Any = (-2, -1),
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def rfftfreq(
    n: _Number, d: _Number = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: _bool = False
) -> Any: ...
def rfftn(
    input: _Tensor,
    s: Any = None,
    dim: Any = None,
    norm: Any = None,
    *,
    out: Any = None,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
