"""Parts of a dim written where a vector of indices says: index_add, index_copy, index_fill, index_reduce."""

import numpy as np

from .. import dtypes
from .._C import place_outside, wrap
from ..dtypes import from_numpy as dtype_of
from ..dtypes import int64
from ..runtime.array import DeviceArray
from ._device_fill import filled
from ._index import combine_at, identity_of, is_index
from ._index_kernels import accumulate, cloned, mean_of, on_host
from ._index_kernels import put as put_on_device
from ._layout import number_array
from ._op import Op, is_half, ops
from ._schema import Dim

COMBINE = {"prod": "multiply", "mean": "add", "amax": "maximum", "amin": "minimum"}


def _name(kind):
    return dtype_of(kind).type_name


def _check(name, input, dim, index, source):
    if not is_index(index.dtype):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got: {_name(index.dtype)}")
    if index.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim} with type: {_name(index.dtype)} "
            f"and size: {list(index.shape)}"
        )
    if input.dtype != source.dtype:
        raise RuntimeError(
            f"{name}(): self ({_name(input.dtype)}) and source ({_name(source.dtype)}) must have the same scalar type"
        )
    length = source.shape[dim] if source.ndim > dim else 1
    if index.size != length:
        raise RuntimeError(
            f"{name}(): Number of indices ({index.size}) should be equal to source.size(dim): ({length}), "
            f"for dim: {dim}"
        )
    if input.ndim != source.ndim or any(
        n != m and d != dim for d, (n, m) in enumerate(zip(input.shape, source.shape, strict=True))
    ):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
        )


def _rows(array):
    return array if array.ndim else array.reshape(1)


def _where(dim, index):
    return [*[slice(None)] * dim, index.reshape(-1)]


def _wrong(index, size):
    """The first index that is out of range, or None."""
    return place_outside(np.asarray(index, np.int64), 0, size)


def _add(out, dim, index, source, alpha):
    rows, index = _rows(out), index.reshape(-1)
    wrong = _wrong(index, rows.shape[dim])
    if wrong is not None:
        raise RuntimeError(f"index {wrong} is out of bounds for dimension {dim} with size {rows.shape[dim]}")
    values = _rows(source)
    combine_at(rows, dim, index, values if alpha == 1 else values * np.asarray(number_array(alpha, out.dtype)))


class index_add(Op, inplace=True):
    """``out[index[i]] += alpha * source[i]`` along ``dim``, in a copy of ``input``.

    Raises:
        RuntimeError: for an index out of range, or a ``source`` that does not fit.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(3).index_add(0, tritorch.tensor([0, 0, 2]), tritorch.ones(3))
        tensor([2., 0., 1.])
    """

    def check(input, dim, index, source):
        _check("index_add_", input, dim, index, source)

    def cpu(input, dim: Dim, index, source, *, alpha: float = 1):
        out = np.array(input, order="C")
        _add(out, dim, index, source, alpha)
        return out

    def cpu_(input, dim, index, source, alpha):
        _add(input, dim, index, source, alpha)

    def cuda(input, dim, index, source, alpha):
        out = cloned(input)
        index_add.cuda_(out, dim, index, source, alpha)
        return out

    def cuda_(input, dim, index, source, alpha):
        values = source
        if alpha != 1:  # rounded once, with the sum
            values = ((wrap(source).float() if is_half(source.dtype) else wrap(source)) * alpha)._array
        if not accumulate(_rows(input), _where(dim, index), _rows(values), "add", 0):
            on_host(index_add.cpu, input, dim, index, source, alpha)

    def d_input(grad):
        return grad

    def d_source(grad, dim, index, source_shape, alpha):
        out = grad.index_select(dim, index).reshape(source_shape)
        return out if alpha == 1 else out * alpha

    def samples(make):
        yield make(3, 4), 1, make.indices(5, below=4), make(3, 5)
        yield make(3, 4), 0, make.indices(2, below=3), make(2, 4), {"alpha": 2}


def _check_copy(input, dim, index, source):
    if index.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if index.dtype != np.int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {_name(index.dtype)}")
    if input.dtype != source.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{_name(input.dtype)} and (source) {_name(source.dtype)}"
        )
    if not source.ndim and index.size != 1:
        raise IndexError(f"index_copy_(): When source is scalar, index should have one element (got {index.size})")
    if source.ndim != input.ndim and source.ndim and input.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source "
            f"dimensionality ({source.ndim}), destination dimensionality ({input.ndim})"
        )
    for d, (n, m) in enumerate(zip(input.shape, source.shape, strict=False)):
        if n != m and d != dim:
            want, got = (" ".join(str(x) for i, x in enumerate(s) if i != dim) for s in (input.shape, source.shape))
            raise RuntimeError(
                "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
                f"{want} at dimension {dim} and source slice shape: {got} at dimension {dim}."
            )
    if source.ndim and index.size != source.shape[dim]:
        raise IndexError(
            f"index_copy_(): Number of indices ({index.size}) should be equal to source.size(dim) ({source.shape[dim]})"
        )


def _copy(out, dim, index, source):
    rows, index = _rows(out), index.reshape(-1)
    wrong = _wrong(index, rows.shape[dim])
    if wrong is not None:
        raise IndexError(
            f"index_copy_(): index {wrong} is out of bounds for dimension {dim} with size {rows.shape[dim]}"
        )
    rows[(*(slice(None),) * dim, index)] = source if source.ndim or rows.ndim == 1 else source.reshape(1)


class index_copy(Op, inplace=True, opmath=False):
    """``out[index[i]] = source[i]`` along ``dim``, in a copy of ``input``.

    Raises:
        IndexError, RuntimeError: for an index out of range, or a ``source`` that does not fit.

    Example:
        >>> import tritorch
        >>> tritorch.index_copy(tritorch.zeros(3), 0, tritorch.tensor([2, 0]), tritorch.tensor([1.0, 2.0]))
        tensor([2., 0., 1.])
    """

    def check(input, dim, index, source):
        _check_copy(input, dim, index, source)

    def cpu(input, dim: Dim, index, source):
        out = input.copy()
        _copy(out, dim, index, source)
        return out

    def cpu_(input, dim, index, source):
        _copy(input, dim, index, source)

    def cuda(input, dim, index, source):
        out = cloned(input)
        index_copy.cuda_(out, dim, index, source)
        return out

    def cuda_(input, dim, index, source):
        if not put_on_device(_rows(input), _where(dim, index), source if source.ndim else source.reshape(1), 0):
            on_host(index_copy.cpu, input, dim, index, source)

    def d_input(grad, dim, index):
        return grad.index_fill(dim, index, 0)

    def d_source(grad, dim, index, source_shape):
        return grad.index_select(dim, index).reshape(source_shape)

    def samples(make):
        yield make(3, 4), 1, make.plain([3, 0], int64), make(3, 2)


def _fill(out, dim, index, value):
    rows, index = _rows(out), index.reshape(-1)
    size = rows.shape[dim]
    wrong = place_outside(index, -size, size)
    if wrong is not None:
        raise IndexError(f"index {wrong} is out of bounds for dimension {dim} with size {size}")
    rows[(*(slice(None),) * dim, index)] = value if isinstance(value, np.ndarray) else number_array(value, out.dtype)


class index_fill(Op, inplace=True, opmath=False, numbers="value"):
    """``value``, a number or a 0-dim tensor, in the parts of ``dim`` that ``index`` names, in a copy of ``input``.

    Raises:
        IndexError: for an index out of range.

    Example:
        >>> import tritorch
        >>> tritorch.index_fill(tritorch.zeros(3), 0, tritorch.tensor([2, 0]), 7)
        tensor([7., 0., 7.])
    """

    def check(input, index, value):
        if index.dtype != np.int64:
            raise IndexError("index_fill_(): Expected dtype int64 for index.")
        if index.ndim > 1:
            raise RuntimeError("Index has to be a vector/scalar")
        if isinstance(value, np.ndarray) and value.ndim:
            raise RuntimeError(
                f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
                "dimension(s)."
            )
        if input.dtype.kind != "c" and (
            value.dtype.kind == "c" if isinstance(value, np.ndarray) else isinstance(value, complex)
        ):
            raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")

    def cpu(input, dim: Dim, index, value):
        out = input.copy()
        _fill(out, dim, index, value)
        return out

    def cpu_(input, dim, index, value):
        _fill(input, dim, index, value)

    def cuda(input, dim, index, value):
        out = cloned(input)
        index_fill.cuda_(out, dim, index, value)
        return out

    def cuda_(input, dim, index, value):
        if isinstance(value, np.ndarray):
            value = wrap(value).to(device=wrap(input).device, dtype=dtype_of(input.dtype))._array
        else:
            value = number_array(value, input.dtype).item()
        if not put_on_device(_rows(input), _where(dim, index), value):
            on_host(index_fill.cpu, input, dim, index, value)

    def d_input(grad, dim, index):
        return grad.index_fill(dim, index, 0)

    def d_value(grad, dim, index):
        other = ops.ones_like(grad, dtype=dtypes.bool_).index_fill(dim, index, False)
        return grad.masked_fill(other, 0).sum()  # a part named twice is one part

    def samples(make):
        yield make(3, 4), 1, make.plain([3, 0], int64), 2
        yield make(3, 4), 0, make.plain([1], int64), make()


def _start(out, dim, index, reduce):
    """The written parts made neutral, so that they take no part."""
    out[(*(slice(None),) * dim, index)] = identity_of(reduce, out.dtype)


class index_reduce(Op, inplace=True):
    """The parts of ``source`` reduced into the parts of ``dim`` that ``index`` names, in a copy of ``input``.

    ``reduce`` is ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``; with ``include_self=False`` the parts of ``input``
    that are written take no part.

    Raises:
        RuntimeError, IndexError: for another ``reduce``, an index out of range, a ``source`` that does not fit.

    Example:
        >>> import tritorch
        >>> tritorch.index_reduce(tritorch.ones(2), 0, tritorch.tensor([0, 0]), tritorch.tensor([2.0, 3.0]), "prod")
        tensor([6., 1.])
    """

    def check(input, dim, index, source, reduce):
        if reduce not in COMBINE:
            raise RuntimeError(
                f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
            )
        _check("index_reduce_", input, dim, index, source)
        if index.__class__ is not DeviceArray and _wrong(index, input.shape[dim] if input.ndim else 1) is not None:
            raise IndexError("index out of range in self")

    def cpu(input, dim: Dim, index, source, reduce: str, *, include_self: bool = True):
        out = np.array(input, order="C")
        rows, index = _rows(out), index.reshape(-1)
        if not include_self:
            _start(rows, dim, index, reduce)
        combine_at(rows, dim, index, _rows(source), COMBINE[reduce])
        if reduce == "mean":
            count = np.bincount(index, minlength=rows.shape[dim]) + include_self
            count = np.maximum(count, 1).astype(out.dtype).reshape([-1 if d == dim else 1 for d in range(rows.ndim)])
            rows[...] = rows // count if out.dtype.kind in "iu" else rows / count
        return out

    def cuda(input, dim, index, source, reduce, include_self):
        out = cloned(input)
        rows, where = _rows(out), _where(dim, index)
        if not include_self and not put_on_device(rows, where, identity_of(reduce, out.dtype), 0):
            raise IndexError("index out of range in self")
        if not accumulate(rows, where, _rows(source), COMBINE[reduce], 0):
            raise IndexError("index out of range in self")
        if reduce == "mean":
            count = filled((rows.shape[dim],), np.dtype(np.int64), int(include_self))
            accumulate(count, [where[-1]], filled((index.size,), np.dtype(np.int64), 1))
            count = count.reshape([-1 if d == dim else 1 for d in range(rows.ndim)])
            out = mean_of(rows, count).reshape(out.shape)
        return out

    def d_input__source(grad, out, input, source, dim, index, reduce, include_self, needs):
        if reduce == "mean":
            start = ops.ones_like(grad) if include_self else ops.zeros_like(grad)
            count = start.index_add(dim, index, ops.ones_like(source.detach()))
            share = grad / count.masked_fill(count == 0, 1)
            to_input, to_source = share, share.index_select(dim, index)
        elif reduce == "prod":
            to_input, to_source = _through_product(grad, out, input, source, dim, index, include_self)
        else:
            chosen = (input == out).to(grad.dtype)
            picked = (source == out.index_select(dim, index).reshape(source.shape)).to(grad.dtype)
            share = grad / chosen.index_add(dim, index, picked)
            to_input, to_source = chosen * share, picked * share.index_select(dim, index).reshape(source.shape)
        if not include_self:
            to_input = to_input.index_fill(dim, index, 0)
        return to_input if needs[0] else None, to_source.reshape(source.shape) if needs[1] else None

    def samples(make):
        for reduce in ("prod", "mean", "amax", "amin"):
            yield make(3, 4), 1, make.plain([3, 0, 0], int64), make(3, 3), reduce


def _through_product(grad, out, input, source, dim, index, include_self):
    some = input.masked_fill(input == 0, 1)
    to_input = grad * some.index_reduce(dim, index, source, "prod", include_self=include_self) / some
    zero = source == 0
    shape = source.shape
    zeros = ops.zeros_like(input).index_add(dim, index, zero.to(input.dtype)).index_select(dim, index).reshape(shape)
    alone = zero & (zeros == 1)
    rest = input.index_reduce(dim, index, source.masked_fill(alone, 1), "prod", include_self=include_self)
    usual = (grad * out).index_select(dim, index).reshape(shape) / source.masked_fill(zero, 1)
    return to_input, ops.where(alone, (grad * rest).index_select(dim, index).reshape(shape), usual)
