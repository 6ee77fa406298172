"""Other windows on the same storage."""

import numpy as np

from ._kinds import View
from ._schema import Dim, Shape


class expand(View):
    """The tensor repeated along dims of length one, without a copy. -1 keeps a dim as it is."""

    def cpu(input, size: Shape):
        lead = len(size) - input.ndim
        shape = tuple([input.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(size)])
        return np.lib.stride_tricks.as_strided(
            input, shape,
            (0,) * lead + tuple([0 if input.shape[i] == 1 and shape[lead + i] != 1 else input.strides[i] for i in range(input.ndim)]),
        )

    def d_input(grad, input_shape):
        return grad.sum_to_size(input_shape)


class transpose(View, rebinds=True, inplace=True):
    """Swaps two dims."""

    def cpu(input, dim0: Dim, dim1: Dim):
        return np.swapaxes(input, dim0, dim1)

    def d_input(grad, dim0, dim1):
        return grad.transpose(dim0, dim1)
