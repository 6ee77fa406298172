"""Reductions by a monoid: sums, products, and logical ones, along any dims."""

import builtins

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ..runtime.jit import tl, triton
from ..runtime.reduce import reduce
from ._device_kinds import computed
from ._kinds import Reduction
from ._op import Op, conj, ops
from ._reducing import count_of, reduced
from ._reducing_formulas import add_exponentials, logarithm, one_exponential
from ._schema import Dim, Dims, DType, Shape


class sum(Reduction, code="sum", lift="int64", halves=True):
    """The sum of the elements along :attr:`dim` (None: of all). Integers and bools are summed as int64.

    Example:
        >>> import tritorch
        >>> tritorch.sum(tritorch.tensor([[1, 2], [3, 4]]), 0)
        tensor([4, 6])
    """

    def cpu(input, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
        out = reduced("sum", input, dim, keepdim)
        return np.add.reduce(input, axis=dim, keepdims=keepdim) if out is None else out

    @triton.jit
    def cuda(a, b):
        return a + b

    def d_input(grad, input_shape):
        return grad.expand(input_shape)


class nansum(Reduction, code="nansum", floats=True, lift="int64"):
    """The sum along :attr:`dim` with NaN taken as zero.

    Example:
        >>> import tritorch
        >>> tritorch.nansum(tritorch.tensor([1.0, float("nan"), 2.0]))
        tensor(3.)
    """

    def check(input):
        if input.dtype.kind == "c":
            raise RuntimeError("nansum on CPU does not support complex inputs")

    def cpu(input, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
        return reduced("nansum" if input.dtype.kind == "f" else "sum", input, dim, keepdim)

    @triton.jit
    def cuda(a, b):
        return a + b

    @triton.jit
    def cuda_map(value, index):
        return tl.where(value == value, value, 0)

    def d_input(grad, input):
        return grad * input.isnan().logical_not()


class mean(Reduction, code="sum", mean=True, floats=True, halves=True):
    """The mean of the elements along :attr:`dim` (None: of all).

    Raises:
        RuntimeError: for integers and bools, unless ``dtype`` names a floating type.

    Example:
        >>> import tritorch
        >>> tritorch.mean(tritorch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([1.5000, 3.5000])
    """

    def check(input, dtype):
        given = dtype_of(input.dtype) if dtype is None else dtype
        if given.category < 2:
            what = "Input" if dtype is None else "Optional"
            raise RuntimeError(
                f"mean(): could not infer output dtype. {what} dtype must be either a floating point or complex dtype. "
                f"Got: {given.type_name}"
            )

    def cpu(input, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
        count = count_of(input.shape, dim)
        out = reduced("sum", input, dim, keepdim, divisor=float(count))
        if out is None:
            out = np.divide(np.add.reduce(input, axis=dim, keepdims=keepdim), input.dtype.type(count))
        return out

    @triton.jit
    def cuda(a, b):
        return a + b

    @triton.jit
    def cuda_finish(total, count):
        return total / count.to(total.dtype)

    def d_input(grad, input_shape, dim):
        return (grad / count_of(input_shape, dim)).expand(input_shape)


class nanmean(Op):
    """The mean along :attr:`dim` of what is not NaN."""

    def eager(input, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
        if not (input.is_floating_point() or input.is_complex()):
            raise RuntimeError(
                f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype.type_name}"
            )
        count = input.isnan().logical_not().sum(dim, keepdim)
        return ops.nansum(input, dim, keepdim, dtype=dtype) / count


class prod_of(Reduction, code="product", floats=True, lift="int64", function=False, method=False):
    """The product of the elements along :attr:`dim`."""

    def cpu(input, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
        out = reduced("product", input if input.dtype.kind not in "biu" else input.astype(np.int64), dim, keepdim)
        return np.multiply.reduce(input, axis=dim, keepdims=keepdim) if out is None else out

    @triton.jit
    def cuda(a, b):
        return a * b

    identity = "1"

    def d_input(grad, input, out, dim):
        if not builtins.bool((input == 0).any()):
            return grad * conj(out / input)
        return grad * conj(ops.product_of_others(input, dim))


class prod(Op):
    """The product of all elements, or along one :attr:`dim`. Integers and bools are multiplied as int64."""

    def eager(input, dim: Dim = None, keepdim: bool = False, *, dtype: DType = None):
        return ops.prod_of(input, dim, keepdim, dtype=dtype)

    def samples(make):
        yield make(3, 4)
        yield make(3, 4), 1, True
        yield make()


class product_of_others(Op, function=False, method=False, has_out=False):
    """For each element the product of the others along dims: the derivative of a product, zeros or not."""

    def eager(input, dim: Dims):
        shape = input.shape
        kept = [d for d in range(input.ndim) if d not in dim]
        order = [*kept, *dim]
        rows = (
            input.permute(*order).reshape(*[shape[d] for d in kept], count_of(shape, dim))
            if input.ndim
            else input.reshape(1)
        )
        one = ops.ones_like(rows.narrow(-1, 0, 1))
        before = ops.cat([one, rows.narrow(-1, 0, rows.shape[-1] - 1)], -1).cumprod(-1)
        after = ops.cat([rows.narrow(-1, 1, rows.shape[-1] - 1), one], -1).flip(-1).cumprod(-1).flip(-1)
        others = before * after
        if not input.ndim:
            return others.reshape(())
        back = [order.index(d) for d in range(input.ndim)]
        return others.reshape(*[shape[d] for d in order]).permute(*back)


def _logical(name, ufunc, input, dim, keepdim):
    """bool, or uint8 for uint8."""
    if input.dtype.kind == "b":
        return reduced(name, input, dim, keepdim)
    out = np.asarray(ufunc.reduce(input, axis=dim, keepdims=keepdim))
    return out.astype(np.uint8) if input.dtype == np.uint8 else out


class all(Reduction, code="all", opmath=False):
    """Whether all elements along :attr:`dim` are true (not zero): bool, or uint8 for uint8.

    Example:
        >>> import tritorch
        >>> tritorch.all(tritorch.tensor([[1, 0], [1, 1]]), 1)
        tensor([False,  True])
    """

    def cpu(input, dim: Dims = None, keepdim: bool = False):
        return _logical("all", np.logical_and, input, dim, keepdim)

    @triton.jit
    def cuda(a, b):
        return a & b

    @triton.jit
    def cuda_map(value, index):
        return value != 0

    identity, gives = "1", "bool"


class any(Reduction, code="any", opmath=False):
    """Whether any element along :attr:`dim` is true (not zero): bool, or uint8 for uint8.

    Example:
        >>> import tritorch
        >>> tritorch.any(tritorch.tensor([[0, 0], [0, 1]]), 1)
        tensor([False,  True])
    """

    def cpu(input, dim: Dims = None, keepdim: bool = False):
        return _logical("any", np.logical_or, input, dim, keepdim)

    @triton.jit
    def cuda(a, b):
        return a | b

    @triton.jit
    def cuda_map(value, index):
        return value != 0

    gives = "bool"


class count_nonzero(Reduction, has_out=False, opmath=False):
    """How many elements along :attr:`dim` (None: of all) are not zero, as int64.

    Example:
        >>> import tritorch
        >>> tritorch.count_nonzero(tritorch.tensor([0, 3, 0, 4]))
        tensor(2)
    """

    def cpu(input, dim: Dims = None):
        return reduced("sum", np.asarray(input != 0), dim, False)

    @triton.jit
    def cuda(a, b):
        return a + b

    @triton.jit
    def cuda_map(value, index):
        return value != 0

    gives = "int64"


class logsumexp(Op, also="special.logsumexp"):
    """The logarithm of the sum of exponentials along :attr:`dim`, without overflow. Integers become floats."""

    def eager(input, dim: Dims, keepdim: bool = False):
        if not (input.is_floating_point() or input.is_complex()):
            input = input + 0.0
        return ops.logsumexp_of(input, dim, keepdim)


class logsumexp_of(Reduction, function=False, method=False):
    """:class:`logsumexp` of floating input."""

    def cpu(input, dim: Dims, keepdim: bool = False):
        if input.size == 0 and count_of(input.shape, dim) == 0:
            return np.log(np.add.reduce(input, axis=dim, keepdims=keepdim))
        top = np.maximum.reduce(input.real, axis=dim, keepdims=True)
        top = np.where(np.isinf(top), top.dtype.type(0), top)
        out = np.log(np.add.reduce(np.exp(input - top), axis=dim, keepdims=True)) + top
        return out if keepdim else out.reshape([n for i, n in enumerate(input.shape) if i not in dim])

    def cuda(input, dim, keepdim=False):
        compute = computed(input.dtype)
        return reduce(
            "logsumexp", input, dim, keepdim, [input.dtype], add_exponentials, ['float("-inf")', "0"],
            [compute, compute], compute, map=one_exponential, finish=logarithm,
        )[0]  # fmt: skip

    def d_input(grad, input, out):
        return grad * conj((input - out.masked_fill(out.real == -np.inf, 0)).exp())


class sum_to_size(Op, function=False, has_out=False):
    """Sums over the dims that broadcasting :attr:`size` to the shape of the tensor would stretch."""

    def eager(input, size: Shape):
        shape = input.shape
        lead = len(shape) - len(size)
        if lead < 0 or builtins.any(n not in (1, m) for n, m in zip(size, shape[lead:], strict=True)):
            raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
        if tuple(shape) == tuple(size):
            return input
        stretched = [d for d, n in enumerate(size, lead) if n == 1 and shape[d] != 1]
        out = input.sum([*range(lead), *stretched], True) if lead or stretched else input
        return out.reshape(size) if lead else out

    def samples(make):
        yield make(3, 4), (3, 1)
        yield make(2, 3, 4), (4,)
