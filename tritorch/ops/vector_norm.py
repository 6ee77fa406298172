"""Lengths of vectors: norm, dist, renorm."""

import math

import numpy as np

from ._kinds import Reduction
from ._op import Op, ops
from ._reducing import reduced
from ._schema import Dim, Dims, DType, Number
from ._spread_kernels import norm as device_norm


class norm_of(Reduction, name="linalg_vector_norm", function=False, method=False):
    """The ``p``-norm along dims: the p-th root of the sum of p-th powers of absolute values; for infinite ``p`` the
    largest (smallest) of them, for 0 how many are not zero. Real for complex input."""

    def check(input, p, dim):
        if input.dtype.kind in "biu":
            return
        if p < 0 or p == math.inf:
            _refuse_empty(input.shape, p, dim)

    def cpu(input, p: Number, dim: Dims, keepdim: bool):
        size = np.absolute(input) if input.dtype.kind == "c" or p not in (1, 2) else input
        if p == 2:
            return reduced("squares", size, dim, keepdim, root=True)
        if p == 1:
            return reduced("absolute", size, dim, keepdim)
        if math.isinf(p):
            return reduced("max" if p > 0 else "min", size, dim, keepdim)
        if p == 0:
            return reduced("sum", np.asarray(size != 0, size.dtype), dim, keepdim)
        return np.power(reduced("sum", np.power(size, size.dtype.type(p)), dim, keepdim), size.dtype.type(1 / p))

    def cuda(input, p, dim, keepdim):
        return device_norm(input, p, dim, keepdim)

    def d_input(grad, input, out, p, dim):
        if p == 0:
            return grad * ops.zeros_like(input)
        if p == 1:
            return grad * input.sgn()
        if math.isinf(p):
            size = input.abs()
            equal = (size == out) | (size.isnan() & out.isnan())
            return input.sgn() * (equal / equal.sum(dim, True) * grad)
        if p == 2:
            return input * (grad / out).masked_fill(out == 0, 0)
        if p < 1:
            powers = input.abs().pow(p - 1).masked_fill(input == 0, 0)
            return input.sgn() * powers * (grad * out.pow(1 - p))
        scale = (grad / out.pow(p - 1)).masked_fill(out == 0, 0)
        return input.sgn() * input.abs().pow(p - 1) * scale if p < 2 else input * input.abs().pow(p - 2) * scale


def _refuse_empty(shape, p, dim):
    name = f"{p:g}"
    if len(dim) == len(shape) and 0 in shape:
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {name} norm on an empty tensor because the operation does not have an "
            "identity"
        )
    for d in dim:
        if not shape[d]:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {name} norm on the dimension {d}because this dimension is empty and "
                "the operation does not have an identity"
            )


class norm(Op):
    """The ``p``-norm of the vectors along :attr:`dim` (None: of all elements); "fro" is 2, "nuc" the sum of singular
    values of the matrices in two dims. Computed in ``dtype`` if that is given. Real for complex input.

    Raises:
        RuntimeError: for integers.

    Example:
        >>> import tritorch
        >>> tritorch.norm(tritorch.tensor([3.0, 4.0]))
        tensor(5.)
    """

    def eager(input, p: object = "fro", dim: object = None, keepdim: bool = False, dtype: DType = None):
        if isinstance(p, str) and p != "fro":
            dims = dim
            if dim is None and input.ndim == 2:
                dims = (0, 1)
            return ops.linalg_matrix_norm(input, p, dims, keepdim, dtype=dtype)
        if not (input.is_floating_point() or input.is_complex()):
            raise RuntimeError(
                f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype.type_name}"
            )
        power = 2.0 if p is None or p == "fro" else p.item() if hasattr(p, "item") else p
        return ops.norm_of(input if dtype is None else input.to(dtype), power, dim, keepdim)

    def samples(make):
        yield make(3, 4)
        yield make(3, 4), 1, 0
        yield make(2, 3, 4), "fro", (1, 2), True


class dist(Op, has_out=False):
    """The ``p``-norm of the difference of two tensors, which broadcast.

    Example:
        >>> import tritorch
        >>> tritorch.dist(tritorch.tensor([1.0, 1.0]), tritorch.tensor([4.0, 5.0]))
        tensor(5.)
    """

    def eager(input, other, p: Number = 2):
        difference = input - other
        if not (difference.is_floating_point() or difference.is_complex()):
            raise RuntimeError(
                "norm(): input dtype should be either floating point or complex. Got "
                f"{difference.dtype.type_name} instead."
            )
        return ops.norm_of(difference, p, None, False)

    def samples(make):
        yield make(3, 4), make(4)
        yield make(3, 4), make(3, 4), 1


class renorm(Op, inplace=True):
    """Each slice along :attr:`dim` whose ``p``-norm is above ``maxnorm`` scaled down to it.

    Example:
        >>> import tritorch
        >>> tritorch.renorm(tritorch.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 1.0)
        tensor([[0.6000, 0.8000],
                [0.0000, 1.0000]])
    """

    def eager(input, p: Number, dim: Dim, maxnorm: Number):
        if p <= 0:
            raise RuntimeError("renorm: non-positive-norm not supported")
        if maxnorm < 0:
            raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
        if input.ndim < 2:
            raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
        length = ops.norm_of(input, p, [d for d in range(input.ndim) if d != dim], True)
        return input * ops.where(length > maxnorm, maxnorm / (length + 1e-7), 1.0)

    def samples(make):
        yield make(3, 4), 2, 0, 1.0
