"""Several tensors as one: side by side, stacked, on a diagonal, in all combinations."""

import itertools

import numpy as np

from .. import _C
from .._C import basic_index, concatenated, stacked
from ..runtime import pointwise
from ..shape import wrap_dim
from ._device_fill import filled, joined
from ._index import NEW_DIM
from ._kinds import promoted
from ._op import Op, ops
from ._schema import Star, Tensors


def _one_dtype(arrays):
    """The arrays in their promoted dtype."""
    kind = arrays[0].dtype
    for x in arrays:
        if x.dtype != kind:
            break
    else:
        return arrays
    kind = promoted(arrays).np
    return [x.astype(kind, copy=False) for x in arrays]


def _common(arrays):
    """The promoted NumPy dtype of the arrays."""
    kind = arrays[0].dtype
    return kind if all(x.dtype == kind for x in arrays) else promoted(arrays).np


def _skipped(shape):
    return len(shape) == 1 and shape[0] == 0


def _rows(make):
    yield [make(2, 3), make(2, 3)]
    yield [make(3), make(3)]


class cat(Op, alias="concat concatenate", opmath=False, method=False):
    """Tensors side by side along ``dim``; the other sizes must be equal. The dtypes are promoted.

    Raises:
        RuntimeError: ``Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4 for tensor
            number 1 in the list.``

    Example:
        >>> import tritorch
        >>> tritorch.cat([tritorch.tensor([1, 2]), tritorch.tensor([3])])
        tensor([1, 2, 3])
    """

    def cpu(tensors: Tensors, dim: object = 0):
        out = concatenated(tensors, dim)
        if out is not None:
            return out
        if not tensors:
            raise ValueError("torch.cat(): expected a non-empty list of Tensors")
        arrays = _one_dtype(tensors)
        kept = [x for x in arrays if x.shape != (0,)] or arrays[:1]  # torch's old rule: an empty vector fits anything
        if not 0 <= dim < kept[0].ndim:
            dim = wrap_dim(dim, kept[0].ndim)
        try:
            return np.concatenate(kept, dim)
        except ValueError:
            raise _mismatch(tensors, kept[0].shape, dim) from None

    def cuda(tensors, dim=0):
        if not tensors:
            raise ValueError("torch.cat(): expected a non-empty list of Tensors")
        kept = [x for x in tensors if x.shape != (0,)] or tensors[:1]
        shape = kept[0].shape
        if not shape:
            raise _mismatch(tensors, shape, dim)
        dim = wrap_dim(dim, len(shape))
        for x in kept:
            if len(x.shape) != len(shape) or (*x.shape[:dim], *x.shape[dim + 1 :]) != (*shape[:dim], *shape[dim + 1 :]):
                raise _mismatch(tensors, shape, dim)
        return joined(kept, dim, _common(tensors))

    def d_tensors(grad, tensors_shape, dim):
        dim, start, out = wrap_dim(dim, grad.ndim), 0, []
        for shape in tensors_shape:
            if _skipped(shape):
                out.append(grad.new_zeros(0))
                continue
            out.append(grad.narrow(dim, start, shape[dim]))
            start += shape[dim]
        return out

    def samples(make):
        yield [make(3, 4), make(2, 4)]
        yield (make(3, 1), make(3, 2), make(3, 1)), -1


def _mismatch(tensors, shape, dim):
    for i, x in enumerate(tensors):
        if x.ndim == 0:
            return RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
        if _skipped(x.shape):
            continue
        if x.ndim != len(shape):
            return RuntimeError(f"Tensors must have same number of dimensions: got {len(shape)} and {x.ndim}")
        for d, (want, got) in enumerate(zip(shape, x.shape, strict=True)):
            if d != dim and want != got:
                return RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {want} but got size {got} "
                    f"for tensor number {i} in the list."
                )
    return RuntimeError("cat: the tensors cannot be concatenated")


def _new_dim(tensors, dim):
    """Where the new dim of stacked arrays goes.

    Raises:
        RuntimeError: if they have not one shape.
    """
    shape = tensors[0].shape
    for i, x in enumerate(tensors):
        if x.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x.shape)} at entry {i}"
            )
    return wrap_dim(dim, len(shape) + 1)


class stack(Op, opmath=False, method=False):
    """Tensors of one shape side by side along a new ``dim``.

    Raises:
        RuntimeError: ``stack expects each tensor to be equal size, but got [2, 3] at entry 0 and [3] at entry 1``.

    Example:
        >>> import tritorch
        >>> tritorch.stack([tritorch.tensor([1, 2]), tritorch.tensor([3, 4])], dim=1)
        tensor([[1, 3],
                [2, 4]])
    """

    def cpu(tensors: Tensors, dim: object = 0):
        out = stacked(tensors, dim)
        if out is not None:
            return out
        if not tensors:
            raise RuntimeError("stack expects a non-empty TensorList")
        dim = _new_dim(tensors, dim)
        where = NEW_DIM[dim]
        return np.concatenate([basic_index(x, where) for x in _one_dtype(tensors)], dim)

    def cuda(tensors, dim=0):
        if not tensors:
            raise RuntimeError("stack expects a non-empty TensorList")
        dim = _new_dim(tensors, dim)
        return joined([basic_index(x, NEW_DIM[dim]) for x in tensors], dim, _common(tensors))

    def d_tensors(grad, dim):
        return grad.unbind(dim)

    def samples(make):
        yield [make(3, 4), make(3, 4)]
        yield [make(3), make(3)], -1


def _several(name, tensors):
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tensors


class hstack(Op, method=False):
    """Tensors side by side as columns: along dim 1, or dim 0 of vectors.

    Example:
        >>> import tritorch
        >>> tritorch.hstack([tritorch.tensor([1, 2]), tritorch.tensor([3])])
        tensor([1, 2, 3])
    """

    def eager(tensors: Tensors):
        tensors = ops.atleast_1d(_several("hstack", tensors))
        return ops.cat(tensors, 0 if tensors[0].ndim == 1 else 1)

    samples = _rows


class vstack(Op, method=False, alias="row_stack"):
    """Tensors on top of each other, with two dims at least.

    Example:
        >>> import tritorch
        >>> tritorch.vstack([tritorch.tensor([1, 2]), tritorch.tensor([3, 4])])
        tensor([[1, 2],
                [3, 4]])
    """

    def eager(tensors: Tensors):
        return ops.cat(ops.atleast_2d(_several("vstack", tensors)), 0)

    samples = _rows


class dstack(Op, method=False):
    """Tensors behind each other along dim 2, with three dims at least.

    Example:
        >>> import tritorch
        >>> tritorch.dstack([tritorch.tensor([1, 2]), tritorch.tensor([3, 4])])
        tensor([[[1, 3],
                 [2, 4]]])
    """

    def eager(tensors: Tensors):
        return ops.cat(ops.atleast_3d(_several("dstack", tensors)), 2)

    samples = _rows


class column_stack(Op, method=False):
    """Vectors as the columns of a matrix; matrices side by side.

    Example:
        >>> import tritorch
        >>> tritorch.column_stack([tritorch.tensor([1, 2]), tritorch.tensor([3, 4])])
        tensor([[1, 3],
                [2, 4]])
    """

    def eager(tensors: Tensors):
        return ops.cat([t if t.ndim > 1 else t.reshape(-1, 1) for t in _several("column_stack", tensors)], 1)

    samples = _rows


class _blocks(Op, function=False, method=False, has_out=False, opmath=False):
    """Matrices along the diagonal of a matrix of zeros."""

    def cpu(tensors: Tensors):
        arrays = _one_dtype(tensors)
        out = np.zeros(np.sum([x.shape for x in arrays], axis=0), arrays[0].dtype)
        row = column = 0
        for x in arrays:
            out[row : row + x.shape[0], column : column + x.shape[1]] = x
            row, column = row + x.shape[0], column + x.shape[1]
        return out

    def cuda(tensors):
        out = filled([sum(x.shape[d] for x in tensors) for d in range(2)], _common(tensors), 0)
        row = column = 0
        for x in tensors:
            pointwise.copy(out[row : row + x.shape[0], column : column + x.shape[1]], x)
            row, column = row + x.shape[0], column + x.shape[1]
        return out

    def d_tensors(grad, tensors_shape):
        out, row, column = [], 0, 0
        for rows, columns in tensors_shape:
            out.append(grad[row : row + rows, column : column + columns])
            row, column = row + rows, column + columns
        return out


class block_diag(Op, method=False, has_out=False):
    """Matrices along the diagonal of a matrix of zeros; vectors are rows.

    Raises:
        RuntimeError: for a tensor with more than two dims.

    Example:
        >>> import tritorch
        >>> tritorch.block_diag(tritorch.tensor([[1, 2]]), tritorch.tensor(3))
        tensor([[1, 2, 0],
                [0, 0, 3]])
    """

    def eager(tensors: Star):
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            tensors = tensors[0]
        if not tensors:
            return ops.empty(1, 0)
        for i, t in enumerate(tensors):
            if t.ndim > 2:
                raise RuntimeError(
                    f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.ndim} "
                    "dimensions"
                )
        return ops._blocks(list(ops.atleast_2d(*tensors)) if len(tensors) > 1 else [ops.atleast_2d(*tensors)])

    def samples(make):
        yield make(2, 3), make(3), make()


def _vectors(tensors):
    for t in tensors:
        if t.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")


class cartesian_prod(Op, method=False, has_out=False):
    """All combinations of one element from each vector: the rows of a matrix.

    Example:
        >>> import tritorch
        >>> tritorch.cartesian_prod(tritorch.tensor([1, 2]), tritorch.tensor([3, 4]))
        tensor([[1, 3],
                [1, 4],
                [2, 3],
                [2, 4]])
    """

    def eager(tensors: Star):
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            tensors = tensors[0]
        _vectors(tensors)
        if len(tensors) == 1:
            return tensors[0]
        return ops.stack([g.flatten() for g in ops.meshgrid(*tensors, indexing="ij")], 1)

    def samples(make):
        yield make(3), make(2)


class combinations(Op, has_out=False):
    """All combinations of ``r`` elements of a vector: the rows of a matrix.

    Raises:
        RuntimeError: for a tensor that is no vector, or a negative ``r``.

    Example:
        >>> import tritorch
        >>> tritorch.combinations(tritorch.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """

    def eager(input, r: object = 2, with_replacement: object = False):
        _vectors([input])
        if r < 0:
            raise RuntimeError(f"Expect a non-negative number, but got {r}")
        if r == 0:
            return input.new_empty(0)
        pick = itertools.combinations_with_replacement if with_replacement else itertools.combinations
        rows = np.array(list(pick(range(len(input)), r)), np.int64).reshape(-1, r)
        return input[_C.wrap(rows).to(input.device)]

    def samples(make):
        yield make(4)
        yield make(4), 3, True


class meshgrid(Op, method=False, has_out=False):
    """Vectors (or 0-dim tensors) along their own dims of a grid: a tuple of views of the grid's shape.

    ``indexing="ij"``, the default, orders the dims as the vectors, ``"xy"`` with the first two swapped.

    Raises:
        RuntimeError: for more dims than one, or dtypes that differ.

    Example:
        >>> import tritorch
        >>> tritorch.meshgrid(tritorch.tensor([1, 2]), tritorch.tensor([3, 4]), indexing="ij")[0]
        tensor([[1, 1],
                [2, 2]])
    """

    def eager(tensors: Star, *, indexing: str | None = None):
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            tensors = tensors[0]
        _several("meshgrid", tensors)
        for t in tensors:
            if t.ndim > 1:
                raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t}")
            if t.dtype is not tensors[0].dtype:
                raise RuntimeError("meshgrid expects all tensors to have the same dtype")
        if indexing not in (None, "ij", "xy"):
            raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
        swap = indexing == "xy" and len(tensors) > 1
        tensors = [tensors[1], tensors[0], *tensors[2:]] if swap else list(tensors)
        shape = [t.numel() for t in tensors]
        grids = []
        for d, t in enumerate(tensors):
            grids.append(t.view([-1 if i == d else 1 for i in range(len(shape))]).expand(shape))
        if swap:
            grids[:2] = grids[1::-1]
        return tuple(grids)

    def samples(make):
        yield make(3), make(2), {"indexing": "ij"}
        yield make(3), make(), {"indexing": "xy"}
