"""Hashes of tensors."""

import numpy as np

from ..dtypes import from_numpy
from ._kinds import Reduction
from ._schema import Dims


class hash_tensor(Reduction):
    """The hash, uint64, of the elements along :attr:`dim` (None: of all): the exclusive or of their bits, floats taken
    as float64 and integers as int64. The only ``mode`` is 0.

    Example:
        >>> import tritorch
        >>> int(tritorch.hash_tensor(tritorch.tensor([1, 2, 4])))
        7
    """

    opmath = False

    def check(input, dim, mode):
        if not input.size and len(dim) == input.ndim:
            raise RuntimeError(
                "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
                "the 'dim' argument."
            )
        for d in dim:
            if not input.shape[d]:
                raise IndexError(f"hash_tensor: Expected reduction dim {d} to have non-zero size.")
        if mode:
            raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
        if input.dtype.kind == "c":
            raise NotImplementedError(f"\"xor_sum_cpu\" not implemented for '{from_numpy(input.dtype).type_name}'")

    def cpu(input, dim: Dims = (), *, keepdim: bool = False, mode: int = 0):
        wide = input.astype(np.int64 if input.dtype.kind in "biu" else np.float64)
        return np.bitwise_xor.reduce(wide.view(np.uint64), axis=dim, keepdims=keepdim)
