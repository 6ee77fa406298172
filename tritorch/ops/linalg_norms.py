"""Norms of vectors and matrices, condition numbers, ranks, pseudo-inverses, powers and products of matrices."""

import builtins
import itertools
import math

import numpy as np

from ._linalg import adjoint, check_floating, check_matrix, check_square
from ._op import Op, conj, ops
from ._samples import matrices, square
from ._schema import Dims, Number
from ._spread_kernels import norm as device_norm


def _dims(x, dim):
    if dim is None:
        return tuple(range(x.ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    for d in dims:
        if not -builtins.max(1, x.ndim) <= d < builtins.max(1, x.ndim):
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-builtins.max(1, x.ndim)}, {builtins.max(1, x.ndim) - 1}], "
                f"but got {d})"
            )
    return tuple(d % builtins.max(1, x.ndim) for d in dims)


def _crossed(make):
    yield make(2, 3), make(2, 3)


class vector_norm_of(Op, function=False, method=False, has_out=False):
    """The p-norm over dims; the gradient of a zero norm is zero."""

    def eager(x, ord: Number, dim: Dims, keepdim: bool):
        size = x.abs()
        if not x.ndim:
            dim = ()
        if ord == math.inf:
            return size.amax(dim, keepdim) if dim or not x.ndim else size
        if ord == -math.inf:
            return size.amin(dim, keepdim) if dim or not x.ndim else size
        if ord == 0:
            return ((x != 0).to(size.dtype) + size * 0).sum(dim, keepdim)
        if ord == 1:
            return size.sum(dim, keepdim)
        if ord == 2:
            return ops.length_of(x, dim, keepdim)
        return ops.power_norm_of(x, ord, dim, keepdim)


class length_of(Op, function=False, method=False, has_out=False):
    """The Euclidean norm over dims."""

    def cpu(x, dim: Dims, keepdim: bool):
        square = np.square(x.real) + np.square(x.imag) if x.dtype.kind == "c" else np.square(x)
        return np.sqrt(np.add.reduce(square, axis=dim, keepdims=keepdim))

    def cuda(x, dim, keepdim):
        return device_norm(x, 2, dim, keepdim)

    def d_x(grad, x, out, dim, keepdim):
        if not keepdim:
            shape = [1 if d in dim else n for d, n in enumerate(x.shape)]
            grad, out = grad.reshape(shape), out.reshape(shape)
        return x * (grad / out).masked_fill(out == 0, 0)


class power_norm_of(Op, function=False, method=False, has_out=False):
    """The p-norm over dims for any p but 0 and the infinities."""

    def cpu(x, p: Number, dim: Dims, keepdim: bool):
        return np.add.reduce(np.absolute(x) ** p, axis=dim, keepdims=keepdim) ** (1.0 / p)

    def cuda(x, p, dim, keepdim):
        return device_norm(x, p, dim, keepdim)

    def d_x(grad, x, out, p, dim, keepdim):
        if not keepdim:
            shape = [1 if d in dim else n for d, n in enumerate(x.shape)]
            grad, out = grad.reshape(shape), out.reshape(shape)
        slope = x.sgn() * (x.abs() ** (p - 1)).masked_fill(x == 0, 0)
        return slope * (grad / out ** (p - 1)).masked_fill(out == 0, 0)


class linalg_vector_norm(Op, home="linalg", method=False):
    """The ``ord``-norm of all elements, or along dims.

    Example:
        >>> import tritorch
        >>> tritorch.linalg.vector_norm(tritorch.tensor([3.0, 4.0]))
        tensor(5.)
    """

    def eager(x, ord: Number = 2, dim: object = None, keepdim: bool = False, *, dtype: object = None):
        if not (x.is_floating_point() or x.is_complex()):
            raise RuntimeError(
                f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype.type_name}"
            )
        if dtype is not None:
            x = x.to(dtype)
        dims = _dims(x, None if dim is not None and not isinstance(dim, int) and not len(dim) else dim)
        if (ord < 0 or ord == math.inf) and builtins.any(x.shape[d] == 0 for d in dims if x.ndim):
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {ord:g} norm on an empty tensor because the operation does not have "
                "an identity"
                if dim is None else
                f"linalg.vector_norm cannot compute the {ord:g} norm on the dimension {dims[0]} because this dimension is "
                "empty and the operation does not have an identity"
            )  # fmt: skip
        return ops.vector_norm_of(x, ord, dims if x.ndim else (), keepdim)


class linalg_matrix_norm(Op, home="linalg", method=False):
    """The norm of matrices in two dims: "fro", "nuc", inf, -inf, 1, -1, 2 or -2."""

    def eager(A, ord: object = "fro", dim: object = (-2, -1), keepdim: bool = False, *, dtype: object = None):
        check_floating("linalg.matrix_norm", A)
        if A.ndim < 2:
            raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
        dims = _dims(A, dim)
        if len(dims) != 2:
            raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dims))}")
        if dims[0] == dims[1]:
            raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dims[0]}, {dims[1]})")
        if dtype is not None:
            A = A.to(dtype)
        if ord == "fro":
            return ops.vector_norm_of(A, 2, dims, keepdim)
        if isinstance(ord, str) and ord != "nuc":
            raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
        if ord in ("nuc", 2, -2):
            moved = A.movedim(dims, (-2, -1))
            values = ops.linalg_svdvals(moved)
            out = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord == 2 else values.amin(-1)
            return out.unsqueeze(builtins.min(dims)).unsqueeze(builtins.max(dims)) if keepdim else out
        if abs(ord) not in (1, math.inf):
            raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
        first, second = dims if abs(ord) == 1 else dims[::-1]
        sums = A.abs().sum(first, True)
        out = sums.amax(second, True) if ord > 0 else sums.amin(second, True)
        return out if keepdim else out.squeeze(dims)

    def samples(make):
        yield make(3, 4)
        yield make(2, 3, 4), 1
        yield make(3, 4), "nuc"
        yield make(3, 4), 2, {"keepdim": True}


class linalg_norm(Op, home="linalg", method=False):
    """The norm of vectors or matrices, by ``dim`` (one or two) and ``ord``; without both, of all elements."""

    def eager(A, ord: object = None, dim: object = None, keepdim: bool = False, *, dtype: object = None):
        check_floating("linalg.norm", A)
        if dim is not None and not isinstance(dim, int):
            dim = tuple(dim)
            if len(dim) not in (1, 2) and ord is not None:
                raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
        if ord is None:
            return ops.linalg_vector_norm(A, 2, dim, keepdim, dtype=dtype)
        if dim is None and A.ndim not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
            )
        count = A.ndim if dim is None else 1 if isinstance(dim, int) else len(dim)
        if count == 2:
            return ops.linalg_matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype=dtype)
        if isinstance(ord, str):
            raise RuntimeError(f"linalg.norm: Order {ord} not supported for vectors" if dim is None else
                               f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")  # fmt: skip
        return ops.linalg_vector_norm(A, ord, dim, keepdim, dtype=dtype)

    def samples(make):
        yield make(3, 4)
        yield make(3, 4), 1, 0
        yield make(3, 4), 2, (0, 1)


class linalg_cond(Op, home="linalg", method=False):
    """The condition number of matrices in a matrix norm (2 unless given)."""

    def eager(A, p: object = None):
        check_floating("linalg.cond", A)
        check_matrix("linalg.cond", A)
        if p is None or p in (2, -2):
            values = ops.linalg_svdvals(A)
            if values.shape[-1] == 0:
                return ops.zeros(*values.shape[:-1], dtype=values.dtype)
            top, bottom = values.select(-1, 0), values.select(-1, values.shape[-1] - 1)
            return bottom / top if p == -2 else top / bottom
        check_square(f"linalg.cond({p})", A)
        inverse, info = ops.linalg_inv_ex(A)
        bad = info != 0
        out = ops.linalg_matrix_norm(A, p) * ops.linalg_matrix_norm(inverse, p)
        return out.masked_fill(bad, math.inf)

    samples = square


def _tolerance(values, shape, atol, rtol):
    """What counts as zero beside the largest singular value."""
    if rtol is None:
        given = atol is not None and (not isinstance(atol, (int, float)) or atol > 0)
        rtol = 0.0 if given else float(np.finfo(values._array.dtype).eps) * builtins.max(shape[-2:])
    largest = values.amax(-1) if values.shape[-1] else values.sum(-1)
    relative = largest * rtol
    if atol is None:
        return relative
    return ops.maximum(relative, atol.to(relative.dtype) if hasattr(atol, "_array") else relative * 0 + atol)


class linalg_matrix_rank(Op, home="linalg", method=False):
    """How many singular values (absolute eigenvalues if ``hermitian``) are above the tolerance."""

    def eager(A, tol: object = None, *, atol: object = None, rtol: object = None, hermitian: bool = False):
        check_floating("linalg.matrix_rank", A)
        check_matrix("linalg.matrix_rank", A)
        atol, rtol = (tol, 0.0) if tol is not None else (atol, rtol)
        A = A.detach()
        values = ops.linalg_eigvalsh(A).abs() if hermitian else ops.linalg_svdvals(A)
        return (values > _tolerance(values, A.shape, atol, rtol).unsqueeze(-1)).sum(-1)

    samples = matrices


class linalg_pinv(Op, home="linalg", method=False):
    """The pseudo-inverse: (*, m, n) to (*, n, m). Its derivative is of constant rank (Golub and Pereyra, 1973)."""

    def eager(A, rcond: object = None, *, atol: object = None, rtol: object = None, hermitian: bool = False):
        check_floating("linalg.pinv", A)
        check_matrix("linalg.pinv", A)
        rtol = rcond if rtol is None else rtol
        read = A.detach()
        if hermitian:  # the lower triangle alone is read
            read = read.tril() + adjoint(read.tril(-1))
        values = ops.linalg_svdvals(read)
        if not A.numel():
            return A.transpose(-2, -1) + 0
        return ops.pseudo_inverse(A, _tolerance(values, A.shape, atol, rtol), hermitian)

    samples = matrices


class pseudo_inverse(Op, function=False, method=False, has_out=False):
    """The pseudo-inverse with singular values up to ``cutoff`` taken as zero; of the lower triangle if ``hermitian``."""

    def cpu(A, cutoff, hermitian: bool):
        if hermitian:
            below = np.tril(A, -1)
            diagonal = np.eye(A.shape[-1], dtype=A.dtype.type(0).real.dtype) * A.real
            A = (below + diagonal + below.conj().swapaxes(-2, -1)).astype(A.dtype, copy=False)
        u, s, vh = np.linalg.svd(A, full_matrices=False)
        kept = s > np.asarray(cutoff)[..., None]
        inverse = np.where(kept, 1 / np.where(kept, s, 1), 0)
        return np.matmul(vh.conj().swapaxes(-2, -1) * inverse[..., None, :], u.conj().swapaxes(-2, -1)).astype(
            A.dtype, copy=False
        )

    def d_A(grad, A, out):
        gh, p, ph = adjoint(grad), out, adjoint(out)
        m = A @ p
        n = p @ A
        slope = -(ph @ grad @ ph)
        slope = slope + (gh - m @ gh) @ p @ ph
        return slope + ph @ p @ (gh - gh @ n)


class pinverse(Op):
    """:func:`tritorch.linalg.pinv`."""

    def eager(input, rcond: float = 1e-15):
        return ops.linalg_pinv(input, rcond)

    def samples(make):
        yield make(3, 4)


class linalg_matrix_power(Op, home="linalg", also="matrix_power", method=False):
    """The n-th power of square matrices; of the inverse for negative n."""

    def eager(A, n: int):
        check_square("linalg.matrix_power", A)
        if n < 0:
            A, n = ops.linalg_inv(A), -n
        if n == 0:
            return A.masked_fill(ops.ones_like(A, dtype=None) != 0, 0) + ops.eye(A.shape[-1], dtype=A.dtype)
        result = None
        while n:
            if n & 1:
                result = A if result is None else result @ A
            n >>= 1
            if n:
                A = A @ A
        return result.clone() if result is A else result

    def samples(make):
        yield make(3, 3), 3
        yield make(2, 3, 3), -1
        yield make(3, 3), 0


class matrix_power(Op, function=False, has_out=False):
    """:func:`tritorch.linalg.matrix_power`."""

    def eager(input, n: int):
        return ops.linalg_matrix_power(input, n)

    def samples(make):
        yield make(3, 3), 2


class linalg_matrix_exp(Op, home="linalg", also="matrix_exp", method=False, has_out=False):
    """The exponential of square matrices, by scaling, squaring and a Taylor polynomial (Bader, Blanes and Casas, 2019)."""

    def eager(A):
        check_floating("linalg.matrix_exp", A)
        check_square("linalg.matrix_exp", A)
        if not A.numel():
            return A + 0
        kind, A = A.dtype, A.to(A.dtype.to_complex() if A.is_complex() else A.double().dtype)
        one = ops.eye(A.shape[-1], dtype=A.dtype)
        size = float(A.detach().abs().sum(-2).amax())
        squarings = builtins.max(0, math.ceil(math.log2(size / 0.5))) if size > 0.5 and math.isfinite(size) else 0
        x = A / 2**squarings
        result, term = one + x, x
        for k in range(2, 19):
            term = term @ x / k
            result = result + term
        for _ in range(squarings):
            result = result @ result
        return result.to(kind)

    samples = square


class matrix_exp(Op, function=False, has_out=False):
    """:func:`tritorch.linalg.matrix_exp`."""

    def eager(input):
        return ops.linalg_matrix_exp(input)

    samples = square


class linalg_multi_dot(Op, home="linalg", method=False):
    """The product of several matrices, in the order that needs the fewest operations; the ends may be vectors."""

    def eager(tensors: list):
        tensors = list(tensors)
        if len(tensors) < 2:
            raise RuntimeError("multi_dot(): expected at least 2 tensors but got " + str(len(tensors)))
        for i, t in enumerate(tensors):
            middle = 0 < i < len(tensors) - 1
            if t.ndim != 2 and (middle or t.ndim != 1):
                place = "must be 2D" if middle else "must be 1D or 2D"
                which = "the first tensor" if i == 0 else "the last tensor" if not middle else f"tensor {i}"
                raise RuntimeError(f"multi_dot(): {which} {place} but got {t.ndim}D")
            if t.dtype is not tensors[0].dtype:
                raise RuntimeError(
                    f"multi_dot(): expected all tensors to have be the same dtype but tensor 0 is {tensors[0].dtype.type_name} "
                    f"and tensor {i} {t.dtype.type_name}"
                )
        head, tail = tensors[0].ndim == 1, tensors[-1].ndim == 1
        if head:
            tensors[0] = tensors[0].unsqueeze(0)
        if tail:
            tensors[-1] = tensors[-1].unsqueeze(-1)
        sizes = [t.shape[0] for t in tensors] + [tensors[-1].shape[1]]
        for i, (a, b) in enumerate(itertools.pairwise(tensors)):
            if a.shape[1] != b.shape[0]:
                raise RuntimeError(
                    f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and {list(b.shape)} cannot be multiplied"
                )
        out = _chain(tensors, sizes, 0, len(tensors) - 1, _order(sizes))
        if head:
            out = out.squeeze(0)
        return out.squeeze(-1) if tail else out

    def samples(make):
        yield [make(2, 3), make(3, 4), make(4, 2)]
        yield [make(3), make(3, 4), make(4)]


def _order(sizes):
    """Where to cut each run of a chain: the classic dynamic program."""
    n = len(sizes) - 1
    cost, cut = {}, {}
    for i in range(n):
        cost[i, i] = 0
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], cut[i, j] = builtins.min(options)
    return cut


def _chain(tensors, sizes, i, j, cut):
    if i == j:
        return tensors[i]
    k = cut[i, j]
    return _chain(tensors, sizes, i, k, cut) @ _chain(tensors, sizes, k + 1, j, cut)


class linalg_vecdot(Op, home="linalg", method=False):
    """Sums of products along a dim, the first vector conjugated."""

    def eager(x, y, *, dim: int = -1):
        return (conj(x) * y).sum(dim)


class linalg_vander(Op, home="linalg", method=False, has_out=False):
    """The powers 0 to N - 1 of each element: (*, n) to (*, n, N)."""

    def eager(x, N: object = None):
        count = (x.shape[-1] if x.ndim else 1) if N is None else int(N)
        if count <= 1 and N is not None:
            raise RuntimeError("N must be greater than 1.")
        if not x.is_floating_point() and not x.is_complex():
            x = x.long()
        x = x if x.ndim else x.unsqueeze(0)
        ones = ops.ones_like(x).unsqueeze(-1)
        powers = x.unsqueeze(-1).expand(*x.shape, count - 1).cumprod(-1)
        return ops.cat([ones, powers], -1)

    def samples(make):
        yield make(4)
        yield make(2, 3), 4


class linalg_diagonal(Op, home="linalg", method=False, has_out=False):
    """The diagonal of the last two dims."""

    def eager(A, *, offset: int = 0, dim1: int = -2, dim2: int = -1):
        return A.diagonal(offset, dim1, dim2)


class trace(Op, has_out=False):
    """The sum of the diagonal of a matrix."""

    def eager(input):
        if input.ndim != 2:
            raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
        return input.diagonal().sum()

    def samples(make):
        yield make(3, 4)


class linalg_cross(Op, home="linalg", method=False):
    """The cross product of vectors of three elements along ``dim``."""

    def eager(input, other, *, dim: int = -1):
        if input.ndim != other.ndim:
            raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
        if input.shape[dim] != 3 or other.shape[dim] != 3:
            raise RuntimeError(
                f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}"
            )
        a, b = input.roll(-1, dim), other.roll(-1, dim)
        c, d = input.roll(-2, dim), other.roll(-2, dim)
        return a * d - c * b

    samples = _crossed


class cross(Op):
    """The cross product of vectors of three elements along ``dim`` (the first of length three unless given)."""

    def eager(input, other, dim: object = None):
        if dim is None:
            if input.shape != other.shape:
                input, other = ops.broadcast_tensors(input, other)
            dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
            if dim is None:
                raise RuntimeError("no dimension of size 3 in input")
        return ops.linalg_cross(input, other, dim=dim)

    samples = _crossed
