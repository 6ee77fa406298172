"""Look-ups of rows by index: embedding, embedding_bag, one_hot."""

import numpy as np

from .._C import bump, wrap
from ..dtypes import from_numpy as dtype_of
from ..dtypes import int64
from ..runtime.array import DeviceArray
from ..runtime.transfer import to_host
from ._device_fill import fill_with, filled
from ._index_kernels import accumulate, pick, put, put_along
from ._op import Op, ops
from ._schema import Number

INDEX = (np.int32, np.int64)


def _check_index(name, index):
    if index.dtype not in INDEX:
        names = {"float32": "Float", "float64": "Double", "bool": "Bool", "float16": "Half", "int16": "Short"}
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"tritorch.{names.get(index.dtype.name, index.dtype.name)}Tensor instead (while checking arguments for {name})"
        )


class embedding_rows(Op, function=False, method=False, has_out=False):
    """Rows of :attr:`weight` (n, d) at :attr:`indices` of any shape: (*, d)."""

    opmath = False

    def check(weight, indices):
        _check_index("embedding", indices)
        if weight.ndim != 2:
            raise RuntimeError("'weight' must be 2-D")
        on_host = indices.__class__ is not DeviceArray  # what is on a device, the kernel looks at
        if on_host and indices.size and (indices.min() < 0 or indices.max() >= weight.shape[0]):
            raise IndexError("index out of range in self")

    def cpu(weight, indices, padding_idx: int, scale_grad_by_freq: bool):
        return np.take(weight, indices, axis=0)

    def cuda(weight, indices, padding_idx, scale_grad_by_freq):
        out = pick(weight, [indices], 0)
        if out is None:
            raise IndexError("index out of range in self")
        return out

    def d_weight(grad, weight_shape, indices, padding_idx, scale_grad_by_freq):
        return ops.embedding_grad(grad, indices, weight_shape[0], padding_idx, scale_grad_by_freq)


class embedding_grad(Op, function=False, method=False, has_out=False):
    """Rows of gradients added up by index, in the order of the indices: deterministic."""

    def cpu(grad, indices, rows: int, padding_idx: int, scale_grad_by_freq: bool):
        index, flat = indices.reshape(-1), grad.reshape(-1, grad.shape[-1])
        if padding_idx >= 0:
            kept = index != padding_idx
            index, flat = index[kept], flat[kept]
        out = np.zeros((rows, grad.shape[-1]), grad.dtype)
        if scale_grad_by_freq and index.size:
            flat = flat / np.bincount(index, minlength=rows)[index][:, None].astype(grad.dtype)
        if index.size:
            order = np.argsort(index, kind="stable")
            starts = np.flatnonzero(np.diff(index[order], prepend=-1))
            out[index[order][starts]] = np.add.reduceat(flat[order], starts, axis=0)
        return out

    def cuda(grad, indices, rows: int, padding_idx: int, scale_grad_by_freq: bool):
        out = filled((rows, grad.shape[-1]), grad.dtype, 0)
        if indices.size:
            if scale_grad_by_freq:
                counts = filled((rows,), grad.dtype if grad.dtype == np.float64 else np.dtype(np.float32), 0)
                accumulate(counts, [indices], filled(indices.shape, counts.dtype, 1))
                grad = (wrap(grad) / wrap(pick(counts, [indices])).unsqueeze(-1)).to(dtype_of(grad.dtype))._array
            accumulate(out, [indices], grad)
        if padding_idx >= 0:
            fill_with(out[padding_idx], 0)
        return out

    def d_grad(grad, indices, padding_idx, scale_grad_by_freq):
        rows = grad[indices]
        if padding_idx >= 0:
            rows = rows * (indices != padding_idx).unsqueeze(-1)
        if scale_grad_by_freq:
            flat = indices.reshape(-1)
            counts = grad.new_zeros(grad.shape[0]).index_add(0, flat, grad.new_ones(flat.shape[0]))
            rows = rows / counts[indices].unsqueeze(-1)
        return rows


def renormed(weight, indices, max_norm, norm_type):
    """Scales down in place the rows of ``weight`` that are looked up and whose norm is above ``max_norm``."""
    array = weight._array
    if array.__class__ is DeviceArray:  # rows that are looked up twice are written twice, with the same numbers
        flat = indices.detach().reshape(-1)
        rows = ops.embedding_rows(weight.detach(), flat, -1, False)
        norms = rows.double().norm(norm_type, 1)
        scale = ops.where(norms > max_norm, max_norm / (norms + 1e-7), 1).to(weight.dtype)
        put(array, [flat._array], (rows * scale.unsqueeze(-1))._array)
    else:
        rows = np.unique(indices._array)
        norms = np.linalg.norm(array[rows].astype(np.float64), norm_type, axis=1)
        large = norms > max_norm
        array[rows[large]] *= (max_norm / (norms[large] + 1e-7)).astype(array.dtype)[:, None]
    bump(weight)


class embedding(Op, home="nn.functional", method=False, has_out=False):
    """Rows of :attr:`weight` (n, d) at the integers of :attr:`input`, of any shape: (*, d).

    The row ``padding_idx`` gets no gradient; ``max_norm`` renormalises looked-up rows of the weight in place.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.embedding(tritorch.tensor([1, 1]), tritorch.eye(2))
        tensor([[0., 1.],
                [0., 1.]])
    """

    def eager(
        input, weight, padding_idx: object = None, max_norm: object = None, norm_type: Number = 2.0,
        scale_grad_by_freq: bool = False, sparse: bool = False,
    ):  # fmt: skip
        if weight.ndim != 2:
            raise RuntimeError("'weight' must be 2-D")
        rows = weight.shape[0]
        if padding_idx is None:
            padding_idx = -1
        else:
            if not -rows <= padding_idx < rows:
                raise AssertionError("Padding_idx must be within num_embeddings")
            padding_idx %= rows
        if max_norm is not None:
            renormed(weight, input, max_norm, norm_type)
        return ops.embedding_rows(weight, input, padding_idx, scale_grad_by_freq)

    def samples(make):
        yield make.indices(2, 3, below=5), make(5, 4)
        yield make.indices(6, below=5), make(5, 2), 1, {"scale_grad_by_freq": True}


class one_hot(Op, home="nn.functional", method=False, has_out=False):
    """Rows of zeros with a one where each integer of :attr:`tensor` says: (*, num_classes), int64."""

    opmath = False

    def check(tensor, num_classes):
        if tensor.dtype != np.int64:
            raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
        if tensor.size == 0 and num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        values = tensor.size and tensor.__class__ is not DeviceArray  # on a device they are looked at where they are
        if values and tensor.min() < 0:
            raise RuntimeError("Class values must be non-negative.")
        if num_classes == 0 or num_classes < -1:
            raise RuntimeError("num_classes should be positive")
        if values and num_classes > 0 and tensor.max() >= num_classes:
            raise RuntimeError("Class values must be smaller than num_classes.")

    def cpu(tensor, num_classes: int = -1):
        count = int(tensor.max()) + 1 if num_classes == -1 else num_classes
        out = np.zeros((*tensor.shape, count), np.int64)
        np.put_along_axis(out, tensor[..., None], 1, -1)
        return out

    def cuda(tensor, num_classes):
        count = wrap(tensor).max().item() + 1 if num_classes == -1 else num_classes
        out = filled((*tensor.shape, max(count, 0)), tensor.dtype, 0)
        if not put_along(out, tensor.ndim, tensor[..., None], 1):
            one_hot.check(to_host(tensor), num_classes)
            raise RuntimeError("Class values must be smaller than num_classes.")
        return out

    def samples(make):
        yield make.indices(2, 3, below=4), 5


def _bags(input, offsets, include_last_offset):
    """The bag of each index, the number of bags, and the indices in a row."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
                             "fixed length sequences. However, found offsets of type <class 'tritorch.Tensor'>")  # fmt: skip
        n, m = input.shape
        return ops.arange(n, device=input.device).unsqueeze(1).expand(n, m).reshape(-1), n, input.reshape(-1)
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    first, last = (offsets[0].item(), offsets[-1].item()) if offsets.numel() else (0, 0)
    if first != 0:
        raise ValueError(f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
                         f"However, got {first}")  # fmt: skip
    if last > input.shape[0]:
        raise ValueError(f"offsets[-1] can not be greater than input's length({input.shape[0]}), "
                         f"but got offsets[-1] of {last}")  # fmt: skip
    bags = offsets.shape[0] - include_last_offset
    places = ops.arange(input.shape[0], dtype=offsets.dtype, device=input.device)
    return ops.searchsorted(offsets[:bags], places, right=True) - 1, bags, input


class embedding_bag(Op, home="nn.functional", method=False, has_out=False):
    """Sums, means or maxima of bags of rows of :attr:`weight` (n, d): bags are the rows of a 2-D :attr:`input`, or the
    pieces of a 1-D one that start at :attr:`offsets`. An empty bag is zero."""

    def eager(
        input, weight, offsets=None, max_norm: object = None, norm_type: Number = 2, scale_grad_by_freq: bool = False,
        mode: str = "mean", sparse: bool = False, per_sample_weights=None, include_last_offset: bool = False,
        padding_idx: object = None,
    ):  # fmt: skip
        if not input.dtype.category and weight.dtype.category:
            input, weight = weight, input
        if mode not in ("sum", "mean", "max"):
            raise ValueError("mode has to be one of sum, mean or max")
        if per_sample_weights is not None and mode != "sum":
            raise NotImplementedError(
                "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
                f"(got mode='{mode}'). Please open a feature request on GitHub."
            )
        if per_sample_weights is not None and per_sample_weights.shape != input.shape:
            raise ValueError(
                f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not None, then it must have "
                f"the same shape as the input ({list(input.shape)})"
            )
        bag, bags, flat = _bags(input, offsets, include_last_offset)
        if padding_idx is not None:
            padding_idx %= weight.shape[0]
            kept = (flat != padding_idx).nonzero().reshape(-1)
            bag, flat = bag[kept], flat[kept]
            if per_sample_weights is not None:
                per_sample_weights = per_sample_weights.reshape(-1)[kept]
        if max_norm is not None:
            renormed(weight, flat, max_norm, norm_type)
        rows = ops.embedding_rows(weight, flat, -1, scale_grad_by_freq)
        if per_sample_weights is not None:
            rows = rows * per_sample_weights.reshape(-1, 1)
        zeros = weight.new_zeros(bags, weight.shape[1])
        if mode == "max":
            index = bag.unsqueeze(-1).expand_as(rows)
            return zeros.scatter_reduce(0, index, rows, "amax", include_self=False)
        total = zeros.index_add(0, bag, rows)
        if mode == "sum":
            return total
        counts = bag.new_zeros(bags).index_add(0, bag, ops.ones_like(bag))
        return total / counts.clamp(min=1).unsqueeze(-1)

    def samples(make):
        yield make.indices(2, 3, below=5), make(5, 4)
        yield (
            make.indices(6, below=5),
            make(5, 2),
            make.plain([0, 2, 2], int64),
            {"mode": "sum", "per_sample_weights": make(6)},
        )
        yield make.indices(2, 3, below=5), make(5, 4), {"mode": "max"}
