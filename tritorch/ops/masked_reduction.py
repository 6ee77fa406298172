"""Reductions and normalisations of the elements that a mask lets through: :mod:`tritorch.masked`.

``mask`` is a bool tensor that broadcasts to ``input``; what it leaves out takes the operation's neutral value.
"""

import math

import numpy as np

from ..dtypes import bool_
from ._op import Op, conj, ops
from ._schema import Dims, DType, Number


def _spread_mask(input, mask):
    """``mask`` in the shape of ``input``; None lets all through."""
    if mask is None:
        return None
    if mask.ndim > input.ndim:
        raise IndexError("_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)")
    mask = mask.expand(input.shape)
    return mask if mask.dtype.category == 0 else mask.bool()


def _only(input, mask, fill):
    """``input`` with ``fill`` where the mask is false."""
    mask = _spread_mask(input, mask)
    return input if mask is None else ops.where(mask, input, ops.full((), fill, dtype=input.dtype))


def _counted(input, dtype):
    """``input`` in ``dtype``, or integers and bools as int64: how sums and products count."""
    if dtype is not None:
        return input.to(dtype)
    return input if input.dtype.category > 1 else input.long()


def _in(input, dtype):
    return input if dtype is None else input.to(dtype)


def _limits(dtype):
    """(the largest, the smallest) value of a dtype: neutral for min and for max."""
    if dtype.category == 0:
        return True, False
    if dtype.category == 1:
        info = np.iinfo(dtype.np)
        return int(info.max), int(info.min)
    return math.inf, -math.inf


def _masked(make):
    yield make(3, 4), 1, {"mask": make.plain([[1, 1, 0, 1]] * 3, bool_)}
    yield make(3, 4), 0


class masked_sum(Op, home="masked", has_out=False):
    """The sum of what the mask lets through, along :attr:`dim`; zero where that is nothing.

    Example:
        >>> import tritorch
        >>> tritorch.masked.sum(tritorch.tensor([1, 2, 4]), mask=tritorch.tensor([True, False, True]))
        tensor(5)
    """

    def eager(input, dim: Dims = None, *, keepdim: bool = False, dtype: DType = None, mask=None):
        return _only(_counted(input, dtype), mask, 0).sum(dim, keepdim)

    samples = _masked


class masked_prod(Op, home="masked", has_out=False):
    """The product of what the mask lets through, along :attr:`dim`; one where that is nothing."""

    def eager(input, dim: Dims = None, *, keepdim: bool = False, dtype: DType = None, mask=None):
        return ops.prod_of(_only(_counted(input, dtype), mask, 1), dim, keepdim)

    samples = _masked


class masked_amax(Op, home="masked", has_out=False):
    """The largest of what the mask lets through, along :attr:`dim`; the smallest value of the dtype where that is
    nothing."""

    def eager(input, dim: Dims = None, *, keepdim: bool = False, dtype: DType = None, mask=None):
        input = _in(input, dtype)
        return _only(input, mask, _limits(input.dtype)[1]).amax(dim, keepdim)

    samples = _masked


class masked_amin(Op, home="masked", has_out=False):
    """The smallest of what the mask lets through, along :attr:`dim`; the largest value of the dtype where that is
    nothing."""

    def eager(input, dim: Dims = None, *, keepdim: bool = False, dtype: DType = None, mask=None):
        input = _in(input, dtype)
        return _only(input, mask, _limits(input.dtype)[0]).amin(dim, keepdim)

    samples = _masked


class masked_argmax(Op, home="masked", has_out=False):
    """The index of the largest of what the mask lets through, of all or along :attr:`dim`, in the dtype of the input."""

    def eager(input, dim: object = None, *, keepdim: bool = False, dtype: DType = None, mask=None):
        input = _in(input, dtype)
        return _only(input, mask, _limits(input.dtype)[1]).argmax(dim, keepdim).to(input.dtype)

    samples = _masked


class masked_argmin(Op, home="masked", has_out=False):
    """The index of the smallest of what the mask lets through, of all or along :attr:`dim`, in the dtype of the input."""

    def eager(input, dim: object = None, *, keepdim: bool = False, dtype: DType = None, mask=None):
        input = _in(input, dtype)
        return _only(input, mask, _limits(input.dtype)[0]).argmin(dim, keepdim).to(input.dtype)

    samples = _masked


class masked_mean(Op, home="masked", has_out=False):
    """The mean of what the mask lets through, along :attr:`dim`; NaN where that is nothing.

    Raises:
        ValueError: for integers, unless ``dtype`` names a floating type.
    """

    def eager(input, dim: Dims = None, *, keepdim: bool = False, dtype: DType = None, mask=None):
        kind = input.dtype if dtype is None else dtype
        if kind.category < 2:
            what = "Input" if dtype is None else "Optional"
            raise ValueError(
                f"mean(): Could not infer output dtype. {what} dtype must be either a floating point or complex dtype. "
                f"Got: {kind}"
            )
        input = _in(input, dtype)
        if mask is None:
            return input.mean(dim, keepdim)
        return _only(input, mask, 0).sum(dim, keepdim) / _spread_mask(input, mask).sum(dim, keepdim)

    samples = _masked


class masked_median(Op, home="masked", has_out=False):
    """The lower median of what the mask lets through, of all or along :attr:`dim`; NaN where that is nothing."""

    def eager(input, dim: object = -1, *, keepdim: bool = False, dtype: DType = None, mask=None):
        input = _in(input, dtype)
        if not input.is_floating_point():
            raise ValueError(f"input must be a floating point tensor but got {input.dtype}")
        return ops.nanmedian_along(_only(input, mask, math.nan), dim, keepdim)[0]

    samples = _masked


class masked_logsumexp(Op, home="masked", has_out=False):
    """The logarithm of the sum of exponentials of what the mask lets through, along :attr:`dim`."""

    def eager(input, dim: Dims = None, *, keepdim: bool = False, dtype: DType = None, mask=None):
        input = _in(input, dtype)
        return _only(input, mask, _limits(input.dtype)[1]).logsumexp(dim, keepdim)

    samples = _masked


class masked_norm(Op, home="masked", has_out=False):
    """The norm of order :attr:`ord` of what the mask lets through, along :attr:`dim`."""

    def eager(input, ord: Number = 2.0, dim: Dims = None, *, keepdim: bool = False, dtype: DType = None, mask=None):
        fill = math.inf if ord == -math.inf else 0
        return ops.norm_of(_only(_in(input, dtype), mask, fill), ord, dim, keepdim)

    samples = _masked


def _variance(input, dim, unbiased, correction, keepdim, dtype, mask):
    if unbiased is not None and correction is not None:
        raise ValueError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    kind = input.dtype if dtype is None else dtype
    if kind.category < 2:
        input = input * 1.0
    elif dtype is not None:
        input = input.to(dtype)
    kind = input.dtype
    if mask is None:
        return ops.var_of(input, dim, correction, keepdim).to(kind)
    count = _spread_mask(input, mask).sum(dim, True)
    distance = input - _only(input, mask, 0).sum(dim, True) / count
    squares = (distance * conj(distance)).real if input.is_complex() else distance.square()
    total = _only(squares, mask, 0).sum(dim, keepdim)
    count = count if keepdim else count.reshape(total.shape)
    return (total / (count - correction).clamp(min=0)).to(kind)


class masked_var(Op, home="masked", has_out=False):
    """The variance of what the mask lets through, along :attr:`dim`, less ``correction`` degrees of freedom."""

    def eager(
        input, dim: Dims = None, unbiased: object = None, *, correction: object = None, keepdim: bool = False,
        dtype: DType = None, mask=None,
    ):  # fmt: skip
        return _variance(input, dim, unbiased, correction, keepdim, dtype, mask)

    samples = _masked


class masked_std(Op, home="masked", has_out=False):
    """The standard deviation of what the mask lets through, along :attr:`dim`: the root of the variance."""

    def eager(
        input, dim: Dims = None, unbiased: object = None, *, correction: object = None, keepdim: bool = False,
        dtype: DType = None, mask=None,
    ):  # fmt: skip
        return _variance(input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()

    samples = _masked


class masked_softmax(Op, home="masked", has_out=False):
    """:func:`tritorch.softmax` of what the mask lets through; zero elsewhere, NaN where it lets nothing through."""

    def eager(input, dim: int, *, dtype: DType = None, mask=None):
        return ops.softmax(_only(_in(input, dtype), mask, -math.inf), dim)

    samples = _masked


class masked_log_softmax(Op, home="masked", has_out=False):
    """:func:`tritorch.log_softmax` of what the mask lets through; minus infinity elsewhere."""

    def eager(input, dim: int, *, dtype: DType = None, mask=None):
        return ops.log_softmax(_only(_in(input, dtype), mask, -math.inf), dim)

    samples = _masked


class masked_softmin(Op, home="masked", has_out=False):
    """Softmax of the negated input where the mask lets it through; zero elsewhere."""

    def eager(input, dim: int, *, dtype: DType = None, mask=None):
        return ops.softmax(_only(-_in(input, dtype), mask, -math.inf), dim)

    samples = _masked


class masked_normalize(Op, home="masked", has_out=False):
    """What the mask lets through over its norm of order :attr:`ord` along :attr:`dim`, at least ``eps``; zero
    elsewhere."""

    def eager(input, ord: Number, dim: int, *, eps: Number = 1e-12, dtype: DType = None, mask=None):
        input = _in(input, dtype)
        length = ops.masked_norm(input, ord, dim, keepdim=True, mask=mask)
        return _only(input, mask, 0) / length.clamp(min=eps)

    def samples(make):
        yield make(3, 4), 2.0, 1, {"mask": make.mask(3, 4)}


class masked_cumsum(Op, home="masked", has_out=False):
    """The running sums along :attr:`dim` of what the mask lets through."""

    def eager(input, dim: int, *, dtype: DType = None, mask=None):
        return _only(_counted(input, dtype), mask, 0).cumsum(dim)

    samples = _masked


class masked_cumprod(Op, home="masked", has_out=False):
    """The running products along :attr:`dim` of what the mask lets through."""

    def eager(input, dim: int, *, dtype: DType = None, mask=None):
        return _only(_counted(input, dtype), mask, 1).cumprod(dim)

    samples = _masked


class masked_logaddexp(Op, home="masked", has_out=False):
    """``log(exp(input) + exp(other))`` with each masked by its own mask."""

    def eager(input, other, *, dtype: DType = None, input_mask=None, other_mask=None):
        input, other = _in(input, dtype), _in(other, dtype)
        return ops.logaddexp(_only(input, input_mask, -math.inf), _only(other, other_mask, -math.inf))
