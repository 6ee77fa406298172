"""Spread and quantiles: var, std, quantile, covariance."""

import math

import numpy as np

from ..dtypes import int64
from ..shape import wrap_dim
from ._kinds import Reduction
from ._op import Op, conj, ops
from ._reducing import count_of, reduced
from ._schema import Dims, Number
from ._spread_kernels import spread


def _spread(input, dim, correction, keepdim, root):
    """The sum of the squared distances from the mean, over their number less the correction; or the root of that."""
    free = float(max(count_of(input.shape, dim) - correction, 0))
    if input.dtype.kind != "c":
        mean = reduced("sum", input, dim, keepdim, divisor=float(count_of(input.shape, dim)))
        return reduced("distances", input, dim, keepdim, divisor=free, root=root, centre=mean.astype(np.float64))
    distance = input - np.add.reduce(input, axis=dim, keepdims=True) / count_of(input.shape, dim)
    squares = np.square(distance.real) + np.square(distance.imag)
    return reduced("sum", squares, dim, keepdim, divisor=free, root=root)


def _degrees(shape, dim, correction):
    """What the sum of squares is divided by."""
    free = count_of(shape, dim) - correction
    return free if free > 0 else 0.0


def _quantiles(make):
    yield make(3, 4), 0.3
    yield make(3, 4), make.plain([0.2, 0.9]), 1, True


class var_of(Reduction, name="var", function=False, method=False):
    """The variance along dims, less ``correction`` degrees of freedom."""

    def cpu(input, dim: Dims, correction: Number, keepdim: bool):
        return _spread(input, dim, correction, keepdim, False)

    def cuda(input, dim, correction, keepdim):
        return spread(input, dim, correction, keepdim, False)

    def d_input(grad, input, dim, correction):
        free = _degrees(input.shape, dim, correction)
        return grad * (input - input.mean(dim, True)) * (2.0 / free if free else math.nan)


class std_of(Reduction, name="std", function=False, method=False):
    """The square root of the variance along dims."""

    def cpu(input, dim: Dims, correction: Number, keepdim: bool):
        return _spread(input, dim, correction, keepdim, True)

    def cuda(input, dim, correction, keepdim):
        return spread(input, dim, correction, keepdim, True)

    def d_input(grad, input, out, dim, correction):
        free = _degrees(input.shape, dim, correction)
        scaled = (grad / out).masked_fill(out == 0, 0)
        return scaled * (input - input.mean(dim, True)) * (1.0 / free if free else math.nan)


def _arguments(name, input, dim, unbiased, correction):
    """(dim, correction) out of torch's overloads: ``var(unbiased)``, ``var(dim, unbiased)``, ``var(dim, correction=1)``"""
    if not (input.is_floating_point() or input.is_complex()):
        what = "std and var only support" if name in ("var", "std") else f"{name} only support"
        raise RuntimeError(f"{what} floating point and complex dtypes")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    elif unbiased is not None:
        raise TypeError(
            f"{name}() received an invalid combination of arguments: unbiased and correction exclude each other"
        )
    return dim, correction


class var(Op):
    """The variance along :attr:`dim` (None: of all), with ``correction`` degrees of freedom taken off, 1 by default.

    Example:
        >>> import tritorch
        >>> tritorch.var(tritorch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """

    def eager(input, dim: object = None, unbiased: object = None, keepdim: bool = False, *, correction: object = None):
        dim, correction = _arguments("var", input, dim, unbiased, correction)
        return ops.var_of(input, dim, correction, keepdim)


class std(Op):
    """The standard deviation along :attr:`dim` (None: of all): the root of :func:`var`.

    Example:
        >>> import tritorch
        >>> tritorch.std(tritorch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """

    def eager(input, dim: object = None, unbiased: object = None, keepdim: bool = False, *, correction: object = None):
        dim, correction = _arguments("std", input, dim, unbiased, correction)
        return ops.std_of(input, dim, correction, keepdim)


class var_mean(Op, method=False, has_out=False):
    """(variance, mean) along :attr:`dim`: see :func:`var`."""

    def eager(input, dim: object = None, unbiased: object = None, keepdim: bool = False, *, correction: object = None):
        dim, correction = _arguments("var_mean", input, dim, unbiased, correction)
        return ops.var_of(input, dim, correction, keepdim), input.mean(dim, keepdim)


class std_mean(Op, method=False, has_out=False):
    """(standard deviation, mean) along :attr:`dim`: see :func:`var`."""

    def eager(input, dim: object = None, unbiased: object = None, keepdim: bool = False, *, correction: object = None):
        dim, correction = _arguments("std_mean", input, dim, unbiased, correction)
        return ops.std_of(input, dim, correction, keepdim), input.mean(dim, keepdim)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantiles_as_tensor(name, input, q):
    if not input.is_floating_point() or input.dtype.itemsize < 4:
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if isinstance(q, (int, float)):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
        return ops.full((), q, dtype=input.dtype, device=input.device)
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype is not input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if not bool(((q >= 0) & (q <= 1)).all()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _quantile(name, input, q, dim, keepdim, interpolation):
    q = _quantiles_as_tensor(name, input, q)
    if interpolation not in INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if not input.numel():
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    kept = [1] * input.ndim
    dim = None if dim is None else wrap_dim(dim, input.ndim)
    rows = input.reshape(-1) if dim is None or not input.ndim else input.movedim(dim, -1)
    ordered = rows.sort(-1)[0]
    last = ordered.shape[-1] - 1
    missing = ordered.isnan()
    if name == "nanquantile":
        ranks = (q * (last - missing.sum(-1, True))).clamp(min=0)
    else:
        ranks = (q * last).masked_fill(missing.any(-1, True), last)
    ranks = ranks.expand([*ordered.shape[:-1], q.numel()])
    if interpolation in ("lower", "higher", "nearest"):
        ranks = {"lower": ranks.floor, "higher": ranks.ceil, "nearest": ranks.round}[interpolation]()
    below = ranks.long()
    out = ordered.gather(-1, below)
    if interpolation in ("linear", "midpoint"):
        weight = ranks - below if interpolation == "linear" else ops.full_like(ranks, 0.5)
        out = ops.lerp(out, ordered.gather(-1, ranks.ceil().long()), weight)
    out = out.movedim(-1, 0)
    if keepdim:
        out = out.reshape([len(out), *kept]) if dim is None or not input.ndim else out.unsqueeze(dim + 1)
    return out if q.ndim else out.squeeze(0)


class quantile(Op):
    """The ``q``-th quantiles (a number, or a vector of them, whose dim goes in front) along :attr:`dim` (None: of all).
    NaN where there is one.

    Example:
        >>> import tritorch
        >>> tritorch.quantile(tritorch.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
        tensor(1.5000)
    """

    def eager(input, q: object, dim: object = None, keepdim: bool = False, *, interpolation: str = "linear"):
        return _quantile("quantile", input, q, dim, keepdim, interpolation)

    samples = _quantiles


class nanquantile(Op):
    """:func:`quantile` of what is not NaN."""

    def eager(input, q: object, dim: object = None, keepdim: bool = False, *, interpolation: str = "linear"):
        return _quantile("nanquantile", input, q, dim, keepdim, interpolation)

    samples = _quantiles


def _check_weights(name, weights, count):
    kind = "integral" if name == "fweights" else "floating point"
    if weights.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
        )
    if weights.dtype.category != (1 if name == "fweights" else 2):
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {weights.dtype.type_name} dtype"
        )
    if weights.numel() != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {count}"
        )
    if bool((weights < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


class cov(Op, has_out=False):
    """The covariance matrix of variables, the rows of ``input``, from their observations, its columns. ``fweights``
    count observations, ``aweights`` weigh them.

    Example:
        >>> import tritorch
        >>> tritorch.cov(tritorch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """

    def eager(input, *, correction: int = 1, fweights=None, aweights=None):
        if input.ndim > 2:
            raise RuntimeError(
                f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
            )
        if input.dtype.category == 0:
            raise RuntimeError("cov(): bool dtype is not supported for input")
        rows = input.reshape(1, -1) if input.ndim < 2 else input
        count = rows.shape[1]
        for name, given in (("fweights", fweights), ("aweights", aweights)):
            if given is not None:
                _check_weights(name, given, count)
        weights = fweights if aweights is None else aweights if fweights is None else fweights * aweights
        total = count if weights is None else weights.sum()
        if weights is not None and total.item() == 0:
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
        weighted = rows if weights is None else rows * weights
        distance = rows - (weighted.sum(1) / total if total is not count or count else weighted.sum(1) / 0.0).unsqueeze(
            1
        )
        freedom = total - correction
        if aweights is not None and correction:
            freedom = total - correction * (weights * aweights).sum() / total
        freedom = max(freedom, 0) if weights is None else freedom.clamp(min=0)
        product = distance.mm(conj(distance if weights is None else distance * weights).t())
        return ops.true_divide(product, freedom).squeeze()

    def samples(make):
        yield make(3, 4)
        yield make(3, 4), {"correction": 0, "fweights": make.plain([1, 2, 1, 1], int64)}


class corrcoef(Op, has_out=False):
    """The correlation coefficients of variables, the rows of ``input``: the covariances over the deviations.

    Example:
        >>> import tritorch
        >>> tritorch.corrcoef(tritorch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """

    def eager(input):
        if input.ndim > 2:
            raise RuntimeError(
                "corrcoef(): expected input to have two or fewer dimensions but got an input with "
                f"{input.ndim} dimensions"
            )
        c = ops.cov(input)
        if not c.ndim:
            return c / c
        variance = c.diagonal()
        deviation = (variance.real if c.is_complex() else variance).sqrt()
        c = c / deviation.unsqueeze(1) / deviation.unsqueeze(0)
        if c.is_complex():
            return ops.complex(c.real.clamp(-1, 1), c.imag.clamp(-1, 1))
        return c.clamp(-1, 1)
