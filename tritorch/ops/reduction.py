"""Reductions: many elements to one, along any dims."""

import numpy as np

from ._kinds import Reduction
from ._schema import Dims, DType


class sum(Reduction, lift="int64"):
    """The sum of the elements along :attr:`dim` (None: of all). Integers and bools are summed as int64.

    Example:
        >>> import tritorch
        >>> tritorch.sum(tritorch.tensor([[1, 2], [3, 4]]), 0)
        tensor([4, 6])
    """

    def cpu(input, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
        return np.add.reduce(input, axis=dim, keepdims=keepdim)

    def d_input(grad, input_shape):
        return grad.expand(input_shape)
