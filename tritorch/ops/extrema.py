"""Largest and smallest: values, indices, both. Equals share the gradient of amax, amin and of the full max and min."""

import numpy as np

from ..errors import empty_reduction
from ._kinds import Reduction
from ._op import Op, ops
from ._schema import Dim, Dims


def _refuse_empty(name, array, dims):
    if array.size == 0 and len(dims) == array.ndim > 1:
        raise empty_reduction(name)
    for d in dims:
        if array.ndim and array.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def _refuse_complex(name, array):
    if array.dtype.kind == "c":
        raise NotImplementedError(
            f"\"{name}_cpu\" not implemented for 'Complex{'Float' if array.itemsize == 8 else 'Double'}'"
        )


class amax(Reduction):
    """The largest element along :attr:`dim` (``()``: of all). NaN is larger than all."""

    opmath = False

    def check(input, dim):
        _refuse_complex("amax", input)
        _refuse_empty("amax", input, dim)

    def cpu(input, dim: Dims = (), keepdim: bool = False):
        return np.maximum.reduce(input, axis=dim, keepdims=keepdim)

    def d_input(grad, input, out, dim):
        return ops.share_among_equals(grad, input, out, dim)


class amin(Reduction):
    """The smallest element along :attr:`dim` (``()``: of all). NaN is smaller than all."""

    opmath = False

    def check(input, dim):
        _refuse_complex("amin", input)
        _refuse_empty("amin", input, dim)

    def cpu(input, dim: Dims = (), keepdim: bool = False):
        return np.minimum.reduce(input, axis=dim, keepdims=keepdim)

    def d_input(grad, input, out, dim):
        return ops.share_among_equals(grad, input, out, dim)


class share_among_equals(Op, function=False, method=False, has_out=False):
    """The gradient of an extreme, divided among the elements that equal it; reduced dims are kept."""

    def eager(grad, input, out, dim: Dims):
        mask = input == out
        if input.is_floating_point():
            mask = mask | (input.isnan() & out.isnan())
        return grad * mask / mask.sum(dim, True)


class max_of(Reduction, function=False, method=False):
    """The largest of all elements."""

    opmath = False

    def check(input):
        _refuse_complex("max_all", input)
        if input.size == 0:
            raise RuntimeError(
                "max(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )

    def cpu(input, dim: Dims = None, keepdim: bool = False):
        return np.maximum.reduce(input, axis=None)

    def d_input(grad, input, out, dim):
        return ops.share_among_equals(grad, input, out, dim)


class min_of(Reduction, function=False, method=False):
    """The smallest of all elements."""

    opmath = False

    def check(input):
        _refuse_complex("min_all", input)
        if input.size == 0:
            raise RuntimeError(
                "min(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )

    def cpu(input, dim: Dims = None, keepdim: bool = False):
        return np.minimum.reduce(input, axis=None)

    def d_input(grad, input, out, dim):
        return ops.share_among_equals(grad, input, out, dim)


def with_indices(input, dim, keepdim, find, name):
    """(values, indices) of what ``find`` (an argmax) finds along ``dim``."""
    if input.ndim == 0:
        return input.copy(), np.zeros((), np.int64)
    _refuse_empty(name, input, (dim,))
    work = input.astype(np.float32) if input.dtype.kind == "V" else input
    index = np.expand_dims(find(work, dim), dim)
    values = np.take_along_axis(input, index, dim)
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


def _back(grad, indices, dim, keepdim, shape):
    if not keepdim and len(shape):
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    if not len(shape):
        return grad
    return ops.zeros(*shape, dtype=grad.dtype).scatter(dim, indices, grad)


class max_along(Op, name="max", function=False, method=False, returns=("values", "indices")):
    """The largest element along one dim and its index."""

    opmath = False

    def check(input):
        _refuse_complex("max", input)

    def cpu(input, dim: Dim, keepdim: bool = False):
        return with_indices(input, dim, keepdim, np.argmax, "max")

    def d_input(grad, indices, dim, keepdim, input_shape):
        return _back(grad, indices, dim, keepdim, input_shape)


class min_along(Op, name="min", function=False, method=False, returns=("values", "indices")):
    """The smallest element along one dim and its index."""

    opmath = False

    def check(input):
        _refuse_complex("min", input)

    def cpu(input, dim: Dim, keepdim: bool = False):
        return with_indices(input, dim, keepdim, np.argmin, "min")

    def d_input(grad, indices, dim, keepdim, input_shape):
        return _back(grad, indices, dim, keepdim, input_shape)


class max(Op, has_out=False):
    """The largest element of all; ``max(input, dim)`` gives (values, indices); ``max(input, other)`` compares two.

    Example:
        >>> import tritorch
        >>> tritorch.max(tritorch.tensor([[1, 5], [7, 2]]), 1).indices
        tensor([1, 0])
    """

    def eager(input, dim: object = None, keepdim: bool = False, *, other=None, out: object = None):
        other = dim if isinstance(dim, type(input)) or hasattr(dim, "_array") else other
        if other is not None:
            return ops.maximum(input, other, out=out)
        if dim is None:
            return ops.max_of(input, out=out)
        return ops.max_along(input, dim, keepdim, out=out)


class min(Op, has_out=False):
    """The smallest element of all; ``min(input, dim)`` gives (values, indices); ``min(input, other)`` compares two."""

    def eager(input, dim: object = None, keepdim: bool = False, *, other=None, out: object = None):
        other = dim if isinstance(dim, type(input)) or hasattr(dim, "_array") else other
        if other is not None:
            return ops.minimum(input, other, out=out)
        if dim is None:
            return ops.min_of(input, out=out)
        return ops.min_along(input, dim, keepdim, out=out)


class aminmax(Op, returns=("min", "max")):
    """The smallest and the largest element, of all or along one dim."""

    def eager(input, *, dim: Dim = None, keepdim: bool = False):
        if input.numel() == 0 and dim is None:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
            )
        dims = () if dim is None else (dim,)
        return ops.amin(input, dims, keepdim), ops.amax(input, dims, keepdim)


class argmax(Op):
    """The index of the largest element: of all (flattened), or along :attr:`dim`. The first of equals."""

    opmath = False

    def check(input, dim):
        _refuse_complex("argmax", input)
        _refuse_no_elements("argmax", input, dim)

    def cpu(input, dim: Dim = None, keepdim: bool = False):
        return _index(np.argmax, input, dim, keepdim)


class argmin(Op):
    """The index of the smallest element: of all (flattened), or along :attr:`dim`. The first of equals."""

    opmath = False

    def check(input, dim):
        _refuse_complex("argmin", input)
        _refuse_no_elements("argmin", input, dim)

    def cpu(input, dim: Dim = None, keepdim: bool = False):
        return _index(np.argmin, input, dim, keepdim)


def _refuse_no_elements(name, array, dim):
    if dim is None and array.size == 0:
        raise empty_reduction(name)
    if dim is not None and array.ndim and array.shape[dim] == 0:
        raise empty_reduction(name, dim)


def _index(find, input, dim, keepdim):
    work = input.astype(np.float32) if input.dtype.kind == "V" else input
    if input.ndim == 0:
        return np.zeros((), np.int64)
    out = find(work, axis=dim, keepdims=keepdim)
    return np.asarray(out, np.int64)
