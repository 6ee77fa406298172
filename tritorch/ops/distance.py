"""Distances and similarities between vectors."""

import math

from ._op import Op, ops
from ._schema import Number


class pairwise_distance(Op, home="nn.functional", also="pairwise_distance", method=False, has_out=False):
    """The p-norm of ``x1 - x2 + eps`` over the last dim."""

    def eager(x1, x2, p: Number = 2.0, eps: Number = 1e-6, keepdim: bool = False):
        return (x1 - x2 + eps).norm(p, -1, keepdim)

    def samples(make):
        yield make(3, 4), make(3, 4)
        yield make(3, 4), make(4), 1.0, {"keepdim": True}


class cosine_similarity(Op, home="nn.functional", also="cosine_similarity", method=False, has_out=False):
    """The cosine of the angle between vectors along ``dim``; lengths are at least ``eps``."""

    def eager(x1, x2, dim: object = 1, eps: Number = 1e-8):
        if not (x1.is_floating_point() and x2.is_floating_point()):
            kind = (x2 if x1.is_floating_point() else x1).dtype.type_name
            raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {kind}")
        a, b = ops.broadcast_tensors(x1, x2)
        left = a / a.norm(2, dim, True).clamp_min(eps)
        right = b / b.norm(2, dim, True).clamp_min(eps)
        return (left * right).sum(dim)

    def samples(make):
        yield make(3, 4), make(3, 4)
        yield make(2, 3, 4), make(3, 4), -1


class cdist(Op, method=False, has_out=False):
    """The p-norm distances of all pairs of rows: (*, n, d) and (*, m, d) give (*, n, m)."""

    def eager(x1, x2, p: Number = 2.0, compute_mode: object = None):
        for name, x in (("X1", x1), ("X2", x2)):
            if x.ndim < 2:
                raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
        if x1.shape[-1] != x2.shape[-1]:
            raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
        if p < 0:
            raise RuntimeError("cdist only supports non-negative p values")
        difference = x1.unsqueeze(-2) - x2.unsqueeze(-3)
        if not x1.shape[-1]:
            return difference.sum(-1)
        return ops.row_norm(difference, float(p))

    def samples(make):
        yield make(3, 4), make(2, 4)
        yield make(2, 3, 4), make(1, 2, 4), 1.0


class pdist(Op, home="nn.functional", also="pdist", method=False, has_out=False):
    """The p-norm distances of all pairs of the rows of (n, d), each pair once: (n * (n - 1) / 2,)."""

    def eager(input, p: Number = 2):
        if input.ndim != 2:
            raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
        if p < 0:
            raise RuntimeError("pdist only supports non-negative p values")
        rows = input.shape[0]
        if rows < 2:
            return input.new_zeros(0) + input.sum() * 0
        first, second = ops.triu_indices(rows, rows, 1).unbind(0)
        return ops.row_norm(input[first] - input[second], float(p))

    def samples(make):
        yield make(4, 3)
        yield make(4, 3), 1.0


class row_norm(Op, function=False, method=False, has_out=False):
    """The p-norm over the last dim; the gradient of a zero norm is zero."""

    def eager(input, p: float):
        if p == 0:
            return ((input != 0).to(input.dtype) + input * 0).sum(-1)  # NaN stays, the gradient is zero
        size = input.abs()
        if p == 1:
            return size.sum(-1)
        if math.isinf(p):
            return size.amax(-1)
        powers = (size * size if p == 2 else size**p).sum(-1)
        zero = powers == 0
        root = powers.masked_fill(zero, 1) ** (1 / p)
        return root.masked_fill(zero, 0)


class bilinear(Op, home="nn.functional", method=False, has_out=False):
    """``x1 @ weight[k] @ x2 + bias[k]`` for each k: (*, n), (*, m) by (out, n, m) give (*, out)."""

    def eager(input1, input2, weight, bias=None):
        if input1.ndim != input2.ndim:
            raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}")
        for d in range(input1.ndim - 1):
            if input1.shape[d] != input2.shape[d]:
                raise RuntimeError(
                    f"bilinear(): input batch dimensions do not match at dim {d}: got {input1.shape[d]} and {input2.shape[d]}"
                )
        for k, x in ((1, input1), (2, input2)):
            if x.shape[-1] != weight.shape[k]:
                raise RuntimeError(
                    f"bilinear(): input{k} size does not match weight size: got {x.shape[-1]} but expected {weight.shape[k]}"
                )
        if bias is not None and bias.shape[0] != weight.shape[0]:
            raise RuntimeError(
                f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {weight.shape[0]}"
            )
        out = ops.einsum("...i,oij,...j->...o", input1, weight, input2)
        return out if bias is None else out + bias

    def samples(make):
        yield make(2, 3), make(2, 4), make(5, 3, 4), make(5)
