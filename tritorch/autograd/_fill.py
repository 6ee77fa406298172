"""The constants that the engine's callers need, made for anything with a shape, a dtype and a device."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _C
from ..tensor import Tensor

__all__ = ["ones", "zeros"]


def _filled(make: Callable, like: Any, value: int) -> Tensor:
    if like.device.type == "cpu":
        return _C.wrap(make(like.shape, like.dtype.np))
    return _C.wrap(_C.device_empty(like.shape, like.dtype.np, like.device.index)).fill_(value)  # no wait for a copy


def ones(like: Any) -> Tensor:
    """A tensor of ones with the shape, dtype and device of :attr:`like` (a Tensor, or a node's input metadata)."""
    return _filled(np.ones, like, 1)


def zeros(like: Any) -> Tensor:
    """A tensor of zeros with the shape, dtype and device of :attr:`like`."""
    return _filled(np.zeros, like, 0)
