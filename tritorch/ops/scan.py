"""Running combinations along one dim: sums, products, extremes, logarithms of sums; differences and trapezoids."""

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ..errors import not_implemented
from ..runtime.jit import triton
from ..shape import wrap_dim
from ._kinds import Scan
from ._op import Op, conj, ops
from ._reducing import scanned
from ._scan_kernels import extremes_so_far, log_sums
from ._schema import Dim, DType, Number


def _scanned(make):
    yield make(3, 4), 0
    yield make(2, 3, 4), -1
    yield make(), 0


def _curves(make):
    yield make(3, 4)
    yield make(3, 4), make(4), {"dim": -1}


class cumsum(Scan, inplace=True, lift=True):
    """The sums of the elements up to each, along :attr:`dim`. Integers and bools are summed as int64.

    Example:
        >>> import tritorch
        >>> tritorch.cumsum(tritorch.tensor([1, 2, 3]), 0)
        tensor([1, 3, 6])
    """

    def cpu(input, dim: Dim, *, dtype: DType = None):
        out = scanned(input, dim, False)
        return np.add.accumulate(input, axis=dim) if out is None else out

    @triton.jit
    def cuda(a, b):
        return a + b

    def d_input(grad, dim):
        return ops.cumsum_from_end(grad, dim)


class cumsum_from_end(Scan, function=False, method=False, has_out=False, lift=True, reverse=True):
    """The sums of the elements from each on, along a dim: the derivative of :class:`cumsum`."""

    def cpu(input, dim: Dim):
        return np.flip(cumsum.cpu(np.flip(input, dim), dim), dim)

    cuda = cumsum.cuda

    def d_input(grad, dim):
        return ops.cumsum(grad, dim)


class cumprod(Scan, inplace=True, lift=True):
    """The products of the elements up to each, along :attr:`dim`. Integers and bools are multiplied as int64.

    Example:
        >>> import tritorch
        >>> tritorch.cumprod(tritorch.tensor([1, 2, 3, 4]), 0)
        tensor([ 1,  2,  6, 24])
    """

    def cpu(input, dim: Dim, *, dtype: DType = None):
        out = scanned(input, dim, True)
        return np.multiply.accumulate(input, axis=dim) if out is None else out

    @triton.jit
    def cuda(a, b):
        return a * b

    identity = "1"

    def d_input(grad, input, out, dim):
        if not input.ndim:
            return grad
        if not bool((input == 0).any()):
            return ops.cumsum_from_end(grad * conj(out), dim) / conj(input)
        return _cumprod_with_zeros(grad, conj(input), conj(out), dim)


def _moved_up(x, dim, by, fill=0.0):
    """``x[k + by]`` at each ``k``, with ``fill`` beyond the end."""
    size = x.shape[dim]
    if by >= size:
        return ops.full_like(x, fill)
    tail = ops.full_like(x.narrow(dim, 0, by), fill)
    return ops.cat([x.narrow(dim, by, size - by), tail], dim)


def _cumprod_with_zeros(grad, input, out, dim):
    """``before[k] * s[k]`` where ``before`` is the product of what precedes and ``s[k] = grad[k] + input[k+1] s[k+1]``.

    The recurrence is solved by doubling: ``s[k] = b[k] + a[k] s[k+m]`` for m = 1, 2, 4...
    """
    size = input.shape[dim]
    before = ops.cat([ops.ones_like(input.narrow(dim, 0, 1)), out.narrow(dim, 0, size - 1)], dim)
    a, b, reach = _moved_up(input, dim, 1), grad, 1
    while reach < size:
        b = b + a * _moved_up(b, dim, reach)
        a = a * _moved_up(a, dim, reach)
        reach *= 2
    return before * b


def _extreme_so_far(accumulate, input, dim):
    """(values, indices): of equals the last, and a NaN from the first one on."""
    if not input.ndim:
        return input.copy(), np.zeros((), np.int64)
    values = accumulate(input, axis=dim)
    size = input.shape[dim]
    places = np.arange(size).reshape([size if d == dim else 1 for d in range(input.ndim)])
    taken = input == values
    if input.dtype.kind not in "biu":
        taken |= np.isnan(input)
    indices = np.multiply(places, taken)
    return values, np.maximum.accumulate(indices, axis=dim, out=indices)


def _refuse_complex(name, array):
    if array.dtype.kind == "c":
        raise not_implemented(name, dtype_of(array.dtype))


class cummax(Op, returns=("values", "indices"), opmath=False):
    """The largest element up to each along :attr:`dim`, and its index: the last of equals. NaN is larger than all.

    Example:
        >>> import tritorch
        >>> tritorch.cummax(tritorch.tensor([1, 3, 2]), 0).values
        tensor([1, 3, 3])
    """

    def check(input):
        _refuse_complex("cummax", input)

    def cpu(input, dim: Dim):
        return _extreme_so_far(np.maximum.accumulate, input, dim)

    def cuda(input, dim):
        return extremes_so_far("cummax", input, dim, True)

    def d_input(grad, indices, dim):
        return ops.zeros_like(grad).scatter_add(dim, indices, grad) if grad.numel() else grad

    samples = _scanned


class cummin(Op, returns=("values", "indices"), opmath=False):
    """The smallest element up to each along :attr:`dim`, and its index: the last of equals. NaN is smaller than all."""

    def check(input):
        _refuse_complex("cummin", input)

    def cpu(input, dim: Dim):
        return _extreme_so_far(np.minimum.accumulate, input, dim)

    def cuda(input, dim):
        return extremes_so_far("cummin", input, dim, False)

    def d_input(grad, indices, dim):
        return ops.zeros_like(grad).scatter_add(dim, indices, grad) if grad.numel() else grad

    samples = _scanned


def _log_add(a, b):
    """``log(exp(a) + exp(b))`` of complex arrays."""
    swap = a.real < b.real
    large, small = np.where(swap, b, a), np.where(swap, a, b)
    out = large + np.log1p(np.exp(small - large))
    return np.where(np.isneginf(large.real), large, out)


def _log_sums_back(grad, input, out, onwards):
    """The gradient of logarithms of sums, where ``onwards`` is the scan the other way."""
    if input.is_complex():
        return conj((onwards(conj(grad).log() - out) + input).exp())
    lowest = -1e38 if input.dtype.itemsize == 4 else -1e307 if input.dtype.itemsize == 8 else -6e4
    positive = ops.where(grad > 0, grad.log(), lowest)
    negative = ops.where(grad < 0, grad.neg().log(), lowest)
    return (onwards(positive - out) + input).exp() - (onwards(negative - out) + input).exp()


class logcumsumexp(Op):
    """The logarithm of the sum of exponentials up to each element along :attr:`dim`, without overflow.

    Example:
        >>> import tritorch
        >>> tritorch.logcumsumexp(tritorch.zeros(3), 0)
        tensor([0.0000, 0.6931, 1.0986])
    """

    def check(input):
        if input.dtype.kind in "biu":
            raise not_implemented("logcumsumexp_out", dtype_of(input.dtype))

    def cpu(input, dim: Dim):
        if not input.ndim:
            return input.copy()
        if input.dtype.kind != "c":
            return np.logaddexp.accumulate(input, axis=dim)
        out, reach = np.moveaxis(input, dim, -1).copy(), 1
        while reach < out.shape[-1]:
            out[..., reach:] = _log_add(out[..., reach:].copy(), out[..., :-reach].copy())
            reach *= 2
        return np.moveaxis(out, -1, dim)

    def cuda(input, dim):
        return log_sums(input, dim, False)

    def d_input(grad, input, out, dim):
        if not input.ndim:
            return grad

        def from_the_end(x):
            return ops.logcumsumexp_from_end(x, dim)

        return _log_sums_back(grad, input, out, from_the_end)

    samples = _scanned


class logcumsumexp_from_end(Op, function=False, method=False, has_out=False):
    """The logarithm of the sum of exponentials from each element on, along a dim."""

    def cpu(input, dim: Dim):
        return np.flip(logcumsumexp.cpu(np.flip(input, dim), dim), dim)

    def cuda(input, dim):
        return log_sums(input, dim, True)

    def d_input(grad, input, out, dim):
        def so_far(x):
            return ops.logcumsumexp(x, dim)

        return _log_sums_back(grad, input, out, so_far)


class diff(Op):
    """The ``n``-th forward difference along :attr:`dim`: ``out[i] = input[i + 1] - input[i]``, ``n`` times.

    ``prepend`` and ``append`` are joined on first. Bools differ by exclusive or.

    Example:
        >>> import tritorch
        >>> tritorch.diff(tritorch.tensor([1, 3, 2]))
        tensor([ 2, -1])
    """

    def eager(input, n: int = 1, dim: Dim = -1, prepend=None, append=None):
        if not input.ndim:
            raise RuntimeError("diff expects input to be at least one-dimensional")
        if n < 0:
            raise RuntimeError(f"order must be non-negative but got {n}")
        parts = [x for x in (prepend, input, append) if x is not None]
        for x in parts:
            _joins(x, input, dim)
        if n == 0:
            return input.clone()
        out = ops.cat(parts, dim) if len(parts) > 1 else input
        for _ in range(min(n, out.shape[dim])):
            size = out.shape[dim] - 1
            later, earlier = out.narrow(dim, 1, size), out.narrow(dim, 0, size)
            out = later.logical_xor(earlier) if out.dtype.category == 0 else later - earlier
        return out

    def samples(make):
        yield make(3, 4)
        yield make(3, 4), 2, 0
        yield make(3, 4), 1, 1, make(3, 1), make(3, 2)


def _joins(x, input, dim):
    if x.ndim != input.ndim:
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    for d in range(input.ndim):
        if d != dim and x.shape[d] != input.shape[d]:
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input except along the "
                f"differencing dimension; input.size({d}) = {input.shape[d]}, but got tensor.size({d}) = {x.shape[d]}"
            )


def _widths(name, y, x, dx, dim):
    """The widths of the intervals between the points: a number, or a tensor that broadcasts against them."""
    if x is None:
        if isinstance(dx, (bool, complex)):
            raise RuntimeError(f"{name}: Currently, we only support dx as a real number.")
        return dx
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = x.reshape([-1 if d == dim else 1 for d in range(y.ndim)])
    elif x.ndim < y.ndim:
        x = x.reshape([1] * (y.ndim - x.ndim) + list(x.shape))
    size = max(x.shape[dim] - 1, 0)
    return x.narrow(dim, x.shape[dim] - size, size) - x.narrow(dim, 0, size)


def _areas(name, y, x, dx, dim):
    """The area over each interval."""
    widths = _widths(name, y, x, dx, dim)
    size = y.shape[dim] - 1
    return (y.narrow(dim, 1, size) + y.narrow(dim, 0, size)) * widths / 2.0


class trapezoid(Op, has_out=False, method=False):
    """The integral of ``y`` along :attr:`dim` by the trapezoidal rule, its points at ``x`` or ``dx`` apart.

    Example:
        >>> import tritorch
        >>> tritorch.trapezoid(tritorch.tensor([1.0, 5.0, 10.0]))
        tensor(10.5000)
    """

    def eager(y, x=None, *, dx: Number = 1, dim: int = -1):
        if not y.ndim:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        dim = wrap_dim(dim, y.ndim)
        if not y.shape[dim]:
            return y.sum(dim) * 1.0
        return _areas("trapezoid", y, x, dx, dim).sum(dim)

    samples = _curves


class trapz(Op, has_out=False, method=False):
    """:func:`trapezoid`, by its older name."""

    def eager(y, x=None, *, dx: Number = 1, dim: int = -1):
        return ops.trapezoid(y, x, dx=dx, dim=dim)

    samples = _curves


class cumulative_trapezoid(Op, has_out=False, method=False):
    """The integrals of ``y`` up to each point but the first, along :attr:`dim`, by the trapezoidal rule.

    Example:
        >>> import tritorch
        >>> tritorch.cumulative_trapezoid(tritorch.tensor([1.0, 5.0, 10.0]))
        tensor([ 3.0000, 10.5000])
    """

    def eager(y, x=None, *, dx: Number = 1, dim: int = -1):
        if not y.ndim:
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        dim = wrap_dim(dim, y.ndim)
        if not y.shape[dim]:
            return y * 1.0
        return _areas("cumulative_trapezoid", y, x, dx, dim).cumsum(dim)

    samples = _curves
