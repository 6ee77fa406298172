"""Products of vectors, matrices and batches of them, with a scaled sum; Kronecker and outer products."""

import math

import numpy as np

from ..shape import wrap_dim
from ._matmul_kernels import product
from ._op import Op, conj, ops
from ._schema import Number, Star


def _vectors(make):
    yield make(4), make(4)


class bmm(Op):
    """The products of two batches of matrices: (b, n, k) by (b, k, m) gives (b, n, m)."""

    def check(input, mat2):
        if input.ndim != 3 or mat2.ndim != 3:
            raise RuntimeError(f"batch{1 if input.ndim != 3 else 2} must be a 3D tensor")
        if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
            raise RuntimeError(
                f"Expected size for first two dimensions of batch2 tensor to be: [{input.shape[0]}, {input.shape[2]}] "
                f"but got: [{mat2.shape[0]}, {mat2.shape[1]}]."
            )
        if input.dtype != mat2.dtype:
            raise RuntimeError(f"expected scalar type {_name(input)} but found {_name(mat2)}")

    def cpu(input, mat2):
        return np.matmul(input, mat2)

    cuda = product

    def d_input(grad, mat2):
        return grad.bmm(conj(mat2).transpose(1, 2))

    def d_mat2(grad, input):
        return conj(input).transpose(1, 2).bmm(grad)

    def samples(make):
        yield make(2, 3, 4), make(2, 4, 2)


NAMES = {"float32": "Float", "float64": "Double", "int64": "Long", "int32": "Int", "float16": "Half"}


def _name(array):
    return NAMES.get(array.dtype.name, array.dtype.name)


class mv(Op):
    """The product of a matrix and a vector: (n, m) by (m,) gives (n,)."""

    def eager(input, vec):
        if input.ndim != 2 or vec.ndim != 1:
            raise RuntimeError(f"vector + matrix @ vector expected, got {input.ndim}, {vec.ndim}")
        return input @ vec

    def samples(make):
        yield make(3, 4), make(4)


class dot(Op):
    """The sum of products of two vectors of one length."""

    def check(input, tensor):
        _check_dot("dot", input, tensor)

    def cpu(input, tensor):
        return np.dot(input, tensor)

    cuda = product

    def d_input(grad, tensor):
        return grad * conj(tensor)

    def d_tensor(grad, input):
        return grad * conj(input)

    samples = _vectors


class vdot(Op):
    """The sum of products of two vectors, the first one conjugated."""

    def eager(input, other):
        _check_dot("vdot", input, other)
        return ops.dot(conj(input), other)

    samples = _vectors


def _check_dot(name, a, b):
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise RuntimeError(f"{name} : expected both vectors to have same dtype, but found {_name(a)} and {_name(b)}"
                           if isinstance(a, np.ndarray) else
                           f"{name} : expected both vectors to have same dtype, but found {a.dtype.type_name} and "
                           f"{b.dtype.type_name}")  # fmt: skip
    if a.shape != b.shape:
        n, m = a.shape[0], b.shape[0]
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, but got "
            f"{n} and {m} elements respectively"
        )


class inner(Op):
    """Sums of products over the last dims of both."""

    def eager(input, other):
        if not input.ndim or not other.ndim:
            return input * other
        if input.shape[-1] != other.shape[-1]:
            raise RuntimeError(
                "inner() the last dimension must match on both input tensors but got shapes "
                f"{list(input.shape)} and {list(other.shape)}"
            )
        return ops.tensordot(input, other, ([-1], [-1]))

    def samples(make):
        yield make(3, 4), make(2, 4)
        yield make(4), make(4)


class outer(Op, alias="ger"):
    """All products of two vectors: (n,) and (m,) give (n, m)."""

    def eager(input, vec2):
        if input.ndim != 1 or vec2.ndim != 1:
            which = "self" if input.ndim != 1 else "vec2"
            rank = input.ndim if input.ndim != 1 else vec2.ndim
            raise RuntimeError(f"outer: Expected 1-D argument {which}, but got {rank}-D")
        return input.unsqueeze(1) * vec2.unsqueeze(0)

    def samples(make):
        yield make(3), make(4)


def _scaled(input, beta, product, alpha):
    """``beta * input + alpha * product``; a beta of zero takes nothing of the input, NaN or not."""
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    shape, goal = input.shape, product.shape
    if len(shape) > len(goal) or any(a not in (1, b) for a, b in zip(reversed(shape), reversed(goal), strict=False)):
        raise RuntimeError(
            f"The expanded size of the tensor ({goal[-1] if goal else 0}) must match the existing size "
            f"({shape[-1] if shape else 0}) at non-singleton dimension {len(goal) - 1}.  Target sizes: {list(goal)}.  "
            f"Tensor sizes: {list(shape)}"
        )
    return (input if beta == 1 else input * beta) + product


class addmm(Op, inplace=True):
    """``beta * input + alpha * (mat1 @ mat2)``."""

    def eager(input, mat1, mat2, *, beta: Number = 1, alpha: Number = 1):
        return _scaled(input, beta, mat1.mm(mat2), alpha)

    def samples(make):
        yield make(2), make(3, 4), make(4, 2), {"beta": 2, "alpha": 3}
        yield make(3, 2), make(3, 4), make(4, 2)


class addmv(Op, inplace=True):
    """``beta * input + alpha * (mat @ vec)``."""

    def eager(input, mat, vec, *, beta: Number = 1, alpha: Number = 1):
        return _scaled(input, beta, mat.mv(vec), alpha)

    def samples(make):
        yield make(3), make(3, 4), make(4), {"beta": 2, "alpha": 3}


class addr(Op, inplace=True):
    """``beta * input + alpha * outer(vec1, vec2)``."""

    def eager(input, vec1, vec2, *, beta: Number = 1, alpha: Number = 1):
        return _scaled(input, beta, vec1.outer(vec2), alpha)

    def samples(make):
        yield make(3, 4), make(3), make(4), {"beta": 2, "alpha": 3}


class baddbmm(Op, inplace=True):
    """``beta * input + alpha * bmm(batch1, batch2)``."""

    def eager(input, batch1, batch2, *, beta: Number = 1, alpha: Number = 1):
        return _scaled(input, beta, batch1.bmm(batch2), alpha)

    def samples(make):
        yield make(2, 3, 2), make(2, 3, 4), make(2, 4, 2), {"beta": 2, "alpha": 3}


class addbmm(Op, inplace=True):
    """``beta * input + alpha * sum(bmm(batch1, batch2), 0)``."""

    def eager(input, batch1, batch2, *, beta: Number = 1, alpha: Number = 1):
        return _scaled(input, beta, batch1.bmm(batch2).sum(0), alpha)

    def samples(make):
        yield make(3, 2), make(2, 3, 4), make(2, 4, 2), {"beta": 2}


class chain_matmul(Op, method=False, has_out=False):
    """The product of several matrices, in the order that needs the fewest operations."""

    def eager(matrices: Star):
        return ops.linalg_multi_dot(list(matrices))

    def samples(make):
        yield make(2, 3), make(3, 4), make(4, 2)


def _own_dim(dim, ndim):
    if not ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, ndim)


class tensordot(Op, method=False):
    """Sums of products over ``dims``: the last and first so many, or two lists of dims."""

    def eager(a, b, dims: object = 2):
        if isinstance(dims, int) or not isinstance(dims, (tuple, list)):
            count = int(dims)
            if count < 0:
                raise RuntimeError(f"tensordot expects dims >= 0, but got dims={count}")
            if count > min(a.ndim, b.ndim):
                raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={count}")
            left, right = list(range(a.ndim - count, a.ndim)), list(range(count))
        else:
            left, right = ([dims[i]] if isinstance(dims[i], int) else [int(d) for d in dims[i]] for i in (0, 1))
            left, right = [_own_dim(d, a.ndim) for d in left], [_own_dim(d, b.ndim) for d in right]
        if len(left) != len(right):
            raise RuntimeError("both dimension lists should have same length")
        for i, j in zip(left, right, strict=True):
            if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
                raise RuntimeError(
                    f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second has size "
                    f"{b.shape[j]} in dim {j}"
                )
            if a.shape[i] != b.shape[j]:
                a, b = (a.sum(i, True), b) if b.shape[j] == 1 else (a, b.sum(j, True))
        rest_a = [d for d in range(a.ndim) if d not in left]
        rest_b = [d for d in range(b.ndim) if d not in right]
        inner_size = math.prod([a.shape[d] for d in left])
        outer_a, outer_b = [a.shape[d] for d in rest_a], [b.shape[d] for d in rest_b]
        rows = a.permute(*rest_a, *left).reshape(math.prod(outer_a), inner_size)
        columns = b.permute(*right, *rest_b).reshape(inner_size, math.prod(outer_b))
        return rows.mm(columns).reshape(outer_a + outer_b)

    def samples(make):
        yield make(2, 3, 4), make(3, 4, 2)
        yield make(2, 3), make(3, 2), ([0], [1])


class kron(Op):
    """The Kronecker product: every product of an element of the one with an element of the other."""

    def eager(input, other):
        rank = max(input.ndim, other.ndim)
        a = [1] * (rank - input.ndim) + list(input.shape)
        b = [1] * (rank - other.ndim) + list(other.shape)
        left = input.reshape([n for m in a for n in (m, 1)])
        right = other.reshape([n for m in b for n in (1, m)])
        return (left * right).reshape([n * m for n, m in zip(a, b, strict=True)])

    def samples(make):
        yield make(2, 3), make(3, 2)
        yield make(2), make(2, 2, 2)
