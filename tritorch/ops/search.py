"""Places in sorted sequences, membership, counts of integers."""

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ..errors import not_implemented
from ..runtime.array import DeviceArray
from ..runtime.transfer import packed
from ._device_fill import filled
from ._index_kernels import cast, pick_along
from ._kinds import promoted
from ._op import FLOAT32, Op, is_half
from ._sort_kernels import found_in_row, order_of_rows, search_rows
from ._sorting import comparable, places


def _search(sequence, values, right):
    common = promoted([sequence, values]).np
    sequence, values = comparable(sequence.astype(common)), comparable(np.asarray(values, common))
    return places(sequence, values, right)


def _search_on_device(sequence, values, right, out_int32):
    common = promoted([sequence, values]).np
    common = FLOAT32 if is_half(common) else common
    if values.__class__ is not DeviceArray:
        values = filled((), common, values)
    return search_rows(
        cast(sequence, common), cast(values, common), right, np.dtype(np.int32 if out_int32 else np.int64)
    )


def _shapes_match(sequence, values):
    if values.ndim == 0 and sequence.ndim != 1:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim({sequence.ndim}) and input value's dim(0) numel(1)"
        )
    if sequence.ndim == 0:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if sequence.ndim != 1 and sequence.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input "
            f"value tensor {list(values.shape)}"
        )


def _check_sorter(sequence, sorter):
    if sorter.shape != sequence.shape:
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(sequence.shape)}and got sorter tensor {list(sorter.shape)}"
        )
    if sorter.dtype != np.int64:
        raise RuntimeError(
            f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {dtype_of(sorter.dtype).type_name}"
        )
    if sorter.size and sorter.__class__ is not DeviceArray and (sorter.min() < 0 or sorter.max() >= sequence.shape[-1]):
        raise RuntimeError("torch.searchsorted(): sorter index out of range")


def _check_index_out(out, out_int32):
    if out is not None and out.dtype.np != (np.int32 if out_int32 else np.int64):
        raise RuntimeError(
            "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on "
            f"whether out_int32 flag is True, but we got output tensor's dtype {out.dtype.type_name} and out_int32 flag is "
            f"{out_int32}"
        )


def _as_array(value):
    return value if isinstance(value, np.ndarray) else np.asarray(value)


class searchsorted(Op, numbers="input", method=False, opmath=False):
    """The index at which each value would be put into its sorted row: before its equals, or after with ``right``.

    A 1-dim sequence serves values of any shape; otherwise all dims but the last must be equal.

    Example:
        >>> import tritorch
        >>> tritorch.searchsorted(tritorch.tensor([1, 3, 5]), tritorch.tensor([3, 6]))
        tensor([1, 3])
    """

    def check(sorted_sequence, input, out_int32, right, side, sorter, out):
        _shapes_match(sorted_sequence, _as_array(input))
        if side not in (None, "left", "right"):
            raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
        if side == "left" and right:
            raise RuntimeError(
                "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
            )
        if sorted_sequence.dtype.kind == "c":
            raise not_implemented("searchsorted_out", dtype_of(sorted_sequence.dtype))
        if sorter is not None:
            _check_sorter(sorted_sequence, sorter)
        _check_index_out(out, out_int32)

    def cpu(
        sorted_sequence, input, *, out_int32: bool = False, right: bool = False, side: str | None = None, sorter=None
    ):
        if sorter is not None:
            sorted_sequence = np.take_along_axis(sorted_sequence, sorter, -1)
        found = _search(sorted_sequence, _as_array(input), right or side == "right")
        return np.asarray(found, np.int32 if out_int32 else np.int64)

    def cuda(sorted_sequence, input, out_int32, right, side, sorter):
        if sorter is not None:
            sorted_sequence = pick_along(sorted_sequence, sorted_sequence.ndim - 1, sorter)
        return _search_on_device(sorted_sequence, input, right or side == "right", out_int32)

    def samples(make):
        yield make.of([[-1, 0, 1]] * 2), make(2, 4)
        yield make.of([-1, 0, 1]), make(2, 4), {"right": True}
        yield make.of([-1, 0, 1]), 0.5


class bucketize(Op, numbers="input", method=False, opmath=False):
    """The index of the bucket that holds each value, between sorted ``boundaries``: ``b[i-1] < x <= b[i]``, or with
    ``right`` ``b[i-1] <= x < b[i]``.

    Example:
        >>> import tritorch
        >>> tritorch.bucketize(tritorch.tensor([1, 4, 9]), tritorch.tensor([1, 3, 5]))
        tensor([0, 2, 3])
    """

    def check(boundaries, out_int32, out):
        if boundaries.ndim != 1:
            raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
        _check_index_out(out, out_int32)

    def cpu(input, boundaries, *, out_int32: bool = False, right: bool = False):
        found = _search(boundaries, _as_array(input), right)
        return np.asarray(found, np.int32 if out_int32 else np.int64)

    def cuda(input, boundaries, out_int32, right):
        return _search_on_device(boundaries, input, right, out_int32)

    def samples(make):
        yield make(2, 4), make.of([-1, 0, 1])


class isin(Op, numbers="elements test_elements", method=False, opmath=False):
    """Whether each element is among ``test_elements`` (with ``invert``: is not). NaN is in nothing.

    Example:
        >>> import tritorch
        >>> tritorch.isin(tritorch.tensor([1, 2, 3]), tritorch.tensor([2]))
        tensor([False,  True, False])
    """

    def check(elements, test_elements):
        arrays = [x for x in (elements, test_elements) if isinstance(x, np.ndarray)]
        if not arrays:
            names = ", ".join(type(x).__name__ for x in (elements, test_elements))
            raise TypeError(
                f"isin() received an invalid combination of arguments - got ({names}), but expected one of:\n"
                " * (Tensor elements, Tensor test_elements, *, bool assume_unique = False, bool invert = False, "
                "Tensor out = None)\n"
                " * (Number element, Tensor test_elements, *, bool assume_unique = False, bool invert = False, "
                "Tensor out = None)\n"
                " * (Tensor elements, Number test_element, *, bool assume_unique = False, bool invert = False, "
                "Tensor out = None)\n"
            )
        for x in arrays:
            if x.dtype.kind in "bc":
                raise RuntimeError(f"Unsupported input type encountered for isin(): {dtype_of(x.dtype).type_name}")

    def cpu(elements, test_elements, *, assume_unique: bool = False, invert: bool = False):
        common = promoted([elements, test_elements]).np
        elements, test = (comparable(np.asarray(x, common)) for x in (elements, test_elements))
        if test.size == 1:
            found = np.equal(elements, test.reshape(()))
        else:
            test = np.sort(test, None)
            place = np.minimum(test.searchsorted(elements), max(test.size - 1, 0))
            found = np.equal(test[place], elements) if test.size else np.zeros(elements.shape, bool)
        return np.logical_not(found) if invert else np.asarray(found)

    def cuda(elements, test_elements, assume_unique, invert):
        common = promoted([elements, test_elements]).np
        common = FLOAT32 if is_half(common) else common
        elements, test = (
            cast(x, common) if x.__class__ is DeviceArray else filled((), common, x) for x in (elements, test_elements)
        )
        row = packed(test).reshape(1, test.size)
        row = pick_along(row, 1, order_of_rows(row)) if test.size > 1 else row
        return found_in_row(row.reshape(test.size), elements, invert)

    def samples(make):
        yield make.indices(3, 4, below=5), make.indices(3, below=5)
        yield make(3, 4), 1


class bincount(Op, opmath=False, has_out=False):
    """How often each of 0, 1, 2... occurs in a vector of integers; with ``weights`` the sum of them.

    Example:
        >>> import tritorch
        >>> tritorch.bincount(tritorch.tensor([1, 3, 1]))
        tensor([0, 2, 0, 1])
    """

    def check(input, weights, minlength):
        if input.dtype.kind not in "iu":
            raise not_implemented("bincount", dtype_of(input.dtype))
        if minlength < 0:
            raise RuntimeError("minlength should be >= 0")
        if input.ndim != 1 or (input.size and input.min() < 0):
            raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
        if weights is not None and input.size and weights.shape != input.shape:
            raise RuntimeError("weights should be 1-d and have the same length as input")

    def cpu(input, weights=None, minlength: int = 0):
        if weights is None or not input.size:  # torch forgets the weights of nothing
            return np.bincount(input, minlength=minlength)
        kind = weights.dtype if weights.dtype == np.float32 else np.dtype(np.float64)
        return np.bincount(input, weights.astype(np.float64), minlength).astype(kind, copy=False)

    def samples(make):
        yield make.indices(5, below=4)
        yield make.indices(5, below=4), make(5), 6
