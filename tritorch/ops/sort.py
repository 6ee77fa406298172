"""Sorting and selection along one dim: values with their indices. See Note [Order] in ``_sorting``."""

import numpy as np

from .. import _C
from ..dtypes import from_numpy as dtype_of
from ..errors import empty_reduction, not_implemented
from ..runtime.array import DeviceArray
from ..runtime.transfer import packed
from ._index_kernels import cloned, pick_along
from ._op import Op, ops
from ._schema import Dim
from ._sort_kernels import order_of
from ._sorting import at, comparable, order


def _refuse_complex(name, array):
    if array.dtype.kind == "c":
        raise RuntimeError(f" {name} does not support complex dtypes on CPU")


def _refuse_kinds(name, array, kinds):
    if array.dtype.kind in kinds:
        raise not_implemented(name, dtype_of(array.dtype))


def _to_places(grad, indices, dim, shape):
    """The gradient of picked elements, at their places."""
    return grad.new_zeros(shape).scatter(dim, indices, grad) if shape else grad


def _selected(grad, indices, dim, keepdim, shape):
    if not keepdim and shape:
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    return _to_places(grad, indices, dim, shape)


class sort(Op, returns=("values", "indices"), opmath=False):
    """The elements along :attr:`dim` in ascending order (or descending), with the indices they came from.

    Equals keep their order, whatever ``stable`` says; NaN is larger than all.

    Example:
        >>> import tritorch
        >>> tritorch.sort(tritorch.tensor([3, 1, 2])).indices
        tensor([1, 2, 0])
    """

    def check(input):
        _refuse_complex("Sort", input)

    def cpu(input, dim: Dim = -1, descending: bool = False, *, stable: object = None):
        indices = order(input, dim, descending)
        return at(input, indices, dim), indices

    def cuda(input, dim, descending, stable):
        indices = order_of(input, dim, descending)
        return _at(input, indices, dim), indices

    def d_input(grad, indices, dim, input_shape):
        return _to_places(grad, indices, dim, input_shape)


class argsort(Op, opmath=False):
    """The indices that sort along :attr:`dim`. Equals keep their order; NaN is larger than all.

    Example:
        >>> import tritorch
        >>> tritorch.argsort(tritorch.tensor([3, 1, 2]))
        tensor([1, 2, 0])
    """

    def check(input):
        _refuse_complex("Sort", input)

    def cpu(input, dim: Dim = -1, descending: bool = False, *, stable: bool = False):
        return order(input, dim, descending)

    def cuda(input, dim, descending, stable):
        return order_of(input, dim, descending)


class msort(Op):
    """The elements in ascending order along the first dim."""

    def eager(input):
        return ops.sort(input, 0)[0] if input.ndim else input.clone()


class topk(Op, returns=("values", "indices"), opmath=False):
    """The ``k`` largest elements along :attr:`dim` (``largest=False``: smallest), sorted, with their indices.

    Raises:
        RuntimeError: ``selected index k out of range``.

    Example:
        >>> import tritorch
        >>> tritorch.topk(tritorch.tensor([1.0, 5.0, 3.0]), 2)
        tritorch.return_types.topk(
        values=tensor([5., 3.]),
        indices=tensor([1, 2]))
    """

    def check(input, k, dim):
        _refuse_complex("topk", input)
        if input.dtype.kind == "b":
            raise RuntimeError("topk does not support bool dtypes on CPU")
        if not 0 <= k <= (input.shape[dim] if input.ndim else 1):
            raise RuntimeError("selected index k out of range")

    def cpu(input, k: int, dim: Dim = -1, largest: bool = True, sorted: bool = True):
        if not input.ndim:
            return input.copy(), np.zeros((), np.int64)
        rows = np.moveaxis(input, dim, -1)
        indices = np.moveaxis(_best(comparable(rows), k, largest), -1, dim)
        return at(input, indices, dim), indices

    def cuda(input, k, dim, largest, sorted):
        indices = order_of(input, dim, largest)
        if input.ndim:
            indices = packed(indices[(*[slice(None)] * dim, slice(k))])
        return _at(input, indices, dim), indices

    def d_input(grad, indices, dim, input_shape):
        return _to_places(grad, indices, dim, input_shape)

    def samples(make):
        yield make(3, 4), 2
        yield make(3, 4), 2, 0, False


def _best(rows, k, largest):
    """The indices of the ``k`` largest or smallest of each row, in order."""
    size = rows.shape[-1]
    if k == 1 and size:
        if largest or rows.dtype.kind != "f":
            return (rows.argmax if largest else rows.argmin)(-1, keepdims=True)
    if 4 * k >= size:
        return order(rows, -1, largest)[..., :k]
    some = rows.argpartition(size - k if largest else k, -1)
    some = some[..., size - k :] if largest else some[..., :k]
    some.sort(-1)  # so that equals are in their order
    return at(some, order(at(rows, some, -1), -1, largest), -1)


def _at_rank(input, k, dim, keepdim):
    """(values, indices): of the element of rank ``k``, from 0, along ``dim``."""
    if not input.ndim:
        return input.copy(), np.zeros((), np.int64)
    indices = np.expand_dims(comparable(input).argpartition(k, dim).take(k, dim), dim)
    values = at(input, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _at(array, indices, dim):
    """:func:`at` on a device."""
    return pick_along(array, dim, indices) if array.ndim else cloned(array)


def _of_rank(array, order, place, dim, keepdim):
    """(values, indices) of one place of the order along ``dim``: a number, or a tensor with that dim kept."""
    if not array.ndim:
        return cloned(array), order
    if isinstance(place, int):
        indices = packed(order[(*[slice(None)] * dim, slice(place, place + 1))])
    else:
        indices = pick_along(order, dim, place._array)
    values = _at(array, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _median_on_device(name, input, dim, keepdim):
    """:func:`_median` on a device."""
    if not input.ndim:
        return _of_rank(input, order_of(input, dim), 0, dim, keepdim)
    if not input.shape[dim]:
        raise empty_reduction(name, dim)
    size = input.shape[dim]
    place = (size - 1) // 2
    if input.dtype.kind not in "iu":
        count = size - _C.wrap(input).isnan().sum(dim, keepdim=True)
        place = (count - 1).div(2, rounding_mode="floor")
        if name == "median":
            place = ops.where(count < size, count, place)  # the first NaN
        place = place.clamp(min=0)
    return _of_rank(input, order_of(input, dim), place, dim, keepdim)


class kthvalue(Op, returns=("values", "indices"), opmath=False, strict_out=True):
    """The ``k``-th smallest element along :attr:`dim`, from 1, and its index.

    Raises:
        RuntimeError: ``kthvalue(): selected number k out of range for dimension 0``.

    Example:
        >>> import tritorch
        >>> tritorch.kthvalue(tritorch.tensor([3.0, 1.0, 2.0]), 2).values
        tensor(2.)
    """

    def check(input, k, dim):
        _refuse_kinds("kthvalue", input, "bc")
        size = input.shape[dim] if input.ndim else 1
        if not size:
            raise empty_reduction("kthvalue", dim)
        if not 1 <= k <= size:
            raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")

    def cpu(input, k: int, dim: Dim = -1, keepdim: bool = False):
        return _at_rank(input, k - 1, dim, keepdim)

    def cuda(input, k, dim, keepdim):
        return _of_rank(input, order_of(input, dim), k - 1, dim, keepdim)

    def d_input(grad, indices, dim, keepdim, input_shape):
        return _selected(grad, indices, dim, keepdim, input_shape)

    def samples(make):
        yield make(3, 4), 2
        yield make(3, 4), 1, 0, True


def _median(name, input, dim, keepdim):
    """(values, indices) of the lower median; NaN where there is one, or for nanmedian where there is nothing else."""
    if not input.ndim:
        return input.copy(), np.zeros((), np.int64)
    if not input.shape[dim]:
        raise empty_reduction(name, dim)
    indices = order(input, dim)
    size = input.shape[dim]
    if input.dtype.kind in "iu":
        place = np.full([1 if d == dim else n for d, n in enumerate(input.shape)], (size - 1) // 2)
    else:
        count = size - np.add.reduce(np.isnan(input), axis=dim, keepdims=True, dtype=np.int64)
        place = (count - 1) // 2
        if name == "median":
            place = np.where(count < size, count, place)  # the first NaN
        np.maximum(place, 0, out=place)
    indices = np.take_along_axis(indices, place, dim)
    values = np.take_along_axis(input, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _median_of_all(name, input):
    if not input.size:
        return np.asarray(np.nan).astype(input.dtype) if input.dtype.kind not in "iu" else _smallest(input.dtype)
    along = _median_on_device if input.__class__ is DeviceArray else _median
    return along(name, input.reshape(-1), 0, False)[0]


def _smallest(dtype):
    return np.asarray(np.iinfo(dtype).min, dtype)


class median_of(Op, name="median", function=False, method=False, opmath=False):
    """The lower median of all elements."""

    def check(input):
        _refuse_kinds("median", input, "bc")

    def cpu(input):
        return _median_of_all("median", input)

    def cuda(input):
        return _median_of_all("median", packed(input))

    def d_input(grad, input, out):
        return ops.share_among_equals(input, out, grad, None, True)


class nanmedian_of(Op, name="nanmedian", function=False, method=False, opmath=False):
    """The lower median of all elements that are not NaN."""

    def check(input):
        _refuse_kinds("median", input, "bc")

    def cpu(input):
        return _median_of_all("nanmedian", input)

    def cuda(input):
        return _median_of_all("nanmedian", packed(input))

    def d_input(grad, input, out):
        return ops.share_among_equals(input, out, grad, None, True)


class median_along(Op, name="median", function=False, method=False, returns=("values", "indices"), opmath=False):
    """The lower median along one dim and its index."""

    def check(input):
        _refuse_kinds("median", input, "bc")

    def cpu(input, dim: Dim, keepdim: bool = False):
        return _median("median", input, dim, keepdim)

    def cuda(input, dim, keepdim):
        return _median_on_device("median", input, dim, keepdim)

    def d_input(grad, indices, dim, keepdim, input_shape):
        return _selected(grad, indices, dim, keepdim, input_shape)


class nanmedian_along(Op, name="nanmedian", function=False, method=False, returns=("values", "indices"), opmath=False):
    """The lower median along one dim of what is not NaN, and its index."""

    def check(input):
        _refuse_kinds("median", input, "bc")

    def cpu(input, dim: Dim, keepdim: bool = False):
        return _median("nanmedian", input, dim, keepdim)

    def cuda(input, dim, keepdim):
        return _median_on_device("nanmedian", input, dim, keepdim)

    def d_input(grad, indices, dim, keepdim, input_shape):
        return _selected(grad, indices, dim, keepdim, input_shape)


class median(Op, has_out=False):
    """The lower of the two medians of all elements; ``median(input, dim)`` gives (values, indices). NaN where there is
    one.

    Example:
        >>> import tritorch
        >>> tritorch.median(tritorch.tensor([4.0, 1.0, 3.0, 2.0]))
        tensor(2.)
    """

    def eager(input, dim: object = None, keepdim: bool = False, *, out: object = None):
        return ops.median_of(input) if dim is None else ops.median_along(input, dim, keepdim, out=out)


class nanmedian(Op, has_out=False):
    """:func:`median` of what is not NaN."""

    def eager(input, dim: object = None, keepdim: bool = False, *, out: object = None):
        return ops.nanmedian_of(input) if dim is None else ops.nanmedian_along(input, dim, keepdim, out=out)


class mode(Op, returns=("values", "indices"), opmath=False):
    """The most frequent element along :attr:`dim`, the smallest of several, and the index of its last occurrence.

    Example:
        >>> import tritorch
        >>> tritorch.mode(tritorch.tensor([3, 1, 3])).values
        tensor(3)
    """

    def check(input, dim):
        _refuse_kinds("mode", input, "c")
        if input.ndim and not input.shape[dim]:
            raise empty_reduction("mode", dim)

    def cpu(input, dim: Dim = -1, keepdim: bool = False):
        if not input.ndim:
            return input.copy(), np.zeros((), np.int64)
        rows = np.moveaxis(comparable(input), dim, -1)
        keys = rows
        if rows.dtype.kind == "f" and np.isnan(rows[..., 0]).any():
            keys = rows.copy()  # as torch's sort has it, a NaN in front stays there
            keys[..., 0] = np.where(np.isnan(rows[..., 0]), -np.inf, rows[..., 0])
        places = order(keys, -1)
        ordered = at(rows, places, -1)
        count = np.arange(rows.shape[-1])
        fresh = np.ones(rows.shape, bool)  # where a run of equals begins
        np.not_equal(ordered[..., 1:], ordered[..., :-1], out=fresh[..., 1:])
        run = count - np.maximum.accumulate(count * fresh, axis=-1)  # how many of its equals precede each
        last = run.argmax(-1, keepdims=True)
        indices = np.moveaxis(at(places, last, -1), -1, dim)
        values = at(input, indices, dim)
        return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))

    def d_input(grad, indices, dim, keepdim, input_shape):
        return _selected(grad, indices, dim, keepdim, input_shape)
