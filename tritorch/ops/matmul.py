"""Matrix products: BLAS through NumPy, without copies."""

import numpy as np

from .. import _C
from ..dtypes import from_numpy as dtype_of
from ._matmul_kernels import product
from ._op import Op, conj


def same_dtype(a, b, text):
    """Raises ``text`` formatted with torch's C++ names of the two dtypes, where they differ."""
    if a.dtype != b.dtype:
        names = [CPP.get(x.dtype.name, dtype_of(x.dtype).type_name) for x in (a, b)]
        raise RuntimeError(text.format(*names))


CPP = {"float32": "float", "float64": "double", "int64": "long", "int32": "int", "int16": "short",
       "int8": "signed char", "uint8": "unsigned char", "bool": "bool", "float16": "c10::Half",
       "bfloat16": "c10::BFloat16", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}  # fmt: skip
EXPECTED = "expected m1 and m2 to have the same dtype, but got: {} != {}"


class mm(Op, lean=_C.lean_matmul):
    """The product of two matrices: (n, k) by (k, m) gives (n, m). No broadcasting.

    Example:
        >>> import tritorch
        >>> tritorch.mm(tritorch.ones(2, 3), tritorch.ones(3, 1))
        tensor([[3.],
                [3.]])
    """

    def check(input, mat2):
        if input.ndim != 2:
            raise RuntimeError("self must be a matrix")
        if mat2.ndim != 2:
            raise RuntimeError("mat2 must be a matrix")
        if input.shape[1] != mat2.shape[0]:
            (a, b), (c, d) = input.shape, mat2.shape
            raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({a}x{b} and {c}x{d})")
        same_dtype(input, mat2, EXPECTED)

    def cpu(input, mat2):
        return np.matmul(input, mat2)

    cuda = product

    def d_input(grad, mat2):
        return grad.mm(conj(mat2).t())

    def d_mat2(grad, input):
        return conj(input).t().mm(grad)

    def samples(make):
        yield make(3, 4), make(4, 2)


class matmul(Op, operator="@", also="linalg.matmul", lean=_C.lean_matmul):
    """The matrix product, by the ranks of its arguments: vectors (1-D), matrices (2-D), and batches of matrices,
    whose leading dims broadcast.

    Raises:
        RuntimeError: for 0-dim arguments, sizes that do not fit, or dtypes that differ.

    Example:
        >>> import tritorch
        >>> tritorch.matmul(tritorch.ones(5, 2, 3), tritorch.ones(3)).shape
        tritorch.Size([5, 2])
    """

    def check(input, other):
        if input.ndim == 0 or other.ndim == 0:
            raise RuntimeError(
                f"both arguments to matmul need to be at least 1D, but they are {input.ndim}D and {other.ndim}D"
            )
        inner = other.shape[-2] if other.ndim > 1 else other.shape[0]
        if input.shape[-1] != inner:
            _refuse_sizes(input, other)
        same_dtype(input, other, EXPECTED)

    def cpu(input, other):
        return np.matmul(input, other)

    cuda = product

    def d_input(grad, input_shape, other):
        if len(input_shape) == 1 and other.ndim == 1:
            return grad * conj(other)
        if other.ndim == 1:
            return grad.unsqueeze(-1) * conj(other)
        if len(input_shape) == 1:
            return (conj(other) @ grad.unsqueeze(-1)).squeeze(-1)
        return grad @ conj(other).transpose(-2, -1)

    def d_other(grad, input, other_shape):
        if len(other_shape) == 1 and input.ndim == 1:
            return grad * conj(input)
        if input.ndim == 1:
            return conj(input).unsqueeze(-1) * grad.unsqueeze(-2)
        if len(other_shape) == 1:
            return (conj(input).transpose(-2, -1) @ grad.unsqueeze(-1)).squeeze(-1)
        if len(other_shape) == 2 and input.ndim > 2:  # one product instead of a batch that is then summed
            return conj(_rows(input)).t() @ _rows(grad)
        return conj(input).transpose(-2, -1) @ grad

    def samples(make):
        yield make(3, 4), make(4, 2)
        yield make(3), make(3)
        yield make(2, 1, 3, 4), make(3, 4, 2)
        yield make(2, 3, 4), make(4)


def _rows(x):
    """All leading dims as one."""
    count = 1
    for n in x.shape[:-1]:
        count *= n
    return x.reshape(count, x.shape[-1])


def _refuse_sizes(a, b):
    if a.ndim == 1 and b.ndim == 1:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to have the same number "
            f"of elements, but got {a.shape[0]} and {b.shape[0]} elements respectively"
        )
    if b.ndim == 1 and a.ndim == 2:
        raise RuntimeError(
            f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), vec ({b.shape[0]})"
        )
    if a.ndim <= 2 and b.ndim <= 2:
        n, k = a.shape if a.ndim == 2 else (1, a.shape[0])
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({n}x{k} and {b.shape[0]}x{b.shape[1]})")
    raise RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, {a.shape[-1]}] "
        f"but got: [{b.shape[0]}, {b.shape[-2] if b.ndim > 1 else b.shape[0]}]."
    )


class linear(Op, home="nn.functional", method=False, has_out=False, lean=_C.lean_linear):
    """``input @ weight.T + bias``: (*, in) by (out, in) gives (*, out)."""

    def check(input, weight, bias):
        if input.ndim == 0 or weight.ndim not in (1, 2) or input.shape[-1] != weight.shape[-1]:
            _refuse_sizes(input, weight.T)
        same_dtype(input, weight, EXPECTED.replace("m1", "mat1").replace("m2", "mat2"))

    def cpu(input, weight, bias=None):
        out = np.matmul(input, weight.T)
        if bias is not None:
            out = np.add(out, bias, out=out if isinstance(out, np.ndarray) and out.ndim else None)
        return out

    def cuda(input, weight, bias=None):
        return product(input, weight.T, bias) if bias is None or bias.ndim == 1 else product(input, weight.T) + bias

    def d_input(grad, weight):
        return grad @ conj(weight) if weight.ndim == 2 else grad.unsqueeze(-1) * conj(weight)

    def d_weight(grad, input, weight_shape):
        if len(weight_shape) == 1:
            return _rows(grad.unsqueeze(-1) * conj(input)).sum(0)
        return _rows(grad).t() @ conj(_rows(input))

    def d_bias(grad):
        return grad

    def samples(make):
        yield make(3, 4), make(2, 4), make(2)
        yield make(2, 3, 4), make(2, 4)
        yield make(4), make(4)
