"""Largest and smallest: values, indices, both. Equals share the gradient of amax, amin and of the full max and min."""

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ..errors import empty_reduction, not_implemented
from ._device_kinds import arg_reduce, largest, maximum, minimum, smallest
from ._kinds import Reduction
from ._op import Op, ops
from ._reducing import extremes, reduced
from ._schema import Dim, Dims
from ._sorting import at, comparable


def _refuse_complex(name, array):
    if array.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input")


def _extreme(name, input, dim, keepdim):
    out = reduced(name, input, dim, keepdim)
    if out is not None:
        return out
    ufunc = np.maximum if name == "max" else np.minimum
    return ufunc.reduce(input, axis=dim, keepdims=keepdim)


def _check_dims(name, input, dim):
    if input.dtype.kind == "c":
        raise not_implemented(f"{name[1:]}_values", dtype_of(input.dtype))
    if not input.size and len(dim) == input.ndim:
        raise empty_reduction(name)
    for d in dim:
        if not input.shape[d]:
            raise empty_reduction(name, d)


class amax(Reduction, code="max", opmath=False):
    """The largest element along :attr:`dim` (``()``: of all). NaN is larger than all.

    Example:
        >>> import tritorch
        >>> tritorch.amax(tritorch.tensor([[1, 5], [7, 2]]), 1)
        tensor([5, 7])
    """

    def check(input, dim):
        _check_dims("amax", input, dim)

    def cpu(input, dim: Dims = (), keepdim: bool = False):
        return _extreme("max", input, dim, keepdim)

    cuda = maximum
    identity = "lowest"

    def d_input(grad, input, out, dim):
        return ops.share_among_equals(input, out, grad, dim)


class amin(Reduction, code="min", opmath=False):
    """The smallest element along :attr:`dim` (``()``: of all). NaN is smaller than all.

    Example:
        >>> import tritorch
        >>> tritorch.amin(tritorch.tensor([[1, 5], [7, 2]]), 1)
        tensor([1, 2])
    """

    def check(input, dim):
        _check_dims("amin", input, dim)

    def cpu(input, dim: Dims = (), keepdim: bool = False):
        return _extreme("min", input, dim, keepdim)

    cuda = minimum
    identity = "highest"

    def d_input(grad, input, out, dim):
        return ops.share_among_equals(input, out, grad, dim)


class share_among_equals(Op, function=False, method=False, has_out=False):
    """The gradient of an extreme, divided among the elements that equal it; reduced dims are kept. NaN equals
    NaN if ``nan_too``, as torch has it of the extreme of all; else it equals none, and each gradient is NaN."""

    def eager(input, out, grad, dim: Dims, nan_too: bool = False):
        mask = input == out
        if nan_too and input.is_floating_point():
            mask = mask | (input.isnan() & out.isnan())
        return grad / mask.sum(dim, True) * mask


def _check_all(name, input):
    if input.dtype.kind == "c":
        raise NotImplementedError(f"\"{name}_all\" not implemented for '{dtype_of(input.dtype).type_name}'")
    if not input.size:
        raise empty_reduction(name)


class max_of(Reduction, name="max", code="max", function=False, method=False, opmath=False):
    """The largest of all elements."""

    def check(input):
        _check_all("max", input)

    def cpu(input, dim: Dims = None, keepdim: bool = False):
        return _extreme("max", input, dim, keepdim)

    cuda = maximum
    identity = "lowest"

    def d_input(grad, input, out, dim):
        return ops.share_among_equals(input, out, grad, dim, True)


class min_of(Reduction, name="min", code="min", function=False, method=False, opmath=False):
    """The smallest of all elements."""

    def check(input):
        _check_all("min", input)

    def cpu(input, dim: Dims = None, keepdim: bool = False):
        return _extreme("min", input, dim, keepdim)

    cuda = minimum
    identity = "highest"

    def d_input(grad, input, out, dim):
        return ops.share_among_equals(input, out, grad, dim, True)


def _with_indices(name, input, dim, keepdim):
    """(values, indices) of the extremes along ``dim``."""
    if not input.ndim:
        return input.copy(), np.zeros((), np.int64)
    if not input.shape[dim]:
        raise empty_reduction(name, dim)
    found = extremes(input, dim, keepdim, name == "max", True)
    if found is not None:
        return found
    indices = _places(f"arg{name}", input, dim, True)
    values = at(input, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _with_indices_on_device(name, input, dim, keepdim):
    if input.ndim and not input.shape[dim]:
        raise empty_reduction(name, dim)
    return tuple(arg_reduce(name, input, dim, keepdim, largest if name == "max" else smallest))


def _places(name, input, dim, keepdim):
    """The indices of the extremes along ``dim``."""
    input = comparable(input)
    found = extremes(input, dim, keepdim, name == "argmax", False)
    if found is None:
        found = (np.argmax if name == "argmax" else np.argmin)(input, axis=dim, keepdims=keepdim)
    return np.asarray(found, np.int64)


def _back(grad, indices, dim, keepdim, shape):
    if not len(shape):
        return grad
    if not keepdim:
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    return ops.zeros(*shape, dtype=grad.dtype, device=grad.device).scatter(dim, indices, grad)


class max_along(Op, name="max", function=False, method=False, returns=("values", "indices"), opmath=False):
    """The largest element along one dim and its index, the first of equals."""

    def check(input):
        _refuse_complex("max", input)

    def cpu(input, dim: Dim, keepdim: bool = False):
        return _with_indices("max", input, dim, keepdim)

    def cuda(input, dim, keepdim=False):
        return _with_indices_on_device("max", input, dim, keepdim)

    def d_input(grad, indices, dim, keepdim, input_shape):
        return _back(grad, indices, dim, keepdim, input_shape)


class min_along(Op, name="min", function=False, method=False, returns=("values", "indices"), opmath=False):
    """The smallest element along one dim and its index, the first of equals."""

    def check(input):
        _refuse_complex("min", input)

    def cpu(input, dim: Dim, keepdim: bool = False):
        return _with_indices("min", input, dim, keepdim)

    def cuda(input, dim, keepdim=False):
        return _with_indices_on_device("min", input, dim, keepdim)

    def d_input(grad, indices, dim, keepdim, input_shape):
        return _back(grad, indices, dim, keepdim, input_shape)


def _overloads(full, along, both, input, dim, keepdim, other, out):
    """torch's three forms: of all elements, along a dim, of two tensors."""
    if dim is None and other is None:
        return full(input, out=out)
    if other is None and isinstance(dim, type(input)):
        other = dim
    if other is not None:
        return both(input, other, out=out)
    return along(input, dim, keepdim, out=out)


class max(Op, has_out=False):
    """The largest element of all; ``max(input, dim)`` gives (values, indices); ``max(input, other)`` compares two.

    Example:
        >>> import tritorch
        >>> tritorch.max(tritorch.tensor([[1, 5], [7, 2]]), 1).indices
        tensor([1, 0])
    """

    def eager(input, dim: object = None, keepdim: bool = False, *, other=None, out: object = None):
        return _overloads(ops.max_of, ops.max_along, ops.maximum, input, dim, keepdim, other, out)


class min(Op, has_out=False):
    """The smallest element of all; ``min(input, dim)`` gives (values, indices); ``min(input, other)`` compares two.

    Example:
        >>> import tritorch
        >>> tritorch.min(tritorch.tensor([[1, 5], [7, 2]]), 1).indices
        tensor([0, 1])
    """

    def eager(input, dim: object = None, keepdim: bool = False, *, other=None, out: object = None):
        return _overloads(ops.min_of, ops.min_along, ops.minimum, input, dim, keepdim, other, out)


class aminmax(Op, returns=("min", "max"), strict_out=True):
    """The smallest and the largest element, of all or along one dim.

    Example:
        >>> import tritorch
        >>> tuple(tritorch.aminmax(tritorch.tensor([3, 1, 2])))
        (tensor(1), tensor(3))
    """

    def eager(input, *, dim: Dim = None, keepdim: bool = False):
        if dim is None and not input.numel():
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
            )
        if dim is not None and input.ndim and not input.shape[dim]:
            raise IndexError(f"aminmax: Expected reduction dim {dim} to have non-zero size.")
        dims = () if dim is None else (dim,)
        return ops.amin(input, dims, keepdim), ops.amax(input, dims, keepdim)


def _check_places(name, input, dim):
    if input.dtype.kind in "bc":
        raise RuntimeError(f"{name}(): does not support {'bool' if input.dtype.kind == 'b' else 'complex'} input")
    if dim is None and not input.size:
        raise empty_reduction(name)
    if dim is not None and input.ndim and not input.shape[dim]:
        raise empty_reduction(name, dim)


def _place(name, input, dim, keepdim):
    if not input.ndim:
        return np.zeros((), np.int64)
    if dim is not None:
        return _places(name, input, dim, keepdim)
    return _places(name, input.reshape(-1), 0, False).reshape([1] * input.ndim if keepdim else ())


class argmax(Op, opmath=False):
    """The index of the largest element: of all (flattened), or along :attr:`dim`. The first of equals.

    Example:
        >>> import tritorch
        >>> tritorch.argmax(tritorch.tensor([[1, 5], [7, 2]]))
        tensor(2)
    """

    def check(input, dim):
        _check_places("argmax", input, dim)

    def cpu(input, dim: Dim = None, keepdim: bool = False):
        return _place("argmax", input, dim, keepdim)

    def cuda(input, dim=None, keepdim=False):
        return arg_reduce("argmax", input, dim, keepdim, largest)[1]


class argmin(Op, opmath=False):
    """The index of the smallest element: of all (flattened), or along :attr:`dim`. The first of equals.

    Example:
        >>> import tritorch
        >>> tritorch.argmin(tritorch.tensor([[1, 5], [7, 2]]))
        tensor(0)
    """

    def check(input, dim):
        _check_places("argmin", input, dim)

    def cpu(input, dim: Dim = None, keepdim: bool = False):
        return _place("argmin", input, dim, keepdim)

    def cuda(input, dim=None, keepdim=False):
        return arg_reduce("argmin", input, dim, keepdim, smallest)[1]
