"""Elements put where an index tensor says, along one dim: scatter and its sums, products and extrema."""

import numpy as np

from .._C import expanded, scatter_along
from ..dtypes import from_numpy as dtype_of
from ..dtypes import int64
from ..runtime.array import DeviceArray
from ._device_fill import filled
from ._index import along, check_along, identity_of, is_index
from ._index_kernels import cloned, mean_of, on_host, put_along, reduce_along
from ._layout import number_array
from ._op import Op, is_half, ops
from ._schema import Dim

COMBINE = {"sum": "add", "mean": "add", "prod": "multiply", "amax": "maximum", "amin": "minimum"}


def _check(input, dim, index, src):
    if index.size and not is_index(index.dtype):
        raise RuntimeError("scatter(): Expected dtype int32/int64 for index")
    if not isinstance(src, np.ndarray):
        return
    if src.dtype != input.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    if not index.size:
        return
    if (index.ndim or 1) != (src.ndim or 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    if (index.ndim or 1) != (input.ndim or 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if any(n > m for n, m in zip(index.shape, src.shape, strict=False)):
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension "
            f"{dim} and to be no larger size than src {list(src.shape)}"
        )


def _write(out, dim, index, src, reduce):
    """Combines ``src``, an array or a number, into ``out``."""
    index = along(index)
    rows = out if out.ndim else out.reshape(1)
    check_along("scatter", rows.shape, dim, index)
    values = src if isinstance(src, np.ndarray) and src.ndim == index.ndim else _broadcast(src, index.shape, out.dtype)
    scatter_along(rows, dim, index, values, reduce)


def _write_half(out, dim, index, src, reduce):
    """:func:`_write` in place: sums of half precision are formed in float32."""
    if reduce is None or not is_half(out.dtype):
        _write(out, dim, index, src, reduce)
        return
    wide = out.astype(np.float32)
    _write(wide, dim, index, src.astype(np.float32) if isinstance(src, np.ndarray) else src, reduce)
    out[...] = wide


def _broadcast(src, shape, kind):
    value = src.reshape(1) if isinstance(src, np.ndarray) else number_array(src, kind)
    return expanded(value if value.ndim else value.reshape(1), shape)


def _write_on_device(out, dim, index, src, reduce):
    """:func:`_write` on a device; False if a place is out of range."""
    rows, index = (x if x.ndim else x.reshape(1) for x in (out, index))
    check_along("scatter", rows.shape, dim, index)
    if src.__class__ is DeviceArray:
        src = src if src.ndim else src.reshape(1)
        src = src[tuple([slice(n) for n in index.shape])] if src.ndim == index.ndim else src
        values = np.broadcast_to(src, index.shape, subok=True)
    else:
        values = number_array(src, out.dtype).item()
    if reduce is None:
        return put_along(rows, dim, index, values)
    if values.__class__ is not DeviceArray:
        values = filled(index.shape, out.dtype, values)
    return reduce_along(rows, dim, index, values, reduce)


NAMED = {None: None, "add": "add", "multiply": "multiply"}


class scatter(Op, inplace=True, numbers="src"):
    """``out[index[i][j]][j] = src[i][j]`` for ``dim`` 0, and so on, in a copy of ``input``. ``src`` is a tensor of the
    same dtype, or a number (also by the name ``value``); ``reduce`` may be ``"add"`` or ``"multiply"``.

    Raises:
        RuntimeError: for an index out of range, or larger than ``input`` apart from ``dim``, or than ``src``.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(2, 3).scatter_(1, tritorch.tensor([[2], [0]]), 1.0)
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """

    def both_lines():
        return ["    if value is not None: src = value"]

    def check(input, dim, index, src, reduce):
        if reduce not in NAMED:
            raise RuntimeError("reduce argument must be either add or multiply.")
        if src is None:
            raise TypeError('scatter() missing 1 required positional arguments: "src"')
        _check(input, dim, index, src)

    def cpu(input, dim: Dim, index, src=None, *, value: object = None, reduce: str | None = None):
        out = np.array(input, order="C")
        if index.size:
            _write(out, dim, index, src, reduce)
        return out

    def cpu_(input, dim, index, src, value, reduce):
        if index.size:
            _write_half(input, dim, index, src, reduce)

    def cuda(input, dim, index, src, value, reduce):
        out = cloned(input)
        if index.size and not _write_on_device(out, dim, index, src, reduce):
            on_host(scatter.cpu, input, dim, index, src, value, reduce)
        return out

    def cuda_(input, dim, index, src, value, reduce):
        if index.size and not _write_on_device(input, dim, index, src, reduce):
            on_host(scatter.cpu, input, dim, index, src, value, reduce)

    def d_input(grad, dim, index, reduce):
        _refuse_reduce(reduce)
        return grad.scatter(dim, index, 0)

    def d_src(grad, dim, index, src_shape, reduce):
        _refuse_reduce(reduce)
        return _padded(grad.gather(dim, index), src_shape)

    def samples(make):
        yield make(3, 4), 1, make.plain([[0, 2], [1, 0], [3, 1]], int64), make(3, 2)
        yield make(3, 4), 1, make.indices(3, 2, below=4), {"value": 2}
        yield make(3, 4), 1, make.indices(3, 2, below=4), 2, {"reduce": "add"}


def _refuse_reduce(reduce):
    if reduce is not None:
        raise NotImplementedError("the derivative for 'scatter' with reduce is not implemented; use scatter_reduce")


def _padded(grad, shape):
    """A gradient of the elements that an index paired with, in the shape of all of them."""
    if grad.shape == tuple(shape) or not shape:
        return grad.reshape(shape)
    return ops.window_backward(grad, tuple(shape), tuple([slice(n) for n in grad.shape]))


class scatter_add(Op, inplace=True):
    """``out[index[i][j]][j] += src[i][j]`` for ``dim`` 0, and so on, in a copy of ``input``.

    Raises:
        RuntimeError: for an index out of range, or larger than ``input`` apart from ``dim``, or than ``src``.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(3).scatter_add(0, tritorch.tensor([0, 0, 2]), tritorch.ones(3))
        tensor([2., 0., 1.])
    """

    def check(input, dim, index, src):
        _check(input, dim, index, src)

    def cpu(input, dim: Dim, index, src):
        out = np.array(input, order="C")
        if index.size:
            _write(out, dim, index, src, "add")
        return out

    def cpu_(input, dim, index, src):
        if index.size:
            _write_half(input, dim, index, src, "add")

    def cuda(input, dim, index, src):
        out = cloned(input)
        scatter_add.cuda_(out, dim, index, src)
        return out

    def cuda_(input, dim, index, src):
        if index.size and not _write_on_device(input, dim, index, src, "add"):
            on_host(scatter_add.cpu, input, dim, index, src)

    def d_input(grad):
        return grad

    def d_src(grad, dim, index, src_shape):
        return _padded(grad.gather(dim, index), src_shape)

    def samples(make):
        yield make(3, 4), 1, make.indices(3, 5, below=4), make(3, 5)
        yield make(3, 4), 0, make.indices(2, 4, below=3), make(2, 4)


def divided(total, count):
    """A mean out of a sum; integers are rounded down."""
    return total // count.astype(total.dtype) if total.dtype.kind in "iu" else total / count.astype(total.dtype)


class scatter_reduce(Op, inplace=True):
    """The elements of ``src`` reduced into those of ``input`` where ``index`` says, along ``dim``.

    ``reduce`` is ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``; with ``include_self=False`` the elements
    of ``input`` that are written take no part.

    Raises:
        RuntimeError: for another ``reduce``, or as :func:`scatter`.

    Example:
        >>> import tritorch
        >>> i = tritorch.tensor([0, 0, 2])
        >>> tritorch.zeros(3).scatter_reduce(0, i, tritorch.tensor([1.0, 5.0, 3.0]), "amax")
        tensor([5., 0., 3.])
    """

    def check(input, dim, index, src, reduce):
        if reduce not in COMBINE:
            raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
        _check(input, dim, index, src)
        if input.dtype.kind == "c" and reduce in ("amax", "amin"):
            kind = dtype_of(input.dtype).type_name
            raise NotImplementedError(f"\"scatter_gather_tensor_cpu_reduce_{reduce}\" not implemented for '{kind}'")

    def cpu(input, dim: Dim, index, src, reduce: str, *, include_self: bool = True):
        out = np.array(input, order="C")
        if not index.size:
            return out
        if not include_self:
            _write(out, dim, index, identity_of(reduce, out.dtype), None)
        _write(out, dim, index, src, COMBINE[reduce])
        if reduce == "mean":
            count = np.full(out.shape, int(include_self), np.int64)
            _write(count, dim, index, 1, "add")
            out = divided(out, np.maximum(count, 1))
        return out

    def cuda(input, dim, index, src, reduce, include_self):
        out = cloned(input)
        if not index.size:
            return out
        start = identity_of(reduce, out.dtype)
        if not include_self and not _write_on_device(out, dim, index, start, None):
            on_host(scatter_reduce.cpu, input, dim, index, src, reduce)
        if not _write_on_device(out, dim, index, src, COMBINE[reduce]):
            on_host(scatter_reduce.cpu, input, dim, index, src, reduce)
        if reduce == "mean":
            count = filled(out.shape, np.dtype(np.int64), int(include_self))
            _write_on_device(count, dim, index, 1, "add")
            out = mean_of(out, count)
        return out

    def d_input__src(grad, out, input, src, dim, index, reduce, include_self, needs):
        if reduce == "sum":
            to_input, to_src = grad, grad.gather(dim, index)
        elif reduce == "mean":
            share = grad / _counts(grad, dim, index, src, include_self)
            to_input, to_src = share, share.gather(dim, index)
        elif reduce == "prod":
            to_input, to_src = _through_product(grad, out, input, src, dim, index, include_self)
        else:
            to_input, to_src = _through_extremum(grad, out, input, src, dim, index)
        if not include_self:
            to_input = to_input.scatter(dim, index, 0)
        return to_input if needs[0] else None, _padded(to_src, src.shape) if needs[1] else None

    def samples(make):
        for reduce in ("sum", "prod", "mean", "amax", "amin"):
            yield make(3, 4), 1, make.indices(3, 3, below=4), make(3, 3), reduce


def _paired(src, index):
    """The elements of ``src`` that the index pairs with."""
    return src[tuple([slice(n) for n in index.shape])] if src.ndim else src


def _counts(grad, dim, index, src, include_self):
    start = ops.ones_like(grad) if include_self else ops.zeros_like(grad)
    count = start.scatter_add(dim, index, ops.ones_like(_paired(src, index).detach()))
    return count.masked_fill(count == 0, 1)


def _through_product(grad, out, input, src, dim, index, include_self):
    src = _paired(src, index)
    some = input.masked_fill(input == 0, 1)
    to_input = grad * some.scatter_reduce(dim, index, src, "prod", include_self=include_self) / some
    zero = src == 0
    zeros = ops.zeros_like(input).scatter_add(dim, index, zero.to(input.dtype)).gather(dim, index)
    alone = zero & (zeros == 1)
    rest = input.scatter_reduce(dim, index, src.masked_fill(alone, 1), "prod", include_self=include_self)
    usual = (grad * out).gather(dim, index) / src.masked_fill(zero, 1)
    return to_input, ops.where(alone, (grad * rest).gather(dim, index), usual)


def _through_extremum(grad, out, input, src, dim, index):
    src = _paired(src, index)
    chosen = (input == out).to(grad.dtype)
    picked = (src == out.gather(dim, index)).to(grad.dtype)
    share = grad / chosen.scatter_add(dim, index, picked)
    return chosen * share, picked * share.gather(dim, index)
