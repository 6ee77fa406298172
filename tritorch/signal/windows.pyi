# ruff: noqa
"""Written by scripts/make_stubs.py (`make docs`). Not to be edited."""

from builtins import bool as _bool, complex as _complex, float as _float, int as _int, str as _str
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..dtypes import dtype as _dtype
from ..tensor import Tensor as _Tensor

_Number = _bool | _int | _float | _complex

from ..dtypes import dtype as dtype
from ..tensor import Tensor as Tensor

def bartlett(
    M: _Number,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def blackman(
    M: _Number,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def cosine(
    M: _Number,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def exponential(
    M: _Number,
    *,
    center: Any = None,
    tau: _Number = 1.0,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def gaussian(
    M: _Number,
    *,
    std: _Number = 1.0,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def general_cosine(
    M: _Number,
    *,
    a: Any,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def general_hamming(
    M: _Number,
    *,
    alpha: _Number = 0.54,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def hamming(
    M: _Number,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def hann(
    M: _Number,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def kaiser(
    M: _Number,
    *,
    beta: _Number = 12.0,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
def nuttall(
    M: _Number,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: Any = False,
    pin_memory: Any = False,
) -> _Tensor: ...
