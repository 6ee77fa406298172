"""The loops of ``_C`` that go over arrays, with the threads there are. None where there is no loop for the dtype."""

import math

import numpy as np

from .. import _C
from ..runtime import blocks


def reduced(name, array, dims, keepdim, **more):
    """``_C.reduce`` over a tuple of dims."""
    return _C.reduce(name, np.asarray(array), dims, keepdim, blocks.get_num_threads(), **more)


def extremes(array, dim, keepdim, largest, with_values):
    """``_C.extremes`` along a dim: (values, indices), or the indices."""
    return _C.extremes(array, dim, keepdim, largest, with_values, blocks.get_num_threads())


def scanned(array, dim, products):
    """``_C.scan`` along a dim."""
    return _C.scan(array, dim, products, blocks.get_num_threads())


def count_of(shape, dims):
    """How many elements a reduction of ``shape`` over ``dims`` takes to one."""
    return math.prod([shape[d] for d in dims])
